"""Least squares with coefficients that cannot be negative, and the quantiles of Student's t.

Costs add up and none is below zero, so a fit that says otherwise is noise. The problems here have at most a handful of
terms: every set of terms is tried, which is exact and needs no solver.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt

__all__ = ["MAX_TERMS", "non_negative", "t_quantile"]

MAX_TERMS = 8

Array = npt.NDArray[np.float64]


def non_negative(matrix: Array, target: Array) -> Array:
    """Minimise ``|matrix x - target|`` over ``x >= 0``.

    Parameters
    ----------
    matrix
        ``(n_rows, n_terms)``, at most `MAX_TERMS` terms.
    target
        ``(n_rows,)``.

    Returns
    -------
    numpy.ndarray
        ``(n_terms,)``. The optimum of the whole problem is the optimum without bounds over the terms that are positive
        in it, so the best of all sets of terms whose own optimum is positive is exact. Equal fits go to fewer terms.

    Examples
    --------
    >>> matrix = np.array([[1.0, 1.0], [1.0, 2.0], [1.0, 3.0]])
    >>> non_negative(matrix, np.array([2.0, 4.0, 6.0])).round(6).tolist()
    [0.0, 2.0]
    """
    n_terms = matrix.shape[1]
    if n_terms > MAX_TERMS:
        raise ValueError(f"at most {MAX_TERMS} terms, not {n_terms}")
    scale = np.linalg.norm(matrix, axis=0)
    scale[scale == 0.0] = 1.0
    scaled = matrix / scale
    best, best_error = np.zeros(n_terms), float(target @ target)
    for size in range(1, n_terms + 1):
        for terms in itertools.combinations(range(n_terms), size):
            chosen = scaled[:, terms]
            found = np.linalg.lstsq(chosen, target, rcond=None)[0]
            if (found < 0.0).any():
                continue
            residual = chosen @ found - target
            error = float(residual @ residual)
            if error < best_error * (1.0 - 1e-9):
                best, best_error = np.zeros(n_terms), error
                best[list(terms)] = found
    return np.asarray(best / scale)


def t_quantile(probability: float, degrees: int) -> float:
    """Quantile of Student's t for a whole number of degrees of freedom, ``0.5 <= probability < 1``.

    By bisection on the closed form of the distribution function (Abramowitz & Stegun 1972, 26.7.3 and 26.7.4).

    Examples
    --------
    >>> round(t_quantile(0.95, 5), 4)
    2.015
    """
    low, high = 0.0, 1e9
    for _ in range(200):
        middle = 0.5 * (low + high)
        if _t_below(middle, degrees) < probability:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def _t_below(t: float, degrees: int) -> float:
    angle = math.atan(t / math.sqrt(degrees))
    cosine, sine = math.cos(angle), math.sin(angle)
    if degrees == 1:
        return 0.5 + angle / math.pi
    odd = degrees % 2
    term = total = cosine if odd else 1.0
    for k in range(1, (degrees - 1) // 2 if odd else degrees // 2):
        term *= cosine * cosine * (2 * k / (2 * k + 1) if odd else (2 * k - 1) / (2 * k))
        total += term
    within = 2.0 / math.pi * (angle + sine * total) if odd else sine * total
    return 0.5 + 0.5 * within
