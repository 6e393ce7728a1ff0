"""Real logs, as a demanding user would ask them: what was randomised is found, what was selected is not sold.

Answers of statsmodels and pandas (tests/real_windows.py) share no code with seqmine.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import real_windows as real
import seqmine as sm
from seqmine.labels import ESTIMATION, split_halves


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        not real.here(name), reason=f"{name} is not beside the checkout; SEQMINE_SHARED_DATA names the folder of logs"
    )


pytestmark = pytest.mark.data


# --- mimic_heartsteps: a suggestion randomised at every decision point ------------------------------------------------


@needs("mimic_heartsteps")
@pytest.mark.parametrize("seed", range(6))
def test_the_known_short_effect_is_found_whatever_the_halves_against_statsmodels(seed: int) -> None:
    """Treated 2.787, not treated 2.629; 37 people, z = 2.6: half of them would miss it every other time."""
    row = real.suggestions(real.STEPS, seed=seed)
    assert (row["status"], row["effective"], row["timing"]) == ("randomised", True, False)
    for answer in (real.regression("value"), real.regression("value", adjusted=False), real.weighted_and_centred()):
        assert abs(row["effect"] - answer.effect) < 0.015
        assert 0.85 < row["se"] / answer.error < 1.1
    # The treated, but the last points of all logs, whose follow-up ends after them.
    told = real.decisions()
    assert 0 <= int(told["treated"].sum()) - row["n_treated"] < 40
    assert row["observed"] / row["n_treated"] == pytest.approx(told.loc[told["treated"] == 1, "value"].mean(), abs=0.01)
    assert row["expected"] / row["n_treated"] == pytest.approx(told.loc[told["treated"] == 0, "value"].mean(), abs=0.02)
    assert "suggestion within 5m of the moment made for" in row["statement"]
    assert "nothing is known of others" in row["statement"]


@needs("mimic_heartsteps")
def test_a_yes_or_no_outcome_of_the_trial_agrees_too_against_statsmodels() -> None:
    row, answer = real.suggestions(real.HIGH), real.regression("label")
    assert row["status"] == "randomised"
    assert abs(row["effect"] - answer.effect) < 0.004
    assert 0.85 < row["se"] / answer.error < 1.1
    assert not row["effective"]  # 1.7 pp with an error of 1.1 pp
    assert row["statement"].startswith("No effect of suggestion")
    assert row["rr"] == pytest.approx(row["observed"] / row["expected"])


@needs("mimic_heartsteps")
def test_the_longest_delay_plays_no_part_where_chance_decides_at_the_moment() -> None:
    short, long = (real.suggestions(real.STEPS, max_delay=length) for length in ("1h", "14d"))
    assert short == long


@needs("mimic_heartsteps")
def test_suggestions_drawn_anew_have_no_effect() -> None:
    """40 new draws at the same points. Of z with few people 5 to 7 % lie beyond 1.96; more than 7 of 40 come in 1 %."""
    rng = np.random.default_rng(5)
    events = real.heartsteps().to_arrow().to_pandas()
    kept, points = events[events["event"] != "suggestion"], events[events["event"] == "decision_point"]
    z = []
    for seed in range(40):
        drawn = points.loc[rng.random(len(points)) < 0.6, ["entity", "time"]]
        drawn = drawn.assign(event="suggestion", time=drawn["time"] + pd.Timedelta("1s"))
        log = sm.EventLog.from_arrow(
            pd.concat([kept, drawn], ignore_index=True), value="value", attributes=["rand_prob", "pre30", "place"]
        )
        row = real.suggestions(real.STEPS, log=log, seed=seed)
        assert row["status"] == "randomised"
        z.append(row["z"])
    assert np.count_nonzero(np.abs(z) > 1.96) <= 7
    assert abs(np.mean(z)) < 3 / math.sqrt(40)
    assert 0.7 < np.std(z) < 1.4


@needs("mimic_heartsteps")
def test_the_same_trial_undeclared_is_not_called_one() -> None:
    row = real.suggestions(real.STEPS, randomised=None, max_delay="1h")
    assert row["status"] in {"weak", "associational", "not_identified"}
    assert "made for" not in row["statement"]


# --- social_pressure: arms of a mailing, one election day -------------------------------------------------------------


EVERY = 4
"""One voter in four, for speed; `tools/windows_on_real_logs.py` takes all."""


@needs("social_pressure")
@pytest.mark.parametrize("arm", real.MAILS)
def test_mailings_have_the_effects_of_the_trial_against_statsmodels(arm: str) -> None:
    """29.66 % of all controls voted; +1.8, +2.6 and +8.1 pp with the three mailings."""
    (row,), answer = real.mailings([arm], every=EVERY), real.difference(arm, every=EVERY)
    assert (row["status"], row["timing"]) == ("randomised", False)
    assert abs(row["effect"] - answer.effect) < 0.75 * answer.error  # the same people, with covariates held equal
    assert row["effect_low"] < answer.effect < row["effect_high"]
    assert 0.9 < row["se"] / answer.error <= 1.0
    _, people, outcomes = real.voters(EVERY)
    mailed = people.loc[people["arm"] == arm, "entity"]
    assert row["n_treated"] == len(mailed)
    assert row["observed"] == outcomes.set_index("entity")["label"][mailed].sum()
    assert row["overlap"] == 1.0 and abs(row["balance"]) < 0.05
    if row["effective"]:
        assert "27d after the moment made for" in row["statement"]
        assert "nothing is known of others" in row["statement"]
    assert row["effective"] or arm != "Neighbors"


@needs("social_pressure")
def test_an_arm_that_is_given_but_not_declared_is_named() -> None:
    (row,) = real.mailings(["Neighbors"], every=EVERY, declared=False)
    assert (row["status"], row["reason"], row["effect"]) == ("not_identified", "no_overlap", None)
    assert "for arm all but decides who gets it" in row["statement"]


@needs("social_pressure")
def test_without_arms_at_all_the_number_is_near_and_the_claim_modest() -> None:
    (row,) = real.mailings(["Neighbors"], every=EVERY, declared=False, arms=False)
    assert row["status"] in {"weak", "identified"}
    assert row["effect_low"] < real.difference("Neighbors", every=EVERY).effect < row["effect_high"]
    assert not row["timing"]
    assert "than acting later or not at all" in row["statement"]


# --- bpic2012: calls that follow trouble ------------------------------------------------------------------------------


@needs("bpic2012")
@pytest.mark.parametrize("event", ["A_APPROVED", "A_CANCELLED", "A_DECLINED", "O_CANCELLED", "O_SENT_BACK"])
def test_calls_after_offers_are_never_sold_as_effects(event: str) -> None:
    for row in real.calls(event):
        assert row["status"] in {"weak", "associational", "not_identified"}
        assert "made for" not in row["statement"]
        if row["effective"]:
            assert "Weak:" in row["statement"] or "no effect to count on" in row["statement"]


@needs("bpic2012")
def test_the_returned_offer_that_a_call_records_is_named_against_pandas() -> None:
    """Four in ten calls on days 3 to 7 are opened minutes before the customer's answer is logged."""
    (row,) = real.calls("A_APPROVED")
    assert row["effective"]
    assert "follows_at_once:O_SENT_BACK" in row["flags"]
    made = real.first_calls()
    lo, hi = (row[name].total_seconds() / 3600 for name in ("lo", "hi"))
    window = made[(made["hours"] >= lo) & (made["hours"] < hi)]
    share = (window["minutes"] <= 60).mean()
    told = int(row["statement"].split("O_SENT_BACK comes at the time of ")[1].split("%")[0]) / 100
    assert told == pytest.approx(share, abs=0.08)  # all first calls, not only those of compared rows
    assert (made.loc[made["hours"] < 12, "minutes"] <= 60).mean() < 0.05


