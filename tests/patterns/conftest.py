"""Small logs written as text: ``{"x": "a@0s b@90m"}`` is entity x with an a at BASE and a b 90 minutes later."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest

from seqmine import _native
from seqmine._text import format_duration, parse_duration

BASE = 1_704_067_200_000_000  # Monday, 2024-01-01 00:00 UTC


def at(text: str) -> int:
    """UTC microseconds of an offset from BASE (``-1h`` before it), or of an ISO time."""
    if re.match(r"\d{4}-", text):
        time = datetime.fromisoformat(text).replace(tzinfo=UTC)
        return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return BASE - parse_duration(text[1:]) if text.startswith("-") else BASE + parse_duration(text)


def offset(time: int) -> str:
    """The inverse of `at`."""
    return format_duration(time - BASE) if time >= BASE else f"-{format_duration(BASE - time)}"


def found(table: pa.Table) -> list[str]:
    """The result of `find`, one line of text per row: entity, start, moment and ready time."""
    assert table.schema == pa.schema(
        [
            ("entity", pa.string()),
            *((name, pa.timestamp("us", tz="UTC")) for name in ("start_time", "moment_time", "ready_time")),
        ]
    )
    columns = [table["entity"].to_pylist(), *(table[i].cast(pa.int64()).to_pylist() for i in (1, 2, 3))]
    return [" ".join([entity, *map(offset, times)]) for entity, *times in zip(*columns, strict=True)]


class ZoneTable:
    def __init__(self, name: str) -> None:
        hours = np.arange(at("2023-01-01"), at("2026-01-01"), 3_600_000_000, dtype=np.int64)
        zone = ZoneInfo(name)
        offsets = np.array(
            [
                (datetime.fromtimestamp(t // 1_000_000, zone).utcoffset() or timedelta()) // timedelta(microseconds=1)
                for t in hours.tolist()
            ],
            dtype=np.int64,
        )
        change = np.r_[True, offsets[1:] != offsets[:-1]]
        self.transitions, self.offsets = hours[change], offsets[change]


def build_log(
    sequences: dict[str, str],
    *,
    observed_until: str | None = None,
    starts: dict[str, str] | None = None,
    timezone: str = "UTC",
    value: list[float | None] | None = None,
    **attributes: list[Any],
) -> Any:
    """A log of the given sequences; value and attributes are lists in the order in which the events are written."""
    rows = [
        (entity.encode(), at(time), event.encode(), i)
        for i, (entity, event, time) in enumerate(
            (entity, *token.rsplit("@", 1)) for entity, text in sequences.items() for token in text.split()
        )
    ]
    rows.sort()
    order = [row[3] for row in rows]
    entities = sorted({row[0] for row in rows} | {e.encode() for e in sequences})
    types = sorted({row[2] for row in rows})
    offsets = np.searchsorted(np.array([entities.index(r[0]) for r in rows]), np.arange(len(entities) + 1))
    time = np.array([row[1] for row in rows], dtype=np.int64)
    code = np.array([types.index(row[2]) for row in rows], dtype=np.uint16)
    columns: dict[str, Any] = {}
    for name, values in attributes.items():
        ordered = [values[i] for i in order]
        if any(isinstance(v, str) for v in values):
            categories = sorted({v for v in values if v is not None}, key=str.encode)
            codes = np.array([-1 if v is None else categories.index(v) for v in ordered], dtype=np.int32)
            columns[name] = SimpleNamespace(kind="dictionary", codes=codes, categories=tuple(categories), numbers=None)
        else:
            numbers = np.array([np.nan if v is None else v for v in ordered], dtype=np.float64)
            columns[name] = SimpleNamespace(kind="number", codes=None, categories=(), numbers=numbers)
    names = tuple(t.decode() for t in types)
    start = None
    if starts is not None:
        start = np.array([at(starts[e.decode()]) if e.decode() in starts else -(2**63) for e in entities], np.int64)
    zone = ZoneTable(timezone)
    values = None if value is None else np.array([np.nan if value[i] is None else value[i] for i in order], np.float64)
    native = _native.Log(
        entity_offsets=offsets.astype(np.int64),
        time=time,
        code=code,
        n_types=len(types),
        value=values,
        attributes=[c.codes if c.codes is not None else c.numbers for c in columns.values()],
        start=start,
        zone_transitions=zone.transitions,
        zone_offsets=zone.offsets,
    )
    return SimpleNamespace(
        n_entities=len(entities),
        entities=pa.array([e.decode() for e in entities], pa.large_string()),
        event_types=names,
        attribute_names=tuple(columns),
        attributes=columns,
        has_value=value is not None,
        observed_until=at(observed_until) if observed_until else int(time.max(initial=0)),
        native=native,
        type_index=lambda name: names.index(name) if name in names else None,
    )


@pytest.fixture
def make_log() -> Callable[..., Any]:
    return build_log
