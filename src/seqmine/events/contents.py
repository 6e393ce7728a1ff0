"""What an `EventLog` holds: its columns, its names, and views on them for Arrow, the native core and people."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqmine import _native
from seqmine.events.accounting import Accounting
from seqmine.events.arrow import pc
from seqmine.events.columns import read_names
from seqmine.events.data import AttributeColumn, Codes, LogData, content_digest, start_times
from seqmine.events.export import arrow_batches, arrow_schema, html_summary, summary
from seqmine.events.growth import Parts
from seqmine.events.native import native_log
from seqmine.events.zones import Zone, zone

__all__ = ["LogContents"]

Int64 = npt.NDArray[np.int64]


class LogContents:
    """The reading side of `EventLog`. Appended rows are merged when a column is first asked for."""

    _parts: Parts
    _n_segments: int
    _home: str | None
    _quarantined: pa.Table | None
    _cache: dict[str, Any]

    def __init__(
        self,
        data: LogData | Parts,
        *,
        digest: str | None = None,
        quarantined: pa.Table | None = None,
        n_segments: int = 0,
        home: str | None = None,
    ) -> None:
        keep = functools.partial(object.__setattr__, self)
        keep("_parts", data if isinstance(data, Parts) else Parts(data))
        keep("_n_segments", n_segments)
        keep("_home", home)
        keep("_quarantined", quarantined)
        keep("_cache", {} if digest is None else {"digest": digest})

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an EventLog never changes, so {name} cannot be set")

    @property
    def _data(self) -> LogData:
        return self._parts.whole()

    # --- what it holds ------------------------------------------------------------------------------------------------

    @property
    def entity_offsets(self) -> Int64:
        """Where entities begin, (n_entities + 1,): the events of entity i are those from ``[i]`` up to ``[i + 1]``."""
        return self._data.entity_offsets

    @property
    def time(self) -> Int64:
        """When, (n_events,) int64 UTC microseconds."""
        return self._data.time

    @property
    def code(self) -> Codes:
        """What, (n_events,) uint16 or uint32: positions in `event_types`."""
        return self._data.code

    @property
    def value(self) -> npt.NDArray[np.float64] | None:
        """How much, (n_events,) float64, NaN for null; None without a value column."""
        return self._data.value

    @property
    def attributes(self) -> Mapping[str, AttributeColumn]:
        """Name -> `AttributeColumn`."""
        attributes: Mapping[str, AttributeColumn] = self._memo(
            "attributes", lambda: MappingProxyType(dict(self._data.attributes))
        )
        return attributes

    @property
    def n_segments(self) -> int:
        """How many appends lie beside the saved log's own files; they are merged in memory, until `compact`."""
        return self._n_segments

    @property
    def n_events(self) -> int:
        """Number of events."""
        return self._data.n_events

    @property
    def n_entities(self) -> int:
        """Number of entities; each has at least one event."""
        return self._data.n_entities

    @property
    def event_types(self) -> tuple[str, ...]:
        """The event types in UTF-8 byte order."""
        return self._data.event_types

    @property
    def entities(self) -> pa.Array[Any]:
        """The entity ids in UTF-8 byte order, as an Arrow string (or large_string) array."""
        entities: pa.Array[Any] = self._data.entities
        return entities

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The names of the attributes, in the order given."""
        return tuple(self.attributes)

    @property
    def has_value(self) -> bool:
        """Whether the log has a value column."""
        return self.value is not None

    @property
    def timezone(self) -> str:
        """The zone of weekdays and hours."""
        return self._parts.timezone

    @property
    def observed_until(self) -> int:
        """Up to when the log is complete, in UTC microseconds: as declared, else the last event."""
        return int(self._memo("until", lambda: self._data.observed_until))

    @property
    def declared_until(self) -> int | None:
        """The ``observed_until`` that was declared; None when the last event stands in for it."""
        return self._parts.declared_until

    @property
    def accounting(self) -> Accounting:
        """What became of every input row."""
        return self._data.accounting

    @property
    def quarantined(self) -> pa.Table | None:
        """The rows set aside in memory; None when bad rows raise, went to a file, or the log was opened."""
        return self._quarantined

    @property
    def digest(self) -> str:
        """SHA-256 of the content: columns, names, zone and observed_until. Equal logs have equal digests."""
        return str(self._memo("digest", lambda: content_digest(self._data)))

    @property
    def declared_start(self) -> Int64 | None:
        """Declared starts, (n_entities,) UTC microseconds, INT64_MIN where none; None when none was declared."""
        return self._data.declared_start

    @property
    def start_times(self) -> Int64:
        """When each entity's life began, (n_entities,) UTC microseconds: as declared, else its first event."""
        result: Int64 = self._memo("starts", lambda: start_times(self._data))
        return result

    @property
    def zone(self) -> Zone:
        """The log's zone, with `Zone.offset_at` and `Zone.to_utc`."""
        return zone(self.timezone)

    @property
    def native(self) -> _native.Log:
        """The same columns as the native core sees them; no bytes are copied.

        Raises
        ------
        CorruptFileError
            The columns of a saved log contradict each other: a file of it was changed.
        """
        native: _native.Log = self._memo("native", lambda: native_log(self._data))
        return native

    def type_index(self, name: str) -> int | None:
        """Return the code of an event type; None when the log does not have it."""
        codes: dict[str, int] = self._memo("types", lambda: {name: i for i, name in enumerate(self.event_types)})
        return codes.get(name)

    def entity_index(self, ids: pa.Array[Any] | pa.ChunkedArray[Any]) -> Int64:
        """Return the position of each id in `entities`, (n,) int64; -1 for ids that the log does not have.

        Raises
        ------
        SchemaError
            The ids are of a type that has no exact text.
        """
        chunks = ids.chunks if isinstance(ids, pa.ChunkedArray) else [ids]
        known = self._memo("entities", lambda: self.entities.cast(pa.large_string()))
        found = [np.empty(0, np.int64)]
        for chunk in chunks:
            names, flags = read_names(chunk, column="entity", file=None, role="entity")
            plain = names.dictionary_decode() if pa.types.is_dictionary(names.type) else names
            positions = pc.index_in(plain.cast(pa.large_string()), value_set=known)
            index = np.asarray(positions.fill_null(-1)).astype(np.int64)
            if flags is not None:
                index[flags != 0] = -1
            found.append(index)
        return np.concatenate(found)

    # --- Arrow --------------------------------------------------------------------------------------------------------

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of `to_batches`."""
        schema: pa.Schema = arrow_schema(self._data)
        return schema

    def to_batches(self, max_rows: int = 1 << 17) -> Iterator[pa.RecordBatch]:
        """Yield all events in order: entity, time, event, value, attributes. Names come as shared dictionaries."""
        _ = self.native  # a saved log that was changed is refused before anything reads by its numbers
        return arrow_batches(self._data, max_rows)

    def to_arrow(self) -> pa.Table:
        """Return all events as one table, in order."""
        return pa.Table.from_batches(self.to_batches(), schema=self.schema)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Stream the events to any library that takes Arrow data."""
        reader: Any = pa.RecordBatchReader.from_batches(self.schema, self.to_batches())
        return reader.__arrow_c_stream__(requested_schema)

    def __deepcopy__(self, memo: object) -> Self:
        return self  # nothing in it ever changes

    # --- display ------------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return self.n_events

    def __repr__(self) -> str:
        return summary(self._data)

    def _repr_html_(self) -> str:
        return html_summary(self._data)

    # --- internal -----------------------------------------------------------------------------------------------------

    def _memo(self, key: str, make: Any) -> Any:
        if key not in self._cache:
            self._cache[key] = make()
        return self._cache[key]