@needs("bpic2012")
def test_a_placebo_rejects_the_special_window() -> None:
    """The amount asked for was there before anybody called; calls seem to change it."""
    (row,) = real.calls("A_APPROVED", placebos=("amount",))
    assert row["p_placebo"] < 0.01
    assert (row["status"], row["effective"], row["timing"]) == ("associational", True, False)
    assert "went along with" in row["statement"] and "seems to change amount" in row["statement"]


@needs("bpic2012")
def test_counts_of_treated_and_outcomes_are_those_of_pandas() -> None:
    """Two bins of a week: first calls in each, of cases without approval at its end. Only the halves are seqmine's."""
    events = real.table("bpic2012", "events")
    end = pd.Timestamp(real.bank().observed_until, unit="us", tz="UTC") - pd.Timedelta("44D")
    sent = events[events["event"] == "O_SENT"].groupby("entity")["time"].min()
    sent = sent[sent <= end]
    (row,) = real.calls("A_APPROVED", bin_width="7d")
    assert row["n_rows"] + row["n_discovery_rows"] == len(sent)
    week = real.first_calls().set_index("entity")["hours"].reindex(sent.index) // (7 * 24)
    approved = events[events["event"] == "A_APPROVED"].groupby("entity")["time"].min().reindex(sent.index) - sent
    days = approved.dt.total_seconds() / 86_400 - 7 * (week + 1)
    risk = (week < 2) & ~(days < 0)
    judged = split_halves(pa.array(sent.index.to_list()), 1) == ESTIMATION
    assert row["n_rows"] == judged.sum()
    assert round(row["n_treated"] / row["overlap"]) == (risk & judged).sum()
    assert row["observed"] <= (risk & judged & (days < 30)).sum()


# --- completejourney: whom a shop writes to ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "outcome", ["sum(value of basket) within 30d", "no basket within 30d", "exists(redeem) within 30d"]
)
def test_selected_households_are_not_sold_as_an_effect(outcome: str) -> None:
    for row in real.campaigns(outcome, real.STOCK_UP, bin_width="1d"):
        assert row["status"] in {"associational", "weak", "not_identified"}
        assert "made for" not in row["statement"]
        if row["effective"] and row["status"] == "associational":
            assert "no effect to count on" in row["statement"]


def test_spending_four_times_as_much_shrinks_to_nothing() -> None:
    """Households with a campaign spend 4.4 times as much as others over the year."""
    mailed, others = real.spending()
    assert mailed / others > 4
    (row, *_) = real.campaigns("sum(value of basket) within 30d", real.STOCK_UP, bin_width="1d")
    assert abs(row["all_effect"]) < 0.1 * row["observed"] / row["n_treated"]
