"""Actions after moments: when they are taken, and what the worlds beside the factual one say of them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import seqmine as sm
from seqmine.errors import ParameterError
from seqmine.simulation import (
    Confounding,
    EffectCurve,
    Experiment,
    PlantedAction,
    PlantedMoment,
    Truth,
    window_world,
)
from seqmine.simulation.blocks import blocks, live_block
from seqmine.simulation.build import build
from seqmine.simulation.world import Batch

HOUR = 3_600_000_000
DAY = 24 * HOUR
NEVER = 2**62
NOTHING = EffectCurve()

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
World = tuple[sm.EventLog, Truth]


def micros(column: Any) -> Int64:
    return np.asarray(column.cast("int64").fill_null(NEVER).to_numpy(), np.int64)


def first_times(log: sm.EventLog, event: str) -> dict[str, int]:
    """When each entity first had this event."""
    found = sm.find(log, event)
    return dict(zip(found["entity"].to_pylist(), micros(found["moment_time"]).tolist(), strict=True))


def ready_times(truth: Truth) -> dict[str, int]:
    rows = truth.instances_of("second_order")
    return dict(zip(rows["entity"].to_pylist(), micros(rows["ready_time"]).tolist(), strict=True))


def poisson_fit(rows: Float64, counts: Float64, exposure: Float64) -> tuple[Float64, Float64]:
    """Return log rates and their standard errors: Newton on the likelihood of counts over exposures."""
    beta = np.zeros(rows.shape[1])
    beta[0] = np.log(counts.sum() / exposure.sum())
    for _ in range(30):
        mean = exposure * np.exp(rows @ beta)
        information = (rows * mean[:, None]).T @ rows
        beta += np.linalg.solve(information, rows.T @ (counts - mean))
    return beta, np.sqrt(np.diag(np.linalg.inv(information)))


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


def test_truth_survives_json() -> None:
    _, truth = sm.simulate(window_world(1_000, seed=2), threads=1)
    again = Truth.from_json(truth.to_json(), treated=truth.treated, entities=truth.entities)
    assert again.to_json() == truth.to_json()
    assert again.effect_curve("csm_call").equals(truth.effect_curve("csm_call"))
    assert again.spec == truth.spec


def test_what_drives_actions_and_churn_is_in_the_log() -> None:
    """Hazards of call and churn from the log alone: plan and score by their events, the complaint as it comes."""
    log, truth = sm.simulate(window_world(60_000, seed=21, effect=NOTHING, mean_events=0.01), threads=1)
    events = log.to_arrow()
    of = events.filter(pc.equal(events["event"].cast("string"), "health_score"))
    scores = dict(zip(of["entity"].to_pylist(), of["value"].to_pylist(), strict=True))
    basic = first_times(log, "plan_basic")
    assert not set(basic) & set(first_times(log, "plan_plus"))
    complaints, calls, ready = first_times(log, "complaint"), first_times(log, "csm_call"), ready_times(truth)
    churns = dict(zip(truth.entities["entity"].to_pylist(), micros(truth.entities["churn_time"]).tolist(), strict=True))
    actions, churned = [], []
    for entity, since in ready.items():
        x = (1.0, scores[entity], float(entity in basic))
        complaint, churn, call = (each.get(entity, NEVER) for each in (complaints, churns, calls))
        # The call's base hazard is constant up to two days, churn's from five to 30: one row before the complaint, one
        # after.
        end = min(since + 2 * DAY, churn, call)
        turn = min(max(complaint, since), end)
        actions.append((*x, 0.0, turn - since, call == turn < complaint))
        actions.append((*x, 1.0, end - turn, complaint <= call == end))
        start, end = since + 5 * DAY, min(since + 30 * DAY, churn)
        if end > start:
            turn = min(max(complaint, start), end)
            churned.append((*x, 0.0, turn - start, churn == turn < complaint))
            churned.append((*x, 1.0, end - turn, complaint <= churn == end))
    for table, truths in (
        (actions, (np.log(0.118) - 0.5 * 0.8 * 0.5, 0.5, 0.4, 1.3)),
        (churned, (np.log(0.05 / 365) + 4.2 - 0.5 * 0.8 * 0.5, 0.5, 0.4, 1.0)),
    ):
        rows = np.array(table, np.float64)
        rows = rows[rows[:, 4] > 0]
        beta, error = poisson_fit(rows[:, :4], rows[:, 5], rows[:, 4] / DAY)
        assert error.max() < 0.08
        assert (np.abs(beta - truths) < 4 * error).all(), (beta, error)


def test_complaints_come_at_their_rate() -> None:
    given = Confounding(complaint_per_day=0.05, complaint_risk=0.0, complaint_churn=0.0, churn=0.0)
    world = window_world(8_000, seed=22, confounding=given, effect=NOTHING, rates={"churn": 0.0}, mean_events=0.01)
    log, truth = sm.simulate(world, threads=1)
    complaints, ready = first_times(log, "complaint"), ready_times(truth)
    waited = np.array([complaints[entity] - ready[entity] for entity in complaints]) / DAY
    assert waited.min() >= 0
    assert waited.max() < 30
    expected = len(ready) * -np.expm1(-0.05 * 30)
    assert abs(len(waited) - expected) < 4 * np.sqrt(expected)
    assert np.median(waited) == pytest.approx(-np.log1p(0.5 * np.expm1(-1.5)) / 0.05, abs=0.6)


def test_an_invisible_complaint_takes_nothing_else_from_the_log() -> None:
    shown, hidden = (
        sm.simulate(window_world(2_000, seed=23, confounding=Confounding(complaint_visible=visible)), threads=1)[0]
        for visible in (True, False)
    )
    rows = shown.to_arrow()
    left = rows.filter(pc.not_equal(rows["event"].cast("string"), "complaint"))
    assert left.num_rows < rows.num_rows
    for name in ("entity", "time", "event", "value"):
        one, other = left[name], hidden.to_arrow()[name]
        assert one.cast(other.type).equals(other) if name == "value" else one.to_pylist() == other.to_pylist(), name


def test_the_hidden_confounder_is_in_both_hazards_and_in_the_placebo() -> None:
    """u raises call and churn by 0.5 a unit, and the old issue's log odds by 2; nothing goes with the issue itself."""
    given = Confounding(hidden_strength=0.5, plan=0.0, score=0.0, churn=0.0, complaint_per_day=0.0)
    world = window_world(60_000, seed=24, confounding=given, effect=NOTHING, mean_events=0.01)
    log, truth = sm.simulate(world, threads=1)
    assert set(log.event_types) >= {"old_issue", "csm_call"}
    assert "hidden" not in log.to_arrow().schema.names
    u = dict(zip(truth.entities["entity"].to_pylist(), truth.entities["hidden"].to_pylist(), strict=True))
    churns = dict(zip(truth.entities["entity"].to_pylist(), micros(truth.entities["churn_time"]).tolist(), strict=True))
    ready, calls, issues = ready_times(truth), first_times(log, "csm_call"), first_times(log, "old_issue")
    back = np.array([ready[entity] - issues[entity] for entity in issues if entity in ready]) / DAY
    assert back.min() > 28 - 1e-6
    assert back.max() < 84
    for event, first, last in ((calls, 0, 2), (churns, 5, 30)):
        rows = []
        for entity, since in ready.items():
            start, end = since + first * DAY, min(since + last * DAY, churns[entity], calls.get(entity, NEVER))
            if event is churns:
                end = min(since + last * DAY, churns[entity])
            if end > start:
                rows.append((1.0, u[entity], float(entity in issues), (end - start) / DAY, event.get(entity) == end))
        table = np.array(rows, np.float64)
        beta, error = poisson_fit(table[:, :3], table[:, 4], table[:, 3])
        assert abs(beta[1] - 0.5) < 4 * error[1] < 0.1
        assert abs(beta[2]) < 4 * error[2] < 0.2
    x = np.array([u[entity] for entity in ready])
    had = np.array([entity in issues for entity in ready])
    for low, high in ((-2, -1), (-0.5, 0.5), (1, 2)):
        inside = (x >= low) & (x < high)
        expected = (1 / (1 + np.exp(-np.log(0.3 / 0.7) - 2.0 * x[inside]))).mean()
        assert had[inside].mean() == pytest.approx(expected, abs=4 * np.sqrt(0.25 / inside.sum()))


