"""The marginal laws, against scipy. Seeds are fixed; each test rejects a true law at the stated rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

import seqmine as sm
from seqmine.simulation import Truth
from seqmine.simulation.build import build, default_profile
from seqmine.simulation.spec import SEGMENTS

ALPHA = 1e-3
"""Each test of a law would fail for one seed in a thousand, if the law holds."""

DAY = 86_400_000_000
QUIET = {"rates": {"churn": 0, "vip": 0, "referral": 0}, "moments": (), "born_share": 0.0, "loss_per_year": 0.0}
PLAIN = {**QUIET, "launch_share": 0.0, "engagement_sigma": 0.0, "size_sigma": 0.0, "days": 364}

Float64 = npt.NDArray[np.float64]


def column(truth: Truth, name: str) -> npt.NDArray[Any]:
    return np.asarray(truth.entities[name].to_numpy(zero_copy_only=False))


def simulated(**given: Any) -> tuple[sm.EventLog, Truth]:
    return sm.simulate(sm.SimulationSpec(**{**PLAIN, **given}), threads=1)


def given_mean(truth: Truth, mean: float) -> Float64:
    """The mean of each entity's count, given its exposure and segment."""
    rate = dict(zip(SEGMENTS, (0.7, 1.2, 2.2), strict=True))
    segment = np.array([rate[name] for name in truth.entities["segment"].to_pylist()])
    return np.asarray(mean * segment * column(truth, "exposure"))


def test_counts_given_exposure_are_poisson() -> None:
    _, truth = simulated(n_entities=4_000, mean_events=30, seed=21)
    mean, count = given_mean(truth, 30), column(truth, "n_events")
    # Randomised probability integral transform: uniform if and only if each count is Poisson with its mean.
    below, at = stats.poisson.cdf(count - 1, mean), stats.poisson.pmf(count, mean)
    u = below + np.random.default_rng(0).random(len(count)) * at
    assert stats.kstest(u, "uniform").pvalue > ALPHA
    dispersion = ((count - mean) ** 2 / mean).sum()
    assert ALPHA < stats.chi2.sf(dispersion, len(count)) < 1 - ALPHA


@pytest.mark.parametrize("shape", [0.6, 1.0, 4.0])
def test_exposure_is_gamma_with_mean_one(shape: float) -> None:
    effect = {"churn": 0, "vip": 0, "referral": 0}
    _, truth = simulated(n_entities=20_000, mean_events=1, exposure_shape=shape, activity_effect=effect, seed=22)
    assert stats.kstest(column(truth, "exposure"), stats.gamma(shape, scale=1 / shape).cdf).pvalue > ALPHA


def test_size_is_log_normal_with_mean_one() -> None:
    _, truth = simulated(n_entities=20_000, mean_events=1, size_sigma=0.8, seed=23)
    law = stats.lognorm(0.8, scale=np.exp(-0.32))
    assert law.mean() == pytest.approx(1)
    assert stats.kstest(column(truth, "size"), law.cdf).pvalue > ALPHA


@pytest.mark.parametrize("zipf", [0.0, 1.0, 1.7])
def test_types_are_zipf(zipf: float) -> None:
    log, truth = simulated(n_entities=1_000, mean_events=300, zipf=zipf, n_types=40, seed=24)
    names = build(truth.spec).background
    count = np.array([np.count_nonzero(log.code == log.event_types.index(name)) for name in names])
    share = np.arange(1, 41) ** -zipf
    assert stats.chisquare(count, count.sum() * share / share.sum()).pvalue > ALPHA


