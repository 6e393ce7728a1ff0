"""Small logs and a model of ingest in plain Python."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pyarrow as pa

from seqmine.events import EventLog

Row = tuple[Any, ...]


def table(rows: list[Row], names: tuple[str, ...] = ("entity", "time", "event"), **types: pa.DataType) -> pa.Table:
    """A table of rows; times are integers of UTC microseconds unless told otherwise."""
    known = {"entity": pa.string(), "time": pa.timestamp("us", "UTC"), "event": pa.string(), "value": pa.float64()}
    known |= types
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return pa.table({name: pa.array(columns[i], known.get(name, pa.string())) for i, name in enumerate(names)})


def rows_of(log: EventLog) -> list[Row]:
    """The events of a log as tuples, times as integers."""
    data = log.to_arrow()
    columns = [
        (column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist()
        for column in data.columns
    ]
    return list(zip(*columns, strict=True))


def shared_data() -> Path:
    """The folder of real logs beside the checkout; `SEQMINE_SHARED_DATA` points elsewhere."""
    given = os.environ.get("SEQMINE_SHARED_DATA")
    return Path(given) if given else Path(__file__).resolve().parents[3] / "shared" / "data"
