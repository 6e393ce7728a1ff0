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
    StratifiedTables,
    clustered_factors,
    holm,
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

_TEXTS = ("pattern", "segment", "value")
_COUNTS = ("n", "n_matched", "n_positive")
_TESTS = ("p_interaction", "p_interaction_holm")
_FIELDS: list[pa.Field[Any]] = [
    *(pa.field(name, pa.string(), nullable=False) for name in _TEXTS),
    *(pa.field(name, pa.int64()) for name in _COUNTS),
    *(pa.field(name, pa.float64()) for name in (*_RATIOS, *_TESTS)),
    pa.field("suppressed", pa.bool_(), nullable=False),
]
SEGMENT_SCHEMA: Final = pa.schema(_FIELDS)


def segment_effects(
    matched: npt.NDArray[np.uint8],
    y: npt.NDArray[np.uint8],
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
    Segments that are suppressed, or whose ratio is 0 or not defined, take no part in that.

    Parameters
    ----------
    matched : (K, n_rows)
        1 where the pattern matches; anything else (undecided, too) is not matched.
    y : (n_rows,)
        0/1.
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
        the same shrunk; ``p_interaction`` of the pattern over all values of the column, and
        ``p_interaction_holm``, adjusted for all patterns and columns of the table. ``suppressed`` rows have fewer
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
        y: npt.NDArray[np.uint8],
        stratum: npt.NDArray[np.int32],
        entity: Int64,
        column: RowColumn,
        by_entity: Int64,
        level: float,
    ) -> None:
        self.values = np.unique(column.code).tolist()
        shape = (len(matched), len(self.values))
        counts = {name: np.zeros(shape, dtype=np.int64) for name in _COUNTS}
        ratios = {name: np.full(shape, np.nan) for name in _RATIOS}
        se = np.full(shape, np.nan)
        self.suppressed = np.ones(shape, dtype=np.bool_)
        code = column.code[by_entity]
        for g, value in enumerate(self.values):
            row = by_entity[code == value]
            inside = np.ascontiguousarray(matched[:, row] == 1).view(np.uint8)
            self.suppressed[:, g] = [_n_distinct(entity[row[mask != 0]]) < FEWEST_ENTITIES for mask in inside]
            tables, strata, n_strata = _tables(inside, y[row], stratum[row])
            design = clustered_factors(inside, y[row], strata, n_strata, entity[row]).risk_ratio
            ratio = risk_ratio(tables, level, design)
            counts["n"][:, g] = len(row)
            counts["n_matched"][:, g] = tables.matched.sum(axis=1)
            counts["n_positive"][:, g] = tables.matched_positive.sum(axis=1)
            ratios["o_over_e"][:, g] = observed_expected(tables, ratio).value
            ratios["rr"][:, g], ratios["rr_low"][:, g], ratios["rr_high"][:, g] = ratio.value, ratio.low, ratio.high
            se[:, g] = ratio.se
        usable = ~self.suppressed & (ratios["rr"] > 0.0)
        effect = np.log(ratios["rr"], out=np.full(shape, np.nan), where=usable)
        shrunk = shrink_random_effects(effect, np.where(usable, se, np.nan))
        reach = standard_normal_quantile(level) * shrunk.sd
        for name, log_ratio in (("", shrunk.shrunk), ("_low", shrunk.shrunk - reach), ("_high", shrunk.shrunk + reach)):
            ratios[f"rr_shrunk{name}"] = np.exp(log_ratio)
        self.figures: dict[str, npt.NDArray[Any]] = counts | ratios
        self.p_interaction: Float64 = np.asarray(shrunk.p_interaction, dtype=np.float64)


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
