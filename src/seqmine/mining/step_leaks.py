"""Leak alarms of steps that say more than their event type: conditions of the context, and absences after an event.

The same rules as for event types, counted by the native search itself, stopped after the first step: the rows that see
each step come out of one pass over the events, however many conditions there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from seqmine import _native
from seqmine.mining.items import Item
from seqmine.mining.leak_counts import almost_positive, fewest_rows, stratified_z
from seqmine.mining.leak_findings import (
    FEWEST_ROWS,
    LEAD_PARTS,
    LEAST_Z,
    LeakAlarmFinding,
    LeakKind,
)
from seqmine.patterns import compile_pattern, parse_pattern

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import BoundRows
    from seqmine.patterns import Pattern

__all__ = ["Steps", "step_alarms"]

Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

MOST_ABSENCES: Final = 10_000
"""Absences that are looked at, those with the largest share of positive rows first. All of them are pairs of types."""


@dataclass(frozen=True)
class Steps:
    """What the search tries as a step: `make_items` of the rows, and the times that absences may last."""

    items: Sequence[Item] = ()
    absences: Sequence[int] = ()


@dataclass(frozen=True)
class _Found:
    """One step and the rows that see it, of which `n_positive` are as `about` says."""

    text: str
    kind: LeakKind
    about: str
    n_matched: int
    n_positive: int
    base: float
    lead: int | None = None


@dataclass(frozen=True)
class _Lead:
    """What the second rule asks: positive rows, when each outcome came true, and the rows' strata."""

    about: str
    positive: Bool
    moment: Int64
    horizon: int
    stratum: npt.NDArray[np.int32]


def step_alarms(
    log: EventLog,
    bound: BoundRows,
    kinds: Sequence[tuple[str, Bool]],
    moment: Int64 | None,
    horizon: int | None,
    *,
    stratum: npt.NDArray[np.int32],
    steps: Steps,
    told: Sequence[LeakAlarmFinding],
    min_support: int,
    threads: int,
) -> tuple[LeakAlarmFinding, ...]:
    """Alarms of the steps that are more than an event type, by the rules of `leak_alarms`, one for each step.

    There are many more steps than event types, so z must be so large that chance alone makes one of all these steps
    as large as seldom as it does 3 for one; and at least 20 entities must see it, as what one entity is or has, its
    rows have in common. Steps of event types with an alarm of their own say nothing new and are left out.

    Parameters
    ----------
    log
        The events.
    bound
        The discovery rows.
    kinds
        What counts as positive, in words, and the rows, ``(n_rows,)``: ``[("positive", label)]``, of numbers several.
    moment : (n_rows,) int64, optional
        When the outcome of each positive row came true; None leaves out the second rule.
    horizon
        Microseconds.
    stratum : (n_rows,) int32
        Strata from 0.
    steps, told
        What the search tries, and the alarms that event types have.
    min_support
        Of the search.
    threads
        0 = all cores. The result does not depend on it.
    """
    out = {log.type_index(finding.event) for finding in told}
    items = [item for item in steps.items if not item.is_plain and item.type_code not in out]
    plain = [item for item in steps.items if item.is_plain]
    found: list[_Found] = []
    fewest = fewest_rows(min_support)
    for about, rows in kinds:
        if 0 < np.count_nonzero(rows) < len(rows):
            if items:
                counts = _counts(log, bound.rows, rows, items, threads)
                seen = [(items[i].text, *pair) for i, pair in enumerate(zip(*counts, strict=True)) if pair[0] >= fewest]
                found += _judged(seen, len(seen), about, rows)
                if moment is not None and horizon is not None:
                    asked = _Lead(about, rows, moment, horizon, stratum)
                    found += _just_before(log, bound, items, counts, asked, fewest, threads)
            if plain and steps.absences:
                # A trailing absence ends a pattern, so fewer rows than a pattern needs are of no use to anything.
                absent = _absences(log, bound, plain, steps.absences, rows, max(FEWEST_ROWS, min_support), threads)
                found += _judged(absent, len(plain) ** 2 * len(steps.absences), about, rows)
    repeats = len(np.unique(bound.entity[bound.entity >= 0])) < np.count_nonzero(bound.entity >= 0)
    result: dict[str, LeakAlarmFinding] = {}
    for one in found:
        pattern = parse_pattern(one.text)
        selector = pattern.steps[0].selector
        if one.text in result or log.type_index(selector.types[0]) in out:
            continue
        if repeats and _n_entities(log, bound, pattern, threads) < FEWEST_ROWS:
            continue
        result[one.text] = LeakAlarmFinding(
            one.text,
            one.kind,
            one.n_matched,
            one.n_positive,
            one.n_positive / one.n_matched,
            one.n_positive / one.n_matched / one.base,
            one.lead,
            None if one.lead is None else horizon,
            one.about,
            context=selector.conditions[0].field if selector.conditions else None,
            absent=bool(pattern.absences),
            example=one.text,
        )
    return tuple(sorted(result.values(), key=lambda finding: finding.event.encode()))


def least_z(n_steps: int) -> float:
    """What z must be for one of so many steps, as 3 is for one (Bonferroni)."""
    tail = NormalDist().cdf(-LEAST_Z) / max(n_steps, 1)
    return -NormalDist().inv_cdf(tail)


