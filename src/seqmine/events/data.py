"""The columns of a log, and the pieces in which they are handed on."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from seqmine.events.accounting import Accounting
from seqmine.events.arrow import ArrowArray, pa, pc
from seqmine.events.columns import AttributeKind
from seqmine.events.recipe import Recipe
from seqmine.events.times import MIN_TIME

__all__ = [
    "AttributeColumn",
    "DeclaredStarts",
    "LogData",
    "Piece",
    "content_digest",
    "names_array",
    "native_attributes",
    "start_times",
    "time_bounds",
]

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint16] | npt.NDArray[np.uint32]

DIGEST_VERSION: Final = 1
_NOT_DECLARED: Final = np.iinfo(np.int64).min


@dataclass(frozen=True)
class AttributeColumn:
    """One attribute of all events.

    Attributes
    ----------
    kind
        ``"dictionary"`` for texts, ``"number"`` for numbers.
    codes : (n_events,) int32
        Positions in ``names``, -1 for null; None for numbers.
    names
        The distinct texts as Arrow text, in UTF-8 byte order; None for numbers.
    numbers : (n_events,) float64
        NaN for null; None for texts.
    """

    kind: AttributeKind
    codes: npt.NDArray[np.int32] | None = None
    names: ArrowArray = None
    numbers: Float64 | None = None

    @functools.cached_property
    def categories(self) -> tuple[str, ...]:
        """The distinct texts in UTF-8 byte order; empty for numbers. Made when first asked for: there may be many."""
        return () if self.names is None else tuple(self.names.to_pylist())

    @property
    def array(self) -> npt.NDArray[Any]:
        """The codes or the numbers."""
        array = self.codes if self.kind == "dictionary" else self.numbers
        assert array is not None
        return array


@dataclass(frozen=True)
class Piece:
    """A run of events with Arrow dictionaries cut to what occurs in it."""

    entity: ArrowArray
    event: ArrowArray
    time: Int64
    value: Float64 | None
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class DeclaredStarts:
    """When entities' lives began: each entity once (large_string), and its start in UTC microseconds."""

    entities: ArrowArray
    time: Int64

    def of(self, entities: ArrowArray) -> tuple[Int64, npt.NDArray[np.bool_]]:
        """Return the start of each entity of a log, INT64_MIN where none, and which of the starts found no entity."""
        found = pc.index_in(self.entities, value_set=entities.cast(pa.large_string()))
        position = np.asarray(found.fill_null(-1)).astype(np.int64)
        result = np.full(len(entities), _NOT_DECLARED, np.int64)
        result[position[position >= 0]] = self.time[position >= 0]
        return result, position < 0


@dataclass(frozen=True, kw_only=True)
class LogData:
    """Sorted columns; see `seqmine.events.log.EventLog` for their meaning.

    ``declared_start`` has INT64_MIN for entities without a declared start. ``recipe`` is None where rows did not only
    come from one reading, as after `with_events`. ``known_last`` is the last event, where that is known without a look;
    ``origin`` is the directory that the columns are mapped from.

    The rows of one append are such columns, too. Their ``recipe`` and ``declared_until`` speak for the whole log up to
    them, and ``joining_starts`` are the starts that were declared with them for all of its entities.
    """

    entity_offsets: Int64
    time: Int64
    code: Codes
    value: Float64 | None
    attributes: Mapping[str, AttributeColumn]
    entities: ArrowArray
    event_types: tuple[str, ...]
    timezone: str
    declared_until: int | None
    declared_start: Int64 | None
    accounting: Accounting
    recipe: Recipe | None = None
    joining_starts: DeclaredStarts | None = None
    known_last: int | None = None
    origin: str | None = None

    def __post_init__(self) -> None:
        for array in self.arrays().values():
            array.flags.writeable = False

    @property
    def n_events(self) -> int:
        return len(self.time)

    @property
    def n_entities(self) -> int:
        return len(self.entity_offsets) - 1

    @property
    def observed_until(self) -> int:
        if self.declared_until is not None:
            return self.declared_until
        return MIN_TIME if self.last_event is None else self.last_event

    @functools.cached_property
    def last_event(self) -> int | None:
        """The time of the last event; None without events."""
        if self.n_events == 0:
            return None
        return time_bounds(self)[1] if self.known_last is None else self.known_last

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return every plain column under its name in storage."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "entity_offsets": self.entity_offsets,
            "time": self.time,
            "code": self.code,
        }
        if self.value is not None:
            arrays["value"] = self.value
        for i, column in enumerate(self.attributes.values()):
            arrays[f"attribute_{i}"] = column.array
        if self.declared_start is not None:
            arrays["start"] = self.declared_start
        if self.joining_starts is not None:
            arrays["joining_starts"] = self.joining_starts.time
        return arrays

    def names(self) -> dict[str, ArrowArray]:
        """Return every dictionary under its name in storage."""
        names = {"entities": self.entities, "event_types": self.type_names}
        for i, column in enumerate(self.attributes.values()):
            if column.kind == "dictionary":
                names[f"categories_{i}"] = column.names
        if self.joining_starts is not None:
            names["joining_entities"] = self.joining_starts.entities
        return names

    @functools.cached_property
    def type_names(self) -> ArrowArray:
        return pa.array(self.event_types, pa.string())

    def entity_positions(self, start: int, stop: int) -> Int64:
        """Return the entity's position for the events in ``[start, stop)``."""
        first = int(np.searchsorted(self.entity_offsets, start, side="right")) - 1
        last = int(np.searchsorted(self.entity_offsets, stop, side="left"))
        ends = np.clip(self.entity_offsets[first : last + 1], start, stop)
        counts = ends[1:] - ends[:-1]
        return np.repeat(np.arange(first, first + len(counts)), counts)

    def pieces(self, rows: int) -> Iterator[Piece]:
        """Yield all events in order, at most ``rows`` at a time."""
        for start in range(0, self.n_events, rows):
            stop = min(start + rows, self.n_events)
            position = self.entity_positions(start, stop)
            low = int(position[0])
            near = self.entities.slice(low, int(position[-1]) - low + 1)
            attributes: dict[str, Any] = {}
            for name, column in self.attributes.items():
                part = column.array[start:stop]
                attributes[name] = part if column.kind == "number" else coded(part, column.names)
            yield Piece(
                pa.DictionaryArray.from_arrays(pa.array((position - low).astype(np.int32)), near),
                coded(self.code[start:stop].astype(np.int32), self.type_names),
                self.time[start:stop],
                None if self.value is None else self.value[start:stop],
                attributes,
            )

    def starts_for(self, entities: ArrowArray, names: ArrowArray) -> Int64:
        """Return the declared starts of this log for other entities; INT64_MIN where there is none.

        ``names`` are those that this log's entities have among the others; where several have one, the earliest counts.
        """
        assert self.declared_start is not None
        declared = self.declared_start != _NOT_DECLARED
        found = pc.index_in(names.cast(pa.large_string()), value_set=entities.cast(pa.large_string()))
        position = np.asarray(found.fill_null(-1)).astype(np.int64)
        known = declared & (position >= 0)
        starts = np.full(len(entities), np.iinfo(np.int64).max)
        np.minimum.at(starts, position[known], self.declared_start[known])
        has_start = np.zeros(len(entities), np.bool_)
        has_start[position[known]] = True
        return np.where(has_start, starts, _NOT_DECLARED)


