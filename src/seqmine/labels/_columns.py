"""Columns of the tables that users hand in: entity ids, times, labels, checked once at the door."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seqmine._text import did_you_mean
from seqmine.errors import (
    DataError,
    NullKeyError,
    SchemaError,
    TimestampAmbiguous,
    TimestampError,
    TimestampNonexistent,
    TimestampOutOfRange,
    TimestampUnitError,
    TimestampUnparsable,
    ValueRangeError,
)
from seqmine.labels._instants import MAX_TIME, MIN_TIME, Bool, Int64

_PER_UNIT = {"s": 1_000_000, "ms": 1_000, "us": 1}
_DAY = 86_400_000_000


class Zone(Protocol):
    """What is needed of a time zone here: local wall clock to UTC, with the two ways in which that can fail."""

    def to_utc(self, local: Int64) -> tuple[Int64, Bool, Bool]: ...


def as_table(source: Any, what: str) -> pa.Table:
    """Any Arrow table, batch, reader or ``__arrow_c_stream__`` object as a table with distinct column names."""
    if isinstance(source, pa.Table):
        table = source
    elif isinstance(source, pa.RecordBatch):
        table = pa.Table.from_batches([source])
    elif hasattr(source, "__arrow_c_stream__"):
        table = pa.RecordBatchReader.from_stream(source).read_all()
    else:
        raise SchemaError(
            f"{what} must be a table, not {type(source).__name__}",
            hint="pass a pyarrow, polars, pandas or duckdb table (anything with __arrow_c_stream__)",
        )
    seen: set[str] = set()
    for name in table.column_names:
        if name in seen:
            raise SchemaError(f"{what} has two columns of this name", column=name, hint="rename one of them")
        seen.add(name)
    return table


def is_table(source: object) -> bool:
    return isinstance(source, (pa.Table, pa.RecordBatch)) or hasattr(source, "__arrow_c_stream__")


def encode(column: Any) -> tuple[Int64, Any]:
    """Position of each row's value among the distinct values, and the distinct values as an array."""
    encoded = column.dictionary_encode()
    return np.asarray(encoded.indices.to_numpy(zero_copy_only=False), dtype=np.int64), encoded.dictionary


def take(column: Any, rows: Int64) -> Any:
    """The column's rows in this order."""
    return column.take(pa.array(np.ascontiguousarray(rows), pa.int64()))