def test_office_hours_are_local() -> None:
    world = window_world(6_000, seed=25, action={"hours": "office", "per_day": 0.5}, tz_offsets=(-8, 0, 9))
    log, truth = sm.simulate(world, threads=1)
    zone = dict(zip(truth.entities["entity"].to_pylist(), truth.entities["tz_offset"].to_pylist(), strict=True))
    calls = first_times(log, "csm_call")
    local = np.array([time + zone[entity] * HOUR for entity, time in calls.items()])
    hour, weekday = local % DAY // HOUR, (local // DAY + 3) % 7
    assert len(local) > 2_000
    assert set(hour.tolist()) == set(range(9, 18))
    assert set(weekday.tolist()) == set(range(5))
    utc = np.array(list(calls.values())) % DAY // HOUR
    assert len(set(utc.tolist())) > 20


@pytest.mark.parametrize("share", [1.0, 0.3])
def test_an_automation_fires_at_its_delay(share: float) -> None:
    """At exactly 24 hours, upon all that are still there, or a share of them."""
    action = {"automatic": "24h", "share": share}
    log, truth = sm.simulate(window_world(10_000, seed=26, action=action, mean_events=1), threads=1)
    ready, calls = ready_times(truth), first_times(log, "csm_call")
    assert {calls[entity] - ready[entity] for entity in calls} == {DAY}
    churns = dict(zip(truth.entities["entity"].to_pylist(), micros(truth.entities["churn_time"]).tolist(), strict=True))
    there = [entity for entity in ready if churns[entity] > ready[entity] + DAY]
    expected = share * len(there)
    assert abs(len(calls) - expected) <= 4 * np.sqrt(expected * (1 - share))
    # Where everybody has it, the world without it is known to the simulator alone: nobody follows with a later one.
    effect = truth.att("csm_call", "24h", "25h")
    assert effect.vs_usual == effect.vs_none < 0
    assert truth.att("csm_call", "0h", "24h").n_treated == 0


