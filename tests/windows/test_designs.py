"""Designs as users bring them, on made logs: arms, tables with one date, unions, answers that are logged as actions."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import seqmine as sm
from seqmine.windows.streams import Stream

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class Maker:
    """Rows of an event log, of an outcome table, and of an index table."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.outcomes: list[dict[str, Any]] = []
        self.people: list[dict[str, Any]] = []

    def event(self, who: int, name: str, days: float) -> None:
        self.events.append({"entity": f"p{who}", "time": BEGIN + days * DAY, "event": name})

    def outcome(self, who: int, days: float, label: bool) -> None:
        self.outcomes.append({"entity": f"p{who}", "time": BEGIN + days * DAY, "label": int(label)})

    def person(self, who: int, **columns: Any) -> None:
        self.people.append({"entity": f"p{who}", "time": BEGIN, **columns})

    def log(self, **options: Any) -> sm.EventLog:
        return sm.EventLog.from_arrow(pa.Table.from_pylist(self.events), **options)

    def study(self, outcome: str | None = None) -> sm.Study:
        told = sm.Outcome.from_table(pa.Table.from_pylist(self.outcomes)) if outcome is None else outcome
        at: Any = pa.Table.from_pylist(self.people) if self.people else "2024-01-01T00:00:00Z"
        return sm.Study(told, at=at, seed=3)


def scan(log: sm.EventLog, study: sm.Study, actions: str | list[str], **options: Any) -> list[dict[str, Any]]:
    given = sm.WindowOptions(threads=1, n_null=99, n_bootstrap=39, **options)
    return sm.scan_windows(log, "start", actions, study, given).to_arrow().to_pylist()


def voters(*, missed: float = 0.0, third: bool = False, n: int = 3000) -> tuple[Maker, dict[str, float]]:
    """A mailing 20 days after the start, one election day for all; the share of votes by arm.

    ``missed`` of the mailed arm never get the mail, and vote less than others; ``third`` adds an arm of
    which 3 of 11 are known for five days only.
    """
    rng, made, votes = np.random.default_rng(11), Maker(), Counter[tuple[str, bool]]()
    for who in range(n):
        arm = ("none", "letter", "brief")[who % (3 if third else 2)]
        keen = rng.random()
        gets = arm != "none" and not (arm == "letter" and keen < missed)
        vote = bool(rng.random() < 0.2 + 0.3 * keen + 0.12 * (arm == "letter" and gets))
        made.event(who, "start", 0)
        if gets:
            made.event(who, "mail", 20)
        lost = arm == "brief" and who % 11 < 3
        made.outcome(who, 5 if lost else 40, vote and not lost)
        made.person(who, arm=arm, age=float(rng.integers(20, 80)))
        votes[arm, vote] += 1
    shares = {arm: votes[arm, True] / (votes[arm, True] + votes[arm, False]) for arm in ("none", "letter")}
    return made, shares


ARM = sm.Randomised(arm="arm", control="none")


def test_a_table_with_one_date_for_all_needs_no_follow_up() -> None:
    """Nobody is known beyond election day, so no half-open follow-up holds the votes of that day."""
    made, votes = voters()
    found = scan(made.log(observed_until="2024-03-01T00:00:00Z"), made.study(), "mail", max_delay="28d", randomised=ARM)
    assert [row["status"] for row in found] == ["randomised"]
    assert abs(found[0]["effect"] - (votes["letter"] - votes["none"])) < 0.01
    assert found[0]["n_treated"] == 1500  # one delay, chance decided: all rows judge
    assert found[0]["effective"] and not found[0]["timing"]
    assert "the table's outcome" in found[0]["statement"]
    assert found[0]["n_per_arm"] > 100  # the rate is that at 20 days, not at the start


def test_a_follow_up_that_ends_before_the_outcome_says_so_and_promises_nothing() -> None:
    made, _ = voters(n=400)
    log = made.log(observed_until="2024-03-01T00:00:00Z")
    (row,) = scan(log, made.study(), "mail", max_delay="28d", follow_up="5d", randomised=ARM)
    assert (row["status"], row["reason"]) == ("not_identified", "no_variation")
    assert row["n_per_arm"] is None


