"""Small tables beside the events: which raw id belongs to which entity, and when an entity's life began."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seqmine._validate import warn_user
from seqmine.errors import DataError, NullKeyError, SchemaError, UnmatchedStartsWarning
from seqmine.events.arrow import ArrowArray, pa, pc
from seqmine.events.columns import read_names
from seqmine.events.data import DeclaredStarts
from seqmine.events.options import ReadOptions
from seqmine.events.reasons import RAGGED_ROW, REASONS
from seqmine.events.sources import Chunk, Source, arrow_source, open_paths, require_columns
from seqmine.events.times import TimeReader

__all__ = ["Identity", "StartsTable", "read_identity", "read_starts"]

_PAIR = ((0, "raw"), (1, "entity"))


@dataclass(frozen=True)
class Identity:
    """Raw ids and the entity that each belongs to; ids that are not listed are their own entity."""

    raw: ArrowArray
    entity: ArrowArray

    def apply(self, names: ArrowArray) -> ArrowArray:
        """Return the entity of each name, as large_string."""
        found = pc.index_in(names, value_set=self.raw)
        return pc.coalesce(self.entity.take(found), names)

    def renames(self, names: ArrowArray) -> bool:
        """Whether any of these names becomes another one."""
        changed = self.raw.filter(pc.not_equal(self.raw, self.entity))
        return bool(pc.any(pc.is_in(names.cast(pa.large_string()), value_set=changed)).as_py())


def read_identity(given: Any) -> Identity:
    """Read an identity table: a dict raw id -> entity, a table, or the path of one.

    A table has two columns; the one called ``entity``, else the second, holds the entities.

    Raises
    ------
    SchemaError
        Not two columns, or not ids.
    NullKeyError
        A null or empty id; in a dict, an id without an entity.
    DataError
        One raw id with two entities, or an entity that itself is mapped on to another one.
    """
    if isinstance(given, Mapping) and not (given and all(_is_column(value) for value in given.values())):
        pairs = [(_id(raw, raw), _id(entity, raw)) for raw, entity in given.items()]
        given = pa.table({name: pa.array([pair[i] for pair in pairs], pa.large_string()) for i, name in _PAIR})
    raws, entities = [], []
    for source in _sources(given):
        names = source.schema().names
        require_columns(source.schema(), {}, source.name)
        if len(names) != 2:
            raise SchemaError(
                f"an identity table has two columns, raw id and entity, not {len(names)}",
                file=source.name,
                hint="select the two columns first",
            )
        target = "entity" if "entity" in names else names[1]
        raw = names[0] if target == names[1] else names[1]
        for chunk in _whole(source, names):
            raws.append(_ids(chunk.batch.column(raw), raw, source, chunk.first_row))
            entities.append(_ids(chunk.batch.column(target), target, source, chunk.first_row))
    table = (
        pa.table({"raw": _joined(raws), "entity": _joined(entities)})
        .group_by("raw")
        .aggregate([("entity", "min"), ("entity", "max")])
    )
    low, high = table["entity_min"].combine_chunks(), table["entity_max"].combine_chunks()
    conflicts = pc.not_equal(low, high)
    if pc.any(conflicts).as_py():
        raise DataError(
            f"the identity table gives {pc.sum(conflicts).as_py():,} ids two different entities",
            column="entity",
            hint="keep one entity for each id",
        )
    identity = Identity(table["raw"].combine_chunks(), low)
    if pc.any(pc.not_equal(identity.apply(low), low)).as_py():
        raise DataError(
            "the identity table maps an id to an entity that it maps on to another one",
            column="entity",
            hint="map every id to its final entity",
        )
    return identity


@dataclass(frozen=True)
class StartsTable:
    """Declared starts, and the rows that they came from."""

    starts: DeclaredStarts
    _rows: list[ArrowArray]
    _places: list[tuple[str | None, int]]

    def warn_unmatched(self, unmatched: npt.NDArray[np.bool_]) -> int:
        """Warn of starts of entities that have no event, and return their number.

        Warns
        -----
        UnmatchedStartsWarning
            There are such starts. It names the first row, not the id: messages never hold row values.
        """
        n = int(unmatched.sum())
        if n:
            _warn_unmatched(self.starts.entities.filter(pa.array(unmatched)), self._rows, self._places)
        return n


def read_starts(given: Any, identity: Identity | None, options: ReadOptions) -> StartsTable:
    """Read declared starts: a table with the columns ``entity`` and ``time``, or the path of one.

    Where an identity table joins several ids into one entity, its earliest start counts.

    Raises
    ------
    DataError
        An entity with two different starts, or an unusable row (its typed error).
    """
    reader = TimeReader("time", options.zone, options.time_unit, options.plausible_years)
    names, times, places = [], [], []
    for source in _sources(given):
        require_columns(source.schema(), {"starts": "entity"}, source.name)
        require_columns(source.schema(), {"starts": "time"}, source.name)
        reader.start_file()
        for chunk in _whole(source, ["entity", "time"]):
            names.append(_ids(chunk.batch.column("entity"), "entity", source, chunk.first_row))
            time, flags = reader.read(chunk.batch.column("time"), file=source.name, row_of=chunk.row)
            _refuse(flags, "time", source, chunk.first_row)
            times.append(time)
            places.append((source.name, chunk.first_row))
    reader.check_units()
    table = pa.table({"entity": _joined(names), "time": np.concatenate([np.empty(0, np.int64), *times])})
    by_id = table.group_by("entity").aggregate([("time", "min"), ("time", "max")])
    if pc.any(pc.not_equal(by_id["time_min"], by_id["time_max"])).as_py():
        raise DataError("starts= gives an entity two different starts", column="time", hint="keep one for each entity")
    ids, start = by_id["entity"].combine_chunks(), np.asarray(by_id["time_min"].combine_chunks())
    if identity is not None:
        joined = (
            pa.table({"entity": identity.apply(ids), "time": start}).group_by("entity").aggregate([("time", "min")])
        )
        ids, start = joined["entity"].combine_chunks(), np.asarray(joined["time_min"].combine_chunks())
    rows = names if identity is None else list(map(identity.apply, names))
    order = np.asarray(pc.sort_indices(ids))  # a saved segment's bytes must not show how the table was grouped
    return StartsTable(DeclaredStarts(ids.take(pa.array(order)), start[order].astype(np.int64)), rows, places)


def _warn_unmatched(
    unmatched: ArrowArray, names: Iterable[ArrowArray], places: Iterable[tuple[str | None, int]]
) -> None:
    """Names the first row that went nowhere."""
    example = ""
    for ids, (file, first_row) in zip(names, places, strict=True):
        rows = np.flatnonzero(pc.is_in(ids, value_set=unmatched))
        if rows.size:
            example = f"{'' if file is None else f'{file}:'}row {first_row + int(rows[0])}"
            break
    n = len(unmatched)
    warn_user(
        f"starts= names {n:,} {'entity' if n == 1 else 'entities'} without any event, which the log leaves out"
        f" (the first at {example}) - give them an event, such as the sign-up itself, if they should count",
        UnmatchedStartsWarning,
    )


def _sources(given: Any) -> list[Source]:
    if isinstance(given, (str, os.PathLike)):
        return open_paths(given, None, 200.0)
    return [arrow_source(given)]


def _whole(source: Source, columns: Sequence[str]) -> Iterator[Chunk]:
    """Yield a source's batches; rows that do not fit the header are an error here."""
    for chunk in source.chunks(columns):
        if chunk.misfits:
            row = chunk.misfits[0].row
            raise RAGGED_ROW.error(RAGGED_ROW.message, file=source.name, row=row, hint="correct the row")
        yield chunk