def test_a_look_alike_comes_for_the_same_reasons_and_does_nothing() -> None:
    world = window_world(20_000, seed=27, mean_events=1)
    call = world.actions[0]
    inbound = dataclasses.replace(call, name="call_inbound", actor="customer", churn=None)
    _, alone = sm.simulate(world, threads=1)
    log, truth = sm.simulate(dataclasses.replace(world, actions=(call, inbound)), threads=1)
    assert truth.entities["churn_time"].equals(alone.entities["churn_time"])
    curve = truth.effect_curve("call_inbound")
    assert set(curve["att_vs_none"].drop_null().to_pylist()) == {0.0}
    ours, theirs = first_times(log, "csm_call"), first_times(log, "call_inbound")
    assert len(theirs) == pytest.approx(len(ours), rel=0.05)
    basic, complained = first_times(log, "plan_basic"), first_times(log, "complaint")
    for told in (basic, complained):
        share = [sum(entity in told for entity in called) / len(called) for called in (ours, theirs)]
        assert share[0] == pytest.approx(share[1], abs=0.03)


def test_another_action_follows_in_a_share_of_cases() -> None:
    action = {"co_action": "mail_offer", "co_share": 0.4, "co_within": "6h"}
    log, truth = sm.simulate(window_world(10_000, seed=28, action=action, effect=NOTHING, mean_events=1), threads=1)
    calls, mails = first_times(log, "csm_call"), first_times(log, "mail_offer")
    assert set(mails) <= set(calls)
    after = np.array([mails[entity] - calls[entity] for entity in mails]) / HOUR
    assert after.min() >= 0
    assert after.max() <= 6
    assert len(mails) / len(calls) == pytest.approx(0.4, abs=4 * np.sqrt(0.24 / len(calls)) + 0.02)  # some churn first
    assert truth.action("csm_call").name == "csm_call"
    with pytest.raises(ParameterError):
        truth.action("mail_offer")


