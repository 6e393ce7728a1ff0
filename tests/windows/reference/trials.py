"""Who could have been treated when, and what became of them: one row per moment and bin of delay, by brute force.

A moment of an entity at t0 is one trial per bin k of delays [k D, (k + 1) D): treated (z = 1) if the entity's first
action at or after t0 comes in it, a control if it comes later or never. Whether it counts, and what the outcome is,
is asked at the end of the bin, tau = t0 + (k + 1) D: until then the outcome must not have happened, and it is looked
for in [tau, tau + H). No row knows which bin it is judged for but through tau, and every row looks at every event.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

COMPARE = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "=": operator.eq,
    "!=": operator.ne,
}
REASONS = (
    "not_born",  # the entity starts after the moment
    "not_followed",  # the last bin's outcome would lie beyond what was watched, of the log or of this entity
    "no_outcome_row",  # the outcome table is silent about the entity
    "already",  # the table's outcome came before the moment
    "washout",  # an action shortly before the moment
)


@dataclass(frozen=True)
class Event:
    entity: str
    time: int
    event: str
    value: float | None = None
    attributes: Mapping[str, str | float] = field(default_factory=dict)


Test = Callable[[Event], bool]


def nothing(event: Event) -> bool:
    """The test that no event passes."""
    return False


def named(*names: str, **attributes: str | float) -> Test:
    """Events of one of these types with these attributes; a missing attribute fails."""
    return lambda e: e.event in names and all(e.attributes.get(name) == value for name, value in attributes.items())


@dataclass(frozen=True)
class Outcome:
    """`kind`: exists, no, count, sum or table; count and sum without `op` are the number itself.

    A table tells of every entity (time, label): label 1 = it happened then, 0 = followed until then without it.
    """

    kind: str
    horizon: int
    test: Test = nothing
    op: str | None = None
    threshold: float = 0
    table: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def numeric(self) -> bool:
        return self.kind in ("count", "sum") and self.op is None


@dataclass(frozen=True)
class Setting:
    """One moment and one action: `moments` are (entity, t0); `follow_up` None is the outcome's horizon."""

    events: Sequence[Event]
    moments: Sequence[tuple[str, int]]
    action: Test
    outcome: Outcome
    bin_width: int
    n_bins: int
    washout: int = 0
    follow_up: int | None = None
    observed_until: int | None = None
    starts: Mapping[str, int] = field(default_factory=dict)

    @property
    def length(self) -> int:
        return self.outcome.horizon if self.follow_up is None else self.follow_up

    @property
    def max_delay(self) -> int:
        return self.bin_width * self.n_bins

    @property
    def watched(self) -> int:
        """Who wrote a table of outcomes watched at least until its latest time."""
        log_end = max(e.time for e in self.events) if self.observed_until is None else self.observed_until
        return max([log_end, *(time for time, _ in self.outcome.table.values())])


@dataclass(frozen=True)
class Instance:
    """A moment that counts; `delay` of the first action at or after it, None if there is none."""

    entity: str
    t0: int
    delay: int | None

    def bin_of(self, setting: Setting) -> int | None:
        """The bin that holds the first action, None beyond the last."""
        if self.delay is None or self.delay >= setting.max_delay:
            return None
        return self.delay // setting.bin_width


@dataclass(frozen=True)
class Row:
    """`instance` is a position among the instances; y is 0 or 1, or a number."""

    instance: int
    entity: str
    k: int
    z: int
    y: float


# --- moments of one event ---------------------------------------------------------------------------------------------


