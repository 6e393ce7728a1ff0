"""Ids, values and attributes: exact or refused."""

from __future__ import annotations

import contextlib
import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from event_rows import rows_of
from hypothesis import given, settings
from hypothesis import strategies as st

from seqmine import errors
from seqmine.events import EventLog

NASTY = [
    "007",
    "7",
    "07",
    "7.0",
    "1e5",
    "100000",
    "1E5",
    "0x1F",
    "9223372036854775808",
    "9007199254740993",
    "9007199254740992",
    "-0",
    "0",
    "+1",
    "1_000",
    "1,5",
    "NA",
    "NaN",
    "nan",
    "null",
    "NULL",
    "None",
    "N/A",
    "#N/A",
    "inf",
    "-inf",
    "true",
    "False",
    "2026-01-01",
    " lead",
    "trail ",
    "Caf\u00e9",
    "Cafe\u0301",
    "\U0001f600",
    "\u202eright to left",
    'quo"te',
    "two\nlines",
    "carriage\rreturn",
    "semi;colon\ttab",
    "=cmd()",
    "\u00df",
    "\uffff",
]


def log_of(entity: Any, **columns: Any) -> EventLog:
    n = len(entity)
    data = {"entity": entity, "time": pa.array(range(n), pa.timestamp("us", "UTC")), "event": ["e"] * n, **columns}
    keywords: dict[str, Any] = {}
    if "value" in columns:
        keywords["value"] = "value"
    if "attribute" in columns:
        keywords["attributes"] = ["attribute"]
    return EventLog.from_arrow(pa.table(data), **keywords)


def sorted_ids(ids: list[str]) -> list[str]:
    return sorted(ids, key=str.encode)


