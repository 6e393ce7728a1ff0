"""Kernels of permutation tests for numeric outcomes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seqmine._kernels import kernel

__all__ = ["permuted_maxima"]

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]


@kernel
def _mix(x: np.uint64) -> np.uint64:
    """SplitMix64 (Steele, Lea & Flood 2014): one well-mixed word for every counter."""
    x = (x + np.uint64(0x9E3779B97F4A7C15)) & np.uint64(0xFFFFFFFFFFFFFFFF)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@kernel
def _statistics(
    matched: Int64,
    offsets: Int64,
    direction: Float64,
    outcome: Float64,
    stratum: Int64,
    mean: Float64,
    deviation: Float64,
) -> Float64:
    """Of every pattern the directed sum of outcomes less stratum means, over its standard deviation."""
    result = np.zeros(len(offsets) - 1)
    for k in range(len(result)):
        total = 0.0
        for i in range(offsets[k], offsets[k + 1]):
            row = matched[i]
            total += outcome[row] - mean[stratum[row]]
        if deviation[k] > 0:
            result[k] = direction[k] * total / deviation[k]
    return result


@kernel
def permuted_maxima(
    matched: Int64,
    offsets: Int64,
    direction: Float64,
    outcome: Float64,
    stratum: Int64,
    n_strata: int,
    rows: Int64,
    unit_offsets: Int64,
    group_offsets: Int64,
    n_permutations: int,
    seed: np.uint64,
) -> tuple[Float64, Float64]:
    """Observed statistics ``(K,)``, and the largest one under each permutation ``(J,)``.

    Pattern k matches ``matched[offsets[k]:offsets[k + 1]]``; the other arrays are those of `Exchangeable`. Permutation
    j of group g draws from counters of (seed, g, j) alone. O(J (n_rows + total matched)).
    """
    n_rows = len(outcome)
    size = np.zeros(n_strata)
    mean = np.zeros(n_strata)
    square = np.zeros(n_strata)
    for row in range(n_rows):
        size[stratum[row]] += 1.0
        mean[stratum[row]] += outcome[row]
    for s in range(n_strata):
        if size[s] > 0:
            mean[s] /= size[s]
    for row in range(n_rows):
        square[stratum[row]] += (outcome[row] - mean[stratum[row]]) ** 2
    deviation = np.zeros(len(offsets) - 1)
    inside = np.zeros(n_strata)
    for k in range(len(deviation)):
        inside[:] = 0.0
        for i in range(offsets[k], offsets[k + 1]):
            inside[stratum[matched[i]]] += 1.0
        variance = 0.0
        for s in range(n_strata):
            if size[s] > 1:
                variance += inside[s] * (size[s] - inside[s]) / (size[s] * (size[s] - 1.0)) * square[s]
        deviation[k] = np.sqrt(variance)
    observed = _statistics(matched, offsets, direction, outcome, stratum, mean, deviation)
    maxima = np.zeros(n_permutations)
    permuted = outcome.copy()
    order = np.arange(len(unit_offsets) - 1)
    for j in range(n_permutations):
        for g in range(len(group_offsets) - 1):
            begin, end = group_offsets[g], group_offsets[g + 1]
            for u in range(begin, end):
                order[u] = u
            state = _mix(seed ^ _mix(np.uint64(g) ^ _mix(np.uint64(j + 1))))
            for u in range(end - 1, begin, -1):
                state = _mix(state)
                v = begin + np.int64((state >> np.uint64(11)) % np.uint64(u - begin + 1))
                order[u], order[v] = order[v], order[u]
            for u in range(begin, end):
                source = unit_offsets[order[u]]
                for place in range(unit_offsets[u + 1] - unit_offsets[u]):
                    permuted[rows[unit_offsets[u] + place]] = outcome[rows[source + place]]
        found = _statistics(matched, offsets, direction, permuted, stratum, mean, deviation)
        for k in range(len(found)):
            maxima[j] = max(maxima[j], found[k])
    return observed, maxima
