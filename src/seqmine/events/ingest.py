"""From sources to the sorted columns of a log: convert each batch, push it, account for every row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from seqmine import _native
from seqmine._text import did_you_mean
from seqmine.errors import ParameterError, SchemaError
from seqmine.events.accounting import Accounting
from seqmine.events.arrow import ArrowArray, pa, pc
from seqmine.events.columns import (
    KIND_NAMES,
    AttributeKind,
    attribute_kind,
    is_text,
    read_names,
    read_numbers,
    string_column,
)
from seqmine.events.data import LogData, names_array, native_attributes
from seqmine.events.mapping import Identity, StartsTable, read_identity, read_starts
from seqmine.events.options import DURATION, ReadOptions, one_time
from seqmine.events.quarantine import Quarantine
from seqmine.events.reasons import DURATION_NEGATIVE, NULL_EVENT_ID, RAGGED_ROW, REASONS
from seqmine.events.recipe import Earlier, Recipe
from seqmine.events.sources import Chunk, Source, require_columns

__all__ = ["ingest"]

Bytes = npt.NDArray[np.uint8]
Float64 = npt.NDArray[np.float64]

_CORE_COLUMN: Final = {1: "entity", 2: "entity", 3: "event", 4: "event"}
_REPLAY_ROWS: Final = 1 << 17


def ingest(
    sources: Sequence[Source], options: ReadOptions, base: LogData | None = None, earlier: Earlier | None = None
) -> tuple[LogData, pa.Table | None]:
    """Read all sources into one sorted log.

    Parameters
    ----------
    sources
        Read in order; the order never shows in the log.
    options
        Checked options.
    base
        A log whose events join those of the sources; its attributes come first among the log's.
    earlier
        The log that the rows of the sources are meant for: they alone are read, just as they would be after its own.

    Returns
    -------
    data
        The columns, ordered by (entity bytes, time, event bytes, value, attributes).
    quarantined
        The rows set aside in memory; None when none could be, or when they went to a file.
    """
    schemas = [source.schema() for source in sources]
    for source, schema in zip(sources, schemas, strict=True):
        require_columns(schema, options.columns, source.name)
    held = {} if base is None else {name: column.kind for name, column in base.attributes.items()}
    known = _kinds(sources, schemas, options, {} if earlier is None else earlier.kinds)
    kinds = {name: kind or held.get(name, "dictionary") for name, kind in known.items()}
    work = _Work(options, held, kinds, base, earlier)
    if base is not None:
        work.replay(base)
    if options.on_bad_row == "error":
        work.read_all(sources, schemas, None)
        return work.finish(None, known), None
    with Quarantine(options.quarantine, schemas) as quarantine:
        work.read_all(sources, schemas, quarantine)
        data = work.finish(quarantine, known)
    return data, quarantine.table()


@dataclass(frozen=True)
class _Converted:
    """The columns of one batch as the core takes them."""

    columns: dict[str, Any]
    flags: Bytes
    faults: list[tuple[str, Bytes]]


class _Work:
    def __init__(
        self,
        options: ReadOptions,
        held: dict[str, AttributeKind],
        kinds: dict[str, AttributeKind],
        base: LogData | None,
        earlier: Earlier | None,
    ) -> None:
        self._options = options
        self._earlier = earlier
        for name, kind in kinds.items():
            if name in held and held[name] != kind:
                raise SchemaError(
                    f"the attribute is {KIND_NAMES[kind]} here and {KIND_NAMES[held[name]]} in the log",
                    column=name,
                    hint="convert the column, or give it another name",
                )
        # The base log's attributes first, then those that only the new events have.
        self._kinds = held | kinds
        self._base = base
        self._has_value = options.value is not None or (base is not None and base.value is not None)
        texts = sum(kind == "dictionary" for kind in self._kinds.values())
        self._core = _native.Ingest(
            texts, len(self._kinds) - texts, self._has_value, options.event_id is not None, options.threads
        )
        self._times = options.time_reader(None if earlier is None else earlier.recipe.integer_times)
        self._rows_in = 0

    # --- reading ------------------------------------------------------------------------------------------------------

    def read_all(self, sources: Sequence[Source], schemas: Sequence[pa.Schema], quarantine: Quarantine | None) -> None:
        for source, schema in zip(sources, schemas, strict=True):
            self._times.start_file()
            needed = list(dict.fromkeys(self._options.columns.values()))
            columns = needed if quarantine is None else schema.names
            for chunk in source.chunks(columns):
                self._take(source, chunk, quarantine)
        self._times.check_units()

    def _take(self, source: Source, chunk: Chunk, quarantine: Quarantine | None) -> None:
        converted = self._convert(source, chunk)
        rows, numbers = self._core.push(flags=converted.flags, **converted.columns)
        self._rows_in += chunk.batch.num_rows + len(chunk.misfits)
        if rows.size == 0 and not chunk.misfits:
            return
        if quarantine is None:
            self._times.check_units()  # a wrong unit explains times out of range better than the first such row does
            raise self._error(source, chunk, rows, numbers, converted)
        quarantine.add(chunk, source.name, rows, numbers)

    def _convert(self, source: Source, chunk: Chunk) -> _Converted:
        options, batch, file = self._options, chunk.batch, source.name
        n = batch.num_rows
        faults: list[tuple[str, Bytes]] = []

        def noted(column: str, flags: Bytes | None) -> None:
            if flags is not None and flags.any():
                faults.append((column, flags))

        def names(column: str, role: str) -> _native.StringColumn:
            text, flags = read_names(
                batch.column(column),
                column=column,
                file=file,
                role=role,
                allow_boolean=role == "attribute",
                refuse_nul=source.is_text,
            )
            noted(column, flags)
            return string_column(text)

        def numbers(column: str, role: str) -> Float64:
            result, flags = read_numbers(batch.column(column), column=column, file=file, role=role)
            noted(column, flags)
            return result

        columns: dict[str, Any] = {
            "entity": names(options.entity, "entity"),
            "event": names(options.event, "event"),
        }
        columns["time"], flags = self._times.read(
            batch.column(options.time),
            file=file,
            row_of=chunk.row,
        )
        noted(options.time, flags)
        columns["value"] = numbers(options.value, "value") if options.value is not None else self._no_numbers(n)
        texts, figures = [], []
        for name, kind in self._kinds.items():
            column = options.attributes.get(name, (None, None))[0]
            if kind == "dictionary":
                texts.append(_null_text(n) if column is None else names(column, "attribute"))
            else:
                figures.append(np.full(n, np.nan) if column is None else numbers(column, "attribute"))
                if name == DURATION and column is not None:
                    noted(column, np.where(figures[-1] < 0, DURATION_NEGATIVE.number, 0).astype(np.uint8))
        columns |= {"string_attributes": texts, "number_attributes": figures, "event_id": None}
        if options.event_id is not None:
            columns["event_id"] = names(options.event_id, "event id")
            if options.duplicates == "id":
                noted(options.event_id, _missing_ids(batch.column(options.event_id)))
        combined = np.zeros(n, np.uint8)
        for _, flags in reversed(faults):
            np.copyto(combined, flags, where=flags != 0)
        return _Converted(columns, combined, faults)

    def _no_numbers(self, n: int) -> Float64 | None:
        return np.full(n, np.nan) if self._has_value else None

    def _error(
        self,
        source: Source,
        chunk: Chunk,
        positions: npt.NDArray[np.int64],
        numbers: Bytes,
        converted: _Converted,
    ) -> Exception:
        """Return the error of the lowest bad row of a chunk."""
        rows = chunk.rows(positions)
        if chunk.misfits and (rows.size == 0 or chunk.misfits[0].row < int(rows[0])):
            return RAGGED_ROW.error(
                RAGGED_ROW.message, file=source.name, row=chunk.misfits[0].row, hint=RAGGED_ROW.hint
            )
        reason = REASONS[int(numbers[0])]
        keyword = _CORE_COLUMN.get(reason.number)
        if keyword is not None:
            column = getattr(self._options, keyword)
        else:
            position = int(positions[0])
            column = next(name for name, flags in converted.faults if flags[position] == reason.number)
        return reason.error(reason.message, file=source.name, row=int(rows[0]), column=column, hint=reason.hint)

    def replay(self, base: LogData) -> None:
        """Push the events of a log that is already sorted, with dictionaries cut to each batch's entities."""
        for piece in base.pieces(_REPLAY_ROWS):
            n = len(piece.time)
            texts, figures = [], []
            for name, kind in self._kinds.items():
                column = base.attributes.get(name)
                if kind == "dictionary":
                    texts.append(_null_text(n) if column is None else string_column(piece.attributes[name]))
                else:
                    figures.append(np.full(n, np.nan) if column is None else piece.attributes[name])
            self._core.push(
                entity=string_column(piece.entity),
                event=string_column(piece.event),
                time=piece.time,
                flags=np.zeros(n, np.uint8),
                value=self._no_numbers(n) if piece.value is None else piece.value,
                string_attributes=texts,
                number_attributes=figures,
                event_id=None,
            )

    # --- finishing ----------------------------------------------------------------------------------------------------

    def finish(self, quarantine: Quarantine | None, known: Mapping[str, AttributeKind | None]) -> LogData:
        options, base = self._options, self._base
        identity = self._rename()
        self._check_excluded()
        done = self._core.finish(options.duplicates, [name.encode() for name in options.exclude_events])
        entities = names_array(done["entity_names"])
        event_types = tuple(names_array(done["event_names"]).to_pylist())
        table = None if options.starts is None else read_starts(options.starts, identity, options)
        declared, unmatched = self._starts(entities, identity, table)
        accounting = Accounting(
            rows_in=self._rows_in,
            used=len(done["time"]) - (0 if base is None else base.n_events),
            duplicates=done["n_dropped_duplicates"],
            filtered=done["n_filtered"],
            quarantined=0 if quarantine is None else quarantine.count,
            reasons={} if quarantine is None else quarantine.reasons,
            examples={} if quarantine is None else {k: tuple(v) for k, v in quarantine.examples.items()},
            duplicate_policy=options.duplicates,
            exact_duplicates_seen=done["n_duplicates_seen"],
            id_duplicates_seen=done["n_id_duplicates_seen"] if options.event_id is not None else None,
            starts_unmatched=unmatched,
        )
        data = LogData(
            entity_offsets=done["entity_offsets"],
            time=done["time"],
            code=done["code"],
            value=done["value"],
            attributes=native_attributes(self._kinds, done),
            entities=entities,
            event_types=event_types,
            timezone=options.timezone or "UTC" if base is None else base.timezone,
            declared_until=None,
            declared_start=declared,
            accounting=accounting if base is None else _joined(base.accounting, accounting),
            recipe=Recipe.of(options, known, self._times.seen) if base is None else None,
            joining_starts=None if table is None or self._earlier is None else table.starts,
        )
        return replace(data, declared_until=self._until(data))

    def _rename(self) -> Identity | None:
        if self._options.identity is None:
            return None
        identity = read_identity(self._options.identity)
        if self._earlier is not None and any(map(identity.renames, self._earlier.entities)):
            raise ParameterError(
                "identity= gives entities of the log another name, so that rows of before would change, too",
                hint="read all inputs together with the new identity table",
            )
        renamed = identity.apply(names_array(self._core.entity_names()).cast(pa.large_string()))
        _, offsets, text = renamed.buffers()
        self._core.rename_entities(
            np.frombuffer(offsets, np.int64, len(renamed) + 1, renamed.offset * 8), text if text is not None else b""
        )
        return identity

    def _check_excluded(self) -> None:
        """A misspelt name in exclude_events would let the very events through that must not be seen."""
        if not self._options.exclude_events or self._core.n_rows == 0:
            return
        if self._earlier is not None and self._earlier.has_rows:
            return  # the inputs before had them all
        known = names_array(self._core.event_names()).to_pylist()
        for name in self._options.exclude_events:
            if name not in known:
                near = did_you_mean(name, known)
                raise ParameterError(
                    f"exclude_events= names {name!r}, which the input does not have",
                    hint=f"did you mean {near!r}?" if near else "remove it from the list",
                )

    def _starts(
        self, entities: ArrowArray, identity: Identity | None, table: StartsTable | None
    ) -> tuple[npt.NDArray[np.int64] | None, int]:
        if table is not None and self._earlier is None:
            starts, unmatched = table.starts.of(entities)
            return starts, table.warn_unmatched(unmatched)
        if table is not None and self._earlier is not None:
            _, unmatched = table.starts.of(entities)
            for known in self._earlier.entities:
                unmatched &= table.starts.of(known)[1]
            table.warn_unmatched(unmatched)
            return None, 0
        if self._base is None or self._base.declared_start is None:
            return None, 0
        names = self._base.entities.cast(pa.large_string())
        return self._base.starts_for(entities, names if identity is None else identity.apply(names)), 0

    def _until(self, data: LogData) -> int | None:
        given = self._options.observed_until
        until = one_time(given, "observed_until", self._options.timezone) if given is not None else None
        last = data.last_event
        if self._earlier is not None:
            until = self._earlier.declared_until if until is None else until
            last = max((time for time in (last, self._earlier.last_event) if time is not None), default=None)
        if until is not None and last is not None and until < last:
            raise ParameterError(
                "observed_until= lies before the last event"
                if given is not None
                else "the last event lies after the observed_until= that the log declares",
                hint="pass observed_until= with the time up to which events are complete",
            )
        return until


