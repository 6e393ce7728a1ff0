"""Who was treated when, and by what chance: as it happened, or as it was randomised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqmine._text import parse_duration
from seqmine.errors import ParameterError
from seqmine.labels._instants import earlier, lasting
from seqmine.windows.columns import Categories, RowValues
from seqmine.windows.findings import FEWEST_TREATED
from seqmine.windows.moments import MomentRows
from seqmine.windows.options import MAX_BINS, Randomised, WindowOptions
from seqmine.windows.streams import Stream

__all__ = ["Design", "as_it_happened", "as_randomised", "bin_width"]

Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

_MINUTE = 60_000_000
_HOUR, _DAY = 60 * _MINUTE, 1440 * _MINUTE
WIDTHS = (
    5 * _MINUTE, 15 * _MINUTE, _HOUR, 2 * _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 7 * _DAY, 14 * _DAY, 28 * _DAY
)  # fmt: skip
ENOUGH = 10
_MOST_CHANCES = 20
_MOST_CROSSOVER = 0.05
_LEAST_UPTAKE = 0.1
_ON_STEP = 0.9


@dataclass(frozen=True, eq=False)
class Design:
    """Rows and when each was treated.

    Attributes
    ----------
    rows
        The rows that are compared.
    delay : (n_rows,) int64
        Microseconds from the moment to the action; at least the longest delay where there was none.
    base : (n_rows,) int64, and n_base
        Strata that are given: those of the randomisation.
    may_treat : (n_rows,) bool
        Rows whose action counts; of an arm trial those of the treated arm.
    may_control : (n_rows,) bool
        Rows that controls come from.
    randomised
        Whether chance decided.
    single
        Whether there is one delay bin: chance decided at the moment itself.
    note
        What a reader has to know of the design; empty for nothing.
    drawn
        Of an arm trial that is analysed as it was drawn, from the moment on: how many got it; else empty.
    """

    rows: MomentRows
    delay: Int64
    base: Int64
    n_base: int
    may_treat: Bool
    may_control: Bool
    randomised: bool
    single: bool = False
    note: str = ""
    drawn: str = ""

    @property
    def controlled(self) -> bool:
        """Whether chance saw to it that there are controls: an arm of them, or rows of the same moment."""
        return self.randomised and (self.single or not bool(self.may_control.all()))

    def take(self, keep: Bool, reason: str) -> Design:
        """Leave out the rows of a mask's complement, counted under a reason."""
        rows = self.rows.without(reason, ~keep)
        return Design(
            rows, self.delay[keep], self.base[keep], self.n_base, self.may_treat[keep], self.may_control[keep],
            self.randomised, self.single, self.note, self.drawn,
        )  # fmt: skip


def as_it_happened(rows: MomentRows, stream: Stream, options: WindowOptions, *, after: bool = False) -> Design:
    """The first action at or (only) ``after`` each moment; rows with one in the washout before it are left out."""
    longest = options.max_delay_us
    if options.washout_us:
        since = earlier(rows.time, options.washout_us)
        before, there = stream.first_from(rows.entity, since)
        rows = rows.without("treated_before", there & (before < rows.time))
    delay = _delays(rows, stream, longest, after)
    n = len(rows)
    every = np.ones(n, np.bool_)
    return Design(rows, delay, np.zeros(n, np.int64), 1, every, every, False)


def _delays(rows: MomentRows, stream: Stream, longest: int, after: bool) -> Int64:
    """From each moment to the first action at or ``after`` it; ``longest`` where there is none before that."""
    time, there = stream.first_from(rows.entity, rows.time + after)
    return np.where(there, lasting(rows.time, time, longest), longest)


def as_randomised(
    rows: MomentRows,
    stream: Stream,
    options: WindowOptions,
    given: Randomised,
    values: RowValues,
    stayed: Bool,
    *,
    after: bool = False,
) -> Design:
    """The design that was declared, see `Randomised`; ``stayed`` are the rows at risk until the end of the delays."""
    longest = options.max_delay_us
    n = len(rows)
    none, every = np.zeros(n, np.int64), np.ones(n, np.bool_)
    delay = _delays(rows, stream, longest, after)
    if given.probability is not None:
        values.check(given.probability, "randomised")
        if not values.is_number(given.probability):
            raise ParameterError(f"randomised: the column {given.probability!r} holds no numbers")
        chance = values.numbers(given.probability, now=True)
        if np.any((chance < 0) | (chance > 1)):
            raise ParameterError(f"randomised: {given.probability!r} holds numbers that are no chances")
        proper = (chance > 0) & (chance < 1)
        # An action after the entity's next moment is that moment's.
        delay = np.where(rows.time + delay < rows.following, delay, longest)
        distinct = np.unique(chance[proper])
        if len(distinct) > _MOST_CHANCES:
            cuts = np.quantile(chance[proper], np.arange(1, _MOST_CHANCES) / _MOST_CHANCES)
            code = np.searchsorted(np.unique(cuts), chance, side="right")
            note = f"chances cut into {int(code.max(initial=0)) + 1} classes"
        else:
            code, note = np.searchsorted(distinct, np.where(proper, chance, 0.0)), ""
        design = Design(
            rows, delay, code.astype(np.int64), int(code.max(initial=0)) + 1, every, every, True, True, note
        )
        return design.take(proper, "not_randomised")
    if given.delay is not None:
        values.check(given.delay, "randomised")
        drawn = _drawn(given.delay, values)
        known = drawn >= 0
        design = Design(rows, np.minimum(drawn, longest), none, 1, every, every, True)
        return design.take(known, "not_randomised")
    return _by_arm(rows, delay, longest, given, values, stayed)


