"""Exact tails of a sum of hypergeometric counts, one for each stratum.

The laws are tilted (multiplied by ``exp(tilt * x)``) so that the observed count lies in their middle, cut where less
than 1e-20 of a weight is left, convolved, and tilted back. So a tail of 1e-200 is as exact as one of 0.1, and the work
goes with the variance, not with the number of rows.
"""

# numba infers the types of kernels from how they are called.
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np

from seqmine._kernels import kernel
from seqmine.significance.tables import Float64, Int64

__all__ = ["log_tails"]

_CUT = 1e-20
_STEEPEST = 200.0


@kernel
def _cornfield(n, positive, matched, log_odds):
    """Return the matched positive rows that have this odds ratio and these margins, a real number (Cornfield 1956)."""
    low, high = max(0.0, matched + positive - n), min(matched, positive)
    if abs(log_odds) < 1e-9:
        return matched * positive / n
    if log_odds > 0.0:  # mirrored, so that the odds ratio is at most 1 and nothing overflows
        return matched - _cornfield_below(n, n - positive, matched, math.exp(-log_odds), matched - high, matched - low)
    return _cornfield_below(n, positive, matched, math.exp(log_odds), low, high)


@kernel
def _cornfield_below(n, positive, matched, odds, low, high):
    """Return the root of x (n - m - P + x) = odds (m - x) (P - x) for an odds ratio below 1."""
    a = 1.0 - odds
    b = n - matched - positive + odds * (matched + positive)
    c = odds * matched * positive
    root = math.sqrt(max(0.0, b * b + 4.0 * a * c))
    x = 2.0 * c / (b + root) if b >= 0.0 else (root - b) / (2.0 * a)
    return min(max(x, low), high)


@kernel
def _ratio(n, positive, matched, x):
    """Return the weight of x + 1 over the weight of x under an odds ratio of 1."""
    return (matched - x) * (positive - x) / ((x + 1.0) * (n - matched - positive + x + 1.0))


@kernel
def _mode(n, positive, matched, log_odds):
    """Return a count of the largest weight."""
    low, high = max(0, matched + positive - n), min(matched, positive)
    x = int(_cornfield(float(n), float(positive), float(matched), log_odds))
    x = min(max(x, low), high)
    odds = math.exp(log_odds)
    while x < high and _ratio(n, positive, matched, x) * odds > 1.0:
        x += 1
    while x > low and _ratio(n, positive, matched, x - 1) * odds < 1.0:
        x -= 1
    return x


@kernel
def _weights(n, positive, matched, log_odds):
    """Return the first count, the weights over the largest one, and the log of the sum of the true weights."""
    low, high = max(0, matched + positive - n), min(matched, positive)
    odds = math.exp(log_odds)
    mode = _mode(n, positive, matched, log_odds)
    first, weight = mode, 1.0
    while first > low and weight > _CUT:
        first -= 1
        weight /= _ratio(n, positive, matched, first) * odds
    last, weight = mode, 1.0
    while last < high and weight > _CUT:
        weight *= _ratio(n, positive, matched, last) * odds
        last += 1
    weights = np.empty(last - first + 1)
    weights[mode - first] = 1.0
    for x in range(mode, first, -1):
        weights[x - 1 - first] = weights[x - first] / (_ratio(n, positive, matched, x - 1) * odds)
    for x in range(mode, last):
        weights[x + 1 - first] = weights[x - first] * _ratio(n, positive, matched, x) * odds
    total = weights.sum()
    log_mode = (
        mode * log_odds
        - math.lgamma(mode + 1.0)
        - math.lgamma(matched - mode + 1.0)
        - math.lgamma(positive - mode + 1.0)
        - math.lgamma(n - matched - positive + mode + 1.0)
    )
    return first, weights / total, log_mode + math.log(total)


@kernel
def _mean(n, positive, matched, log_odds, tilt):
    """Return roughly the mean of the count when all laws are tilted."""
    total = 0.0
    for s in range(n.size):
        total += _cornfield(float(n[s]), float(positive[s]), float(matched[s]), log_odds[s] + tilt)
    return total


@kernel
def _tilt(n, positive, matched, log_odds, count):
    """Return the tilt that puts the mean roughly at the count."""
    low, high = -_STEEPEST, _STEEPEST
    for _ in range(60):
        middle = 0.5 * (low + high)
        if _mean(n, positive, matched, log_odds, middle) < count:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


@kernel
def _log_tail(n, positive, matched, log_odds, count, sign):
    """Return log P(X >= count), or of <= where the sign is negative, of tables that can vary."""
    if sign > 0.0:
        tilt = max(0.0, _tilt(n, positive, matched, log_odds, float(count)))
    else:
        tilt = min(0.0, _tilt(n, positive, matched, log_odds, float(count)))
    start, law, log_sums = 0, np.ones(1), 0.0
    for s in range(n.size):
        first, weights, log_sum = _weights(n[s], positive[s], matched[s], log_odds[s] + tilt)
        log_sums += log_sum
        if tilt != 0.0:
            log_sums -= _weights(n[s], positive[s], matched[s], log_odds[s])[2]
        else:
            log_sums -= log_sum
        wider = np.zeros(law.size + weights.size - 1)
        for i in range(weights.size):
            weight = weights[i]
            for j in range(law.size):
                wider[i + j] += weight * law[j]
        begin, end = 0, wider.size
        largest = wider.max()
        while wider[begin] < _CUT * largest:
            begin += 1
        while wider[end - 1] < _CUT * largest:
            end -= 1
        law = wider[begin:end]
        start += first + begin
    tail = 0.0
    if sign > 0.0:
        for i in range(law.size - 1, max(0, count - start) - 1, -1):  # from the smallest terms
            tail += law[i] * math.exp(-tilt * (start + i - count))
    else:
        for i in range(min(law.size, count - start + 1)):
            tail += law[i] * math.exp(-tilt * (start + i - count))
    if tail <= 0.0:
        return -np.inf
    return min(0.0, log_sums - tilt * count + math.log(tail))


@kernel
def log_tails(
    n: Int64, positive: Int64, matched: Int64, matched_positive: Int64, log_odds: Float64, sign: Float64
) -> Float64:
    """Return the log of the one-sided p of each pattern.

    Counts int64 ``(K, S)``, ``log_odds`` float64 ``(K, S)``, ``sign`` float64 ``(K,)``. Tables that their margins fix
    are left out; an infinite odds ratio fixes a table at the end that it points to.
    """
    out = np.empty(n.shape[0])
    for k in range(n.shape[0]):
        varies = np.zeros(n.shape[1], np.bool_)
        count = 0
        for s in range(n.shape[1]):
            low = max(0, matched[k, s] + positive[k, s] - n[k, s])
            high = min(matched[k, s], positive[k, s])
            count += matched_positive[k, s]
            if low == high:
                count -= low
            elif np.isinf(log_odds[k, s]):
                count -= high if log_odds[k, s] > 0.0 else low
            else:
                varies[s] = True
        out[k] = _log_tail(n[k][varies], positive[k][varies], matched[k][varies], log_odds[k][varies], count, sign[k])
    return out