def test_actions_may_repeat() -> None:
    action = {"repeats": 5, "per_day": 2.0, "max_delay": "4d"}
    log, truth = sm.simulate(window_world(3_000, seed=29, action=action, effect=NOTHING, mean_events=1), threads=1)
    found = sm.find(log, "csm_call", "all")
    _, n = np.unique(np.array(found["entity"].to_pylist()), return_counts=True)
    assert n.max() == 5
    assert (n > 2).mean() > 0.5
    assert truth.treated.num_rows == len(n)
    calls = first_times(log, "csm_call")
    told = dict(zip(truth.treated["entity"].to_pylist(), micros(truth.treated["time"]).tolist(), strict=True))
    assert told == calls


EVERYTHING = dataclasses.replace(
    window_world(
        900,
        seed=31,
        action={"hours": "office", "repeats": 2, "co_action": "mail_offer", "per_day": 0.5},
        confounding=Confounding(hidden_strength=0.3),
        duplicate_share=0.3,
        late_share=0.3,
        label_noise=0.05,
        branching=0.2,
        resolution="1m",
        rates={"churn": 0.05, "vip": 1.0, "referral": 2.0},
        experiment=Experiment(action="csm_call", share=0.3, start="2025-08-01", control="usual", delay=("1h", "50h")),
    ),
)


def joined(parts: list[Batch]) -> dict[str, bytes]:
    columns = zip(*parts, strict=True)
    return {name: np.concatenate(column).tobytes() for name, column in zip(Batch._fields, columns, strict=True)}


def test_neither_threads_nor_blocks_show() -> None:
    built = build(EVERYTHING)
    whole = joined([live_block(built, 0, 900)])
    assert len(whole["treated_worlds"]) > 100 * 72
    assert len(whole["assigned_worlds"]) > 100 * 48
    for threads, rows in ((1, 300), (3, 5_000)):
        assert joined([batch for _, batch in blocks(built, threads, rows)]) == whole
    one, many = (sm.simulate(EVERYTHING, threads=threads) for threads in (1, 3))
    assert one[0].digest == many[0].digest
    assert one[1].to_json() == many[1].to_json()
    for name in ("instances", "outcomes", "entities", "treated", "assignments"):
        assert getattr(one[1], name).equals(getattr(many[1], name)), name


def test_actions_leave_what_is_not_churn_alone() -> None:
    """Who the entities are, and when their moments are, is as in the same world without actions."""
    spec = window_world(1_000, seed=32, rates={"churn": 0.0})
    (_, acted), (_, bare) = (sm.simulate(each, threads=1) for each in (spec, dataclasses.replace(spec, actions=())))
    for name in ("time", "segment", "exposure", "size", "followed_until"):
        assert acted.entities[name].equals(bare.entities[name]), name
    assert acted.instances.equals(bare.instances)


def test_late_and_doubled_rows_are_there_of_actions_too() -> None:
    log, _ = sm.simulate(dataclasses.replace(EVERYTHING, n_entities=3_000), threads=1)
    rows = log.to_arrow()
    for event in ("csm_call", "complaint", "mail_offer", "health_score"):
        mine = rows.filter(pc.equal(rows["event"].cast("string"), event))
        late = np.asarray(mine["ingested_at"].to_numpy()) > micros(mine["time"])
        assert 0.2 < late.mean() < 0.4, event
        table = pa.table({"entity": mine["entity"].cast("string"), "time": mine["time"]})
        distinct = table.group_by(["entity", "time"]).aggregate([]).num_rows
        assert 0.2 < mine.num_rows / distinct - 1 < 0.4, event
    flipped = sm.simulate(dataclasses.replace(EVERYTHING, n_entities=3_000), threads=1)[1].outcomes["flipped"]
    assert pc.sum(flipped).as_py() > 20


