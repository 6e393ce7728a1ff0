"""Columns of the tables that users hand in: entity ids, times, labels, checked once at the door."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

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
    TimestampNonexistent,
    TimestampUnitError,
    ValueRangeError,
)
from seqmine.events.columns import read_names
from seqmine.events.reasons import REASONS
from seqmine.events.times import TimeReader
from seqmine.events.zones import Zone
from seqmine.labels._instants import Bool, Int64


def as_table(source: Any, what: str) -> pa.Table:
    """Any Arrow table, batch, reader or ``__arrow_c_stream__`` object as a table with distinct column names."""
    if isinstance(source, pa.Table):
        table = source
    elif isinstance(source, pa.RecordBatch):
        table = pa.Table.from_batches([source])
    elif isinstance(source, Mapping):
        table = pa.table(dict(source))
    elif hasattr(source, "__arrow_c_stream__"):
        table = pa.RecordBatchReader.from_stream(source).read_all()
    else:
        raise SchemaError(
            f"{what} must be a table, not {type(source).__name__}",
            hint="pass a pyarrow, polars, pandas or duckdb table, or a dict of columns",
        )
    seen: set[str] = set()
    for name in table.column_names:
        if name in seen:
            raise SchemaError(f"{what} has two columns of this name", column=name, hint="rename one of them")
        seen.add(name)
    return table


def is_table(source: object) -> bool:
    return isinstance(source, (pa.Table, pa.RecordBatch, Mapping)) or hasattr(source, "__arrow_c_stream__")


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


def _refuse(flags: npt.NDArray[np.uint8] | None, name: str) -> None:
    """The first row that the readers of the event log cannot use either, as their typed error."""
    if flags is not None and flags.any():
        row = first_row(flags != 0)
        reason = REASONS[int(flags[row])]
        raise reason.error(reason.message, row=row, column=name, hint="correct the row, or leave it out")


def entity_ids(table: pa.Table, what: str) -> Any:
    """The entity column as large_string; ids are read as those of events are."""
    column = take_column(table, "entity", what)
    if column.null_count:
        raise NullKeyError("null entity", row=_null_row(column), column="entity", hint="every row needs an entity")
    names, flags = read_names(column, column="entity", file=None, role="entity")
    _refuse(flags, "entity")
    ids = names.cast(pa.large_string())
    empty = np.asarray(pc.binary_length(ids).to_numpy(zero_copy_only=False)) == 0
    if empty.any():
        raise NullKeyError("empty entity", row=first_row(empty), column="entity", hint="every row needs an entity")
    return ids


def instants(table: pa.Table, name: str, what: str, local: Zone | None) -> Int64:
    """A time column as UTC microseconds, read as the times of events are.

    Naive timestamps, dates (their midnight) and ISO text without an offset are wall clock in the zone ``local``, and
    refused without one. Integers are refused: they do not tell their unit.
    """
    column = take_column(table, name, what)
    try:
        time, flags = TimeReader(name, local).read(column)
    except TimestampUnitError as error:
        hint = "cast the column to a timestamp, for example pyarrow.timestamp('us', 'UTC')"
        raise TimestampUnitError(
            "whole numbers do not tell their unit", row=error.row, column=name, hint=hint
        ) from None
    _refuse(flags, name)
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
