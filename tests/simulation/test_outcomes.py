"""Outcomes have the rates that the truth says; tables, leaks and noise are what they are said to be."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

import seqmine as sm
from seqmine.errors import ParameterError
from seqmine.simulation import PlantedMoment, Truth

ALPHA = 1e-3
DAY = 86_400_000_000
YEAR = 365 * DAY
NEVER = 2**62

Int64 = npt.NDArray[np.int64]

STUCK = PlantedMoment(
    name="stuck",
    pattern="login -[1h,2h)-> search",
    probability=0.5,
    churn=0.9,
    vip=-0.7,
    referral=0.5,
    twins=("timing",),
    twin_probability=0.4,
)
SPEC = sm.SimulationSpec(
    n_entities=20_000,
    mean_events=2,
    columns=(),
    moments=(STUCK,),
    activity_effect={"churn": 0, "vip": 0, "referral": 0},
    rates={"churn": 0.8, "vip": 0.8, "referral": 2.0},
    label_noise=0.0,
    seed=41,
)


@pytest.fixture(scope="module")
def stuck() -> tuple[sm.EventLog, Truth]:
    return sm.simulate(SPEC, threads=1)


def micros(table: Any, name: str) -> Int64:
    values = table[name].cast("int64").fill_null(NEVER)
    return np.asarray(values.to_numpy(zero_copy_only=False), np.int64)


def ready_times(truth: Truth, name: str) -> Int64:
    """When each entity's instance was ready; NEVER for those without one."""
    row = {entity: i for i, entity in enumerate(truth.entities["entity"].to_pylist())}
    found = np.full(len(row), NEVER)
    rows = truth.instances_of(name)
    found[[row[entity] for entity in rows["entity"].to_pylist()]] = micros(rows, "ready_time")
    return found


def log_rate_ratio(truth: Truth, name: str, event: str, until: str = "") -> tuple[float, float, float]:
    """Log of the rates' ratio after and before the ready time, its standard error, and the rate before, a year.

    Counts over person-years: the maximum-likelihood estimates when hazards are constant. Life from the ready time of
    ``until`` on is not looked at.
    """
    first = np.maximum(micros(truth.entities, "time"), truth.spec.origin)
    end = np.minimum(micros(truth.entities, "followed_until"), micros(truth.entities, "churn_time"))
    happened = micros(truth.entities, f"{event}_time")
    if event == "vip":
        end = np.minimum(end, happened)
    if until:
        end = np.minimum(end, ready_times(truth, until))
    ready = np.clip(ready_times(truth, name), first, end)
    before, after = (ready - first).sum() / YEAR, (end - ready).sum() / YEAR
    struck = happened <= end
    n_before, n_after = int((struck & (happened <= ready)).sum()), int((struck & (happened > ready)).sum())
    ratio = np.log(n_after / after) - np.log(n_before / before)
    return float(ratio), float(np.sqrt(1 / n_after + 1 / n_before)), n_before / before


@pytest.mark.parametrize(("event", "effect", "rate"), [("churn", 0.9, 0.8), ("vip", -0.7, 0.8)])
def test_a_moment_multiplies_the_hazard_by_exp_beta(
    stuck: tuple[sm.EventLog, Truth], event: str, effect: float, rate: float
) -> None:
    """Within four standard errors: a true ratio fails for 1 seed in 16,000."""
    ratio, error, before = log_rate_ratio(stuck[1], "stuck", event)
    assert error < 0.05
    assert abs(ratio - effect) < 4 * error
    assert before == pytest.approx(rate, rel=0.05)


@pytest.mark.parametrize("event", ["churn", "vip"])
def test_a_twin_does_nothing(stuck: tuple[sm.EventLog, Truth], event: str) -> None:
    """Person-time before any moment, before and after the twin. (Leaving out whoever has a moment would be wrong: those
    who churned before theirs was ready would stay in.)"""
    ratio, error, _ = log_rate_ratio(stuck[1], "stuck:timing", event, until="stuck")
    assert error < 0.06
    assert abs(ratio) < 4 * error


