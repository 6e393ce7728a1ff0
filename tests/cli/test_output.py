"""Result tables in every format: for people, programs and files."""

from __future__ import annotations

import csv
import io
import json

import click
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqmine.cli._output import emit, format_of, write_table

TABLE = pa.table(
    {
        "pattern": ["a -> b", "=cmd()", None, 'x\x1b[2J,"y"\nz'],
        "n": pa.array([1, -2, None, 3]),
        "lift": [1.23456789, -0.5, None, float("nan")],
        "time": pa.array([0, 1_500_000, None, -1], pa.timestamp("us", "UTC")),
        "kind": pa.array(["u", "v", None, "u"]).dictionary_encode(),
    }
)


def written(form: str, **options: bool) -> bytes:
    stream = io.BytesIO()
    write_table(TABLE, form, stream, **options)
    return stream.getvalue()


def test_csv_is_safe_for_spreadsheets_and_keeps_numbers() -> None:
    rows = list(csv.reader(io.StringIO(written("csv").decode())))
    assert rows[0] == ["pattern", "n", "lift", "time", "kind"]
    assert rows[1] == ["a -> b", "1", "1.23456789", "1970-01-01T00:00:00Z", "u"]
    assert rows[2] == ["'=cmd()", "-2", "-0.5", "1970-01-01T00:00:01.500000Z", "v"]
    assert rows[3] == ["", "", "", "", ""]
    assert rows[4][0] == TABLE["pattern"][3].as_py()


def test_durations_are_texts_that_read_back() -> None:
    delays = pa.table({"lo": pa.array([0, 68_400_000_000, None], pa.duration("us"))})
    for form, said in (
        ("csv", b'"lo"\n"0s"\n"19h"\n\n'),
        ("json", b'[\n{"lo": "0s"},\n{"lo": "19h"},\n{"lo": null}\n]\n'),
    ):
        stream = io.BytesIO()
        write_table(delays, form, stream)
        assert stream.getvalue() == said


def test_raw_csv_is_untouched() -> None:
    rows = list(csv.reader(io.StringIO(written("csv", raw_csv=True).decode())))
    assert rows[2][0] == "=cmd()"


def test_csv_header_is_safe_too() -> None:
    stream = io.BytesIO()
    write_table(pa.table({"=x": [1]}), "csv", stream)
    assert stream.getvalue() == b'"\'=x"\n1\n'


def test_json_is_an_array_of_objects() -> None:
    rows = json.loads(written("json"))
    assert rows[0] == {"pattern": "a -> b", "n": 1, "lift": 1.23456789, "time": "1970-01-01T00:00:00Z", "kind": "u"}
    assert rows[2] == dict.fromkeys(TABLE.column_names)
    assert rows[3]["lift"] is None
    assert len(rows) == 4


def test_empty_tables_are_valid() -> None:
    stream = io.BytesIO()
    write_table(TABLE.slice(0, 0), "json", stream)
    assert json.loads(stream.getvalue()) == []
    stream = io.BytesIO()
    write_table(TABLE.slice(0, 0), "csv", stream)
    assert stream.getvalue().count(b"\n") == 1


def test_parquet_round_trip_and_same_bytes() -> None:
    first = written("parquet")
    again = pq.read_table(io.BytesIO(first))
    assert again.schema.equals(TABLE.schema)
    assert repr(again.to_pylist()) == repr(TABLE.to_pylist())  # text: nan is not equal to itself
    chunked = pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1)]).unify_dictionaries()
    stream = io.BytesIO()
    write_table(chunked, "parquet", stream)
    assert stream.getvalue() == first


def test_table_for_people_has_one_line_a_row_and_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    emit(TABLE, "table", limit=None)
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "x\\x1b[2J" in out
    assert (
        len([line for line in out.splitlines() if line.strip()]) == 2 + TABLE.num_rows - 1
    )  # the row of nulls is blank


def test_long_tables_say_that_rows_are_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    emit(TABLE, "table", limit=1)
    captured = capsys.readouterr()
    assert "a -> b" in captured.out
    assert "=cmd()" not in captured.out
    assert "3 more rows" in captured.err


@pytest.mark.parametrize(
    ("name", "output", "expected"),
    [
        (None, None, "table"),
        ("json", None, "json"),
        (None, "x.CSV", "csv"),
        (None, "x.parquet", "parquet"),
        ("csv", "x.bin", "csv"),
    ],
)
def test_format_is_given_or_read_from_the_name(name: str | None, output: str | None, expected: str) -> None:
    assert format_of(name, output) == expected


def test_unknown_suffix_needs_a_format() -> None:
    with pytest.raises(click.UsageError, match="--format"):
        format_of(None, "x.xlsx")
