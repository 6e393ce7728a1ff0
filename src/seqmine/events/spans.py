"""Where the events of a span of an entity's life stand in the columns of a log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from seqmine import _native

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

__all__ = ["any_event", "chunks", "expand", "span_positions"]

Int64 = npt.NDArray[np.int64]

_FIRST = -(2**63) + 1


def any_event(log: EventLog) -> _native.Predicate:
    """The test that every event passes."""
    return _native.Predicate(np.ones(len(log.event_types), dtype=np.uint8))


def span_positions(log: EventLog, entity: Int64, lo: Int64, last: Int64, threads: int = 0) -> tuple[Int64, Int64]:
    """Positions ``[begin, end)`` of the events with ``lo <= time <= last`` of each row's entity.

    Parameters
    ----------
    log
        The log.
    entity : (n_rows,)
        Positions in ``log.entities``; -1 has no events.
    lo, last : (n_rows,)
        UTC microseconds, both inclusive.
    threads
        0 = all cores. The result does not depend on it.

    Returns
    -------
    tuple
        ``begin`` and ``end``, each (n_rows,) int64 positions in ``log.time``; equal where there is no event.
    """
    every = any_event(log)

    def count(first: Int64) -> Int64:
        rows = _native.Rows(entity=entity, lo=first, last=last)
        return np.asarray(_native.window_stats(log.native, every, rows, threads)["count"], dtype=np.int64)

    offsets = np.asarray(log.entity_offsets, dtype=np.int64)
    end = offsets[np.maximum(entity, 0)] + count(np.full(len(entity), _FIRST, dtype=np.int64))
    return end - count(lo), end


def expand(begin: Int64, end: Int64) -> tuple[Int64, Int64]:
    """One entry for each position of ``[begin[i], end[i])``, in order: which i, and the position."""
    n = end - begin
    which = np.repeat(np.arange(len(n), dtype=np.int64), n)
    return which, np.arange(len(which), dtype=np.int64) + np.repeat(begin - (np.cumsum(n) - n), n)


def chunks(begin: Int64, end: Int64, most: int) -> Iterator[slice]:
    """Runs of spans with at most `most` positions in all (or a single span that has more)."""
    total = np.cumsum(end - begin)
    first = 0
    while first < len(total):
        before = int(total[first - 1]) if first else 0
        after = max(int(np.searchsorted(total, before + most, side="right")), first + 1)
        yield slice(first, after)
        first = after