def test_a_log_that_ends_too_early_names_the_date_and_the_way_out() -> None:
    made, _ = voters(n=400)
    (row,) = scan(made.log(), made.study(), "mail", max_delay="28d", randomised=ARM)
    assert (row["status"], row["reason"]) == ("not_identified", "too_few")
    assert "2024-01-21" in row["statement"] and "observed_until" in row["statement"]


@pytest.mark.parametrize("missed", [0.2, 0.7])
def test_an_arm_that_did_not_get_what_was_drawn_is_analysed_as_drawn(missed: float) -> None:
    """Those who vote least got no mail: who is left is no random part of the arm. Less than half may be left."""
    made, votes = voters(missed=missed)
    found = scan(made.log(observed_until="2024-03-01T00:00:00Z"), made.study(), "mail", max_delay="28d", randomised=ARM)
    (row,) = found
    assert (row["status"], row["flags"]) == ("randomised", ["intention_to_treat"])
    assert row["n_treated"] == 1500
    assert abs(row["effect"] - (votes["letter"] - votes["none"])) < 0.01
    mailed = sum(event["event"] == "mail" for event in made.events) / 1500
    assert f"as drawn ({mailed:.0%} of its arm got it, 0% of the control arm)" in row["statement"]
    assert not row["timing"] and row["naive_effect"] is None
    assert (row["lo"], row["hi"]) == (timedelta(0), timedelta(days=28))


def training(n: int, *, leak: float = 0.0, seed: int = 0) -> tuple[Maker, Any, Any]:
    """A course that begins within 60 days of the draw; of the control arm `leak` find one, too, the keen ones.

    Also the arm, and whether there was a job 100 to 700 days later, of everybody.
    """
    rng, made = np.random.default_rng(seed), Maker()
    keen, arm = rng.random(n), rng.permutation(n) < 0.4 * n
    job = rng.random(n) < 0.2 + 0.2 * keen + 0.15 * arm
    for who in range(n):
        made.event(who, "start", 0)
        made.event(who, "seen", -float(rng.integers(1, 300)))
        if arm[who] or keen[who] > 1 - leak:
            made.event(who, "course", int(rng.integers(0, 60)))
        if job[who]:
            made.event(who, "job", int(rng.integers(100, 700)))
        if rng.random() < 0.3:
            made.event(who, "newsletter", int(rng.integers(0, 60)))
        made.person(who, arm="trained" if arm[who] else "none")
    return made, arm, job


@pytest.mark.parametrize(("n", "leak"), [(450, 0.0), (3_000, 0.1)])
def test_a_trial_too_small_for_a_search_or_with_crossover_is_analysed_as_drawn(n: int, leak: float) -> None:
    """180 of 450 were to be trained, 90 in a half: the effect of the draw, of all rows, is that of the arms' means."""
    for seed in range(3):
        made, arm, job = training(n, leak=leak, seed=seed)
        log, study = made.log(observed_until="2027-01-01T00:00:00Z"), made.study("exists(job) within 730d")
        (row,) = scan(log, study, "course", max_delay="60d", randomised=ARM)
        one, none = job[arm], job[~arm]
        error = (one.var() / len(one) + none.var() / len(none)) ** 0.5
        assert (row["status"], row["n_treated"]) == ("randomised", len(one))
        assert "intention_to_treat" in row["flags"]
        assert row["effect"] == pytest.approx(one.mean() - none.mean(), abs=0.3 * error)
        assert row["se"] == pytest.approx(error, rel=0.08)


def test_an_action_that_no_arm_got_more_often_is_not_the_one_that_was_drawn() -> None:
    made, _, _ = training(1_000)
    log, study = made.log(observed_until="2027-01-01T00:00:00Z"), made.study("exists(job) within 730d")
    (row,) = scan(log, study, "newsletter", max_delay="60d", randomised=ARM)
    assert (row["status"], row["reason"]) == ("not_identified", "no_variation")
    assert "no arm got it more often than the control arm" in row["statement"]


