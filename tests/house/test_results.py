"""What functions return can be handed on: to any library that takes Arrow data, and into copies."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pandas
import polars
import pyarrow as pa
import pytest

import seqmine as sm

EVENTS = {"entity": ["a", "a", "b", "c"], "time": [1, 2, 1, 5], "event": ["open", "buy", "open", "buy"]}
ROWS = {"entity": ["a", "b", "c"], "index_time": ["1970-01-02"] * 3, "label": [1, 0, 0]}


def make_log() -> sm.EventLog:
    return sm.EventLog.from_arrow(EVENTS, time_unit="s", plausible_years=None)


def make_labels() -> sm.Labels:
    return sm.Labels.from_arrow(ROWS, timezone="UTC")


def make_study_result() -> sm.StudyResult:
    """Ninety entities, of whom those with a mail have the outcome more often; too few to split."""
    names = [f"e{i:02}" for i in range(90)]
    events = [(name, what) for i, name in enumerate(names) for what in (("visit", "mail") if i % 2 else ("visit",))]
    entity, event = map(list, zip(*events, strict=True))
    columns = {"entity": entity, "time": list(range(len(events))), "event": event}
    log = sm.EventLog.from_arrow(columns, time_unit="s", plausible_years=None)
    label = [int(i % 3 == 0 or i % 4 == 1) for i in range(90)]
    rows = {"entity": names, "index_time": ["1970-01-02"] * 90, "label": label}
    study = sm.Study.from_labels(sm.Labels.from_arrow(rows, timezone="UTC"))
    found = sm.mine(log, study, sm.MinerOptions(min_support=20), evidence=sm.EvidenceOptions(adjust=()))
    assert isinstance(found, sm.StudyResult)
    return found


MAKERS: dict[str, Callable[[], Any]] = {
    "EventLog": make_log,
    "Labels": make_labels,
    "label": lambda: sm.label(make_log(), sm.Study("exists(buy) within 1us", at="first(open)")),
    "MiningResult": lambda: sm.mine(make_log(), make_labels(), sm.MinerOptions(min_support=1)),
    "StudyResult": make_study_result,
    "FrequentResult": lambda: sm.mine_frequent(make_log(), sm.FrequentOptions(min_support=1)),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_every_library_of_tables_takes_a_result(make: Callable[[], Any]) -> None:
    result = make()
    table = result.to_arrow()
    assert table.num_rows > 0
    assert pa.RecordBatchReader.from_stream(result).read_all().equals(table)
    assert pa.table(result).equals(table)
    assert polars.DataFrame(result).columns == table.column_names
    assert list(pa.table(result).to_pandas().columns) == table.column_names
    assert isinstance(pa.table(result).to_pandas(), pandas.DataFrame)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_results_can_stand_in_what_is_copied(make: Callable[[], Any]) -> None:
    result = make()
    assert copy.deepcopy({"result": [result]})["result"][0].to_arrow().equals(result.to_arrow())
    assert copy.copy(result).to_arrow().equals(result.to_arrow())
