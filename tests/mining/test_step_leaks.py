"""Leak alarms of conditions and absences: against their definition row by row, folded into names, and on null logs."""

from __future__ import annotations

import datetime
import math
import random
import statistics
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import seqmine as sm
from seqmine.errors import LeakAlarm, ParameterError
from seqmine.labels import Labels, Study, label
from seqmine.mining.items import make_items
from seqmine.mining.leak_findings import LeakAlarmFinding
from seqmine.mining.leaks import check_leaks, leak_alarms
from seqmine.mining.step_leaks import Steps

HOUR = 3_600_000_000
DAY = 24 * HOUR
INDEX, HORIZON = 10 * DAY, 50 * DAY
CONTEXT = ("plan", "score", "hour", "weekday", "value")


@dataclass(frozen=True)
class Event:
    """One event of the made logs."""

    entity: str
    time: int
    type: str
    plan: str
    score: float
    value: float | None


def read(events: list[Event], until: int = INDEX + HORIZON) -> sm.EventLog:
    table = pa.table(
        {
            "entity": [e.entity for e in events],
            "time": pa.array([e.time for e in events], pa.timestamp("us", "UTC")),
            "event": [e.type for e in events],
            "value": pa.array([e.value for e in events], pa.float64()),
            "plan": [e.plan for e in events],
            "score": [e.score for e in events],
        }
    )
    return sm.EventLog.from_arrow(
        table, value="value", attributes=["plan", "score"], timezone="UTC", observed_until=until, plausible_years=None
    )


def planted(seed: int, n: int = 400, base: float = 0.3, leak: str = "") -> list[Event]:
    """Customers who leave (x) or not.

    `leak` is what tells it: the `plan` written afterwards on every event ("static") or on most visits ("reason"), a
    high `score` ("score"), visits at night right before leaving ("night"), no call after a visit ("silence"); all
    of them with "all".
    """
    rng = random.Random(seed)
    events: list[Event] = []

    def has(name: str) -> bool:
        return leak in (name, "all")

    for i in range(n):
        name, leaves = f"e{i:04}", rng.random() < base
        soon = leaves and rng.random() < 0.55
        plan = "gone" if has("static") and leaves and rng.random() < 0.97 else rng.choice("ab")
        score = rng.random() + (0.75 if has("score") and leaves and rng.random() < 0.9 else 0)

        def add(time: int, what: str, own: str = plan, score: float = score, name: str = name) -> None:
            events.append(Event(name, time, what, own, score, rng.choice([None, 1.0, 2.0, 9.0])))

        add(rng.randrange(DAY), "begin")
        for what in ("visit", "mail", "call"):
            for _ in range(rng.randrange(4)):
                time = rng.randrange(INDEX)
                if has("silence") and what == "call" and leaves:
                    time = rng.randrange(2 * DAY)
                add(time, what)
        if has("reason") and leaves and rng.random() < 0.5:
            add(rng.randrange(INDEX), "visit", "cancel")
        if has("night") and (soon or rng.random() < 0.1):
            add(INDEX - rng.randrange(1, 6) * HOUR, "mail")
        if leaves:
            add(INDEX + (rng.randrange(HOUR) if soon else rng.randrange(HOUR, HORIZON - DAY)), "x")
    return events


def study(**keywords: Any) -> Study:
    return Study("exists(x) within 50d", at="1970-01-11", **keywords)


def alarms(
    log: sm.EventLog,
    asked: Study,
    *,
    context: tuple[str, ...] = CONTEXT,
    absences: tuple[int, ...] = (),
    min_support: int = 60,
    **keywords: Any,
) -> tuple[LeakAlarmFinding, ...]:
    labels = label(log, asked)
    n, bound = labels.n_rows, labels.bind(log, numbers=True)
    given = {"discovery": np.ones(n, dtype=np.bool_), "stratum": np.zeros(n, dtype=np.int32)} | keywords
    items = make_items(log, bound.take(given["discovery"]), context, min_support)
    return leak_alarms(log, labels, bound, asked, min_support=min_support, steps=Steps(items, absences), **given)


