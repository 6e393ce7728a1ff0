"""Leak alarms of numbers: against their definition row by row, on planted leaks, at their borders, and on null logs."""

from __future__ import annotations

import math
import random
import statistics
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import evidence_logs as made
import seqmine as sm
from seqmine.labels import Labels, Study, label
from seqmine.mining import leak_counts
from seqmine.mining.leaks import LeakAlarmFinding, leak_alarms

HOUR = 3_600_000_000
INDEX, HORIZON = 100 * HOUR, 1000 * HOUR
Row = tuple[str, int, str, float | None]
COUNT, SUM = f"count(x) within {HORIZON}us", f"sum(value of x) within {HORIZON}us"


def read(events: list[Row]) -> sm.EventLog:
    entity, time, event, value = (list(column) for column in zip(*events, strict=True))
    stamps = pa.array(time, pa.timestamp("us", "UTC"))
    table = pa.table({"entity": entity, "time": stamps, "event": event, "value": pa.array(value, pa.float64())})
    return sm.EventLog.from_arrow(table, value="value", timezone="UTC", observed_until=INDEX + HORIZON)


def planted(seed: int, n: int = 600, buying: float = 0.4) -> list[Row]:
    """Customers who buy (x) or not, with what tells it: that they will, how much, that they will not, and when."""
    rng = random.Random(seed)
    events: list[Row] = []
    for i in range(n):
        name = f"e{i:04}"
        buys = rng.random() < buying
        contract = rng.random() < 0.3
        soon = buys and rng.random() < 0.5
        events.append((name, 0, "begin", None))
        for k in range(rng.randrange(1, 5) if buys else 0):
            at = rng.randrange(HOUR) if soon and k == 0 else rng.randrange(HOUR, HORIZON - 1)
            events.append((name, INDEX + at, "x", (5_000.0 if contract else 0.0) + rng.lognormvariate(3, 1)))
        before = rng.randrange(1, 90 * HOUR)
        if buys and rng.random() < 0.2:
            events.append((name, before, "order_form", None))
        if buys and contract and rng.random() < 0.97:
            events.append((name, before, "signed", None))
        if not buys and rng.random() < 0.1:
            events.append((name, before, "closed", None))
        if soon or rng.random() < 0.1:
            events.append((name, INDEX - rng.randrange(1, HOUR), "checkout", None))
        if rng.random() < 0.5:
            events.append((name, INDEX - rng.randrange(1, HOUR), "login", None))
        events += [(name, rng.randrange(1, INDEX), "noise", None) for _ in range(rng.randrange(4))]
    return events


def study(outcome: str, **keywords: Any) -> Study:
    return Study(outcome, at="1970-01-05T04:00Z", **keywords)


def alarms(log: sm.EventLog, asked: Study | None, labels: Labels, **keywords: Any) -> tuple[LeakAlarmFinding, ...]:
    n = labels.n_rows
    given = {"discovery": np.ones(n, dtype=np.bool_), "stratum": np.zeros(n, dtype=np.int32), "min_support": 100}
    return leak_alarms(log, labels, labels.bind(log, numbers=True), asked, **given | keywords)


