"""The columns of a log as the native core takes them."""

from __future__ import annotations

from seqmine import _native
from seqmine.errors import CorruptFileError
from seqmine.events.data import LogData, time_bounds
from seqmine.events.zones import zone


def native_log(data: LogData) -> _native.Log:
    """Borrow the columns for the core, which looks through all of them once: it reads by their numbers later.

    Raises
    ------
    CorruptFileError
        The columns contradict each other, as those of a saved log do when a file of it was changed.
    """
    try:
        first, last = time_bounds(data) if data.n_events else (0, 0)
        transitions, offsets = zone(data.timezone).table(first, last)
        return _native.Log(
            entity_offsets=data.entity_offsets,
            time=data.time,
            code=data.code,
            n_types=len(data.event_types),
            value=data.value,
            attributes=[column.array for column in data.attributes.values()],
            n_categories=[len(column.names or ()) for column in data.attributes.values()],
            start=data.declared_start,
            zone_transitions=transitions,
            zone_offsets=offsets,
        )
    except (ValueError, IndexError) as error:
        raise CorruptFileError(
            f"the columns of the log contradict each other: {error}",
            file=data.origin,
            hint="EventLog.open(path, verify=True) names the file that was changed; ingest the events again",
        ) from error
