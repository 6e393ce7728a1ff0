"""From what the search found on the discovery half to the few patterns that the estimation half judges.

Everything here is chosen on discovery rows; nothing here is evidence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from seqmine.events.selectors import Selector
from seqmine.mining.clock import N_INTERVALS, clock_conditions
from seqmine.mining.gaps import settle_gaps
from seqmine.mining.generalise import untuned
from seqmine.mining.two_levels import SIGNS, price
from seqmine.patterns import Pattern, Step, parse_pattern
from seqmine.significance import cmh, mean_z

if TYPE_CHECKING:
    from seqmine.mining.deadline import Deadline
    from seqmine.mining.options import MinerOptions
    from seqmine.mining.parts import Part
    from seqmine.patterns.model import Gap

__all__ = ["POOL", "Chosen", "choose", "discovery_z"]

POOL: Final = 2_000
"""Patterns that the search keeps, by stratified leverage."""
_EXAMINED_EACH: Final = 2  # of the pool, for every pattern of the shortlist
_CLOCKED: Final = 50  # of the best patterns are looked at by hour and weekday,
_CLOCKED_EVENTS: Final = 200  # and so many event types, which need not matter at all hours together

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Chosen:
    """The shortlist: patterns, their directions (+1 raises, -1 lowers) and stratified z on discovery, best first."""

    patterns: list[Pattern]
    direction: npt.NDArray[np.int64]
    z: Float64
    n_examined: int
    n_gaps_bounded: int
    n_clocked: int
    complete: bool


def discovery_z(part: Part, patterns: Sequence[Pattern]) -> Float64:
    """Stratified z of patterns that have been matched; NaN where the strata leave nothing to compare."""
    return np.asarray(mean_z(part.mean_tables(patterns)) if part.is_numeric else cmh(part.tables(patterns)).z)


def choose(
    part: Part,
    found: dict[str, Any],
    options: MinerOptions,
    *,
    full: Gap,
    learn_gaps: bool,
    wanted: int,
    clock: bool,
    deadline: Deadline,
) -> Chosen:
    """Examines the best of the pool and returns at most `wanted` patterns that say something of their own.

    Learned gaps are chosen again inside their parents, and stay bounded only where the data pay for it
    (`settle_gaps`); the pattern with all gaps wide is a candidate beside each tuned one; the best, and the event
    types seen most, get a chance of a clock condition; then, in the order of the stratified z, of patterns with nearly
    the same rows (Jaccard index above ``options.redundancy``) the simplest is kept. After the deadline, gaps that have
    not been chosen again stay wide and no clock condition is tried: the shortlist is not `complete`.
    """
    texts = _most_promising(part, found, _EXAMINED_EACH * wanted)
    pool = [parse_pattern(text) for text in texts]

    def accepts(inner: Sequence[Pattern], wide: Sequence[Pattern], n_choices: int) -> npt.NDArray[np.bool_]:
        return _gain(part, inner, wide, n_choices)

    settled, n_bounded = settle_gaps(part, pool, options, full, accepts, deadline) if learn_gaps else (pool, 0)
    candidates = list(dict.fromkeys([*settled, *(untuned(pattern, full) for pattern in settled)]))
    patterns, z = _ranked(part, candidates, options)
    kept = _distinct(part, patterns, z, options.redundancy, wanted)
    n_clocked = 0
    if clock and not deadline.passed:
        best = [patterns[i] for i in kept[:_CLOCKED]]
        timed = _clocked(part, list(dict.fromkeys([*best, *_single_events(part)])), options)
        n_clocked = len(timed)
        if timed:
            patterns, z = _ranked(part, list(dict.fromkeys([*patterns, *timed])), options)
            kept = _distinct(part, patterns, z, options.redundancy, wanted)
    chosen_z = z[kept]
    direction = np.where(chosen_z >= 0, 1, -1).astype(np.int64)
    return Chosen(
        [patterns[i] for i in kept], direction, chosen_z, len(candidates), n_bounded, n_clocked, not deadline.passed
    )


def _sign(z: float) -> int:
    return 1 if z >= 0 else -1


def _most_promising(part: Part, found: dict[str, Any], most: int) -> list[str]:
    """Texts of the best of the pool by z as far as the pooled counts tell it."""
    matched = found["n_matched"].astype(np.float64)
    open_share = np.maximum(1.0 - matched / part.n_rows, 1e-9)
    if part.is_numeric:
        z = found["score"] / np.sqrt(matched * open_share)
    else:
        expected = found["expected"]
        variance = np.maximum(expected * np.maximum(1.0 - expected / matched, 1e-9) * open_share, 1e-9)
        z = np.abs(found["n_positive"] - expected) / np.sqrt(variance)
    order = np.argsort(-z, kind="stable")[:most]
    return [found["pattern"][i] for i in order]


def _gain(part: Part, inner: Sequence[Pattern], wide: Sequence[Pattern], n_choices: int) -> npt.NDArray[np.bool_]:
    """Whether patterns are worth more than their simpler forms, one of `n_choices` having been chosen.

    Among the rows that match the simpler form, those that match the pattern too must differ by more than the price of
    one more rate and of the choice: z^2 > log n + 2 log n_choices (STATISTICS D; z^2 is the score form of twice the
    gain in log likelihood, within strata; with several rows an entity, of entities).
    """
    decided = [False] * len(inner)
    factor = part.nested_design(inner, wide, decided)
    if part.is_numeric:
        z = mean_z(part.nested_mean_tables(inner, wide, decided), factor)
    else:
        z = cmh(part.nested_tables(inner, wide, decided), factor).z
    n = np.array([max(int(part.counts(pattern).matched.sum()), 2) for pattern in wide], dtype=np.float64)
    return np.asarray(np.nan_to_num(np.asarray(z)) ** 2 > price(n, n_choices))


def _ranked(part: Part, candidates: list[Pattern], options: MinerOptions) -> tuple[list[Pattern], Float64]:
    """Candidates with support and of the wanted direction, best first: |z|, then fewer steps, then text."""
    part.match(candidates)
    z = discovery_z(part, candidates)
    rows = [int(part.counts(pattern).matched.sum()) for pattern in candidates]
    wanted = SIGNS[options.direction]
    usable = [
        i for i, n in enumerate(rows) if n >= options.min_support and math.isfinite(z[i]) and _sign(z[i]) in wanted
    ]
    text = [str(candidates[i]).encode() for i in usable]
    order = sorted(range(len(usable)), key=lambda j: (-abs(z[usable[j]]), len(candidates[usable[j]].steps), text[j]))
    chosen = [usable[j] for j in order]
    return [candidates[i] for i in chosen], z[chosen]


def _distinct(part: Part, patterns: list[Pattern], z: Float64, redundancy: float | None, wanted: int) -> list[int]:
    """Positions of the first patterns whose rows are not nearly those of one before, or of simpler ones that are.

    Of patterns with nearly the same rows the longer one may be ahead by luck; kept in place of the simpler one, it
    would then be told to add nothing to a pattern that nobody judges.
    """
    if redundancy is None:
        return list(range(min(wanted, len(patterns))))
    kept: list[int] = []
    bits: list[npt.NDArray[np.uint8]] = []
    sizes: list[int] = []
    for i, pattern in enumerate(patterns):
        size, packed = int(part.counts(pattern).matched.sum()), part.packed(pattern)
        others = enumerate(zip(bits, sizes, strict=True))
        k = next((k for k, (other, n) in others if _alike(packed, size, other, n, redundancy)), None)
        if k is None:
            if len(kept) < wanted:
                kept.append(i)
                bits.append(packed)
                sizes.append(size)
        elif _parts(pattern) < _parts(patterns[kept[k]]) and _sign(z[i]) == _sign(z[kept[k]]):
            kept[k], bits[k], sizes[k] = i, packed, size
    return sorted(kept)


def _parts(pattern: Pattern) -> tuple[int, int]:
    """How much there is to a pattern: steps and absences, then conditions."""
    return len(pattern.steps) + len(pattern.absences), sum(len(step.selector.conditions) for step in pattern.steps)


def _alike(a: npt.NDArray[np.uint8], size_a: int, b: npt.NDArray[np.uint8], size_b: int, limit: float) -> bool:
    # The index cannot be above the ratio of the sizes.
    if min(size_a, size_b) <= limit * max(size_a, size_b):
        return False
    both = int(np.bitwise_count(a & b).sum(dtype=np.int64))
    return both > limit * (size_a + size_b - both)


def _single_events(part: Part) -> list[Pattern]:
    """The event types that rows see most often: one that matters at some hours only may be flat over all of them."""
    n = part.seen_types
    most = np.argsort(-n, kind="stable")[:_CLOCKED_EVENTS]
    return [Pattern((Step(Selector((part.log.event_types[code],))),)) for code in most[n[most] > 0]]


def _clocked(part: Part, patterns: list[Pattern], options: MinerOptions) -> list[Pattern]:
    pairs = clock_conditions(part, patterns, options.min_support, SIGNS[options.direction])
    if not pairs:
        return []
    parents, timed = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    part.match(timed)
    keep = _gain(part, timed, parents, N_INTERVALS)
    return [pattern for pattern, accepted in zip(timed, keep, strict=True) if accepted]