class Oracle:
    """The definition, with Python numbers."""

    def __init__(self, events: list[Row], labels: Labels, discovery: list[bool], stratum: list[int]) -> None:
        self.seen: list[dict[str, int]] = []
        self.first: list[int | None] = []
        self.y: list[float] = []
        self.stratum = [s for s, chosen in zip(stratum, discovery, strict=True) if chosen]
        of_entity: dict[str, list[tuple[int, str]]] = {}
        for entity, t, name, _ in sorted(events, key=lambda row: row[:3]):
            of_entity.setdefault(entity, []).append((t, name))
        for row, chosen in zip(labels.to_arrow().to_pylist(), discovery, strict=True):
            if chosen:
                own = of_entity[row["entity"]]
                self.seen.append({name: t for t, name in own if t < INDEX})
                self.first.append(min((t for t, name in own if name == "x" and t >= INDEX), default=None))
                self.y.append(float(row["label"]))

    def within(self, event: str) -> tuple[float, float]:
        """(share of the variance explained, z), strata kept apart."""
        pull = room = squares = variance = 0.0
        for s in set(self.stratum):
            rows = [i for i, group in enumerate(self.stratum) if group == s]
            n, mean = len(rows), statistics.fmean(self.y[i] for i in rows)
            m = sum(event in self.seen[i] for i in rows)
            own = sum((self.y[i] - mean) ** 2 for i in rows)
            pull += sum(self.y[i] - mean for i in rows if event in self.seen[i])
            room += m * (n - m) / n
            squares += own
            variance += m * (n - m) / (n * (n - 1)) * own if n > 1 else 0.0
        return (pull**2 / room / squares if room >= 10 else 0.0), (pull / math.sqrt(variance) if variance else 0.0)

    def almost(self, event: str, is_so: list[bool]) -> bool:
        n, p = len(self.y), sum(is_so)
        rows = [i for i in range(n) if event in self.seen[i]]
        m, a = len(rows), sum(is_so[i] for i in rows)
        if not 0 < p <= 0.6 * n or m == n:
            return False
        z = (a - m * p / n) / math.sqrt(m * (n - m) * p * (n - p) / (n * n * (n - 1)))
        return a / m > 0.9 and a / m / (p / n) > min(3, 0.9 / (p / n)) and z >= 3

    def findings(self, timed: bool) -> dict[str, str]:
        n, ordered = len(self.y), sorted(self.y)
        edge = int(0.3 * n)
        common = max(sorted(set(self.y)), key=self.y.count)
        kinds = [[y > ordered[n - 1 - edge] for y in self.y], [y < ordered[edge] for y in self.y]]
        if self.y.count(common) > edge:
            kinds += [[y == common for y in self.y], [y != common for y in self.y]]
        result = {}
        for event in {name for last in self.seen for name in last}:
            if sum(event in last for last in self.seen) < 20:
                continue
            explained, z = self.within(event)
            leads = [
                at - last[event]
                for at, last in zip(self.first, self.seen, strict=True)
                if at is not None and event in last
            ]
            if any(self.almost(event, kind) for kind in kinds):
                result[event] = "almost_the_outcome"
            elif explained > 0.8:
                result[event] = "explains_the_number"
            elif timed and leads and statistics.median_low(leads) < 0.02 * HORIZON and z >= 3:
                result[event] = "just_before_the_outcome"
        return result


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("outcome", "at_once"), [(COUNT, 1 << 22), (SUM, 64)])
def test_against_the_definition(seed: int, outcome: str, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leak_counts, "EVENTS_AT_ONCE", at_once)
    events = planted(seed, n=1200, buying=[0.15, 0.4, 0.8][seed % 3])
    log, asked = read(events), study(outcome)
    labels = label(log, asked)
    rng = random.Random(seed)
    discovery = [rng.random() < 0.7 for _ in range(labels.n_rows)]
    stratum = [rng.randrange(4) for _ in range(labels.n_rows)]
    found = alarms(
        log, asked, labels, discovery=np.array(discovery), stratum=np.array(stratum, np.int32), threads=1 + seed % 3
    )
    oracle = Oracle(events, labels, discovery, stratum)
    expected = oracle.findings(timed=outcome == COUNT)
    assert expected
    assert {f.event: f.kind for f in found} == expected
    assert [f.event for f in found] == sorted(expected)
    for finding in found:
        assert finding.explained == pytest.approx(oracle.within(finding.event)[0])


def test_planted_leaks_are_found_and_the_rest_is_not() -> None:
    log = read(planted(1, n=3000))
    found = {f.event: f for f in alarms(log, study(SUM), label(log, study(SUM)))}
    assert {name: f.kind for name, f in found.items()} == {
        "order_form": "almost_the_outcome",
        "signed": "almost_the_outcome",
        "closed": "almost_the_outcome",
    }
    assert "100.0 % are not 0, " in found["order_form"].sentence
    assert "100.0 % are 0 exactly, " in found["closed"].sentence
    assert "100.0 % are above " in found["signed"].sentence
    counted = {f.event: f for f in alarms(log, study(COUNT), label(log, study(COUNT)))}
    assert {name: f.kind for name, f in counted.items()} == {
        "order_form": "almost_the_outcome",
        "signed": "almost_the_outcome",
        "closed": "almost_the_outcome",
        "checkout": "just_before_the_outcome",
    }
    assert "of the outcome, less than 2 % of the horizon of 1000h" in counted["checkout"].sentence
    clean = study(COUNT, exclude_events=sorted(counted))
    assert alarms(log, clean, label(log, clean)) == ()