def test_nasty_ids_survive_csv_parquet_and_arrow(tmp_path: Path) -> None:
    assert len(set(NASTY)) == len(NASTY) >= 40
    times = ["2026-01-01T00:00:00Z"] * len(NASTY)
    data = pa.table({"entity": NASTY, "time": times, "event": NASTY, "kind": NASTY})
    with (tmp_path / "e.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(data.column_names)
        writer.writerows(zip(*(column.to_pylist() for column in data.columns), strict=True))
    pq.write_table(data, tmp_path / "e.parquet")
    with pa.ipc.new_file(str(tmp_path / "e.arrow"), data.schema) as sink:
        sink.write_table(data)
    with pa.ipc.new_stream(str(tmp_path / "s.arrows"), data.schema) as sink:
        sink.write_table(data)
    logs = [
        EventLog.read(tmp_path / name, attributes=["kind"]) for name in ("e.csv", "e.parquet", "e.arrow", "s.arrows")
    ]
    logs.append(EventLog.from_arrow(data, attributes=["kind"]))
    for log in logs:
        assert log.entities.to_pylist() == sorted_ids(NASTY)
        assert list(log.event_types) == sorted_ids(NASTY)
        assert list(log.attributes["kind"].categories) == sorted_ids(NASTY)
    assert len({log.digest for log in logs}) == 1


@pytest.mark.parametrize(
    "convert",
    [
        lambda array: array,
        lambda array: array.cast(pa.large_string()),
        lambda array: array.cast(pa.string_view()),
        lambda array: array.cast(pa.binary()),
        lambda array: array.dictionary_encode(),
        lambda array: array.cast(pa.large_string()).dictionary_encode(),
        lambda array: pa.concat_arrays([pa.array(["zzz", "unused"]), array]).dictionary_encode().slice(2),
        lambda array: pa.concat_arrays([pa.array(["zzz", None]), array]).slice(2),
    ],
    ids=["string", "large", "view", "binary", "dictionary", "large dictionary", "sliced dictionary", "sliced"],
)
def test_every_layout_of_text_is_the_same_text(convert: Any) -> None:
    names = ["b", "a", "b", "\u00e9", "c" * 50]
    expected = log_of(pa.array(names), attribute=pa.array(names))
    got = log_of(convert(pa.array(names)), attribute=convert(pa.array(names)))
    assert got.digest == expected.digest


def test_dictionary_index_types_and_nulls_inside_dictionaries() -> None:
    for index in (pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64(), pa.uint64()):
        ids = pa.DictionaryArray.from_arrays(pa.array([1, 0, 1], index), ["p", "q"])
        assert log_of(ids).entities.to_pylist() == ["p", "q"]
    holed = pa.DictionaryArray.from_arrays(pa.array([0, 1, None], pa.int32()), pa.array(["p", None]))
    assert log_of(["a", "a", "a"], attribute=holed).attributes["attribute"].codes.tolist() == [0, -1, -1]  # type: ignore[union-attr]
    with pytest.raises(errors.NullKeyError, match="row 1"):
        log_of(holed)


def test_a_dictionary_that_points_outside_of_itself() -> None:
    broken = pa.DictionaryArray.from_arrays(pa.array([0, 7], pa.int32()), ["p", "q"], safe=False)
    with pytest.raises(errors.CorruptFileError, match="entity"):
        log_of(broken)


def test_run_end_encoding_is_undone() -> None:
    import pyarrow.compute as pc

    assert log_of(pc.run_end_encode(pa.array(["a", "a", "b"]))).entities.to_pylist() == ["a", "b"]


def test_integers_become_their_decimal_text() -> None:
    ids = [2**63 - 1, -(2**63), 9007199254740993]
    assert log_of(pa.array(ids)).entities.to_pylist() == sorted(str(i) for i in ids)
    assert log_of(pa.array([2**64 - 1], pa.uint64())).entities.to_pylist() == [str(2**64 - 1)]
    assert log_of(pa.array([7, 70], pa.int8()).dictionary_encode()).entities.to_pylist() == ["7", "70"]


@pytest.mark.parametrize(
    ("array", "word"),
    [
        (pa.array([1.0]), "digits"),
        (pa.array([Decimal("1.0")]), "decimals"),
        (pa.array([True]), "true"),
        (pa.array([1], pa.timestamp("us", "UTC")), "time"),
        (pa.array([[1]]), "exact text"),
        (pa.array([1.5]).dictionary_encode(), "digits"),
    ],
)
def test_types_without_exact_text_are_no_ids(array: pa.Array, word: str) -> None:
    with pytest.raises(errors.SchemaError, match=word) as caught:
        log_of(array)
    assert caught.value.column == "entity"


def test_bytes_that_are_not_utf8() -> None:
    with pytest.raises(errors.EncodingError, match="row 1:column 'entity'"):
        log_of(pa.array([b"ok", b"caf\xe9", b"\xff"]))
    hidden = pa.array([b"ok", b"caf\xe9"]).view(pa.string())  # a writer that lied about its type
    with pytest.raises(errors.EncodingError, match="row 1"):
        log_of(hidden)
    with pytest.raises(errors.EncodingError, match="row 2"):
        log_of(["a"] * 3, attribute=pa.array([b"x", "\u00e9".encode(), b"\xe9"]).dictionary_encode())


def test_texts_beyond_the_limit() -> None:
    assert log_of(["x" * (1 << 20)]).n_events == 1
    with pytest.raises(errors.InputLimitError, match="row 1"):
        log_of(["a", "x" * ((1 << 20) + 1)])


def test_null_and_empty_keys() -> None:
    for bad, kind in ((None, "null"), ("", "empty")):
        with pytest.raises(errors.NullKeyError, match=f"row 1:column 'entity': the entity is .*{kind}"):
            log_of(["a", bad])
        with pytest.raises(errors.NullKeyError, match=f"row 1:column 'event': the event is .*{kind}"):
            EventLog.from_arrow({"entity": ["a", "b"], "time": [1, 2], "event": ["e", bad]}, time_unit="us")
    with pytest.raises(errors.NullKeyError):
        log_of(pa.nulls(2))


# --- numbers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "array",
    [
        pa.array([1, -2, None], pa.int8()),
        pa.array([1, -2, None], pa.int64()),
        pa.array([1, -2, None], pa.float32()),
        pa.array([1, -2, None], pa.float64()),
        pa.array([Decimal("1.00"), Decimal("-2.00"), None]),
        pa.array(["1", "-2.0e0", None]),
        pa.array([1.0, -2.0, None]).dictionary_encode(),
    ],
    ids=str,
)
def test_numbers_of_any_type(array: pa.Array) -> None:
    log = log_of(
        ["a", "b", "c"], value=array, attribute=array if pa.types.is_floating(array.type) else [1.0, -2.0, None]
    )
    assert log.value is not None
    assert log.value[:2].tolist() == [1.0, -2.0]
    assert np.isnan(log.value[2])
    assert log.to_arrow()["value"].null_count == 1
    assert log.has_value


@pytest.mark.parametrize("role", ["value", "attribute"])
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite(bad: float, role: str) -> None:
    numbers = pa.array([1.0, bad, None], from_pandas=False)
    with pytest.raises(errors.ValueRangeError, match=f"row 1:column '{role}'"):
        log_of(["a", "b", "c"], **{role: numbers})
    with pytest.raises(errors.ValueRangeError, match="row 1"):
        log_of(["a", "b", "c"], **{role: numbers.dictionary_encode()})
    data = {
        "entity": ["a", "b", "c"],
        "time": [1, 2, 3],
        "event": ["e"] * 3,
        "value": [1.0] * 3,
        "attribute": [1.0] * 3,
    }
    log = EventLog.from_arrow(
        data | {role: numbers}, value="value", attributes=["attribute"], time_unit="us", on_bad_row="quarantine"
    )
    assert log.accounting.reasons == {"value_not_finite": 1}
    assert log.entities.to_pylist() == ["a", "c"]


