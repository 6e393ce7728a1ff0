"""Small logs for the tests of labels, from tuples; times are plain microseconds."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pyarrow as pa

from seqmine import _native
from seqmine.events.zones import zone

Event = tuple[str, int, str] | tuple[str, int, str, float | None]


def make_log(events, *, starts=None, observed_until=None, timezone="UTC", values=None):
    """A log of (entity, time, event[, value]) rows."""
    rows = sorted((e[0].encode(), e[1], e[2].encode(), e[3] if len(e) > 3 else None) for e in events)
    names = sorted({r[0] for r in rows})
    types = sorted({r[2] for r in rows})
    entity = np.array([names.index(r[0]) for r in rows], dtype=np.int64)
    offsets = np.searchsorted(entity, np.arange(len(names) + 1)).astype(np.int64)
    time = np.array([r[1] for r in rows], dtype=np.int64)
    code = np.array([types.index(r[2]) for r in rows], dtype=np.uint16)
    has_value = any(len(e) > 3 for e in events) if values is None else values
    value = np.array([np.nan if r[3] is None else r[3] for r in rows], dtype=np.float64) if has_value else None
    first = time[offsets[:-1]] if names else np.zeros(0, dtype=np.int64)
    start_times = first.copy()
    for name, start in (starts or {}).items():
        start_times[names.index(name.encode())] = start
    local = zone(timezone)
    lo, hi = (int(time.min()), int(time.max())) if len(time) else (0, 0)
    transitions, shifts = local.table(lo, hi)
    ids = pa.array([n.decode() for n in names], pa.large_string())
    texts = tuple(t.decode() for t in types)
    native = _native.Log(
        entity_offsets=offsets,
        time=time,
        code=code,
        n_types=len(types),
        value=value,
        zone_transitions=transitions,
        zone_offsets=shifts,
    )
    return SimpleNamespace(
        n_events=len(rows),
        n_entities=len(names),
        event_types=texts,
        entities=ids,
        attribute_names=(),
        has_value=has_value,
        timezone=timezone,
        zone=local,
        attributes={},
        start_times=start_times,
        native=native,
        observed_until=(hi if observed_until is None else observed_until),
        entity_index=lambda a: np.array(
            [names.index(x.encode()) if x.encode() in names else -1 for x in a.to_pylist()], dtype=np.int64
        ),
        type_index=lambda n: texts.index(n) if n in texts else None,
    )
