"""Every public function says what it was given and what it takes; every `threads` is checked by one rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

import seqmine as sm
from seqmine.errors import ParameterError

TABLE = pa.table({"entity": ["x"], "time": [0], "event": ["a"]})
ROWS = pa.table({"entity": ["x"], "index_time": ["1970-01-02T00:00Z"], "label": [1]})
STUDY = sm.Study("exists(a) within 1d", at="1970-01-01")


def make_log(**keywords: Any) -> sm.EventLog:
    return sm.EventLog.from_arrow(TABLE, time_unit="s", plausible_years=None, **keywords)


@pytest.mark.parametrize(
    "log", [1, None, TABLE, "events.parquet", sm.EventLog], ids=["int", "None", "table", "path", "class"]
)
@pytest.mark.parametrize(
    "call",
    [
        lambda log: sm.find(log, "a"),
        lambda log: sm.count(log, "a"),
        lambda log: sm.label(log, STUDY),
        lambda log: sm.mine(log, sm.Labels.from_arrow(ROWS)),
        sm.mine_frequent,
        lambda log: sm.Labels.from_arrow(ROWS).bind(log),
    ],
    ids=["find", "count", "label", "mine", "mine_frequent", "bind"],
)
def test_what_is_no_log(call: Callable[[Any], object], log: object) -> None:
    with pytest.raises(ParameterError, match=r"log must be of type EventLog, not \w+ - make one with sm.EventLog.read"):
        call(log)


@pytest.mark.parametrize("labels", [STUDY, ROWS, 1, [1, 0], sm.Labels], ids=["study", "table", "int", "list", "class"])
def test_what_are_no_labels(labels: Any) -> None:
    message = r"labels must be Labels, not \w+ - make them with sm.label\(log, study\) or sm.Labels.from_arrow\(table\)"
    with pytest.raises(ParameterError, match=message):
        sm.count(make_log(), "a", labels=labels)


@pytest.mark.parametrize("study", [ROWS, 1, [1, 0], sm.Labels], ids=["table", "int", "list", "class"])
def test_what_cannot_be_mined(study: Any) -> None:
    with pytest.raises(ParameterError, match=r"mine takes a Study or Labels, not \w+ - make one with sm.Study\("):
        sm.mine(make_log(), study)


@pytest.mark.parametrize("study", [2, "exists(a) within 1d", ROWS], ids=["int", "text", "table"])
def test_what_is_no_study(study: Any) -> None:
    with pytest.raises(ParameterError, match=r"study must be of type Study, not \w+ - write sm.Study\("):
        sm.label(make_log(), study)


@pytest.mark.parametrize("threads", [-1, 4097, 2**31 - 1, 10**4000, True, 1.0, "4", None])
@pytest.mark.parametrize(
    "call",
    [
        lambda threads: sm.find(make_log(), "a", threads=threads),
        lambda threads: sm.count(make_log(), "a", threads=threads),
        lambda threads: sm.label(make_log(), STUDY, threads=threads),
        lambda threads: make_log(threads=threads),
        lambda threads: make_log().with_events(TABLE, time_unit="s", threads=threads),
        lambda threads: sm.EventLog.read("nowhere.parquet", threads=threads),
        lambda threads: sm.MinerOptions(threads=threads),
        lambda threads: sm.FrequentOptions(threads=threads),
        lambda threads: sm.CapacitySpec(events=1e6, entities=2e4, threads=threads),
        lambda threads: sm.simulate(threads=threads),
    ],
    ids=["find", "count", "label", "from_arrow", "with_events", "read", "mine", "mine_frequent", "plan", "simulate"],
)
def test_one_rule_for_threads(call: Callable[[Any], object], threads: object) -> None:
    with pytest.raises(ParameterError, match=r"threads must be a whole number from 0 \(all cores\) to 4096") as caught:
        call(threads)
    assert len(str(caught.value)) < 200
