"""Small logs for the tests of labels, from tuples; times are plain microseconds."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from seqmine import EventLog

Event = tuple[str, int, str] | tuple[str, int, str, float | None]


def instants(*times: int | None) -> pa.Array:
    return pa.array(times, pa.timestamp("us", "UTC"))


def make_log(
    events: Sequence[Event],
    *,
    starts: dict[str, int] | None = None,
    observed_until: int | None = None,
    timezone: str = "UTC",
) -> EventLog:
    """A log of (entity, time, event[, value]) rows; it has values when any row brings one, be it None."""
    columns = {
        "entity": pa.array([event[0] for event in events], pa.string()),
        "time": instants(*(event[1] for event in events)),
        "event": pa.array([event[2] for event in events], pa.string()),
    }
    valued = any(len(event) > 3 for event in events)
    if valued:
        columns["value"] = pa.array([event[3] if len(event) > 3 else None for event in events], pa.float64())
    declared = None
    if starts:
        declared = pa.table({"entity": list(starts), "time": instants(*starts.values())})
    return EventLog.from_arrow(
        pa.table(columns),
        value="value" if valued else None,
        starts=declared,
        observed_until=observed_until,
        timezone=timezone,
    )
