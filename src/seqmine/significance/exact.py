"""Where counts are small their distribution is added up, not approximated."""

from __future__ import annotations

import numpy as np

from seqmine.significance.tables import Float64, StratifiedTables
from seqmine.significance.tails import SMALLEST_P

__all__ = ["EXACT_VARIANCE", "exact_where_small"]

# Convolving takes about half a millisecond for a pattern here, and grows with the variance. Beyond, three cumulants are
# good to 3 % down to 1e-10, on the side of a larger p.
EXACT_VARIANCE = 1000.0


def exact_where_small(
    p: Float64, tables: StratifiedTables, log_odds: Float64, sign: Float64, variance: Float64, design: Float64
) -> Float64:
    """Replace ``p`` by the exact tail where the variance is small and rows are independent.

    Parameters
    ----------
    p, sign, variance, design
        ``(K,)``.
    log_odds
        ``(K, S)``, log odds ratio of each table under the null; infinite where the null fixes the table at its end.
    """
    small = (variance > 0.0) & (variance <= EXACT_VARIANCE) & (design == 1.0)
    if not small.any():
        return p
    from seqmine.significance.exact_kernel import log_tails

    shape = tables.matched.shape
    n, positive = np.broadcast_to(tables.n, shape)[small], np.broadcast_to(tables.positive, shape)[small]
    matched, matched_positive = tables.matched[small], tables.matched_positive[small]
    logs = log_tails(n, positive, matched, matched_positive, np.ascontiguousarray(log_odds[small]), sign[small])
    out = p.copy()
    out[small] = np.clip(np.exp(np.maximum(logs, np.log(SMALLEST_P))), SMALLEST_P, 1.0)
    return out