def coded(codes: npt.NDArray[np.int32], names: ArrowArray) -> ArrowArray:
    """Return codes (-1 = null) and their names as an Arrow dictionary array."""
    indices = pa.array(codes, mask=codes < 0) if codes.size and int(codes.min()) < 0 else pa.array(codes, pa.int32())
    return pa.DictionaryArray.from_arrays(indices, names)


def names_array(parts: tuple[Int64, npt.NDArray[np.uint8]]) -> ArrowArray:
    """Wrap the core's names as Arrow text: string where the offsets fit 32 bits, else large_string."""
    offsets, data = parts
    if int(offsets[-1]) <= np.iinfo(np.int32).max:
        narrow = np.ascontiguousarray(offsets.astype(np.int32))
        return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(narrow), pa.py_buffer(data))
    return pa.LargeStringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(data))


def native_attributes(kinds: Mapping[str, AttributeKind], done: Mapping[str, Any]) -> dict[str, AttributeColumn]:
    """Return the attributes of columns that the core made, which has texts and numbers apart."""
    texts, dictionaries, figures = (iter(done[key]) for key in ("string_codes", "string_dictionaries", "numbers"))
    return {
        name: AttributeColumn(kind, codes=next(texts), names=names_array(next(dictionaries)))
        if kind == "dictionary"
        else AttributeColumn(kind, numbers=next(figures))
        for name, kind in kinds.items()
    }


def time_bounds(data: LogData) -> tuple[int, int]:
    """Return the first and the last event time of a log that has events. O(n_entities): time is sorted in each."""
    offsets = data.entity_offsets
    filled = offsets[:-1] < offsets[1:]
    return int(data.time[offsets[:-1][filled]].min()), int(data.time[offsets[1:][filled] - 1].max())


def start_times(data: LogData) -> Int64:
    """Return when each entity's life began, (n_entities,): as declared, else its first event."""
    first = data.time[data.entity_offsets[:-1]]
    declared = data.declared_start
    return first if declared is None else np.where(declared == _NOT_DECLARED, first, declared)


def content_digest(data: LogData) -> str:
    """Return SHA-256 over everything that a result can depend on; where and in which order rows came from is not."""
    parts = {name: [str(array.dtype), _sha256(array)] for name, array in data.arrays().items()}
    for name, names in data.names().items():
        parts[name] = ["text", _names_digest(names)]
    content = {
        "version": DIGEST_VERSION,
        "attributes": list(data.attributes),
        "kinds": [column.kind for column in data.attributes.values()],
        "timezone": data.timezone,
        "observed_until": data.observed_until,
        "columns": parts,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _sha256(array: npt.NDArray[Any]) -> str:
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return hashlib.sha256(little.data if little.size else b"").hexdigest()


def _names_digest(names: ArrowArray) -> str:
    """Hash lengths and bytes, so that the width of Arrow's offsets does not show."""
    wide = names.cast(pa.large_string())
    _, offsets_buffer, text = wide.buffers()
    digest = hashlib.sha256()
    if len(wide):
        offsets = np.frombuffer(offsets_buffer, np.int64)[wide.offset : wide.offset + len(wide) + 1]
        digest.update(np.diff(offsets).astype("<i8").tobytes())
        digest.update(memoryview(text)[int(offsets[0]) : int(offsets[-1])] if text is not None else b"")
    return digest.hexdigest()
