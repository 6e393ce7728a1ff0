"""Second looks at what would be claimed: the ways in which strata can be wrong, tried one by one.

Strata hold equal how much was seen of a row, as a number. What is claimed must hold, too, when

- ``own_events``: the pattern's own event types do not count as activity. Mail that is sent to anybody makes its readers
  look busier than they are; and where rows see few events, more of one kind is less of another (a collider).
- ``main_type``: nor does the event type that is seen most, if more than a quarter of all events are of it, by itself or
  with the pattern's own ones: heartbeats drown what people do.
- ``tenure``, ``calendar``: tenure and the date of the index are held equal in ten classes.
- ``busiest``: the one percent of entities with the most events are left out: robots, merged identities.
- ``exposure``: a pattern beats its simpler forms among rows that had as many chances, events of each step multiplied:
  who does something often also does it at nine in the morning, and with a gap of three days, more often.

A claim needs the test of its own strata *and* all of these (intersection-union, so no further correction); they are
made only for patterns that would be claimed, for they can only take away.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from seqmine import _native
from seqmine.events.selectors import Selector, compile_selector
from seqmine.mining.remainder import remainder
from seqmine.mining.sensitivity import busiest_rows
from seqmine.mining.strata import finer, quantile_classes

if TYPE_CHECKING:
    from seqmine.mining.generalise import Generalisation
    from seqmine.mining.parts import Bool, Part
    from seqmine.patterns import Pattern

__all__ = ["Guarded", "look_again"]

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
Strata = tuple[npt.NDArray[np.int32], int]

CLASSES: Final = 10
LEAST_ACTIVITY: Final = 3.0
"""Events of other types that rows must see on average to be called busy or not by these alone."""
MAIN_SHARE: Final = 0.25
"""Of all events seen, beyond which the most frequent type is the main one. While this was a half, mail to anybody
that was a third of all events made other types look true in 13 of 30 made logs."""


class Guarded(NamedTuple):
    """Of each pattern the largest p of the second looks, and which one it is; NaN and None where none was made."""

    p: Float64
    guard: list[str | None]


def look_again(
    part: Part,
    patterns: Sequence[Pattern],
    direction: npt.NDArray[np.int64],
    simpler: Sequence[Sequence[Generalisation]],
    claimed: Bool,
    min_effect: float,
) -> Guarded:
    """Second looks at the claimed patterns; these and their generalisations have been matched."""
    p = np.full(len(patterns), math.nan)
    guard: list[str | None] = [None] * len(patterns)
    if not claimed.any():
        return Guarded(p, guard)
    looks = _Looks(part)
    for i in np.flatnonzero(claimed).tolist():
        found = dict(looks.at(patterns[i], int(direction[i]), simpler[i], min_effect))
        if found:
            worst = max(found, key=lambda name: found[name])
            p[i], guard[i] = found[worst], worst
    return Guarded(p, guard)


class _Looks:
    def __init__(self, part: Part) -> None:
        self._part = part
        self._seen = part.exposure.seen
        self._counts: dict[Selector, Int64] = {}
        makers: dict[str, Callable[[], Strata | None]] = {
            "tenure": self._finer_tenure,
            "calendar": self._finer_calendar,
        }
        self._strata = {name: made for name, make in makers.items() if (made := make()) is not None}
        self._main = self._main_type()
        busiest = busiest_rows(part) if self._seen is not None else np.zeros(part.n_rows, dtype=np.bool_)
        self._others = ~busiest if busiest.any() and not busiest.all() else None

    def at(
        self, pattern: Pattern, sign: int, simpler: Sequence[Generalisation], min_effect: float
    ) -> Iterator[tuple[str, float]]:
        part, own = self._part, _types(pattern)
        matched = part.matched(pattern)
        apart = {"own_events": [own]}
        if self._main - own:
            # By itself, too: less the pattern's own types the rest may be too little to tell busy rows from others.
            apart["main_type"] = [self._main, own | self._main]
        for name, several in apart.items():
            found = [
                remainder(part, matched, sign, min_effect, strata=self._besides(types)).p
                for types in several
                if self._leaves_activity(types)
            ]
            if found:
                yield name, max(found)
        for name, strata in self._strata.items():
            yield name, remainder(part, matched, sign, min_effect, strata=strata).p
        if self._others is not None:
            yield "busiest", remainder(part, matched, sign, min_effect, rows=self._others).p
        if self._seen is not None and simpler:
            yield "exposure", max(self._beyond(pattern, matched, sign, one) for one in simpler)

    def _leaves_activity(self, types: frozenset[str]) -> bool:
        """Whether enough is seen besides these types to tell busy rows from others."""
        if self._seen is None:
            return False
        return float((self._seen - self._count(types)).mean()) >= LEAST_ACTIVITY

    def _beyond(self, pattern: Pattern, matched: Bool, sign: int, one: Generalisation) -> float:
        part = self._part
        rows = part.matched(one.pattern)
        if one.decided:
            rows &= ~part.undecided(pattern)
        more = _types(pattern) - _types(one.pattern)
        code, _ = self._besides(more if self._leaves_activity(more) else frozenset())
        exposed = np.zeros(part.n_rows, dtype=np.int64)
        exposed[rows] = quantile_classes(self._chances(one.pattern)[rows], CLASSES)
        return remainder(part, matched, sign, 0.0, rows=rows, strata=finer(code, exposed)).p

    def _besides(self, types: frozenset[str]) -> Strata:
        """Strata with activity counted without these types."""
        assert self._seen is not None, "asked for only where activity is held equal"
        if not types:
            return self._part.stratum, self._part.n_strata
        # As many classes as activity has.
        n_classes = len(self._part.exposure.edges) + 1
        return finer(self._part.exposure.rest, quantile_classes(self._seen - self._count(types), n_classes))

    def _chances(self, pattern: Pattern) -> Int64:
        """In how many ways the steps could be filled were there no order and no gaps: of two steps, the pairs."""
        ways = np.ones(self._part.n_rows, dtype=np.float64)
        for selector in dict.fromkeys(step.selector for step in pattern.steps):
            ways *= self._events(selector)
        return np.minimum(ways, 2.0**62).astype(np.int64)

    def _count(self, types: frozenset[str]) -> Int64:
        return self._events(Selector(tuple(types)))

    def _events(self, selector: Selector) -> Int64:
        """How many such events each row sees."""
        if selector not in self._counts:
            part = self._part
            predicate = compile_selector(part.log, selector)
            found = _native.window_stats(part.log.native, predicate, part.bound.rows, part.threads)["count"]
            self._counts[selector] = np.asarray(found, dtype=np.int64)
        return self._counts[selector]

    def _main_type(self) -> frozenset[str]:
        """The type that the rows see most, if it has its share of what they see."""
        part = self._part
        if self._seen is None or not part.log.event_types:
            return frozenset()
        main = frozenset([part.log.event_types[int(part.seen_types.argmax())]])
        return main if int(self._count(main).sum()) > MAIN_SHARE * int(self._seen.sum()) else frozenset()

    def _finer_tenure(self) -> Strata | None:
        tenure = self._part.exposure.tenure
        if tenure is None:
            return None
        classes = quantile_classes((tenure >> np.uint64(1)).astype(np.int64), CLASSES)
        return finer(self._part.stratum, classes) if classes.any() else None

    def _finer_calendar(self) -> Strata | None:
        if not self._part.exposure.dated:
            return None
        classes = quantile_classes(self._part.bound.index_time, CLASSES)
        return finer(self._part.stratum, classes) if classes.any() else None


def _types(pattern: Pattern) -> frozenset[str]:
    return frozenset(name for step in pattern.steps for name in step.selector.types)
