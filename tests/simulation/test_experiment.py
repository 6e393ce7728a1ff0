"""Randomised loops: arms, what goes wrong with them, and what being assigned truly does."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import seqmine as sm
from seqmine.errors import ParameterError
from seqmine.simulation import Confounding, EffectCurve, Experiment, SimulationSpec, Truth, window_world

HOUR = 3_600_000_000
DAY = 24 * HOUR
NEVER = 2**62
RATE = 0.05 / 365 * np.exp(4.2)  # churn a day, past the first five
CALM = Confounding(plan=0, score=0, churn=0, complaint_per_day=0)

Int64 = npt.NDArray[np.int64]
World = tuple[sm.EventLog, Truth]


def micros(column: Any) -> Int64:
    return np.asarray(column.cast("int64").fill_null(NEVER).to_numpy(), np.int64)


def loop(n: int = 20_000, *, effect: EffectCurve | None = None, seed: int = 51, **experiment: Any) -> World:
    spec = window_world(
        n,
        seed=seed,
        effect=EffectCurve.constant(-0.8) if effect is None else effect,
        confounding=CALM,
        mean_events=0.01,
        experiment=Experiment(action="csm_call", **experiment),
    )
    return sm.simulate(spec, threads=1)


def arms(truth: Truth) -> dict[str, str]:
    rows = truth.assignments
    return dict(zip(rows["entity"].to_pylist(), rows["arm"].cast("string").to_pylist(), strict=True))


def calls_of(log: sm.EventLog) -> dict[str, int]:
    found = sm.find(log, "csm_call")
    return dict(zip(found["entity"].to_pylist(), micros(found["moment_time"]).tolist(), strict=True))


def cumulative(days: float) -> float:
    """Churn's integrated hazard without a call, since the moment."""
    early = RATE * (np.exp(2.0) * min(days, 2) + np.exp(1.3) * (min(max(days, 2), 5) - 2))
    return float(early + RATE * max(days - 5, 0))


@pytest.fixture(scope="module")
def plain() -> World:
    return loop(share=0.3, delay=("12h", "48h"))


def test_arms_are_drawn_at_the_moment(plain: World) -> None:
    _, truth = plain
    rows, experiment = truth.assignments, truth.experiment
    assert experiment is not None
    instances = truth.instances_of("second_order")
    assert rows["entity"].to_pylist() == instances["entity"].to_pylist()
    assert rows["time"].equals(instances["ready_time"])
    assert set(rows["probability"].to_pylist()) == {0.3}
    n, treated = rows.num_rows, list(arms(truth).values()).count("treated")
    assert abs(treated - 0.3 * n) < 4 * np.sqrt(0.21 * n)
    assert (experiment.n_treated, experiment.n_control) == (treated, n - treated)
    assert experiment.n_lost == experiment.n_crossed == 0
    delays = rows.filter(pc.is_valid(rows["scheduled_delay"]))
    assert set(delays["arm"].cast("string").to_pylist()) == {"treated"}
    hours = micros(delays["scheduled_delay"]) / HOUR
    assert len(hours) == treated
    assert hours.min() >= 12
    assert hours.max() < 48
    assert abs(hours.mean() - 30) < 4 * 36 / np.sqrt(12 * treated)


def test_the_treated_get_it_as_scheduled_and_nobody_else(plain: World) -> None:
    log, truth = plain
    calls, rows = calls_of(log), truth.assignments
    churn = dict(zip(truth.entities["entity"].to_pylist(), micros(truth.entities["churn_time"]).tolist(), strict=True))
    due = dict(
        zip(rows["entity"].to_pylist(), (micros(rows["time"]) + micros(rows["scheduled_delay"])).tolist(), strict=True)
    )
    expected = {
        entity for entity, arm in arms(truth).items() if arm == "treated" and due[entity] + 1_000 < churn[entity]
    }
    assert set(calls) - expected == set()
    assert len(expected - set(calls)) == 0
    assert max(abs(calls[entity] - due[entity]) for entity in calls) <= 1_000  # a multiple of the resolution


