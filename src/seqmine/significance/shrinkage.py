"""Shrinking effects towards what their fellows say: many plays at once, or the segments of one pattern."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, special

from seqmine.errors import ParameterError
from seqmine.significance.tables import Float64, divide

__all__ = ["RandomEffects", "SpikeNormal", "shrink_random_effects", "shrink_spike_normal"]

_FEWEST = 10


@dataclass(frozen=True, eq=False)
class SpikeNormal:
    """Effects after shrinkage towards 0, in the order of the input; NaN where the effect was not known.

    Attributes
    ----------
    mean, sd
        Mean and standard deviation of the effect given the data.
    probability
        P(effect > threshold | data).
    null_share
        Estimated share of effects that are exactly 0.
    scale
        Estimated standard deviation of the others.
    """

    mean: Float64
    sd: Float64
    probability: Float64
    null_share: float
    scale: float


@dataclass(frozen=True, eq=False)
class RandomEffects:
    """Effects of G segments after shrinkage towards their common mean, and how much they differ.

    Attributes
    ----------
    shrunk, sd
        Estimate of each segment and its standard error, ``(..., G)``.
    mean
        Common mean with random-effects weights, ``(...)``.
    q, p_interaction
        Cochran's Q and its p, ``(...)``; NaN with fewer than two known segments.
    tau2
        Variance between segments, ``(...)``; 0 where Q does not exceed its degrees of freedom.
    """

    shrunk: Float64
    sd: Float64
    mean: Float64
    q: Float64
    p_interaction: Float64
    tau2: Float64


def shrink_spike_normal(
    effect: Any, se: Any, threshold: float = 0.0, null_share: float = 0.5, scale: float = 0.03
) -> SpikeNormal:
    """Empirical Bayes for many effects of which some are 0: a spike at 0 and a normal law.

    ``effect ~ null_share * 0 + (1 - null_share) * N(0, scale^2)``, both found by maximum likelihood with the penalty
    ``+ 2 log(null_share)``, which favours the null. With ``k = scale^2 / (scale^2 + se^2)`` and the probability q1 that
    an effect is not 0, the mean is ``q1 k effect``.

    Parameters
    ----------
    effect, se
        Estimates and their standard errors, ``(J,)``. Effects must be on one scale that is symmetric about 0 (risk
        difference, log ratio), never the two arms of each apart. NaN is left out and stays NaN.
    threshold
        What an effect must exceed to pay, for ``probability``.
    null_share, scale
        What is taken with fewer than 10 known effects; the default scale is one of risk differences.

    References
    ----------
    Johnstone & Silverman 2004, Ann. Statist. 32; Stephens 2017, Biostatistics 18 (the penalty).

    Examples
    --------
    >>> found = shrink_spike_normal([0.10, 0.001], [0.02, 0.02])
    >>> found.mean.round(3).tolist()
    [0.069, 0.0]
    """
    effect, se = np.broadcast_arrays(np.asarray(effect, np.float64), np.asarray(se, np.float64))
    if effect.ndim != 1:
        raise ParameterError("effects must be of shape (effects,)")
    if not 0.0 < null_share < 1.0 or not scale > 0.0:
        raise ParameterError("null_share must lie between 0 and 1 and scale be positive")
    known = np.isfinite(effect) & np.isfinite(se) & (se > 0.0)
    y, s = effect[known], se[known]
    if y.size >= _FEWEST:
        null_share, scale = _fit(y, s)
    k = scale**2 / (scale**2 + s**2)
    odds = _log_normal(y, s**2 + scale**2) - _log_normal(y, s**2)
    share = special.expit(odds + np.log1p(-null_share) - np.log(null_share)) if null_share < 1.0 else np.zeros(y.size)
    centre, spread = k * y, np.sqrt(k) * s
    mean = share * centre
    variance = share * (spread**2 + (1.0 - share) * centre**2)
    above = share * special.ndtr((centre - threshold) / spread) + (1.0 - share) * float(threshold < 0.0)
    out = [np.full(effect.shape, np.nan) for _ in range(3)]
    for column, part in zip(out, (mean, np.sqrt(variance), above), strict=True):
        column[known] = part
    return SpikeNormal(out[0], out[1], out[2], float(null_share), float(scale))


def shrink_random_effects(effect: Any, se: Any) -> RandomEffects:
    """Shrink the effects of segments towards their mean by how much more they differ than chance would have it.

    With weights ``w = 1 / se^2`` and the fixed mean mu0: ``Q = sum w (y - mu0)^2``, chi-square with G - 1 degrees of
    freedom when all segments have one effect; ``tau2 = max(0, (Q - (G - 1)) / (sum w - sum w^2 / sum w))``. A segment
    keeps the share ``B = tau2 / (tau2 + se^2)`` of its distance from the mean mu, and its variance is
    ``B se^2 + (1 - B)^2 Var(mu)``.

    Parameters
    ----------
    effect, se
        Estimates and standard errors, ``(..., G)``, on a scale that is about normal (log ratio, difference). NaN or a
        standard error of 0 is not known: left out, and NaN in ``shrunk``.

    References
    ----------
    Cochran 1954, Biometrics 10; DerSimonian & Laird 1986, Control. Clin. Trials 7. Segments as random effects: Jones et
    al. 2011, Clin. Trials 8.

    Examples
    --------
    >>> found = shrink_random_effects([0.1, 0.5, 0.9], [0.1, 0.1, 0.1])
    >>> found.shrunk.round(3).tolist(), float(found.tau2.round(3)), bool(found.p_interaction < 1e-6)
    ([0.125, 0.5, 0.875], 0.15, True)
    """
    y, s = np.broadcast_arrays(np.asarray(effect, np.float64), np.asarray(se, np.float64))
    if y.ndim < 1:
        raise ParameterError("effects must be of shape (..., segments)")
    known = np.isfinite(y) & np.isfinite(s) & (s > 0.0)
    y, v = np.where(known, y, 0.0), np.where(known, s, 1.0) ** 2
    weight = np.where(known, 1.0 / v, 0.0)
    total = weight.sum(axis=-1)
    fixed = divide((weight * y).sum(axis=-1), total)
    q = (weight * (y - fixed[..., None]) ** 2).sum(axis=-1)
    free = known.sum(axis=-1) - 1.0
    several = free >= 1.0
    tau2 = np.where(several, np.maximum(0.0, divide(q - free, total - divide((weight**2).sum(axis=-1), total))), 0.0)
    weight = np.where(known, 1.0 / (v + tau2[..., None]), 0.0)
    total = weight.sum(axis=-1)
    mean = divide((weight * y).sum(axis=-1), total, np.nan)
    kept = np.where(several[..., None], tau2[..., None] / (tau2[..., None] + v), 1.0)  # one segment keeps all it has
    shrunk = mean[..., None] + kept * (y - mean[..., None])
    variance = kept * v + (1.0 - kept) ** 2 * divide(1.0, total)[..., None]
    p = np.where(several, special.chdtrc(np.maximum(free, 1.0), q), np.nan)
    return RandomEffects(
        np.where(known, shrunk, np.nan),
        np.where(known, np.sqrt(variance), np.nan),
        mean,
        np.where(several, q, np.nan),
        p,
        np.where(several, tau2, np.nan),
    )


def _log_normal(y: Float64, variance: Float64) -> Float64:
    return np.asarray(-0.5 * (np.log(variance) + y**2 / variance))


def _fit(y: Float64, s: Float64) -> tuple[float, float]:
    """Share of the spike and scale of the rest: the best of a grid of scales, then refined between its neighbours."""
    null = _log_normal(y, s**2)

    def share_and_loss(log_scale: float) -> tuple[float, float]:
        # The likelihood is concave in the share: one root of its slope, by halving.
        gain = np.exp(np.clip(_log_normal(y, s**2 + np.exp(2.0 * log_scale)) - null, -700.0, 700.0))
        low, high = 0.0, 1.0
        for _ in range(60):
            share = 0.5 * (low + high)
            slope = 2.0 / share + ((1.0 - gain) / (share + (1.0 - share) * gain)).sum()
            low, high = (share, high) if slope > 0.0 else (low, share)
        share = 0.5 * (low + high)
        return share, -float(np.log(share + (1.0 - share) * gain).sum() + 2.0 * np.log(share))

    grid = np.linspace(np.log(0.1 * s.min()), np.log(max(4.0 * np.abs(y).max(), 2.0 * s.max())), 49)
    best = int(np.argmin([share_and_loss(float(point))[1] for point in grid]))
    near = (float(grid[max(best - 1, 0)]), float(grid[min(best + 1, grid.size - 1)]))
    found = optimize.minimize_scalar(lambda x: share_and_loss(float(x))[1], bounds=near, method="bounded")
    return share_and_loss(float(found.x))[0], float(np.exp(found.x))
