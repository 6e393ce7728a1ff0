"""Is the effect larger than a smallest one that matters? With a million rows every effect differs from none."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmine.errors import ParameterError
from seqmine.significance.effects import risk_ratio
from seqmine.significance.exact import exact_where_small
from seqmine.significance.tables import Float64, StratifiedTables, divide, signs, variances
from seqmine.significance.tails import normal_tail, tail_probability

__all__ = ["minimum_effect_p"]


def minimum_effect_p(
    tables: StratifiedTables, direction: Any, effect: float = 0.10, design_effect: Any = 1.0
) -> tuple[Float64, Float64]:
    """One-sided p of two tests that the risk ratio is beyond a smallest effect; a certificate takes the larger one.

    Raises (+1): the null is RR <= 1 + effect. Lowers (-1): RR >= 1 / (1 + effect).

    - Wald: ``(log RR_MH - log theta) / SE`` against the normal law. Liberal when few rows are positive.
    - Score: the matched positive rows against their law when RR is theta in every stratum and the margins are as
      seen. Its mean is ``x11 = m P theta / (m theta + n - m)``, which gives the other cells of the table; ::

          variance = n / (n - 1) / (1/x11 + 1/x12 + 1/x21 + 1/x22)
          k3 = n^2 / ((n - 1) (n - 2)) * (1/x11^2 - 1/x12^2 - 1/x21^2 + 1/x22^2) / (1/x11 + ... + 1/x22)^3

      summed over strata. Where the variance is at most 1000 and rows are independent, exact: the convolution of the
      noncentral hypergeometric laws with the odds ratios of these cells; else by `tail_probability`. With an effect
      of 0 it is `point_null_p`.

    Parameters
    ----------
    tables
        Counts of K patterns in S strata.
    direction
        +1 or -1, for all patterns or ``(K,)``.
    effect
        Smallest effect that matters, 0.10 for a risk ratio of 1.10.
    design_effect
        What repeated rows of an entity multiply the variances by, for all patterns or ``(K,)``.

    Returns
    -------
    tuple of numpy.ndarray
        p of Wald and of score, ``(K,)`` each, between 1e-300 and 1; both 1 without information. Where RR is 0 or has no
        denominator (no positive row on one side) it has no standard error, and the first is the second.

    References
    ----------
    Robins, Breslow & Greenland 1986 and Greenland & Robins 1985 for the Wald test. Cornfield 1956 and Levin 1984
    (Biometrika 71) for the cumulants given the margins; the factors in n make them those of the hypergeometric law
    where theta is 1.

    Examples
    --------
    >>> tables = StratifiedTables(n=[400], positive=[80], matched=[[100]], matched_positive=[[40]])
    >>> wald, score = minimum_effect_p(tables, +1)
    >>> bool(wald[0] < 1e-6), bool(score[0] < 1e-6)
    (True, True)
    """
    if not 0.0 <= effect < np.inf:
        raise ParameterError(f"effect must be a share of at least 0, not {effect}", hint="0.10 asks for RR over 1.10")
    sign, design = signs(direction, tables.n_patterns), variances(design_effect, tables.n_patterns)
    log_theta = sign * np.log1p(effect)
    score = _score(tables, np.exp(log_theta), sign, design)
    ratio = risk_ratio(tables, design_effect=design)
    known = ~np.isnan(ratio.se)
    z = divide(np.log(np.where(known, ratio.value, 1.0)) - log_theta, np.where(known, ratio.se, 1.0))
    return np.where(known, normal_tail(z, sign), score), score


def _score(tables: StratifiedTables, theta: Float64, sign: Float64, design: Float64) -> Float64:
    n, positive, matched, a = tables.floats()
    unmatched = n - matched
    ratio = theta[:, None]
    low, high = np.maximum(0.0, matched + positive - n), np.minimum(matched, positive)
    # Where so many rows are positive that no pair of risks has this ratio, the null fixes the table at its end.
    x11 = np.clip(divide(matched * positive * ratio, matched * ratio + unmatched), low, high)
    x12, x21 = matched - x11, positive - x11
    x22 = unmatched - x21
    varies = (x11 > low) & (x11 < high)
    one, two, three, four = (np.where(varies, 1.0 / np.where(varies, x, 1.0), 0.0) for x in (x11, x12, x21, x22))
    precision = one + two + three + four
    scale = divide(n, n - 1.0)
    variance = scale * divide(1.0, precision)
    third = scale * divide(n, n - 2.0) * divide(one**2 - two**2 - three**2 + four**2, precision**3)
    # The odds ratio x11 x22 / (x12 x21) of these cells; infinite where the null fixes the table.
    logs = [np.log(np.where(varies, x, 1.0)) for x in (x11, x12, x21, x22)]
    log_odds = np.where(varies, logs[0] - logs[1] - logs[2] + logs[3], np.where(x11 >= high, np.inf, -np.inf))
    total = variance.sum(axis=1) * design
    count, mean = a.sum(axis=1), x11.sum(axis=1)
    p = tail_probability(count, mean, total, third.sum(axis=1) * design**2, sign, 0.5 * design)
    return exact_where_small(p, tables, log_odds, sign, total, design)
