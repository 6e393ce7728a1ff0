"""What is left of a pattern among fewer rows, or within finer strata: the question that unmasks stand-ins."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from seqmine.mining.parts import Part, count_tables
from seqmine.significance import (
    MeanTables,
    clustered_factors,
    mean_difference,
    mean_z,
    minimum_effect_p,
    normal_tail,
    risk_ratio,
)

__all__ = ["Remainder", "remainder"]

Bool = npt.NDArray[np.bool_]
Float64 = npt.NDArray[np.float64]


class Remainder(NamedTuple):
    """One-sided p against the minimum effect (of numbers against no effect), 1 where nothing is left to compare.

    And the effect: log risk ratio (-inf where no matching row is positive), or mean difference; NaN without any.
    """

    p: float
    effect: float


def remainder(
    part: Part,
    matched: Bool,
    direction: int,
    min_effect: float,
    *,
    rows: Bool | None = None,
    strata: tuple[npt.NDArray[np.int32], int] | None = None,
) -> Remainder:
    """Of the pattern that has the rows `matched`, among `rows` and within `strata` (None: all, those of the part)."""
    code, n_strata = strata or (part.stratum, part.n_strata)
    number = part.bound.number
    # Kept outcomes are less the means of the part's own strata, which others need not respect.
    whole = part.outcome if number is None or strata is None else number - number.mean()
    chosen = np.ones(part.n_rows, dtype=np.bool_) if rows is None else rows
    stratum, outcome, inside = code[chosen], whole[chosen], matched[chosen]
    design = None
    if part.repeats and inside.any():
        design = clustered_factors(inside.astype(np.uint8)[None], outcome, stratum, n_strata, part.cluster[chosen])
    if part.is_numeric:
        means = _mean_tables(stratum, n_strata, outcome, inside)
        z = float(mean_z(means, 1.0 if design is None else design.cmh)[0])
        p = 1.0 if math.isnan(z) else float(normal_tail(np.array([z * direction]), 1)[0])
        return Remainder(p, float(mean_difference(means).value[0]))
    counts = count_tables(stratum, n_strata, outcome > 0, [inside])
    factor = 1.0 if design is None else design.risk_ratio
    wald, score = minimum_effect_p(counts, np.array([direction]), min_effect, factor)
    ratio = float(risk_ratio(counts).value[0])
    return Remainder(float(np.nan_to_num(np.fmax(wald, score), nan=1.0)[0]), _log(ratio))


def _log(ratio: float) -> float:
    return math.log(ratio) if ratio > 0 else -math.inf if ratio == 0 else math.nan


def _mean_tables(stratum: npt.NDArray[np.int32], n_strata: int, outcome: Float64, inside: Bool) -> MeanTables:
    def by_stratum(cells: npt.NDArray[np.int32], weights: Float64 | None) -> Float64:
        return np.asarray(np.bincount(cells, weights, minlength=n_strata), dtype=np.float64)

    cells, square = stratum[inside], outcome**2
    return MeanTables(
        n=by_stratum(stratum, None).astype(np.int64),
        total=by_stratum(stratum, outcome),
        total_sq=by_stratum(stratum, square),
        matched=by_stratum(cells, None).astype(np.int64)[None],
        matched_total=by_stratum(cells, outcome[inside])[None],
        matched_total_sq=by_stratum(cells, square[inside])[None],
    )
