"""Hours and weekdays of a pattern's completion: the best circular interval inside the pattern (STATISTICS D).

Each row that matches is seen at some hours (it may complete several times), so an interval's rows are those with at
least one completion in it. Intervals wrap around midnight and around the weekend.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from seqmine import _native
from seqmine.events.conditions import WEEKDAYS, Condition
from seqmine.events.selectors import Selector
from seqmine.patterns.search import compile_pattern

if TYPE_CHECKING:
    from seqmine.mining.parts import Part
    from seqmine.patterns import Pattern

__all__ = ["N_INTERVALS", "clock_conditions"]

_WIDEST_HOURS: Final = 12
_WIDEST_DAYS: Final = 5  # Mon..Fri, which people mean, is more than half of the dial
N_INTERVALS: Final = 24 * _WIDEST_HOURS + 7 * _WIDEST_DAYS
"""Intervals that are looked at for one pattern."""

Float64 = npt.NDArray[np.float64]


class _Dial(NamedTuple):
    field: str
    shift: int
    size: int
    widest: int


_DIALS: Final = (_Dial("hour", 0, 24, _WIDEST_HOURS), _Dial("weekday", 24, 7, _WIDEST_DAYS))


def clock_conditions(
    part: Part, patterns: Sequence[Pattern], directions: Sequence[int], min_support: int
) -> list[tuple[Pattern, Pattern]]:
    """Pairs (pattern, the same with the best condition on its last step), for the hour and for the weekday.

    The best interval has the largest leverage in the pattern's direction among those with `min_support` rows; ties go
    to the narrower, then to the earlier. Patterns that have such a condition already, or whose completions all lie in
    one hour, give none. Nothing is tested here.
    """
    native = [compile_pattern(part.log, pattern) for pattern in patterns]
    verdicts, clocks = _native.match_many(part.log.native, native, part.bound.rows, True, part.threads)
    assert clocks is not None, "clocks were asked for"
    residual = part.outcome - np.where(part.n > 0, part.total / np.maximum(part.n, 1), 0.0)[part.stratum]
    found = []
    for pattern, direction, verdict, clock in zip(patterns, directions, verdicts, clocks, strict=True):
        rows = np.flatnonzero(verdict == 1)
        last = pattern.steps[-1].selector
        for dial in _DIALS:
            if len(rows) < min_support or any(c.field == dial.field and not c.attribute for c in last.conditions):
                continue
            best = _best(direction * residual[rows], clock[rows] >> np.uint32(dial.shift), dial, min_support)
            if best is not None:
                found.append((pattern, _with_condition(pattern, dial, *best)))
    return found


def _best(weight: Float64, clock: npt.NDArray[np.uint32], dial: _Dial, min_support: int) -> tuple[int, int] | None:
    """Start and width of the best interval."""
    seen = ((clock[:, None] >> np.arange(dial.size, dtype=np.uint32)) & 1).astype(np.bool_)
    if np.count_nonzero(seen.any(axis=0)) < 2:
        return None
    best, chosen = -math.inf, None
    for width, reached in _intervals(seen, dial.widest):
        gain = weight @ reached
        gain[np.count_nonzero(reached, axis=0) < min_support] = -math.inf
        start = int(np.argmax(gain))
        if gain[start] > best + 1e-9:
            best, chosen = float(gain[start]), (start, width)
    return chosen


def _intervals(seen: npt.NDArray[np.bool_], widest: int) -> Iterator[tuple[int, npt.NDArray[np.bool_]]]:
    """For every width the rows that are seen in [start, start + width), by start."""
    reached = seen.copy()
    yield 1, reached
    for width in range(2, widest + 1):
        reached |= np.roll(seen, -(width - 1), axis=1)
        yield width, reached


def _with_condition(pattern: Pattern, dial: _Dial, start: int, width: int) -> Pattern:
    last = pattern.steps[-1]
    if dial.field == "hour":
        end = start + width
        operand: tuple[int, int] | tuple[str, str] = (start, end if end <= 24 else end - 24)
    else:
        operand = (WEEKDAYS[start], WEEKDAYS[(start + width - 1) % 7])
    condition = Condition(dial.field, "=", operand, False)
    selector = Selector(last.selector.types, (*last.selector.conditions, condition))
    return replace(pattern, steps=(*pattern.steps[:-1], replace(last, selector=selector)))
