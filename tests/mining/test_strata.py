"""Strata of rows against a pure-Python oracle: nothing from the index on, edges from the discovery rows alone."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from seqmine import EventLog
from seqmine.errors import ParameterError
from seqmine.labels import Labels
from seqmine.mining.strata import RowStrata, row_strata

DAY = 86_400_000_000


def stamps(times: list[int]) -> pa.Array:
    return pa.array(times, pa.timestamp("us", "UTC"))


def made(seed: int, n_entities: int = 40, busiest: int = 12) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Events and labelled rows; few distinct times, so that ties and events at the index happen."""
    rng = random.Random(seed)
    events = [
        {
            "entity": f"e{i:03}",
            "time": rng.randrange(40),
            "event": rng.choice("abcx"),
            "plan": rng.choice(["basic", "plus", None, None]),
            "score": rng.random(),
        }
        for i in range(n_entities)
        for _ in range(rng.randint(1, busiest))
    ]
    rows = [
        {"entity": f"e{i:03}", "index_time": t, "label": rng.randrange(2), "region": rng.choice(["n", "s", None])}
        for i in range(n_entities + 3)  # three that the log lacks
        for t in rng.sample(range(45), rng.randint(1, 3))
    ]
    return events, rows


def read(
    events: list[dict[str, Any]], rows: list[dict[str, Any]], lookback: str | None, exclude: tuple[str, ...] = ()
) -> tuple[EventLog, Labels]:
    columns: dict[str, Any] = {name: [event[name] for event in events] for name in ("entity", "event", "plan", "score")}
    columns |= {"time": stamps([event["time"] for event in events]), "plan": pa.array(columns["plan"], pa.string())}
    log = EventLog.from_arrow(pa.table(columns), attributes=["plan", "score"], timezone="UTC")
    table: dict[str, Any] = {name: [row[name] for row in rows] for name in ("entity", "label")}
    table |= {"index_time": stamps([row["index_time"] for row in rows])}
    table |= {"region": pa.array([row["region"] for row in rows], pa.string())}
    return log, Labels.from_arrow(pa.table(table), lookback, exclude)


