"""CSV as people really write it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from event_rows import rows_of

from seqmine import errors
from seqmine.events import EventLog, csvfile

HEADER = b"entity,time,event,kind\n"
GOOD = b"a,2026-01-01T00:00:00Z,x,k\n"
T0 = 1_767_225_600_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "e.csv"


@pytest.fixture(params=[1 << 16, 4 << 20], ids=["small blocks", "one block"])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    size: int = request.param
    monkeypatch.setattr(csvfile, "_BLOCK", size)
    return size


@pytest.mark.parametrize(
    "content",
    [
        HEADER + GOOD,
        HEADER + GOOD.rstrip(b"\n"),
        (HEADER + GOOD).replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + HEADER + GOOD,
        b"\n\n" + HEADER + b"\n" + GOOD + b"\n\n",
        b'"entity","time","event","kind"\n"a","2026-01-01T00:00:00Z","x","k"\n',
        b"kind,extra,entity,event,time\nk,\xff\xfe,a,x,2026-01-01T00:00:00Z\n",
    ],
    ids=["plain", "no newline at the end", "CRLF", "BOM", "blank lines", "quoted", "other columns in any encoding"],
)
def test_forms_of_one_row(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    log = EventLog.read(path, attributes=["kind"])
    assert rows_of(log) == [("a", T0, "x", "k")]
    assert log.accounting.rows_in == 1


def test_tsv_and_gzip(tmp_path: Path) -> None:
    (tmp_path / "e.tsv").write_bytes((HEADER + GOOD).replace(b",", b"\t"))
    (tmp_path / "e.csv.gz").write_bytes(gzip.compress(HEADER + GOOD))
    (tmp_path / "two.csv.gz").write_bytes(gzip.compress(HEADER) + gzip.compress(GOOD))
    (tmp_path / "e.tsv.gz").write_bytes(gzip.compress((HEADER + GOOD).replace(b",", b"\t")))
    digests = {EventLog.read(file, attributes=["kind"]).digest for file in tmp_path.iterdir()}
    assert len(digests) == 1


def test_quoted_and_unquoted_empty_fields(path: Path) -> None:
    path.write_bytes(HEADER + b'a,2026-01-01T00:00:00Z,x,\nb,2026-01-01T00:00:00Z,x,""\n')
    assert rows_of(EventLog.read(path, attributes=["kind"])) == [("a", T0, "x", None), ("b", T0, "x", "")]
    path.write_bytes(HEADER + GOOD + b",2026-01-01T00:00:00Z,x,k\n")
    with pytest.raises(errors.NullKeyError, match=r"e\.csv:row 1:column 'entity': the entity is null"):
        EventLog.read(path)
    path.write_bytes(HEADER + GOOD + b'"",2026-01-01T00:00:00Z,x,k\n')
    with pytest.raises(errors.NullKeyError, match="empty text"):
        EventLog.read(path)


def test_numbers_are_declared_never_inferred(path: Path) -> None:
    path.write_bytes(b"entity,time,event,value,score,plan\na,1700000000,x,1.50,007,007\nb,1700000001,x,,,\n")
    log = EventLog.read(path, value="value", attributes={"score": "number", "plan": "text"}, time_unit="s")
    assert rows_of(log) == [
        ("a", 1_700_000_000_000_000, "x", 1.5, 7.0, "007"),
        ("b", 1_700_000_001_000_000, "x", None, None, None),
    ]
    assert EventLog.read(path, attributes=["score"], time_unit="s").attributes["score"].kind == "dictionary"


def test_ragged_rows_and_their_neighbours_keep_their_numbers(path: Path, block: int) -> None:
    body = [GOOD] * 20_000
    body[17] = b"a,short\n"
    body[9_000] = b"a,2026-01-01T00:00:00Z,x,k,too,long\n"
    body[9_001] = b"a,tomorrow,x,k\n"
    body[9_002] = b'"new\nline",2026-01-01T00:00:00Z,x,k\n'
    body[12_345] = b",2026-01-01T00:00:00Z,x,k\n"
    body[19_999] = b"a\n"
    path.write_bytes(HEADER + b"".join(body))
    with pytest.raises(errors.SchemaError, match=r"e\.csv:row 17: .*fields"):
        EventLog.read(path)
    log = EventLog.read(path, on_bad_row="quarantine")
    assert dict(log.accounting.reasons) == {"null_entity": 1, "ragged_row": 3, "unparsable_time": 1}
    assert log.accounting.rows_in == 20_000
    assert log.accounting.examples["ragged_row"] == tuple((str(path), row) for row in (17, 9_000, 19_999))
    assert log.accounting.examples["unparsable_time"] == ((str(path), 9_001),)
    assert log.accounting.examples["null_entity"] == ((str(path), 12_345),)
    assert log.entities.to_pylist() == ["a", "new\nline"]
    assert log.quarantined is not None
    raw = {row["row"]: row["raw"] for row in log.quarantined.to_pylist()}
    assert raw == {17: "a,short", 9_000: "a,2026-01-01T00:00:00Z,x,k,too,long", 9_001: None, 12_345: None, 19_999: "a"}


def test_the_lower_of_a_ragged_and_a_bad_row_is_named(path: Path) -> None:
    path.write_bytes(HEADER + b"a,bad,x,k\nshort\n")
    with pytest.raises(errors.TimestampUnparsable, match="row 0"):
        EventLog.read(path)
    path.write_bytes(HEADER + b"short\na,bad,x,k\n")
    with pytest.raises(errors.SchemaError, match="row 0"):
        EventLog.read(path)
    path.write_bytes(HEADER + b"short\n")
    with pytest.raises(errors.SchemaError, match="row 0"):
        EventLog.read(path)


@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize("field", range(4))
def test_a_quote_that_is_never_closed(path: Path, before: int, field: int) -> None:
    fields = ["b", "2026-01-01T00:00:00Z", "x", "open"]
    fields[field] = '"' + fields[field]
    for after in (0, 5):
        path.write_bytes(HEADER + GOOD * before + ",".join(fields).encode() + b"\n" + GOOD * after)
        with pytest.raises(errors.CorruptFileError, match=f"row {before}: a quoted field is not closed"):
            EventLog.read(path)


def test_a_quote_in_the_header_that_is_never_closed(path: Path) -> None:
    path.write_bytes(b'entity,time,"event\n' + GOOD * 5)
    with pytest.raises(errors.CorruptFileError, match="header"):
        EventLog.read(path)


@pytest.mark.parametrize("before", [0, 1, 7_000])
@pytest.mark.parametrize("ragged", [0, 1, 3])
@pytest.mark.parametrize(
    "long",
    [b'b,2026-01-01T00:00:00Z,x,"open\n', b'"b,2026-01-01T00:00:00Z,x,open\n', b"b,,x," + b"k" * 200_000 + b"\n"],
    ids=["open at the end", "open at the start", "one field"],
)
def test_a_row_without_end_is_refused_before_it_fills_the_memory(
    path: Path, before: int, ragged: int, long: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csvfile, "_BLOCK", 1 << 16)
    path.write_bytes(HEADER + b"short\n" * ragged + GOOD * before + b"short\n" * ragged + long + GOOD * 10_000)
    with pytest.raises(errors.InputLimitError, match=rf"e\.csv:row {before + 2 * ragged}: .*quotes"):
        EventLog.read(path, on_bad_row="quarantine")


def test_other_encodings(path: Path) -> None:
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        path.write_bytes((HEADER + GOOD).decode().encode(encoding))
        with pytest.raises(errors.EncodingError, match=r"e\.csv:row 0.*UTF-8"):
            EventLog.read(path)
    path.write_bytes(HEADER + GOOD + "a,2026-01-01T00:00:00Z,café,k\n".encode("latin-1"))
    with pytest.raises(errors.EncodingError, match="row 1:column 'event'"):
        EventLog.read(path)
    log = EventLog.read(path, on_bad_row="quarantine")
    assert log.accounting.reasons == {"bad_encoding": 1}
    assert log.quarantined is not None
    assert log.quarantined["event"].to_pylist() == ["caf\\xe9"]
    path.write_bytes("entité,time,event\n".encode("latin-1"))
    with pytest.raises(errors.EncodingError, match="header"):
        EventLog.read(path)
    path.write_bytes(HEADER + GOOD + "a,2026-01-01T00:00:00Z,café,k\n".encode())
    assert EventLog.read(path).event_types == ("café", "x")


# Arrow's own report of the row fails on the way, which Python can only print.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_ragged_row_in_another_encoding(path: Path) -> None:
    path.write_bytes(HEADER + GOOD + "café\n".encode("latin-1"))
    with pytest.raises(errors.EncodingError, match="row 1"):
        EventLog.read(path)


@pytest.mark.parametrize("row", [0, 5, 500, 200_000])
def test_nul_characters(path: Path, row: int) -> None:
    path.write_bytes(HEADER + GOOD * row + b"a\x00b,2026-01-01T00:00:00Z,x,k\n" + GOOD)
    with pytest.raises(errors.EncodingError, match=rf"row {row}:column 'entity'.*NUL"):
        EventLog.read(path)
    log = EventLog.read(path, on_bad_row="quarantine")
    assert log.accounting.reasons == {"nul_character": 1}
    assert log.accounting.examples["nul_character"] == ((str(path), row),)
    assert log.n_events == row + 1


def test_a_nul_character_in_the_header(path: Path) -> None:
    path.write_bytes(HEADER.replace(b"kind", b"ki\0nd") + GOOD * 20)
    with pytest.raises(errors.EncodingError, match="the header holds a NUL character"):
        EventLog.read(path)


def test_columns_of_the_header(path: Path) -> None:
    path.write_bytes(b"entity,time,event,entity\n" + GOOD)
    with pytest.raises(errors.SchemaError, match="same name"):
        EventLog.read(path)
    path.write_bytes(b"customer,time,event,kind\n" + GOOD)
    with pytest.raises(errors.SchemaError, match=r"no column for entity=.*'customer'"):
        EventLog.read(path)
    path.write_bytes(b"entity;time;event;kind\na;2026-01-01T00:00:00Z;x;k\n")
    with pytest.raises(errors.SchemaError, match="another mark than a comma"):
        EventLog.read(path)
    path.write_bytes(b" \n\n")
    with pytest.raises(errors.EmptyInputError):
        EventLog.read(path)


def test_damaged_gzip(tmp_path: Path) -> None:
    path = tmp_path / "e.csv.gz"
    whole = gzip.compress(HEADER + b"".join(b"u%d,2026-01-01T00:00:00Z,x,k\n" % i for i in range(5_000)))
    for damaged in (whole[:-100], whole[:30], whole[:500] + b"\0\0\0\0" + whole[504:], b"\x1f\x8b junk"):
        path.write_bytes(damaged)
        with pytest.raises(errors.CorruptFileError) as caught:
            EventLog.read(path)
        assert caught.value.file == str(path)
    (tmp_path / "plain.csv.gz").write_bytes(HEADER + GOOD)  # not compressed after all
    assert EventLog.read(tmp_path / "plain.csv.gz").n_events == 1


def test_a_gzip_bomb(tmp_path: Path) -> None:
    path = tmp_path / "e.csv.gz"
    path.write_bytes(gzip.compress(HEADER + GOOD * 1_500_000, 6))
    with pytest.raises(errors.InputLimitError, match="max_expansion="):
        EventLog.read(path)
    assert EventLog.read(path, max_expansion=2000).n_events == 1_500_000


def test_a_failure_names_no_data(path: Path) -> None:
    secret = b"jane.doe@example.com"
    for row in (
        secret + b",tomorrow,x,k\n",
        secret + b"\n",
        secret + b",2026-01-01T00:00:00Z,x,k,k\n",
        secret + b",1,x\xff,k",
    ):
        path.write_bytes(HEADER + row)
        with pytest.raises(errors.DataError) as caught:
            EventLog.read(path)
        assert "jane" not in str(caught.value)
        assert "jane" not in repr(caught.value)


def test_quarantine_file_of_csv_rows(path: Path, tmp_path: Path) -> None:
    path.write_bytes(b"entity,time,event,reason,other\na,bad,x,mine,o\nb,2026-01-01T00:00:00Z,x,mine,o\nshort\n")
    log = EventLog.read(path, on_bad_row="quarantine", quarantine=tmp_path / "q.parquet")
    assert log.quarantined is None
    assert pq.read_table(tmp_path / "q.parquet").to_pylist() == [
        {
            "entity": "a",
            "time": "bad",
            "event": "x",
            "reason_original": "mine",
            "other": "o",
            "reason": "unparsable_time",
            "file": str(path),
            "row": 0,
            "raw": None,
        },
        {
            **dict.fromkeys(["entity", "time", "event", "reason_original", "other"]),
            "reason": "ragged_row",
            "file": str(path),
            "row": 2,
            "raw": "short",
        },
    ]
