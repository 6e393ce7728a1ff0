"""Corrections against statsmodels and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from seqmine.errors import ParameterError
from seqmine.significance import benjamini_hochberg, fcr_level, holm, westfall_young_p


@pytest.mark.parametrize("n", [1, 2, 17, 200])
def test_adjusted_p_against_statsmodels(n):
    rng = np.random.default_rng(n)
    p = rng.random(n) ** 4
    p[rng.random(n) < 0.2] = p[0]  # ties
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], rtol=1e-12)
    np.testing.assert_allclose(benjamini_hochberg(p), multipletests(p, method="fdr_bh")[1], rtol=1e-12)
    np.testing.assert_allclose(benjamini_hochberg(p, "by"), multipletests(p, method="fdr_by")[1], rtol=1e-12)


def test_what_was_not_tested_counts_as_no_test():
    p = np.array([0.01, np.nan, 0.04, np.nan, 0.03])
    tested = ~np.isnan(p)
    for adjust in (holm, benjamini_hochberg):
        found = adjust(p)
        assert np.isnan(found[~tested]).all()
        np.testing.assert_array_equal(found[tested], adjust(p[tested]))
    assert holm([]).shape == benjamini_hochberg([]).shape == (0,)


@pytest.mark.parametrize("bad", [[-0.1], [1.1], [[0.5]]])
def test_what_is_no_p_is_refused(bad):
    with pytest.raises(ParameterError):
        holm(bad)


def test_level_of_selected_intervals():
    assert fcr_level(5, 100) == pytest.approx(0.9975)
    assert fcr_level(100, 100) == pytest.approx(0.95)
    assert fcr_level(0, 100) == fcr_level(1, 100)
    for selected, tested in ((3, 2), (-1, 5), (0, 0)):
        with pytest.raises(ParameterError):
            fcr_level(selected, tested)


def test_westfall_young_counts_what_reaches():
    rng = np.random.default_rng(1)
    maxima = rng.normal(3, 1, 99)
    z = np.concatenate([rng.normal(0, 3, 20), maxima[:3], [np.nan]])
    by_hand = [(1 + sum(m >= abs(value) * (1 - 1e-12) for m in maxima)) / 100 for value in z[:-1]]
    np.testing.assert_array_equal(westfall_young_p(z, maxima)[:-1], by_hand)
    assert np.isnan(westfall_young_p(z, maxima)[-1])
    nearly = np.nextafter(maxima[0], 0)
    assert westfall_young_p(maxima[0], [nearly]) == 1.0  # the same counts added up in another order
    with pytest.raises(ParameterError):
        westfall_young_p(1.0, [])
