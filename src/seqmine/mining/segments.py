"""Does a pattern mean the same for everybody? Its effect by declared segment, and whether the segments differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqmine.errors import ParameterError
from seqmine.mining.columns import RowColumn
from seqmine.significance import (
    MeanTables,
    StratifiedTables,
    clustered_factors,
    holm,
    mean_difference,
    observed_expected,
    risk_ratio,
    shrink_random_effects,
)
from seqmine.significance.tails import standard_normal_quantile

__all__ = ["FEWEST_ENTITIES", "SEGMENT_SCHEMA", "segment_effects"]

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

FEWEST_ENTITIES: Final = 20
"""Figures of fewer matched entities are not shown."""

_RATIOS = ("o_over_e", "rr", "rr_low", "rr_high", "rr_shrunk", "rr_shrunk_low", "rr_shrunk_high")

_DIFFERENCES = tuple(f"mean_difference{shrunk}{end}" for shrunk in ("", "_shrunk") for end in ("", "_low", "_high"))

_TEXTS = ("pattern", "segment", "value")
_COUNTS = ("n", "n_matched", "n_positive")
_TESTS = ("p_interaction", "p_interaction_holm")
_FIELDS: list[pa.Field[Any]] = [
    *(pa.field(name, pa.string(), nullable=False) for name in _TEXTS),
    *(pa.field(name, pa.int64()) for name in _COUNTS),
    *(pa.field(name, pa.float64()) for name in (*_RATIOS, *_DIFFERENCES, *_TESTS)),
    pa.field("suppressed", pa.bool_(), nullable=False),
]
SEGMENT_SCHEMA: Final = pa.schema(_FIELDS)


def segment_effects(
    matched: npt.NDArray[np.uint8],
    y: npt.NDArray[np.uint8] | Float64,
    stratum: npt.NDArray[np.int32],
    entity: Int64,
    segments: Sequence[RowColumn],
    patterns: Sequence[str],
    *,
    level: float = 0.95,
) -> pa.Table:
    """Effect of each pattern in each segment, compared with the unmatched rows of the same segment and stratum.

    The risk ratio of a segment is that of Mantel and Haenszel within strata; where entities have several rows, its
    variance is that of whole entities (`seqmine.significance.clustered_factors`). On the log scale the segments of a
    pattern are shrunk towards their mean by a random-effects model, and Cochran's Q tests whether they differ at all.
    Of numbers the same is done with mean differences, as they are.
    Segments that are suppressed, or whose ratio is 0 or not defined, take no part in that.

    Parameters
    ----------
    matched : (K, n_rows)
        1 where the pattern matches; anything else (undecided, too) is not matched.
    y : (n_rows,)
        0/1 as uint8, or numbers as float64; these may be less the means of their strata.
    stratum : (n_rows,)
        Strata from 0, see `seqmine.mining.strata.row_strata`.
    entity : (n_rows,)
        Whose row it is, in any numbering that tells entities apart.
    segments
        Declared columns, see `seqmine.mining.columns.row_columns`.
    patterns
        Their texts, (K,).
    level
        Coverage of the intervals.

    Returns
    -------
    pyarrow.Table
        `SEGMENT_SCHEMA`; one row for each pattern, column and value that has rows, in this order. ``n`` rows of the
        segment, ``n_matched`` and ``n_positive`` (matched and positive) rows; ``o_over_e``; ``rr`` and its interval;
        the same shrunk; of numbers ``mean_difference`` likewise, and no positive rows and ratios; ``p_interaction`` of
        the pattern over all values of the column, and ``p_interaction_holm``, adjusted for all patterns and columns of
        the table. ``suppressed`` rows have fewer
        than 20 matched entities and no figures; null elsewhere is what the data do not define (an effect without
        unmatched rows, an interaction of fewer than two segments).

    Raises
    ------
    ParameterError
        Arrays whose shapes contradict each other.
    """
    n_rows = len(y)
    shapes = {len(stratum), len(entity), *(len(column.code) for column in segments)}
    if matched.shape != (len(patterns), n_rows) or shapes != {n_rows}:
        raise ParameterError(
            "matched must be of shape (patterns, rows), everything else of shape (rows,)",
            hint="take the same rows for all of them",
        )
    by_entity = np.argsort(entity, kind="stable")
    found = [_Column(matched, y, stratum, entity, column, by_entity, level) for column in segments]
    adjusted = holm(np.concatenate([part.p_interaction for part in found])) if found else np.zeros(0)
    rows: list[dict[str, Any]] = []
    for k, pattern in enumerate(patterns):
        for c, (column, part) in enumerate(zip(segments, found, strict=True)):
            tested = {
                "p_interaction": part.p_interaction[k],
                "p_interaction_holm": adjusted[c * len(patterns) + k],
            }
            for g, value in enumerate(part.values):
                suppressed = bool(part.suppressed[k, g])
                figures = tested | {name: array[k, g] for name, array in part.figures.items()}
                names = {"pattern": pattern, "segment": column.name, "value": column.values[value]}
                rows.append(names | {"suppressed": suppressed} | ({} if suppressed else _plain(figures)))
    return pa.Table.from_pylist(rows, schema=SEGMENT_SCHEMA)


def _plain(figures: dict[str, Any]) -> dict[str, int | float | None]:
    """Python numbers; None for what is not defined."""
    return {name: None if np.isnan(number) else number.item() for name, number in figures.items()}


class _Column:
    """The figures of all patterns by the G values of one column that have rows."""

    def __init__(
        self,
        matched: npt.NDArray[np.uint8],
        y: npt.NDArray[np.uint8] | Float64,
        stratum: npt.NDArray[np.int32],
        entity: Int64,
        column: RowColumn,
        by_entity: Int64,
        level: float,
    ) -> None:
        self.values = np.unique(column.code).tolist()
        shape = (len(matched), len(self.values))
        self.figures: dict[str, npt.NDArray[Any]] = {name: np.zeros(shape, dtype=np.int64) for name in _COUNTS}
        self.figures |= {name: np.full(shape, np.nan) for name in (*_RATIOS, *_DIFFERENCES)}
        numeric = y.dtype == np.float64
        if numeric:
            self.figures["n_positive"] = np.full(shape, np.nan)
        se = np.full(shape, np.nan)
        self.suppressed = np.ones(shape, dtype=np.bool_)
        code = column.code[by_entity]
        for g, value in enumerate(self.values):
            row = by_entity[code == value]
            inside = np.ascontiguousarray(matched[:, row] == 1).view(np.uint8)
            self.suppressed[:, g] = [_n_distinct(entity[row[mask != 0]]) < FEWEST_ENTITIES for mask in inside]
            found = _differences if numeric else _ratios
            figures, se[:, g] = found(inside, y[row], stratum[row], entity[row], level)
            for name, figure in ({"n": np.full(len(matched), len(row))} | figures).items():
                self.figures[name][:, g] = figure
        self.p_interaction: Float64 = self._shrink(se, level, numeric=numeric)

    def _shrink(self, se: Float64, level: float, *, numeric: bool) -> Float64:
        """Draws the segments of a pattern towards each other, ratios on the log scale; the p of their differing."""
        name, figures = ("mean_difference" if numeric else "rr"), self.figures
        usable = ~self.suppressed & (np.isfinite(figures[name]) if numeric else figures[name] > 0.0)
        effect = np.where(usable, figures[name], np.nan)
        shrunk = shrink_random_effects(effect if numeric else np.log(effect), np.where(usable, se, np.nan))
        reach = standard_normal_quantile(level) * shrunk.sd
        ends = (("", shrunk.shrunk), ("_low", shrunk.shrunk - reach), ("_high", shrunk.shrunk + reach))
        for end, drawn in ends:
            figures[f"{name}_shrunk{end}"] = drawn if numeric else np.exp(drawn)
        return np.asarray(shrunk.p_interaction, dtype=np.float64)


def _ratios(
    inside: npt.NDArray[np.uint8], y: Any, stratum: npt.NDArray[np.int32], entity: Int64, level: float
) -> tuple[dict[str, Any], Float64]:
    """Of each pattern in one segment its counts and risk ratio, and the standard error of its logarithm."""
    tables, strata, n_strata = _tables(inside, y, stratum)
    ratio = risk_ratio(tables, level, clustered_factors(inside, y, strata, n_strata, entity).risk_ratio)
    figures = {
        "n_matched": tables.matched.sum(axis=1),
        "n_positive": tables.matched_positive.sum(axis=1),
        "o_over_e": observed_expected(tables, ratio).value,
        "rr": ratio.value,
        "rr_low": ratio.low,
        "rr_high": ratio.high,
    }
    return figures, ratio.se


def _differences(
    inside: npt.NDArray[np.uint8], y: Any, stratum: npt.NDArray[np.int32], entity: Int64, level: float
) -> tuple[dict[str, Any], Float64]:
    """Of each pattern in one segment its rows and mean difference, and the standard error."""
    kept, dense = np.unique(stratum, return_inverse=True)
    strata, n_strata = dense.reshape(-1).astype(np.int32), len(kept)

    def total(weights: Any) -> Float64:
        return np.asarray(np.bincount(strata, weights, minlength=n_strata), dtype=np.float64)

    def totals(values: Any) -> Float64:
        return np.array([total(values * (mask != 0)) for mask in inside], dtype=np.float64).reshape(-1, n_strata)

    one, square = np.ones(len(y)), y**2
    tables = MeanTables(
        n=total(one).astype(np.int64),
        total=total(y),
        total_sq=total(square),
        matched=totals(one).astype(np.int64),
        matched_total=totals(y),
        matched_total_sq=totals(square),
    )
    design = clustered_factors(inside, y, strata, n_strata, entity).risk_difference
    difference = mean_difference(tables, level, design)
    figures = {
        "n_matched": np.asarray(tables.matched).sum(axis=1),
        "mean_difference": difference.value,
        "mean_difference_low": difference.low,
        "mean_difference_high": difference.high,
    }
    return figures, difference.se


def _n_distinct(ordered: Int64) -> int:
    return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + (len(ordered) > 0)


def _tables(
    matched: npt.NDArray[np.uint8], y: npt.NDArray[np.uint8], stratum: npt.NDArray[np.int32]
) -> tuple[StratifiedTables, npt.NDArray[np.int32], int]:
    """Counts by stratum, over the strata that occur among these rows; and these rows' strata, renumbered."""
    kept, dense = np.unique(stratum, return_inverse=True)
    strata, n_strata = dense.reshape(-1).astype(np.int32), len(kept)
    positive = y != 0

    def count(masks: Any) -> Int64:
        return np.array([np.bincount(strata[mask], minlength=n_strata) for mask in masks], dtype=np.int64)

    chosen = matched != 0
    every = np.ones((1, len(y)), dtype=np.bool_)
    n, n_positive = count(every)[0], count(every & positive)[0]
    shape = (len(matched), n_strata)
    tables = StratifiedTables(n, n_positive, count(chosen).reshape(shape), count(chosen & positive).reshape(shape))
    return tables, strata, n_strata
