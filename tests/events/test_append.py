"""Appending: whatever comes, the log or the error is the one that reading all inputs together gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from event_rows import rows_of, table

from seqmine import errors
from seqmine.events import EventLog

US = pa.timestamp("us", "UTC")
HEADER = "who,ts,what,amount,plan,seats,len\n"
WEEKS = (
    "ann,2026-01-01T10:00:00,visit,,free,1,5\nbob,2026-01-02T10:00:00,order,9.5,,2,\nbob,x,order,9.5,,2,\n",
    # New entities before, between and after; late rows; a row of before; a bad row; a new type and a new plan.
    "aaa,2026-01-08T10:00:00,visit,-1,paid,,0\nann,2025-12-31T10:00:00,visit,,free,1,5\n"
    "ann,2026-01-01T10:00:00,visit,,free,1,5\n,2026-01-09T10:00:00,visit,,,,\n",
    "bea,2026-01-10T10:00:00,test,,,,\nzoe,2026-01-10T10:00:00,aha,1,basic,3,1.5\nzoe,2026-01-10T10:00:00,,1,basic,3,1\n",
    "",
)
OPTIONS: dict[str, Any] = {
    "entity": "who",
    "time": "ts",
    "event": "what",
    "value": "amount",
    "attributes": {"plan": "text", "seats": "number"},
    "duration": "len",
    "timezone": "Europe/Berlin",
    "on_bad_row": "quarantine",
    "duplicates": "exact",
}


@pytest.fixture
def weeks(tmp_path: Path) -> list[Path]:
    paths = []
    for i, week in enumerate(WEEKS):
        paths.append(tmp_path / f"week{i}.csv")
        paths[-1].write_text(HEADER + week)
    return paths


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def same(grown: EventLog, whole: EventLog) -> None:
    assert rows_of(grown) == rows_of(whole)
    assert grown.digest == whole.digest
    assert grown.accounting == whole.accounting
    assert grown.declared_until == whole.declared_until
    assert grown.attribute_names == whole.attribute_names


def test_weekly_files_make_the_directory_of_one_reading(weeks: list[Path], tmp_path: Path) -> None:
    whole = EventLog.read(weeks, **OPTIONS)
    whole.save(tmp_path / "whole")
    first = EventLog.read(weeks[0], **OPTIONS)
    first.save(tmp_path / "log")
    in_memory = first
    grown = EventLog.open(tmp_path / "log")
    for i, week in enumerate(weeks[1:], start=1):
        in_memory = in_memory.append(week)
        grown = grown.append(week, compact=False)
        assert grown.n_segments == i
        assert grown.quarantined is not None
        assert grown.accounting.to_dict() == in_memory.accounting.to_dict()
    assert whole.accounting.duplicates == 1
    assert whole.accounting.quarantined == 3
    assert whole.quarantined is not None
    same(in_memory, whole)
    same(grown, whole)
    same(EventLog.open(tmp_path / "log", verify=True), whole)
    assert in_memory.quarantined is not None
    assert in_memory.quarantined.equals(whole.quarantined)
    in_memory.save(tmp_path / "memory")
    grown.save(tmp_path / "copy")
    assert grown.compact().n_segments == 0
    for name in ("memory", "copy", "log"):
        assert files(tmp_path / name) == files(tmp_path / "whole"), name


def test_a_log_is_not_changed_by_what_is_appended_to_it(weeks: list[Path], tmp_path: Path) -> None:
    first = EventLog.read(weeks[0], **OPTIONS)
    first.save(tmp_path / "log")
    before = rows_of(first)
    opened = EventLog.open(tmp_path / "log")
    grown = opened.append(weeks[1], compact=False)
    merged_later = EventLog.open(tmp_path / "log")
    compacted = grown.append(weeks[2], compact=True)
    assert rows_of(first) == before
    assert rows_of(opened) == before
    assert len(rows_of(merged_later)) == 4  # its files are gone, and it had them mapped
    same(compacted, EventLog.read(weeks[:3], **OPTIONS))
    same(first.append(weeks[1]).append(weeks[2]), compacted)
    same(first.append(weeks[1]), merged_later)


def test_quarantine_files_stay_and_are_new_each_time(weeks: list[Path], tmp_path: Path) -> None:
    log = EventLog.read(weeks[0], quarantine=tmp_path / "q0.parquet", **OPTIONS)
    log = log.append(weeks[1], quarantine=tmp_path / "q1.parquet")
    assert log.quarantined is None
    assert [pq.read_table(tmp_path / f"q{i}.parquet").num_rows for i in (0, 1)] == [1, 1]
    with pytest.raises(errors.OutputExists):
        log.append(weeks[2], quarantine=tmp_path / "q1.parquet")
    plain = EventLog.from_arrow(table([("a", 1, "x")]))
    with pytest.raises(errors.ParameterError, match="bad rows raise"):
        plain.append(table([("a", 1, "x")]), quarantine=tmp_path / "q9.parquet")


def test_any_kind_of_source_is_taken(tmp_path: Path) -> None:
    rows = [table([("a", 1, "x")]), table([("b", 2, "x")]), table([("c", 3, "y")])]
    pq.write_table(rows[1], tmp_path / "1.parquet")
    (tmp_path / "more").mkdir()
    pq.write_table(rows[2], tmp_path / "more" / "2.parquet")
    whole = EventLog.from_arrow(pa.concat_tables(rows))
    base = EventLog.from_arrow(rows[0])
    same(base.append(tmp_path / "1.parquet").append(str(tmp_path / "more")), whole)
    same(base.append([tmp_path / "1.parquet", tmp_path / "more"]), whole)
    same(base.append(rows[2].to_batches()).append(rows[1]), whole)
    with pytest.raises(errors.ParameterError, match="format="):
        base.append(rows[1], format="csv")
    with pytest.raises(errors.ParameterError, match="max_expansion="):
        base.append(tmp_path / "1.parquet", max_expansion=0)


# --- inputs that differ -----------------------------------------------------------------------------------------------


def rows(kind: Any = US, **columns: Any) -> pa.Table:
    made = {"entity": pa.array(["a", "b"]), "time": pa.array([1, 2], kind), "event": pa.array(["x", "y"])}
    return pa.table(made | columns)


ZONED = {"timezone": "Europe/Berlin"}
UNIT = {"time_unit": "us", "plausible_years": None}
TEXT, NUMBER = pa.array(["u", None]), pa.array([1.5, None])
KIND = {"attributes": ["k"]}
DRIFT: dict[str, tuple[dict[str, Any], list[pa.Table]]] = {
    "an attribute is missing": (KIND, [rows(k=TEXT), rows()]),
    "an attribute is new": ({}, [rows(), rows(k=TEXT)]),
    "text, then a number": (KIND, [rows(k=TEXT), rows(k=NUMBER)]),
    "a number, then text": (KIND, [rows(k=NUMBER), rows(k=TEXT)]),
    "integers, then floats": (KIND, [rows(k=pa.array([1, 2])), rows(k=NUMBER)]),
    "nothing, then a number": (KIND, [rows(k=pa.nulls(2)), rows(k=NUMBER)]),
    "nothing, then text": (KIND, [rows(k=pa.nulls(2)), rows(k=TEXT)]),
    "nothing twice, then a number": (KIND, [rows(k=pa.nulls(2)), rows(k=pa.nulls(2)), rows(k=NUMBER)]),
    "nothing, a number, then text": (KIND, [rows(k=pa.nulls(2)), rows(k=NUMBER), rows(k=TEXT)]),
    "a number, then nothing": (KIND, [rows(k=NUMBER), rows(k=pa.nulls(2))]),
    "declared as text": ({"attributes": {"k": "text"}}, [rows(k=TEXT), rows(k=pa.array([1, 2]))]),
    "declared as text, floats": ({"attributes": {"k": "text"}}, [rows(k=TEXT), rows(k=NUMBER)]),
    "declared as a number, text": ({"attributes": {"k": "number"}}, [rows(k=NUMBER), rows(k=pa.array(["1", "2"]))]),
    "declared as a number, words": ({"attributes": {"k": "number"}}, [rows(k=NUMBER), rows(k=TEXT)]),
    "another unit of timestamps": ({}, [rows(), rows(pa.timestamp("ms", "UTC"))]),
    "another zone of timestamps": ({}, [rows(), rows(pa.timestamp("us", "Asia/Tokyo"))]),
    "no zone": ({}, [rows(), rows(pa.timestamp("us"))]),
    "no zone, one is declared": (ZONED, [rows(), rows(pa.timestamp("us"))]),
    "integers without a unit": ({}, [rows(), rows(pa.int64())]),
    "integers with a unit": (UNIT, [rows(pa.int64()), rows(pa.uint64())]),
    "integers in another unit": (
        {"time_unit": "s"},
        [rows(pa.int64()), rows(time=pa.array([1767225600000] * 2))],
    ),
    "a unit that only all rows prove": (
        {"time_unit": "s"},
        [rows(time=pa.array([1767225600] * 2)), rows(time=pa.array([1767225600000] * 2))],
    ),
    "text for times": ({}, [rows(), rows(time=pa.array(["2026-01-01T00:00:00Z", "2026-01-02T00:00:00+02:00"]))]),
    "floats for ids": ({}, [rows(), rows(entity=pa.array([1.0, 2.0]))]),
    "integers for ids": ({}, [rows(), rows(entity=pa.array([1, 2]))]),
    "a value is missing": ({"value": "v"}, [rows(v=NUMBER), rows()]),
    "a bad row": ({}, [rows(), rows(event=pa.array(["x", ""]))]),
    "a bad row is set aside": ({"on_bad_row": "quarantine"}, [rows(), rows(event=pa.array(["x", ""]))]),
    "an excluded type is only in the first": ({"exclude_events": ["x"]}, [rows(), rows(event=pa.array(["y", "z"]))]),
    "an excluded type is nowhere": ({"exclude_events": ["q"]}, [rows().slice(0, 0), rows()]),
    "an excluded type comes later": ({"exclude_events": ["x"]}, [rows().slice(0, 0), rows()]),
    "nothing before": ({}, [rows().slice(0, 0), rows()]),
    "nothing after": ({}, [rows(), rows().slice(0, 0)]),
}


def outcome(make: Any) -> Any:
    try:
        return make()
    except errors.SeqmineError as error:
        return type(error), error.message, error.column, error.row, error.file


@pytest.mark.parametrize("case", DRIFT)
def test_other_columns_and_types_give_what_one_reading_gives(case: str, tmp_path: Path) -> None:
    options, tables = DRIFT[case]
    paths = []
    for i, part in enumerate(tables):
        paths.append(tmp_path / f"{i}.parquet")
        pq.write_table(part, paths[-1])
    whole = outcome(lambda: EventLog.read(paths, **options))

    def grow() -> EventLog:
        log = EventLog.read(paths[0], **options)
        for path in paths[1:]:
            log = log.append(path)
        return log

    grown = outcome(grow)
    if isinstance(whole, tuple):
        assert grown == whole
        assert whole[0] in {errors.SchemaError, errors.ParameterError} or whole[3] is not None or whole[2] is not None
    else:
        same(grown, whole)
        grown.save(tmp_path / "grown")
        whole.save(tmp_path / "whole")
        assert files(tmp_path / "grown") == files(tmp_path / "whole")


def test_errors_name_the_file_and_the_column(tmp_path: Path) -> None:
    for name, part in (("0", rows(k=TEXT)), ("1", rows()), ("2", rows(k=NUMBER))):
        pq.write_table(part, tmp_path / f"{name}.parquet")
    log = EventLog.read(tmp_path / "0.parquet", attributes=["k"])
    for name in "12":
        with pytest.raises(errors.SchemaError) as caught:
            log.append(tmp_path / f"{name}.parquet")
        assert (caught.value.file, caught.value.column) == (str(tmp_path / f"{name}.parquet"), "k")
        assert str(caught.value.hint).startswith("change the rows, as an append reads what the log reads; or read all")


# --- the end of the log, starts, identities ---------------------------------------------------------------------------


def test_the_end_of_the_log() -> None:
    early, late = table([("a", 1, "x"), ("a", 5, "x")]), table([("a", 3, "y"), ("b", 9, "x")])
    both = pa.concat_tables([early, late])
    log = EventLog.from_arrow(early)
    same(log.append(late), EventLog.from_arrow(both))
    assert log.append(late).observed_until == 9
    same(log.append(late, observed_until=20), EventLog.from_arrow(both, observed_until=20))
    declared = EventLog.from_arrow(early, observed_until=8)
    with pytest.raises(errors.ParameterError, match="that the log declares"):
        declared.append(late)
    with pytest.raises(errors.ParameterError, match="observed_until= lies before"):
        declared.append(late, observed_until=8)
    with pytest.raises(errors.ParameterError, match="observed_until= lies before"):
        log.append(late.slice(0, 1), observed_until=4)  # the log's own last event counts, too
    same(declared.append(late, observed_until=9), EventLog.from_arrow(both, observed_until=9))
    same(declared.append(late.slice(0, 1)), EventLog.from_arrow(both.slice(0, 3), observed_until=8))


def test_starts_are_given_again(tmp_path: Path) -> None:
    first, second = table([("a", 5, "x")]), table([("b", 7, "x"), ("0", 8, "x")])
    starts = pa.table({"entity": ["a", "b", "nobody"], "time": pa.array([1, 2, 3], US)})
    with pytest.warns(errors.UnmatchedStartsWarning):
        whole = EventLog.from_arrow(pa.concat_tables([first, second]), starts=starts)
    with pytest.warns(errors.UnmatchedStartsWarning):
        log = EventLog.from_arrow(first, starts=starts)
    with pytest.raises(errors.ParameterError, match="starts="):
        log.append(second)
    with pytest.warns(errors.UnmatchedStartsWarning, match=r"1 entity.*row 2"):
        grown = log.append(second, starts=starts)
    same(grown, whole)
    assert grown.start_times.tolist() == [8, 1, 2]
    log.save(tmp_path / "log")
    whole.save(tmp_path / "whole")
    with pytest.warns(errors.UnmatchedStartsWarning):
        stored = EventLog.open(tmp_path / "log").append(second, starts=starts, compact=False)
    same(stored, whole)
    stored.compact()
    assert files(tmp_path / "log") == files(tmp_path / "whole")


def test_identities_are_given_again_and_change_nothing_of_before() -> None:
    first, second = table([("d1", 5, "x"), ("ann", 6, "x")]), table([("d1", 7, "x"), ("d2", 8, "x")])
    both = pa.concat_tables([first, second])
    log = EventLog.from_arrow(first, identity={"d1": "ann"})
    with pytest.raises(errors.ParameterError, match="identity="):
        log.append(second)
    for names in ({"d1": "ann"}, {"d1": "ann", "d2": "bob"}):
        same(log.append(second, identity=names), EventLog.from_arrow(both, identity=names))
    with pytest.raises(errors.ParameterError, match="rows of before"):
        log.append(second, identity={"d1": "eve", "ann": "eve"})
    plain = EventLog.from_arrow(first)
    same(plain.append(second, identity={"d2": "eve"}), EventLog.from_arrow(both, identity={"d2": "eve"}))
    with pytest.raises(errors.ParameterError, match="rows of before"):
        plain.append(second, identity={"d1": "eve"})


def test_logs_that_cannot_grow_say_why(small: pa.Table, tmp_path: Path) -> None:
    with_ids = small.append_column("id", pa.array([str(i) for i in range(len(small))]))
    for policy in ("none", "exact", "id"):
        with pytest.raises(errors.ParameterError, match="event_id="):
            EventLog.from_arrow(with_ids, event_id="id", duplicates=policy).append(with_ids)
    log = EventLog.from_arrow(small)
    with pytest.raises(errors.ParameterError, match="derived events"):
        log.with_events(small).append(small)
    assert log.append(small).with_events(small).n_events == 3 * len(small)
    log.save(tmp_path / "log")
    manifest = json.loads((tmp_path / "log" / "manifest.json").read_text())
    del manifest["recipe"], manifest["last_event"]
    manifest["version"] = 1
    (tmp_path / "log" / "manifest.json").write_text(json.dumps(manifest))
    old = EventLog.open(tmp_path / "log", verify=True)
    assert rows_of(old) == rows_of(log)
    with pytest.raises(errors.ParameterError, match="kept their options"):
        old.append(small)


def test_many_appends_in_memory_are_one_log() -> None:
    tables = [table([(f"e{i % 7}", i % 5, f"t{i % 3}")]) for i in range(40)]
    log = EventLog.from_arrow(tables[0])
    for part in tables[1:]:
        log = log.append(part, threads=1)
    same(log.compact(), EventLog.from_arrow(pa.concat_tables(tables)))
