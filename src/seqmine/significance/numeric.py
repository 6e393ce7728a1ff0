"""Numeric outcomes: the difference of means within strata, and its permutation law."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqmine.significance.tables import Float64, Interval, MeanTables, check_level, divide, variances
from seqmine.significance.tails import ratio_of_roots, standard_normal_quantile

__all__ = ["mean_difference", "mean_z"]


def mean_difference(tables: MeanTables, level: float = 0.95, design_effect: Any = 1.0) -> Interval:
    """Mean of matched less mean of unmatched rows, averaged over strata with weights ``w = m (n - m) / n``.

    The variance is ``sum w^2 (s1^2 / m + s0^2 / (n - m)) / (sum w)^2`` with the variances within the cells. A cell of
    one row has none and takes that of the other cell of its stratum, or of all cells together.

    Parameters
    ----------
    tables
        Sums of K patterns in S strata.
    level
        Coverage of the interval.
    design_effect
        What repeated rows of an entity multiply the variance by, for all patterns or ``(K,)``.

    Returns
    -------
    Interval
        All NaN where no stratum has both matched and unmatched rows; ``se`` and the ends are NaN where all cells
        have one row or the outcome does not vary within them. Of a yes/no outcome, the value of `risk_difference`.

    Examples
    --------
    >>> tables = MeanTables([4], [10.0], [30.0], [[2]], [[7.0]], [[25.0]])  # 3 and 4 matched, 1 and 2 did not
    >>> found = mean_difference(tables)
    >>> float(found.value[0]), round(float(found.se[0]), 4)
    (2.0, 0.7071)
    """
    check_level(level)
    matched = tables.matched.astype(np.float64)
    n = np.broadcast_to(tables.n, matched.shape).astype(np.float64)
    unmatched = n - matched
    both = (matched > 0.0) & (unmatched > 0.0)
    weight = np.where(both, divide(matched * unmatched, n), 0.0)
    inside, outside = tables.matched_total, tables.total - tables.matched_total
    difference = divide(inside, matched) - divide(outside, unmatched)
    value = divide((weight * difference).sum(axis=1), weight.sum(axis=1), np.nan)
    ss1 = np.where(both, _squares(tables.matched_total_sq, inside, matched), 0.0)
    ss0 = np.where(both, _squares(tables.total_sq - tables.matched_total_sq, outside, unmatched), 0.0)
    free1, free0 = np.where(both, matched - 1.0, 0.0), np.where(both, unmatched - 1.0, 0.0)
    pooled = divide((ss1 + ss0).sum(axis=1), (free1 + free0).sum(axis=1), np.nan)[:, None]
    v1, v0 = divide(ss1, free1, np.nan), divide(ss0, free0, np.nan)
    v1, v0 = np.where(np.isnan(v1), v0, v1), np.where(np.isnan(v0), v1, v0)
    v1, v0 = np.where(np.isnan(v1), pooled, v1), np.where(np.isnan(v0), pooled, v0)
    parts = np.where(both, weight**2 * (divide(v1, matched) + divide(v0, unmatched)), 0.0)
    variance = divide(parts.sum(axis=1), weight.sum(axis=1) ** 2, np.nan)
    se = np.sqrt(variance * variances(design_effect, matched.shape[0]))
    se[se == 0.0] = np.nan
    reach = standard_normal_quantile(level) * se
    return Interval(value, se, value - reach, value + reach)


def mean_z(tables: MeanTables, design_effect: Any = 1.0) -> Float64:
    """How far the sum of the matched rows is from what their strata let expect, in standard deviations.

    ``sum over matched rows of (y - mean of the stratum) / sqrt(V)``, ``V = sum m (n - m) / (n (n - 1)) SS`` with the
    sum of squares SS of a stratum: mean and variance when the values of a stratum are dealt anew. Of a yes/no outcome
    it is the z of `cmh`.

    Returns
    -------
    numpy.ndarray
        ``(K,)``, NaN where V is 0.

    References
    ----------
    Mantel 1963, JASA 58; sampling without replacement from a finite population.

    Examples
    --------
    >>> tables = MeanTables([4], [10.0], [30.0], [[2]], [[7.0]], [[25.0]])
    >>> mean_z(tables).round(4).tolist()
    [1.5492]
    """
    matched = tables.matched.astype(np.float64)
    n = np.broadcast_to(tables.n, matched.shape).astype(np.float64)
    surplus = (tables.matched_total - matched * divide(tables.total, n)).sum(axis=1)
    squares = _squares(tables.total_sq, tables.total, n)
    variance = (divide(matched * (n - matched), n) * divide(squares, n - 1.0)).sum(axis=1)
    return ratio_of_roots(surplus, variance * variances(design_effect, matched.shape[0]))


def _squares(total_sq: Float64, total: Float64, n: Float64) -> Float64:
    """Sum of squares about the mean; what is left of rounding alone counts as nothing."""
    squares = total_sq - divide(np.square(total), n)
    return np.where(squares > 1e-13 * np.abs(total_sq), squares, 0.0)
