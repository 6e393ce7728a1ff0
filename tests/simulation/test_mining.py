"""A miner that works finds the moments in a simulated log, and not their decoys."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import seqmine as sm
from seqmine.simulation import Truth
from seqmine.simulation.moments import DEFAULT_MOMENTS

NOTHING = {"churn": 0, "vip": 0, "referral": 0}


@pytest.fixture(scope="module")
def strong() -> tuple[sm.EventLog, Truth]:
    """Strong effects, and activity that confounds nothing."""
    moments = tuple(
        dataclasses.replace(each, probability=0.3, churn=each.churn * 1.3, vip=each.vip * 1.3)
        for each in DEFAULT_MOMENTS
    )
    spec = sm.SimulationSpec(
        n_entities=12_000,
        mean_events=30,
        columns=(),
        moments=moments,
        activity_effect=NOTHING,
        rates={"churn": 0.5, "vip": 0.4},
        seed=51,
    )
    return sm.simulate(spec, threads=1)


def test_mine_finds_the_planted_pattern_to_the_hour(strong: tuple[sm.EventLog, Truth]) -> None:
    log, truth = strong
    options = sm.MinerOptions(max_gap="16d", min_support=60, max_length=3, top_k=50, direction="raises", threads=1)
    found = sm.mine(log, sm.label(log, truth.study("churn")), options).to_arrow()["pattern"].to_pylist()
    planted = truth.moment("unsolved").pattern
    assert planted in found[:5]
    back = [rank for rank, text in enumerate(found) if text.startswith("price_page") and "ticket_open" in text]
    assert not back or found.index(planted) < min(back)


@pytest.mark.parametrize("outcome", ["churn", "vip"])
def test_moments_have_leverage_and_decoys_have_none(strong: tuple[sm.EventLog, Truth], outcome: str) -> None:
    """Positive rows beyond those expected, in standard errors of a pattern without any effect."""
    log, truth = strong
    labels = sm.label(log, truth.study(outcome))
    planted = [moment for moment in truth.moments if moment.kind not in ("activity", "leak")]
    rate = labels.base_rate
    z = {}
    for moment, row in zip(
        planted, sm.count(log, [moment.pattern for moment in planted], labels).to_pylist(), strict=True
    ):
        m = row["n_matched"]
        z[moment.name] = (row["n_positive"] - m * rate) / np.sqrt(m * (1 - m / labels.n_rows) * rate * (1 - rate))
    working = [moment.name for moment in planted if moment.kind == "moment" and moment.effect[outcome] > 0]
    assert len(working) >= 2
    for name in working:
        decoys = [twin.name for twin in truth.decoys_of(name) if twin.kind != "super"]
        assert z[name] > 6
        assert z[name] > 2 * max(z[decoy] for decoy in decoys)
        # The moment itself is rarer among those that got a twin, so that they do a little better than all.
        assert max(z[decoy] for decoy in decoys) < 3


def test_an_activity_pattern_vanishes_within_strata_of_activity() -> None:
    """Busy entities have it more often and churn less: seen crudely it protects, among equals it does nothing."""
    spec = sm.SimulationSpec(
        n_entities=20_000,
        mean_events=40,
        columns=(),
        moments=(),
        activity_effect={"churn": -0.5, "vip": 0, "referral": 0},
        rates={"churn": 0.6},
        seed=52,
    )
    log, truth = sm.simulate(spec, threads=1)
    labels = sm.label(log, truth.study("churn"))
    row_of = {entity: i for i, entity in enumerate(truth.entities["entity"].to_pylist())}
    rows = [row_of[entity] for entity in labels.to_arrow()["entity"].to_pylist()]
    activity = (np.asarray(truth.entities["exposure"]) * np.asarray(truth.entities["size"]))[rows]
    label = np.asarray(labels.to_arrow()["label"]).astype(float)
    index = np.datetime64(truth.index_time, "us")
    found = sm.find(log, truth.moment("activity").pattern)
    early = np.asarray(found["ready_time"].to_numpy()) < index
    who = set(np.array(found["entity"].to_pylist())[early])
    has = np.array([entity in who for entity in labels.to_arrow()["entity"].to_pylist()], dtype=float)

    def cmh(stratum: np.ndarray) -> float:
        """Cochran-Mantel-Haenszel z."""
        excess = variance = 0.0
        for each in np.unique(stratum):
            inside = stratum == each
            n, m, p = inside.sum(), has[inside].sum(), label[inside].sum()
            if n > 1:
                excess += (has[inside] * label[inside]).sum() - m * p / n
                variance += m * (n - m) * p * (n - p) / (n**2 * (n - 1))
        return float(excess / np.sqrt(variance))

    assert cmh(np.zeros(len(label))) < -8
    assert abs(cmh(np.searchsorted(np.quantile(activity, np.arange(1, 100) / 100), activity))) < 3.5