def test_a_study_for_windows() -> None:
    """Index at the ready time, horizon of the follow-up, and columns for what is known of the entities."""
    log, truth = sm.simulate(window_world(2_000, seed=33), threads=1)
    study = truth.window_study("csm_call")
    assert isinstance(study.at, pa.Table)
    assert study.at.schema.names == ["entity", "index_time", "plan", "score"]
    assert set(study.at["plan"].to_pylist()) == {"basic", "plus"}
    assert study.outcome is not None
    labels = sm.label(log, study)
    churn = dict(zip(truth.entities["entity"].to_pylist(), micros(truth.entities["churn_time"]).tolist(), strict=True))
    rows = labels.to_arrow()
    told = [
        churn[entity] < at + 30 * DAY
        for entity, at in zip(rows["entity"].to_pylist(), micros(rows["index_time"]).tolist(), strict=True)
    ]
    assert np.asarray(rows["label"]).astype(bool).tolist() == told
    assert rows.num_rows > 1_500
    assert truth.window_study("csm_call", "vip").outcome is not None
    assert str(truth.window_study("csm_call", "referral").outcome).startswith("exists(referral) within 30d")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": ""}, "name of an action is text, not ''"),
        ({"actor": "partner"}, "actor of the action 'a' is 'company' or 'customer', not 'partner'"),
        ({"per_day": -1}, "per_day of the action 'a' lies between 0 and"),
        ({"per_day": (("1d", 0.1), ("1d", 0.2))}, "the pieces end one after the other, and 1d comes too late"),
        ({"per_day": (("1d",),)}, r"a piece of per_day of the action 'a' is \(until, per day\)"),
        ({"max_delay": "100m"}, "max_delay of the action 'a' is not 1 to 4,096 whole bins of 1h"),
        ({"bin_width": "1s"}, "is not 1 to 4,096 whole bins of 1s"),
        ({"automatic": "7d"}, "automatic of the action 'a' lies"),
        ({"hours": "night"}, "hours of the action 'a' is 'office' or 168 factors, not 'night'"),
        ({"hours": [1.0]}, "hours of the action 'a' has 168 factors"),
        ({"risk": 9}, "risk of the action 'a' lies between -5 and 5, not 9"),
        ({"repeats": 33}, "repeats of the action 'a' lies between 1 and 32, not 33"),
        ({"share": 2}, "share of the action 'a' lies between 0 and 1, not 2"),
        ({"co_action": "a"}, "co_action of the action 'a' is another event type, not 'a'"),
        ({"churn": -0.5}, "churn of the action 'a' is an EffectCurve, not -0.5"),
        ({"actor": "customer", "churn": EffectCurve.constant(1)}, "what customers do themselves has no effect here"),
        ({"by_channel": {"mail": "x"}}, "by_channel.'mail'. of the action 'a' is a number"),
        ({"by_channel": 3}, "by_channel of the action 'a' maps names to factors, not 3"),
    ],
)
def test_what_is_no_action(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        PlantedAction(**{"name": "a", "moment": "m", **wrong})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"windows": "19h"}, "windows of an effect is a list, not '19h'"),
        ({"windows": (("19h", "37h"),)}, r"a window is \(lo, hi, size\)"),
        ({"windows": (("37h", "19h", 1),)}, r"the window \[37h,19h\) is empty"),
        ({"windows": (("1h", "3h", 1), ("2h", "4h", 1))}, r"\[1h,3h\) and \[2h,4h\) overlap"),
        ({"outside": 9}, "outside of an effect lies between -5 and 5, not 9"),
        ({"peak": 1.0}, "a bump has a centre, a width and a peak"),
        ({"centre": "3h"}, "a bump has a centre, a width and a peak"),
    ],
)
def test_what_is_no_effect(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        EffectCurve(**wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"actions": ("call",)}, "actions holds PlantedAction, not str"),
        ({"actions": (PlantedAction(name="call", moment="second_ordr"),)}, "did you mean 'second_order'"),
        ({"actions": (PlantedAction(name="login", moment="second_order"),)}, "'login', which there is already"),
        ({"actions": (PlantedAction(name="complaint", moment="second_order"),)}, "which there is already"),
        ({"actions": (PlantedAction(name="c", moment="second_order", by_channel={"fax": 1}),)}, "there is no 'fax'"),
        ({"actions": (PlantedAction(name="c", moment="second_order", by_segment={"big": 1}),)}, "there is no 'big'"),
        ({"confounding": 3}, "confounding is a Confounding, not 3"),
        ({"experiment": 3}, "experiment is an Experiment, not 3"),
    ],
)
def test_what_is_no_world_with_actions(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        window_world(10, **wrong)
    with pytest.raises(ParameterError, match="complaint_visible is True or False, not 1"):
        Confounding(complaint_visible=1)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="churn of the confounding lies between -5 and 5, not 6"):
        Confounding(churn=6)


