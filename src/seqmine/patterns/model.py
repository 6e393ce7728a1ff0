"""Patterns as values: frozen, hashable, checked when they are made, with one canonical text each."""

from __future__ import annotations

from dataclasses import dataclass

from seqmine._text import MAX_DURATION, MAX_TEXT, format_duration
from seqmine.errors import InvalidPattern
from seqmine.events.selectors import Selector

__all__ = ["MAX_PREDICATES", "Absence", "Gap", "Pattern", "Step"]

MAX_PREDICATES = 64
"""Steps, guards and absences of one pattern, all together (the matcher keeps one bit of a word for each)."""

TOO_LONG = f"a pattern has at most {MAX_PREDICATES} steps, guards and absences in all"


@dataclass(frozen=True)
class Gap:
    """Time from one matched step to the next: ``[lo, hi)`` in microseconds, ``hi=None`` without end.

    ``Gap()`` is the bare arrow, strictly later. Only ``lo=0`` lets simultaneous events match.
    """

    lo: int = 1
    hi: int | None = None

    def __post_init__(self) -> None:
        _check_duration(self.lo, "the gap's lower end", least=0)
        if self.hi is not None:
            _check_duration(self.hi, "the gap's upper end", least=0)
            if self.lo >= self.hi:
                raise InvalidPattern(
                    f"the gap [{format_duration(self.lo)},{format_duration(self.hi)}) is empty",
                    hint="the upper end is exclusive and must lie above the lower end",
                )

    def __str__(self) -> str:
        if self.lo == 1 and self.hi is None:
            return "->"
        return f"-[{format_duration(self.lo)},{'inf' if self.hi is None else format_duration(self.hi)})->"


@dataclass(frozen=True)
class Step:
    """One event of a match.

    Parameters
    ----------
    selector
        Which events fit.
    gap
        Time since the step before, or since the start in an anchored pattern; None for a first step that is not
        anchored.
    guard
        ``without``: no such event at a time strictly between the step before and this one.
    """

    selector: Selector
    gap: Gap | None = None
    guard: Selector | None = None

    def __post_init__(self) -> None:
        _check_type(self.selector, Selector, "a step's selector")
        if self.gap is not None:
            _check_type(self.gap, Gap, "a step's gap")
        if self.guard is not None:
            _check_type(self.guard, Selector, "a step's guard")

    def __str__(self) -> str:
        guard = "" if self.guard is None else f" without {self.guard}"
        return f"{'' if self.gap is None else f'{self.gap} '}{self.selector}{guard}"


@dataclass(frozen=True)
class Absence:
    """``-> no X within w``: no such event in ``(t, t + within]`` after the last step; microseconds."""

    selector: Selector
    within: int

    def __post_init__(self) -> None:
        _check_type(self.selector, Selector, "an absence's selector")
        _check_duration(self.within, "within", least=1)

    def __str__(self) -> str:
        return f"-> no {self.selector} within {format_duration(self.within)}"


@dataclass(frozen=True)
class Pattern:
    """A timed sequence of events, and of events that must be missing.

    ``str()`` is the canonical text, at most 1,048,576 characters; ``parse_pattern(str(p)) == p``.

    Parameters
    ----------
    steps
        At least one. The first has a gap when the pattern is anchored, and neither gap nor guard otherwise.
    absences
        What must not follow the last step.
    span
        Last step's time less first step's time is below this many microseconds; None without limit.
    anchored
        ``^``: the first step's gap counts from the entity's declared start, else from its first event.

    Raises
    ------
    InvalidPattern
        When the parts do not make a pattern.

    Examples
    --------
    >>> day = 86_400_000_000
    >>> Pattern((Step(Selector(("visit",))), Step(Selector(("order",)), Gap(0, 14 * day))))
    Pattern('visit -[0s,2w)-> order')
    """

    steps: tuple[Step, ...]
    absences: tuple[Absence, ...] = ()
    span: int | None = None
    anchored: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(self.steps))
        object.__setattr__(self, "absences", tuple(self.absences))
        if not self.steps:
            raise InvalidPattern("a pattern needs at least one step that happens")
        n_predicates = len(self.absences)
        for i, step in enumerate(self.steps):
            _check_type(step, Step, "a pattern's step")
            n_predicates += 1 if step.guard is None else 2
            if (i > 0 or self.anchored) and step.gap is None:
                raise InvalidPattern(f"step {i + 1} needs a gap", hint="Gap() is strictly later than the step before")
        first = self.steps[0]
        if not self.anchored and first.gap is not None:
            raise InvalidPattern("the first step follows nothing and takes no gap", hint="anchor the pattern with ^")
        if not self.anchored and first.guard is not None:
            raise InvalidPattern(
                "`without` guards the way from the step before, and the first step has none",
                hint="anchor the pattern with ^ -> to guard the way from the start",
            )
        for absence in self.absences:
            _check_type(absence, Absence, "a pattern's absence")
        if n_predicates > MAX_PREDICATES:
            raise InvalidPattern(TOO_LONG)
        if self.span is not None:
            _check_duration(self.span, "span", least=1)
        length = len(str(self))
        if length > MAX_TEXT:
            raise InvalidPattern(
                f"the pattern's text has {length:,} characters; at most {MAX_TEXT:,} are read back",
                hint="name fewer event types, or shorter ones",
            )

    def __repr__(self) -> str:
        return f"Pattern({str(self)!r})"

    def __str__(self) -> str:
        parts = ["^"] if self.anchored else []
        parts += map(str, self.steps)
        parts += map(str, self.absences)
        if self.span is not None:
            parts.append(f"span < {format_duration(self.span)}")
        return " ".join(parts)


def _check_type(value: object, wanted: type, what: str) -> None:
    if not isinstance(value, wanted):
        raise InvalidPattern(f"{what} must be of type {wanted.__name__}, not {type(value).__name__}")


def _check_duration(us: object, what: str, least: int) -> None:
    if isinstance(us, bool) or not isinstance(us, int):
        raise InvalidPattern(f"{what} is a whole number of microseconds, not {type(us).__name__}")
    if us < least:
        raise InvalidPattern(f"{what} must be {'longer than 0s' if least else '0s or more'}")
    if us > MAX_DURATION:
        raise InvalidPattern(f"{what} does not fit 64-bit microseconds", hint="leave it out, or write inf in a gap")
