"""Leak alarms: against their definition row by row, on planted leaks, and at their borders."""

from __future__ import annotations

import math
import random
import statistics
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from seqmine import EventLog
from seqmine.errors import LeakAlarm, ParameterError
from seqmine.labels import Labels, Outcome, Study, label
from seqmine.mining import leak_counts
from seqmine.mining.leaks import LeakAlarmFinding, check_leaks, leak_alarms

HOUR = 3_600_000_000
INDEX, HORIZON = 100 * HOUR, 1000 * HOUR
Row = tuple[str, int, str]


def stamps(times: list[int]) -> pa.Array:
    return pa.array(times, pa.timestamp("us", "UTC"))


def read(events: list[Row]) -> EventLog:
    entity, time, event = (list(column) for column in zip(*events, strict=True))
    table = pa.table({"entity": entity, "time": stamps(time), "event": event})
    return EventLog.from_arrow(table, timezone="UTC", observed_until=INDEX + HORIZON)


def planted(seed: int, n: int = 600, base: float = 0.3) -> list[Row]:
    """Customers who leave (x) after the index, with what tells it: early, right before, by chance, and not at all."""
    rng = random.Random(seed)
    events: list[Row] = []
    for i in range(n):
        name = f"e{i:04}"
        leaves = rng.random() < base
        soon = leaves and rng.random() < 0.5
        when = INDEX + (rng.randrange(HOUR) if soon else rng.randrange(HOUR, HORIZON - HOUR))
        events.append((name, 0, "begin"))
        if leaves:
            events.append((name, when, "x"))
        if (leaves and rng.random() < 0.6) or rng.random() < 0.01:
            events.append((name, rng.randrange(HOUR, 90 * HOUR), "cancel_form"))
        if soon or rng.random() < 0.1:
            events.append((name, INDEX - rng.randrange(1, HOUR), "cancel_page"))
            if rng.random() < 0.7:  # and long before: the last time is what counts
                events.append((name, rng.randrange(1, 50 * HOUR), "cancel_page"))
        events += [(name, rng.randrange(1, INDEX), "noise") for _ in range(rng.randrange(4))]
        events += [(name, rng.randrange(INDEX, INDEX + HOUR), "survey") for _ in range(int(leaves))]
        if rng.random() < 0.5:
            events.append((name, INDEX - rng.randrange(1, HOUR), "login"))
    return events


def study(**keywords: Any) -> Study:
    return Study(f"exists(x) within {HORIZON}us", at="1970-01-05T04:00Z", **keywords)


def alarms(
    log: EventLog, asked: Study | None, labels: Labels, min_support: int = 100, **keywords: Any
) -> tuple[LeakAlarmFinding, ...]:
    n = labels.n_rows
    given = {"discovery": np.ones(n, dtype=np.bool_), "stratum": np.zeros(n, dtype=np.int32)} | keywords
    return leak_alarms(log, labels, labels.bind(log), asked, min_support=min_support, **given)


