"""Design effects against sums in plain Python and against cluster-robust regressions."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
import statsmodels.api as sm

from seqmine.errors import ParameterError
from seqmine.significance import clustered_factors


def drawn(seed, n=600, n_clusters=120, n_strata=4, n_patterns=3):
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, n_clusters, n) * 7 - 100
    mood = rng.normal(0, 1.0, n_clusters)[(cluster + 100) // 7]
    stratum = rng.integers(0, n_strata, n).astype(np.int32)
    y = (rng.random(n) < 1 / (1 + np.exp(-(mood - 1 + 0.3 * stratum)))).astype(np.uint8)
    matched = (rng.random((n_patterns, n)) < 1 / (1 + np.exp(-3 * mood))).astype(np.uint8)
    return matched, y, stratum, n_strata, cluster


def by_hand(matched, y, stratum, cluster):
    rows = list(zip(matched.tolist(), y.tolist(), stratum.tolist(), cluster.tolist(), strict=True))
    n, total, m, a = (defaultdict(float) for _ in range(4))
    for z, value, s, _ in rows:
        n[s] += 1
        total[s] += value
        m[s] += z
        a[s] += z * value
    ratio = sum(a[s] * (n[s] - m[s]) / n[s] for s in n) / sum((total[s] - a[s]) * m[s] / n[s] for s in n)
    weight = sum(m[s] * (n[s] - m[s]) / n[s] for s in n)
    difference = sum((a[s] * (n[s] - m[s]) - (total[s] - a[s]) * m[s]) / n[s] for s in n) / weight
    sums, alone = [defaultdict(float) for _ in range(3)], [0.0] * 3
    for z, value, s, c in rows:
        pi, mean = m[s] / n[s], total[s] / n[s]
        q = total[s] / (ratio * m[s] + n[s] - m[s])
        pulls = (
            (z - pi) * (value - mean),
            (1 - pi) * (value - ratio * q) if z else -ratio * pi * (value - q),
            (z - pi) * (value - mean - difference * (z - pi)),
        )
        for j, pull in enumerate(pulls):
            sums[j][c] += pull
            alone[j] += pull**2
    return [max(1.0, sum(part**2 for part in sums[j].values()) / alone[j]) for j in range(3)]


@pytest.mark.parametrize("seed", range(3))
def test_against_plain_sums(seed):
    matched, y, stratum, n_strata, cluster = drawn(seed)
    found = clustered_factors(matched, y, stratum, n_strata, cluster)
    for k in range(3):
        expected = by_hand(matched[k], y, stratum, cluster)
        assert [found.cmh[k], found.risk_ratio[k], found.risk_difference[k]] == pytest.approx(expected, rel=1e-9)
    assert (found.cmh > 1.05).all()  # these clusters do matter


def test_difference_against_a_cluster_robust_regression():
    matched, y, stratum, n_strata, cluster = drawn(5)
    found = clustered_factors(matched, y, stratum, n_strata, cluster)
    codes = np.unique(cluster, return_inverse=True)[1]
    for k in range(3):
        model = sm.OLS(y.astype(float), np.column_stack([matched[k], np.eye(n_strata)[stratum]]))
        clustered = model.fit(cov_type="cluster", cov_kwds={"groups": codes, "use_correction": False})
        single = model.fit(cov_type="HC0")
        expected = max(1.0, (clustered.bse[0] / single.bse[0]) ** 2)
        assert found.risk_difference[k] == pytest.approx(expected, rel=1e-8)
    assert found.risk_difference.max() > 1.05


def test_ratio_in_one_stratum_against_a_cluster_robust_poisson_regression():
    matched, y, stratum, _, cluster = drawn(6)
    found = clustered_factors(matched, y, stratum * 0, 1, cluster)
    codes = np.unique(cluster, return_inverse=True)[1]
    for k in range(3):
        design = np.column_stack([matched[k], np.ones(y.size)]).astype(float)
        model = sm.GLM(y.astype(float), design, family=sm.families.Poisson())
        clustered = model.fit(cov_type="cluster", cov_kwds={"groups": codes, "use_correction": False})
        single = model.fit(cov_type="HC0")
        assert found.risk_ratio[k] == pytest.approx(max(1.0, (clustered.bse[0] / single.bse[0]) ** 2), rel=1e-5)
    assert found.risk_ratio.max() > 1.05


def test_rows_of_their_own_and_the_order_of_rows():
    matched, y, stratum, n_strata, cluster = drawn(7)
    own = clustered_factors(matched, y, stratum, n_strata, np.arange(y.size))
    for part in (own.cmh, own.risk_ratio, own.risk_difference):
        np.testing.assert_array_equal(part, 1.0)
    order = np.random.default_rng(0).permutation(y.size)
    first = clustered_factors(matched, y, stratum, n_strata, cluster)
    again = clustered_factors(matched[:, order], y[order], stratum[order], n_strata, cluster[order])
    np.testing.assert_allclose(again.risk_ratio, first.risk_ratio, rtol=1e-10)
    undecided = np.where(matched == 0, 2, matched).astype(np.uint8)  # 2 is not matched
    np.testing.assert_array_equal(clustered_factors(undecided, y, stratum, n_strata, cluster).cmh, first.cmh)


def test_without_influence_the_factor_is_one():
    y = np.zeros(6, np.uint8)
    matched = np.array([[1, 1, 0, 0, 1, 0], [0] * 6, [1] * 6], np.uint8)
    found = clustered_factors(matched, y, np.zeros(6, np.int32), 1, np.array([0, 0, 1, 1, 2, 2]))
    for part in (found.cmh, found.risk_ratio, found.risk_difference):
        np.testing.assert_array_equal(part, 1.0)
    y = np.array([1, 1, 0, 0, 0, 0], np.uint8)  # no unmatched row is positive: no ratio, so the factor of cmh
    found = clustered_factors(matched[:1], y, np.zeros(6, np.int32), 1, np.array([0, 0, 1, 1, 2, 2]))
    assert found.risk_ratio[0] == found.cmh[0] > 1.0


def test_a_value_instead_of_a_label():
    matched, _, stratum, n_strata, cluster = drawn(8)
    y = np.random.default_rng(1).normal(size=stratum.size) + (cluster % 5)
    found = clustered_factors(matched, y, stratum, n_strata, cluster)
    assert found.risk_difference[0] == pytest.approx(by_hand(matched[0], y, stratum, cluster)[2], rel=1e-9)


def test_bad_shapes_and_strata_are_refused():
    matched, y, stratum, n_strata, cluster = drawn(9)
    with pytest.raises(ParameterError):
        clustered_factors(matched[:, :-1], y, stratum, n_strata, cluster)
    with pytest.raises(ParameterError):
        clustered_factors(matched, y, stratum, n_strata - 1, cluster)