def plain(column: Any) -> Any:
    """The column as one array, neither chunked nor dictionary encoded."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if isinstance(column, pa.ChunkedArray):  # what older pyarrow leaves of a column without chunks
        column = pa.array([], type=column.type)
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def take_column(table: pa.Table, name: str, what: str) -> Any:
    """A column of a table, `plain`; SchemaError with the nearest name where there is none."""
    if name not in table.column_names:
        near = did_you_mean(name, table.column_names)
        hint = f"did you mean the column {near!r}? rename it to {name!r}" if near else f"add a column {name!r}"
        raise SchemaError(f"{what} lacks this column", column=name, hint=hint)
    return plain(table.column(name))


def first_row(mask: Bool) -> int:
    return int(np.flatnonzero(mask)[0])


def _null_row(column: pa.Array[Any]) -> int:
    return first_row(np.asarray(column.is_null().to_numpy(zero_copy_only=False), dtype=np.bool_))


def entity_ids(table: pa.Table, what: str) -> Any:
    """The entity column as large_string; whole numbers become their decimal text, as in the log."""
    column = take_column(table, "entity", what)
    kind = column.type
    if column.null_count:
        raise NullKeyError("null entity", row=_null_row(column), column="entity", hint="every row needs an entity")
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    if not (text or pa.types.is_integer(kind) or pa.types.is_null(kind)):
        raise SchemaError(
            f"entity ids must be text or whole numbers, not {kind}", column="entity", hint="cast the column to text"
        )
    column = column.cast(pa.large_string())
    empty = np.asarray(pc.binary_length(column).to_numpy(zero_copy_only=False)) == 0
    if empty.any():
        raise NullKeyError("empty entity", row=first_row(empty), column="entity", hint="every row needs an entity")
    return column


def instants(table: pa.Table, name: str, what: str, zone: Zone | None) -> Int64:
    """A time column as UTC microseconds.

    Timestamps with a zone are instants; naive timestamps, dates (their midnight) and ISO text without an offset
    are wall clock in ``zone``, and refused when ``zone`` is None. Integers are refused: they do not tell their unit.
    """
    column = take_column(table, name, what)
    if column.null_count:
        raise TimestampError("null time", row=_null_row(column), column=name, hint="every row needs a time")
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        column = _parse_text(column.cast(pa.large_string()), name)
        kind = column.type
    if pa.types.is_timestamp(kind):
        raw = np.asarray(column.cast(pa.int64()).to_numpy(zero_copy_only=False), dtype=np.int64)
        time = _to_microseconds(raw, kind.unit, name)
        naive = kind.tz is None
    elif pa.types.is_date(kind):
        days = np.asarray(column.cast(pa.date32()).cast(pa.int32()).to_numpy(zero_copy_only=False), dtype=np.int64)
        time, naive = _scaled(days, _DAY, name), True
    elif pa.types.is_null(kind):  # an empty table often has no types
        return np.zeros(0, dtype=np.int64)
    elif pa.types.is_integer(kind):
        raise TimestampUnitError(
            "whole numbers do not tell their unit",
            column=name,
            hint="cast the column to a timestamp, for example pyarrow.timestamp('us', 'UTC')",
        )
    else:
        raise SchemaError(f"not a time column: {kind}", column=name, hint="use timestamps, dates or ISO text")
    if naive and len(time):
        if zone is None:
            raise TimestampUnparsable(
                "times without a zone", column=name, hint="pass timezone=..., or give the column a zone"
            )
        return to_utc(time, zone, lambda row: {"row": row, "column": name})
    return time


def to_utc(local: Int64, zone: Zone, place: Callable[[int], dict[str, Any]]) -> Int64:
    """Wall clock to UTC; a clock time that happens twice or never is an error, never a guess."""
    utc, ambiguous, nonexistent = zone.to_utc(local)
    hint = "write the UTC offset, for example 2017-10-29T02:30:00+01:00"
    if ambiguous.any():
        raise TimestampAmbiguous(
            "this local time happens twice (the clocks go back)", hint=hint, **place(first_row(ambiguous))
        )
    if nonexistent.any():
        raise TimestampNonexistent(
            "this local time never happens (the clocks go forward)", hint=hint, **place(first_row(nonexistent))
        )
    return utc


def _parse_text(column: Any, name: str) -> Any:
    """ISO 8601 text: all rows with an offset, or none of them."""
    for kind in (pa.timestamp("us", "UTC"), pa.timestamp("us")):
        try:
            return column.cast(kind)
        except pa.ArrowInvalid:
            continue
    # Neither all with an offset nor all without: find the first row that does not go with row 0.
    with_offset = _casts(column.slice(0, 1), pa.timestamp("us", "UTC"))
    kind = pa.timestamp("us", "UTC") if with_offset else pa.timestamp("us")
    lo, hi = 0, len(column)  # the first `lo` rows cast, the first `hi` do not
    while hi - lo > 1:
        middle = (lo + hi) // 2
        lo, hi = (middle, hi) if _casts(column.slice(0, middle), kind) else (lo, middle)
    raise TimestampUnparsable(
        "not a time in ISO form like the rows before it",
        row=hi - 1,
        column=name,
        hint="write 2017-10-01 or 2017-10-01T12:00:00, all rows with an offset or none",
    )


def _casts(column: pa.Array[Any], kind: pa.DataType) -> bool:
    try:
        column.cast(kind)
    except pa.ArrowInvalid:
        return False
    return True


def _to_microseconds(raw: Int64, unit: str, name: str) -> Int64:
    if unit == "ns":
        lossy = raw % 1_000 != 0
        if lossy.any():
            raise TimestampOutOfRange(
                "nanoseconds would lose digits",
                row=first_row(lossy),
                column=name,
                hint="round the column to microseconds",
            )
        return raw // 1_000
    return _scaled(raw, _PER_UNIT[unit], name)


def _scaled(raw: Int64, factor: int, name: str) -> Int64:
    outside = (raw > MAX_TIME // factor) | (raw < -(MAX_TIME // factor))
    if outside.any():
        raise TimestampOutOfRange(
            f"outside {MIN_TIME}..{MAX_TIME} microseconds from 1970",
            row=first_row(outside),
            column=name,
            hint="check the unit of the column",
        )
    return raw * np.int64(factor)


def refuse_repeats(entity: Int64, time: Int64, row: Int64) -> None:
    """DataError when two neighbours of sorted rows have the same entity and index time; `row`: where they were."""
    same = (entity[1:] == entity[:-1]) & (time[1:] == time[:-1])
    if same.any():
        first = first_row(same)
        a, b = sorted((int(row[first]), int(row[first + 1])))
        raise DataError(f"the same entity and index time as in row {a}", row=b, hint="keep one of the two rows")


def binary_labels(table: pa.Table, what: str) -> npt.NDArray[np.uint8]:
    """The ``label`` column as 0/1; anything else is an error that names the row."""
    column = take_column(table, "label", what)
    if column.null_count:
        raise DataError("null label", row=_null_row(column), column="label", hint="drop the rows without a label")
    kind = column.type
    if not (pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
        raise SchemaError(
            f"labels must be 0/1 or booleans, not {kind}", column="label", hint="cast the column to pyarrow.int8()"
        )
    if not pa.types.is_integer(kind):
        column = column.cast(pa.uint8())
    raw = np.asarray(column.to_numpy(zero_copy_only=False))
    wrong = (raw != 0) & (raw != 1)
    if wrong.any():
        raise DataError(
            "labels must be 0 or 1",
            row=first_row(wrong),
            column="label",
            hint="compare with a threshold first, for example value >= 3",
        )
    return raw.astype(np.uint8)


def values(table: pa.Table, what: str) -> npt.NDArray[np.float64]:
    """The ``value`` column as finite float64."""
    column = take_column(table, "value", what)
    if column.null_count:
        raise DataError("null value", row=_null_row(column), column="value", hint="drop the rows without a value")
    kind = column.type
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    if not (numeric or pa.types.is_null(kind)):
        raise SchemaError(f"values must be numbers, not {kind}", column="value", hint="cast the column to float64")
    try:
        column = column.cast(pa.float64())
    except pa.ArrowInvalid:
        raise ValueRangeError(
            "whole numbers beyond 2**53 would lose digits",
            column="value",
            hint="cast the column to float64 yourself if that is meant",
        ) from None
    raw = np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
    wrong = ~np.isfinite(raw)
    if wrong.any():
        raise DataError("values must be finite", row=first_row(wrong), column="value", hint="drop or repair the row")
    return raw
