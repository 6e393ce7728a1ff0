"""Brute-force matching: every way of giving the steps of a pattern distinct events.

A row is what one prediction may see: one entity, the events with lo <= time <= last, less the excluded types.
`find` over a whole log is one row for each entity with last = observed_until.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .language import Event, Link, Log, Pattern, fits

MATCHED, UNDECIDED, NO = "matched", "undecided", "no"


@dataclass(frozen=True)
class Moment:
    """One distinct time at which a pattern is complete, with the latest start that leads to it."""

    start: int
    time: int
    ready: int


@dataclass(frozen=True)
class Row:
    """What is visible: one entity, both ends included; lo None = everything from the beginning on."""

    entity: str
    lo: int | None
    last: int
    excluded: frozenset[str] = frozenset()


def visible(log: Log, row: Row) -> list[Event]:
    return [
        e
        for e in log.of(row.entity)
        if (row.lo is None or row.lo <= e.time) and e.time <= row.last and e.type not in row.excluded
    ]


def anchor_time(log: Log, row: Row) -> int | None:
    """The declared start, else the first event that is not excluded, be it before the span."""
    if row.entity in log.starts:
        return log.starts[row.entity]
    return min((e.time for e in log.of(row.entity) if e.type not in row.excluded), default=None)


def embeddings(pattern: Pattern, seen: list[Event], anchor: int | None, zone: str) -> Iterator[list[Event]]:
    """All lists of distinct events that fit steps, gaps, guards and span; absences are not looked at."""
    candidates = [[i for i, e in enumerate(seen) if fits(step, e, zone)] for step in pattern.steps]

    def allowed(link: Link, before: int, now: int) -> bool:
        gap = now - before
        if gap < link.lo or (link.hi is not None and gap >= link.hi):
            return False
        guard = link.guard
        return guard is None or not any(before < x.time < now and fits(guard, x, zone) for x in seen)

    def grow(chosen: list[int]) -> Iterator[list[Event]]:
        depth = len(chosen)
        if depth == len(pattern.steps):
            yield [seen[i] for i in chosen]
            return
        link = pattern.links[depth]
        before = seen[chosen[-1]].time if chosen else anchor
        for i in candidates[depth]:
            if i in chosen:
                continue
            if link is None or (before is not None and allowed(link, before, seen[i].time)):
                yield from grow([*chosen, i])

    for events in grow([]):
        if pattern.span is None or events[-1].time - events[0].time < pattern.span:
            yield events


def examine(pattern: Pattern, log: Log, row: Row) -> tuple[str, list[Moment]]:
    """The verdict on one row and all its moments by time; the first one is the first match."""
    seen = visible(log, row)
    latest_start: dict[int, int] = {}
    undecided = False
    for match in embeddings(pattern, seen, anchor_time(log, row), log.zone):
        start, moment = match[0].time, match[-1].time
        contradicted = any(
            moment < x.time <= moment + within and fits(absent, x, log.zone)
            for absent, within in pattern.absences
            for x in seen
        )
        if contradicted:
            continue
        if moment + pattern.longest_absence > row.last:
            undecided = True
            continue
        latest_start[moment] = max(start, latest_start.get(moment, start))
    moments = [Moment(s, t, t + pattern.longest_absence) for t, s in sorted(latest_start.items())]
    if moments:
        return MATCHED, moments
    return (UNDECIDED if undecided else NO), []


def whole_log_rows(log: Log) -> list[Row]:
    """One row for each entity in byte order, up to and including `observed_until`."""
    return [Row(entity, None, log.observed_until) for entity in log.entities]


def find(pattern: Pattern, log: Log, *, every: bool) -> list[tuple[str, int, int, int]]:
    """(entity, start, moment, ready), by entity and moment: all moments or each entity's first."""
    found = []
    for row in whole_log_rows(log):
        _, moments = examine(pattern, log, row)
        found += [(row.entity, m.start, m.time, m.ready) for m in (moments if every else moments[:1])]
    return found


def count(pattern: Pattern, log: Log, rows: list[Row], labels: list[int] | None = None) -> tuple[int, int, int]:
    """(matched, undecided, matched with label 1)."""
    verdicts = [examine(pattern, log, row)[0] for row in rows]
    positive = sum(v == MATCHED and y == 1 for v, y in zip(verdicts, labels or [0] * len(rows), strict=True))
    return verdicts.count(MATCHED), verdicts.count(UNDECIDED), positive
