"""The rows of a window analysis: moments, each with its entity, its half, and why others are left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from seqmine import _native
from seqmine._text import parse_duration
from seqmine.labels._instants import earlier, later
from seqmine.labels.labels import excluded_types
from seqmine.labels.split import first_bytes
from seqmine.patterns import Pattern
from seqmine.patterns.search import compile_pattern

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import Study

__all__ = ["MomentRows", "hidden_types", "moment_rows"]

Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class MomentRows:
    """Moments of a log, ordered by (entity, time).

    Attributes
    ----------
    entity, time : (n,) int64
        Position of the entity in the log, and when the moment was known: UTC microseconds.
    before : (n,) int64
        How many moments the entity had before.
    following : (n,) int64
        When its next moment is, whether that is a row or not; int64 maximum where there is none.
    half, fold : (n,) uint8
        `DISCOVERY` or `ESTIMATION`; and 0 or 1, whole entities.
    excluded
        What was left out, by reason.
    """

    entity: Int64
    time: Int64
    before: Int64
    following: Int64
    half: npt.NDArray[np.uint8]
    fold: npt.NDArray[np.uint8]
    excluded: dict[str, int]

    def __len__(self) -> int:
        return len(self.entity)

    def without(self, reason: str, mask: Bool) -> MomentRows:
        """These rows without those of a mask, which are counted."""
        stay = ~mask
        counts = self.excluded | {reason: self.excluded.get(reason, 0) + int(np.count_nonzero(mask))}
        return MomentRows(
            self.entity[stay],
            self.time[stay],
            self.before[stay],
            self.following[stay],
            self.half[stay],
            self.fold[stay],
            counts,
        )


def hidden_types(log: EventLog, study: Study) -> npt.NDArray[np.uint8]:
    """1 for event types that nothing but the outcome may see, (n_types,)."""
    hidden = excluded_types(log, study.exclude_events)
    return np.zeros(max(len(log.event_types), 1), np.uint8) if hidden is None else hidden


def moment_rows(
    log: EventLog,
    pattern: Pattern,
    study: Study,
    *,
    repeats: str,
    reach: int,
    watched: int,
    next_too: bool = False,
    threads: int,
) -> MomentRows:
    """The moments of a log that can be followed.

    A row is the time at which a match became known (its ready time). Left out, for the first of these reasons:
    ``not_born`` (the entity's start is declared to be later), ``not_followed`` (the delays and the follow-up after
    them, ``reach`` in all, end after ``watched``; the delays alone would end after the log) and ``short_tenure``.

    Parameters
    ----------
    log, pattern, study
        Types that the study excludes are invisible to the pattern.
    repeats
        ``first`` moment of each entity, or ``all``.
    reach
        Longest delay and follow-up, in microseconds.
    watched
        Until when outcomes are known.
    next_too
        Whether ``following`` is wanted of first moments, too.
    threads
        0 = all cores. The result does not depend on it.
    """
    everyone = _native.Rows(
        entity=np.arange(log.n_entities, dtype=np.int64),
        until=log.observed_until,
        excluded=excluded_types(log, study.exclude_events),
    )
    native = compile_pattern(log, pattern)
    entity, _, _, ready = _native.find(log.native, native, everyone, repeats == "all" or next_too, threads)
    # Distinct moment times may be ready at one time only; what is ready is what somebody could act on.
    order = np.lexsort((ready, entity))
    entity, ready = np.asarray(entity)[order], np.asarray(ready)[order]
    if len(entity):
        new = np.concatenate(([True], (entity[1:] != entity[:-1]) | (ready[1:] != ready[:-1])))
        entity, ready = entity[new], ready[new]
    following = np.full(len(entity), np.iinfo(np.int64).max)
    again = np.flatnonzero(entity[1:] == entity[:-1])
    following[again] = ready[again + 1]
    first = np.searchsorted(entity, entity, side="left")
    if repeats != "all":
        at = np.flatnonzero(first == np.arange(len(entity)))
        entity, ready, following, first = entity[at], ready[at], following[at], np.arange(len(at))
    # The first bit is the half of `split_halves`; the next one, which nothing else uses, makes the two folds.
    drawn = first_bytes(log.entities, study.seed)[entity]
    half, fold = (np.asarray(drawn >> bit & 1, dtype=np.uint8) for bit in (7, 6))
    counts = {"n_moments": len(entity)}
    rows = MomentRows(entity, ready, np.arange(len(entity)) - first, following, half, fold, counts)
    start = np.asarray(log.start_times, dtype=np.int64)
    rows = rows.without("not_born", start[rows.entity] > rows.time)
    end = later(rows.time, reach)
    rows = rows.without("not_followed", ~end.fits | (end.time > watched))
    if tenure := parse_duration(study.min_tenure, "min_tenure"):
        rows = rows.without("short_tenure", start[rows.entity] > earlier(rows.time, tenure))
    return rows