def test_an_arm_for_all_moments_of_a_person_is_not_held_against_its_own_past() -> None:
    """Mails of earlier visits, and what came of them, tell the arm: they are neither held equal nor placebos."""
    z = []
    for seed in range(3):
        rng, made = np.random.default_rng(seed), Maker()
        for who in range(400):
            mailed, rate = who % 2 == 1, 1 / (1 + np.exp(1 - rng.normal()))
            made.person(who, arm="mails" if mailed else "none")
            for visit in range(0, 100, 20):
                made.event(who, "start", visit)
                if mailed and rng.random() < 0.7:
                    made.event(who, "mail", visit + rng.random())
                    made.event(who, "read", visit + 1 + rng.random())
                if rng.random() < rate:
                    made.event(who, "buy", visit + 2 + 3 * rng.random())
        log, study = made.log(observed_until="2024-06-01T00:00:00Z"), made.study("exists(buy) within 6d")
        (row,) = scan(log, study, "mail", max_delay="1d", washout="0s", repeats="all", randomised=ARM)
        assert (row["status"], row["flags"]) == ("randomised", ["intention_to_treat"])
        assert row["n_treated"] == 1000
        z.append(row["effect"] / row["se"])
    assert abs(sum(z)) < 2 * 3**0.5


def test_arms_as_drawn_have_a_picture_in_words_and_no_curve() -> None:
    made, _, _ = training(450)
    log, study = made.log(observed_until="2027-01-01T00:00:00Z"), made.study("exists(job) within 730d")
    given = sm.WindowOptions(max_delay="60d", randomised=ARM)
    result = sm.scan_windows(log, "start", "course", study, given)
    assert result.curve().num_rows == 0
    words = " ".join(text.get_text() for text in result.plot("start", "course").axes[0].texts)
    assert " ".join(words.split()) == " ".join(result.statements()[0].split())


def test_who_is_lost_from_another_arm_is_not_lost_from_these() -> None:
    """9 % of all, 12 % of two arms and the lost ones: at 10 % the log as a whole would be given up."""
    made, _ = voters(third=True, n=3300)
    only = sm.Randomised(arm="arm", control="none", treated="letter")
    found = scan(
        made.log(observed_until="2024-03-01T00:00:00Z"), made.study(), "mail", max_delay="28d", randomised=only
    )
    assert found[0]["status"] == "randomised"


def test_the_column_that_decides_who_is_treated_is_named() -> None:
    made, _ = voters(n=2000)
    log = made.log(observed_until="2024-03-01T00:00:00Z")
    (row,) = scan(log, made.study(), "mail", max_delay="28d")
    assert (row["status"], row["reason"]) == ("not_identified", "no_overlap")
    assert "for arm all but decides who gets it" in row["statement"]


def test_chance_at_the_moment_asks_for_no_longer_delays() -> None:
    """Moments of the last two weeks count, whatever max_delay is: their one bin and its follow-up are known."""
    rng, made = np.random.default_rng(5), Maker()
    for who in range(40):
        for moment in range(30):
            made.events.append(
                {"entity": f"p{who}", "time": BEGIN + moment * DAY, "event": "start", "chance": 0.5, "value": None}
            )
            if treated := rng.random() < 0.5:
                made.event(who, "nudge", moment + 1e-4)
            steps = {"event": "steps", "value": float(rng.normal() + treated), "time": BEGIN + (moment + 0.02) * DAY}
            made.events.append({"entity": f"p{who}", **steps})
    log = made.log(value="value", attributes=["chance"])
    given = {"randomised": sm.Randomised(probability="chance"), "repeats": "all"}
    study = made.study("sum(value of steps) within 1h")
    (short,), (long,) = (scan(log, study, "nudge", max_delay=length, **given) for length in ("1h", "14d"))
    assert short["n_rows"] == long["n_rows"] == 40 * 29  # the last moment's follow-up ends after the log
    assert short["effect"] == long["effect"] and abs(short["effect"] - 1.0) < 0.2
    assert long["status"] == "randomised"
    assert "within 5m of the moment" in long["statement"]


