"""Tables to try statistics on, and the exact law of a sum of hypergeometric counts in whole numbers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from seqmine.significance import StratifiedTables


def draw(seed, n_patterns=5, n_strata=8, most=80, rate=0.3, share=0.4, ratio=1.5):
    """Tables of a common population: rows of each stratum, matched at random, positive more often when matched."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(4, most, n_strata)
    n, positive = [], []
    matched, matched_positive = [], []
    for _ in range(n_patterns):
        m = rng.binomial(rows, share)
        a = rng.binomial(m, min(1.0, ratio * rate))
        c = rng.binomial(rows - m, rate)
        n.append(rows)
        positive.append(a + c)
        matched.append(m)
        matched_positive.append(a)
    return StratifiedTables(np.array(n), np.array(positive), np.array(matched), np.array(matched_positive))


def two_by_two(tables, k):
    """Tables of pattern k as statsmodels takes them: rows matched or not, columns positive or not."""
    n, positive = (np.broadcast_to(part, tables.matched.shape)[k] for part in (tables.n, tables.positive))
    m, a = tables.matched[k], tables.matched_positive[k]
    found = []
    for s in range(n.size):
        unmatched, c = n[s] - m[s], positive[s] - a[s]
        found.append(np.array([[a[s], m[s] - a[s]], [c, unmatched - c]], dtype=float))
    return found


def spread(strata, count):
    """One way to deal ``count`` matched positive rows to the strata (n, positive, matched)."""
    dealt = [max(0, m + p - n) for n, p, m in strata]
    left = count - sum(dealt)
    for s, (_, p, m) in enumerate(strata):
        more = min(left, min(p, m) - dealt[s])
        dealt[s], left = dealt[s] + more, left - more
    return dealt


def law(strata, odds=None):
    """First count, and the probability of it and each following one, as fractions; ``odds`` an odds ratio of each."""
    start, weights, whole = 0, [Fraction(1)], Fraction(1)
    for s, (n, p, m) in enumerate(strata):
        low, high = max(0, m + p - n), min(m, p)
        ratio = Fraction(1) if odds is None else Fraction(odds[s])
        own = [math.comb(m, x) * math.comb(n - m, p - x) * ratio ** (x - low) for x in range(low, high + 1)]
        start, whole = start + low, whole * sum(own)
        wider = [Fraction(0)] * (len(weights) + len(own) - 1)
        for i, left in enumerate(weights):
            for j, right in enumerate(own):
                wider[i + j] += left * right
        weights = wider
    return start, [weight / whole for weight in weights]