def test_the_effect_of_being_assigned_in_closed_form() -> None:
    """At exactly 24 hours the hazard falls to e^-0.8 of what it was, for all that are still there."""
    _, truth = loop(delay="24h")
    assert truth.experiment is not None
    effect = truth.experiment.effect()
    control = -np.expm1(-cumulative(30))
    treated = -np.expm1(-cumulative(1) - np.exp(-0.8) * (cumulative(30) - cumulative(1)))
    assert 0.002 < effect.se < 0.006
    assert abs(effect.effect - (treated - control)) < 4 * effect.se
    assert abs(effect.risk_control - control) < 4 * np.sqrt(0.25 / effect.n)
    # A readout by arm finds the same, with the error of two halves.
    churn = dict(zip(truth.entities["entity"].to_pylist(), micros(truth.entities["churn_time"]).tolist(), strict=True))
    rows = truth.assignments
    soon = np.array([churn[entity] for entity in rows["entity"].to_pylist()]) < micros(rows["time"]) + 30 * DAY
    arm = np.array(rows["arm"].cast("string").to_pylist())
    seen = soon[arm == "treated"].mean() - soon[arm == "control"].mean()
    assert abs(seen - effect.effect) < 4 * np.sqrt(2 * 0.25 / (len(soon) / 2))


def test_nothing_comes_of_an_action_without_effect() -> None:
    _, truth = loop(3_000, effect=EffectCurve(), crossover=0.2)
    assert truth.experiment is not None
    assert truth.experiment.effect() == truth.experiment.effect("churn", "before")
    assert truth.experiment.effect().effect == truth.experiment.effect().se == 0.0


def test_assignments_may_be_lost() -> None:
    """A share of the controls is missing from the arm log; the events are those of the loop without that bug."""
    (log, whole), (same, broken) = loop(seed=52), loop(seed=52, srm_loss=0.1)
    assert log.digest == same.digest
    assert whole.experiment is not None
    assert broken.experiment is not None
    n = broken.experiment.n_control
    assert n == whole.experiment.n_control
    assert abs(broken.experiment.n_lost - 0.1 * n) < 4 * np.sqrt(0.09 * n)
    kept = arms(broken)
    assert len(kept) == len(arms(whole)) - broken.experiment.n_lost
    assert list(kept.values()).count("treated") == whole.experiment.n_treated
    at = broken.window_study("csm_call").at
    assert isinstance(at, pa.Table)
    assert at["arm"].null_count == broken.experiment.n_lost
    assert {type(delay) for delay in at["scheduled_delay"].to_pylist()} == {float, type(None)}
    assert set(pc.drop_null(at["scheduled_delay"]).to_pylist()) == {86_400.0}


def test_controls_may_cross_over() -> None:
    log, truth = loop(crossover=0.05, delay="6h", seed=53)
    assert truth.experiment is not None
    n = truth.experiment.n_control
    assert abs(truth.experiment.n_crossed - 0.05 * n) < 4 * np.sqrt(0.0475 * n)
    calls, arm = calls_of(log), arms(truth)
    crossed = sum(arm[entity] == "control" for entity in calls)
    assert 0.8 * truth.experiment.n_crossed < crossed <= truth.experiment.n_crossed  # some churn before it
    _, clean = loop(delay="6h", seed=53)
    assert clean.experiment is not None
    ratio = truth.experiment.effect().effect / clean.experiment.effect().effect
    assert 0.9 < ratio < 1.0


def test_effects_may_drift() -> None:
    _, truth = loop(drift_at="2025-07-15", drift_factor=0.5, seed=54)
    assert truth.experiment is not None
    before, after = (truth.experiment.effect("churn", period) for period in ("before", "after"))
    whole = truth.experiment.effect()
    assert before.n + after.n == whole.n
    assert min(before.n, after.n) > 0.4 * whole.n
    for effect, size in ((before, -0.8), (after, -0.4)):
        treated = -np.expm1(-cumulative(1) - np.exp(size) * (cumulative(30) - cumulative(1)))
        assert abs(effect.effect - (treated + np.expm1(-cumulative(30)))) < 4 * effect.se
    with pytest.raises(ParameterError, match="there is no period 'befor' - did you mean 'before'"):
        truth.experiment.effect("churn", "befor")