def test_hours_of_the_week_follow_the_profile_in_local_time() -> None:
    log, truth = simulated(n_entities=1_000, mean_events=300, tz_offsets=(-7, 5), seed=25)
    offset = dict(zip(truth.entities["entity"].to_pylist(), truth.entities["tz_offset"].to_pylist(), strict=True))
    local = np.repeat([offset[name] for name in log.entities.to_pylist()], np.diff(log.entity_offsets))
    hour = (log.time // 3_600_000_000 + local + 72) % 168  # 1970-01-01 was a Thursday
    expected = default_profile() / 168
    assert stats.chisquare(np.bincount(hour, minlength=168), len(hour) * expected).pvalue > ALPHA
    # Within the hour, evenly.
    assert stats.kstest((log.time % 3_600_000_000) / 3.6e9, "uniform").pvalue > ALPHA


def test_a_profile_of_ones_hours_own() -> None:
    profile = np.zeros(168)
    profile[[9, 10, 130]] = (1.0, 2.0, 1.0)
    log, _ = simulated(n_entities=200, mean_events=300, tz_offsets=(0,), hour_profile=profile.tolist(), seed=26)
    count = np.bincount((log.time // 3_600_000_000 + 72) % 168, minlength=168)
    assert set(np.flatnonzero(count)) == {9, 10, 130}
    assert stats.chisquare(count[[9, 10, 130]], count.sum() * np.array([0.25, 0.5, 0.25])).pvalue > ALPHA


def test_engagement_is_a_daily_ar1_process() -> None:
    """Entities so busy that the logarithm of a day's count is that of its rate, but for a hundredth."""
    log, truth = simulated(
        n_entities=60,
        mean_events=50_000,
        exposure_shape=1e6,
        engagement_sigma=0.5,
        engagement_phi=0.8,
        tz_offsets=(0,),
        hour_profile=[1.0] * 168,
        columns=(),
        seed=27,
    )
    entity = np.repeat(np.arange(60), np.diff(log.entity_offsets))
    day = (log.time - truth.spec.origin) // DAY
    count = np.bincount(entity * 364 + day, minlength=60 * 364).reshape(60, 364)
    level = np.log(count) - np.log(given_mean(truth, 50_000 / 364))[:, None] + 0.5 * 0.5**2
    # 60 x 364 days with correlation .8 are worth about 2,400 independent ones; four standard errors each. The Poisson
    # noise of a day is in lag 0 alone.
    assert level.mean() == pytest.approx(0, abs=4 * 0.5 / np.sqrt(2_400))
    lags = [(level[:, lag:] * level[:, : 364 - lag]).mean() for lag in range(4)]
    assert lags[1] == pytest.approx(0.25 * 0.8, abs=4 * 0.2 * np.sqrt(2 / 2_400))
    assert lags[2] / lags[1] == pytest.approx(0.8, abs=0.03)
    assert lags[3] / lags[2] == pytest.approx(0.8, abs=0.03)
    assert lags[0] - 0.25 == pytest.approx(0.008, abs=4 * 0.25 * np.sqrt(2 / 2_400))


def test_hawkes_keeps_the_mean_and_spreads_the_counts() -> None:
    """Clusters of mean size 1/(1-n) make the variance of a count its mean over (1-n)^2."""
    _, truth = simulated(n_entities=6_000, mean_events=100, branching=0.5, branching_delay="1h", seed=28)
    mean, count = given_mean(truth, 100), column(truth, "n_events")
    assert count.sum() == pytest.approx(mean.sum(), abs=4 * np.sqrt(4 * mean.sum()))
    # Pearson's statistic over n is 4, with a standard error of about 4 x sqrt(2 / n) = .07.
    busy = mean > 50
    assert ((count - mean) ** 2 / mean)[busy].mean() == pytest.approx(4, abs=0.4)


def test_offspring_are_of_the_same_type_and_exponentially_late() -> None:
    log, _ = simulated(n_entities=2_000, mean_events=2, branching=0.5, branching_delay="1m", seed=29)
    gap = np.diff(log.time)
    near = (
        (gap >= 0)
        & (gap < 120_000_000)
        & (np.diff(np.repeat(np.arange(log.n_entities), np.diff(log.entity_offsets))) == 0)
    )
    assert near.sum() > 500
    assert (np.diff(log.code.astype(int))[near] == 0).mean() > 0.99


def test_lengths_have_a_heavy_tail() -> None:
    _, truth = sm.simulate(sm.SimulationSpec(n_entities=5_000, mean_events=50, seed=30), threads=1)
    count = column(truth, "n_events")
    assert np.quantile(count, 0.99) > 8 * np.quantile(count, 0.5)
    assert np.quantile(count, 0.99) > 2 * stats.expon(scale=count.mean()).ppf(0.9)


def test_births_losses_and_what_is_seen() -> None:
    spec = sm.SimulationSpec(
        **{**QUIET, "born_share": 0.4, "loss_per_year": 1.0}, n_entities=10_000, mean_events=5, tenure="100d", seed=31
    )
    log, truth = sm.simulate(spec, threads=1)
    start = truth.entities["time"].cast("int64").to_numpy()
    born = start >= spec.origin
    assert stats.binomtest(int(born.sum()), 10_000, 0.4).pvalue > ALPHA
    assert stats.kstest((start[born] - spec.origin) / spec.length, "uniform").pvalue > ALPHA
    assert stats.kstest((spec.origin - start[~born]) / DAY, stats.expon(scale=100).cdf).pvalue > ALPHA
    until = truth.entities["followed_until"].cast("int64").to_numpy()
    end = spec.origin + spec.length
    lost = until < end
    followed = (until - np.maximum(start, spec.origin)) / (365 * DAY)
    # A constant rate of 1 a year: as many losses as years followed, up to sqrt.
    assert lost.sum() == pytest.approx(followed.sum(), abs=4 * np.sqrt(followed.sum()))
    entity = log.entity_index(truth.entities["entity"])
    there = entity >= 0
    assert np.array_equal(there, column(truth, "n_events") > 0)
    assert (log.time[log.entity_offsets[entity[there]]] >= np.maximum(start, spec.origin)[there]).all()
    assert (log.time[log.entity_offsets[entity[there] + 1] - 1] < until[there]).all()
    signups = sm.find(log, "signup")
    assert signups.num_rows == born.sum()
    assert np.array_equal(np.asarray(log.declared_start)[entity[there]], start[there])


def test_launched_types_exist_from_their_launch_on() -> None:
    spec = sm.SimulationSpec(**QUIET, n_entities=2_000, mean_events=100, launch_share=0.5, seed=32)
    log, truth = sm.simulate(spec, threads=1)
    assert len(truth.launches) == 30
    for name, launch in truth.launches.items():
        time = log.time[log.code == log.event_types.index(name)]
        assert spec.origin + 60 * DAY < launch < spec.origin + 300 * DAY
        assert launch <= time.min() < launch + 20 * DAY
    assert log.n_events / 2_000 == pytest.approx(100, rel=0.1)


def test_late_and_doubled_events(world: tuple[sm.EventLog, Truth]) -> None:
    log, _ = world
    delay = np.asarray(log.attributes["ingested_at"].numbers) - log.time
    late = delay > 0
    assert (delay >= 0).all()
    # Doubled events are late together; that widens the standard error by less than a hundredth.
    assert late.mean() == pytest.approx(0.02, abs=4 * np.sqrt(0.02 * 0.98 / log.n_events))
    assert stats.kstest(delay[late], stats.expon(scale=3 * DAY).cdf).pvalue > ALPHA
    share = log.accounting.exact_duplicates_seen / log.n_events
    assert share == pytest.approx(0.01 / 1.01, abs=4 * np.sqrt(0.01 / log.n_events))


def test_values_and_channels(world: tuple[sm.EventLog, Truth]) -> None:
    log, _ = world
    assert log.value is not None
    valued = ~np.isnan(log.value)
    named = {log.event_types[code] for code in np.unique(log.code[valued])}
    assert named == {"purchase", "invoice", "coupon_redeem"}
    assert valued[np.isin(log.code, [log.event_types.index(name) for name in named])].all()
    amount = np.unique(log.value[valued])
    assert np.allclose(np.round(amount * 100), amount * 100)
    channel = log.attributes["channel"]
    assert channel.categories == ("app", "mail", "phone", "web")
    count = np.bincount(np.asarray(channel.codes))
    assert np.allclose(count / count.sum(), (0.35, 0.2, 0.05, 0.4), atol=0.01)


def test_columns_that_nobody_wants_are_not_there() -> None:
    log, _ = sm.simulate(sm.SimulationSpec(n_entities=50, columns=()), threads=1)
    assert log.value is None
    assert not log.attributes


def test_draws_are_uniform_and_independent_between_streams_and_entities() -> None:
    from seqmine.simulation import draws

    open_streams, uniform = draws.open_streams, draws.uniform
    state = np.empty(4, np.uint64)
    table = np.empty((2_000, 4, 5))
    for entity in range(2_000):
        open_streams(state, np.uint64(0), entity)
        for stream in range(4):
            table[entity, stream] = [uniform(state, stream) for _ in range(5)]
    assert stats.kstest(table.ravel(), "uniform").pvalue > ALPHA
    flat = table.reshape(2_000, 20)
    correlation = np.corrcoef(flat, rowvar=False)[np.triu_indices(20, 1)]
    assert np.abs(correlation).max() < stats.norm.isf(ALPHA / 190 / 2) / np.sqrt(2_000)
    neighbours = [np.corrcoef(flat[1:, i], flat[:-1, i])[0, 1] for i in range(20)]
    assert np.abs(neighbours).max() < stats.norm.isf(ALPHA / 20 / 2) / np.sqrt(2_000)
