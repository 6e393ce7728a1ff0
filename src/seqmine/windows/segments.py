"""Whom does it help, and what helps whom: the effect by segment of the rows and by variant of the action."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqmine.events.conditions import Condition
from seqmine.events.selectors import Selector
from seqmine.significance import holm, shrink_random_effects
from seqmine.windows.analysis import Analysis
from seqmine.windows.columns import RowValues, entity_columns
from seqmine.windows.effects import Z95, Estimate
from seqmine.windows.pair import Pair
from seqmine.windows.result_table import plain
from seqmine.windows.streams import read_selector, stream_of

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import Study
    from seqmine.windows.options import WindowOptions

__all__ = ["FEWEST_ROWS", "SEGMENT_SCHEMA", "segment_table"]

Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

FEWEST_ROWS: Final = 20
"""Effects on fewer treated rows are not shown."""

_MOST_VALUES: Final = 20
_TEXTS = ("moment", "action", "column", "value", "variant")
_FIGURES = ("effect", "effect_low", "effect_high", "shrunk", "shrunk_low", "shrunk_high")
_TESTS = ("p_interaction", "p_interaction_holm")
_FIELDS: list[pa.Field[Any]] = [
    pa.field("moment", pa.string()),
    pa.field("action", pa.string()),
    pa.field("window", pa.int64()),
    *(pa.field(name, pa.string()) for name in _TEXTS[2:]),
    pa.field("n_treated", pa.int64()),
    *(pa.field(name, pa.float64()) for name in (*_FIGURES, *_TESTS)),
    pa.field("suppressed", pa.bool_()),
]
SEGMENT_SCHEMA: Final = pa.schema(_FIELDS)


def segment_table(log: EventLog, study: Study, options: WindowOptions, analyses: Sequence[Analysis]) -> pa.Table:
    """The effect in each window (or at all delays) by segment, by variant, and by both.

    Estimates are of the rows that judge: treated rows of a segment against untreated rows of the same segment, delay
    bin and stratum; treated rows with a variant against all untreated rows. Each family (the values of one column, the
    variants, the variants within one value) is shrunk towards its mean by a random-effects model, and Cochran's Q tests
    whether its members differ.

    Returns
    -------
    pyarrow.Table
        `SEGMENT_SCHEMA`: ``moment``, ``action``, ``window``, ``column`` and ``value`` (null: all rows), ``variant``
        (null: any), ``n_treated``, ``effect`` with ``effect_low`` and ``effect_high`` (95 %), the same ``shrunk``,
        ``p_interaction`` of the family, ``p_interaction_holm`` over all families of the table, ``suppressed`` (fewer
        than 20 treated rows: no figures). Pairs that were refused have no rows.
    """
    families: list[list[dict[str, Any]]] = []
    for one in analyses:
        if one.pair is None:
            continue
        pair = one.pair
        values = RowValues(log, study, entity_columns(log, study), pair.design.rows, options.threads)
        for name in options.segments:
            values.check(name, "segments", categories=True)
        variants = None if options.variant is None else _variants(log, pair, one.findings[0].action, options)
        for finding, mask in zip(one.findings, one.inside, strict=True):
            if finding.reason is not None:
                continue
            names = {"moment": finding.moment, "action": finding.action, "window": finding.window}
            for family in _families(pair, mask, values, variants, options):
                families.append([names | member for member in family])
    tested = [_shrink(family) for family in families]
    adjusted = holm(np.array(tested))
    rows = []
    for family, p, p_holm in zip(families, tested, adjusted, strict=True):
        for member in family:
            member |= {"p_interaction": p, "p_interaction_holm": float(p_holm)}
            rows.append({name: plain(value) for name, value in member.items()})
    return pa.Table.from_pylist(rows, schema=SEGMENT_SCHEMA)


def _families(
    pair: Pair,
    mask: Bool,
    values: RowValues,
    variants: tuple[tuple[str, ...], Int64] | None,
    options: WindowOptions,
) -> Iterator[list[dict[str, Any]]]:
    """The members of each family with their estimates."""
    if variants is not None:
        yield [
            _member(pair, mask, None, None, pair.estimation, name, v, variants) for v, name in enumerate(variants[0])
        ]
    for column in options.segments:
        categories = values.categories(column)
        counts = np.bincount(categories.code, minlength=len(categories.values))
        shown = sorted(np.argsort(-counts, kind="stable")[:_MOST_VALUES].tolist())
        present = [code for code in shown if counts[code]]
        yield [
            _member(pair, mask, column, categories.values[code], pair.estimation & (categories.code == code))
            for code in present
        ]
        if variants is not None:
            for code in present:
                rows = pair.estimation & (categories.code == code)
                yield [
                    _member(pair, mask, column, categories.values[code], rows, name, v, variants)
                    for v, name in enumerate(variants[0])
                ]


def _member(
    pair: Pair,
    mask: Bool,
    column: str | None,
    value: str | None,
    rows: Bool,
    variant: str | None = None,
    number: int = 0,
    variants: tuple[tuple[str, ...], Int64] | None = None,
) -> dict[str, Any]:
    treated = None if variants is None else variants[1] == number
    estimate: Estimate = pair.judge(rows, treated=treated).estimate(mask)
    names = {"column": column, "value": value, "variant": variant, "n_treated": estimate.n}
    if estimate.n < FEWEST_ROWS or not estimate.se > 0:
        return names | {"suppressed": True}
    low, high = estimate.interval
    return names | {
        "suppressed": False, "effect": estimate.effect, "effect_low": low, "effect_high": high, "se": estimate.se
    }  # fmt: skip


def _shrink(family: list[dict[str, Any]]) -> float:
    """Set the shrunk effects of a family; return the p of its members' differing."""
    effect = np.array([member.get("effect", math.nan) for member in family])
    se = np.array([member.pop("se", math.nan) for member in family])
    shrunk = shrink_random_effects(effect, se)
    for member, mean, sd in zip(family, shrunk.shrunk.tolist(), shrunk.sd.tolist(), strict=True):
        member |= {"shrunk": mean, "shrunk_low": mean - Z95 * sd, "shrunk_high": mean + Z95 * sd}
    return float(shrunk.p_interaction)


def _variants(log: EventLog, pair: Pair, action: str, options: WindowOptions) -> tuple[tuple[str, ...], Int64]:
    """Values of the variant, and which one each treated row got; -1 where it is null or one of the rarest."""
    assert options.variant is not None
    selector = read_selector(action)
    column = log.attributes[options.variant]
    counts = np.bincount(column.array[column.array >= 0], minlength=len(column.categories))
    kept = sorted(np.argsort(-counts, kind="stable")[:_MOST_VALUES].tolist())
    got = np.full(len(pair.arms.treated), -1, np.int64)
    names: list[str] = []
    rows = pair.design.rows
    for code in kept:
        condition = Condition(options.variant, "=", column.categories[code], attribute=True)
        stream = stream_of(log, Selector(selector.types, (*selector.conditions, condition)), threads=options.threads)
        time, there = stream.first_from(rows.entity[pair.arms.treated], pair.action_time)
        mine = there & (time == pair.action_time) & (got < 0)
        if mine.any():
            got[mine] = len(names)
            names.append(column.categories[code])
    return tuple(names), got
