"""Ratios and differences against statsmodels, regressions and simulated truth."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.stats.contingency_tables import StratifiedTable
from statsmodels.stats.proportion import confint_proportions_2indep
from table_makers import draw, two_by_two

from seqmine.significance import (
    StratifiedTables,
    cmh,
    minimum_effect_p,
    observed_expected,
    odds_ratio,
    risk_difference,
    risk_ratio,
)


@pytest.mark.parametrize("seed", range(4))
def test_ratios_against_statsmodels(seed):
    tables = draw(seed, ratio=(1.5, 1.0, 0.6, 2.0)[seed])
    odds, risk = odds_ratio(tables), risk_ratio(tables)
    for k in range(tables.n_patterns):
        theirs = StratifiedTable(two_by_two(tables, k))
        assert odds.value[k] == pytest.approx(theirs.oddsratio_pooled, rel=1e-10)
        assert odds.se[k] == pytest.approx(theirs.logodds_pooled_se, rel=1e-10)
        ends = theirs.oddsratio_pooled_confint(0.05)
        assert (odds.low[k], odds.high[k]) == pytest.approx(ends, rel=1e-8)
        assert risk.value[k] == pytest.approx(theirs.riskratio_pooled, rel=1e-10)


def test_one_stratum_is_the_log_interval_of_two_proportions():
    tables = StratifiedTables([500], [120], [[130]], [[52]])
    for level in (0.8, 0.95, 0.999):
        found = risk_ratio(tables, level)
        ends = confint_proportions_2indep(
            52, 130, 68, 370, compare="ratio", method="log", alpha=1 - level, correction=False
        )
        assert (found.low[0], found.high[0]) == pytest.approx(ends, rel=1e-9)


def rows_of(tables, k):
    """Rows (stratum, matched, positive) whose counts are these tables."""
    found = []
    for s, ((a, b), (c, d)) in enumerate(two_by_two(tables, k)):
        for cell, z, y in ((a, 1, 1), (b, 1, 0), (c, 0, 1), (d, 0, 0)):
            found += [(s, z, y)] * int(cell)
    return np.array(found)


@pytest.mark.parametrize("seed", range(3))
def test_difference_against_a_regression_with_an_intercept_for_each_stratum(seed):
    tables = draw(seed, n_patterns=3, most=200)
    found = risk_difference(tables)
    for k in range(3):
        rows = rows_of(tables, k)
        strata = np.eye(tables.n_strata)[rows[:, 0]]
        fit = sm.OLS(rows[:, 2], np.column_stack([rows[:, 1], strata])).fit(cov_type="HC0")
        assert found.value[k] == pytest.approx(fit.params[0], rel=0, abs=1e-9)
        assert found.se[k] == pytest.approx(fit.bse[0], rel=0.05)


def test_sato_variance_in_one_stratum_is_close_to_the_binomial_one():
    """With one stratum and the difference at its estimate the formula averages both ways to weigh the cells."""
    found = risk_difference(StratifiedTables([20_000], [5_000], [[8_000]], [[2_400]]))
    p1, p0 = 2_400 / 8_000, 2_600 / 12_000
    assert found.se[0] == pytest.approx(np.sqrt(p1 * (1 - p1) / 8_000 + p0 * (1 - p0) / 12_000), rel=1e-3)


def test_observed_expected_is_its_ratio_and_rises_with_the_risk_ratio():
    tables = draw(2)
    ratio = risk_ratio(tables)
    found = observed_expected(tables, ratio)
    np.testing.assert_allclose(found.value, tables.matched_positive.sum(axis=1) / cmh(tables).expected, rtol=1e-12)
    for k in range(tables.n_patterns):
        for end, theta in ((found.low[k], ratio.low[k]), (found.high[k], ratio.high[k])):
            m, n, p = tables.matched[k], tables.n[k], tables.positive[k]
            by_hand = sum(m * p * theta / (m * theta + n - m)) / cmh(tables).expected[k]
            assert end == pytest.approx(by_hand, rel=1e-12)
    step = 1e-5
    moved = observed_expected(tables, type(ratio)(ratio.value, ratio.se, ratio.value, ratio.value * (1 + step)))
    middle = observed_expected(tables, type(ratio)(ratio.value, ratio.se, ratio.value, ratio.value))
    inner = np.log(np.fmax(moved.high, 1e-9) / np.fmax(middle.high, 1e-9)) / np.log1p(step)
    rising = moved.high > moved.value  # the ends enclose the value, so only there is the function itself seen
    np.testing.assert_allclose((found.se / ratio.se)[rising], inner[rising], rtol=1e-3)


def simulated(runs, seed, ratio=1.0, difference=0.0, low=0.05, high=0.35, size=200, share=0.3, n_strata=10):
    rng = np.random.default_rng(seed)
    base = np.linspace(low, high, n_strata)
    n = np.full((runs, n_strata), size)
    # Strata with a higher rate match more often: without strata every interval would miss.
    matched = rng.binomial(n, share * base / base.mean())
    a = rng.binomial(matched, np.minimum(1.0, base * ratio + difference))
    return StratifiedTables(n, a + rng.binomial(n - matched, base), matched, a)


@pytest.mark.parametrize("setting", [{}, {"size": 40, "n_strata": 50}, {"low": 0.01, "high": 0.04, "size": 400}])
def test_intervals_cover_the_truth(setting):
    """1,000 runs, seed 20; target 95 %, fails outside 93 to 97 (two standard errors are 1.4 points).

    Over 20,000 runs these are all between 94.7 and 95.5 %.
    """
    runs, least, most = 1000, 0.93, 0.97
    for truth in (1.5, 1.0, 0.7):
        found = risk_ratio(simulated(runs, 20, ratio=truth, **setting))
        assert least <= np.mean((found.low <= truth) & (truth <= found.high)) <= most
    for truth in (0.1, 0.0, -0.008):
        found = risk_difference(simulated(runs, 20, difference=truth, **setting))
        assert least <= np.mean((found.low <= truth) & (truth <= found.high)) <= most


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("size", [25, 100])
def test_the_certificate_holds_its_level_at_the_boundary_with_few_positives(direction, size):
    """4,000 runs, seed 4, RR exactly at the boundary; target 5 %, one standard error is 0.34 points.

    About 20 or 80 positive rows in 20 strata.
    """
    truth = 1.1**direction
    tables = simulated(4000, 4, ratio=truth, low=0.01, high=0.07, size=size, n_strata=20)
    wald, score = minimum_effect_p(tables, direction)
    p = np.maximum(wald, score)
    for alpha in (0.05, 0.01):
        error = np.sqrt(alpha * (1 - alpha) / 4000)
        assert np.mean(p <= alpha) <= alpha + 2 * error
    assert np.mean(p <= 0.05) > 0.005  # and it does reject at times