class Oracle:
    """The definition, with Python numbers."""

    def __init__(self, events: list[Row], labels: Labels, discovery: list[bool], stratum: list[int], lookback: int):
        rows = labels.to_arrow().to_pylist()
        self.seen: list[dict[str, int]] = []
        self.moment: list[int | None] = []
        self.y: list[int] = []
        self.stratum = [s for s, chosen in zip(stratum, discovery, strict=True) if chosen]
        for row, chosen in zip(rows, discovery, strict=True):
            if not chosen:
                continue
            own = [(t, name) for entity, t, name in events if entity == row["entity"]]
            last: dict[str, int] = {}
            for t, name in sorted(own):
                if INDEX - lookback <= t < INDEX and name not in labels.exclude_events:
                    last[name] = t
            self.seen.append(last)
            self.moment.append(min((t for t, name in own if name == "x" and t >= INDEX), default=None))
            self.y.append(row["label"])

    def z(self, event: str, stratified: bool) -> float:
        surplus = variance = 0.0
        groups = self.stratum if stratified else [0] * len(self.y)
        for s in set(groups):
            rows = [i for i, group in enumerate(groups) if group == s]
            n, m = len(rows), sum(event in self.seen[i] for i in rows)
            p = sum(self.y[i] for i in rows)
            surplus += sum(self.y[i] for i in rows if event in self.seen[i]) - m * p / n
            if n > 1:
                variance += m * (n - m) * p * (n - p) / (n * n * (n - 1))
        return surplus / math.sqrt(variance) if variance else 0.0

    def findings(self, fewest: int) -> dict[str, tuple[str, int, int, int | None]]:
        base = sum(self.y) / len(self.y)
        result = {}
        for event in {name for last in self.seen for name in last}:
            matched = [i for i, last in enumerate(self.seen) if event in last]
            positive = [i for i in matched if self.y[i]]
            if len(matched) < fewest:
                continue
            share = len(positive) / len(matched)
            leads = [self.moment[i] - self.seen[i][event] for i in positive]
            median = statistics.median_low(leads) if leads else None
            if share > 0.9 and share / base > min(3, 0.9 / base) and self.z(event, False) >= 3:
                result[event] = ("almost_the_outcome", len(matched), len(positive), median)
            elif median is not None and median < 0.02 * HORIZON and self.z(event, True) >= 3:
                result[event] = ("just_before_the_outcome", len(matched), len(positive), median)
        return result


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("lookback", "at_once"), [(100 * HOUR, 1 << 22), (100 * HOUR, 64), (30 * HOUR, 1)])
def test_against_the_definition(seed: int, lookback: int, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leak_counts, "EVENTS_AT_ONCE", at_once)
    events = planted(seed, n=300, base=[0.1, 0.3, 0.5, 0.8][seed % 4])
    log, asked = read(events), study(lookback=f"{lookback}us", exclude_events=["noise"])
    labels = label(log, asked)
    rng = random.Random(seed)
    discovery = [rng.random() < 0.7 for _ in range(labels.n_rows)]
    stratum = [rng.randrange(4) for _ in range(labels.n_rows)]
    found = alarms(
        log,
        asked,
        labels,
        discovery=np.array(discovery),
        stratum=np.array(stratum, dtype=np.int32),
        threads=1 + seed % 3,
    )
    expected = Oracle(events, labels, discovery, stratum, lookback).findings(20)
    assert {f.event: (f.kind, f.n_matched, f.n_positive, f.median_lead) for f in found} == expected
    assert [f.event for f in found] == sorted(expected)
    for finding in found:
        assert finding.share == finding.n_positive / finding.n_matched
        assert finding.horizon == HORIZON


def test_planted_leaks_are_found_and_the_rest_is_not() -> None:
    log = read(planted(1, n=3000))
    labels = label(log, study())
    found = {f.event: f for f in alarms(log, study(), labels)}
    assert {name: f.kind for name, f in found.items()} == {
        "cancel_form": "almost_the_outcome",
        "cancel_page": "just_before_the_outcome",
    }
    assert "cancel_form' before the index 9" in found["cancel_form"].sentence
    assert "of the outcome, less than 2 % of the horizon of 1000h" in found["cancel_page"].sentence
    # Once they are excluded nothing is left; the survey comes after the index, the login by chance.
    asked = study(exclude_events=["cancel_form", "cancel_page"])
    assert alarms(log, asked, label(log, asked)) == ()


def test_the_estimation_rows_do_not_count() -> None:
    events = planted(2)
    log = read(events)
    labels = label(log, study())
    half = np.arange(labels.n_rows) % 2 == 0
    found = alarms(log, study(), labels, discovery=half)
    few = Labels.from_arrow(labels.to_arrow().filter(pa.array(half)))
    assert found == alarms(log, study(), few)
    assert alarms(log, study(), labels, discovery=np.zeros(labels.n_rows, dtype=np.bool_)) == ()


def test_given_labels_have_the_first_kind_only() -> None:
    log = read(planted(1, n=3000))
    labels = label(log, study())
    for asked in (None, Study.from_labels(labels)):
        found = alarms(log, asked, labels)
        assert [(f.event, f.median_lead, f.horizon) for f in found] == [("cancel_form", None, None)]


def test_a_table_without_a_horizon_has_the_first_kind_only() -> None:
    events = planted(1, n=3000)
    log = read(events)
    left = {entity: time for entity, time, name in events if name == "x"}
    names = sorted({entity for entity, _, _ in events})
    known = {
        "entity": names,
        "time": stamps([left.get(name, INDEX + HORIZON) for name in names]),
        "label": [int(name in left) for name in names],
    }
    for horizon, kinds in ((None, 1), (f"{HORIZON}us", 2)):
        asked = Study(Outcome.from_table(known, horizon), at="1970-01-05T04:00Z")
        assert len(alarms(log, asked, label(log, asked))) == kinds


def simple(n_matched: int, n_positive: int, n_other: int, n_other_positive: int) -> tuple[EventLog, Labels]:
    """So many rows with the event "leak" and without, and positive ones among them."""
    leak = [1] * n_matched + [0] * n_other
    y = [int(i < n_positive) for i in range(n_matched)] + [int(i < n_other_positive) for i in range(n_other)]
    names = [f"{i:06}" for i in range(len(y))]
    events = [(name, 0, "begin") for name in names]
    events += [(name, 5, "leak") for name, has in zip(names, leak, strict=True) if has]
    return read(events), Labels.from_arrow({"entity": names, "index_time": stamps([10] * len(y)), "label": y})


