"""Numeric outcomes against a regression, brute force over all permutations, and the yes/no case."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import statsmodels.api as sm
from table_makers import draw

from seqmine.errors import ParameterError
from seqmine.significance import MeanTables, cmh, mean_difference, mean_z, risk_difference


def tables_of(y, stratum, matched, n_strata):
    def sums(weights):
        return np.bincount(stratum, weights=weights, minlength=n_strata)

    inside = [[sums(row * part) for row in matched] for part in (np.ones(y.size), y, y * y)]
    return MeanTables(
        sums(np.ones(y.size)).astype(int),
        sums(y),
        sums(y * y),
        np.array(inside[0]).astype(int),
        np.array(inside[1]),
        np.array(inside[2]),
    )


def test_difference_against_a_regression():
    rng = np.random.default_rng(5)
    stratum = rng.integers(0, 6, 900)
    matched = (rng.random((3, 900)) < 0.2 + 0.1 * (stratum % 3)).astype(float)
    y = rng.gamma(2.0, 10.0, 900) + 5.0 * stratum + 3.0 * matched[0]
    found = mean_difference(tables_of(y, stratum, matched, 6))
    for k in range(3):
        fit = sm.OLS(y, np.column_stack([matched[k], np.eye(6)[stratum]])).fit(cov_type="HC0")
        assert found.value[k] == pytest.approx(fit.params[0], rel=1e-9)
        assert found.se[k] == pytest.approx(fit.bse[0], rel=0.03)


def test_z_against_every_permutation():
    y = np.array([1.0, 4.0, 9.0, 2.5, 7.0, 0.0, 3.0])
    stratum = np.array([0, 0, 0, 0, 1, 1, 1])
    matched = np.array([1, 1, 0, 0, 1, 0, 0])
    found = mean_z(tables_of(y, stratum, matched[None, :].astype(float), 2))[0]
    totals = [
        (np.array(left + right) * matched).sum()
        for left in itertools.permutations(y[:4])
        for right in itertools.permutations(y[4:])
    ]
    assert found == pytest.approx(((y * matched).sum() - np.mean(totals)) / np.std(totals), rel=1e-12)


def test_a_yes_no_outcome_is_the_case_of_counts():
    tables = draw(8, n_patterns=4)
    p, a = tables.positive.astype(float), tables.matched_positive.astype(float)
    for k in range(4):
        means = MeanTables(tables.n[k], p[k], p[k], tables.matched[k : k + 1], a[k : k + 1], a[k : k + 1])
        assert mean_z(means)[0] == pytest.approx(cmh(tables).z[k], rel=1e-10)
        assert mean_difference(means).value[0] == pytest.approx(risk_difference(tables).value[k], rel=1e-10)


def test_coverage_of_a_skewed_value():
    """1,000 runs, seed 6, true difference 2; target 95 %, fails outside 93 to 97 (one standard error is 0.7)."""
    rng = np.random.default_rng(6)
    stratum = np.repeat(np.arange(5), 200)
    hits = 0
    for _ in range(1000):
        matched = (rng.random(1000) < 0.3).astype(float)
        y = rng.exponential(10.0, 1000) + 4.0 * stratum + 2.0 * matched
        found = mean_difference(tables_of(y, stratum, matched[None, :], 5))
        hits += bool(found.low[0] <= 2.0 <= found.high[0])
    assert 0.93 <= hits / 1000 <= 0.97


def test_cells_of_one_row_borrow_their_variance():
    y = np.array([5.0, 1.0, 2.0, 3.0])
    one = mean_difference(tables_of(y, np.zeros(4, int), np.array([[1.0, 0, 0, 0]]), 1))
    assert one.value[0] == pytest.approx(3.0)
    assert one.se[0] == pytest.approx(np.sqrt(1.0 / 1 + 1.0 / 3))
    alone = mean_difference(tables_of(y[:2], np.zeros(2, int), np.array([[1.0, 0]]), 1))
    assert alone.value[0] == pytest.approx(4.0)
    assert np.isnan([alone.se[0], alone.low[0], alone.high[0]]).all()


def test_a_constant_outcome_has_no_z_even_after_rounding():
    y = np.full(30, 0.1)
    found = tables_of(y, np.arange(30) % 3, (np.arange(30) % 2 == 0)[None, :].astype(float), 3)
    assert np.isnan(mean_z(found)).all()
    assert np.isnan(mean_difference(found).se).all()


def test_bad_sums_are_refused():
    with pytest.raises(ParameterError):
        MeanTables([3], [1.0], [1.0], [[4]], [[1.0]], [[1.0]])
    with pytest.raises(ParameterError):
        MeanTables([3], [np.nan], [1.0], [[1]], [[1.0]], [[1.0]])
    with pytest.raises(ParameterError):
        MeanTables([3], [1.0], [1.0], [1], [1.0], [1.0])
