"""What the outcome and the action of a row depend on, as far as the log shows it: two penalised regressions."""

# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Model", "fit_model"]

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
    logistic
        Whether scores are log odds.
    """

    slope: Float64
    static: Float64
    constant: float
    logistic: bool

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
        from seqmine.windows.logistic_kernel import probabilities

        if not self.logistic:
            return score
        out = np.empty(len(score))
        probabilities(score, out)
        return out


def fit_model(
    dynamic: npt.NDArray[np.float32],
    static: Float64,
    y: Float64,
    *,
    logistic: bool,
    without: Sequence[tuple[int, bool]] = (),
) -> Model:
    """Fit ``y`` by Newton's method; columns are standardised and their slopes have a normal prior of variance 1.

    Parameters
    ----------
    dynamic, static : (n, n_dynamic), (n, n_static)
        Columns of the points; those that do not vary have no slope.
    y : (n,)
        0/1 for a logistic model, else numbers.
    logistic
        Which of the two.
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
    beta[-1] = np.log(max(mean, 1e-6) / max(1.0 - mean, 1e-6)) if logistic else mean
    penalty = np.append(np.full(size - 1, _RIDGE), 1e-9)
    gradient, hessian = np.empty(size), np.empty((size, size))

    def value_at(at: Float64) -> float:
        value = newton_sums(x, centre[used], inverse[used], y, at, logistic, gradient, hessian)
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
    constant = float(beta[-1] - np.sum(slope * centre))
    return Model(slope[:n_dynamic], slope[n_dynamic:], constant, logistic)
