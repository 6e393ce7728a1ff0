"""What the statistics take and give: stratified 2 x 2 tables, tables of sums, and intervals.

K patterns, S strata. A stratum tells matched from unmatched rows only when it has both; every other stratum is carried
along and adds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seqmine.errors import ParameterError

__all__ = [
    "Float64",
    "Int64",
    "Interval",
    "MeanTables",
    "StratifiedTables",
    "check_level",
    "divide",
    "signs",
    "variances",
]

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class StratifiedTables:
    """One 2 x 2 table (matched or not, positive or not) for each pattern and stratum.

    Attributes
    ----------
    n
        Rows of the comparison population, ``(S,)`` for one population or ``(K, S)`` for one of each pattern.
    positive
        Positive rows among them, in the shape of ``n``.
    matched
        Rows that match, ``(K, S)``.
    matched_positive
        Positive rows among these, ``(K, S)``.

    Raises
    ------
    ParameterError
        Arrays of other shapes or types, or counts that contradict each other.

    Examples
    --------
    >>> tables = StratifiedTables(n=[10, 20], positive=[3, 5], matched=[[4, 6]], matched_positive=[[2, 3]])
    >>> tables.n_patterns, tables.n_strata
    (1, 2)
    """

    n: Int64
    positive: Int64
    matched: Int64
    matched_positive: Int64

    def __post_init__(self) -> None:
        for name in ("n", "positive", "matched", "matched_positive"):
            object.__setattr__(self, name, _counts(getattr(self, name), name))
        _check_shapes(self.n, self.positive, self.matched, self.matched_positive)
        unmatched = self.n - self.matched
        unmatched_positive = self.positive - self.matched_positive
        cells = (
            self.matched_positive,
            self.matched - self.matched_positive,
            unmatched_positive,
            unmatched - unmatched_positive,
        )
        if any((cell < 0).any() for cell in cells):
            raise ParameterError(
                "the counts of a stratum contradict each other",
                hint="matched_positive <= matched <= n and matched_positive <= positive <= n must hold everywhere",
            )

    @property
    def n_patterns(self) -> int:
        """K."""
        return int(self.matched.shape[0])

    @property
    def n_strata(self) -> int:
        """S."""
        return int(self.matched.shape[1])

    def floats(self) -> tuple[Float64, Float64, Float64, Float64]:
        """``n``, ``positive``, ``matched`` and ``matched_positive`` as float64, exact to 2**53, each ``(K, S)``."""
        shape = self.matched.shape
        n, positive = np.broadcast_to(self.n, shape), np.broadcast_to(self.positive, shape)
        return (
            n.astype(np.float64),
            positive.astype(np.float64),
            self.matched.astype(np.float64),
            self.matched_positive.astype(np.float64),
        )


@dataclass(frozen=True, eq=False)
class MeanTables:
    """Sums of a numeric outcome y for each pattern and stratum.

    The variances are differences of the sums: where the mean of y is large beside its spread, subtract a constant
    from y first (no difference or z depends on it).

    Attributes
    ----------
    n, total, total_sq
        Rows, sum of y and sum of y squared in each stratum, ``(S,)``.
    matched, matched_total, matched_total_sq
        The same of the matched rows, ``(K, S)``.

    Raises
    ------
    ParameterError
        Arrays of other shapes or types, more matched rows than rows, or sums that are not finite.
    """

    n: Int64
    total: Float64
    total_sq: Float64
    matched: Int64
    matched_total: Float64
    matched_total_sq: Float64

    def __post_init__(self) -> None:
        for name in ("n", "matched"):
            object.__setattr__(self, name, _counts(getattr(self, name), name))
        for name in ("total", "total_sq", "matched_total", "matched_total_sq"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))
        _check_shapes(self.n, self.total, self.matched, self.matched_total)
        _check_shapes(self.n, self.total_sq, self.matched, self.matched_total_sq)
        if (self.matched < 0).any() or (self.matched > self.n).any():
            raise ParameterError("a stratum has more matched rows than rows", hint="0 <= matched <= n must hold")
        sums = (self.total, self.total_sq, self.matched_total, self.matched_total_sq)
        if not all(np.isfinite(part).all() for part in sums):
            raise ParameterError("a sum is not finite", hint="leave out rows whose value is missing")


@dataclass(frozen=True, eq=False)
class Interval:
    """An estimate with its interval for each pattern; NaN where the data do not define it.

    Attributes
    ----------
    value
        The estimate, ``(K,)``.
    se
        Its standard error, ``(K,)``; of the **logarithm** where the value is a ratio.
    low, high
        Ends of the two-sided interval, ``(K,)``.
    """

    value: Float64
    se: Float64
    low: Float64
    high: Float64


def divide(above: Any, below: Any, otherwise: float = 0.0) -> Float64:
    """``above / below``, and ``otherwise`` where ``below`` is 0 or NaN; without a warning."""
    top, bottom = np.broadcast_arrays(np.asarray(above, np.float64), np.asarray(below, np.float64))
    out = np.full(top.shape, otherwise)
    np.divide(top, bottom, out=out, where=(bottom != 0.0) & ~np.isnan(bottom))
    return out


def signs(direction: Any, n_patterns: int) -> Float64:
    """``direction`` as ``(K,)`` of +1 (raises) and -1 (lowers)."""
    found = np.asarray(direction, dtype=np.float64)
    if not np.isin(found, (-1.0, 1.0)).all() or found.shape not in ((), (n_patterns,)):
        raise ParameterError("direction must be +1 or -1, for all patterns or for each", hint="+1 raises, -1 lowers")
    return np.broadcast_to(found, (n_patterns,))


def variances(design_effect: Any, n_patterns: int) -> Float64:
    """``design_effect`` as ``(K,)``: what the variance of independent rows is multiplied by."""
    found = np.asarray(design_effect, dtype=np.float64)
    if not (np.isfinite(found) & (found > 0.0)).all() or found.shape not in ((), (n_patterns,)):
        raise ParameterError("design_effect must be positive, for all patterns or for each")
    return np.broadcast_to(found, (n_patterns,))


def check_level(level: float) -> None:
    """ParameterError unless ``level`` is the coverage of an interval."""
    if not 0.0 < level < 1.0:
        raise ParameterError(f"level must lie between 0 and 1, not {level}", hint="0.95 is usual")


def _counts(values: Any, name: str) -> Int64:
    found = np.asarray(values)
    if found.size and found.dtype.kind not in "iu":
        raise ParameterError(f"{name} must hold whole numbers, not {found.dtype}", hint="cast the counts to int64")
    return found.astype(np.int64, copy=False)


def _check_shapes(n: Any, whole: Any, matched: Any, part: Any) -> None:
    if matched.ndim != 2 or part.shape != matched.shape:
        raise ParameterError("counts of matched rows must be of one shape (patterns, strata)")
    if whole.shape != n.shape or n.shape not in (matched.shape, matched.shape[1:]):
        raise ParameterError("counts of all rows must be of shape (strata,), or of the shape of the matched ones")