class Oracle:
    """The definition, row by row."""

    def __init__(self, events: list[dict[str, Any]], rows: list[dict[str, Any]], lookback: int | None, exclude: str):
        self.rows = sorted(rows, key=lambda row: (row["entity"], row["index_time"]))
        self.start: dict[str, int] = {}
        for event in events:
            first = self.start.get(event["entity"], event["time"])
            self.start[event["entity"]] = min(first, event["time"])
        self.seen = [
            sorted(
                (
                    event
                    for event in events
                    if event["entity"] == row["entity"]
                    and event["time"] < row["index_time"]
                    and (lookback is None or event["time"] >= row["index_time"] - lookback)
                    and event["event"] not in exclude
                ),
                key=lambda e: (e["time"], e["event"], e["plan"] or "", e["score"]),
            )
            for row in self.rows
        ]

    def activity(self, discovery: list[bool]) -> list[int]:
        counts = [len(seen) for seen in self.seen]
        found = sorted(count for count, chosen in zip(counts, discovery, strict=True) if chosen)
        n_classes = min(max(2 * len(found) // 2000, 20), 100)
        cuts = {found[i * len(found) // n_classes] for i in range(1, n_classes)}
        distinct = sorted(set(found))
        for value, following in zip(distinct, [*distinct[1:], None], strict=True):
            if found.count(value) >= len(found) / n_classes:  # it fills a class by itself
                cuts |= {value} | ({following} if following is not None else set())
        return [sum(count >= cut for cut in cuts if cut > found[0]) for count in counts]

    def tenure(self, discovery: list[bool]) -> list[int]:
        tenure = [max(row["index_time"] - self.start.get(row["entity"], 10**9), 0) for row in self.rows]
        found = sorted(t for t, chosen in zip(tenure, discovery, strict=True) if chosen)
        median = found[len(found) // 2]
        cut = median if median > found[0] else min((t for t in found if t > found[0]), default=None)
        return [int(cut is not None and t >= cut) for t in tenure]

    def plan(self) -> list[str | None]:
        told = [[event["plan"] for event in seen if event["plan"] is not None] for seen in self.seen]
        return [plans[-1] if plans else None for plans in told]


def same_groups(found: RowStrata, expected: list[tuple[Any, ...]]) -> None:
    assert found.code.dtype == np.int32 and len(found.code) == len(expected)
    pairs = set(zip(found.code.tolist(), expected, strict=True))
    assert len(pairs) == len({code for code, _ in pairs}) == len({value for _, value in pairs}) == found.n_strata
    assert {code for code, _ in pairs} == set(range(found.n_strata))
    assert len(set(found.names)) == found.n_strata


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("lookback", "exclude"), [(None, ""), (9, ""), (None, "x"), (15, "xa")])
def test_against_the_definition(seed: int, lookback: int | None, exclude: str) -> None:
    events, rows = made(seed)
    log, labels = read(events, rows, None if lookback is None else f"{lookback}us", tuple(exclude))
    oracle = Oracle(events, rows, lookback, exclude)
    discovery = [random.Random(seed + i).random() < 0.5 for i in range(labels.n_rows)]
    mask = np.array(discovery)
    activity, tenure = oracle.activity(discovery), oracle.tenure(discovery)
    region = [row["region"] for row in oracle.rows]
    bound = labels.bind(log)

    default = row_strata(log, labels, bound, mask)
    same_groups(default, list(zip(activity, tenure, strict=True)))
    # In order of activity, then tenure.
    assert [code for code, *_ in sorted(zip(default.code.tolist(), activity, tenure, strict=True))] == sorted(
        default.code.tolist()
    )
    same_groups(row_strata(log, labels, bound, mask, adjust=["activity"]), [(a,) for a in activity])
    same_groups(row_strata(log, labels, bound, mask, adjust=["tenure"]), [(t,) for t in tenure])
    both = row_strata(log, labels, bound, mask, columns=["region", "plan"])
    same_groups(both, list(zip(activity, tenure, region, oracle.plan(), strict=True)))
    same_groups(row_strata(log, labels, bound, mask, adjust=(), columns=["plan"]), [(p,) for p in oracle.plan()])
    everybody = row_strata(log, labels, bound, mask, adjust=())
    assert everybody.names == ("all rows",) and not everybody.code.any()

    for threads in (1, 3):
        again = row_strata(log, labels, bound, mask, columns=["region", "plan"], threads=threads)
        assert again.code.tobytes() == both.code.tobytes() and again.names == both.names


def test_nothing_from_the_index_on_is_looked_at() -> None:
    events, rows = made(5)
    before = [event for event in events if event["time"] < 20]
    rows = [row | {"index_time": 20} for row in {row["entity"]: row for row in rows}.values()]
    mask = np.ones(len(rows), dtype=np.bool_)
    log, labels = read(events, rows, None)
    early, early_labels = read(before, rows, None)
    whole = row_strata(log, labels, labels.bind(log), mask, columns=["plan"])
    cut = row_strata(early, early_labels, early_labels.bind(early), mask, columns=["plan"])
    assert whole.code.tolist() == cut.code.tolist() and whole.names == cut.names


def test_edges_come_from_the_discovery_rows_alone() -> None:
    events, rows = made(6)
    log, labels = read(events, rows, None)
    bound = labels.bind(log)
    half = np.arange(labels.n_rows) < labels.n_rows // 2
    found = row_strata(log, labels, bound, half)
    table = labels.to_arrow().filter(pa.array(half))
    few = Labels.from_arrow(table)
    alone = row_strata(log, few, few.bind(log), np.ones(few.n_rows, dtype=np.bool_))
    assert np.array_equal(found.rule.activity, alone.rule.activity)
    assert np.array_equal(found.rule.tenure, alone.rule.tenure)
    assert [found.names[code] for code in found.code[half]] == [alone.names[code] for code in alone.code]


def counts_log(counts: list[int]) -> tuple[EventLog, Labels]:
    """Entity i has counts[i] events before its index."""
    entity = [f"{i:06}" for i, n in enumerate(counts) for _ in range(n + 1)]
    time = [j for n in counts for j in [*range(n), 10_000]]
    log = EventLog.from_arrow({"entity": entity, "time": stamps(time), "event": ["a"] * len(entity)}, timezone="UTC")
    names = [f"{i:06}" for i in range(len(counts))]
    rows = {"entity": names, "index_time": stamps([10_000] * len(counts)), "label": [0] * len(counts)}
    return log, Labels.from_arrow(pa.table(rows))


@pytest.mark.parametrize(("n", "classes"), [(100, 20), (20_000, 20), (31_000, 31)])
def test_number_of_classes(n: int, classes: int) -> None:
    log, labels = counts_log(list(range(100)) * (n // 100))
    found = row_strata(log, labels, labels.bind(log), np.ones(n, dtype=np.bool_), adjust=["activity"])
    assert found.n_strata == classes
    sizes = np.bincount(found.code)
    assert sizes.max() <= 2 * sizes.min()


def test_equal_numbers_stay_together_and_names_say_the_range() -> None:
    log, labels = counts_log([1] * 60 + [2] * 20 + [7] * 20)
    found = row_strata(log, labels, labels.bind(log), np.ones(100, dtype=np.bool_), adjust=["activity"])
    assert found.names == ("0 to 1 events", "2 to 6 events", "7 events or more")
    assert np.bincount(found.code).tolist() == [60, 20, 20]
    assert found.sentence == (
        "Rows are compared with rows that are alike in the number of events seen before the index (3 classes)."
    )


def test_one_class_where_all_are_equal_and_words_for_it() -> None:
    log, labels = counts_log([3] * 30)
    found = row_strata(log, labels, labels.bind(log), np.ones(30, dtype=np.bool_))
    assert found.names == ("any number of events; any tenure",)
    assert "the time since the entity's start (one class)" in found.sentence


def test_tenure_is_cut_even_where_half_of_the_rows_have_the_shortest() -> None:
    log = EventLog.from_arrow(
        {"entity": list("abcde"), "time": stamps([9 * DAY] * 3 + [5 * DAY, 0]), "event": ["a"] * 5}, timezone="UTC"
    )
    rows = {"entity": list("abcde"), "index_time": stamps([10 * DAY] * 5), "label": [0] * 5}
    labels = Labels.from_arrow(pa.table(rows))
    found = row_strata(log, labels, labels.bind(log), np.ones(5, dtype=np.bool_), adjust=["tenure"])
    assert found.code.tolist() == [0, 0, 0, 1, 1]
    assert found.names == ("tenure under 5 days", "tenure of 5 days or more")


def test_declared_starts_count_as_tenure() -> None:
    log = EventLog.from_arrow(
        {"entity": ["a", "b"], "time": stamps([9 * DAY, 9 * DAY]), "event": ["x", "x"]},
        starts=pa.table({"entity": ["a"], "time": stamps([0])}),
        timezone="UTC",
    )
    labels = Labels.from_arrow({"entity": ["a", "b"], "index_time": stamps([10 * DAY] * 2), "label": [0, 1]})
    found = row_strata(log, labels, labels.bind(log), np.ones(2, dtype=np.bool_), adjust=["tenure"])
    assert found.code.tolist() == [1, 0]


def test_no_rows_and_no_log() -> None:
    log, labels = counts_log([3] * 30)
    none = Labels.from_arrow(labels.to_arrow().slice(30))
    found = row_strata(log, none, none.bind(log), np.zeros(0, dtype=np.bool_))
    assert found.n_strata == 0 and found.code.tolist() == []
    empty = EventLog.from_arrow(
        {"entity": pa.array([], pa.string()), "time": stamps([]), "event": pa.array([], pa.string())}, timezone="UTC"
    )
    found = row_strata(empty, labels, labels.bind(empty), np.ones(30, dtype=np.bool_))
    assert found.names == ("any number of events; any tenure",)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"adjust": ["activty"]}, "adjust: nothing is called 'activty' - did you mean 'activity'"),
        ({"adjust": "activity"}, "adjust must be a list of names"),
        ({"adjust": ["tenure", "tenure"]}, "adjust: a name is there twice"),
        ({"columns": "plan"}, r"columns must be a list of names - write columns=\['plan'\]"),
        ({"columns": ["plann"]}, "no column|neither the labels nor the log .* did you mean 'plan'"),
        ({"columns": ["score"]}, "the attribute 'score' holds numbers"),
        ({"columns": ["label"]}, "neither the labels nor the log have a column 'label'"),
        ({"columns": ["weight"]}, "the column 'weight' of the labels holds double"),
    ],
)
def test_what_cannot_be_held_equal(keywords: dict[str, Any], message: str) -> None:
    events, rows = made(1)
    log, labels = read(events, rows, None)
    table = labels.to_arrow().append_column("weight", pa.array(np.ones(labels.n_rows)))
    labels = Labels.from_arrow(table)
    with pytest.raises(ParameterError, match=message):
        row_strata(log, labels, labels.bind(log), np.ones(labels.n_rows, dtype=np.bool_), **keywords)


def test_a_column_of_the_labels_comes_before_an_attribute() -> None:
    events, rows = made(2)
    log, labels = read(events, rows, None)
    table = labels.to_arrow().append_column("plan", pa.array(["own"] * labels.n_rows))
    labels = Labels.from_arrow(table)
    found = row_strata(
        log, labels, labels.bind(log), np.ones(labels.n_rows, dtype=np.bool_), adjust=(), columns=["plan"]
    )
    assert found.names == ("plan own",)
    assert found.sentence == "Rows are compared with rows that are alike in plan (as the labels say)."
