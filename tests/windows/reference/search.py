"""The best window by trying every one, in plain Python; and what the naive comparison would have chosen.

Written from STATISTICS C.4. A window is [lo, hi) in bins. The scan asks whether the effect inside differs from the
mean effect, not whether there is one: G = sgn (U_W - mean V_W) / sqrt(V_W (1 - f)), where mean = sum U / sum V and f
is the window's share of V. What is maximised is G less a penalty that grows as the window gets short or long.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .trials import Instance, Setting

LOWERS, RAISES, BOTH = -1, 1, 0


@dataclass(frozen=True)
class Limits:
    """In bins, and treated; `max_bins` is 60 % of all, rounded down, if not given."""

    min_bins: int = 2
    min_treated: float = 50
    max_bins: int | None = None

    def allow(self, lo: int, hi: int, n: Sequence[float]) -> bool:
        most = 6 * len(n) // 10 if self.max_bins is None else self.max_bins
        return self.min_bins <= hi - lo <= most and sum(n[lo:hi]) >= self.min_treated


@dataclass(frozen=True)
class Best:
    """The maximum; `windows` are all that reach it (bins without information make ties), the first of them first."""

    score: float
    windows: list[tuple[int, int]]


def windows(n_bins: int) -> Iterator[tuple[int, int]]:
    return ((lo, hi) for lo in range(n_bins) for hi in range(lo + 1, n_bins + 1))


def penalised(U: Sequence[float], V: Sequence[float], lo: int, hi: int, direction: int) -> float:
    """G less its penalty; minus infinity for a window with nothing inside or nothing outside."""
    total, inside = sum(V), sum(V[lo:hi])
    share = inside / total
    if not 0 < share < 1 - 1e-12:
        return -math.inf
    excess = sum(U[lo:hi]) - sum(U) / total * inside
    signed = abs(excess) if direction == BOTH else direction * excess
    return signed / math.sqrt(inside * (1 - share)) - math.sqrt(2 * math.log(math.e / (share * (1 - share))))


def best_of(scores: Mapping[tuple[int, int], float]) -> Best | None:
    best = max(scores.values(), default=-math.inf)
    if best == -math.inf:
        return None
    return Best(best, [window for window, score in scores.items() if score >= best - 1e-9 * max(1, abs(best))])


def scan(
    U: Sequence[float], V: Sequence[float], n: Sequence[float], direction: int, limits: Limits | None = None
) -> Best | None:
    """None if no window is allowed."""
    limits = Limits() if limits is None else limits
    scores = {(lo, hi): penalised(U, V, lo, hi, direction) for lo, hi in windows(len(U)) if limits.allow(lo, hi, n)}
    return best_of(scores)


def second(
    U: Sequence[float],
    V: Sequence[float],
    n: Sequence[float],
    taken: tuple[int, int],
    direction: int,
    limits: Limits | None = None,
) -> Best | None:
    """The best window beside one that is taken: its bins are emptied, so that the rest is its own mean.

    A window must not span the one that is taken. Lengths are limited as in the first search.
    """
    limits = Limits() if limits is None else limits
    lo, hi = taken
    gone = range(lo, hi)
    rest_u = [0.0 if k in gone else u for k, u in enumerate(U)]
    rest_v = [0.0 if k in gone else v for k, v in enumerate(V)]
    scores = {
        (a, b): penalised(rest_u, rest_v, a, b, direction)
        for a, b in windows(len(U))
        if (b <= lo or a >= hi) and limits.allow(a, b, n)
    }
    return best_of(scores)


def scan_p(
    U: Sequence[float],
    V: Sequence[float],
    n: Sequence[float],
    direction: int,
    normals: Sequence[Sequence[float]],
    limits: Limits | None = None,
) -> float:
    """(1 + null scans that reach the observed) / (draws + 1); each draw is one standard normal per bin."""
    observed = scan(U, V, n, direction, limits)
    assert observed is not None
    reached = 0
    for draw in normals:
        null = scan([g * math.sqrt(v) for g, v in zip(draw, V, strict=True)], V, n, direction, limits)
        assert null is not None
        reached += null.score >= observed.score
    return (1 + reached) / (len(normals) + 1)


def iou(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Shared length of two windows, of their joint length."""
    shared = max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
    return shared / (one[1] - one[0] + other[1] - other[0] - shared)


# --- what any tool would print ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Naive:
    """By bin of the first action: treated and the sum of their outcomes; and those never treated before max_delay."""

    n: list[int]
    sums: list[float]
    n_never: int
    sum_never: float

    def difference(self, lo: int, hi: int) -> float:
        """The mean outcome of those treated in [lo, hi) less that of the never treated."""
        return sum(self.sums[lo:hi]) / sum(self.n[lo:hi]) - self.sum_never / self.n_never

    def z(self, lo: int, hi: int) -> float:
        """The difference of two proportions in standard errors, pooled."""
        n = sum(self.n[lo:hi])
        pooled = (sum(self.sums[lo:hi]) + self.sum_never) / (n + self.n_never)
        return self.difference(lo, hi) / math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / self.n_never))


def naive(setting: Setting, kept: Sequence[Instance], outcomes: Sequence[float]) -> Naive:
    """Outcomes are those of `naive_values`: within the follow-up of the moment itself."""
    n, sums = [0] * setting.n_bins, [0.0] * setting.n_bins
    n_never, sum_never = 0, 0.0
    for one, y in zip(kept, outcomes, strict=True):
        k = one.bin_of(setting)
        if k is None:
            n_never, sum_never = n_never + 1, sum_never + y
        else:
            n[k], sums[k] = n[k] + 1, sums[k] + y
    return Naive(n, sums, n_never, sum_never)


def naive_scan(table: Naive, direction: int, limits: Limits | None = None) -> tuple[int, int]:
    """The window of the largest z in the wanted direction, the first of equals."""
    limits = Limits() if limits is None else limits
    allowed = [window for window in windows(len(table.n)) if limits.allow(*window, table.n)]

    def gain(window: tuple[int, int]) -> float:
        z = table.z(*window)
        return abs(z) if direction == BOTH else direction * z

    return max(allowed, key=gain)
