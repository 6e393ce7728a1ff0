"""CMH, its p values, and the tails of sums of hypergeometric counts."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import StratifiedTable
from table_makers import draw, law, spread, two_by_two

from seqmine.significance import (
    StratifiedTables,
    cmh,
    minimum_effect_p,
    normal_tail,
    point_null_p,
    tail_probability,
)
from seqmine.significance import exact as exact_module

# (n, positive, matched) of each stratum.
CASES = {
    "one small": [(20, 5, 8)],
    "tiny": [(12, 2, 3), (9, 1, 4), (30, 2, 5)],
    "half expected": [(200, 4, 10), (150, 3, 15)],
    "five expected": [(300, 20, 40), (200, 25, 20)],
    "most positive": [(40, 33, 12), (25, 20, 11)],
    "most match": [(40, 9, 33), (25, 6, 20), (6, 2, 5)],
    "opposite skews": [(60, 4, 6), (60, 56, 54)],
    "twelve": [(30 + s, 3 + s % 4, 5 + s % 7) for s in range(12)],
}


def tables_of(strata, count):
    n, positive, matched = map(list, zip(*strata, strict=True))
    return StratifiedTables(n, positive, [matched], [spread(strata, count)])


@pytest.mark.parametrize("name", CASES)
def test_cumulants_are_those_of_the_enumerated_law(name):
    strata = CASES[name]
    start, chances = law(strata)
    mean = sum((start + i) * chance for i, chance in enumerate(chances))
    moments = [float(sum((start + i - mean) ** power * chance for i, chance in enumerate(chances))) for power in (2, 3)]
    found = cmh(tables_of(strata, start))
    assert found.expected[0] == pytest.approx(float(mean), rel=1e-12)
    assert found.variance[0] == pytest.approx(moments[0], rel=1e-12)
    assert found.skewness_k3[0] == pytest.approx(moments[1], rel=1e-9, abs=1e-12)
    assert found.z[0] == pytest.approx((start - float(mean)) / math.sqrt(moments[0]), rel=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_z_against_statsmodels(seed):
    tables = draw(seed)
    found = cmh(tables)
    count = tables.matched_positive.sum(axis=1)
    for k in range(tables.n_patterns):
        theirs = StratifiedTable(two_by_two(tables, k))
        assert found.z[k] ** 2 == pytest.approx(theirs.test_null_odds(correction=False).statistic, rel=1e-10)
        sign = 1 if found.z[k] > 0 else -1
        corrected = tail_probability(count[k], found.expected[k], found.variance[k], 0.0, sign)
        assert 2 * corrected == pytest.approx(theirs.test_null_odds(correction=True).pvalue, rel=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_small_tails_are_exact(name):
    strata = CASES[name]
    start, chances = law(strata)
    up = list(itertools.accumulate(reversed(chances)))[::-1]
    down = list(itertools.accumulate(chances))
    for direction, tails in ((1, up), (-1, down)):
        for i, tail in enumerate(tails):
            found = point_null_p(tables_of(strata, start + i), direction)[0]
            assert found == pytest.approx(max(1e-300, float(tail)), rel=1e-9), (direction, start + i)


def test_an_exact_tail_is_that_of_fisher_and_of_scipy():
    for count in range(9):
        tables = StratifiedTables([5000], [90], [[300]], [[count * 4]])
        for direction, there in ((1, "greater"), (-1, "less")):
            a, m, p, n = count * 4, 300, 90, 5000
            theirs = stats.fisher_exact([[a, m - a], [p - a, n - m - p + a]], alternative=there).pvalue
            assert point_null_p(tables, direction)[0] == pytest.approx(theirs, rel=1e-8)


@pytest.mark.parametrize("name", CASES)
def test_three_cumulants_are_never_far_too_sure(name):
    """At most 1.13 times too small, and below 1e-3 not at all; what the docstring says of tail_probability."""
    strata = CASES[name]
    start, chances = law(strata)
    up = list(itertools.accumulate(reversed(chances)))[::-1]
    down = list(itertools.accumulate(chances))
    seen = 0
    for direction, tails in ((1, up), (-1, down)):
        for i, tail in enumerate(tails):
            if not 1e-8 <= tail <= 0.5:
                continue
            found = cmh(tables_of(strata, start + i))
            p = tail_probability(start + i, found.expected, found.variance, found.skewness_k3, direction)[0]
            assert p / float(tail) > (1.0 if tail < 1e-3 else 1 / 1.15)
            assert p / float(tail) < 400
            seen += 1
    assert seen >= 4


@pytest.mark.parametrize(("n_strata", "rate"), [(1, 0.3), (20, 0.05), (20, 0.5), (100, 0.2)])
def test_both_ways_meet_where_one_hands_over_to_the_other(n_strata, rate, monkeypatch):
    rng = np.random.default_rng(7)
    size = int(900 / (rate * (1 - rate) * 0.09) / n_strata)
    n = np.full(n_strata, size)
    positive, matched = rng.binomial(n, rate), rng.binomial(n, 0.1)
    plain = matched * positive / n
    assert 800 < cmh(StratifiedTables(n, positive, [matched], [plain.astype(int)])).variance[0] < 1000
    for z in (0.5, 2.0, 4.0, 6.2):
        more = np.round(plain + z * np.sqrt(900) / n_strata).astype(int)
        tables = StratifiedTables(n, positive, [matched], [np.minimum(more, np.minimum(matched, positive))])
        summed = point_null_p(tables, 1)[0]
        monkeypatch.setattr(exact_module, "EXACT_VARIANCE", 0.0)
        matched_moments = point_null_p(tables, 1)[0]
        monkeypatch.undo()
        assert matched_moments == pytest.approx(summed, rel=0.03)


def test_gamma_tail_against_numerical_integration():
    for skew in (2.0, 0.3, 0.011, 0.009, 1e-3, 1e-7):
        for t in (-1.0, -1e-4, 0.0, 0.3, 3.0, 6.0):
            shape = 4 / skew**2
            here = float(tail_probability(t, 0.0, 1.0, skew, 1, 0.0))
            mirrored = float(tail_probability(t, 0.0, 1.0, -skew, -1, 0.0))
            # P(T >= t) of the density of a standardised gamma law, by Simpson's rule on a fine grid.
            grid = np.linspace(max(-2 / skew, t, -14), t + 14, 400_001)
            if t < -2 / skew:
                continue
            u = np.maximum(grid * skew / 2, -1.0 + 1e-15)
            log_density = (shape - 1) * np.log1p(u) - shape * u
            weights = np.ones(grid.size)
            weights[1:-1:2], weights[2:-1:2] = 4, 2
            constant = (
                shape * math.log(shape) - shape - math.lgamma(shape)
                if shape < 1e6
                else 0.5 * math.log(shape / (2 * math.pi))
            )
            height = np.exp(log_density + constant) * skew / 2
            expected = float((height * weights).sum() * (grid[1] - grid[0]) / 3)
            tolerance = 1e-4 if skew > 1e-4 else 1e-3
            assert here == pytest.approx(expected, rel=tolerance), (skew, t)
            # P(T <= t) with the other skewness is one less P(T >= t) mirrored about 0.
            again = float(tail_probability(-t, 0.0, 1.0, -skew, -1, 0.0))
            assert again == pytest.approx(here, rel=1e-12)
            assert mirrored == pytest.approx(float(tail_probability(-t, 0.0, 1.0, skew, 1, 0.0)), rel=1e-12)


def test_score_p_is_the_tail_of_noncentral_laws():
    strata = [(60, 9, 20), (45, 6, 9), (30, 4, 12)]
    theta = 1.1
    cells = []
    for n, p, m in strata:
        x = m * p * theta / (m * theta + n - m)
        cells.append((x, m - x, p - x, n - m - p + x))
    odds = [x[0] * x[3] / (x[1] * x[2]) for x in cells]
    start, chances = law(strata, odds)
    up = list(itertools.accumulate(reversed(chances)))[::-1]
    for i, tail in enumerate(up):
        _, score = minimum_effect_p(tables_of(strata, start + i), 1)
        assert score[0] == pytest.approx(float(tail), rel=1e-9)


def test_score_p_of_no_effect_is_the_point_null(monkeypatch):
    tables = draw(3)
    for limit in (1000.0, 0.0):  # exact, then by cumulants
        monkeypatch.setattr(exact_module, "EXACT_VARIANCE", limit)
        for direction in (1, -1):
            _, score = minimum_effect_p(tables, direction, effect=0.0)
            np.testing.assert_allclose(score, point_null_p(tables, direction), rtol=1e-9)


def test_score_of_a_ratio_that_the_margins_do_not_allow_claims_nothing():
    """19 of 20 rows are positive: a risk of 1.1 times the other one would pass 1, so no count can exceed the null."""
    tables = StratifiedTables([20], [19], [[8]], [[8]])
    _, score = minimum_effect_p(tables, 1)
    assert score[0] == 1.0


def test_a_minimum_effect_is_harder_than_none():
    tables = draw(5, ratio=1.6)
    wald, score = minimum_effect_p(tables, 1)
    assert (score > point_null_p(tables, 1)).all()
    assert (wald > minimum_effect_p(tables, 1, effect=0.0)[0]).all()


def test_design_effect_two_is_every_row_twice():
    """Each row standing for two equal ones: with the factor 2 the statistics are those of the rows once."""
    once = draw(11, most=4000, ratio=1.1)
    twice = StratifiedTables(2 * once.n, 2 * once.positive, 2 * once.matched, 2 * once.matched_positive)
    np.testing.assert_allclose(cmh(twice, 2.0).z, cmh(once).z, rtol=2e-3)
    single = tail_probability(
        once.matched_positive.sum(axis=1), cmh(once).expected, cmh(once).variance, cmh(once).skewness_k3, 1
    )
    assert (single > 1e-12).all()
    np.testing.assert_allclose(point_null_p(twice, 1, 2.0), single, rtol=2e-2)


def test_normal_tail_against_scipy():
    z = np.array([-3.0, 0.0, 2.5, 8.0])
    np.testing.assert_allclose(normal_tail(z, 1), stats.norm.sf(z), rtol=1e-12)
    np.testing.assert_allclose(normal_tail(z, -1), stats.norm.cdf(z), rtol=1e-12)
    assert normal_tail(60.0, 1) == 1e-300
