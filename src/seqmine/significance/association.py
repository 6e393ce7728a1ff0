"""Cochran-Mantel-Haenszel: does a pattern go with the outcome among rows of the same stratum?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from seqmine.significance.exact import exact_where_small
from seqmine.significance.tables import Float64, StratifiedTables, divide, signs, variances
from seqmine.significance.tails import ratio_of_roots, tail_probability

__all__ = ["CMH", "cmh", "point_null_p"]


@dataclass(frozen=True, eq=False)
class CMH:
    """Cumulants of the number of matched positive rows when matching and outcome are independent in each stratum.

    Attributes
    ----------
    expected, variance, skewness_k3
        First three cumulants, ``(K,)``; the third is the third central moment, not divided by anything.
    z
        ``(observed - expected) / sqrt(variance)``, ``(K,)``; NaN where the variance is 0.
    """

    expected: Float64
    variance: Float64
    skewness_k3: Float64
    z: Float64


def cmh(tables: StratifiedTables, design_effect: Any = 1.0) -> CMH:
    """Compare the matched positive rows with what their strata let expect.

    Given its margins a table is hypergeometric: m of n rows match, P are positive. Over the strata ::

        E  = sum m P / n
        V  = sum m (n - m) P (n - P) / (n^2 (n - 1))
        k3 = sum m (n - m) P (n - P) (n - 2 m) (n - 2 P) / (n^3 (n - 1) (n - 2))

    Parameters
    ----------
    tables
        Counts of K patterns in S strata.
    design_effect
        What repeated rows of an entity multiply the variance by, for all patterns or ``(K,)``
        (`clustered_factors`). With factor d, k3 is multiplied by d^2: as if d equal rows stood for each.

    Returns
    -------
    CMH
        Strata without unmatched or without matched rows add to ``expected`` what they add to the count.

    References
    ----------
    Mantel & Haenszel 1959, J. Natl. Cancer Inst. 22; Mantel 1963, JASA 58. Third moment: Johnson, Kemp & Kotz 2005,
    Univariate Discrete Distributions, 6.3.

    Examples
    --------
    >>> tables = StratifiedTables(n=[40, 60], positive=[10, 30], matched=[[10, 20]], matched_positive=[[6, 14]])
    >>> found = cmh(tables)
    >>> round(float(found.expected[0]), 3), round(float(found.z[0]), 3)
    (12.5, 3.412)
    """
    n, positive, matched, count = tables.floats()
    design = variances(design_effect, tables.n_patterns)
    negative, unmatched = n - positive, n - matched
    share = divide(matched * positive, n)
    spread = divide(share * divide(unmatched, n) * negative, n - 1.0)
    third = divide(spread * divide(n - 2.0 * matched, n) * (n - 2.0 * positive), n - 2.0)
    variance = spread.sum(axis=1) * design
    # The difference stratum by stratum: sums of large counts would lose the digits that it is made of.
    surplus = (count - share).sum(axis=1)
    return CMH(share.sum(axis=1), variance, third.sum(axis=1) * design**2, ratio_of_roots(surplus, variance))


def point_null_p(tables: StratifiedTables, direction: Any, design_effect: Any = 1.0) -> Float64:
    """One-sided p that matching and outcome are independent within the strata.

    Exact (the convolution of the hypergeometric laws of the strata) where the variance is at most 1000 and rows are
    independent, by `tail_probability` beyond.

    Parameters
    ----------
    tables
        Counts of K patterns in S strata.
    direction
        +1: more positive rows than expected; -1: fewer. For all patterns or ``(K,)``.
    design_effect
        See `cmh`. The step of the count grows with it: d equal rows come or go together.

    Returns
    -------
    numpy.ndarray
        ``(K,)``, between 1e-300 and 1; 1 where no stratum has information.

    Examples
    --------
    >>> tables = StratifiedTables(n=[8], positive=[4], matched=[[4]], matched_positive=[[4]])
    >>> float(point_null_p(tables, +1)[0].round(6)) == round(1 / 70, 6)
    True
    """
    sign, design = signs(direction, tables.n_patterns), variances(design_effect, tables.n_patterns)
    found = cmh(tables, design)
    count = tables.matched_positive.sum(axis=1)
    p = tail_probability(count, found.expected, found.variance, found.skewness_k3, sign, 0.5 * design)
    return exact_where_small(p, tables, np.zeros(tables.matched.shape), sign, found.variance, design)