def test_specs_of_actions_survive_json() -> None:
    rich = PlantedAction(
        name="visit",
        moment="second_order",
        per_day=(("1d", 0.2), ("3d", 0.1)),
        hours=[1.0] * 168,
        vip=EffectCurve.bump("30h", "6h", 0.4),
        churn=EffectCurve(windows=(("40h", "60h", -1), ("1h", "2h", 0.5)), outside=0.1),
        by_segment={"large": 2},
        lasts="3d",
        automatic=None,
    )
    spec = dataclasses.replace(EVERYTHING, actions=(*EVERYTHING.actions, rich))
    again = sm.SimulationSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    assert rich.churn is not None
    assert rich.churn.windows == (("1h", "2h", 0.5), ("40h", "60h", -1.0))
    assert [rich.churn.at(delay) for delay in ("30m", "1h", "2h", "59h")] == [0.1, 0.5, 0.1, -1.0]
    assert rich.effect("vip").at("30h") == 0.4
    assert rich.effect("referral").is_none
    for name, table, said in (
        ("actions", [{"name": "a"}], "an action needs 'moment'"),
        ("actions", [{"name": "a", "momen": "m"}], "an action has no 'momen' - did you mean 'moment'"),
        ("actions", [{"name": "a", "moment": "m", "churn": {"window": []}}], "an effect has no 'window'"),
        ("actions", 3, r"actions is a list of tables, not 3 - begin each with \[\[actions\]\]"),
        ("confounding", {"hiden": 1}, "the confounding has no 'hiden'"),
    ):
        with pytest.raises(ParameterError, match=said):
            sm.SimulationSpec.from_dict({name: table})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"between": ("9d", "2d")}, r"between of the moment 'm' is empty: \[9d,2d\)"),
        ({"between": ("9d",)}, r"between of the moment 'm' is \(after, before\)"),
        ({"early": {"chrun": ()}}, "early of the moment 'm' has no 'chrun' - did you mean 'churn'"),
        ({"early": {"churn": (("2d", 1.0), ("1d", 1.0))}}, "1d does not come after 2d"),
        ({"early": {"churn": (("2d",),)}}, r"a piece of early is \(until, addition\)"),
        ({"early": 3}, "early of the moment 'm' maps outcomes to pieces, not 3"),
    ],
)
def test_where_and_how_moments_begin(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        PlantedMoment(name="m", pattern="a -[1h,2h)-> b", **wrong)


def test_moments_lie_between_their_borders() -> None:
    _, truth = sm.simulate(window_world(2_000, seed=34), threads=1)
    for name in ("start_time", "ready_time"):
        days = (micros(truth.instances[name]) - truth.spec.origin) / DAY
        assert days.min() >= 100
        assert days.max() < 320
