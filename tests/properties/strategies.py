"""Generated logs and patterns, seqmine's form of them, and how many examples a property takes.

Logs have 1 to 6 entities, up to 12 events for each, few distinct times (so ties and duplicate rows abound), four
event types, values, a text attribute `ch` and a numeric attribute `size`, both with nulls. Three clocks:
microseconds 0..12, the same among the ends of the 64-bit range, and half hours around a change of daylight saving.

A property runs its `examples` in the default test run and, marked `long`, in proportion so that all properties
together take SEQMINE_LONG_EXAMPLES (100,000 unless set). Examples are derandomised: the same ones in every run of the
same test files (hypothesis also draws on constants that it finds in the modules that are loaded).
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import seqmine as sm
from reference.language import EPOCH, UNITS, Condition, Event, Link, Log, Pattern, Step, condition_holds

LONG_EXAMPLES = int(os.environ.get("SEQMINE_LONG_EXAMPLES", "100000"))
DEFAULT_EXAMPLES = 3_600  # of all properties together in the default run; a test holds them to it
REGISTERED: dict[str, int] = {}

LOWEST, HIGHEST = -(2**63) + 1, 2**63 - 1
HALF_HOUR, DAY = 30 * UNITS["m"], UNITS["d"]
# The night of 2021-03-28, on which Berlin's clocks go from 02:00 to 03:00, lies inside.
SPRING = 1_616_713_200_000_000

TYPES = ("a", "b", "c", "d")
VALUES = (None, 0.0, 0.5, 1.0, -2.0)
CHANNELS = (None, "app", "web")
SIZES = (None, 1.0, 2.5)


def prove(
    check: Callable[[Any], None], strategy: st.SearchStrategy[Any], *, examples: int
) -> tuple[Callable[[], None], Callable[[], None]]:
    """(default test, long test) that `check` holds for every example of a strategy."""
    REGISTERED[f"{check.__module__}.{check.__name__}"] = examples

    def test(n: int) -> Callable[[], None]:
        limits = settings(
            max_examples=n,
            derandomize=True,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        )

        def run(case: Any) -> None:
            check(case)

        run.__name__ = run.__qualname__ = check.__name__
        return limits(given(case=strategy)(run))

    long = test(math.ceil(examples * LONG_EXAMPLES / DEFAULT_EXAMPLES))
    # Sanitizers slow every example several times; they look for faults of memory, which few examples show as well.
    short = examples // 10 if "SEQMINE_SANITIZED" in os.environ else examples
    return test(max(short, 1)), pytest.mark.timeout(0)(pytest.mark.long(long))


# --- clocks and logs --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Clock:
    """The times that events may have and the durations that are interesting between them."""

    name: str
    times: tuple[int, ...]
    durations: tuple[int, ...]
    zone: str = "UTC"


SMALL = Clock("small", tuple(range(13)), (0, 1, 2, 3, 4, 6, 9, 20))
EXTREME = Clock(
    "extreme",
    (LOWEST, LOWEST + 1, -2, -1, 0, 1, 2, 3, HIGHEST - 1, HIGHEST),
    (0, 1, 2, 5, 2**62, 2**63 - 2, 2**63 - 1),
)
HOURS = Clock(
    "hours",
    tuple(SPRING + k * HALF_HOUR for k in range(-40, 200, 5)),
    (0, HALF_HOUR, 4 * HALF_HOUR, 9 * HALF_HOUR, DAY, 3 * DAY, 7 * DAY),
    "Europe/Berlin",
)
HOURS_WEST = Clock("hours west", HOURS.times, HOURS.durations, "America/St_Johns")
CLOCKS = (SMALL, EXTREME, HOURS, HOURS_WEST)


@st.composite
def logs(draw: st.DrawFn, clock: Clock, full: bool = False) -> Log:
    """A log (`full`: of several entities with several events).

    Each event is drawn as one number: that is faster, and it shrinks towards the first of everything.
    """
    entities = draw(st.integers(3 if full else 1, 6))
    size = draw(st.sampled_from((5, 8) if full else (3, 5, 8, 12))) * entities
    types = TYPES[: draw(st.sampled_from((4, 3, 2)))]
    times = clock.times[: draw(st.sampled_from((2, 6, len(clock.times))))]
    if clock is EXTREME:
        times = tuple(draw(st.lists(st.sampled_from(clock.times), min_size=1, max_size=6, unique=True)))
    radices = (len(types), len(times), entities, len(CHANNELS), len(VALUES), len(SIZES))
    smallest = draw(st.sampled_from((size, size, size if full else 1)))
    events = []
    for number in draw(st.lists(st.integers(0, math.prod(radices) - 1), min_size=smallest, max_size=size)):
        digits = []
        for radix in radices:
            number, digit = divmod(number, radix)
            digits.append(digit)
        kind, time, entity, channel, value, measure = digits
        attributes: dict[str, str | float | None] = {"ch": CHANNELS[channel], "size": SIZES[measure]}
        events.append(Event(f"e{entity}", times[time], types[kind], VALUES[value], attributes))
    log = Log(events + events[: draw(st.sampled_from((0, 0, 1, 3)))], clock.zone)
    if clock is not EXTREME and draw(st.integers(0, 2)) == 2:
        log = replace(log, declared_end=log.observed_until + draw(st.sampled_from(clock.durations)))
    if draw(st.integers(0, 4)) == 4:
        known = draw(st.lists(st.sampled_from(log.entities), unique=True))
        log = replace(log, starts={e: draw(st.sampled_from(clock.times)) for e in known})
    return log


def table(log: Log) -> pa.Table:
    """The log as a caller would hand it in, rows in the order in which they were drawn."""
    events = log.events
    return pa.table(
        {
            "entity": pa.array([e.entity for e in events], pa.string()),
            "time": pa.array([e.time for e in events], pa.timestamp("us", "UTC")),
            "event": pa.array([e.type for e in events], pa.string()),
            "value": pa.array([e.value for e in events], pa.float64()),
            "ch": pa.array([e.attributes["ch"] for e in events], pa.string()),
            "size": pa.array([e.attributes["size"] for e in events], pa.float64()),
        }
    )


def ingest(source: Any, zone: str, **options: Any) -> sm.EventLog:
    return sm.EventLog.from_arrow(
        source,
        entity="entity",
        time="time",
        event="event",
        value="value",
        attributes=["ch", "size"],
        timezone=zone,
        **options,
    )


def to_seqmine(log: Log) -> sm.EventLog:
    options: dict[str, Any] = {}
    if log.declared_end is not None:
        options["observed_until"] = iso(log.declared_end)
    if log.starts:
        times = pa.array(list(log.starts.values()), pa.timestamp("us", "UTC"))
        options["starts"] = pa.table({"entity": pa.array(list(log.starts), pa.string()), "time": times})
    return ingest(table(log), log.zone, **options)


def iso(time: int) -> str:
    return (EPOCH + timedelta(microseconds=time)).isoformat()


def microseconds(column: Any) -> list[int]:
    return column.cast(pa.int64()).to_pylist()


# --- patterns ----------------------------------------------------------------------------------------

NUMBER_OPS = ("<", "<=", ">", ">=", "=", "!=")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    kind = draw(st.sampled_from(("value", "ch", "size", "weekday", "hour")))
    if kind == "value":
        return Condition("value", draw(st.sampled_from(NUMBER_OPS)), draw(st.sampled_from((0, 0.5, 1, -2, 7))))
    if kind == "ch":
        return Condition("attribute", draw(st.sampled_from(("=", "!="))), draw(st.sampled_from(("app", "web"))), "ch")
    if kind == "size":
        return Condition("attribute", draw(st.sampled_from(NUMBER_OPS)), draw(st.sampled_from((1, 2.5))), "size")
    if kind == "weekday":
        first, last = draw(st.tuples(st.sampled_from(DAYS), st.sampled_from(DAYS)))
        return Condition("weekday", "=", first if first == last else (first, last))
    begin, end = draw(st.tuples(st.integers(0, 23), st.integers(0, 24)))
    return Condition("hour", "=", begin if begin == end else (begin, end))


@st.composite
def steps(draw: st.DrawFn) -> Step:
    how = draw(st.integers(0, 9))
    types: tuple[str, ...] = ()
    if how < 7:
        types = (draw(st.sampled_from(TYPES)),)
    elif how < 9:
        types = tuple(draw(st.lists(st.sampled_from(TYPES), min_size=2, max_size=3, unique=True)))
    chosen = (
        draw(st.lists(conditions(), max_size=2, unique_by=lambda c: (c.kind, c.name, c.op)))
        if draw(st.integers(0, 3)) == 3
        else []
    )
    return Step(types, tuple(chosen))


@st.composite
def gaps(draw: st.DrawFn, clock: Clock, between: int | None) -> tuple[int, int | None]:
    """Any gap or, with a duration `between`, one that it lies in."""
    how = draw(st.integers(0, 7))
    if how < 2 and between != 0:
        return 1, None
    if between is None:
        lo, hi = sorted(draw(st.lists(st.sampled_from(clock.durations), min_size=2, max_size=2, unique=True)))
        return lo, None if how == 2 else hi
    lo = draw(st.sampled_from([d for d in (*clock.durations, between) if d <= min(between, HIGHEST)]))
    if how == 2 or between >= HIGHEST:  # no written end holds the longest gaps
        return lo, None
    return lo, draw(st.sampled_from([d for d in (*clock.durations, between + 1) if d > between]))


@st.composite
def patterns(draw: st.DrawFn, clock: Clock, log: Log) -> Pattern:
    """A pattern; two of three are drawn around events of one entity, so that they have a match to lose."""
    length = draw(st.sampled_from((1, 2, 2, 2, 3, 3, 4)))
    anchored = draw(st.integers(0, 4)) == 4
    planted = None
    if draw(st.integers(0, 2)) > 0:
        events = log.of(draw(st.sampled_from(log.entities)))
        chosen = draw(
            st.lists(
                st.integers(0, len(events) - 1),
                min_size=min(length, len(events)),
                max_size=min(length, len(events)),
                unique=True,
            )
        )
        planted = sorted((events[i] for i in chosen), key=lambda e: e.time)
        length = len(planted)
        first = min(e.time for e in events)
    parts: list[Step] = []
    ways: list[Link | None] = []
    for i in range(length):
        step, between = draw(steps()), None
        if planted is not None:
            conditions = step.conditions
            if draw(st.integers(0, 3)) < 3:
                conditions = tuple(c for c in conditions if condition_holds(c, planted[i], log.zone))
            types = step.types if not step.types or planted[i].type in step.types else (planted[i].type,)
            step = Step(types, conditions)
            between = planted[i].time - (planted[i - 1].time if i else first)
        parts.append(step)
        guard = draw(steps()) if draw(st.integers(0, 3)) == 3 else None
        ways.append(Link(*draw(gaps(clock, between)), guard) if i or anchored else None)
    positive = [d for d in clock.durations if d > 0]
    absences = [
        (draw(steps()), draw(st.sampled_from(positive))) for _ in range(draw(st.sampled_from((0, 0, 0, 1, 1, 2))))
    ]
    span = draw(st.sampled_from(positive)) if draw(st.integers(0, 3)) == 3 else None
    return Pattern(tuple(parts), tuple(ways), tuple(absences), span)
