"""`EventLog`: who did what when, immutable, columnar and sorted once."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqmine import _native
from seqmine.errors import ParameterError, SchemaError
from seqmine.events.accounting import Accounting
from seqmine.events.arrow import pc
from seqmine.events.columns import read_names
from seqmine.events.data import AttributeColumn, Codes, LogData, content_digest, start_times
from seqmine.events.export import arrow_batches, arrow_schema, html_summary, summary
from seqmine.events.ingest import ingest
from seqmine.events.native import native_log
from seqmine.events.options import ReadKeywords, ReadOptions, known_keywords
from seqmine.events.sources import arrow_source, open_paths
from seqmine.events.storage import open_log, save_log, verify_digest
from seqmine.events.zones import Zone, zone

__all__ = ["EventLog"]

Int64 = npt.NDArray[np.int64]


class EventLog:
    """Events of many entities, ordered by (entity bytes, time, event bytes, value, attributes).

    Made by `read`, `from_arrow`, `open` and `with_events`. Everything is a view on columns that never change, so a log
    may be shared between threads. Logs do not pickle: other processes `open` the directory that `save` wrote.

    Attributes
    ----------
    entity_offsets : (n_entities + 1,) int64
        The events of entity i are ``[entity_offsets[i], entity_offsets[i + 1])``.
    time : (n_events,) int64
        UTC microseconds.
    code : (n_events,) uint16 or uint32
        Positions in ``event_types``.
    value : (n_events,) float64 or None
        NaN for null.
    attributes : dict
        Name -> `AttributeColumn`.
    """

    _data: LogData
    _quarantined: pa.Table | None
    _cache: dict[str, Any]
    entity_offsets: Int64
    time: Int64
    code: Codes
    value: npt.NDArray[np.float64] | None
    attributes: Mapping[str, AttributeColumn]

    def __init__(self, data: LogData, *, digest: str | None = None, quarantined: pa.Table | None = None) -> None:
        keep = functools.partial(object.__setattr__, self)
        keep("_data", data)
        keep("_quarantined", quarantined)
        keep("_cache", {} if digest is None else {"digest": digest})
        for name in ("entity_offsets", "time", "code", "value"):
            keep(name, getattr(data, name))
        keep("attributes", MappingProxyType(dict(data.attributes)))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an EventLog never changes, so {name} cannot be set")

    # --- making a log -------------------------------------------------------------------------------------------------

    @classmethod
    def read(
        cls,
        path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        entity: str = "entity",
        time: str = "time",
        event: str = "event",
        value: str | None = None,
        attributes: Sequence[str] | Mapping[str, str] = (),
        timezone: str | None = None,
        time_unit: str | None = None,
        event_id: str | None = None,
        duration: str | None = None,
        identity: Any = None,
        observed_until: Any = None,
        starts: Any = None,
        on_bad_row: str = "error",
        quarantine: str | os.PathLike[str] | None = None,
        duplicates: str = "none",
        exclude_events: Iterable[str] = (),
        plausible_years: tuple[int, int] | None = (1970, 2100),
        format: str | None = None,
        max_expansion: float = 200.0,
        threads: int = 0,
    ) -> EventLog:
        """Read events from files, a batch at a time.

        Parameters
        ----------
        path
            A Parquet, CSV, CSV.gz or Arrow IPC file, a directory of them (in depth; a warning names other files), a
            glob, a list of these, or ``"-"`` for Arrow IPC or CSV on standard input.
        entity, time, event
            The columns. Ids are taken as the text they are, integers as their decimal text; floats are refused.
            Times are timestamps, dates, ISO 8601 text, or integers with ``time_unit``.
        value
            A column of numbers, which may be negative (refunds); null is allowed, NaN and infinity are bad rows.
        attributes
            Further columns: texts and booleans are kept as categories, numbers as float64. A mapping name ->
            ``"text"`` or ``"number"`` declares the kind, which CSV needs for numbers.
        timezone
            IANA name of the zone of times without an offset, and of weekdays and hours in patterns. Without it, times
            need an offset and weekdays and hours are those of UTC.
        time_unit
            ``"s"``, ``"ms"``, ``"us"`` or ``"ns"`` of integer times since 1970, UTC.
        event_id
            A column that identifies an event, for ``duplicates="id"``.
        duration
            A column of numbers, kept as the attribute ``duration``; negative ones are bad rows.
        identity
            Which entity a raw id belongs to: a dict, a table of two columns (raw id and ``entity``), or its path. Ids
            that are not listed are their own entity.
        observed_until
            Up to when the log is complete; by default its last event.
        starts
            When an entity's life began: a table with the columns ``entity`` and ``time``, or its path. Rows of entities
            without events warn (`UnmatchedStartsWarning`) and are counted in ``accounting.starts_unmatched``.
        on_bad_row
            ``"error"`` raises for the first bad row; ``"quarantine"`` sets bad rows aside and counts them.
        quarantine
            A new Parquet file for the rows set aside; without it they are kept in memory (`quarantined`).
        duplicates
            ``"none"`` keeps all rows, ``"exact"`` drops rows that are equal in every column used, ``"id"`` rows with
            the same event id. They are counted in any case.
        exclude_events
            Event types to leave out. A type that the input does not have is an error.
        plausible_years
            Integer times outside of these years, or all before 1980, raise `TimestampUnitError` when another unit puts
            them all into 1990 to 2100. None switches that off.
        format
            ``"parquet"``, ``"csv"`` or ``"arrow"``, where the name does not tell.
        max_expansion
            How many times a compressed CSV may grow before it is taken for a bomb.
        threads
            0 for all cores. The result does not depend on it.

        Returns
        -------
        EventLog
            The same for any order of the rows, any batches and any split into files.

        Raises
        ------
        DataError
            One of its kinds, with file, row (0-based data row) and column.
        ParameterError
            A keyword cannot be used.

        Examples
        --------
        >>> log = EventLog.read("events.csv", timezone="Europe/Berlin")  # doctest: +SKIP
        """
        if not (isinstance(max_expansion, (int, float)) and max_expansion >= 1):
            raise ParameterError(f"max_expansion= is a number of at least 1, not {max_expansion!r}")
        options = ReadOptions.checked(
            entity=entity,
            time=time,
            event=event,
            value=value,
            attributes=attributes,
            timezone=timezone,
            time_unit=time_unit,
            event_id=event_id,
            duration=duration,
            identity=identity,
            observed_until=observed_until,
            starts=starts,
            on_bad_row=on_bad_row,
            quarantine=quarantine,
            duplicates=duplicates,
            exclude_events=exclude_events,
            plausible_years=plausible_years,
            threads=threads,
        )
        data, quarantined = ingest(open_paths(path, format, max_expansion), options)
        return cls(data, quarantined=quarantined)

    @classmethod
    def from_arrow(
        cls,
        data: Any,
        *,
        entity: str = "entity",
        time: str = "time",
        event: str = "event",
        **keywords: Unpack[ReadKeywords],
    ) -> EventLog:
        """Read events from anything that gives Arrow data; the keywords are those of `read`.

        Parameters
        ----------
        data
            A pyarrow Table, RecordBatch, list of batches, RecordBatchReader or Dataset; a polars or pandas frame; a
            duckdb relation; any object with ``__arrow_c_stream__``; or a mapping name -> array.

        Examples
        --------
        >>> table = {"entity": ["ann", "ann"], "time": [1, 2], "event": ["visit", "order"]}
        >>> EventLog.from_arrow(table, time_unit="us")
        EventLog(2 events, 1 entities, 2 event types)
        """
        keywords = known_keywords("EventLog.from_arrow", keywords)
        options = ReadOptions.checked(entity=entity, time=time, event=event, **keywords)
        columns, quarantined = ingest([arrow_source(data)], options)
        return cls(columns, quarantined=quarantined)

    def with_events(
        self,
        data: Any,
        *,
        entity: str = "entity",
        time: str = "time",
        event: str = "event",
        value: str | None = None,
        attributes: Sequence[str] | Mapping[str, str] | None = None,
        timezone: str | None = None,
        time_unit: str | None = None,
        identity: Any = None,
        threads: int = 0,
    ) -> EventLog:
        """Return a log with derived events added, each at the time when it became knowable.

        Parameters
        ----------
        data
            As `from_arrow`. What a log lacks or the new events lack (value, attributes) is null.
        value
            The column of numbers; by default ``"value"`` where the data has it.
        attributes
            The attribute columns; by default those of the log's attributes that the data has. Further columns must be
            named here, and become new attributes.
        timezone
            Zone of times without an offset; by default the log's declared zone does not apply to derived data.
        identity
            As `read`, for all events. A log does not keep the table it was read with: where the new rows have raw
            ids, pass it again, or they become entities of their own.

        Returns
        -------
        EventLog
            The same as reading the union of all rows. Declared starts stay; a declared ``observed_until`` stays, too,
            and derived events after it are refused.

        Raises
        ------
        SchemaError
            A column that is neither used nor named, or an attribute of another kind than in the log.
        """
        source = arrow_source(data)
        present = source.schema().names
        if value is None and "value" in present:
            value = "value"
        if attributes is None:
            attributes = [name for name in self.attribute_names if name in present]
            unknown = [name for name in present if name not in {entity, time, event, value, *attributes}]
            if unknown:
                raise SchemaError(
                    "the column is none of the log's attributes",
                    column=unknown[0],
                    hint="name the attributes to take: attributes=[...]",
                )
        options = ReadOptions.checked(
            entity=entity,
            time=time,
            event=event,
            value=value,
            attributes=attributes,
            timezone=timezone,
            time_unit=time_unit,
            identity=identity,
            observed_until=self._data.declared_until,
            threads=threads,
        )
        columns, _ = ingest([source], options, self._data)
        return EventLog(columns)

    # --- storage ------------------------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Save as the directory ``path``, which appears whole or not at all.

        Parameters
        ----------
        path
            A new directory. Its files are readable by their owner only.
        overwrite
            Whether a saved log that is there already is replaced. Anything else there is never replaced.

        Raises
        ------
        OutputExists, UnsafePath, OutputError
            Nothing was written; what was there is as it was.
        """
        _ = self.native  # no copy of a log that was damaged
        save_log(self._data, path, self.digest, overwrite=overwrite)

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, verify: bool = False) -> EventLog:
        """Open a saved log without reading it: its columns are mapped into memory.

        Parameters
        ----------
        path
            The directory that `save` wrote.
        verify
            Whether to read everything and compare it with the manifest's digests. Without it, sizes and the manifest
            are checked.

        Raises
        ------
        CorruptFileError
            Something is missing, torn or (with ``verify``) changed.
        MissingInputError
            There is no such directory.
        """
        data, digest = open_log(path, verify=verify)
        if verify:
            verify_digest(data, digest, path)
        return cls(data, digest=digest)

    # --- what it holds ------------------------------------------------------------------------------------------------

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
        return self._data.timezone

    @property
    def observed_until(self) -> int:
        """Up to when the log is complete, in UTC microseconds: as declared, else the last event."""
        return int(self._memo("until", lambda: self._data.observed_until))

    @property
    def declared_until(self) -> int | None:
        """The ``observed_until`` that was declared; None when the last event stands in for it."""
        return self._data.declared_until

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

    def __deepcopy__(self, memo: object) -> EventLog:
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
