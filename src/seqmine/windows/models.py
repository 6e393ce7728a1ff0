"""What the outcome and the action of a row depend on, as far as the log shows it: two penalised regressions."""

# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["Link", "Model", "fit_model", "link_of"]

Link = Literal["identity", "logit", "log"]

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

_STEPS = 25
_RIDGE = 1.0


@dataclass(frozen=True, eq=False)
class Model:
    """A fitted regression on dynamic columns (known at a time) and static ones (known of a row).

    Attributes
    ----------
    slope : (n_dynamic,) float64
        On the columns as they are.
    static : (n_static,) float64
        Likewise.
    constant
        What is added.
    link
        What scores are: the expected number, its log odds, or its logarithm.
    highest
        The largest score of the points it was fitted on: an exponential must not be followed beyond them.
    """

    slope: Float64
    static: Float64
    constant: float
    link: Link
    highest: float

    def of_rows(self, static: Float64) -> Float64:
        """The part of a score that belongs to the row, (n_rows,); ``static`` is (n_rows, n_static)."""
        total = np.full(len(static), self.constant)
        for j in range(static.shape[1]):  # column by column: a library's product may add up in another order
            total += static[:, j] * self.static[j]
        return total

    def scores(self, x: npt.NDArray[np.float32], row: Int64, of_rows: Float64) -> Float64:
        """Scores of points, (n_points,)."""
        from seqmine.windows.logistic_kernel import scores

        out = np.empty(len(x))
        scores(x, row, of_rows, self.slope, out)
        return out

    def expected(self, score: Float64) -> Float64:
        """What scores expect: a probability, or the number itself."""
        from seqmine.windows.logistic_kernel import means

        out = np.empty(len(score))
        means(score, _code(self.link), self.highest, out)
        return out


def link_of(y: Float64, *, binary: bool) -> Link:
    """The link for an outcome: numbers that are never negative, such as spend, grow by factors."""
    if binary:
        return "logit"
    return "log" if len(y) and y.min() >= 0.0 and y.max() > 0.0 else "identity"


def _code(link: Link) -> int:
    from seqmine.windows.logistic_kernel import IDENTITY, LOG, LOGIT

    return {"identity": IDENTITY, "logit": LOGIT, "log": LOG}[link]


def fit_model(
    dynamic: npt.NDArray[np.float32],
    static: Float64,
    y: Float64,
    *,
    link: Link,
    without: Sequence[tuple[int, bool]] = (),
) -> Model:
    """Fit ``y`` by Newton's method; columns are standardised and their slopes have a normal prior of variance 1.

    Parameters
    ----------
    dynamic, static : (n, n_dynamic), (n, n_static)
        Columns of the points; those that do not vary have no slope.
    y : (n,)
        0/1 for the logit, numbers that are not negative for the log, else any.
    link
        Which of the three.
    without
        Columns to leave out: position and whether it is a static one.
    """
    from seqmine.windows.logistic_kernel import newton_sums, solve

    x = np.concatenate([dynamic.astype(np.float64), static], axis=1)
    centre = x.mean(axis=0) if len(x) else np.zeros(x.shape[1])
    spread = x.std(axis=0) if len(x) else np.zeros(x.shape[1])
    n_dynamic = dynamic.shape[1]
    for position, is_static in without:
        spread[position + n_dynamic * is_static] = 0.0
    largest = np.abs(x).max(axis=0, initial=0.0)  # beside which a spread is nothing but rounding
    inverse = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 1e-9 * largest)
    used = np.flatnonzero(inverse)
    x, size = np.ascontiguousarray(x[:, used]), len(used) + 1
    beta = np.zeros(size)
    mean = float(y.mean()) if len(y) else 0.0
    unit = (mean or 1.0) if link == "log" else 1.0  # so that the prior does not depend on the currency
    if link == "logit":
        beta[-1] = np.log(max(mean, 1e-6) / max(1.0 - mean, 1e-6))
    elif link == "identity":
        beta[-1] = mean
    target, code = y / unit, _code(link)
    penalty = np.append(np.full(size - 1, _RIDGE), 1e-9)
    gradient, hessian = np.empty(size), np.empty((size, size))

    def value_at(at: Float64) -> float:
        value = newton_sums(x, centre[used], inverse[used], target, at, code, gradient, hessian)
        return float(value) - 0.5 * float(np.sum(penalty * at * at))

    value = value_at(beta)
    for _ in range(_STEPS):
        step = solve(hessian + np.diag(penalty), gradient - penalty * beta)
        scale = 1.0
        new = value_at(beta + step)
        while new < value - 1e-9 * abs(value) and scale > 1e-4:
            scale /= 2
            new = value_at(beta + scale * step)
        beta = beta + scale * step
        if abs(new - value) <= 1e-9 * (abs(value) + 1.0):
            break
        value = new
    slope = np.zeros(len(centre))
    slope[used] = beta[:-1] * inverse[used]
    constant = float(beta[-1] - np.sum(slope * centre)) + float(np.log(unit))
    highest = float((x @ slope[used]).max(initial=-np.inf)) + constant
    return Model(slope[:n_dynamic], slope[n_dynamic:], constant, link, highest)
