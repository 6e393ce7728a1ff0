"""A small penalised regression with three links, and scores from it; sums run in the order of the rows.

Our own and not a library's: the fit is a part of every window, so it must give the same bits for any number of threads
and any linear algebra library, and it needs a dozen lines. It is held against statsmodels in the tests.
"""

# numba infers the types of kernels from how they are called.
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np

from seqmine._kernels import kernel

__all__ = ["IDENTITY", "LOG", "LOGIT", "means", "newton_sums", "scores", "solve"]

IDENTITY, LOGIT, LOG = 0, 1, 2


@kernel
def newton_sums(x, centre, spread, y, beta, link, gradient, hessian):
    """Set the slope of the log likelihood and its negative second derivatives at ``beta``; return the log likelihood.

    ``x`` is (n, f), standardised on the way by ``centre`` and ``spread``; ``beta`` is (f + 1,), the constant last. The
    likelihood is normal for the identity, Bernoulli for the logit, and Poisson for the log (a quasi-likelihood, right
    for any positive numbers whose mean is exponential: Gourieroux, Monfort & Trognon 1984, Econometrica 52).
    """
    n, f = x.shape
    z = np.empty(f + 1)
    z[f] = 1.0
    gradient[:] = 0.0
    hessian[:] = 0.0
    value = 0.0
    for i in range(n):
        eta = beta[f]
        for j in range(f):
            z[j] = (x[i, j] - centre[j]) * spread[j]
            eta += z[j] * beta[j]
        if link == LOGIT:
            mean = 1.0 / (1.0 + math.exp(-eta)) if eta >= 0 else 1.0 - 1.0 / (1.0 + math.exp(eta))
            value += y[i] * eta - (max(eta, 0.0) + math.log1p(math.exp(-abs(eta))))
            weight = max(mean * (1.0 - mean), 1e-9)
        elif link == LOG:
            mean = math.exp(eta)
            value += y[i] * eta - mean
            weight = max(mean, 1e-9)
        else:
            mean = eta
            value -= 0.5 * (y[i] - eta) ** 2
            weight = 1.0
        r = y[i] - mean
        for j in range(f + 1):
            if z[j] != 0.0:
                gradient[j] += r * z[j]
                wz = weight * z[j]
                for k in range(j + 1):
                    hessian[j, k] += wz * z[k]
    for j in range(f + 1):
        for k in range(j):
            hessian[k, j] = hessian[j, k]
    return value


@kernel
def solve(matrix, vector):
    """Return the solution of a positive definite system by Cholesky's method."""
    n = vector.size
    low = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= low[i, k] * low[j, k]
            low[i, j] = math.sqrt(max(total, 1e-12)) if i == j else total / low[j, j]
    x = np.empty(n)
    for i in range(n):
        total = vector[i]
        for k in range(i):
            total -= low[i, k] * x[k]
        x[i] = total / low[i, i]
    for i in range(n - 1, -1, -1):
        total = x[i]
        for k in range(i + 1, n):
            total -= low[k, i] * x[k]
        x[i] = total / low[i, i]
    return x


@kernel
def scores(x, row, static, slope, out):
    """Set ``out[p]`` to ``static[row[p]]`` plus the sum of ``x[p]`` times ``slope``."""
    for p in range(x.shape[0]):
        total = static[row[p]]
        for j in range(slope.size):
            total += x[p, j] * slope[j]
        out[p] = total


@kernel
def means(score, link, highest, out):
    """Set ``out`` to what scores expect; scores of a log are cut at ``highest``."""
    for p in range(score.size):
        if link == LOGIT:
            odds = math.exp(-abs(score[p]))
            out[p] = 1.0 / (1.0 + odds) if score[p] >= 0 else odds / (1.0 + odds)
        elif link == LOG:
            out[p] = math.exp(min(score[p], highest))
        else:
            out[p] = score[p]