def calls(*, answered: bool, companion: bool = False) -> tuple[sm.EventLog, sm.Study]:
    """A desk's calls. ``answered``: it opens a call when an answer arrives and logs the answer two minutes later;
    answers go with approval, calls do not. Else calls themselves raise approval. ``companion``: they
    are closed, too, save a few that come to nothing.
    """
    rng, made = np.random.default_rng(2), Maker()
    for who in range(8000):
        start = float(rng.integers(0, 30))
        answer = float(rng.exponential(12.0)) if answered else np.inf
        call = float(rng.exponential(25.0))
        first, by_answer = min(answer, call), answer < call
        chance = (0.7 if answer < 10 else 0.25) if answered else (0.5 if call < 10 else 0.25)
        good = rng.random() < chance
        made.event(who, "start", start)
        if first < 20:
            made.event(who, "call", start + first)
            if companion and (good or who % 40):
                made.event(who, "call_closed", start + first + 0.002)
        if by_answer and answer < 20:
            made.event(who, "answer", start + answer + 2 / 1440)
        if good:
            made.event(who, "approved", start + 21 + float(rng.random()) * 5)
        made.person(who, coin=float(rng.random() < 0.5))
    return made.log(observed_until="2024-04-01T00:00:00Z"), made.study("exists(approved) within 28d")


OPTIONS: dict[str, Any] = {"max_delay": "10d", "bin_width": "12h", "placebos": ("coin",), "covariates": ()}


def test_an_answer_that_is_logged_as_an_action_is_given_away() -> None:
    found = scan(*calls(answered=True), "call", **OPTIONS)
    shown = [row for row in found if row["effective"]]
    assert shown and all(row["effect"] > 0.1 for row in shown)
    assert {row["status"] for row in shown} == {"weak"}
    assert all("follows_at_once:answer" in row["flags"] for row in shown)
    assert all("may be how answer came to be recorded" in row["statement"] for row in shown)


def test_what_all_actions_bring_along_is_no_answer() -> None:
    found = scan(*calls(answered=False, companion=True), "call", **OPTIONS)
    assert any(row["effective"] for row in found)
    assert not any(flag.startswith("follows_at_once") for row in found for flag in row["flags"])


def test_the_events_of_an_action_are_no_other_action() -> None:
    """`mail|sms` has mails and is not joined by them; `mail` is not joined by `mail|sms`, which is itself and sms."""
    rng, made = np.random.default_rng(4), Maker()
    for who in range(3000):
        made.event(who, "start", 0)
        if rng.random() < 0.5:
            made.event(who, ("mail", "sms")[who % 2], float(rng.uniform(0, 10)))
        if rng.random() < 0.3:
            made.event(who, "bought", float(rng.uniform(11, 30)))
    log = made.log(observed_until="2024-03-01T00:00:00Z")
    found = scan(log, made.study("exists(bought) within 20d"), ["mail", "sms", "mail|sms"], max_delay="10d")
    assert len({row["action"] for row in found if row["effect"] is not None}) == 3
    assert not any(flag.startswith("co_intervention") for row in found for flag in row["flags"])


EVENTS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4)), max_size=12)


def stream(events: list[tuple[int, int]]) -> Stream:
    counts = sorted(Counter(events).items())
    offsets = np.searchsorted([entity for (entity, _), _ in counts], np.arange(5)).astype(np.int64)
    time = np.array([time for (_, time), _ in counts], np.int64)
    return Stream(offsets, time, np.array([float(n) for _, n in counts]))


@given(EVENTS, EVENTS)
def test_streams_are_taken_from_each_other_as_counts(one: list[tuple[int, int]], two: list[tuple[int, int]]) -> None:
    left = stream(one).without(stream(two))
    expected = sorted((Counter(one) - Counter(two)).items())
    entity = np.repeat(np.arange(4), np.diff(left.offsets)).tolist()
    assert list(zip(zip(entity, left.time.tolist(), strict=True), left.number.tolist(), strict=True)) == expected


@pytest.mark.parametrize("value", ["nonsense", "LETTER"])
def test_an_arm_that_there_is_not_is_an_error_that_lists_those_there_are(value: str) -> None:
    made, _ = voters(n=400)
    log = made.log(observed_until="2024-03-01T00:00:00Z")
    with pytest.raises(sm.errors.ParameterError, match="letter, none"):
        scan(log, made.study(), "mail", max_delay="28d", randomised=sm.Randomised(arm="arm", control=value))