def _by_arm(rows: MomentRows, delay: Int64, longest: int, given: Randomised, values: RowValues, stayed: Bool) -> Design:
    """Arms, by the delay at which the treated got it; as drawn where some did not, or too few for a search did."""
    assert given.arm is not None and given.control is not None
    values.check(given.arm, "randomised", categories=True)
    arm, within, none = values.categories(given.arm), delay < longest, np.zeros(len(rows), np.int64)
    for name in (given.control, given.treated):
        if len(rows) and name is not None and name not in arm.values:
            raise ParameterError(
                f"randomised: {given.arm!r} never is {name!r}", hint="it is " + ", ".join(arm.values[:-1][:10])
            )
    control = arm.code == _place(arm, given.control)
    null = arm.code == len(arm.values) - 1
    crossed = float(np.mean(within[control])) if control.any() else 0.0
    counts = np.bincount(arm.code, minlength=len(arm.values))
    got = np.bincount(arm.code[within], minlength=len(arm.values)) / np.maximum(counts, 1)
    if given.treated is not None:
        treated = arm.code == _place(arm, given.treated)
    else:
        # The arms that get this action; other arms of the trial get others.
        only = np.count_nonzero(counts[:-1]) <= 2
        treated = ~control & ~null & ((got[arm.code] > 0.5) | only)
    treated &= got[arm.code] > crossed + _LEAST_UPTAKE
    # Who was gone before the end of the delays may have been meant to get it later.
    waited = treated & (stayed | within)
    missed = 1.0 - float(np.mean(within[waited])) if waited.any() else 0.0
    delays, halves = delay[treated & within], np.bincount(rows.half[treated & within], minlength=2)
    too_few = halves.min() < FEWEST_TREATED and len(delays) and np.ptp(delays) > 0
    if max(missed, crossed) > _MOST_CROSSOVER or too_few:
        uptake = float(np.mean(within[treated])) if treated.any() else 0.0
        drawn = f"{uptake:.0%} of its arm got it, {crossed:.0%} of the control arm"
        design = Design(rows, np.where(treated, 0, longest), none, 1, treated, control, True, True, drawn=drawn)
    else:
        design = Design(rows, delay, none, 1, treated, control, True)
    return design.take(treated | control, "other_arm")


def _place(column: Categories, value: str) -> int:
    return column.values.index(value) if value in column.values else -1


def _drawn(name: str, values: RowValues) -> Int64:
    """Delays that were drawn, in microseconds; -1 where there is none."""
    if values.is_number(name):
        seconds = values.numbers(name)
        known = np.isfinite(seconds)
        if np.any(seconds[known] < 0):
            raise ParameterError(f"randomised: {name!r} holds delays below 0")
        return np.where(known, np.minimum(np.where(known, seconds, 0.0) * 1e6, 2.0**62), -1).astype(np.int64)
    column = values.categories(name)
    each = [parse_duration(text, f"randomised: {name}") for text in column.values[:-1]]
    return np.array([*each, -1], np.int64)[column.code]


def bin_width(design: Design, discovery: Bool, options: WindowOptions) -> int:
    """The width of the delay bins: what the options say, else the finest one with enough treated rows in each."""
    longest = options.max_delay_us
    if design.drawn:
        return min(WIDTHS[0], longest)
    if design.single:
        if options.bin_width is not None:
            return parse_duration(options.bin_width)
        late = np.sort(design.delay[design.may_treat & (design.delay < longest)])
        reach = int(late[int(0.99 * (len(late) - 1))]) if len(late) else 0
        return next((width for width in WIDTHS if width > reach and width <= longest), longest)
    if options.bin_width is not None:
        return parse_duration(options.bin_width)
    delay = design.delay[discovery & design.may_treat & (design.delay < longest)]
    fitting = [width for width in WIDTHS if longest % width == 0 and longest // width <= MAX_BINS]
    for width in fitting:
        counts = np.bincount(delay // width)
        if len(delay) and np.median(counts[counts > 0]) >= ENOUGH and longest // width >= 1:
            return width
    return fitting[-1] if fitting else longest


def step_of(delays: Int64, width: int) -> int:
    """What nearly all delays are multiples of, where that is more than a bin: a day, in a log of dates.

    Edges of windows are such multiples, too: who acts between two of them is written down at the earlier one.
    """
    later = delays[delays > 0]

    def fits(step: int) -> bool:
        return step > width and int(np.count_nonzero(later % step == 0)) >= _ON_STEP * len(later)

    return next((step for step in reversed(WIDTHS) if len(later) and fits(step)), width)
