"""The true effects of actions against quadrature, and against counts in the log itself."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from action_oracle import expected, normal_risks

import seqmine as sm
from seqmine.errors import ParameterError
from seqmine.simulation import Confounding, EffectCurve, PlantedAction, SimulationSpec, Truth, window_world

HOUR = 3_600_000_000
DAY = 24 * HOUR
NEVER = 2**62
CALM = Confounding(plan=0, score=0, churn=0, complaint_per_day=0)

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]


def micros(column: Any) -> Int64:
    return np.asarray(column.cast("int64").fill_null(NEVER).to_numpy(), np.int64)


def hours(column: Any) -> Float64:
    return micros(column) / HOUR


def hazard_of(pieces: tuple[tuple[float, float], ...]) -> Any:
    """The pieces (until, in hours; rate) as a function, 0 after the last."""
    untils, rates = [until for until, _ in pieces], [*(rate for _, rate in pieces), 0.0]
    return lambda t: np.array(rates)[np.searchsorted(untils, t, side="right")]


def numbers(curve: pa.Table, name: str) -> Float64:
    return np.asarray(curve[name].cast("float64").fill_null(np.nan).to_numpy(), np.float64)


CURVES = {
    "step": (EffectCurve.step("19h", "37h", -0.6), lambda t: np.where((t >= 19) & (t < 37), -0.6, 0.0)),
    "constant": (EffectCurve.constant(-0.4), lambda t: np.full_like(t, -0.4)),
    "bump": (EffectCurve.bump("30h", "8h", -0.8), lambda t: -0.8 * np.exp(-0.5 * ((t - 30) / 8) ** 2)),
    "two": (
        EffectCurve(windows=(("6h", "18h", -0.6), ("40h", "60h", -0.8))),
        lambda t: np.where((t >= 6) & (t < 18), -0.6, np.where((t >= 40) & (t < 60), -0.8, 0.0)),
    ),
    "reversal": (
        EffectCurve.step("19h", "37h", -0.6, outside=0.3),
        lambda t: np.where((t >= 19) & (t < 37), -0.6, 0.3),
    ),
}


@pytest.mark.parametrize("name", CURVES)
def test_effects_by_delay_against_quadrature(name: str) -> None:
    """Indication by risk, time that is immortal, every kind of curve: chi-square over 96 bins, and the mean effect."""
    curve, effect = CURVES[name]
    world = window_world(
        60_000,
        seed=17,
        effect=curve,
        confounding=Confounding(complaint_per_day=0, plan=0.8, score=1.0, churn=0.5),
        action={"per_day": (("1d", 0.3), ("4d", 0.2)), "max_delay": "4d", "follow_up": "20d"},
        mean_events=0.01,
        resolution="1ms",
    )
    _, truth = sm.simulate(world, threads=1)
    base = 0.05 / 365 / 24 * np.exp(4.2)
    risks, weights = normal_risks(0.8, 0.5, 1.0)
    # Whoever has the moment did not churn before it, which is rarer at high risk, by about e^(-hazard x half a year).
    weights = weights * np.exp(-0.05 * 0.58 * np.exp(0.5 * risks))
    told = expected(
        churn=hazard_of(((48, base * np.exp(2.0)), (120, base * np.exp(1.3)), (1e9, base))),
        action=hazard_of(((24, 0.3 / 24), (96, 0.2 / 24))),
        effect=effect,
        risks=risks,
        weights=weights / weights.sum(),
        churn_risk=0.5,
        action_risk=0.5,
        hours=96,
        follow_up=480,
    )
    found = truth.effect_curve("csm_call")
    n = truth.instances_of("second_order").num_rows
    counts = numbers(found, "n_treated")
    assert ((counts - n * told.share) ** 2 / (n * told.share)).sum() < 96 + 4 * np.sqrt(2 * 96)
    for contrast, want in (("vs_usual", told.vs_usual), ("vs_none", told.vs_none)):
        effects, errors = numbers(found, f"att_{contrast}"), numbers(found, f"se_{contrast}")
        sure = errors > 0
        z = (effects - want)[sure] / errors[sure]
        assert abs((z**2).sum() - sure.sum()) < 4 * np.sqrt(2 * sure.sum()), contrast
        # Where no two worlds differed, hardly any were to.
        assert np.abs((effects - want) * counts)[~sure].max(initial=0) < 12, contrast
        whole = dataclasses.asdict(truth.att("csm_call", "0h", "4d"))
        mean = (told.share * want).sum() / told.share.sum()
        assert abs(whole[contrast] - mean) < 4 * whole[f"se_{contrast}"], contrast


def test_the_curve_counts_what_the_log_shows() -> None:
    """Treated, and the outcome after it, counted in plain Python from the log and the table of outcomes."""
    spec = window_world(4_000, seed=3)
    late = dataclasses.replace(spec.moments[0], between=("100d", "364d"))  # some cannot be followed long enough
    log, truth = sm.simulate(dataclasses.replace(spec, moments=(late,)), threads=1)
    events = log.to_arrow()
    call = events.filter(pc.equal(events["event"].cast("string"), "csm_call"))
    calls = sorted(zip(call["entity"].to_pylist(), micros(call["time"]).tolist(), strict=True), reverse=True)
    first = dict(calls)  # the earliest of each entity stays
    table = truth.outcome_table("churn")
    churn = {
        entity: time if label else NEVER
        for entity, time, label in zip(
            table["entity"].to_pylist(), micros(table["time"]).tolist(), table["label"].to_pylist(), strict=True
        )
    }
    end = truth.spec.origin + truth.spec.length
    n, struck, short = [0] * 168, [0] * 168, 0
    moments = sm.find(log, truth.moment("second_order").pattern)
    for entity, ready in zip(moments["entity"].to_pylist(), micros(moments["moment_time"]).tolist(), strict=True):
        short += ready + 37 * DAY > end
        if ready + 37 * DAY > end or entity not in first:
            continue
        k = (first[entity] - ready) // HOUR
        landmark = ready + (k + 1) * HOUR
        if churn[entity] >= landmark:
            n[k] += 1
            struck[k] += churn[entity] < landmark + 30 * DAY
    assert short > 200
    curve = truth.effect_curve("csm_call")
    assert curve["n_treated"].to_pylist() == n
    risks = [None if m == 0 else c / m for c, m in zip(struck, n, strict=True)]
    assert curve["risk"].to_pylist() == risks
    assert curve["lo"].to_pylist()[19].total_seconds() == 19 * 3600


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


def test_worlds_share_their_clocks_until_the_action() -> None:
    """A protecting action moves every churn after it to later, by the law of one clock: none comes sooner for it."""
    _, truth = sm.simulate(window_world(3_000, seed=4, effect=EffectCurve.constant(-0.7)), threads=1)
    rows = truth.treated
    factual, none, usual = (micros(rows[f"churn_{world}"]) for world in ("factual", "none", "usual"))
    struck = none < NEVER
    assert (factual >= none).all() and (factual >= usual).all() and (usual >= none).all()
    assert (factual[struck] > none[struck]).mean() > 0.999


def test_the_windows_world_is_as_described() -> None:
    """About 42 % called, 8 % in the window, half churned within 30 days, and 12 points in the window."""
    _, truth = sm.simulate(window_world(50_000, seed=5, mean_events=1), threads=1)
    instances = truth.instances_of("second_order")
    delay = hours(truth.treated["time"]) - hours(truth.treated["ready_time"])
    n = instances.num_rows
    assert 0.95 < n / 50_000 < 0.98
    assert 0.40 < len(delay) / n < 0.45
    assert 0.07 < ((delay >= 19) & (delay < 37)).sum() / n < 0.09
    churn = dict(zip(truth.entities["entity"].to_pylist(), micros(truth.entities["churn_time"]), strict=True))
    after = np.array([churn[entity] for entity in instances["entity"].to_pylist()]) - micros(instances["ready_time"])
    assert 0.45 < (after < 30 * DAY).mean() < 0.52
    assert 0.2 < (after < 7 * DAY).mean() < 0.3
    window = truth.att("csm_call", "19h", "37h")
    assert -0.135 < window.vs_usual < -0.105
    assert truth.att("csm_call", "37h", "7d").vs_usual == 0.0
    before = truth.att("csm_call", "0h", "19h")
    assert before.vs_usual > 3 * before.se_vs_usual > 0  # a call too early takes the place of one in the window
    assert before.vs_none == 0.0


def test_segments_and_channels_have_their_own_effects() -> None:
    action = {"by_channel": {"mail": 0.0, "app": 2.0}, "by_segment": {"small": 0.0}, "per_day": 0.5}
    world = window_world(30_000, seed=6, effect=EffectCurve.constant(-0.5), action=action, mean_events=1)
    log, truth = sm.simulate(world, threads=1)
    for nothing in ({"segment": "small"}, {"segment": "small", "channel": "app"}):
        none = truth.att("csm_call", "0h", "7d", **nothing)  # type: ignore[arg-type]
        assert none.n_treated > 500
        assert none.vs_none == none.vs_usual == 0.0
    mail = truth.att("csm_call", "0h", "7d", channel="mail")
    assert mail.vs_none == 0.0
    assert mail.vs_usual > 5 * mail.se_vs_usual  # it takes the place of a later one by another channel
    of_app = truth.att("csm_call", "0h", "7d", segment="medium", channel="app")
    of_web = truth.att("csm_call", "0h", "7d", segment="medium", channel="web")
    assert of_app.vs_none < of_web.vs_none - 3 * of_web.se_vs_none < -0.05
    whole, parts = truth.att("csm_call", "0h", "7d"), ("app", "mail", "phone", "web")
    assert whole.n_treated == sum(truth.att("csm_call", "0h", "7d", channel=each).n_treated for each in parts)
    # The log's rows have the channels that the effects went by.
    events = log.to_arrow()
    calls = events.filter(pc.equal(events["event"].cast("string"), "csm_call"))
    shown = dict(zip(calls["entity"].to_pylist(), calls["channel"].cast("string").to_pylist(), strict=True))
    told = zip(truth.treated["entity"].to_pylist(), truth.treated["channel"].cast("string").to_pylist(), strict=True)
    assert shown == dict(told)


def test_an_action_may_work_for_a_while_only() -> None:
    """Churn in the follow-up of an effect that lasts a day: what is left is one day's share of that for ever."""
    given: dict[str, Any] = {"effect": EffectCurve.constant(-3.0), "confounding": CALM, "mean_events": 0.01, "seed": 8}
    _, brief = sm.simulate(window_world(20_000, action={"lasts": "1d"}, **given), threads=1)
    _, ever = sm.simulate(window_world(20_000, **given), threads=1)
    short, long = (truth.att("csm_call", "5d", "7d") for truth in (brief, ever))
    # From day 5 on the hazard is flat at 0.05 e^4.2 / 365: 24 % in 30 days, of which a day off takes 0.6 points.
    rate = 0.05 * np.exp(4.2) / 365
    left = np.exp(-rate * (29 + 1 / 48) - rate * (1 - 1 / 48) * np.exp(-3.0))
    assert short.vs_none == pytest.approx(-(left - np.exp(-30 * rate)), abs=4 * short.se_vs_none + 5e-4)
    assert long.vs_none < -0.15 < short.vs_none < 0


