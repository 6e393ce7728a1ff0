"""Small logs written as text: ``{"x": "a@0s b@90m"}`` is entity x with an a at BASE and a b 90 minutes later."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

import seqmine as sm
from seqmine._text import format_duration, parse_duration

BASE = 1_704_067_200_000_000  # Monday, 2024-01-01 00:00 UTC
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIME = pa.timestamp("us", tz="UTC")


def at(text: str) -> int:
    """UTC microseconds of an offset from BASE (``-1h`` before it), or of an ISO time."""
    if re.match(r"\d{4}-", text):
        return (datetime.fromisoformat(text).replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
    return BASE - parse_duration(text[1:]) if text.startswith("-") else BASE + parse_duration(text)


def offset(time: int) -> str:
    """The inverse of `at`."""
    return format_duration(time - BASE) if time >= BASE else f"-{format_duration(BASE - time)}"


def found(table: pa.Table) -> list[str]:
    """The result of `find`, one line of text per row: entity, start, moment and ready time."""
    assert table.schema == pa.schema(
        [("entity", pa.string()), ("start_time", TIME), ("moment_time", TIME), ("ready_time", TIME)]
    )
    columns = [table["entity"].to_pylist(), *(table[i].cast(pa.int64()).to_pylist() for i in (1, 2, 3))]
    return [" ".join([entity, *map(offset, times)]) for entity, *times in zip(*columns, strict=True)]


def build_log(
    sequences: dict[str, str],
    *,
    observed_until: str | None = None,
    starts: dict[str, str] | None = None,
    timezone: str = "UTC",
    value: list[float | None] | None = None,
    **attributes: list[Any],
) -> sm.EventLog:
    """A log of the given sequences; value and attributes are lists in the order in which the events are written."""
    rows = [(entity, *token.rsplit("@", 1)) for entity, text in sequences.items() for token in text.split()]
    columns: dict[str, Any] = {
        "entity": pa.array([entity for entity, _, _ in rows], pa.string()),
        "event": pa.array([event for _, event, _ in rows], pa.string()),
        "time": pa.array([at(time) for _, _, time in rows], pa.int64()).cast(TIME),
    }
    if value is not None:
        columns["value"] = pa.array(value, pa.float64())
    for name, values in attributes.items():
        text = any(isinstance(v, str) for v in values)
        columns[name] = pa.array(values, pa.string() if text else pa.float64())
    declared = None
    if starts is not None:
        times = pa.array([at(time) for time in starts.values()], pa.int64()).cast(TIME)
        declared = pa.table({"entity": pa.array(list(starts)), "time": times})
    until = None if observed_until is None else EPOCH + timedelta(microseconds=at(observed_until))
    return sm.EventLog.from_arrow(
        pa.table(columns),
        value=None if value is None else "value",
        attributes=list(attributes),
        timezone=timezone,
        observed_until=until,
        starts=declared,
    )
