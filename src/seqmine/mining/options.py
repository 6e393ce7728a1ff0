"""What `mine` looks for: options, checked once at the public door."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from seqmine import _native
from seqmine._text import did_you_mean, format_duration, parse_duration
from seqmine._validate import check_threads
from seqmine.errors import ParameterError

__all__ = ["DIRECTIONS", "MEASURES", "MinerLimits", "MinerOptions"]

MEASURES: Final = ("leverage", "wracc", "chi2", "log_odds", "info_gain", "lift")
DIRECTIONS: Final = ("both", "raises", "lowers")
MAX_LENGTH: Final = 63
MAX_BINS: Final = 64
MAX_COUNT: Final = 2**31 - 1

# Gaps that people speak of: a learned interval ends on one of these. Dense where a reaction is quick.
GAP_EDGES: Final = (
    "5m", "10m", "15m", "30m", "1h", "2h", "3h", "4h", "6h", "8h", "12h", "18h", "1d", "36h", "2d", "3d", "4d", "5d",
    "6d", "1w", "8d", "9d", "10d", "11d", "12d", "13d", "2w", "3w", "4w", "6w", "8w", "12w", "16w", "26w", "52w",
)  # fmt: skip

Duration = str | timedelta
Direction = Literal["both", "raises", "lowers"]


@dataclass(frozen=True, kw_only=True)
class MinerOptions:
    """What `mine` looks for. Durations are text such as ``"14d"`` or timedeltas; intervals are half open.

    Parameters
    ----------
    max_length
        Most steps of a pattern, at most 63. A trailing absence is not a step.
    max_gap
        Each step follows the one before by less than this; None for no limit.
    min_gap
        Each step follows the one before by at least this; None is ``"1us"``, strictly later.
    max_span
        The whole match, first step to last, is shorter than this.
    gap_bins
        Where learned gaps may begin and end, ascending; at most 63 edges inside (min_gap, max_gap). None takes a
        grid from 5 minutes to a year.
    learn_gaps
        Look for the interval ``[lo, hi)`` of each step that serves the measure best. Without it every gap is
        ``[min_gap, max_gap)``.
    min_support
        Rows that must match a pattern.
    top_k
        How many patterns to return.
    measure
        ``leverage`` (positive rows beyond those expected), ``wracc`` (the same per row), ``chi2``, ``log_odds``
        (1/2 added to each cell), ``info_gain`` (nats) or ``lift``.
    strata
        Names of columns: leverage then expects what the strata's own base rates give. Only for leverage. Columns of
        the labels; of a study also text attributes of the log, as of the index, on top of what it holds equal anyway.
    direction
        Keep patterns that go with more positive rows than expected (``raises``), with fewer (``lowers``), or both.
    redundancy
        A pattern is dropped when the Jaccard index of its rows with those of a better one is above this. None keeps
        all.
    context
        Conditions to try on every step: ``weekday``, ``hour``, ``value``, or names of attributes.
    absence
        Windows in which an event's absence after the last step may be part of a pattern, such as ``("72h",)``.
    threads
        0 for all cores. The result does not depend on it.
    max_seconds, max_memory
        Budgets: seconds of the whole call, bytes of the search's own arrays. When one is used up, subtrees are left
        out and the best so far is returned with ``complete=False``; every count still covers all rows. Of a study the
        search has half of the seconds; then gaps stay wide and permutations are left out, but what is on the
        shortlist is judged in full, which no budget cuts short.

    Raises
    ------
    ParameterError
        An option has a value that cannot be used.

    Examples
    --------
    >>> MinerOptions(max_gap="7d", learn_gaps=False).top_k
    100
    """

    max_length: int = 4
    max_gap: Duration | None = "14d"
    min_gap: Duration | None = None
    max_span: Duration | None = None
    gap_bins: Sequence[Duration] | None = None
    learn_gaps: bool = True
    min_support: int = 100
    top_k: int = 100
    measure: str = "leverage"
    strata: str | Sequence[str] | None = None
    direction: str = "both"
    redundancy: float | None = 0.9
    context: Sequence[str] = ()
    absence: Sequence[Duration] = ()
    threads: int = 0
    max_seconds: float | None = None
    max_memory: int | None = None

    def __post_init__(self) -> None:
        _check_count("max_length", self.max_length, most=MAX_LENGTH)
        _check_count("min_support", self.min_support)
        _check_count("top_k", self.top_k)
        check_threads(self.threads)
        _check_word("measure", self.measure, MEASURES)
        _check_word("direction", self.direction, DIRECTIONS)
        if not isinstance(self.learn_gaps, bool):
            raise ParameterError(f"learn_gaps is True or False, not {self.learn_gaps!r}")
        _freeze(self, "strata", None if self.strata is None else _names("strata", self.strata))
        _freeze(self, "context", _names("context", self.context))
        _freeze(self, "absence", _durations("absence", self.absence))
        _freeze(self, "gap_bins", None if self.gap_bins is None else _durations("gap_bins", self.gap_bins))
        if self.strata and self.measure != "leverage":
            raise ParameterError(
                f"strata go with the measure leverage, not with {self.measure}", hint="leave out one of the two"
            )
        if self.redundancy is not None and not (_is_number(self.redundancy) and 0 <= self.redundancy <= 1):
            raise ParameterError(f"redundancy lies between 0 and 1, not {self.redundancy!r}", hint="None keeps all")
        if self.max_seconds is not None and not (_is_number(self.max_seconds) and self.max_seconds > 0):
            raise ParameterError(f"max_seconds is a number above 0, not {self.max_seconds!r}", hint="None for no limit")
        if self.max_memory is not None:
            _check_count("max_memory", self.max_memory, most=2**62)
        self.limits()

    def limits(self) -> MinerLimits:
        """The durations in microseconds, checked against each other."""
        least = 1 if self.min_gap is None else parse_duration(self.min_gap, "min_gap")
        if least < 1:
            raise ParameterError("min_gap must be longer than 0s", hint="mined steps are strictly later; leave it out")
        most = _native.UNBOUNDED if self.max_gap is None else parse_duration(self.max_gap, "max_gap")
        if most <= least:
            raise ParameterError(
                f"max_gap must be longer than {'min_gap' if self.min_gap is not None else '1us'}",
                hint="gaps lie in [min_gap, max_gap)",
            )
        span = _native.UNBOUNDED if self.max_span is None else parse_duration(self.max_span, "max_span")
        if span < 1:
            raise ParameterError("max_span must be longer than 0s", hint="None for no limit")
        absences = tuple(parse_duration(within, "absence") for within in self.absence)
        if 0 in absences:
            raise ParameterError("an absence must last longer than 0s", hint="as in absence=('72h',)")
        given = GAP_EDGES if self.gap_bins is None else self.gap_bins
        edges = [parse_duration(edge, "gap_bins") for edge in given]
        for before, after in itertools.pairwise(edges):
            if after <= before:
                raise ParameterError(
                    f"gap_bins must ascend: {format_duration(after)} comes after {format_duration(before)}"
                )
        inner = tuple(edge for edge in edges if least < edge < most)
        if len(inner) >= MAX_BINS:
            raise ParameterError(f"gap_bins has {len(inner)} edges between min_gap and max_gap; 63 are possible")
        return MinerLimits(least, most, span, inner if self.learn_gaps else (), tuple(dict.fromkeys(absences)))


@dataclass(frozen=True)
class MinerLimits:
    """Durations of `MinerOptions` in microseconds; `_native.UNBOUNDED` where there is no limit."""

    min_gap: int
    max_gap: int
    max_span: int
    gap_edges: tuple[int, ...]
    absences: tuple[int, ...]


def _freeze(options: MinerOptions, name: str, value: object) -> None:
    object.__setattr__(options, name, value)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _check_count(name: str, value: object, *, most: int = MAX_COUNT) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ParameterError(f"{name} is a whole number, not {value!r}")
    if not 1 <= value <= most:
        raise ParameterError(f"{name} lies between 1 and {most}, not {value}")


def _check_word(name: str, value: object, known: tuple[str, ...]) -> None:
    if value in known:
        return
    near = did_you_mean(value, known) if isinstance(value, str) else None
    hint = f"did you mean {near!r}?" if near else "one of " + ", ".join(known)
    raise ParameterError(f"{name}: {value!r} is none of those known", hint=hint)


def _names(name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, Sequence) or not all(isinstance(item, str) and item for item in value):
        raise ParameterError(f"{name} is a name or a list of names, not {value!r}")
    return tuple(dict.fromkeys(value))


def _durations(name: str, value: object) -> tuple[Duration, ...]:
    if isinstance(value, (str, timedelta)) or not isinstance(value, Sequence):
        raise ParameterError(f"{name} is a list of durations, not {value!r}", hint=f"write {name}=('3d',)")
    return tuple(value)
