"""Shrinkage by hand, by integration and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats
from statsmodels.stats.meta_analysis import combine_effects

from seqmine.errors import ParameterError
from seqmine.significance import shrink_random_effects, shrink_spike_normal


def test_posterior_against_numerical_integration():
    effect, se, share, scale, threshold = [0.05, -0.02, 0.001], [0.02, 0.03, 0.01], 0.5, 0.03, 0.01
    found = shrink_spike_normal(effect, se, threshold)
    for j in range(3):
        tau = np.linspace(-0.5, 0.5, 200_001)
        step = tau[1] - tau[0]
        slab = (1 - share) * stats.norm.pdf(tau, 0, scale) * stats.norm.pdf(effect[j], tau, se[j])
        spike = share * stats.norm.pdf(effect[j], 0, se[j])
        whole = slab.sum() * step + spike
        mean = (slab * tau).sum() * step / whole
        assert found.mean[j] == pytest.approx(mean, rel=1e-6)
        assert found.sd[j] ** 2 == pytest.approx((slab * tau**2).sum() * step / whole - mean**2, rel=1e-6)
        assert found.probability[j] == pytest.approx(slab[tau > threshold].sum() * step / whole, rel=1e-3)
    # A loss that even no effect is better than: the spike lies above the threshold.
    assert shrink_spike_normal([0.0], [0.01], -0.02).probability[0] > 0.95


def test_the_fit_is_the_penalised_maximum():
    rng = np.random.default_rng(3)
    se = rng.uniform(0.01, 0.03, 400)
    effect = np.where(rng.random(400) < 0.6, 0.0, rng.normal(0, 0.06, 400)) + rng.normal(0, se)
    found = shrink_spike_normal(effect, se)

    def loss(parts):
        share, scale = 1 / (1 + math.exp(-parts[0])), math.exp(parts[1])
        mixed = share * stats.norm.pdf(effect, 0, se) + (1 - share) * stats.norm.pdf(effect, 0, np.hypot(se, scale))
        return -np.log(mixed).sum() - 2 * math.log(share)

    best = optimize.minimize(loss, [0.0, -3.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10})
    assert found.null_share == pytest.approx(1 / (1 + math.exp(-best.x[0])), abs=1e-4)
    assert found.scale == pytest.approx(math.exp(best.x[1]), rel=1e-4)


def test_shrunken_probabilities_are_honest():
    """2,000 effects, seed 5, 60 % of them nothing: of those called at least 90 % sure, 90 % are above 0.

    About 150 are called, one standard error is 2.4 points; fails beyond two.
    """
    rng = np.random.default_rng(5)
    truth = np.where(rng.random(2000) < 0.6, 0.0, rng.normal(0.0, 0.06, 2000))
    estimate = truth + rng.normal(0, 0.02, 2000)
    sure = shrink_spike_normal(estimate, np.full(2000, 0.02)).probability >= 0.9
    assert sure.sum() > 100
    assert np.mean(truth[sure] > 0) >= 0.9 - 2 * math.sqrt(0.09 / sure.sum())
    flat = stats.norm.cdf(estimate / 0.02) >= 0.9  # no shrinkage, as a dashboard does it
    assert np.mean(truth[flat] > 0) < 0.8


def test_all_null_effects_are_shrunk_to_nothing():
    rng = np.random.default_rng(9)
    effect = rng.normal(0, 0.02, 300)
    found = shrink_spike_normal(effect, np.full(300, 0.02))
    assert np.abs(found.mean).max() < 0.3 * np.abs(effect).max()
    assert (found.probability >= 0.9).sum() == 0


def test_unknown_effects_stay_unknown():
    found = shrink_spike_normal([0.1, np.nan, 0.2, 0.3], [0.02, 0.02, 0.0, np.nan])
    assert np.isnan(found.mean).tolist() == [False, True, True, True]
    with pytest.raises(ParameterError):
        shrink_spike_normal([[0.1]], [[0.1]])
    with pytest.raises(ParameterError):
        shrink_spike_normal([0.1], [0.1], scale=0.0)


def test_random_effects_by_hand_and_against_statsmodels():
    effect, se = np.array([0.1, 0.35, -0.05, 0.6]), np.array([0.1, 0.15, 0.08, 0.2])
    found = shrink_random_effects(effect, se)
    theirs = combine_effects(effect, se**2, method_re="chi2")
    w = 1 / se**2
    q = sum(w * (effect - sum(w * effect) / sum(w)) ** 2)
    tau2 = (q - 3) / (sum(w) - sum(w**2) / sum(w))
    assert float(found.q) == pytest.approx(theirs.q) == pytest.approx(q)
    assert float(found.tau2) == pytest.approx(theirs.tau2) == pytest.approx(tau2)
    assert float(found.mean) == pytest.approx(theirs.mean_effect_re)
    assert float(found.p_interaction) == pytest.approx(stats.chi2.sf(q, 3))
    u = 1 / (se**2 + tau2)
    mu = sum(u * effect) / sum(u)
    for j in range(4):
        kept = tau2 / (tau2 + se[j] ** 2)
        assert found.shrunk[j] == pytest.approx(kept * effect[j] + (1 - kept) * mu)
        assert found.sd[j] ** 2 == pytest.approx(kept * se[j] ** 2 + (1 - kept) ** 2 / sum(u))


def test_equal_segments_become_their_mean_and_rows_do_not_mix():
    effect = np.array([[0.2, 0.21, 0.19], [0.1, 0.5, 0.9], [0.3, np.nan, np.nan], [np.nan] * 3])
    found = shrink_random_effects(effect, np.full((4, 3), 0.1))
    np.testing.assert_allclose(found.shrunk[0], 0.2)
    np.testing.assert_allclose(found.shrunk[1], shrink_random_effects(effect[1], [0.1] * 3).shrunk)
    assert found.shrunk[2, 0] == pytest.approx(0.3)
    assert found.sd[2, 0] == pytest.approx(0.1)
    assert np.isnan(found.p_interaction).tolist() == [False, False, True, True]
    assert np.isnan(found.shrunk[3]).all()


def test_interaction_p_holds_its_level():
    """4,000 patterns of 5 equal segments, seed 2: target 5 %, one standard error is 0.34 points."""
    rng = np.random.default_rng(2)
    se = rng.uniform(0.05, 0.2, (4000, 5))
    found = shrink_random_effects(0.3 + rng.normal(0, se), se)
    assert abs(np.mean(found.p_interaction <= 0.05) - 0.05) <= 2 * math.sqrt(0.05 * 0.95 / 4000)
