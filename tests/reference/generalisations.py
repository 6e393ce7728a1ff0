"""The immediate generalisations of a mined pattern: what it must add something to.

A pattern that only repeats what its own parts already say is not productive (STATISTICS A.4). Its parts are the
patterns that come from it by taking away one thing: the first step, the last one (and the absence that hangs on it),
an inner one, the bounds of one gap, the absence, the conditions of one step. Whoever matches the pattern matches each
of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .language import Link, Pattern, Step


@dataclass(frozen=True)
class Generalisation:
    """`without_undecided`: rows for which the pattern itself is undecided are no part of the comparison."""

    pattern: Pattern
    without_undecided: bool = False


def merged(first: Link, second: Link) -> Link:
    """All sums of one whole number of microseconds in each of two gaps, and no other number."""
    hi = None if first.hi is None or second.hi is None else first.hi + second.hi - 1
    return Link(first.lo + second.lo, hi)


def built(steps: list[Step], links: list[Link | None], like: Pattern, *, absent: bool) -> Pattern:
    """A span says nothing about one step, so it is not written there."""
    span = like.span if len(steps) > 1 else None
    return Pattern(tuple(steps), tuple(links), like.absences if absent else (), span)


def immediate_generalisations(pattern: Pattern, min_gap: int, max_gap: int | None) -> list[Generalisation]:
    """All of them, each once, without the pattern itself; a single bare step has none."""
    assert not pattern.anchored, "mined patterns have no anchor"
    assert len(pattern.absences) <= 1, "mined patterns have one absence at most"
    assert all(link is None or link.guard is None for link in pattern.links), "mined patterns have no guards"
    steps, links = list(pattern.steps), list(pattern.links)
    found: list[Generalisation] = []
    if len(steps) > 1:
        found.append(Generalisation(built(steps[1:], [None, *links[2:]], pattern, absent=True)))
        found.append(Generalisation(built(steps[:-1], links[:-1], pattern, absent=False)))
    for i in range(1, len(steps) - 1):
        joined = [*links[:i], merged(links[i], links[i + 1]), *links[i + 2 :]]
        found.append(Generalisation(built([*steps[:i], *steps[i + 1 :]], joined, pattern, absent=True)))
    for i in range(1, len(steps)):
        full = [*links[:i], Link(min_gap, max_gap), *links[i + 1 :]]
        found.append(Generalisation(built(steps, full, pattern, absent=True)))
    if pattern.absences:
        found.append(Generalisation(built(steps, links, pattern, absent=False), without_undecided=True))
    for i, step in enumerate(steps):
        bare = [*steps[:i], replace(step, conditions=()), *steps[i + 1 :]]
        found.append(Generalisation(built(bare, links, pattern, absent=True)))
    kept: list[Generalisation] = []
    for one in found:
        if one.pattern != pattern and one.pattern not in [other.pattern for other in kept]:
            kept.append(one)
    return kept
