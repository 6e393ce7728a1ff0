"""Bad rows: the first is named, or all are set aside and counted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from event_rows import rows_of
from hypothesis import given, settings
from hypothesis import strategies as st

from seqmine import errors
from seqmine.events import Accounting, EventLog, quarantine

SCHEMA = pa.schema(
    [
        ("entity", pa.string()),
        ("time", pa.string()),
        ("event", pa.string()),
        ("value", pa.float64()),
        ("extra", pa.int64()),
    ]
)
GOOD = {"entity": "a", "time": "2026-01-01T00:00:00Z", "event": "x", "value": 1.0, "extra": 7}
FAULTS: dict[str, tuple[dict[str, Any], type[errors.DataError], str]] = {
    "null_entity": ({"entity": None}, errors.NullKeyError, "entity"),
    "empty_entity": ({"entity": ""}, errors.NullKeyError, "entity"),
    "null_event": ({"event": None}, errors.NullKeyError, "event"),
    "empty_event": ({"event": ""}, errors.NullKeyError, "event"),
    "null_time": ({"time": None}, errors.NullKeyError, "time"),
    "unparsable_time": ({"time": "soon"}, errors.TimestampUnparsable, "time"),
    "time_loses_digits": ({"time": "2026-01-01T00:00:00.0000001Z"}, errors.TimestampOutOfRange, "time"),
    "value_not_finite": ({"value": float("nan")}, errors.ValueRangeError, "value"),
    "field_too_long": ({"event": "x" * ((1 << 20) + 1)}, errors.InputLimitError, "event"),
}


def make(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=SCHEMA)


@pytest.mark.parametrize("reason", FAULTS)
def test_each_reason(reason: str, tmp_path: Path) -> None:
    change, error, column = FAULTS[reason]
    pq.write_table(make([GOOD] * 5), tmp_path / "a.parquet")
    pq.write_table(
        make([GOOD, GOOD, {**GOOD, **change}, GOOD, {**GOOD, **change}]), tmp_path / "b.parquet", row_group_size=2
    )
    with pytest.raises(error) as caught:
        EventLog.read(tmp_path, value="value")
    assert (caught.value.file, caught.value.row, caught.value.column) == (str(tmp_path / "b.parquet"), 2, column)
    assert caught.value.hint
    assert caught.value.code.startswith("SM-2")

    out = tmp_path / "out"
    out.mkdir()
    log = EventLog.read(tmp_path / "*.parquet", value="value", on_bad_row="quarantine", quarantine=out / "q.parquet")
    assert log.n_events == 8
    assert log.accounting == Accounting(
        rows_in=10,
        used=8,
        quarantined=2,
        reasons={reason: 2},
        examples={reason: ((str(tmp_path / "b.parquet"), 2), (str(tmp_path / "b.parquet"), 4))},
        exact_duplicates_seen=7,
    )
    assert Accounting.from_dict(log.accounting.to_dict()) == log.accounting
    kept = pq.read_table(out / "q.parquet")
    assert kept.column_names == [*SCHEMA.names, "reason", "file", "row", "raw"]
    assert kept["reason"].to_pylist() == [reason] * 2
    assert kept["row"].to_pylist() == [2, 4]
    assert kept["extra"].to_pylist() == [7, 7]  # columns that the log does not use are kept, too
    assert log.digest == EventLog.from_arrow(make([GOOD] * 8), value="value").digest


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([None, *FAULTS]), max_size=40), st.integers(1, 9))
def test_every_row_is_accounted_for(plan: list[str | None], chunk: int) -> None:
    rows = [GOOD if reason is None else {**GOOD, **FAULTS[reason][0]} for reason in plan]
    log = EventLog.from_arrow(
        make(rows).to_batches(max_chunksize=chunk) or make([]), value="value", on_bad_row="quarantine"
    )
    bad = Counter(reason for reason in plan if reason is not None)
    account = log.accounting
    assert account.rows_in == len(rows) == account.used + account.quarantined
    assert dict(account.reasons) == dict(bad)
    for reason, places in account.examples.items():
        assert places == tuple((None, i) for i, item in enumerate(plan) if item == reason)[:5]
    assert log.quarantined is not None
    assert log.quarantined["row"].to_pylist() == [i for i, item in enumerate(plan) if item is not None]
    first = next((i for i, item in enumerate(plan) if item is not None), None)
    if first is not None:
        reason = plan[first]
        assert reason is not None
        with pytest.raises(FAULTS[reason][1]) as caught:
            EventLog.from_arrow(make(rows).to_batches(max_chunksize=chunk), value="value")
        assert (caught.value.row, caught.value.column) == (first, FAULTS[reason][2])


def test_the_entity_speaks_first_when_a_row_has_several_faults() -> None:
    row = {**GOOD, "entity": None, "event": "", "time": "soon"}
    with pytest.raises(errors.NullKeyError, match="entity"):
        EventLog.from_arrow(make([row]))
    assert EventLog.from_arrow(make([row]), on_bad_row="quarantine").accounting.reasons == {"null_entity": 1}


def test_files_of_different_columns_share_one_quarantine(tmp_path: Path) -> None:
    bad = {**GOOD, "entity": None}
    pq.write_table(make([bad]), tmp_path / "a.parquet")
    changed = make([bad]).drop_columns("value").set_column(3, "extra", pa.array(["text"]))
    pq.write_table(changed.append_column("row", pa.array([99])), tmp_path / "b.parquet")
    (tmp_path / "c.csv").write_text("entity,time,event,more\n,2026-01-01T00:00:00Z,x,m\n")
    log = EventLog.read(tmp_path, on_bad_row="quarantine")
    assert log.quarantined is not None
    rows = log.quarantined.to_pylist()
    assert [row["extra"] for row in rows] == ["7", "text", None]
    assert [row["value"] for row in rows] == [1.0, None, None]
    assert [row["row_original"] for row in rows] == [None, 99, None]
    assert [row["more"] for row in rows] == [None, None, "m"]
    assert [row["file"] for row in rows] == [str(tmp_path / name) for name in ("a.parquet", "b.parquet", "c.csv")]


def test_categories_of_set_aside_rows_do_not_stay() -> None:
    rows = [{**GOOD, "event": "only here", "time": "soon"}, GOOD]
    log = EventLog.from_arrow(make(rows), on_bad_row="quarantine")
    assert log.event_types == ("x",)


def test_quarantine_files_appear_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "q.parquet"
    data = make([{**GOOD, "entity": None}, GOOD])
    # A fault of the whole input is an error in any case, and leaves no file.
    mixed = make([{**GOOD, "entity": None}, GOOD, {**GOOD, "time": "2026-01-01"}])
    with pytest.raises(errors.TimestampUnparsable, match="mixed"):
        EventLog.from_arrow(mixed, timezone="UTC", on_bad_row="quarantine", quarantine=target)
    assert list(tmp_path.iterdir()) == []
    EventLog.from_arrow(data, on_bad_row="quarantine", quarantine=target)
    assert pq.read_table(target).num_rows == 1
    before = target.read_bytes()
    with pytest.raises(errors.OutputExists):
        EventLog.from_arrow(data, on_bad_row="quarantine", quarantine=target)
    assert target.read_bytes() == before
    link = tmp_path / "link.parquet"
    link.symlink_to(tmp_path / "elsewhere.parquet")
    with pytest.raises(errors.UnsafePath):
        EventLog.from_arrow(data, on_bad_row="quarantine", quarantine=link)
    # No bad row: the file says so.
    EventLog.from_arrow(make([GOOD]), on_bad_row="quarantine", quarantine=tmp_path / "none.parquet")
    assert pq.read_table(tmp_path / "none.parquet").num_rows == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.parquet", "none.parquet", "q.parquet"]


def test_too_many_bad_rows_for_the_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(quarantine, "MAX_IN_MEMORY", 10)
    data = make([{**GOOD, "entity": None}] * 11)
    with pytest.raises(errors.InputLimitError, match="quarantine="):
        EventLog.from_arrow(data, on_bad_row="quarantine")
    EventLog.from_arrow(data, on_bad_row="quarantine", quarantine=tmp_path / "q.parquet")


def test_rows_that_do_not_add_up_are_a_fault_of_ours() -> None:
    with pytest.raises(errors.InternalError, match="add up"):
        Accounting(rows_in=3, used=1, filtered=1)


def test_nothing_usable_is_an_empty_log() -> None:
    log = EventLog.from_arrow(make([{**GOOD, "entity": None}] * 3), on_bad_row="quarantine")
    assert rows_of(log) == []
    assert log.accounting.quarantined == 3