def test_referrals_come_at_their_rate(stuck: tuple[sm.EventLog, Truth]) -> None:
    log, truth = stuck
    found = sm.find(log, "referral", "all")
    first = np.maximum(micros(truth.entities, "time"), truth.spec.origin)
    end = np.minimum(micros(truth.entities, "followed_until"), micros(truth.entities, "churn_time"))
    ready = np.clip(ready_times(truth, "stuck"), first, end)
    row = {entity: i for i, entity in enumerate(truth.entities["entity"].to_pylist())}
    of_row = np.array([row[entity] for entity in found["entity"].to_pylist()])
    late = micros(found, "moment_time") > ready[of_row]
    assert np.bincount(of_row, minlength=len(row)).tolist() == truth.entities["n_referrals"].to_pylist()
    for n, years, rate in (
        ((~late).sum(), (ready - first).sum() / YEAR, 2.0),
        (late.sum(), (end - ready).sum() / YEAR, 2.0 * np.exp(0.5)),
    ):
        assert ALPHA / 2 < stats.poisson.cdf(n, rate * years) < 1 - ALPHA / 2


def test_exposure_moves_the_hazard_by_its_power() -> None:
    spec = dataclasses.replace(SPEC, moments=(), activity_effect={"churn": -0.3, "vip": 0, "referral": 0})
    _, truth = sm.simulate(spec, threads=1)
    first = np.maximum(micros(truth.entities, "time"), truth.spec.origin)
    end = np.minimum(micros(truth.entities, "followed_until"), micros(truth.entities, "churn_time"))
    struck = micros(truth.entities, "churn_time") < NEVER
    activity = np.log(np.asarray(truth.entities["exposure"]) * np.asarray(truth.entities["size"]))
    years = (end - first) / YEAR
    busy = activity > np.median(activity)
    # The score of the power: events against their expectation, weighted with the activity.
    power, n = -0.3, int(struck.sum())
    weight = years * np.exp(power * activity)
    expected = weight / weight.sum() * n
    score = ((struck - expected) * activity).sum()
    mean = (expected * activity).sum() / n
    spread = np.sqrt((expected * (activity - mean) ** 2).sum())
    assert abs(score) < 4 * spread
    assert struck[busy].sum() / years[busy].sum() < 0.75 * struck[~busy].sum() / years[~busy].sum()


def test_nothing_happens_after_churn(world: tuple[sm.EventLog, Truth]) -> None:
    log, truth = world
    churn = micros(truth.entities, "churn_time")
    entity = log.entity_index(truth.entities["entity"])
    there = entity >= 0
    last = log.time[log.entity_offsets[entity[there] + 1] - 1]
    assert (last < churn[there]).all()
    assert 0.1 < (churn < NEVER).mean() < 0.5
    assert (micros(truth.entities, "vip_time") < churn)[micros(truth.entities, "vip_time") < NEVER].all()


def test_vip_happens_once(world: tuple[sm.EventLog, Truth]) -> None:
    log, truth = world
    found = sm.find(log, "vip", "all")
    # Equal rows twice are one moment.
    assert (
        found["entity"].to_pylist()
        == truth.entities.filter(truth.entities["vip_time"].is_valid())["entity"].to_pylist()
    )


def test_tables_say_what_happened(world: tuple[sm.EventLog, Truth]) -> None:
    log, truth = world
    assert truth.outcomes.num_rows == 3 * log.n_entities
    assert not any(truth.outcomes["flipped"].to_pylist())
    seen = truth.entities.filter(np.asarray(truth.entities["n_events"]) > 0)
    for outcome in ("churn", "vip"):
        table = truth.outcome_table(outcome)
        assert table["entity"].equals(seen["entity"])
        when = micros(seen, f"{outcome}_time")
        assert np.array_equal(np.asarray(table["label"]) == 1, when < NEVER)
        assert np.array_equal(micros(table, "time"), np.where(when < NEVER, when, micros(seen, "followed_until")))


