"""Hours and weekdays of a pattern's completion: the best circular interval inside the pattern (STATISTICS D).

Each row that matches is seen at some hours (it may complete several times), so an interval's rows are those with at
least one completion in it. Intervals wrap around midnight and around the weekend.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from seqmine.events.conditions import WEEKDAYS, Condition
from seqmine.events.selectors import Selector
from seqmine.mining.two_levels import best_interval, price, weights

if TYPE_CHECKING:
    from seqmine.mining.parts import Part
    from seqmine.patterns import Pattern

__all__ = ["N_INTERVALS", "clock_conditions"]

_WIDEST_HOURS: Final = 12
_WIDEST_DAYS: Final = 5  # Mon..Fri, which people mean, is more than half of the dial
N_INTERVALS: Final = 24 * _WIDEST_HOURS + 7 * _WIDEST_DAYS
"""Intervals that are looked at for one pattern."""
_WORTH_MATCHING: Final = 0.5  # of the price: z^2 without the parent's own strata is near that within them

Float64 = npt.NDArray[np.float64]
UInt32 = npt.NDArray[np.uint32]


class _Dial(NamedTuple):
    field: str
    shift: int
    size: int
    widest: int


_DIALS: Final = (_Dial("hour", 0, 24, _WIDEST_HOURS), _Dial("weekday", 24, 7, _WIDEST_DAYS))


def clock_conditions(
    part: Part, patterns: Sequence[Pattern], min_support: int, signs: Sequence[int]
) -> list[tuple[Pattern, Pattern]]:
    """Pairs (pattern, the same with the best condition on its last step), for the hour and for the weekday.

    The interval with at least `min_support` rows inside which the outcome departs most from what it is in the rest of
    the pattern's rows (`best_interval`), up for a sign of 1, down for -1; ties go to the narrower, then to the earlier.
    Patterns that have such a condition already, or from which no interval departs by half of what choosing it costs,
    give none. Nothing is tested here. All patterns count as matched afterwards.
    """
    weight = weights(part).astype(np.float64)
    found = []
    for pattern, (rows, clock) in zip(patterns, part.clocks(patterns), strict=True):
        if len(rows) < min_support:
            continue
        inside = weight[rows]
        n, total = float(len(rows)), float(inside.sum())
        least = _WORTH_MATCHING * float(price(np.array(n), N_INTERVALS)) * float(np.var(inside))
        last = pattern.steps[-1].selector
        for dial in _DIALS:
            if any(c.field == dial.field and not c.attribute for c in last.conditions):
                continue
            n_rows, summed = _by_interval(inside, clock >> np.uint32(dial.shift), dial.size, dial.widest)
            best = best_interval(n_rows, summed, n_rows >= min_support, n, total, signs)
            if best is not None and best.gain > least:
                width, start = divmod(best.at, dial.size)
                found.append((pattern, _with_condition(pattern, dial, start, width + 1)))
    return found


def _by_interval(weight: Float64, clock: UInt32, size: int, widest: int) -> tuple[Float64, Float64]:
    """Rows seen in each interval and the sum of their weights: the narrower first, then the earlier.

    A row is missed by an interval exactly if that lies in one of the free stretches between the hours at which the row
    is seen; so a table of the stretches by where they begin and how long they are tells all intervals.
    """
    full = np.uint32((1 << size) - 1)
    clock = clock & full
    stretches = np.zeros((size, size, 2))
    for hour in range(size):
        rows = np.flatnonzero((clock >> np.uint32(hour)) & np.uint32(1))
        seen = clock[rows]
        onwards = (seen >> np.uint32(hour + 1) | seen << np.uint32(size - 1 - hour)) & full
        free = np.bitwise_count((onwards - np.uint32(1)) & ~onwards)  # trailing zeros: hours until it is seen again
        stretches[hour, :, 0] = np.bincount(free, minlength=size)
        stretches[hour, :, 1] = np.bincount(free, weight[rows], minlength=size)
    missed = _misses(size, widest) @ stretches.reshape(size * size, 2)
    at_all = clock != 0
    return np.count_nonzero(at_all) - missed[:, 0], weight[at_all].sum() - missed[:, 1]


@functools.cache
def _misses(size: int, widest: int) -> Float64:
    """1 where an interval (by width, then start) lies in a stretch (by the hour before it, then length), else 0."""
    width, start, hour, free = np.ix_(range(1, widest + 1), range(size), range(size), range(size))
    return ((start - hour - 1) % size + width <= free).astype(np.float64).reshape(widest * size, size * size)


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