def given(y: list[float], leak: list[bool]) -> tuple[sm.EventLog, Labels]:
    """Rows with these numbers, some of them with the event "leak"."""
    names = [f"{i:06}" for i in range(len(y))]
    events: list[Row] = [(name, 0, "begin", None) for name in names]
    events += [(name, 5, "leak", None) for name, has in zip(names, leak, strict=True) if has]
    events += [(name, INDEX, "x", number) for name, number in zip(names, y, strict=True)]
    log = read(events)
    return log, label(log, study(SUM))


@pytest.mark.parametrize(("spread", "alarm"), [(1.8, True), (2.2, False)])
def test_what_splits_the_rows_in_two_explains_the_number(spread: float, alarm: bool) -> None:
    # Half of the rows see it and have 8 more; the rest varies by `spread`: 16 / (16 + spread^2) of the variance.
    rng = np.random.default_rng(0)
    leak = rng.random(4000) < 0.5
    y = np.where(leak, 28.0, 20.0) + rng.normal(0, spread, 4000)
    log, labels = given(y.tolist(), leak.tolist())
    found = alarms(log, None, labels)
    assert [f.event for f in found] == (["leak"] if alarm else [])
    if alarm:
        assert found[0].kind == "explains_the_number"
        assert found[0].explained == pytest.approx(16 / (16 + spread**2), abs=0.02)
        assert "explains 8" in found[0].sentence
        assert "% of the variance, seen by" in found[0].figures


def test_what_strata_explain_is_no_leak() -> None:
    rng = np.random.default_rng(1)
    stratum = (np.arange(4000) % 2).astype(np.int32)
    leak = rng.random(4000) < np.where(stratum == 1, 0.9, 0.1)
    y = 20 + 20.0 * stratum + rng.normal(0, 1, 4000)
    log, labels = given(y.tolist(), leak.tolist())
    assert alarms(log, None, labels, stratum=stratum) == ()
    merged = alarms(log, None, labels)
    assert [f.event for f in merged] == []
    assert alarms(log, None, given((y + 20 * leak).tolist(), leak.tolist())[1], stratum=stratum)[0].explained > 0.9


@pytest.mark.parametrize(
    ("n_matched", "n_high", "alarm"),
    [(20, 19, True), (20, 18, False), (19, 19, False), (40, 37, True), (40, 36, False)],
)
def test_borders(n_matched: int, n_high: int, alarm: bool) -> None:
    """Few rows that see it, nine of ten of them among the largest numbers; it explains little of the variance."""
    y = [float(i) for i in range(1000)]
    leak = [False] * 1000
    for i in range(n_high):
        leak[705 + i] = True
    for i in range(n_matched - n_high):
        leak[100 + i] = True
    log, labels = given(y, leak)
    found = alarms(log, None, labels)
    assert [(f.event, f.about) for f in found] == ([("leak", "above 699")] if alarm else [])


def test_one_outlier_is_no_leak() -> None:
    """All but one row see it, and that one has nearly all of the variance."""
    y = [1.0 + 0.001 * (i % 7) for i in range(999)] + [1e6]
    log, labels = given(y, [True] * 999 + [False])
    assert alarms(log, None, labels) == ()
    assert alarms(log, None, given([3.0] * 1000, [True] * 999 + [False])[1]) == ()


def test_null_logs_raise_no_alarm() -> None:
    """24 logs in which activity drives both events and numbers, 15 to 30 event types each: no alarm at all."""
    for seed in range(12):
        for log, outcome in (
            (made.numeric_log(3_000, seed), f"sum(value of {made.PURCHASE}) within {made.HORIZON}"),
            (made.null_log(3_000, seed), f"count({made.REFERRAL}) within {made.HORIZON}"),
        ):
            events = sm.EventLog.from_arrow(log.events, value="value", timezone="UTC", observed_until=made.UNTIL_TEXT)
            asked = Study(outcome, at=made.INDEX_TEXT, lookback=made.LOOKBACK)
            assert alarms(events, asked, label(events, asked)) == ()


def test_a_study_of_numbers_is_refused_until_its_leaks_are_named() -> None:
    log, asked = read(planted(3, n=3000)), study(SUM)
    options = sm.MinerOptions(max_length=1, min_support=50, threads=1)
    with pytest.raises(sm.errors.LeakAlarm) as caught:
        sm.mine(log, asked, options)
    assert caught.value.events == ("closed", "order_form", "signed")
    known = sm.mine(log, asked, options, evidence=sm.EvidenceOptions(acknowledge=caught.value.events))
    assert [alarm.event for alarm in known.alarms] == ["closed", "order_form", "signed"]
    assert len(sm.mine(log, study(SUM, exclude_events=caught.value.events), options).alarms) == 0
