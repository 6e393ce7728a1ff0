"""Actions after moments: when they are taken, and what the worlds beside the factual one say of them."""

from __future__ import annotations

import hashlib

import numpy as np

import seqmine as sm
from seqmine.simulation import EffectCurve, Truth, window_world

BEFORE = "d4131b9510802325a168c9dd7234b714e0fb9b86727543a2827f24a4ce041885"


def test_a_world_without_actions_is_as_it_was_before_there_were_any() -> None:
    """The digest is that of the release before. Whole minutes, so that another machine's logarithms cannot show."""
    spec = sm.SimulationSpec(
        n_entities=400,
        mean_events=40,
        resolution="1m",
        branching=0.3,
        duplicate_share=0.02,
        seed=11,
        label_noise=0.05,
    )
    log, truth = sm.simulate(spec, threads=1)
    assert log.digest == BEFORE
    digest = hashlib.sha256(truth.to_json().encode()).hexdigest()
    assert digest == "4709e6a08c600fd5c0e0ec69af910e68bdf49cd2ae6c8760baec9b251d9e2322"


def test_worlds_are_equal_where_actions_do_nothing() -> None:
    """Exactly, in every row and so in every bin: the clocks are the same."""
    _, truth = sm.simulate(window_world(3_000, seed=2, effect=EffectCurve()), threads=1)
    rows = truth.treated
    assert rows.num_rows > 1_000
    for world in ("usual", "none"):
        assert rows["churn_factual"].equals(rows[f"churn_{world}"])
    curve = truth.effect_curve("csm_call")
    for name in ("att_vs_usual", "att_vs_none", "se_vs_usual", "se_vs_none"):
        assert set(curve[name].drop_null().to_pylist()) == {0.0}


def test_the_windows_world_is_as_described() -> None:
    """About 42 % called, 8 % in the window, half churned within 30 days, and 12 points in the window."""
    _, truth = sm.simulate(window_world(50_000, seed=5, mean_events=1), threads=1)
    instances = truth.instances_of("second_order")
    delay = np.asarray(truth.treated["time"].cast("int64")) - np.asarray(truth.treated["ready_time"].cast("int64"))
    hours = delay / 3.6e9
    assert 0.95 < instances.num_rows / 50_000 < 0.98
    assert 0.40 < len(hours) / instances.num_rows < 0.45
    assert 0.07 < ((hours >= 19) & (hours < 37)).sum() / instances.num_rows < 0.09
    window = truth.att("csm_call", "19h", "37h")
    assert -0.14 < window.vs_usual < -0.10
    assert truth.att("csm_call", "37h", "7d").vs_usual == 0.0
    before = truth.att("csm_call", "0h", "19h")
    assert before.vs_usual > 3 * before.se_vs_usual > 0  # a call too early takes the place of one in the window
    assert before.vs_none == 0.0


def test_truth_survives_json() -> None:
    _, truth = sm.simulate(window_world(1_000, seed=2), threads=1)
    again = Truth.from_json(truth.to_json(), treated=truth.treated, entities=truth.entities)
    assert again.to_json() == truth.to_json()
    assert again.effect_curve("csm_call").equals(truth.effect_curve("csm_call"))
    assert again.spec == truth.spec
