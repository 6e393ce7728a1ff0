"""Outcomes, indexes and eligibility, by looking at every event for every row.

Observed is [index - lookback, index), the outcome lies in [index + lead, index + lead + horizon). A candidate
row that cannot be judged is left out and counted under the first reason of REASONS that holds.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import blake2b

from .language import Event, Log, Step, compare, fits
from .matching import Row

ANY = Step()
LAST_TIME = 2**63 - 1
REASONS = (
    "unknown_entity",  # a table names an entity that the log does not have
    "no_index",  # the entity never has the event that defines the index
    "not_born",  # the entity starts after the index
    "not_followed",  # the log, or the outcome table for this entity, ends before the outcome's time is over
    "short_tenure",  # the entity starts less than the least tenure before the index
    "inactive",  # "no X": no X in the horizon before the index, so nothing could end
    "already",  # incident: the outcome stood before the index; table: it came before the index
    "outcome_in_lead",  # the same between index and index + lead
    "no_outcome_row",  # the outcome table is silent about the entity
)


@dataclass(frozen=True)
class Outcome:
    """`kind`: count, exists, no, sum, table or values.

    Counts and sums are compared with `threshold`, or asked for the upper `share`, or (op and share None) are the
    label themselves. A table gives (time, label) for an entity: label 1 = it happened then, label 0 = followed
    until then without it; values give (time, number measured then), which is the label. Only these two may have no
    horizon (None): ever after.
    """

    kind: str
    step: Step
    horizon: int | None
    op: str | None = None
    threshold: float = 0
    share: Fraction | None = None
    table: dict[str, tuple[int, int | float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Index:
    """`kind`: dates (instants for everybody), nth (n-th event of `step`), start (start + offset), table."""

    kind: str
    dates: tuple[int, ...] = ()
    step: Step = ANY
    n: int = 1
    offset: int = 0
    table: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Study:
    outcome: Outcome
    index: Index
    lookback: int | None = None
    lead: int = 0
    exclude_events: tuple[str, ...] = ()
    incident: bool = False
    min_tenure: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Labelled:
    """Rows (entity, index, label) by entity bytes and index, and how many candidates fell to which reason."""

    rows: list[tuple[str, int, int | float | Fraction]]
    excluded: dict[str, int]


def start_of(log: Log, entity: str) -> int:
    return log.starts.get(entity, min(e.time for e in log.of(entity)))


def candidates(index: Index, log: Log) -> list[tuple[str, int | None]]:
    """All (entity, index) before eligibility; None = this entity has no index."""
    if index.kind == "dates":
        return [(entity, date) for entity in log.entities for date in index.dates]
    if index.kind == "start":
        return [(entity, start_of(log, entity) + index.offset) for entity in log.entities]
    if index.kind == "table":
        return list(index.table)
    found: list[tuple[str, int | None]] = []
    for entity in log.entities:
        times = sorted(e.time for e in log.of(entity) if fits(index.step, e, log.zone))
        found.append((entity, times[index.n - 1] if len(times) >= index.n else None))
    return found


def within(log: Log, entity: str, step: Step, lo: int | None, hi: int) -> list[Event]:
    """The entity's events of a step in [lo, hi)."""
    return [e for e in log.of(entity) if (lo is None or lo <= e.time) and e.time < hi and fits(step, e, log.zone)]


def amount(outcome: Outcome, found: list[Event]) -> int | Fraction:
    if outcome.kind == "sum":
        return sum((Fraction(e.value) for e in found if e.value is not None), Fraction(0))
    return len(found)


def holds(outcome: Outcome, found: list[Event]) -> bool:
    """Whether these events make the outcome's condition true."""
    if outcome.kind == "exists":
        return len(found) > 0
    if outcome.kind == "no":
        return len(found) == 0
    assert outcome.op is not None
    return compare(amount(outcome, found), outcome.op, outcome.threshold)