def test_other_outcomes() -> None:
    """VIP and referrals have curves of their own; they count the first since the moment."""
    action = {"vip": EffectCurve.constant(0.9), "referral": EffectCurve.constant(0.5)}
    spec = window_world(
        20_000,
        seed=9,
        effect=EffectCurve(),
        action=action,
        mean_events=0.01,
        rates={"churn": 0.05, "vip": 2.0, "referral": 3.0},
        confounding=CALM,
    )
    _, truth = sm.simulate(spec, threads=1)
    assert truth.att("csm_call", "0h", "7d").vs_none == 0.0
    for outcome in ("vip", "referral"):
        effect = truth.att("csm_call", "0h", "7d", outcome)
        assert effect.vs_none > 5 * effect.se_vs_none > 0
        rows = truth.treated
        assert (micros(rows[f"{outcome}_factual"]) <= micros(rows[f"{outcome}_none"])).all()


def test_two_actions_add_up_and_leave_each_others_clocks_alone() -> None:
    spec = window_world(5_000, seed=10, effect=EffectCurve.constant(-0.5), mean_events=1)
    mail = PlantedAction(name="mail_offer", moment="second_order", per_day=0.3, churn=EffectCurve.constant(-0.4))
    both = dataclasses.replace(spec, actions=(*spec.actions, mail))
    (_, one), (_, two) = sm.simulate(spec, threads=1), sm.simulate(both, threads=1)

    def calls(truth: Truth) -> dict[str, int]:
        rows = truth.treated.filter(pc.equal(truth.treated["action"].cast("string"), "csm_call"))
        return dict(zip(rows["entity"].to_pylist(), micros(rows["time"]).tolist(), strict=True))

    alone, beside = calls(one), calls(two)
    assert all(beside[entity] == time for entity, time in alone.items())  # mails only let entities live longer
    assert len(beside) > len(alone)
    assert [each.name for each in two.actions] == ["csm_call", "mail_offer"]
    assert two.att("mail_offer", "0h", "7d").vs_none < 0


def test_what_is_no_window_or_outcome() -> None:
    _, truth = sm.simulate(window_world(300, seed=2), threads=1)
    with pytest.raises(ParameterError, match=r"\[lo, hi\) are whole bins of 1h up to 168h"):
        truth.att("csm_call", "90m", "3h")
    with pytest.raises(ParameterError, match="no action 'csm_cal' - did you mean 'csm_call'"):
        truth.effect_curve("csm_cal")
    with pytest.raises(ParameterError, match="there is no outcome 'chrun' - did you mean 'churn'"):
        truth.att("csm_call", "0h", "3h", "chrun")
    assert SimulationSpec().actions == ()