@pytest.mark.parametrize(
    ("counts", "min_support", "alarm"),
    [
        ((20, 19, 200, 20), 100, True),
        ((20, 18, 200, 20), 100, False),  # 0.9 exactly is not more than 0.9
        ((19, 19, 200, 20), 100, False),  # too few rows
        ((30, 30, 200, 20), 300, True),
        ((29, 29, 200, 20), 300, False),  # a tenth of the least support
        ((50, 50, 50, 25), 100, True),  # at a base rate of 0.75 the lift of 1.33 is more than 0.9 / 0.75
        ((20, 19, 2000, 1800), 100, False),  # at a base rate of 0.9 that is chance
        ((20_000, 19_000, 20_000, 17_000), 100, True),
        ((100, 0, 100, 100), 100, False),  # "begin" is everywhere, and "leak" lowers
    ],
)
def test_borders(counts: tuple[int, int, int, int], min_support: int, alarm: bool) -> None:
    log, labels = simple(*counts)
    found = alarms(log, None, labels, min_support)
    assert [f.event for f in found] == (["leak"] if alarm else [])


@pytest.mark.parametrize("positive", [0, 40])
def test_one_class(positive: int) -> None:
    log, labels = simple(40, positive, 40, positive)
    assert alarms(log, None, labels) == ()


def test_entities_that_the_log_lacks_see_nothing() -> None:
    log, labels = simple(30, 30, 100, 0)
    table = pa.concat_tables(
        [
            labels.to_arrow(),
            pa.table({"entity": ["zz1", "zz2"], "index_time": stamps([10, 10]), "label": [0, 1]}).cast(
                labels.to_arrow().schema
            ),
        ]
    )
    found = alarms(log, None, Labels.from_arrow(table))
    assert [(f.n_matched, f.n_positive) for f in found] == [(30, 30)]
    assert found[0].lift == pytest.approx(1 / (31 / 132))


def finding(event: str, **fields: Any) -> LeakAlarmFinding:
    values: dict[str, Any] = {
        "event": event,
        "kind": "almost_the_outcome",
        "n_matched": 40,
        "n_positive": 39,
        "share": 0.975,
        "lift": 9.75,
        "median_lead": None,
        "horizon": None,
    }
    return LeakAlarmFinding(**values | fields)


def test_alarms_stop_until_they_are_acknowledged() -> None:
    log, _ = simple(30, 30, 100, 0)
    late = finding("begin", kind="just_before_the_outcome", median_lead=36 * HOUR, horizon=2400 * HOUR)
    both = (late, finding("leak"))
    with pytest.raises(LeakAlarm) as caught:
        check_leaks(log, both)
    assert str(caught.value) == (
        "2 event types of the log may be the outcome in other words: 'begin' (median lead 1.5 % of the horizon over 39 "
        "positive rows, lift 9.75); 'leak' (97.5 % of 40 rows positive, lift 9.75) - leave them out with "
        "exclude_events=['begin', 'leak'], or acknowledge them by name"
    )
    assert caught.value.events == ("begin", "leak") and caught.value.code == "SM-3001"
    with pytest.raises(LeakAlarm, match=r"1 event type of the log may be .* 'begin'") as caught:
        check_leaks(log, both, ["leak"])
    assert caught.value.events == ("begin",)
    assert check_leaks(log, both, ["leak", "begin"]) == both
    assert check_leaks(log, (), ["leak"]) == ()
    assert late.sentence == (
        "Half of the 39 positive rows that see 'begin' see it within 36 hours of the outcome, less than 2 % of the "
        "horizon of 100d (lift 9.75)."
    )


def test_many_alarms_are_counted() -> None:
    log, _ = simple(30, 30, 100, 0)
    with pytest.raises(LeakAlarm, match=r"^7 event types .*'e4' \(.*\) and 2 more - .*'e4', \.\.\.\]") as caught:
        check_leaks(log, [finding(f"e{i}") for i in range(7)])
    assert "e5" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["laek"], "acknowledged leaks: the log has no event type 'laek' - did you mean 'leak'"),
        (["zzzzzz"], "see log.event_types"),
        ("leak", r"must be a list of event types, not one text - write \['leak'\]"),
        ([1], "must be names of event types, not int"),
    ],
)
def test_what_cannot_be_acknowledged(names: Any, message: str) -> None:
    log, _ = simple(30, 30, 100, 0)
    with pytest.raises(ParameterError, match=message):
        check_leaks(log, (), names)