def _is_column(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, (str, bytes))


def _id(value: Any, raw: Any) -> str:
    """Return an id of a dict as text; ``raw`` is the dict's key, for messages."""
    if value is None or value == "":
        what = "holds an empty id" if value is raw else f"gives the id {raw!r} no entity"
        raise NullKeyError(f"identity= {what}", hint="leave the id out: ids that are not listed are their own entity")
    if isinstance(value, str):
        return value
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return str(int(value))
    raise SchemaError(
        f"identity= holds a {type(value).__name__} at the id {raw!r}, which is no id", hint="give texts or integers"
    )


def _ids(array: ArrowArray, column: str, source: Source, first_row: int) -> ArrowArray:
    names, flags = read_names(array, column=column, file=source.name, role="entity", refuse_nul=source.is_text)
    if flags is not None:
        _refuse(flags, column, source, first_row)
    plain = names.dictionary_decode() if pa.types.is_dictionary(names.type) else names
    plain = plain.cast(pa.large_string())
    empty = np.asarray(pc.equal(plain, "").fill_null(True))
    if empty.any():
        raise NullKeyError(
            "the id is null or empty",
            file=source.name,
            row=first_row + int(np.flatnonzero(empty)[0]),
            column=column,
            hint="remove the row",
        )
    return plain


def _refuse(flags: npt.NDArray[np.uint8], column: str, source: Source, first_row: int) -> None:
    bad = np.flatnonzero(flags)
    if bad.size:
        reason = REASONS[int(flags[bad[0]])]
        raise reason.error(
            reason.message, file=source.name, row=first_row + int(bad[0]), column=column, hint="correct the row"
        )


def _joined(arrays: list[ArrowArray]) -> ArrowArray:
    return pa.chunked_array(arrays, pa.large_string())