def holds(event: Event, text: str) -> bool:
    """Whether an event passes ``type{field=text}`` and the like: read with no parser of ours."""
    kind, _, condition = text.rstrip("}").partition("{")
    if event.type != kind or not condition:
        return event.type == kind
    if ">=" in condition:
        field, number = condition.split(">=")
        held = event.value if field == "value" else event.score
        return held is not None and held >= float(number)
    field, operand = condition.split("=")
    if field == "plan":
        return event.plan == operand
    first, _, last = operand.partition("..")
    when = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=event.time)
    if field == "hour":
        return int(first) <= when.hour < int(last)
    week = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    return week.index(first) <= when.weekday() <= week.index(last or first)


class Oracle:
    """The definition, with Python numbers, row by row."""

    def __init__(self, events: list[Event], rows: list[dict[str, Any]], stratum: list[int], lookback: int):
        self.stratum = stratum
        self.y = [row["label"] for row in rows]
        own = [[e for e in events if e.entity == row["entity"]] for row in rows]
        self.seen = [[e for e in mine if INDEX - lookback <= e.time < INDEX] for mine in own]
        self.moment = [min((e.time for e in mine if e.type == "x" and e.time >= INDEX), default=0) for mine in own]

    def z(self, matched: list[bool], groups: list[int]) -> float:
        surplus = variance = 0.0
        for s in set(groups):
            rows = [i for i, group in enumerate(groups) if group == s]
            n, m, p = len(rows), sum(matched[i] for i in rows), sum(self.y[i] for i in rows)
            surplus += sum(self.y[i] for i in rows if matched[i]) - m * p / n
            if n > 1:
                variance += m * (n - m) * p * (n - p) / (n * n * (n - 1))
        return surplus / math.sqrt(variance) if variance else 0.0

    def almost(self, matched: list[bool], needed: float) -> bool:
        base = sum(self.y) / len(self.y)
        share = sum(y for y, m in zip(self.y, matched, strict=True) if m) / sum(matched)
        return share > 0.9 and share / base > min(3, 0.9 / base) and self.z(matched, [0] * len(self.y)) >= needed

    def lead(self, text: str) -> int | None:
        rows = [i for i, mine in enumerate(self.seen) if self.y[i] and any(holds(e, text) for e in mine)]
        leads = [self.moment[i] - max(e.time for e in self.seen[i] if holds(e, text)) for i in rows]
        return statistics.median_low(leads) if leads else None

    def items(self, texts: list[str], fewest: int, out: set[str]) -> dict[str, tuple[Any, ...]]:
        tried = [text for text in texts if "{" in text and text.split("{")[0] not in out]
        all_rows = {text: [any(holds(e, text) for e in mine) for mine in self.seen] for text in tried}
        enough = {text: matched for text, matched in all_rows.items() if sum(matched) >= fewest}
        needed = strict_z(len(enough))
        result = {}
        for text, matched in enough.items():
            n, lead = sum(matched), self.lead(text)
            n_positive = sum(y for y, m in zip(self.y, matched, strict=True) if m)
            if self.almost(matched, needed):
                result[text] = ("almost_the_outcome", n, n_positive, None)
            elif lead is not None and lead * 50 < HORIZON and self.z(matched, self.stratum) >= needed:
                result[text] = ("just_before_the_outcome", n, n_positive, lead)
        return result

    def absences(self, types: list[str], days: list[int], fewest: int, out: set[str]) -> dict[str, tuple[Any, ...]]:
        needed = strict_z(len(types) ** 2 * len(days))
        result = {}
        for one in types:
            for other in types:
                for n_days in days:
                    matched = [
                        any(e.type == one and e.time + n_days * DAY < INDEX
                            and not any(f.type == other and e.time < f.time <= e.time + n_days * DAY for f in mine)
                            for e in mine)
                        for mine in self.seen
                    ]  # fmt: skip
                    if sum(matched) >= fewest and one not in out and self.almost(matched, needed):
                        n_positive = sum(y for y, m in zip(self.y, matched, strict=True) if m)
                        text = f"{one} -> no {other} within {n_days}d"
                        result[text] = ("almost_the_outcome", sum(matched), n_positive, None)
        return result


