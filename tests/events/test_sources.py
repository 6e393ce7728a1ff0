"""Where events come from, and what is said when they do not come."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from event_rows import table

from seqmine import errors
from seqmine.events import EventLog, sources

ROWS = [(f"u{i % 7}", i * 1_000_000, f"e{i % 3}", float(i % 5), f"k{i % 2}") for i in range(200)]
NAMES = ("entity", "time", "event", "value", "kind")
KEYWORDS: dict[str, Any] = {"value": "value", "attributes": ["kind"]}


@pytest.fixture
def data() -> pa.Table:
    return table(ROWS, NAMES)


@pytest.fixture
def digest(data: pa.Table) -> str:
    return EventLog.from_arrow(data, **KEYWORDS).digest


def write_ipc(data: pa.Table, path: Path, *, stream: bool = False, compression: str | None = None) -> None:
    make = pa.ipc.new_stream if stream else pa.ipc.new_file
    with make(str(path), data.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as sink:
        sink.write_table(data, max_chunksize=17)


def test_files_of_every_kind_and_split(data: pa.Table, digest: str, tmp_path: Path) -> None:
    one, many, nested = tmp_path / "one", tmp_path / "many", tmp_path / "many" / "deeper"
    for folder in (one, many, nested):
        folder.mkdir()
    pq.write_table(data, one / "e.parquet")
    pq.write_table(data, one / "small_pages.parquet", row_group_size=13, data_page_size=64)
    pq.write_table(data, one / "plain.parquet", use_dictionary=False, compression="none", write_page_checksum=True)
    write_ipc(data, one / "e.arrow")
    write_ipc(data, one / "e.feather", compression="zstd")
    write_ipc(data, one / "e.arrows", stream=True)
    for file in sorted(one.iterdir()):
        assert EventLog.read(file, **KEYWORDS).digest == digest, file.name
        assert EventLog.read(str(file), threads=1, **KEYWORDS).digest == digest, file.name
    pq.write_table(data.slice(150), many / "a.parquet")
    write_ipc(data.slice(100, 50), many / "b.arrow")
    pq.write_table(data.slice(0, 100), nested / "c.PARQUET")
    (many / "_SUCCESS").write_text("")
    (many / ".hidden.parquet").write_text("junk")
    (many / "notes.md").write_text("junk")
    (many / "_temporary").mkdir()
    (many / "_temporary" / "d.parquet").write_text("junk")
    with pytest.warns(errors.SeqmineWarning, match=r"left out.*: 'notes\.md' \(1 in all\)"):
        assert EventLog.read(many, **KEYWORDS).digest == digest
    assert EventLog.read(str(many / "**" / "[abc].[paPA]*"), **KEYWORDS).digest == digest
    assert EventLog.read([nested / "c.PARQUET", str(many / "*.parquet"), many / "b.arrow"], **KEYWORDS).digest == digest


def test_files_may_differ_in_their_times(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("entity,time,event\na,2026-01-01T00:00:00,x\n")
    (tmp_path / "b.csv").write_text("entity,time,event\na,2026-01-01T00:00:00Z,x\n")
    pq.write_table(table([("a", 5, "x")]), tmp_path / "c.parquet")
    log = EventLog.read(tmp_path, timezone="Europe/Berlin")
    assert log.time.tolist() == [5, 1_767_222_000_000_000, 1_767_225_600_000_000]


def test_a_name_that_lies_about_the_format(data: pa.Table, digest: str, tmp_path: Path) -> None:
    pq.write_table(data, tmp_path / "events.parquet.zst")  # as one vendor names plain Parquet
    assert EventLog.read(tmp_path / "events.parquet.zst", **KEYWORDS).digest == digest
    (tmp_path / "events").write_bytes(b"entity,time,event\n")
    with pytest.raises(errors.ParameterError, match="format="):
        EventLog.read(tmp_path / "events")
    assert EventLog.read(tmp_path / "events", format="csv").n_events == 0


def test_objects_that_give_arrow_data(data: pa.Table, digest: str, tmp_path: Path) -> None:
    pq.write_table(data, tmp_path / "e.parquet")
    batches = data.to_batches(max_chunksize=9)
    frame = data.to_pandas()
    given: dict[str, Any] = {
        "table": data,
        "chunked table": pa.Table.from_batches(batches),
        "reader": pa.RecordBatchReader.from_batches(data.schema, batches),
        "batch": data.combine_chunks().to_batches()[0],
        "batches": batches,
        "dataset": pa.dataset.dataset(tmp_path / "e.parquet"),
        "mapping": {name: data[name] for name in data.column_names},
        "polars": pl.from_arrow(data),
        "polars categorical": pl.from_arrow(data).with_columns(pl.col("entity", "event", "kind").cast(pl.Categorical)),  # type: ignore[union-attr]
        "polars lazy": pl.from_arrow(data).lazy(),  # type: ignore[union-attr]
        "pandas": frame,
        "pandas categorical": frame.astype({"entity": "category", "event": "category", "kind": "category"}),
        "pandas ns": frame.astype({"time": "datetime64[ns, UTC]"}),
        "duckdb": duckdb.sql("select * from data"),
        "log": EventLog.from_arrow(data, **KEYWORDS),
    }
    for name, item in given.items():
        assert EventLog.from_arrow(item, **KEYWORDS).digest == digest, name
        assert EventLog.from_arrow(item if name != "reader" else data, threads=1, **KEYWORDS).digest == digest, name


def test_pandas_nan_is_null() -> None:
    frame = pd.DataFrame(
        {
            "entity": ["a", "b"],
            "time": pd.to_datetime([1, 2], utc=True, unit="s"),
            "event": ["e", "e"],
            "value": [1.0, None],
        }
    )
    assert EventLog.from_arrow(frame, value="value").to_arrow()["value"].to_pylist() == [1.0, None]


def test_mappings_that_are_no_table() -> None:
    base = {"entity": ["a"], "time": [1], "event": ["e"]}
    for change, error, words in (
        ({"event": ["e", "e"]}, errors.ParameterError, "different lengths: 'entity' 1, 'time' 1, 'event' 2"),
        ({"event": None}, errors.ParameterError, "names and arrays"),
        ({"event": "e"}, errors.ParameterError, "names and arrays"),
        ({"event": [object()]}, errors.SchemaError, "column 'event'"),
        ({"event": b"e"}, errors.ParameterError, "names and arrays"),
    ):
        with pytest.raises(error, match=words):
            EventLog.from_arrow({**base, **change}, time_unit="us")


def test_objects_that_do_not() -> None:
    for item in (object(), 7, None, "events.csv", [1, 2]):
        with pytest.raises(errors.ParameterError, match="Arrow"):
            EventLog.from_arrow(item)
    with pytest.raises(errors.EmptyInputError):
        EventLog.from_arrow([])
    with pytest.raises(errors.ParameterError, match="from_arrow"):
        EventLog.read(table([]))
    with pytest.raises(errors.ParameterError):
        EventLog.read([7])  # type: ignore[list-item]
    with pytest.raises(errors.ParameterError, match="empty"):
        EventLog.read([])


def test_a_stream_that_fails_midway(data: pa.Table) -> None:
    def batches() -> Any:
        yield data.to_batches()[0]
        raise pa.ArrowInvalid("broken upstream")

    with pytest.raises(errors.CorruptFileError, match="stream"):
        EventLog.from_arrow(pa.RecordBatchReader.from_batches(data.schema, batches()))


# --- what is missing ------------------------------------------------------------------------------------------------


def test_missing_files_are_also_file_not_found_errors(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("entity,time,event\n")
    with pytest.raises(errors.MissingInputError, match=r"did you mean 'events\.csv'") as caught:
        EventLog.read(tmp_path / "event.csv")
    assert isinstance(caught.value, FileNotFoundError)
    assert isinstance(caught.value, errors.DataError)
    assert caught.value.file == str(tmp_path / "event.csv")
    for path in (tmp_path / "none" / "x.csv", str(tmp_path / "*.parquet")):
        with pytest.raises(errors.MissingInputError):
            EventLog.read(path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(errors.MissingInputError, match="no event files"):
        EventLog.read(tmp_path / "empty")
    with pytest.raises(errors.ParameterError):
        EventLog.read("")


def test_a_saved_log_is_not_read(data: pa.Table, tmp_path: Path) -> None:
    EventLog.from_arrow(data).save(tmp_path / "folder" / "log")
    for path in (tmp_path / "folder" / "log", tmp_path / "folder"):
        with pytest.raises(errors.MissingInputError, match=r"saved log.*EventLog\.open"):
            EventLog.read(path)
    for file in (tmp_path / "folder" / "log").glob("*.arrow"):
        file.unlink()
    with pytest.raises(errors.MissingInputError, match=r"EventLog\.open"):
        EventLog.read(tmp_path / "folder" / "log")


def test_other_files_in_a_directory_are_named_not_read(data: pa.Table, digest: str, tmp_path: Path) -> None:
    (tmp_path / "README.txt").write_text("how these files came about\n")
    (tmp_path / "one.xlsx").write_text("")
    with pytest.raises(errors.MissingInputError, match=r"no event files \(it holds 'README\.txt', 'one\.xlsx'\)"):
        EventLog.read(tmp_path)
    pq.write_table(data, tmp_path / "e.parquet")
    with pytest.warns(errors.SeqmineWarning, match=r"left out.*: 'README\.txt', 'one\.xlsx' \(2 in all\)"):
        assert EventLog.read(tmp_path, **KEYWORDS).digest == digest
    assert len(sources.open_paths(tmp_path, None, 200.0, warn=False)) == 1
    (tmp_path / "README.txt").write_text("entity,time,event\n")
    with pytest.warns(errors.SeqmineWarning, match=r"left out.*: 'e\.parquet', 'one\.xlsx'"):
        assert EventLog.read(tmp_path, format="csv").n_events == 0


def test_links_to_files_and_directories_are_followed(data: pa.Table, digest: str, tmp_path: Path) -> None:
    real, top = tmp_path / "real", tmp_path / "top"
    real.mkdir()
    top.mkdir()
    pq.write_table(data.slice(0, 100), real / "a.parquet")
    pq.write_table(data.slice(100), tmp_path / "b.parquet")
    (top / "folder").symlink_to(real, target_is_directory=True)
    (top / "b.parquet").symlink_to(tmp_path / "b.parquet")
    assert EventLog.read(top, **KEYWORDS).digest == digest
    (real / "up").symlink_to(top, target_is_directory=True)
    with pytest.raises(errors.ParameterError, match="twice"):
        EventLog.read(top, **KEYWORDS)


def test_a_link_that_leads_nowhere(data: pa.Table, tmp_path: Path) -> None:
    pq.write_table(data, tmp_path / "a.parquet")
    (tmp_path / "b.parquet").symlink_to(tmp_path / "gone.parquet")
    for path in (tmp_path, tmp_path / "b.parquet", str(tmp_path / "*.parquet")):
        with pytest.raises(errors.MissingInputError, match="the link leads to no file") as caught:
            EventLog.read(path)
        assert caught.value.file == str(tmp_path / "b.parquet")


def test_a_file_named_twice(data: pa.Table, tmp_path: Path) -> None:
    pq.write_table(data, tmp_path / "e.parquet")
    (tmp_path / "link.parquet").symlink_to(tmp_path / "e.parquet")
    for other in ("e.parquet", "link.parquet", "*.parquet"):
        with pytest.raises(errors.ParameterError, match="twice"):
            EventLog.read([tmp_path / "e.parquet", str(tmp_path / other)])


@pytest.mark.parametrize("name", ["e.parquet", "e.csv", "e.csv.gz", "e.arrow", "e.arrows"])
def test_empty_files(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(errors.EmptyInputError):
        EventLog.read(tmp_path / name)


def test_columns_without_rows_are_an_empty_log(tmp_path: Path) -> None:
    nothing = table([], NAMES)
    pq.write_table(nothing, tmp_path / "e.parquet")
    write_ipc(nothing, tmp_path / "e.arrow")
    write_ipc(nothing, tmp_path / "e.arrows", stream=True)
    (tmp_path / "e.csv").write_text("entity,time,event,value,kind\n")
    (tmp_path / "f.csv").write_text("entity,time,event,value,kind")
    digests = set()
    for file in sorted(tmp_path.iterdir()):
        log = EventLog.read(file, timezone="UTC", exclude_events=["never"], **KEYWORDS)
        assert (log.n_events, log.n_entities, log.event_types) == (0, 0, ())
        assert log.accounting.rows_in == 0
        assert log.to_arrow().num_rows == 0
        assert log.native.n_entities == 0
        assert "EventLog" in log._repr_html_()
        log.save(tmp_path / "log", overwrite=True)
        assert EventLog.open(tmp_path / "log", verify=True).digest == log.digest
        digests.add(log.digest)
    assert len(digests) == 1


def test_missing_doubled_and_too_many_columns(data: pa.Table, tmp_path: Path) -> None:
    pq.write_table(data, tmp_path / "e.parquet")
    with pytest.raises(errors.SchemaError, match=r"e\.parquet:column 'entitty'.*did you mean 'entity'.*entity="):
        EventLog.read(tmp_path / "e.parquet", entity="entitty")
    with pytest.raises(errors.SchemaError, match="attributes"):
        EventLog.read(tmp_path / "e.parquet", attributes=["nothing_like_it"])
    with pytest.raises(errors.SchemaError, match="same name") as caught:
        EventLog.from_arrow(pa.Table.from_arrays([data["entity"], *data.columns], ["entity", *NAMES]))
    assert caught.value.column == "entity"
    wide = pa.table({str(i): [1] for i in range(10_001)})
    with pytest.raises(errors.InputLimitError, match="10,001 columns"):
        EventLog.from_arrow(wide)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_dictionary": False},
        {"dictionary_pagesize_limit": 2000},  # dictionaries are given up within each row group
        {"use_dictionary": ["event"], "column_encoding": {"entity": "DELTA_LENGTH_BYTE_ARRAY"}},
        {"use_dictionary": False, "column_encoding": {"entity": "PLAIN", "event": "DELTA_BYTE_ARRAY"}},
        {"data_page_version": "2.0", "compression": "zstd"},
    ],
)
def test_parquet_encodings(options: dict[str, Any], tmp_path: Path) -> None:
    n = 200_000  # files of less are not looked at for dictionaries
    numbers = np.random.default_rng(1).integers(0, 30_000, n)
    data = pa.table(
        {
            "entity": [f"e{i}" for i in numbers],
            "time": pa.array(np.arange(n), pa.timestamp("us", "UTC")),
            "event": [f"t{i % 7}" for i in numbers],
        }
    )
    pq.write_table(data, tmp_path / "e.parquet", row_group_size=90_000, **options)
    keywords: dict[str, Any] = {"plausible_years": None}
    assert EventLog.read(tmp_path / "e.parquet", **keywords).digest == EventLog.from_arrow(data, **keywords).digest


def test_a_parquet_column_that_changes_its_encoding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Some writers go on with a delta encoding in a later row group: what is read already is not read twice."""
    n = 2_500_000
    codes = pa.array(np.arange(n, dtype=np.int32) // 10 % 50)
    names = pa.array([f"e{i}" for i in range(50)])
    data = pa.table(
        {
            "entity": pa.DictionaryArray.from_arrays(codes, names),
            "time": pa.array(np.arange(n), pa.timestamp("us", "UTC")),
            "event": pa.DictionaryArray.from_arrays(codes, names),
        }
    )
    pq.write_table(data, tmp_path / "e.parquet", store_schema=False, row_group_size=700_000)
    keywords: dict[str, Any] = {"plausible_years": None}
    digest = EventLog.read(tmp_path / "e.parquet", **keywords).digest
    real, failed = pq.ParquetFile.iter_batches, []

    def broken(file: Any, **options: Any) -> Any:
        for number, batch in enumerate(real(file, **options)):
            if number == 1 and pa.types.is_dictionary(batch.schema.field("entity").type):
                failed.append(batch.num_rows)
                raise OSError("Not yet implemented: DecodeArrow of DictAccumulator for DeltaByteArrayDecoder.")
            yield batch

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", broken)
    assert EventLog.read(tmp_path / "e.parquet", **keywords).digest == digest
    assert len(failed) == 1


def test_an_encoding_that_pyarrow_cannot_read(monkeypatch: pytest.MonkeyPatch, data: pa.Table, tmp_path: Path) -> None:
    pq.write_table(data, tmp_path / "e.parquet")

    def refuse(*_: Any, **__: Any) -> Any:
        yield from ()
        raise OSError("Not yet implemented: DecodeArrow of a new encoding.")

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", refuse)
    with pytest.raises(errors.SchemaError, match="cannot read: Not yet implemented"):
        EventLog.read(tmp_path / "e.parquet")


# --- torn and hostile ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["e.parquet", "e.arrow", "e.arrows"])
def test_torn_files(name: str, data: pa.Table, tmp_path: Path) -> None:
    path = tmp_path / name
    if name == "e.parquet":
        pq.write_table(data, path)
    else:
        write_ipc(data, path, stream=name.endswith("s"))
    whole = path.read_bytes()
    for size in range(1, len(whole) - 9, 97):
        path.write_bytes(whole[:size])
        with pytest.raises((errors.CorruptFileError, errors.EmptyInputError)) as caught:
            EventLog.read(path, **KEYWORDS)
        assert caught.value.file == str(path)


def stream_of(data: pa.Table, rows: int) -> tuple[bytes, list[int]]:
    """The bytes of an Arrow stream, and where its messages end."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, data.schema):
        pass
    ends = [len(sink.getvalue()) - 8]
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, data.schema) as writer:
        for batch in data.to_batches(max_chunksize=rows):
            writer.write_batch(batch)
            ends.append(sink.tell())
    return sink.getvalue(), ends


@pytest.mark.parametrize("dictionary", [False, True])
@pytest.mark.parametrize("piped", [False, True])
def test_a_stream_cut_between_two_messages(
    dictionary: bool, piped: bool, data: pa.Table, digest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if dictionary:
        data = data.set_column(0, "entity", data["entity"].combine_chunks().dictionary_encode())
    whole, ends = stream_of(data, 60)
    assert len(ends) == 5

    def read(content: bytes) -> EventLog:
        if piped:
            monkeypatch.setattr(sys, "stdin", Stdin(content))
            return EventLog.read("-", **KEYWORDS)
        (tmp_path / "e.arrows").write_bytes(content)
        return EventLog.read(tmp_path / "e.arrows", **KEYWORDS)

    assert read(whole).digest == digest
    assert whole[-8:] == b"\xff" * 4 + b"\0" * 4
    if not dictionary:
        legacy = io.BytesIO()
        with pa.ipc.new_stream(legacy, data.schema, options=pa.ipc.IpcWriteOptions(use_legacy_format=True)) as writer:
            writer.write_table(data)
        assert piped or read(legacy.getvalue()).digest == digest
    for end in ends:
        with pytest.raises(errors.CorruptFileError, match=r"end marker|damaged"):
            read(whole[:end])
    for end in range(len(whole) - 8, len(whole)):
        with pytest.raises(errors.CorruptFileError):
            read(whole[:end])
    with pytest.raises(errors.CorruptFileError, match="more follows"):
        read(whole + whole)


def test_flipped_bits_in_parquet_pages_are_found(data: pa.Table, digest: str, tmp_path: Path) -> None:
    path = tmp_path / "e.parquet"
    pq.write_table(data, path, write_page_checksum=True, compression="none")
    whole = path.read_bytes()
    footer = int.from_bytes(whole[-8:-4], "little") + 8
    changed = 0
    for at in range(40, len(whole) - footer, 211):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        try:
            changed += EventLog.read(path, **KEYWORDS).digest != digest
        except errors.DataError as error:
            assert error.file == str(path)
    assert changed == 0


def test_a_name_and_content_that_disagree(data: pa.Table, tmp_path: Path) -> None:
    (tmp_path / "e.parquet").write_text("entity,time,event\n")
    with pytest.raises(errors.CorruptFileError, match=r'no Parquet file.*format="csv"'):
        EventLog.read(tmp_path / "e.parquet")
    (tmp_path / "text.csv").write_text("entity,time,event\n")
    with pytest.raises(errors.CorruptFileError, match="no Parquet file"):
        EventLog.read(tmp_path / "text.csv", format="parquet")
    pq.write_table(data, tmp_path / "e.csv")
    assert EventLog.read(tmp_path / "e.csv").n_events == len(ROWS)
    with pytest.raises(errors.CorruptFileError, match=r'no CSV file but Parquet.*format="parquet"'):
        EventLog.read(tmp_path / "e.csv", format="csv")
    (tmp_path / "e.parquet").write_bytes(b"\x1f\x8b\x08\x00 and so on")
    with pytest.raises(errors.CorruptFileError, match="decompress"):
        EventLog.read(tmp_path / "e.parquet")


def test_a_parquet_bomb_streams(tmp_path: Path) -> None:
    # 30 million equal rows in a few hundred kilobytes, with a fault in the first: read whole they would take gigabytes.
    n = 3_000_000
    ids = pa.DictionaryArray.from_arrays(pa.array([0] * n, pa.int32()), ["x" * 100])
    bomb = pa.table({"entity": ids, "time": pa.nulls(n, pa.timestamp("us", "UTC")), "event": ids})
    pq.write_table(bomb, tmp_path / "e.parquet")
    del bomb
    before = pa.total_allocated_bytes()
    peak = pa.default_memory_pool().max_memory() or 0
    with pytest.raises(errors.NullKeyError, match="row 0"):
        EventLog.read(tmp_path / "e.parquet")
    assert pa.total_allocated_bytes() - before < 100 << 20
    assert (pa.default_memory_pool().max_memory() or 0) - peak < 200 << 20


# --- standard input --------------------------------------------------------------------------------------------------


class Stdin:
    def __init__(self, content: bytes) -> None:
        self.buffer = io.BufferedReader(io.BytesIO(content))  # type: ignore[arg-type]


def test_standard_input(data: pa.Table, digest: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, data.schema) as writer:
        writer.write_table(data)
    text = io.BytesIO()
    stamps = data.set_column(1, "time", data["time"].cast(pa.int64()))
    pyarrow.csv.write_csv(stamps, text)
    for content, keywords in (
        (sink.getvalue(), {}),
        (sink.getvalue(), {"format": "arrow"}),
        (text.getvalue(), {"time_unit": "us", "plausible_years": None}),
        (text.getvalue(), {"format": "csv", "time_unit": "us", "plausible_years": None}),
    ):
        monkeypatch.setattr(sys, "stdin", Stdin(content))
        assert EventLog.read("-", **KEYWORDS, **keywords).digest == digest
    monkeypatch.setattr(sys, "stdin", Stdin(b"PAR1"))
    with pytest.raises(errors.ParameterError, match="standard input"):
        EventLog.read("-")
    monkeypatch.setattr(sys, "stdin", Stdin(b""))
    with pytest.raises(errors.EmptyInputError):
        EventLog.read("-")


def test_a_real_pipe(data: pa.Table, digest: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    reading, writing = os.pipe()
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, data.schema) as writer:
        writer.write_table(data)

    def feed() -> None:
        with os.fdopen(writing, "wb") as stream:
            stream.write(sink.getvalue())

    thread = threading.Thread(target=feed)
    thread.start()
    with os.fdopen(reading, "r") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        assert EventLog.read("-", **KEYWORDS).digest == digest
    thread.join()


# --- keywords -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keywords", "word"),
    [
        ({"entity": ""}, "entity="),
        ({"entity": None}, "entity="),
        ({"value": 7}, "value="),
        ({"timezone": "Europe/Berln"}, "Europe/Berlin"),
        ({"time_unit": "sec"}, "time_unit="),
        ({"on_bad_row": "quarantaine"}, "did you mean 'quarantine'"),
        ({"duplicates": "exactly"}, "did you mean 'exact'"),
        ({"duplicates": "id"}, "event_id="),
        ({"quarantine": "q.parquet"}, "on_bad_row"),
        ({"attributes": "kind"}, "kind"),
        ({"attributes": ["kind", "kind"]}, "twice"),
        ({"attributes": [7]}, "column name"),
        ({"attributes": {"kind": "txt"}}, "did you mean 'text'"),
        ({"attributes": ["duration"], "duration": "value"}, "duration"),
        ({"exclude_events": "e1"}, "list"),
        ({"exclude_events": [""]}, "event type"),
        ({"exclude_events": ["e9"]}, "e9"),
        ({"plausible_years": (2100, 1970)}, "plausible_years"),
        ({"plausible_years": 1970}, "plausible_years"),
        ({"threads": -1}, "threads must be"),
        ({"threads": 2**31 - 1}, "threads must be"),
        ({"threads": True}, "threads must be"),
    ],
)
def test_keywords_that_cannot_be_used(keywords: dict[str, Any], word: str, data: pa.Table) -> None:
    with pytest.raises(errors.ParameterError, match=word):
        EventLog.from_arrow(data, **keywords)


def test_keywords_that_from_arrow_does_not_have(data: pa.Table) -> None:
    for keywords, words in (
        ({"valeu": "value"}, r"EventLog\.from_arrow has no keyword valeu=.*did you mean value="),
        ({"qqqq": 1}, r"no keyword qqqq=.*value, attributes"),
        ({"format": "csv"}, r"no keyword format=.*EventLog\.read"),
    ):
        with pytest.raises(errors.ParameterError, match=words):
            EventLog.from_arrow(data, **keywords)


def test_formats_and_expansion_are_checked(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_text("entity,time,event\n")
    with pytest.raises(errors.ParameterError, match="did you mean 'parquet'"):
        EventLog.read(tmp_path / "e.csv", format="parket")
    with pytest.raises(errors.ParameterError, match="max_expansion"):
        EventLog.read(tmp_path / "e.csv", max_expansion=0)
