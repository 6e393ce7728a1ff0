"""Learned gaps, settled on the discovery half: where inside the wide gap the outcome departs from what it is there.

The search chooses intervals by leverage over all rows. Here each gap is chosen again *inside* its parent, the pattern
with that gap wide (`two_levels`). Counts of all intervals are exact (`gap_tables`; STATISTICS D). A bounded gap is
kept only where the data pay for having chosen it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from seqmine import _native
from seqmine._text import parse_duration
from seqmine.mining.two_levels import SIGNS, best_interval, weights
from seqmine.patterns.model import Gap
from seqmine.patterns.search import compile_pattern

if TYPE_CHECKING:
    from seqmine.mining.deadline import Deadline
    from seqmine.mining.options import MinerOptions
    from seqmine.mining.parts import Part
    from seqmine.patterns import Pattern

__all__ = ["Accepts", "settle_gaps"]

SWEEPS: Final = 2
SHARPER: Final = 1.0
"""Finer edges must raise twice the log likelihood by more than this. Simulated with prices 0, 1, 3 and 6 at 50,000
entities (18 gaps each), 1 covered the planted interval best."""
MOST_BINS: Final = 128

Accepts = Callable[[Sequence["Pattern"], Sequence["Pattern"], int], npt.NDArray[np.bool_]]
"""Which patterns are worth more than their wide form, given how many intervals there were to choose from."""

_FINE: Final = tuple(
    parse_duration(text, "gap")
    for text in (
        *(f"{n}m" for n in (1, 2, 3, 5, 10, 15, 20, 30, 45)),
        *(f"{n}h" for n in range(1, 73)),
        *(f"{n}h" for n in range(78, 14 * 24 + 1, 6)),
        *(f"{n}d" for n in range(15, 91)),
        *(f"{n}w" for n in range(13, 53)),
    )
)


class _Interval(NamedTuple):
    """An interval, and by how much two levels fit better than one: a sum of squares of weights."""

    lo: int
    hi: int
    gain: float


class _Aim(NamedTuple):
    """What every choice of intervals is made by: weights of rows, least rows, and signs (`best_interval`)."""

    weight: npt.NDArray[np.int64]
    min_support: int
    signs: Sequence[int]


def settle_gaps(
    part: Part,
    patterns: Sequence[Pattern],
    options: MinerOptions,
    full: Gap,
    accepts: Accepts,
    deadline: Deadline,
) -> tuple[list[Pattern], int]:
    """Chooses every gap again inside its parent, one by one, twice: distinct patterns, and how many gaps are bounded.

    Parameters
    ----------
    part
        The discovery rows.
    patterns
        What the search found; its own intervals are where the first sweep begins.
    full
        The widest gap of the search.
    accepts
        Decides whether a bounded gap is kept; one that is not becomes wide.
    deadline
        When it has passed, what has not been chosen again becomes wide: the search's own ends are not worth judging.
    """
    limits = options.limits()
    edges = [full.lo, *limits.gap_edges, _native.UNBOUNDED if full.hi is None else full.hi]
    n_choices = len(edges) * (len(edges) - 1) // 2
    aim = _Aim(weights(part), options.min_support, SIGNS[options.direction])
    current = list(patterns)
    settled: dict[tuple[Pattern, int], Pattern] = {}
    for _ in range(SWEEPS):
        for step in range(1, max((len(pattern.steps) for pattern in current), default=1)):
            parent_of = {k: _with_gap(p, step, full) for k, p in enumerate(current) if len(p.steps) > step}
            # In the second sweep most parents are those of the first.
            parents = [p for p in dict.fromkeys(parent_of.values()) if (p, step) not in settled]
            if deadline.passed:
                settled |= {(p, step): p for p in parents}
                parents = []
            best = _best_intervals(part, parents, step, [edges] * len(parents), aim)
            bounded = [_bounded(p, step, one, full) for p, one in zip(parents, best, strict=True)]
            tuned = [k for k, p in enumerate(parents) if bounded[k] != p]
            part.match([*(parents[k] for k in tuned), *(bounded[k] for k in tuned)])
            kept = accepts([bounded[k] for k in tuned], [parents[k] for k in tuned], n_choices)
            paid = [k for k, keep in zip(tuned, kept, strict=True) if keep]
            settled |= {(p, step): p for p in parents}
            settled |= {(parents[k], step): bounded[k] for k in paid}
            if options.gap_bins is None and paid:
                sharp = _sharpened(part, [parents[k] for k in paid], step, edges, [best[k] for k in paid], aim)
                for k, one in zip(paid, sharp, strict=True):
                    settled[parents[k], step] = _bounded(parents[k], step, one, full)
            for k, parent in parent_of.items():
                current[k] = settled[parent, step]
    distinct = list(dict.fromkeys(current))
    return distinct, sum(step.gap != full for pattern in distinct for step in pattern.steps[1:])


def _with_gap(pattern: Pattern, step: int, gap: Gap) -> Pattern:
    return replace(
        pattern, steps=(*pattern.steps[:step], replace(pattern.steps[step], gap=gap), *pattern.steps[step + 1 :])
    )


def _bounded(parent: Pattern, step: int, best: _Interval | None, full: Gap) -> Pattern:
    if best is None:
        return parent
    hi = full.hi if best.hi == _native.UNBOUNDED else best.hi
    return _with_gap(parent, step, Gap(best.lo, hi))


def _best_intervals(
    part: Part,
    parents: Sequence[Pattern],
    step: int,
    edges: Sequence[Sequence[int]],
    aim: _Aim,
) -> list[_Interval | None]:
    """Of each parent the interval of its gap that departs most from the rest (`best_interval`), or None."""
    jobs = [(compile_pattern(part.log, p), step, list(e)) for p, e in zip(parents, edges, strict=True)]
    tables = _native.gap_tables(part.log.native, jobs, part.bound.rows, aim.weight, part.threads)
    return [_best(n, w, e, aim) for (n, w), e in zip(tables, edges, strict=True)]


def _best(
    n_rows: npt.NDArray[np.int64], weight: npt.NDArray[np.int64], edges: Sequence[int], aim: _Aim
) -> _Interval | None:
    n, w = n_rows.astype(np.float64), weight.astype(np.float64)
    first, last = np.triu_indices(len(n))
    end = np.asarray(edges, dtype=np.int64)
    # Ties go to the narrower in time, then to the lower.
    order = np.lexsort((first, end[last + 1] - end[first]))
    first, last = first[order], last[order]
    inside = n[first, last]
    best = best_interval(inside, w[first, last], inside >= aim.min_support, n[0, -1], w[0, -1], aim.signs)
    return None if best is None else _Interval(edges[first[best.at]], edges[last[best.at] + 1], best.gain)


def _sharpened(
    part: Part,
    parents: Sequence[Pattern],
    step: int,
    edges: Sequence[int],
    best: Sequence[_Interval | None],
    aim: _Aim,
) -> list[_Interval | None]:
    """The same with finer edges around those found, where that is worth it."""
    finer = [_finer_edges(edges, one) for one in best]
    again = _best_intervals(part, parents, step, finer, aim)
    result = list(best)
    variance = max(float(np.mean(aim.weight.astype(np.float64) ** 2)), 1.0)
    for k, (before, one) in enumerate(zip(best, again, strict=True)):
        # Edges that people speak of stay unless finer ones fit better by more than nothing does on average.
        if one is not None and before is not None and one.gain - before.gain > SHARPER * variance:
            result[k] = one
    return result


def _finer_edges(edges: Sequence[int], found: _Interval | None) -> list[int]:
    assert found is not None, "only intervals that were found are sharpened"
    near: set[int] = {edges[0], edges[-1], found.lo, found.hi}
    for end in (found.lo, found.hi):
        at = list(edges).index(end)
        below, above = edges[max(at - 1, 0)], edges[min(at + 1, len(edges) - 1)]
        near |= {edge for edge in _FINE if below <= edge <= above}
    inside = sorted(edge for edge in near if edges[0] <= edge <= edges[-1])
    step = math.ceil(len(inside) / MOST_BINS)
    return inside if step <= 1 else sorted({*inside[::step], edges[0], edges[-1], found.lo, found.hi})
