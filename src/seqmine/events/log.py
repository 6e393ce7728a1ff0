"""`EventLog`: who did what when, immutable, columnar and sorted once."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from seqmine._validate import check_threads
from seqmine.errors import ParameterError, SchemaError
from seqmine.events.contents import LogContents
from seqmine.events.growth import batch_sources, read_on
from seqmine.events.ingest import ingest
from seqmine.events.options import ReadKeywords, ReadOptions, check_expansion, known_keywords
from seqmine.events.quarantine import joined_tables
from seqmine.events.segments import append_saved, compact_saved, open_saved, writer_lock
from seqmine.events.sources import arrow_source, open_paths
from seqmine.events.storage import is_saved, save_log

__all__ = ["EventLog"]


class EventLog(LogContents):
    """Events of many entities, ordered by (entity bytes, time, event bytes, value, attributes).

    Made by `read`, `from_arrow`, `open`, `append` and `with_events`. Everything is a view on columns that never change,
    so a log may be shared between threads. Logs do not pickle: other processes `open` the directory that `save` wrote.
    """

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
        check_expansion(max_expansion)
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
        with writer_lock(Path(path)) if overwrite and is_saved(path) else contextlib.nullcontext():
            save_log(self._data, path, self.digest, overwrite=overwrite)

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, verify: bool = False) -> EventLog:
        """Open a saved log without reading it: its columns are mapped into memory.

        Rows that were appended and not compacted yet are there, too. They are merged in memory when the log is first
        looked at (`native`, a column, a count), which takes one pass over all columns.

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
            Something is missing, torn or (with ``verify``) changed, in the log or in a segment.
        MissingInputError
            There is no such directory.
        """
        found = open_saved(path, verify=verify)
        home = str(Path(path).absolute())  # where it grows, wherever the process goes
        return cls(found.parts, digest=found.digest, n_segments=found.n_segments, home=home)

    # --- growing ------------------------------------------------------------------------------------------------------

    def append(
        self,
        data: Any,
        *,
        observed_until: Any = None,
        identity: Any = None,
        starts: Any = None,
        quarantine: str | os.PathLike[str] | None = None,
        format: str | None = None,
        max_expansion: float = 200.0,
        compact: bool | None = None,
        threads: int = 0,
    ) -> EventLog:
        """Return the log with further rows, read as the log itself was read.

        A log that was opened from a directory grows there: the rows are added as a segment, in time and space that
        depend on them and not on the log. A log in memory leaves its directories alone.

        Parameters
        ----------
        data
            A file, directory, glob or list of these, as `read`, or a table, as `from_arrow`. Columns, zone, unit and
            policies are those that the log was read with.
        observed_until
            Up to when the log is complete now. A log that declares it needs it again where events lie after it.
        identity, starts
            As `read`, for all of the log; they have to be passed again where the log was read with them. The log's
            present entities must keep their names.
        quarantine
            A new file for the bad rows of this append, where bad rows are set aside.
        format, max_expansion
            As `read`.
        compact
            Whether the directory becomes one log without segments in the same call. None: when there are more than 8
            segments, or they hold more than a quarter of the log's own events.
        threads
            0 for all cores. The result does not depend on it.

        Returns
        -------
        EventLog
            The same, byte for byte, as reading all inputs together, in the order in which they were appended (which
            shows in nothing but the examples of bad rows). It has what others appended to the directory meanwhile.

        Raises
        ------
        DataError, ParameterError
            What `read` would raise for all inputs. After any error the rows are not in the log (but see
            `OutputDurabilityUnknown`), so that the call can be repeated. Also for a log with an ``event_id``, whose
            ids it does not keep, and for one with derived events.
        LogLocked
            Another process is changing the directory.
        CorruptFileError
            The saved log, or a segment of it, is damaged.
        OutputError
            The rows, or the compacted log, could not be written; ``compact=False`` needs less space.

        Examples
        --------
        >>> log = EventLog.from_arrow({"entity": ["ann"], "time": [1], "event": ["visit"]}, time_unit="us")
        >>> log.append({"entity": ["ann", "bob"], "time": [2, 1], "event": ["order", "visit"]})
        EventLog(3 events, 2 entities, 2 event types)
        """
        check_threads(threads)
        check_expansion(max_expansion)
        if compact is not None and not isinstance(compact, bool):
            raise ParameterError(f"compact must be True, False or None, not {compact!r}", hint="leave it out")
        sources = batch_sources(data, format, max_expansion)
        keywords = {
            "observed_until": observed_until,
            "identity": identity,
            "starts": starts,
            "quarantine": quarantine,
            "threads": threads,
        }
        if self._home is not None:
            done = append_saved(self._home, sources, compact=compact, **keywords)
            found = open_saved(self._home, verify=False)
            return EventLog(
                found.parts,
                digest=found.digest,
                quarantined=done.quarantined,
                n_segments=found.n_segments,
                home=self._home,
            )
        segment, quarantined = read_on(self._parts, sources, **keywords)
        grown = self._parts.plus(segment)
        if compact:
            grown.whole(threads)
        return EventLog(grown, quarantined=joined_tables(self._quarantined, quarantined))

    def compact(self, *, threads: int = 0) -> EventLog:
        """Return the same log with all appended rows merged; its directory becomes one log without segments.

        The files are then those that saving a log of all inputs would write. The log's files are read and compared
        with their digests on the way. A crash leaves the directory as it was or as it becomes.

        Raises
        ------
        CorruptFileError
            A file of the saved log is damaged; nothing was written.
        LogLocked, OutputError
            As `append` and `save`.
        """
        check_threads(threads)
        if self._home is None:
            self._parts.whole(threads)
            return self
        compact_saved(self._home, threads=threads)
        return EventLog.open(self._home)