@pytest.mark.parametrize("outcome", ["churn", "vip", "referral"])
def test_studies_ask_who_is_there_and_get_the_truth(world: tuple[sm.EventLog, Truth], outcome: str) -> None:
    log, truth = world
    labels = sm.label(log, truth.study(outcome))
    assert labels.excluded["unknown_entity"] == labels.excluded["not_born"] == labels.excluded["no_outcome_row"] == 0
    index, end = truth.index_time, truth.index_time + 90 * DAY
    assert end == truth.spec.origin + truth.spec.length
    row = {entity: i for i, entity in enumerate(truth.entities["entity"].to_pylist())}
    rows = [row[entity] for entity in labels.to_arrow()["entity"].to_pylist()]
    assert len(rows) > 1_000
    if outcome == "referral":
        found = sm.find(log, "referral", "all")
        time = micros(found, "moment_time")
        inside = np.array(found["entity"].to_pylist())[(time >= index) & (time < end)]
        names, count = np.unique(inside, return_counts=True)
        twice = set(names[count >= 2])
        expected = [entity in twice for entity in labels.to_arrow()["entity"].to_pylist()]
    else:
        when = micros(truth.entities, f"{outcome}_time")[rows]
        assert (when >= index).all()
        expected = (when < end).tolist()
    assert [bool(label) for label in labels.to_arrow()["label"].to_pylist()] == expected
    assert 0.02 < labels.base_rate < 0.4
    # Nobody is asked who has churned, or of whom nothing is known.
    assert (micros(truth.entities, "churn_time")[rows] >= index).all()
    assert (micros(truth.entities, "followed_until")[rows] > index).all()


def test_leaks_leak(stuck: tuple[sm.EventLog, Truth]) -> None:
    """P(outcome given the event) above .9 and a lift above 3: what a leak alarm is there to find."""
    log, truth = stuck
    assert truth.leaks() == ("cancel_request", "vip", "vip_welcome")
    for leak, outcome in (("cancel_request", "churn"), ("vip_welcome", "vip")):
        assert [moment.name for moment in truth.decoys_of(outcome)] == [leak]
        labels = sm.label(log, truth.study(outcome, lookback="14d", exclude_leaks=False))
        row = sm.count(log, leak, labels).to_pylist()[0]
        assert row["n_matched"] > 50
        share = row["n_positive"] / row["n_matched"]
        assert share > 0.9
        assert share / labels.base_rate > 3
        shown = sm.label(log, truth.study(outcome))
        assert sm.count(log, leak, shown).to_pylist()[0]["n_matched"] == 0


def test_without_leaks_there_are_none() -> None:
    log, truth = sm.simulate(sm.SimulationSpec(n_entities=500, proxy_share=0), threads=1)
    assert log.type_index("cancel_request") is None
    assert truth.leaks() == ("vip",)
    assert not [moment for moment in truth.moments if moment.kind == "leak"]
    assert sm.label(log, truth.study("churn")).n_rows > 200


def test_noise_flips_labels_of_those_at_risk() -> None:
    spec = dataclasses.replace(SPEC, seed=42)
    noise = dataclasses.replace(spec, label_noise=0.05)
    (clean_log, clean), (log, noisy) = (sm.simulate(each, threads=1) for each in (spec, noise))
    assert log.digest == clean_log.digest
    n_wrong = 0
    for outcome in ("churn", "vip", "referral"):
        before, after = (
            dict(
                zip(
                    *(sm.label(log, truth.study(outcome)).column(name).to_pylist() for name in ("entity", "label")),
                    strict=True,
                )
            )
            for truth in (clean, noisy)
        )
        assert before.keys() == after.keys()
        wrong = sum(before[entity] != after[entity] for entity in after)
        n_wrong += wrong
        assert stats.binomtest(wrong, len(after), 0.05).pvalue > ALPHA
    assert sum(noisy.outcomes["flipped"].to_pylist()) == n_wrong


def test_outcomes_that_do_not_exist(world: tuple[sm.EventLog, Truth]) -> None:
    truth = world[1]
    with pytest.raises(ParameterError, match="there is no outcome 'chrun' - did you mean 'churn'"):
        truth.study("chrun")
    with pytest.raises(ParameterError, match="the simulation has no moment 'unsolvd' - did you mean 'unsolved'"):
        truth.moment("unsolvd")
