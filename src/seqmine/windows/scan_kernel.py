"""The centred, penalised scan over all delay intervals, and its draws under no effect."""

# numba infers the types of kernels from how they are called.
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np

from seqmine._kernels import kernel

__all__ = ["best_interval", "interval_table", "null_maxima"]


@kernel
def interval_table(v, n, usable, min_bins, max_bins, min_n, scale, penalty):
    """Set 1 / sqrt(V_W (1 - f)) and the penalty of every interval [i, j]; 0 where it may not be chosen.

    ``usable`` is (bins,) bool: intervals lie within one run of such bins.
    """
    n_bins = v.size
    total = v.sum()
    for i in range(n_bins):
        v_w, n_w = 0.0, 0.0
        for j in range(i, n_bins):
            scale[i, j] = 0.0
            if not usable[j]:
                for k in range(j, n_bins):
                    scale[i, k] = 0.0
                break
            v_w += v[j]
            n_w += n[j]
            width = j - i + 1
            f = v_w / total if total > 0.0 else 0.0
            if width < min_bins or width > max_bins or n_w < min_n or v_w <= 0.0 or f >= 1.0 - 1e-9:
                continue
            scale[i, j] = 1.0 / math.sqrt(v_w * (1.0 - f))
            penalty[i, j] = math.sqrt(2.0 * math.log(math.e / (f * (1.0 - f))))


@kernel
def best_interval(u, v, scale, penalty, lowers, raises):
    """Return the best interval [i, j], its penalised score and its direction (-1, 1); i = -1 where there is none."""
    n_bins = u.size
    total_u, total_v = u.sum(), v.sum()
    mean = total_u / total_v if total_v > 0.0 else 0.0
    best, at_i, at_j, sign = -np.inf, -1, -1, 0
    for i in range(n_bins):
        excess = 0.0
        for j in range(i, n_bins):
            excess += u[j] - mean * v[j]
            if scale[i, j] == 0.0:
                continue
            g = excess * scale[i, j]
            if lowers and -g - penalty[i, j] > best:
                best, at_i, at_j, sign = -g - penalty[i, j], i, j, -1
            if raises and g - penalty[i, j] > best:
                best, at_i, at_j, sign = g - penalty[i, j], i, j, 1
    return at_i, at_j, best, sign


@kernel
def null_maxima(draws, v, scale, penalty, lowers, raises, out):
    """Set ``out`` to the best scores of draws (n_draws, bins)."""
    for d in range(draws.shape[0]):
        _, _, best, _ = best_interval(draws[d], v, scale, penalty, lowers, raises)
        out[d] = best