def _first_steps(
    log: EventLog, rows: _native.Rows, label: Bool, items: Sequence[Item], threads: int, **keywords: Any
) -> dict[str, Any]:
    """The native search, ended after one step: which rows see each item.

    No budgets: it holds the copy of the events that the search makes after it, and goes no further.
    """
    given: dict[str, Any] = {
        "absences": (),
        "min_support": 1,
        "top_k": len(items),
        "measure": "leverage",
        "direction": "both",
    }
    return _native.mine(
        log.native,
        rows,
        label=label.astype(np.uint8),
        items=[(item.text, item.type_code, item.conditions) for item in items],
        max_length=1,
        min_gap=1,
        max_gap=_native.UNBOUNDED,
        max_span=_native.UNBOUNDED,
        learn_gaps=False,
        gap_edges=(),
        redundancy=-1.0,
        threads=threads,
        max_seconds=0.0,
        max_memory=0,
        **given | keywords,
    )


def _counts(
    log: EventLog, rows: _native.Rows, label: Bool, items: Sequence[Item], threads: int
) -> tuple[list[int], list[int]]:
    """Rows that see each item, and how many of them have the label."""
    found = _first_steps(log, rows, label, items, threads)
    place = {item.text: i for i, item in enumerate(items)}
    at = np.array([place[text] for text in found["pattern"]], dtype=np.int64)
    matched, positive = np.zeros(len(items), dtype=np.int64), np.zeros(len(items), dtype=np.int64)
    matched[at], positive[at] = found["n_matched"], found["n_positive"]
    return matched.tolist(), positive.tolist()


def _judged(counts: Sequence[tuple[str, int, int]], n_tried: int, about: str, rows: Bool) -> Iterator[_Found]:
    """Of so many tried, those that nearly all rows that see them are positive for."""
    if not counts:
        return
    matched = np.array([n for _, n, _ in counts], dtype=np.int64)
    found = np.array([n for _, _, n in counts], dtype=np.int64)
    base = np.count_nonzero(rows) / len(rows)
    for i in np.flatnonzero(almost_positive(matched, found, rows, least_z(n_tried))).tolist():
        yield _Found(counts[i][0], "almost_the_outcome", about, int(matched[i]), int(found[i]), base)


def _absences(
    log: EventLog,
    bound: BoundRows,
    plain: Sequence[Item],
    absences: Sequence[int],
    rows: Bool,
    fewest: int,
    threads: int,
) -> list[tuple[str, int, int]]:
    found = _first_steps(
        log,
        bound.rows,
        rows,
        plain,
        threads,
        absences=[(i, within) for within in absences for i in range(len(plain))],
        min_support=fewest,
        top_k=MOST_ABSENCES + len(plain),
        measure="lift",
        direction="raises",
    )
    alone = {item.text for item in plain}
    counts = zip(found["pattern"], found["n_matched"].tolist(), found["n_positive"].tolist(), strict=True)
    return [(text, matched, positive) for text, matched, positive in counts if text not in alone]


def _just_before(
    log: EventLog,
    bound: BoundRows,
    items: Sequence[Item],
    counts: tuple[list[int], list[int]],
    asked: _Lead,
    fewest: int,
    threads: int,
) -> Iterator[_Found]:
    """Those that go with the outcome, and that half of the positive rows see right before it.

    The median lead is short when half of the rows see the step within so short a time of the outcome: that is the
    same count over a shorter span. Only what it leaves is looked at one by one.
    """
    positive, moment = asked.positive, asked.moment
    matched, n_positive = np.array(counts)
    # An outcome that has a moment has one in every positive row.
    begin = np.where(positive, np.maximum(bound.lo, moment - (asked.horizon - 1) // LEAD_PARTS), bound.last + 1)
    short = _native.Rows(entity=bound.entity, lo=np.ascontiguousarray(begin), last=bound.last, excluded=bound.excluded)
    n_short = np.array(_counts(log, short, positive, items, threads)[0])
    enough = matched >= fewest
    left = np.flatnonzero(enough & (n_positive > 0) & (n_short > (n_positive - 1) // 2)).tolist()
    n_types, base = len(log.event_types), np.count_nonzero(positive) / len(positive)
    needed = least_z(int(np.count_nonzero(enough)))
    for i in left:
        flags = np.zeros(n_types, dtype=np.uint8)
        flags[items[i].type_code] = 1
        predicate = _native.Predicate(flags, items[i].conditions)
        stats = _native.window_stats(log.native, predicate, bound.rows, threads)
        seen = np.asarray(stats["count"]) > 0
        if stratified_z([seen], positive, asked.stratum)[0] < needed:
            continue
        leads = np.sort((moment - np.asarray(stats["last_time"]))[seen & positive])
        lead = int(leads[(len(leads) - 1) // 2])
        n_seen = int(matched[i]), int(n_positive[i])
        yield _Found(items[i].text, "just_before_the_outcome", asked.about, *n_seen, base, lead)


def _n_entities(log: EventLog, bound: BoundRows, pattern: Pattern, threads: int) -> int:
    matched = np.asarray(_native.match_rows(log.native, compile_pattern(log, pattern), bound.rows, threads)) == 1
    return len(np.unique(bound.entity[matched]))