def strict_z(n: int) -> float:
    normal = statistics.NormalDist()
    return -normal.inv_cdf(normal.cdf(-3) / max(n, 1))


@pytest.mark.parametrize("leak", ["", "static", "reason", "score", "night", "silence", "all"])
@pytest.mark.parametrize(("seed", "base", "lookback"), [(0, 0.3, 10), (1, 0.5, 10), (2, 0.15, 6), (3, 0.7, 8)])
def test_against_the_definition(leak: str, seed: int, base: float, lookback: int) -> None:
    events = planted(seed, 500, base, leak)
    log, asked = read(events), study(lookback=f"{lookback}d")
    labels, rng = label(log, asked), random.Random(seed)
    discovery = [rng.random() < 0.8 for _ in range(labels.n_rows)]
    stratum = [rng.randrange(3) for _ in range(labels.n_rows)]
    found = alarms(
        log,
        asked,
        absences=(DAY, 3 * DAY),
        discovery=np.array(discovery),
        stratum=np.array(stratum, dtype=np.int32),
        threads=1 + seed % 2,
    )
    out = {f.event for f in found if not f.is_step}
    rows = [row for row, chosen in zip(labels.to_arrow().to_pylist(), discovery, strict=True) if chosen]
    oracle = Oracle(events, rows, [s for s, chosen in zip(stratum, discovery, strict=True) if chosen], lookback * DAY)
    bound = labels.bind(log).take(np.array(discovery))
    texts = [item.text for item in make_items(log, bound, CONTEXT, 60)]
    assert len(texts) > 60
    expected = oracle.items(texts, 20, out)
    expected |= oracle.absences([text for text in texts if "{" not in text], [1, 3], 60, out)
    steps = [f for f in found if f.is_step]
    assert {f.event: (f.kind, f.n_matched, f.n_positive, f.median_lead) for f in steps} == expected
    assert [f.event for f in steps] == sorted(expected)
    assert leak or not expected
    for f in steps:
        assert f.share == f.n_positive / f.n_matched
        assert f.lift == pytest.approx(f.share / (sum(oracle.y) / len(oracle.y)))


@pytest.mark.parametrize(
    ("leak", "names"),
    [
        ("static", ["*{plan=gone}"]),
        ("reason", ["visit{plan=cancel}"]),
        ("silence", []),
    ],
)
def test_a_planted_leak_has_one_name(leak: str, names: list[str]) -> None:
    log = read(planted(5, 2_000, 0.25, leak))
    found = alarms(log, study())
    if not names:
        assert not found
        return
    with pytest.raises(LeakAlarm) as caught:
        check_leaks(log, found)
    assert list(caught.value.events) == names
    assert (caught.value.exclude, caught.value.context, caught.value.absence) == ((), ("plan",), False)
    assert check_leaks(log, found, names)[0].n_steps == len(found)


