"""How large the association is: Mantel-Haenszel ratios and differences with intervals, and observed over expected."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmine.significance.tables import Float64, Interval, StratifiedTables, check_level, divide, variances
from seqmine.significance.tails import standard_normal_quantile

__all__ = ["observed_expected", "odds_ratio", "risk_difference", "risk_ratio"]


def risk_ratio(tables: StratifiedTables, level: float = 0.95, design_effect: Any = 1.0) -> Interval:
    """Mantel-Haenszel risk ratio: how many times as often a matched row is positive as an unmatched one of its stratum.

    With a matched and c unmatched positive rows, ::

        RR = R / T,  R = sum a (n - m) / n,  T = sum c m / n
        Var(log RR) = sum [m (n - m) (a + c) - a c n] / n^2 / (R T)

    Parameters
    ----------
    tables
        Counts of K patterns in S strata.
    level
        Coverage of the interval.
    design_effect
        What repeated rows of an entity multiply the variance by, for all patterns or ``(K,)``.

    Returns
    -------
    Interval
        ``se`` is of log RR. All NaN where no unmatched row of an informative stratum is positive; where no matched one
        is, value and low are 0 and the rest is NaN.

    References
    ----------
    Greenland & Robins 1985, Biometrics 41, equations 4 and 13 (variance for sparse and for large strata alike).

    Examples
    --------
    >>> tables = StratifiedTables(n=[40, 60], positive=[10, 30], matched=[[10, 20]], matched_positive=[[6, 14]])
    >>> found = risk_ratio(tables)
    >>> [round(float(part[0]), 3) for part in (found.value, found.low, found.high)]
    [2.184, 1.421, 3.356]
    """
    check_level(level)
    n, positive, matched, a = tables.floats()
    c, unmatched = positive - a, n - matched
    above = divide(a * unmatched, n).sum(axis=1)
    below = divide(c * matched, n).sum(axis=1)
    # m (n - m) (a + c) - a c n, written without a difference of large products.
    parts = divide(a, n) * divide(matched * (unmatched - c), n) + divide(c, n) * divide(unmatched * (matched - a), n)
    variance = divide(parts.sum(axis=1), above * below, np.nan) * variances(design_effect, tables.n_patterns)
    return _ratio_interval(divide(above, below, np.nan), variance, level)


def odds_ratio(tables: StratifiedTables, level: float = 0.95, design_effect: Any = 1.0) -> Interval:
    """Mantel-Haenszel odds ratio with the standard error of Robins, Breslow and Greenland.

    Parameters, values and NaN as in `risk_ratio`.

    References
    ----------
    Mantel & Haenszel 1959; Robins, Breslow & Greenland 1986, Biometrics 42.

    Examples
    --------
    >>> tables = StratifiedTables(n=[40, 60], positive=[10, 30], matched=[[10, 20]], matched_positive=[[6, 14]])
    >>> odds_ratio(tables).value.round(3).tolist()
    [4.75]
    """
    check_level(level)
    n, positive, matched, a = tables.floats()
    b, c = matched - a, positive - a
    d = n - matched - c
    right, wrong = divide(a * d, n), divide(b * c, n)
    p, q = divide(a + d, n), divide(b + c, n)
    above, below = right.sum(axis=1), wrong.sum(axis=1)
    variance = (
        divide((p * right).sum(axis=1), 2.0 * above**2, np.nan)
        + divide((p * wrong + q * right).sum(axis=1), 2.0 * above * below, np.nan)
        + divide((q * wrong).sum(axis=1), 2.0 * below**2, np.nan)
    ) * variances(design_effect, tables.n_patterns)
    return _ratio_interval(divide(above, below, np.nan), variance, level)


def risk_difference(tables: StratifiedTables, level: float = 0.95, design_effect: Any = 1.0) -> Interval:
    """Mantel-Haenszel risk difference: what matching adds to the share of positive rows of a stratum.

    With weights ``w = m (n - m) / n``, ::

        RD = sum w (a / m - c / (n - m)) / sum w
        Var = (RD sum P_s + sum Q_s) / (sum w)^2
        P_s = [m^2 c - (n - m)^2 a + m (n - m) (n - 2 m) / 2] / n^2
        Q_s = [a (n - m - c) + c (m - a)] / (2 n)

    the same value as the coefficient of a linear regression with an intercept for each stratum.

    Parameters
    ----------
    tables, level, design_effect
        As in `risk_ratio`.

    Returns
    -------
    Interval
        All NaN where no stratum has both matched and unmatched rows. ``se`` and the ends are NaN where the
        outcome of these strata does not vary: a difference of 0 whose error the data say nothing about.

    References
    ----------
    Sato 1989, Biometrics 45, 1323-1324.

    Examples
    --------
    >>> tables = StratifiedTables(n=[40, 60], positive=[10, 30], matched=[[10, 20]], matched_positive=[[6, 14]])
    >>> found = risk_difference(tables)
    >>> [round(float(part[0]), 3) for part in (found.value, found.low, found.high)]
    [0.36, 0.16, 0.56]
    """
    check_level(level)
    n, positive, matched, a = tables.floats()
    c, unmatched = positive - a, n - matched
    both = (matched > 0.0) & (unmatched > 0.0)
    weight = divide(matched * unmatched, n).sum(axis=1)
    value = divide(divide(a * unmatched - c * matched, n).sum(axis=1), weight, np.nan)
    p = divide(divide(matched**2 * c - unmatched**2 * a + 0.5 * matched * unmatched * (unmatched - matched), n), n)
    q = divide(a * (unmatched - c) + c * (matched - a), 2.0 * n)
    p, q = np.where(both, p, 0.0), np.where(both, q, 0.0)
    moving = (both & (positive > 0.0) & (positive < n)).any(axis=1)
    variance = np.maximum(np.where(moving, value, 0.0) * p.sum(axis=1) + q.sum(axis=1), 0.0)
    variance = np.where(moving, divide(variance, weight**2, np.nan), np.nan)
    se = np.sqrt(variance * variances(design_effect, tables.n_patterns))
    se[se == 0.0] = np.nan
    reach = standard_normal_quantile(level) * se
    return Interval(value, se, value - reach, value + reach)


def observed_expected(tables: StratifiedTables, ratio: Interval) -> Interval:
    """Matched positive rows over those that the strata let expect, with ends carried over from a risk ratio.

    A risk ratio of theta in every stratum would make ``OE(theta) = sum m P theta / (m theta + n - m) / E`` of it, with
    ``E = sum m P / n``: a rising function, so the ends of an interval of the ratio become those of this one.

    Parameters
    ----------
    tables
        Counts of K patterns in S strata.
    ratio
        `risk_ratio` of the same tables, with any level and design effect.

    Returns
    -------
    Interval
        ``se`` is of the logarithm (delta method); all NaN where nothing is expected. The ends enclose the value.

    Examples
    --------
    >>> tables = StratifiedTables(n=[40, 60], positive=[10, 30], matched=[[10, 20]], matched_positive=[[6, 14]])
    >>> found = observed_expected(tables, risk_ratio(tables))
    >>> [round(float(part[0]), 3) for part in (found.value, found.low, found.high)]
    [1.6, 1.254, 1.926]
    """
    n, positive, matched, a = tables.floats()
    expected = divide(matched * positive, n).sum(axis=1)
    value = divide(a.sum(axis=1), expected, np.nan)

    def at(theta: Float64) -> tuple[Float64, Float64]:
        known = np.where(np.isnan(theta), 1.0, theta)[:, None]
        mixed = matched * known + n - matched
        found = divide(matched * positive * known, mixed).sum(axis=1)
        slope = divide(divide(matched * positive * (n - matched) * known, mixed), mixed).sum(axis=1)
        return np.where(np.isnan(theta), np.nan, divide(found, expected, np.nan)), divide(slope, found, np.nan)

    low, high = np.fmin(at(ratio.low)[0], value), np.fmax(at(ratio.high)[0], value)
    low, high = np.where(np.isnan(ratio.low), np.nan, low), np.where(np.isnan(ratio.high), np.nan, high)
    return Interval(value, ratio.se * at(ratio.value)[1], low, high)


def _ratio_interval(value: Float64, variance: Float64, level: float) -> Interval:
    """Interval that is symmetric on the log scale."""
    se = np.sqrt(np.where(value > 0.0, variance, np.nan))
    se[se == 0.0] = np.nan  # every row is positive: a ratio of 1 whose error the data say nothing about
    factor = np.exp(standard_normal_quantile(level) * se)
    return Interval(value, se, np.where(value == 0.0, 0.0, value / factor), value * factor)