def test_missing_numbers_of_pandas_and_polars() -> None:
    keywords: dict[str, Any] = {"value": "v", "attributes": ["x", "y"], "time_unit": "us"}
    columns: dict[str, Any] = {"entity": ["a", "b"], "time": [1, 2], "event": ["e", "e"]}
    frame = pd.DataFrame(columns | {"v": [1.0, None], "x": [np.nan, 2.0], "y": pd.array([None, 3.0], "Float64")})
    expected = [("a", 1, "e", 1.0, None, None), ("b", 2, "e", None, 2.0, 3.0)]
    assert rows_of(EventLog.from_arrow(frame, **keywords)) == expected
    assert rows_of(EventLog.from_arrow({name: frame[name] for name in frame}, **keywords)) == expected
    other = pl.DataFrame(columns | {"v": [1.0, None], "x": [None, 2.0], "y": [None, 3.0]})
    assert rows_of(EventLog.from_arrow(other, **keywords)) == expected
    with pytest.raises(errors.ValueRangeError, match="row 0:column 'x'"):  # polars tells NaN from null
        EventLog.from_arrow(other.with_columns(x=pl.Series([float("nan"), 2.0])), **keywords)


def number_forms(text: str, folder: Path) -> dict[str, Any]:
    """One number in every form that can hold it, as a table or a CSV file."""
    base = {"entity": ["a"], "time": ["2026-01-01T00:00:00Z"], "event": ["e"]}
    scale = len(text.partition(".")[2])
    forms: dict[str, pa.Array] = {
        "text": pa.array([text]),
        "decimal128": pa.array([Decimal(text)], pa.decimal128(38, scale)),
        "wider decimal128": pa.array([Decimal(text)], pa.decimal128(38, scale + 3)),
        "decimal256": pa.array([Decimal(text)], pa.decimal256(60, scale)),
    }
    if scale == 0:
        for kind in (pa.int64(), pa.uint64()):
            with contextlib.suppress(pa.ArrowInvalid, OverflowError):
                forms[str(kind)] = pa.array([int(text)], kind)
    (folder / "e.csv").write_text(f"entity,time,event,x\na,2026-01-01T00:00:00Z,e,{text}\n")
    return {name: pa.table(base | {"x": form}) for name, form in forms.items()} | {"CSV": folder / "e.csv"}


@pytest.mark.parametrize("role", ["value", "attribute"])
@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("9007199254740992", True),
        ("-9007199254740992", True),
        ("9007199254740993", False),
        ("-9007199254740993", False),
        ("9007199254740992.4", False),
        ("9007199254740994", False),
        ("12345678901234567890.123", False),
        ("0.1", True),
        ("0.35", True),
        ("-1234567.29", True),
        ("123456789012.345678901", True),
        ("0.00000001", True),
        ("0", True),
    ],
)
def test_one_number_has_one_verdict_in_every_form(text: str, kept: bool, role: str, tmp_path: Path) -> None:
    keywords: dict[str, Any] = {"value": "x"} if role == "value" else {"attributes": {"x": "number"}}
    for name, data in number_forms(text, tmp_path).items():
        read = EventLog.read if isinstance(data, Path) else EventLog.from_arrow
        if kept:
            log = read(data, **keywords)
            got = log.value if role == "value" else log.attributes["x"].numbers
            assert got is not None
            assert got.tolist() == [float(text)], name
        else:
            with pytest.raises(errors.ValueRangeError, match=r"row 0:column 'x'.*2\^53"):
                read(data, **keywords)
            log = read(data, on_bad_row="quarantine", **keywords)
            assert log.accounting.reasons == {"value_inexact": 1}, name


def test_floats_beyond_the_exact_integers_are_what_they_are() -> None:
    for value in (pa.array([2.0**60, -1e300]), pa.array(["1.152921504606846976e18", "-1E300"])):
        assert log_of(["a", "b"], value=value).value.tolist() == [2.0**60, -1e300]  # type: ignore[union-attr]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.none() | st.decimals(-(2**53), 2**53, places=4, allow_nan=False), min_size=1, max_size=20), st.data()
)
def test_decimals_become_the_nearest_floats(numbers: list[Decimal | None], data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([pa.decimal128(38, 4), pa.decimal128(25, 9), pa.decimal256(50, 4)]))
    start = data.draw(st.integers(0, len(numbers) - 1))
    column = pa.array(numbers, kind)[start:]
    log = log_of([f"{i:02}" for i in range(len(column))], value=column)
    assert log.to_arrow()["value"].to_pylist() == [None if x is None else float(x) for x in numbers[start:]]


