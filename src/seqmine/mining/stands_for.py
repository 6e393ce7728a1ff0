"""Patterns that stand for something else that is known of a row: a plan, a region.

Who does something that only one product offers has that product; whatever goes with the product then seems to go with
the doing. Strata hold equal what they are told to. This looks at what they were not told: among rows that have the same
value of a column, is there anything left?
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from seqmine.mining.columns import RowColumn, other_columns, row_columns
from seqmine.mining.remainder import remainder
from seqmine.mining.strata import finer

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import BoundRows, Labels
    from seqmine.mining.parts import Bool, Part
    from seqmine.mining.strata import StrataRule
    from seqmine.patterns import Pattern

__all__ = ["Rival", "rivals", "stands_for"]

MOST_VALUES: Final = 50
"""A column with more values than this among the rows is no class of rows but a text."""
_FAR_TOO_MANY: Final = 20
LEFT: Final = 0.5
"""A pattern stands for a column when less than this share of its effect (on the log scale) is left."""


class Rival(NamedTuple):
    """A column that the strata do not hold equal, for the rows that judge."""

    name: str
    strata: npt.NDArray[np.int32]
    n_strata: int


def rivals(
    log: EventLog, labels: Labels, bound: BoundRows, rows: Bool, part: Part, rule: StrataRule, threads: int
) -> list[Rival]:
    """Every column of classes that is known at the index and not held equal.

    `rows` of the labels make up `part`. Columns are further columns of the labels, and text attributes of the log as of
    the index, with 2 to `MOST_VALUES` values among these rows.
    """
    names = [name for name in other_columns(log, labels) if name not in rule.columns and not _is_text(log, name)]
    columns: Iterable[RowColumn] = row_columns(log, labels, bound, names, "columns", threads)
    found = [(column.name, column.code[rows]) for column in columns]
    result = []
    for name, code in found:
        if 2 <= len(np.unique(code)) <= MOST_VALUES:
            result.append(Rival(name, *finer(part.stratum, code)))
    return result


def _is_text(log: EventLog, name: str) -> bool:
    """Whether an attribute has so many values in the log that it is not worth looking which of them these rows have."""
    return name in log.attributes and len(log.attributes[name].categories) > _FAR_TOO_MANY * MOST_VALUES


def stands_for(
    part: Part,
    patterns: Sequence[Pattern],
    direction: npt.NDArray[np.int64],
    claimed: Sequence[bool],
    found: Sequence[Rival],
    alpha: float,
    min_effect: float,
) -> list[str | None]:
    """For each claimed pattern the column that it stands for, or None.

    Within strata that hold the column equal, too, it is no longer beyond the minimum effect (at a level that all claims
    share), and its effect is less than half of what it was: both, because finer strata alone cost power. Where no row
    is left to compare, the log cannot tell the two apart. Of several columns the one that leaves least is named.
    """
    limit = alpha / max(sum(claimed), 1)
    result: list[str | None] = [None] * len(patterns)
    for i, pattern in enumerate(patterns):
        if not claimed[i]:
            continue
        matched, sign = part.matched(pattern), int(direction[i])
        whole = remainder(part, matched, sign, min_effect).effect
        least = LEFT
        for rival in found:
            p, effect = remainder(part, matched, sign, min_effect, strata=(rival.strata, rival.n_strata))
            share = _share(effect, whole)
            if p > limit and share < least:
                least, result[i] = share, rival.name
    return result


def _share(left: float, whole: float) -> float:
    """Of the effect; none where nobody is left to compare, all where no row with the pattern has the outcome anyway."""
    if np.isinf(left):
        return 1.0
    return 0.0 if np.isnan(left) or np.isnan(whole) or whole == 0 else left / whole