def _kinds(
    sources: Sequence[Source],
    schemas: Sequence[pa.Schema],
    options: ReadOptions,
    earlier: Mapping[str, AttributeKind],
) -> dict[str, AttributeKind | None]:
    """Return how each attribute is kept: as declared, else as earlier inputs or the first source that tells."""
    kinds: dict[str, AttributeKind | None] = {}
    for name, (column, declared) in options.attributes.items():
        seen: AttributeKind | None = declared or earlier.get(name)
        for source, schema in zip(sources, schemas, strict=True):
            type_ = schema.field(column).type
            kind = attribute_kind(type_)
            if kind is None and not pa.types.is_null(type_):
                raise SchemaError(
                    f"a column of type {type_} cannot be an attribute",
                    file=source.name,
                    column=column,
                    hint="attributes are texts, numbers or true/false; give times as events of their own",
                )
            if kind is None or (declared == "number" and kind == "dictionary"):
                continue  # text may hold numbers: every row is checked
            if declared == "dictionary" and kind == "number" and not _has_text(type_):
                raise SchemaError(
                    "floats have no exact text", file=source.name, column=column, hint="declare it as a number"
                )
            if seen is not None and seen != kind and declared is None:
                raise SchemaError(
                    f"the attribute is {KIND_NAMES[kind]} here and {KIND_NAMES[seen]} in an earlier file",
                    file=source.name,
                    column=column,
                    hint='declare it: attributes={"name": "text"} or "number"',
                )
            seen = seen or kind
        kinds[name] = seen
    return kinds


def _has_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_integer(kind) or attribute_kind(kind) == "dictionary")


def _missing_ids(ids: ArrowArray) -> Bytes:
    """Flag null and empty event ids, which cannot tell events apart."""
    ids = ids.dictionary_decode() if pa.types.is_dictionary(ids.type) else ids
    missing = np.asarray(ids.is_null())
    if is_text(ids.type):
        missing = missing | np.asarray(pc.equal(pc.binary_length(ids), 0).fill_null(True))
    return np.where(missing, NULL_EVENT_ID.number, 0).astype(np.uint8)


def _null_text(n: int) -> _native.StringColumn:
    return string_column(pa.nulls(n, pa.string()))


def _joined(base: Accounting, new: Accounting) -> Accounting:
    """Add the rows of derived events to those of the log."""
    before = base.exact_duplicates_seen if base.duplicate_policy == "exact" else 0
    return base.plus(new, used=base.used + new.used, exact_duplicates_seen=before + new.exact_duplicates_seen)
