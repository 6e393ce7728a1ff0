"""A log as Arrow data and as text for people."""

from __future__ import annotations

import html
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from seqmine.events.arrow import ArrowArray, pa
from seqmine.events.data import LogData, coded, time_bounds

__all__ = ["arrow_batches", "arrow_schema", "html_summary", "summary"]

_SHOWN: Final = 20
_TIME: Final = pa.timestamp("us", "UTC")


def arrow_schema(data: LogData) -> pa.Schema:
    """Return the schema of `arrow_batches`: entity, time, event, value where there is one, attributes."""
    fields = [("entity", _coded(data.entities)), ("time", _TIME), ("event", _coded(data.type_names))]
    if data.value is not None:
        fields.append(("value", pa.float64()))
    fields += [(name, pa.float64() if c.kind == "number" else _coded(c.names)) for name, c in data.attributes.items()]
    return pa.schema(fields)


def arrow_batches(data: LogData, max_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield all events in order. All batches share their dictionaries, so that readers need not unify them."""
    schema = arrow_schema(data)
    for start in range(0, data.n_events, max_rows):
        stop = min(start + max_rows, data.n_events)
        arrays = [
            coded(data.entity_positions(start, stop).astype(np.int32), data.entities),
            pa.array(data.time[start:stop]).cast(_TIME),
            coded(data.code[start:stop].astype(np.int32), data.type_names),
        ]
        if data.value is not None:
            arrays.append(_numbers(data.value[start:stop]))
        for column in data.attributes.values():
            part = column.array[start:stop]
            arrays.append(_numbers(part) if column.kind == "number" else coded(part, column.names))
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def summary(data: LogData) -> str:
    """Return one line of counts."""
    types = len(data.event_types)
    return f"EventLog({data.n_events:,} events, {data.n_entities:,} entities, {types:,} event types)"


def html_summary(data: LogData) -> str:
    """Return counts, span, accounting and the 20 commonest event types as escaped HTML."""
    counts = np.bincount(data.code, minlength=len(data.event_types))
    order = sorted(range(len(counts)), key=lambda i: (-int(counts[i]), i))
    rows = "".join(
        f"<tr><td>{html.escape(data.event_types[i])}</td><td>{int(counts[i]):,}</td></tr>" for i in order[:_SHOWN]
    )
    rest = len(order) - _SHOWN
    more = f"<tr><td colspan=2>and {rest:,} more event types</td></tr>" if rest > 0 else ""
    lines = [summary(data), str(data.accounting)]
    if data.n_events:
        first, last = time_bounds(data)
        lines.insert(1, f"{_time_text(first)} to {_time_text(last)}; weekdays and hours in {data.timezone}")
    head = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    return f"<div>{head}<table><tr><th>event type</th><th>events</th></tr>{rows}{more}</table></div>"


def _coded(names: ArrowArray) -> Any:
    return pa.dictionary(pa.int32(), names.type)


def _numbers(array: npt.NDArray[np.float64]) -> ArrowArray:
    return pa.array(array, mask=np.isnan(array))


def _time_text(micros: int) -> str:
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)).isoformat()
    except OverflowError:
        return f"{micros} us since 1970"