@pytest.mark.parametrize("column", ["took", "duration"])
def test_negative_durations_are_bad_rows_and_negative_values_are_not(column: str) -> None:
    data = {"entity": ["a", "b", "c"], "time": [1, 2, 3], "event": ["e"] * 3, "value": [-5.0, -1.0, 0.0]}
    rows = data | {column: [0.0, -1.5, None]}
    with pytest.raises(errors.ValueRangeError, match=f"row 1:column '{column}': the duration is negative"):
        EventLog.from_arrow(rows, value="value", duration=column, time_unit="us")
    log = EventLog.from_arrow(rows, value="value", duration=column, time_unit="us", on_bad_row="quarantine")
    assert log.accounting.reasons == {"negative_duration": 1}
    assert log.value is not None
    assert log.value.tolist() == [-5.0, 0.0]
    with pytest.raises(errors.ValueRangeError, match="the duration is negative"):
        log.with_events({"entity": ["a"], "time": [1], "event": ["f"], "duration": [-1]}, time_unit="us")
    assert EventLog.from_arrow(rows, attributes={"value": "number"}, time_unit="us").n_events == 3


@pytest.mark.parametrize("text", ["one", "1.2.3", "0x10", "1 ", "nan", "inf", "1e400", "--1", "."])
def test_texts_that_are_no_numbers(text: str) -> None:
    with pytest.raises(errors.ValueRangeError, match="row 1"):
        log_of(["a", "b"], value=["1", text])


def test_negative_zero_and_nan_bits_do_not_show() -> None:
    odd_nan = np.array([0x7FF8_0000_0000_0001], np.uint64).view(np.float64)
    gap = np.array([False, True])
    plain = log_of(["a", "b"], attribute=pa.array([0.0, None]))
    odd = log_of(["a", "b"], attribute=pa.array(np.concatenate([[-0.0], odd_nan]), mask=gap))
    assert plain.digest == odd.digest


@pytest.mark.parametrize("kind", [pa.bool_(), pa.timestamp("us", "UTC"), pa.list_(pa.float64())])
def test_values_of_other_types(kind: pa.DataType) -> None:
    with pytest.raises(errors.SchemaError, match="value"):
        log_of(["a"], value=pa.nulls(1, kind))


# --- attributes ---------------------------------------------------------------------------------------------------


def test_attributes_are_categories_or_numbers() -> None:
    data = {
        "entity": ["a"] * 3,
        "time": pa.array([1, 2, 3], pa.timestamp("us", "UTC")),
        "event": ["e"] * 3,
        "plan": ["pro", None, "free"],
        "seats": pa.array([3, None, 1], pa.int16()),
        "beta": [True, False, None],
        "none": pa.nulls(3),
        "empty": ["", None, ""],
        "took": [1.5, None, 2.5],
    }
    log = EventLog.from_arrow(data, attributes=["plan", "seats", "beta", "none", "empty"], duration="took")
    assert log.attribute_names == ("plan", "seats", "beta", "none", "empty", "duration")
    kinds = {name: column.kind for name, column in log.attributes.items()}
    assert kinds == dict.fromkeys(["plan", "beta", "none", "empty"], "dictionary") | {
        "seats": "number",
        "duration": "number",
    }
    assert log.attributes["plan"].categories == ("free", "pro")
    assert log.attributes["plan"].codes.tolist() == [1, -1, 0]  # type: ignore[union-attr]
    assert log.attributes["beta"].categories == ("false", "true")
    assert log.attributes["none"].codes.tolist() == [-1, -1, -1]  # type: ignore[union-attr]
    assert log.attributes["empty"].categories == ("",)  # an empty text is a value, not a null
    assert log.to_arrow()["duration"].to_pylist() == [1.5, None, 2.5]


def test_attributes_of_other_types_or_changing_types(tmp_path: Path) -> None:
    with pytest.raises(errors.SchemaError, match="cannot be an attribute"):
        log_of(["a"], attribute=pa.array([1], pa.timestamp("us", "UTC")))
    base = {"entity": ["a"], "time": pa.array([1], pa.timestamp("us", "UTC")), "event": ["e"]}
    pq.write_table(pa.table({**base, "x": ["7"]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({**base, "x": [7]}), tmp_path / "b.parquet")
    pq.write_table(pa.table({**base, "x": pa.nulls(1)}), tmp_path / "0.parquet")
    with pytest.raises(errors.SchemaError, match=r"b\.parquet.*a number here and text in an earlier file"):
        EventLog.read(tmp_path, attributes=["x"])
    assert EventLog.read(tmp_path, attributes={"x": "text"}).attributes["x"].categories == ("7",)
    assert EventLog.read(tmp_path, attributes={"x": "number"}).attributes["x"].kind == "number"
    # A file whose column holds nothing leaves the kind to the others.
    assert (
        EventLog.read([tmp_path / "0.parquet", tmp_path / "b.parquet"], attributes=["x"]).attributes["x"].kind
        == "number"
    )