@pytest.mark.parametrize(
    ("n_short", "lead", "alarm"),
    [(20, HORIZON // 50 - 1, True), (20, HORIZON // 50, False), (19, HORIZON // 50 - 1, False), (20, 1, True)],
)
def test_half_of_the_rows_right_before(n_short: int, lead: int, alarm: bool) -> None:
    """Of 40 positive rows the 20th lead is the median; 2 % of the horizon is not under 2 %."""
    events = []
    for i in range(400):
        leaves, name = i < 40, f"e{i:03}"
        events.append(Event(name, INDEX - 1, "visit", "a", 0, None))
        if i < 55:
            events.append(Event(name, INDEX - (1 if i < n_short else 5 * DAY), "visit", "late", 0, None))
        if leaves:
            events.append(Event(name, INDEX - 1 + lead, "x", "a", 0, None))
    found = alarms(read(events), study(), context=("plan",), min_support=50)
    said = [(f.event, f.kind, f.n_matched, f.n_positive, f.median_lead) for f in found]
    assert said == ([("visit{plan=late}", "just_before_the_outcome", 55, 40, lead)] if alarm else [])


def test_thresholds_have_the_loosest_for_a_name() -> None:
    log = read(planted(6, 2_000, 0.35, "score"))
    found = alarms(log, study())
    assert len({f.event.split("{")[0] for f in found}) == 4 and len(found) > 4
    (one,) = check_leaks(log, found, [f.event for f in found])
    numbers = [float(f.event.split(">=")[1].rstrip("}")) for f in found]
    assert one.event == f"*{{score>={min(numbers):g}}}" and one.n_steps == 4
    assert check_leaks(log, found, [one.event]) == (one,)
    with pytest.raises(LeakAlarm):  # stricter ones leave the looser one
        check_leaks(log, found, [f"*{{score>={max(numbers):g}}}"])


def test_silence_that_all_but_is_the_outcome() -> None:
    rng, events = random.Random(7), []
    for i in range(1_500):
        leaves = rng.random() < 0.2
        days = range(2) if leaves or rng.random() < 0.01 else range(10)
        events += [Event(f"e{i:04}", day * DAY + rng.randrange(DAY), "visit", "a", 0, None) for day in days]
        events += [Event(f"e{i:04}", INDEX + DAY, "x", "a", 0, None)] * leaves
    log = read(events)
    assert alarms(log, study()) == ()
    found = alarms(log, study(), absences=(4 * DAY, 5 * DAY))
    assert [f.event for f in found] == ["visit -> no visit within 4d", "visit -> no visit within 5d"]
    with pytest.raises(LeakAlarm, match=r"leave out absence, or acknowledge them by name: acknowledge=\['visit -> no"):
        check_leaks(log, found)
    (one,) = check_leaks(log, found, ["* -> no visit within 4d"])
    assert one.event == "visit -> no visit within 4d"
    assert one.sentence.startswith("Of ") and "rows that match 'visit -> no visit within 4d' before" in one.sentence
    options = sm.MinerOptions(min_support=50, max_length=1, absence=("4d",), threads=1)
    small = sm.EvidenceOptions(small_data=50)
    with pytest.raises(LeakAlarm):
        sm.mine(log, study(), options, evidence=small)
    # Small data have no absences.
    assert sm.mine(log, study(), options, evidence=sm.EvidenceOptions(permutations=19)).alarms == ()
    known = sm.mine(log, study(), options, evidence=replace(small, acknowledge=["visit -> no visit within 4d"]))
    assert [f.event for f in known.alarms] == ["visit -> no visit within 4d"]


def test_numbers_have_alarms_of_conditions() -> None:
    """A plan that those have who will spend much."""
    rng, events = random.Random(8), []
    for i in range(1_000):
        much = rng.random() < 0.2
        plan = "gold" if much else rng.choice("ab")
        for what in ("visit", "mail"):
            events += [Event(f"e{i:04}", rng.randrange(INDEX), what, plan, 0, None) for _ in range(3)]
        events.append(
            Event(f"e{i:04}", INDEX + DAY, "x", plan, 0, rng.uniform(90, 100) if much else rng.uniform(1, 50))
        )
    log = read(events)
    asked = Study("sum(value of x) within 50d", at="1970-01-11")
    found = alarms(log, asked, context=("plan",))
    (one,) = check_leaks(log, found, ["*{plan=gold}"])
    assert (one.event, one.n_steps, one.kind) == ("*{plan=gold}", 2, "almost_the_outcome")
    assert one.about.startswith("above ") and one.share == 1.0
    assert alarms(log, asked, context=("weekday",)) == ()


def test_acknowledged_steps_go_on_and_the_rest_does_not() -> None:
    log = read(planted(9, 4_500, 0.3, "static"))
    options = sm.MinerOptions(context=("plan",), max_length=1, learn_gaps=False, threads=1)
    with pytest.raises(LeakAlarm) as caught:
        sm.mine(log, study(), options)
    assert caught.value.events == ("*{plan=gone}",)
    said = str(caught.value)
    assert said.startswith(
        "1 kind of step of the log may be the outcome in other words: "
        "'*{plan=gone}' (4 steps, such as 'begin{plan=gone}': "
    )
    assert said.endswith("leave 'plan' out of context, or acknowledge them by name: acknowledge=['*{plan=gone}']")
    with pytest.raises(LeakAlarm) as caught:
        sm.mine(log, study(), options, evidence=sm.EvidenceOptions(acknowledge=["begin{plan=gone}"]))
    assert caught.value.events == ("*{plan=gone}",) and "(3 steps, such as" in str(caught.value)
    for names in (["*{plan=gone}"], ["begin|call|mail{plan=gone}", "visit{plan=gone}"]):
        known = sm.mine(log, study(), options, evidence=sm.EvidenceOptions(acknowledge=names))
        assert [alarm.event for alarm in known.alarms] == ["*{plan=gone}"]
        assert known.alarms[0].sentence.endswith("; and so it is with 3 more steps of '*{plan=gone}'.")
        assert "begin{plan=gone}" in known.to_arrow().column("pattern").to_pylist()
    # Without the attribute there is nothing to say.
    assert sm.mine(log, study(), sm.MinerOptions(max_length=1, learn_gaps=False, threads=1)).alarms == ()


def test_event_types_with_an_alarm_are_not_told_again() -> None:
    events = planted(10, 1_000, 0.3, "static")
    leaving = {e.entity for e in events if e.type == "x"}
    events += [Event(name, DAY, "form", "gone", 0, None) for name in sorted(leaving)]
    log = read(events)
    found = alarms(log, study())
    assert [f.event for f in found if not f.is_step] == ["form"]
    assert not [f for f in found if f.event.startswith("form{")]
    with pytest.raises(LeakAlarm, match=r"^\[?.*2 kinds of steps") as caught:
        check_leaks(log, found)
    assert caught.value.events == ("*{plan=gone}", "form") and caught.value.exclude == ("form",)
    assert "leave them out with exclude_events=['form'], leave 'plan' out of context, or ack" in str(caught.value)


@pytest.mark.parametrize(("entities", "alarm"), [(19, False), (20, True)])
def test_what_few_entities_are_is_no_alarm(entities: int, alarm: bool) -> None:
    """Several rows each: however many, they have their entity in common."""
    names = [f"e{i:03}" for i in range(200)]
    events = [
        Event(name, DAY, what, "own" if i < entities else "a", 0, None)
        for i, name in enumerate(names)
        for what in ("visit", "mail")
    ]
    times = [2 * DAY + hour * HOUR for hour in range(5)]
    rows = {
        "entity": [name for name in names for _ in times],
        "index_time": pa.array(times * len(names), pa.timestamp("us", "UTC")),
        "label": [int(i < entities or i % 10 == 0) for i in range(len(names)) for _ in times],
    }
    log, labels = read(events), Labels.from_arrow(rows)
    bound = labels.bind(log)
    items = make_items(log, bound, ("plan",), 50)
    found = leak_alarms(
        log,
        labels,
        bound,
        None,
        discovery=np.ones(labels.n_rows, dtype=np.bool_),
        stratum=np.zeros(labels.n_rows, dtype=np.int32),
        min_support=50,
        steps=Steps(items),
    )
    assert [f.event for f in found] == (["mail{plan=own}", "visit{plan=own}"] if alarm else [])


@pytest.mark.parametrize("base", [0.05, 0.3, 0.6, 0.75, 0.9])
def test_null_logs_have_no_alarms(base: float) -> None:
    """Two thousand conditions, and outcomes that hang on none: also where nearly all leave, and soon."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        n, per = 1_500, 12
        entity = np.repeat(np.arange(n), per)
        leaves = rng.random(n) < base
        own = rng.integers(0, 40, n)
        names = np.array([f"e{i:04}" for i in range(n)])
        gone = np.flatnonzero(leaves)
        stamp = np.concatenate([rng.integers(0, INDEX, n * per), INDEX + rng.integers(1, DAY, len(gone))])
        who = np.concatenate([entity, gone])
        table = pa.table(
            {
                "entity": names[who],
                "time": pa.array(stamp, pa.timestamp("us", "UTC")),
                "event": np.concatenate([rng.choice([f"t{i}" for i in range(15)], n * per), np.full(len(gone), "x")]),
                "plan": np.array([f"p{i:02}" for i in range(40)])[own[who]],
                "page": rng.choice([f"q{i:02}" for i in range(30)], len(who)),
            }
        )
        log = sm.EventLog.from_arrow(
            table, attributes=["plan", "page"], timezone="UTC", observed_until=INDEX + HORIZON, plausible_years=None
        )
        found = alarms(log, study(), context=("plan", "page", "hour", "weekday"), absences=(DAY,), min_support=20)
        assert found == ()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["vist{plan=gone}"], r"the log has no event type 'vist', named in 'vist\{plan=gone\}' - did you mean 'visit'"),
        (["*{plam=gone}"], "the log has no attribute 'plam' - did you mean 'plan'"),
        (["visit -> no cal within 3d"], "the log has no event type 'cal', named in .* did you mean 'call'"),
        (["visit -> mail"], "acknowledged leaks: the log has no event type 'visit -> mail'"),
        (["*"], r"acknowledged leaks: the log has no event type '\*'"),
        (["visit{plan=gone, score>=1}"], "the log has no event type"),
        (["visit{plan"], "the log has no event type"),
    ],
)
def test_what_cannot_be_acknowledged(names: list[str], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        check_leaks(read(planted(0, 50)), (), names)


@pytest.mark.parametrize(
    ("name", "event", "covered"),
    [
        ("*{plan=gone}", "visit{plan=gone}", True),
        ("visit{plan=gone}", "visit{plan=gone}", True),
        ("mail|visit{plan=gone}", "visit{plan=gone}", True),
        ("mail{plan=gone}", "visit{plan=gone}", False),
        ("*{plan=kept}", "visit{plan=gone}", False),
        ("*{score>=1}", "visit{score>=2}", True),
        ("*{score>=2}", "visit{score>=1}", False),
        ("*{value>=1}", "visit{score>=2}", False),
        ("visit{weekday=Sat..Sun}", "visit{weekday=Sun}", True),
        ("visit{weekday=Mon..Fri}", "visit{weekday=Sun}", False),
        ("visit{hour=22..7}", "visit{hour=0..6}", True),
        ("visit{hour=0..6}", "visit{hour=6..12}", False),
        ("* -> no call within 3d", "visit -> no call within 1w", True),
        ("* -> no call within 1w", "visit -> no call within 3d", False),
        ("* -> no mail within 3d", "visit -> no call within 1w", False),
        ("visit", "visit{plan=gone}", False),
    ],
)
def test_what_a_name_stands_for(name: str, event: str, covered: bool) -> None:
    one = LeakAlarmFinding(event, "almost_the_outcome", 40, 39, 0.975, 9.75, None, None)
    one = replace(one, absent=" no " in event, context="plan" if "{" in event else None, example=event)
    log = read(planted(0, 50))
    if covered:
        assert check_leaks(log, [one], [name]) == (one,)
    else:
        with pytest.raises(LeakAlarm):
            check_leaks(log, [one], [name])


def test_steps_that_say_the_same_are_folded() -> None:
    log = read(planted(0, 50))
    texts = {
        "visit{weekday=Sun}": 30, "visit{weekday=Sat..Sun}": 50, "mail{weekday=Sat..Sun}": 40, "mail{plan=gone}": 60,
        "call{plan=gone}": 70, "call{plan=b}": 20, "visit -> no call within 1w": 30, "mail -> no call within 3d": 25,
    }  # fmt: skip
    findings = [
        LeakAlarmFinding(
            text, "almost_the_outcome", n, n, 1.0, 5.0, None, None,
            context=None if " no " in text else text.split("{")[1].split("=")[0], absent=" no " in text, example=text,
        )
        for text, n in texts.items()
    ]  # fmt: skip
    found = check_leaks(log, findings, list(texts))
    assert [(f.event, f.example, f.n_steps) for f in found] == [
        ("* -> no call within 3d", "visit -> no call within 1w", 2),
        ("*{plan=gone}", "call{plan=gone}", 2),
        ("*{weekday=Sat..Sun}", "visit{weekday=Sat..Sun}", 2),
        ("call{plan=b}", "call{plan=b}", 1),
    ]
    assert check_leaks(log, findings, [f.event for f in found]) == found
