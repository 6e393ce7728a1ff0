"""Sums of influences over clusters, pattern by pattern."""

# numba infers the types of kernels from how they are called.
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seqmine._kernels import kernel
from seqmine.significance.tables import Float64, Int64

__all__ = ["factors"]


@kernel
def factors(
    matched: npt.NDArray[np.bool_], y: Float64, stratum: Int64, n_strata: int, cluster: Int64, n_clusters: int
) -> Float64:
    """Return ``(K, 3)``: design effects of cmh, log RR and RD. ``matched`` is bool ``(K, n_rows)``."""
    n, total = np.zeros(n_strata), np.zeros(n_strata)
    for i in range(y.size):
        n[stratum[i]] += 1.0
        total[stratum[i]] += y[i]
    out = np.ones((matched.shape[0], 3))
    sums = np.zeros((n_clusters, 3))
    for k in range(matched.shape[0]):
        m, inside = np.zeros(n_strata), np.zeros(n_strata)
        for i in range(y.size):
            if matched[k, i]:
                m[stratum[i]] += 1.0
                inside[stratum[i]] += y[i]
        above, below, surplus, weight = 0.0, 0.0, 0.0, 0.0
        for s in range(n_strata):
            if n[s] > 0.0:
                above += inside[s] * (n[s] - m[s]) / n[s]
                below += (total[s] - inside[s]) * m[s] / n[s]
                surplus += inside[s] - m[s] * total[s] / n[s]
                weight += m[s] * (n[s] - m[s]) / n[s]
        has_ratio = above > 0.0 and below > 0.0
        ratio = above / below if has_ratio else 1.0
        difference = surplus / weight if weight > 0.0 else 0.0
        sums[:] = 0.0
        alone = np.zeros(3)
        for i in range(y.size):
            s = stratum[i]
            share, mean = m[s] / n[s], total[s] / n[s]
            mixed = ratio * m[s] + n[s] - m[s]
            base = total[s] / mixed
            pull = (1.0 if matched[k, i] else 0.0) - share
            first = pull * (y[i] - mean)
            second = (1.0 - share) * (y[i] - ratio * base) if matched[k, i] else -ratio * share * (y[i] - base)
            third = pull * (y[i] - mean - difference * pull)
            c = cluster[i]
            sums[c, 0] += first
            sums[c, 1] += second
            sums[c, 2] += third
            alone[0] += first * first
            alone[1] += second * second
            alone[2] += third * third
        for j in range(3):
            together = 0.0
            for c in range(n_clusters):
                together += sums[c, j] * sums[c, j]
            if alone[j] > 0.0:
                out[k, j] = max(1.0, together / alone[j])
        if not has_ratio:
            out[k, 1] = out[k, 0]
    return out
