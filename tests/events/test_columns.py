"""Ids, values and attributes: exact or refused."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

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


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_values_that_are_not_finite(bad: float) -> None:
    with pytest.raises(errors.ValueRangeError, match="row 1:column 'value'"):
        log_of(["a", "b"], value=pa.array([1.0, bad], from_pandas=False))
    if np.isnan(bad):
        assert np.isnan(log_of(["a", "b"], attribute=pa.array([1.0, bad])).attributes["attribute"].numbers[1])  # type: ignore[index]
    else:
        with pytest.raises(errors.ValueRangeError, match="attribute"):
            log_of(["a", "b"], attribute=pa.array([1.0, bad]))


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64()])
def test_integers_that_a_float_cannot_hold(kind: pa.DataType) -> None:
    assert log_of(["a"], value=pa.array([2**53], kind)).value.tolist() == [2.0**53]  # type: ignore[union-attr]
    for role in ("value", "attribute"):
        with pytest.raises(errors.ValueRangeError, match=r"row 0.*2\^53"):
            log_of(["a"], **{role: pa.array([2**53 + 1], kind)})


@pytest.mark.parametrize("text", ["one", "1.2.3", "0x10", "1 ", "nan", "inf", "1e400", "--1", "."])
def test_texts_that_are_no_numbers(text: str) -> None:
    with pytest.raises(errors.ValueRangeError, match="row 1"):
        log_of(["a", "b"], value=["1", text])


def test_negative_zero_and_nan_bits_do_not_show() -> None:
    odd_nan = np.array([0x7FF8_0000_0000_0001], np.uint64).view(np.float64)
    plain = log_of(["a", "b"], attribute=pa.array([0.0, float("nan")]))
    odd = log_of(["a", "b"], attribute=pa.array(np.concatenate([[-0.0], odd_nan])))
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
    with pytest.raises(errors.SchemaError, match=r"b\.parquet.*number here and a dictionary"):
        EventLog.read(tmp_path, attributes=["x"])
    assert EventLog.read(tmp_path, attributes={"x": "text"}).attributes["x"].categories == ("7",)
    assert EventLog.read(tmp_path, attributes={"x": "number"}).attributes["x"].kind == "number"
    # A file whose column holds nothing leaves the kind to the others.
    assert (
        EventLog.read([tmp_path / "0.parquet", tmp_path / "b.parquet"], attributes=["x"]).attributes["x"].kind
        == "number"
    )