def test_the_treated_may_help_the_controls_beside_them() -> None:
    """Controls' log hazard falls by the treated share of their cluster."""
    log, truth = loop(30_000, interference=-1.0, cluster_size=5, seed=55)
    _, clean = loop(30_000, seed=55)
    assert arms(clean).keys() == arms(truth).keys()
    assert truth.experiment is not None
    assert clean.experiment is not None
    treated, others = truth.experiment.effect(), clean.experiment.effect()
    assert treated.risk_treated == others.risk_treated
    # Of the four others, a binomial number is treated: the mean of e^-(share) over it multiplies nothing but hazards.
    share = np.arange(5) / 4
    weight = np.array([1, 4, 6, 4, 1]) / 16
    expected = 1 - (weight * np.exp(-np.exp(-share) * cumulative(30))).sum()
    assert abs(treated.risk_control - expected) < 4 * np.sqrt(0.25 / treated.n)
    assert treated.risk_control < others.risk_control - 0.05
    rows = truth.assignments
    number = np.array([int(entity[1:]) for entity in rows["entity"].to_pylist()])
    assert rows["cluster"].to_pylist() == (number // 5).tolist()
    assert log.n_entities <= 30_000


def test_business_as_usual_and_a_start() -> None:
    """Before the loop starts, and among its controls, calls come as they did."""
    given = {"start": "2025-08-01", "control": "usual", "share": 0.5, "delay": "36h"}
    log, truth = loop(seed=56, **given)
    usual, _ = sm.simulate(
        window_world(20_000, seed=56, effect=EffectCurve.constant(-0.8), confounding=CALM, mean_events=0.01), threads=1
    )
    calls, before, arm = calls_of(log), calls_of(usual), arms(truth)
    start = micros(pa.chunked_array([["2025-08-01"]]).cast(pa.timestamp("us")))[0]
    assert min(micros(truth.assignments["time"])) >= start
    assert 3_000 < len(arm) < 15_000
    assert all(calls.get(entity) == time for entity, time in before.items() if arm.get(entity) != "treated")
    treated = [entity for entity in calls if arm.get(entity) == "treated"]
    ready = dict(zip(truth.assignments["entity"].to_pylist(), micros(truth.assignments["time"]).tolist(), strict=True))
    assert {calls[entity] - ready[entity] for entity in treated} == {36 * HOUR}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"action": ""}, "action of the experiment is the name of one, not ''"),
        ({"share": 1.5}, "share of the experiment lies between 0 and 1, not 1.5"),
        ({"control": "placebo"}, "control of the experiment is 'none' or 'usual', not 'placebo'"),
        ({"start": "soon"}, "start of the experiment is a date, not 'soon'"),
        ({"delay": ("2h", "1h")}, r"delay of the experiment is empty: \[2h,1h\)"),
        ({"delay": ("2h",)}, r"delay of the experiment is one delay or \(lo, hi\)"),
        ({"cluster_size": 1}, "cluster_size of the experiment lies between 2 and 10,000, not 1"),
        ({"action": "csm_cal"}, "the experiment gives 'csm_cal', .* - there are csm_call"),
        ({"delay": "7d"}, "the experiment's delay reaches beyond max_delay='1w' of 'csm_call'"),
    ],
)
def test_what_is_no_experiment(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        window_world(10, experiment=Experiment(**{"action": "csm_call", **wrong}))


def test_an_experiment_survives_json(plain: World) -> None:
    spec = plain[1].spec
    assert SimulationSpec.from_dict(spec.to_dict()) == spec
    again = Truth.from_json(plain[1].to_json(), assignments=plain[1].assignments)
    assert again.to_json() == plain[1].to_json()
    assert again.experiment is not None
    assert plain[1].experiment is not None
    assert again.experiment.effect() == plain[1].experiment.effect()
    with pytest.raises(ParameterError, match="an experiment has no 'arm'"):
        Experiment.from_dict({"action": "a", "arm": 1})
    with pytest.raises(ParameterError, match="an experiment needs 'action'"):
        Experiment.from_dict({"share": 0.5})