def by_entity(events: Iterable[Event]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for event in sorted(events, key=lambda e: (e.entity.encode(), e.time)):
        found.setdefault(event.entity, []).append(event)
    return found


def moments_of(events: Sequence[Event], test: Test, *, repeats: str = "first") -> list[tuple[str, int]]:
    """The times of the events that pass, each time once; the first of an entity, or all."""
    found = []
    for entity, own in by_entity(events).items():
        times = sorted({e.time for e in own if test(e)})
        found += [(entity, time) for time in (times[:1] if repeats == "first" else times)]
    return found


def silences_of(
    events: Sequence[Event], test: Test, absent: Test, within: int, *, until: int, repeats: str = "first"
) -> list[tuple[str, int]]:
    """`test -> no absent within w`: the moment is known, and begins, w after the event; (t, t + w] is silent."""
    found = []
    for entity, own in by_entity(events).items():
        quiet = [
            e.time + within
            for e in own
            if test(e)
            and e.time + within <= until
            and not any(absent(x) and e.time < x.time <= e.time + within for x in own)
        ]
        times = sorted(set(quiet))
        found += [(entity, time) for time in (times[:1] if repeats == "first" else times)]
    return found


# --- which moments count ----------------------------------------------------------------------------------------------


def why_not(setting: Setting, own: Sequence[Event], entity: str, t0: int) -> str | None:
    """The first of REASONS that holds for a moment. The same rule for every bin, so that no bin has other customers."""
    outcome, end = setting.outcome, t0 + setting.max_delay + setting.length
    if setting.starts.get(entity, min(e.time for e in own)) > t0:
        return "not_born"
    if end > setting.watched:
        return "not_followed"
    if outcome.kind == "table":
        if entity not in outcome.table:
            return "no_outcome_row"
        time, label = outcome.table[entity]
        if label == 0 and time < end:
            return "not_followed"
        if label == 1 and time < t0:
            return "already"
    if any(setting.action(e) and t0 - setting.washout <= e.time < t0 for e in own):
        return "washout"
    return None


def instances(setting: Setting) -> tuple[list[Instance], dict[str, int]]:
    """The moments that count, by entity and time, and how many of the others fell to which reason."""
    events = by_entity(setting.events)
    kept, excluded = [], Counter[str]()
    for entity, t0 in sorted(setting.moments, key=lambda m: (m[0].encode(), m[1])):
        reason = why_not(setting, events[entity], entity, t0)
        if reason is not None:
            excluded[reason] += 1
            continue
        delays = [e.time - t0 for e in events[entity] if setting.action(e) and e.time >= t0]
        kept.append(Instance(entity, t0, min(delays, default=None)))
    return kept, dict(excluded)


# --- what became of them ----------------------------------------------------------------------------------------------


def amount(outcome: Outcome, own: Sequence[Event], lo: int, hi: int) -> Fraction:
    """The count, or the exact sum of values (nulls add nothing), of the outcome's events in [lo, hi)."""
    found = [e for e in own if lo <= e.time < hi and outcome.test(e)]
    if outcome.kind == "sum":
        return sum((Fraction(e.value) for e in found if e.value is not None), Fraction(0))
    return Fraction(len(found))


def holds(outcome: Outcome, own: Sequence[Event], entity: str, lo: int, hi: int) -> bool:
    """Whether a yes/no outcome happens in [lo, hi)."""
    if outcome.kind == "table":
        time, label = outcome.table[entity]
        return label == 1 and lo <= time < hi
    if outcome.kind == "exists":
        return amount(outcome, own, lo, hi) > 0
    if outcome.kind == "no":
        return amount(outcome, own, lo, hi) == 0
    assert outcome.op is not None
    return bool(COMPARE[outcome.op](amount(outcome, own, lo, hi), Fraction(outcome.threshold)))


def at_risk(setting: Setting, own: Sequence[Event], entity: str, t0: int, tau: int) -> bool:
    """Whether the outcome can still happen at tau. Silence can only begin where there was something just before."""
    outcome = setting.outcome
    if outcome.numeric:
        return True
    if outcome.kind == "no":
        return amount(outcome, own, tau - setting.length, tau) > 0
    return not holds(outcome, own, entity, t0, tau)


def value(setting: Setting, own: Sequence[Event], entity: str, tau: int) -> float:
    """Y: the outcome in [tau, tau + H)."""
    end = tau + setting.length
    if setting.outcome.numeric:
        return float(amount(setting.outcome, own, tau, end))
    return float(holds(setting.outcome, own, entity, tau, end))


def expand(setting: Setting, kept: Sequence[Instance]) -> list[Row]:
    """One row per instance and bin at risk, by instance, then bin."""
    events = by_entity(setting.events)
    rows = []
    for i, one in enumerate(kept):
        own, when = events[one.entity], one.bin_of(setting)
        for k in range(setting.n_bins):
            tau = one.t0 + (k + 1) * setting.bin_width
            untouched = one.delay is None or one.delay >= k * setting.bin_width
            if untouched and at_risk(setting, own, one.entity, one.t0, tau):
                rows.append(Row(i, one.entity, k, int(when == k), value(setting, own, one.entity, tau)))
    return rows


def naive_values(setting: Setting, kept: Sequence[Instance]) -> list[float]:
    """The outcome as the naive comparison sees it: in [t0, t0 + H), whatever happened first."""
    events = by_entity(setting.events)
    return [value(setting, events[one.entity], one.entity, one.t0) for one in kept]
