"""When outcomes came true, and which came true in the lead gap: against definitions written out event by event."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest
from small_logs import Event, instants, make_log

from seqmine.errors import ParameterError
from seqmine.labels import NEVER, Labels, Outcome, Study, first_true, label, lead_loss
from seqmine.labels import outcome_times as module

LEAD, HORIZON = 4, 20


def at(*rows: tuple[str, int]) -> pa.Table:
    return pa.table({"entity": [e for e, _ in rows], "index_time": instants(*(t for _, t in rows))})


def made(seed: int) -> tuple[list[Event], pa.Table]:
    rng = random.Random(seed)
    events: list[Event] = []
    for i in range(30):
        events.append((f"e{i:02}", 0, "begin", None))
        for _ in range(rng.randint(0, 25)):
            value = rng.choice([None, 1.0, 2.0, 3.5, -2.0])
            events.append((f"e{i:02}", rng.randrange(1, 60), rng.choice("xyz"), value))
    rows = [(f"e{i:02}", t) for i in range(30) for t in rng.sample(range(5, 40), 3)]
    return events, at(*rows)


def moment(outcome: str, events: list[tuple[int, str, float | None]], begin: int, end: int) -> int | None:
    """The first time in [begin, end) at which what happened up to it makes the outcome true."""
    inside = sorted(time for time, name, _ in events if name == "x" and begin <= time < end)
    for t in inside:
        so_far = [(time, value) for time, name, value in events if name == "x" and begin <= time <= t]
        n, total = len(so_far), sum(value or 0.0 for _, value in so_far)
        holds = {
            "exists(x)": n > 0,
            "count(x) >= 3": n >= 3,
            "count(x) > 1": n > 1,
            "count(x) > 0": n > 0,
            "sum(value of x) >= 3": total >= 3,
            "sum(value of x) > 2": total > 2,
        }
        if holds[outcome]:
            return t
    return None


OUTCOMES = ["exists(x)", "count(x) >= 3", "count(x) > 1", "count(x) > 0", "sum(value of x) >= 3", "sum(value of x) > 2"]


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("at_once", [1, 7, 1 << 22])
def test_first_true(outcome: str, seed: int, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_EVENTS_AT_ONCE", at_once)
    events, rows = made(seed)
    log = make_log(events, observed_until=100)
    study = Study(f"{outcome} within {HORIZON}us", at=rows, lead=f"{LEAD}us")
    labels = label(log, study)
    found = first_true(log, study, labels, threads=1 + seed % 3)
    assert found is not None and found.dtype == np.int64
    n_checked = 0
    for row, time in zip(labels.to_arrow().to_pylist(), found.tolist(), strict=True):
        own = [(t, name, value) for entity, t, name, value in events if entity == row["entity"]]
        begin = int(row["index_time"].timestamp() * 1e6 + 0.5) + LEAD
        expected = moment(outcome, own, begin, begin + HORIZON)
        if row["label"]:
            assert time == expected
            n_checked += 1
        else:
            assert time == NEVER  # also where a sum was enough for a while
    assert n_checked > 5


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("seed", range(4))
def test_lead_loss(outcome: str, seed: int) -> None:
    events, rows = made(seed)
    log = make_log(events, observed_until=100)
    study = Study(f"{outcome} within {HORIZON}us", at=rows, lead=f"{LEAD + 6}us")
    labels = label(log, study)
    loss = lead_loss(log, study, labels)
    expected = 0
    for row in labels.to_arrow().to_pylist():
        own = [(t, name, value) for entity, t, name, value in events if entity == row["entity"]]
        index = int(row["index_time"].timestamp() * 1e6 + 0.5)
        gap = [(t, name, value) for t, name, value in own if index <= t < index + LEAD + 6]
        n = sum(name == "x" for _, name, _ in gap)
        total = sum(value or 0.0 for _, name, value in gap if name == "x")
        true = {"exists": n > 0, "count(x) >= 3": n >= 3, "count(x) > 1": n > 1, "count(x) > 0": n > 0}
        true |= {"sum(value of x) >= 3": total >= 3, "sum(value of x) > 2": total > 2, "exists(x)": n > 0}
        expected += true[outcome] and not row["label"]
    assert loss is not None
    assert (loss.n_lost, loss.n_positive) == (expected, labels.n_positive)
    assert loss.share == expected / (expected + labels.n_positive)


def test_simultaneous_events_come_true_together() -> None:
    log = make_log([("e", 0, "begin"), ("e", 12, "x"), ("e", 15, "x"), ("e", 15, "x")], observed_until=99)
    study = Study("count(x) >= 2 within 20us", at=at(("e", 10)))
    assert first_true(log, study, label(log, study)).tolist() == [15]


def test_a_number_of_events_has_the_time_of_the_first() -> None:
    events, rows = made(1)
    log = make_log(events, observed_until=100)
    number, whether = (Study(f"{text} within 20us", at=rows, lead="4us") for text in ("count(x)", "exists(x)"))
    labels = label(log, number)
    assert max(labels.column("label").to_pylist()) > 1
    assert first_true(log, number, labels).tolist() == first_true(log, whether, label(log, whether)).tolist()
    assert lead_loss(log, number, labels) is None


def test_a_sum_that_is_undone_and_restored_came_true_at_first() -> None:
    values = [(12, 5.0), (13, -4.0), (14, 6.0)]
    log = make_log([("e", 0, "begin", None), *(("e", t, "x", v) for t, v in values)], observed_until=99)
    study = Study("sum(value of x) >= 5 within 20us", at=at(("e", 10)))
    assert first_true(log, study, label(log, study)).tolist() == [12]


def test_a_sum_that_rounding_keeps_below_comes_true_with_its_last_event() -> None:
    # Per time the values are 0.1 and (0.2 + 0.3); over the interval at once (0.1 + 0.2) + 0.3 = 0.6000000000000001.
    events = [("e", 0, "begin", None), ("e", 12, "x", 0.1), ("e", 13, "x", 0.2), ("e", 13, "x", 0.3)]
    log = make_log(events, observed_until=99)
    study = Study("sum(value of x) > 0.6 within 20us", at=at(("e", 10)))
    labels = label(log, study)
    assert labels.n_positive == 1
    assert first_true(log, study, labels).tolist() == [13]


@pytest.mark.parametrize(
    "outcome",
    [
        "no x within 20us",
        "count(x) top 10% within 20us",
        "sum(value of x) top 10% within 20us",
        "sum(value of x) within 20us",
        "count(x) < 3 within 20us",
        "count(x) = 3 within 20us",
        "count(x) != 3 within 20us",
        "count(x) >= 0 within 20us",
        "sum(value of x) >= 0 within 20us",
        "sum(value of x) > -1 within 20us",
    ],
)
def test_outcomes_without_a_moment(outcome: str) -> None:
    events, rows = made(1)
    log = make_log(events, observed_until=100)
    study = Study(outcome, at=rows, lead="4us")
    labels = label(log, study)
    assert first_true(log, study, labels) is None
    assert lead_loss(log, study, labels) is None


def test_given_labels_have_no_moment() -> None:
    labels = Labels.from_arrow({"entity": ["e"], "index_time": instants(10), "label": [1]})
    log = make_log([("e", 0, "x")])
    study = Study.from_labels(labels)
    assert first_true(log, study, labels) is None and lead_loss(log, study, labels) is None


def test_outcome_tables() -> None:
    log = make_log([(e, 0, "x") for e in "abcd"], observed_until=100)
    known = {"entity": ["d", "b", "a", "zz"], "time": instants(18, 99, 31, 5), "label": [1, 0, 1, 1]}
    for horizon in ("50us", None):
        study = Study(Outcome.from_table(known, horizon), at=at(*((e, 10) for e in "abd")), lead="8us")
        labels = label(log, study)
        assert labels.column("entity").to_pylist() == ["a", "b", "d"]
        assert first_true(log, study, labels).tolist() == [31, NEVER, 18]
        loss = lead_loss(log, study, labels)
        assert (loss.n_lost, loss.n_positive) == (0, 2)
    study = Study(Outcome.from_table(known, "50us"), at=at(*((e, 10) for e in "abd")), lead="9us")
    labels = label(log, study)
    loss = lead_loss(log, study, labels)
    assert (loss.n_lost, loss.n_positive, loss.share) == (1, 1, 0.5)
    assert loss.sentence == "Of 2 outcomes 1 (50.0 %) came true within 9us of the index: too late to act on."
    numbers = {"entity": ["a"], "time": instants(31), "value": [2.0]}
    study = Study(Outcome.from_table(numbers, "50us"), at=at(("a", 10)), lead="9us")
    assert first_true(log, study, label(log, study)) is None


def test_incident_outcomes_in_the_gap_were_left_out_and_are_counted() -> None:
    log = make_log(
        [("a", 0, "o"), ("a", 11, "x"), ("b", 0, "o"), ("b", 17, "x"), ("c", 0, "o"), ("d", 0, "o"), ("d", 3, "x")],
        observed_until=99,
    )
    rows = at(*((e, 10) for e in "abcd"))
    study = Study("exists(x) within 20us", at=rows, lead="5us", incident=True)
    labels = label(log, study)
    assert labels.excluded["outcome_in_lead"] == 1
    loss = lead_loss(log, study, labels)
    assert (loss.n_lost, loss.n_positive, loss.share) == (1, 1, 0.5)


def test_no_lead_and_no_outcome() -> None:
    events, rows = made(2)
    log = make_log(events, observed_until=100)
    study = Study("exists(x) within 20us", at=rows)
    assert lead_loss(log, study, label(log, study)) is None
    log = make_log([("e", 0, "x")], observed_until=99)
    study = Study("exists(x) within 20us", at=at(("e", 10)), lead="5us")
    labels = label(log, study)
    assert first_true(log, study, labels).tolist() == [NEVER]
    loss = lead_loss(log, study, labels)
    assert (loss.n_lost, loss.n_positive, loss.share) == (0, 0, None)
    assert loss.sentence == "No outcome came true, neither within 5us of the index nor after it."


def test_some_of_the_rows_will_do() -> None:
    events, rows = made(3)
    log = make_log(events, observed_until=100)
    study = Study("count(x) >= 2 within 20us", at=rows)
    labels = label(log, study)
    whole = first_true(log, study, labels)
    few = Labels.from_arrow(labels.to_arrow().slice(20, 30))
    assert first_true(log, study, few).tolist() == whole[20:50].tolist()


def test_arguments() -> None:
    log = make_log([("e", 0, "x")], observed_until=99)
    study = Study("exists(x) within 20us", at=at(("e", 10)))
    for function in (first_true, lead_loss):
        with pytest.raises(ParameterError, match="labels must be of type Labels"):
            function(log, study, 3)
        with pytest.raises(ParameterError, match="study must be of type Study"):
            function(log, 3, label(log, study))
