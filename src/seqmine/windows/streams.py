"""When the events of one test happened: for each entity its distinct times, in order."""

# mypy: allow-untyped-calls

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from seqmine import _native
from seqmine._text import Cursor
from seqmine.events.selectors import Selector, compile_selector, parse_selector

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

__all__ = ["Stream", "empty_stream", "joined", "read_selector", "stream_of", "stream_of_predicate"]

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Stream:
    """Distinct times of some events.

    Attributes
    ----------
    offsets : (n_entities + 1,) int64
        Entity e has the times ``[offsets[e], offsets[e + 1])``.
    time : (n,) int64
        UTC microseconds, ascending within an entity.
    number : (n,) float64
        How many events there are at this time, or the sum of their values.
    """

    offsets: Int64
    time: Int64
    number: Float64

    def first_from(self, entity: Int64, since: Int64) -> tuple[Int64, npt.NDArray[np.bool_]]:
        """The first time at or after ``since`` of each entity, (n,), and where there is one."""
        found = self._position(entity, since)
        there = found >= 0
        return np.where(there, self.time[np.maximum(found, 0)] if len(self.time) else 0, 0), there

    def number_before(self, entity: Int64, until: Int64) -> Float64:
        """All numbers of each entity before ``until``, (n,): exact for counts."""
        found = self._position(entity, until)
        total = np.append(0.0, np.cumsum(self.number))
        return np.asarray(total[np.where(found >= 0, found, self.offsets[entity + 1])] - total[self.offsets[entity]])

    def _position(self, entity: Int64, since: Int64) -> Int64:
        from seqmine.windows.walk_kernel import first_from

        found = np.empty(len(entity), np.int64)
        first_from(self.offsets, self.time, entity, since, found)
        return found

    def without(self, other: Stream) -> Stream:
        """These times less the events of another stream at them; times at which nothing is left are dropped."""
        n_entities = len(self.offsets) - 1
        entity, other_entity = (np.repeat(np.arange(n_entities), np.diff(one.offsets)) for one in (self, other))
        order = np.lexsort(
            (np.concatenate([self.time, other.time]), np.concatenate([entity, other_entity]))
        )  # stable: of a time that both have, this stream's comes first
        mine, theirs = order[:-1], order[1:]
        both = (mine < len(entity)) & (theirs >= len(entity))
        mine, theirs = mine[both], theirs[both] - len(entity)
        same = (entity[mine] == other_entity[theirs]) & (self.time[mine] == other.time[theirs])
        left = self.number.copy()
        left[mine[same]] -= other.number[theirs[same]]
        keep = left > 0
        offsets = np.zeros(n_entities + 1, np.int64)
        np.cumsum(np.bincount(entity[keep], minlength=n_entities), out=offsets[1:])
        return Stream(offsets, self.time[keep], left[keep])


def read_selector(text: str) -> Selector:
    """An event test from its text.

    Raises
    ------
    InvalidPattern
        Text that cannot be read.
    """
    cursor = Cursor(text)
    selector = parse_selector(cursor)
    cursor.expect_end()
    return selector


def stream_of(log: EventLog, selector: Selector, *, sums: bool = False, threads: int = 0) -> Stream:
    """The times of the events that pass a test; `sums` adds up their values instead of counting them."""
    return stream_of_predicate(log, compile_selector(log, selector), sums=sums, threads=threads)


def stream_of_predicate(log: EventLog, predicate: _native.Predicate, *, sums: bool = False, threads: int = 0) -> Stream:
    """As `stream_of`, of a native test."""
    pattern = _native.Pattern(
        steps=[(0, 1, _native.UNBOUNDED, -1)],
        absences=[],
        predicates=[predicate],
        span=_native.UNBOUNDED,
        anchored=False,
    )
    everyone = _native.Rows(entity=np.arange(log.n_entities, dtype=np.int64))
    row, _, time, _ = _native.find(log.native, pattern, everyone, True, threads)
    at = _native.Rows(entity=row, lo=time, last=time)
    stats = _native.window_stats(log.native, predicate, at, threads)
    number = np.asarray(stats["sum" if sums else "count"], dtype=np.float64)
    offsets = np.zeros(log.n_entities + 1, np.int64)
    np.cumsum(np.bincount(row, minlength=log.n_entities), out=offsets[1:])
    return Stream(offsets, time, number)


def empty_stream(n_entities: int) -> Stream:
    """No times at all."""
    return Stream(np.zeros(n_entities + 1, np.int64), np.zeros(0, np.int64), np.zeros(0))


def joined(streams: list[Stream], n_entities: int) -> Stream:
    """All times of several streams, those that occur twice once."""
    if not streams:
        return empty_stream(n_entities)
    entity = np.concatenate([np.repeat(np.arange(n_entities), np.diff(one.offsets)) for one in streams])
    time = np.concatenate([one.time for one in streams])
    number = np.concatenate([one.number for one in streams])
    order = np.lexsort((time, entity))
    entity, time, number = entity[order], time[order], number[order]
    new = np.concatenate(([True], (entity[1:] != entity[:-1]) | (time[1:] != time[:-1]))) if len(time) else time > 0
    at = np.flatnonzero(new)
    total = np.add.reduceat(number, at) if len(at) else number
    offsets = np.zeros(n_entities + 1, np.int64)
    np.cumsum(np.bincount(entity[at], minlength=n_entities), out=offsets[1:])
    return Stream(offsets, time[at], total)
