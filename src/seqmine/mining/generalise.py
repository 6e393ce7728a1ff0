"""What a pattern says less one thing: its immediate generalisations, each matched by all rows that the pattern matches.

A pattern is *productive* (Webb 2007, Machine Learning 68) when it beats every one of them; otherwise its effect is that
of the simpler pattern.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from seqmine.events.selectors import Selector
from seqmine.patterns import Pattern
from seqmine.patterns.model import Gap, Step

__all__ = ["Generalisation", "generalisations", "simultaneous", "untuned"]


class Generalisation(NamedTuple):
    """A simpler pattern, and what was left out of the one it was made from.

    ``decided``: rows for which the pattern itself is undecided cannot be compared with those it does not match.
    ``merged``: an inner step is gone, and two gaps are one.
    """

    pattern: Pattern
    without: str
    decided: bool = False
    merged: bool = False


def generalisations(pattern: Pattern, full: Gap) -> list[Generalisation]:
    """The immediate generalisations of a mined pattern, distinct, in a fixed order.

    A step less (an inner step leaves one gap, the sum of the two around it, so that every match of the pattern is one
    of the simpler pattern too), the gap of a step as wide as the search allows (`full`), the trailing absence less, a
    condition of a step less. A single step without a condition has none.
    """
    found: dict[Pattern, Generalisation] = {}
    for one in _all(pattern, full):
        if one.pattern != pattern:
            found.setdefault(one.pattern, one)
    return list(found.values())


def _all(pattern: Pattern, full: Gap) -> Iterator[Generalisation]:
    steps = pattern.steps
    if pattern.absences:
        yield Generalisation(
            _make(steps, pattern, absences=False), f"the absence of {pattern.absences[0].selector}", True
        )
    for i, step in enumerate(steps):
        if i > 0 and step.gap != full:
            yield Generalisation(
                _with(pattern, i, replace(step, gap=full)), f"the gap {step.gap} before {step.selector}"
            )
    for i, step in enumerate(steps):
        if step.selector.conditions:
            bare = replace(step, selector=Selector(step.selector.types))
            yield Generalisation(_with(pattern, i, bare), f"the condition of {step.selector}")
    if len(steps) == 1:
        return
    yield Generalisation(_make((Step(steps[1].selector), *steps[2:]), pattern), f"its first step, {steps[0].selector}")
    for i in range(1, len(steps) - 1):
        before, after = steps[i].gap, steps[i + 1].gap
        assert before is not None and after is not None, "steps after the first have gaps"
        merged = replace(steps[i + 1], gap=_sum(before, after))
        yield Generalisation(
            _make((*steps[:i], merged, *steps[i + 2 :]), pattern), f"its step {steps[i].selector}", merged=True
        )
    # An absence is counted from the last step, so it goes with it.
    yield Generalisation(_make(steps[:-1], pattern, absences=False), f"its last step, {steps[-1].selector}")


def _make(steps: tuple[Step, ...], pattern: Pattern, *, absences: bool = True) -> Pattern:
    # The span of a single step is zero: mined patterns leave the limit out there.
    span = pattern.span if len(steps) > 1 else None
    return Pattern(steps, pattern.absences if absences else (), span)


def _with(pattern: Pattern, i: int, step: Step) -> Pattern:
    return _make((*pattern.steps[:i], step, *pattern.steps[i + 1 :]), pattern)


def _sum(before: Gap, after: Gap) -> Gap:
    # Gaps below h1 and below h2 are whole microseconds, so their sum is at most h1 + h2 - 2.
    hi = None if before.hi is None or after.hi is None else before.hi + after.hi - 1
    return Gap(before.lo + after.lo, hi)


def untuned(pattern: Pattern, full: Gap) -> Pattern:
    """The pattern with every gap as wide as the search allows."""
    return replace(
        pattern, steps=tuple(step if i == 0 else replace(step, gap=full) for i, step in enumerate(pattern.steps))
    )


def simultaneous(pattern: Pattern) -> Pattern | None:
    """The pattern with events at one time taken in either order; None where its gaps leave no doubt about order."""
    steps = tuple(
        replace(step, gap=Gap(0, step.gap.hi)) if step.gap is not None and step.gap.lo == 1 else step
        for step in pattern.steps
    )
    return None if steps == pattern.steps else replace(pattern, steps=steps)
