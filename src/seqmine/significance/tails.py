"""Tails of the distribution of a count: by its three first cumulants, and of a normal deviate."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from seqmine.significance.tables import Float64, divide

__all__ = ["SMALLEST_P", "normal_tail", "ratio_of_roots", "standard_normal_quantile", "tail_probability"]

# No p value is 0: a table must not say "impossible" of what was seen.
SMALLEST_P = 1e-300

# Below this skewness the gamma function of SciPy stops converging in the tails (its shape is over 4e4); the two first
# terms of Temme's expansion are then good to about 1e-5 of the probability.
_SMALL_SKEW = 1e-2


def tail_probability(count: Any, mean: Any, variance: Any, k3: Any, direction: Any, continuity: Any = 0.5) -> Float64:
    """One-sided p of a count by a Pearson type III (shifted gamma) law with the same three first cumulants.

    P(X >= count) for ``direction`` +1, P(X <= count) for -1.

    Parameters
    ----------
    count, mean, variance, k3
        The count and the first three cumulants of its distribution under the null; anything that broadcasts.
    direction
        +1 or -1.
    continuity
        Half of the step between two values that the count can take.

    Returns
    -------
    numpy.ndarray
        Between 1e-300 and 1; 1 where the variance is 0 (nothing could have happened otherwise).

    Notes
    -----
    Against the exact convolution of hypergeometric laws, over 5,500 tails between 1e-8 and 0.5 (1 to 12 strata of 10
    to 4,000 rows, expected counts from 0.3), p is at most 1.13 times too small, and that only above 1e-3 with a
    variance below 1; below 1e-3 it is never too small. Far out it is too large where the variance is small: up to 1.6
    times above 1e-4 and 12 times at 1e-8 from a variance of 10 on, 400 times at 1e-8 below 1. From a variance of 800
    on it is within 3 % down to 1e-10. `point_null_p` and `minimum_effect_p` therefore add up small cases exactly.

    References
    ----------
    Johnson, Kotz & Balakrishnan 1994, Continuous Univariate Distributions 1, 12.4 and 17.8. Temme 1979, SIAM J. Math.
    Anal. 10, for the incomplete gamma function of a large shape.

    Examples
    --------
    >>> float(tail_probability(12, 5.0, 4.0, 3.0, +1).round(5))
    0.00243
    """
    count, mean, variance, k3, sign = np.broadcast_arrays(
        *(np.asarray(part, dtype=np.float64) for part in (count, mean, variance, k3, direction))
    )
    some = variance > 0.0
    sd = np.sqrt(np.where(some, variance, 1.0))
    t = (sign * (count - mean) - continuity) / sd
    skew = sign * k3 / sd**3
    p = np.array(special.ndtr(-t))
    small = some & (skew != 0.0) & (np.abs(skew) < _SMALL_SKEW)
    p[small] = _nearly_normal(t[small], skew[small])
    large = some & (np.abs(skew) >= _SMALL_SKEW)
    p[large] = _gamma(t[large], skew[large])
    return np.where(some, np.clip(p, SMALLEST_P, 1.0), 1.0)


def normal_tail(z: Any, direction: Any) -> Float64:
    """One-sided p of a standard normal deviate, between 1e-300 and 1; NaN where ``z`` is.

    Examples
    --------
    >>> normal_tail([1.959964, 0.0], +1).round(4).tolist()
    [0.025, 0.5]
    """
    return np.asarray(np.clip(special.ndtr(-np.asarray(direction) * np.asarray(z, np.float64)), SMALLEST_P, 1.0))


def _gamma(t: Float64, skew: Float64) -> Float64:
    """P(T >= t) of a standardised gamma law; for a negative skewness, of its mirror image."""
    shape = 4.0 / skew**2
    at = np.maximum(shape + 2.0 * t / skew, 0.0)
    return np.asarray(np.where(skew > 0.0, special.gammaincc(shape, at), special.gammainc(shape, at)))


def _nearly_normal(t: Float64, skew: Float64) -> Float64:
    """The same for a skewness near 0, where the shape is too large for the usual algorithms (Temme 1979, 3.1-3.5)."""
    shape = 4.0 / skew**2
    mu = 0.5 * t * skew  # the deviation in units of the shape: x = shape (1 + mu)
    near = np.abs(mu) < 1e-2
    far_mu = np.where(near, 1.0, np.maximum(mu, -1.0 + 1e-12))
    # eta^2 / 2 = mu - log(1 + mu), by its series where the difference would cancel.
    series = mu**2 * (0.5 - mu * (1 / 3 - mu * (0.25 - mu * (0.2 - mu * (1 / 6 - mu * (1 / 7 - mu / 8))))))
    half = np.where(near, series, far_mu - np.log1p(far_mu))
    eta = np.sign(mu) * np.sqrt(2.0 * half)
    far_eta = np.where(near, 1.0, eta)
    first = np.where(near, -1 / 3 + eta * (1 / 12 - eta * (2 / 135 - eta / 864)), 1.0 / far_mu - 1.0 / far_eta)
    density = np.exp(-shape * half) / np.sqrt(2.0 * np.pi * shape)
    # For a negative skewness the lower tail is asked: the leading term flips with the sign of eta, the other one too.
    side = np.sign(skew)
    return np.asarray(special.ndtr(-side * eta * np.sqrt(shape)) + side * density * first)


def standard_normal_quantile(level: Any) -> Float64:
    """Half the width of the two-sided interval of a standard normal deviate."""
    return np.asarray(special.ndtri(0.5 + 0.5 * np.asarray(level, np.float64)))


def ratio_of_roots(above: Float64, variance: Float64) -> Float64:
    """``above / sqrt(variance)``, NaN where the variance is 0."""
    return divide(above, np.sqrt(np.maximum(variance, 0.0)), np.nan)