def why_not(study: Study, log: Log, entity: str, index: int | None) -> str | None:
    """The first of REASONS that holds for a candidate row."""
    outcome = study.outcome
    if entity not in log.entities:
        return "unknown_entity"
    if index is None:
        return "no_index"
    if start_of(log, entity) > index:
        return "not_born"
    begin = index + study.lead
    told = outcome.table.get(entity)
    if begin > LAST_TIME:
        return "not_followed"
    # Without a horizon, to be followed is to be followed to where the outcome's time begins.
    end = begin if outcome.horizon is None else begin + outcome.horizon
    if outcome.horizon is not None:
        # Whoever wrote the table watched at least until its latest time.
        watched = max([log.observed_until, *(time for time, _ in outcome.table.values())])
        if watched < end or (told is not None and told[0] >= end and outcome.kind == "values"):
            return "not_followed"
    if told is not None and told[0] < end and told[1] == 0 and outcome.kind == "table":
        return "not_followed"
    if start_of(log, entity) > index - study.min_tenure:
        return "short_tenure"
    if outcome.kind == "no":
        assert outcome.horizon is not None
        if not within(log, entity, outcome.step, index - outcome.horizon, index):
            return "inactive"
    if outcome.kind in ("table", "values"):
        if told is None:
            return "no_outcome_row"
        if told[0] < begin and (told[1] == 1 or outcome.kind == "values"):
            return "already" if told[0] < index else "outcome_in_lead"
    elif study.incident and outcome.kind != "no":  # who is silent before the index is inactive already
        if holds(outcome, within(log, entity, outcome.step, None, index)):
            return "already"
        if study.lead and holds(outcome, within(log, entity, outcome.step, index, begin)):
            return "outcome_in_lead"
    return None


def label(study: Study, log: Log) -> Labelled:
    """The threshold of a top share comes from the eligible rows of the discovery half."""
    outcome = study.outcome
    excluded: Counter[str] = Counter()
    eligible: list[tuple[str, int]] = []
    for entity, index in candidates(study.index, log):
        reason = why_not(study, log, entity, index)
        if reason is not None:
            excluded[reason] += 1
        else:
            assert index is not None
            eligible.append((entity, index))
    eligible.sort(key=lambda row: (row[0].encode(), row[1]))

    def future(entity: str, index: int) -> list[Event]:
        assert outcome.horizon is not None
        begin = index + study.lead
        return within(log, entity, outcome.step, begin, begin + outcome.horizon)

    def told(entity: str, index: int) -> int:
        time, happened = outcome.table[entity]
        in_time = outcome.horizon is None or time < index + study.lead + outcome.horizon
        return int(happened == 1 and in_time)

    marks: list[int | float | Fraction]
    if outcome.kind == "values":
        marks = [outcome.table[entity][1] for entity, _ in eligible]
    elif outcome.kind == "table":
        marks = [told(*row) for row in eligible]
    elif outcome.share is not None:
        amounts = [amount(outcome, future(*row)) for row in eligible]
        judged = [x for x, (e, _) in zip(amounts, eligible, strict=True) if in_discovery(e, study.seed)]
        threshold = top_threshold(judged, outcome.share)
        marks = [int(threshold is not None and x > threshold) for x in amounts]
    elif outcome.op is None and outcome.kind in ("count", "sum"):
        marks = [amount(outcome, future(*row)) for row in eligible]
    else:
        marks = [int(holds(outcome, future(*row))) for row in eligible]
    rows = [(entity, index, mark) for (entity, index), mark in zip(eligible, marks, strict=True)]
    return Labelled(rows, {reason: n for reason, n in excluded.items() if n})


def in_discovery(entity: str, seed: int) -> bool:
    """The first bit of a keyed hash of the entity; 0 = discovery, 1 = estimation."""
    digest = blake2b(entity.encode(), digest_size=8, key=str(seed).encode(), person=b"seqmine.split").digest()
    return digest[0] < 128


def top_threshold(sums: list[int | Fraction], share: Fraction) -> int | Fraction | None:
    """The least value that at most `share` of the rows lie above; rows at it are not in the top.

    None when there is no row, which seqmine refuses.
    """
    for value in sorted(sums):
        if sum(s > value for s in sums) <= share * len(sums):
            return value
    return None


def seen_rows(
    rows: list[tuple[str, int, int | float | Fraction]],
    declared_end: int | None,
    lookback: int | None,
    exclude_events: tuple[str, ...] = (),
    starts: dict[str, int] | None = None,
) -> list[Row]:
    """What the miner may see of each labelled row: [index - lookback, index), less the excluded events.

    Without a lookback it sees everything since the entity's start. Nothing is known after the end that was
    declared for the log; without one it is complete up to every index.
    """
    return [
        Row(
            entity,
            (starts or {}).get(entity) if lookback is None else index - lookback,
            index - 1 if declared_end is None else min(index - 1, declared_end),
            frozenset(exclude_events),
        )
        for entity, index, _ in rows
    ]
