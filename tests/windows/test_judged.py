"""What a judge with generators of his own found: worlds in which the answer was once wrong, refused, or too noisy."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

import seqmine as sm

HOUR, DAY = 3_600_000_000, 86_400_000_000
BEGIN = 1_704_067_200_000_000
Ints = npt.NDArray[np.int64]
Part = tuple[Ints, Ints, str]


def table_of(parts: list[Part], **columns: Any) -> pa.Table:
    given = {name: pa.array([x for column in lists for x in column]) for name, lists in columns.items()}
    return pa.table(
        {
            "entity": [f"c{i}" for of, _, _ in parts for i in of.tolist()],
            "time": pa.array(np.concatenate([time for _, time, _ in parts]), pa.timestamp("us", "UTC")),
            "event": [what for of, _, what in parts for _ in of],
            **given,
        }
    )


def log_of(parts: list[Part], until: str = "2024-12-01T00:00:00Z", **options: Any) -> sm.EventLog:
    return sm.EventLog.from_arrow(table_of(parts), observed_until=until, **options)


def rows_of(log: sm.EventLog, moment: str, action: str, outcome: str, at: Any = "start + 0d", **options: Any) -> Any:
    study = sm.Study(outcome, at=at, seed=1)
    given = sm.WindowOptions(**{"threads": 1, "n_null": 199, "n_bootstrap": 39, **options})
    return sm.scan_windows(log, moment, action, study, given).to_arrow().to_pylist()


# --- silent leavers ---------------------------------------------------------------------------------------------------


def visitors(n: int, seed: int, *, blind: bool, effect: float = 0.0) -> sm.EventLog:
    """Visits, and people who leave without a word: nothing of them after. Calls by chance, lasting ``exp(effect)``.

    Calls go to those who are still there, or, ``blind``, to everybody.
    """
    rng = np.random.default_rng(seed)
    everyone = np.arange(n)
    t0 = BEGIN + 60 * DAY + (rng.random(n) * 20 * DAY).astype(np.int64)
    rate = rng.gamma(4.0, 0.15, n) + 0.1
    parts: list[Part] = [(everyone, t0 - 50 * DAY, "signup"), (everyone, t0, "renewal")]
    past = np.repeat(everyone, rng.poisson(rate * 45))
    parts.append((past, t0[past] - 1 - (rng.random(len(past)) * 45 * DAY).astype(np.int64), "visit"))
    call = rng.exponential(8 * DAY, n).astype(np.int64)
    leave = rng.exponential(50 * DAY, n)
    helped = leave > call
    leave = np.where(helped, call + (leave - call) * np.exp(-effect), leave).astype(np.int64)
    come = np.repeat(everyone, rng.poisson(rate * 45))
    at = (rng.random(len(come)) * 45 * DAY).astype(np.int64)
    here = at < leave[come]
    parts.append((come[here], t0[come[here]] + at[here], "visit"))
    reached = np.flatnonzero((call < 30 * DAY) & (blind | (call < leave)))
    parts.append((reached, t0[reached] + call[reached], "call"))
    return log_of(parts, "2024-07-01T00:00:00Z")


def test_calls_that_need_somebody_who_is_still_there_are_no_cure_for_silence() -> None:
    """2 runs where calls do nothing: once `identified`, with a window, -5 pp and more at late delays."""
    for seed in range(2):
        log = visitors(12_000, seed, blind=False)
        for row in rows_of(log, "renewal", "call", "no visit within 14d", max_delay="6d"):
            assert row["status"] == "associational"
            assert not row["timing"]
            assert "carried_by_the_silent" in row["flags"]
            assert "some of those it is compared with have left unseen" in row["statement"]


def test_calls_to_everybody_are_not_suspected_whether_they_help_or_not() -> None:
    for seed in range(2):
        (null,) = rows_of(visitors(12_000, seed, blind=True), "renewal", "call", "no visit within 14d", max_delay="6d")
        assert not null["effective"]
        log = visitors(12_000, seed, blind=True, effect=-1.5)
        found = rows_of(log, "renewal", "call", "no visit within 14d", max_delay="6d")
        assert all("carried_by_the_silent" not in row["flags"] for row in found)
        assert any(row["effective"] and row["effect"] < -0.02 for row in found)


# --- where chance decided ---------------------------------------------------------------------------------------------


def test_a_point_without_a_chance_is_left_out_whatever_the_last_one_was() -> None:
    """A fifth of the points are unavailable: their chance is null, and nobody is prompted there."""
    rng = np.random.default_rng(0)
    n, points = 60, 80
    who = np.repeat(np.arange(n), points)
    at = BEGIN + np.tile(np.arange(points), n) * 6 * HOUR
    open_ = rng.random(len(who)) < 0.8
    chance = rng.choice([0.3, 0.6], len(who))
    sent = open_ & (rng.random(len(who)) < chance)
    walks = rng.random(len(who)) < np.where(open_, 0.3, 0.05)
    parts: list[Part] = [
        (who, at, "point"), (who[sent], at[sent] + 60_000_000, "prompt"), (who[walks], at[walks] + HOUR, "walk")
    ]  # fmt: skip
    told = [float(p) if available else None for p, available in zip(chance, open_, strict=True)]
    table = table_of(parts, chance=[told, [None] * int(sent.sum()), [None] * int(walks.sum())])
    log = sm.EventLog.from_arrow(table, attributes=["chance"], observed_until="2024-03-01T00:00:00Z")
    (row,) = rows_of(
        log, "point", "prompt", "exists(walk) within 3h", max_delay="1h", washout="0s", repeats="all",
        randomised=sm.Randomised(probability="chance"),
    )  # fmt: skip
    assert (row["status"], row["n_treated"]) == ("randomised", int(sent.sum()))
    assert abs(row["effect"]) < 2.5 * row["se"]


def trial(n: int, seed: int, *, controls: float, spend: bool = False) -> tuple[sm.EventLog, pa.Table, Any, Any]:
    """Calls at once in one arm; +6 pp, or spending with a heavy tail and no effect. Also the arm, and the outcome."""
    rng = np.random.default_rng(seed)
    everyone, t0 = np.arange(n), BEGIN + (rng.random(n) * 30 * DAY).astype(np.int64)
    arm = rng.random(n) >= controls
    past = np.repeat(everyone, rng.poisson(3, n))
    y = np.where(rng.random(n) < 0.5, rng.lognormal(2.5, 1.6, n), 0.0) if spend else rng.random(n) < 0.3 + 0.06 * arm
    buys = np.flatnonzero(y > 0)
    parts: list[Part] = [
        (past, t0[past] - 1 - (rng.random(len(past)) * 40 * DAY).astype(np.int64), "visit"),
        (everyone, t0, "renewal"), (np.flatnonzero(arm), t0[arm] + 60_000_000, "call"),
        (buys, t0[buys] + HOUR + (rng.random(len(buys)) * 10 * DAY).astype(np.int64), "buy"),
    ]  # fmt: skip
    none = [[None] * len(of) for of, _, _ in parts[:3]]
    log = sm.EventLog.from_arrow(
        table_of(parts, value=[*none, [float(x) for x in y[buys]]]),
        value="value",
        observed_until="2024-03-15T00:00:00Z",
    )
    people = pa.table(
        {
            "entity": [f"c{i}" for i in everyone],
            "time": pa.array(t0, pa.timestamp("us", "UTC")),
            "arm": np.where(arm, "call", "none").tolist(),
        }
    )
    return log, people, arm, np.asarray(y, np.float64)


ARM = sm.Randomised(arm="arm", control="none")


def plain(arm: Any, y: Any) -> tuple[float, float]:
    one, none = y[arm], y[~arm]
    return float(one.mean() - none.mean()), float((one.var() / len(one) + none.var() / len(none)) ** 0.5)


@pytest.mark.parametrize("controls", [0.05, 0.1])
def test_a_small_holdout_is_no_rule_that_treats_everybody(controls: float) -> None:
    log, people, arm, y = trial(8_000, 0, controls=controls)
    (row,) = rows_of(log, "renewal", "call", "exists(buy) within 14d", people, max_delay="1d", randomised=ARM)
    effect, error = plain(arm, y)
    assert row["status"] == "randomised"
    assert row["effect"] == pytest.approx(effect, abs=0.3 * error)
    assert row["se"] == pytest.approx(error, rel=0.08)


def test_a_small_trial_of_spending_is_as_exact_as_the_difference_of_means() -> None:
    """40 trials of 300: once, a model that foretells nothing doubled the variance."""
    ours, plainly = [], []
    for seed in range(40):
        log, people, arm, y = trial(300, seed, controls=0.5, spend=True)
        (row,) = rows_of(log, "renewal", "call", "sum(value of buy) within 14d", people, max_delay="1d", randomised=ARM)
        assert row["status"] == "randomised"
        ours.append(row["effect"])
        plainly.append(plain(arm, y)[0])
    assert np.corrcoef(ours, plainly)[0, 1] > 0.95
    assert np.std(ours) < 1.1 * np.std(plainly)


# --- shapes -----------------------------------------------------------------------------------------------------------


def test_the_action_after_a_moment_that_is_one_itself_is_the_next_one() -> None:
    rng = np.random.default_rng(2)
    n = 3_000
    everyone, t0 = np.arange(n), BEGIN + (rng.random(n) * 20 * DAY).astype(np.int64)
    again = np.flatnonzero(rng.random(n) < 0.5)
    second = t0[again] + 1 + (rng.random(len(again)) * 5 * DAY).astype(np.int64)
    buys = np.flatnonzero(rng.random(n) < 0.4)
    log = log_of(
        [
            (everyone, t0 - 40 * DAY, "signup"), (everyone, t0, "mail"), (again, second, "mail"),
            (buys, t0[buys] + 6 * DAY + (rng.random(len(buys)) * 10 * DAY).astype(np.int64), "buy"),
        ],
        "2024-03-15T00:00:00Z",
    )  # fmt: skip
    (row,) = rows_of(log, "mail", "mail", "exists(buy) within 14d", max_delay="5d")
    assert row["reason"] is None
    assert 0.8 * len(again) / 2 < row["n_treated"] < 1.2 * len(again) / 2


def test_a_placebo_is_nothing_that_every_entity_begins_with() -> None:
    """The signup 12 to 4 weeks before says how long they have been there, which is held equal anyway."""
    rng = np.random.default_rng(3)
    n = 6_000
    everyone, t0 = np.arange(n), BEGIN + 100 * DAY + (rng.random(n) * 20 * DAY).astype(np.int64)
    begun = t0 - 29 * DAY - (rng.random(n) * 90 * DAY).astype(np.int64)
    called, left = (np.flatnonzero(rng.random(n) < share) for share in (0.4, 0.3))
    log = log_of(
        [
            (everyone, begun, "signup"), (everyone, t0, "renewal"),
            (called, t0[called] + (rng.random(len(called)) * 3 * DAY).astype(np.int64), "call"),
            (left, t0[left] + 4 * DAY + (rng.random(len(left)) * 10 * DAY).astype(np.int64), "cancel"),
        ]
    )  # fmt: skip
    for row in rows_of(log, "renewal", "call", "exists(cancel) within 14d", max_delay="3d"):
        assert row["placebo"] != "signup 12 to 4 weeks before"


def test_dates_of_a_place_whose_clocks_are_changed_have_whole_days_as_edges() -> None:
    """A spring in Berlin, called on days 3 to 5 and helped: half of the delays have an hour less."""
    rng = np.random.default_rng(4)
    n = 16_000
    first = rng.integers(0, 14, n)  # 2024-03-20 on; the clocks change on the 31st
    called, left = np.full(n, 99), np.full(n, 99)
    for day in range(45):
        here = left == 99
        helped = (called >= 3) & (called <= 5) & (called < day)
        left[here & (rng.random(n) < 0.02 * np.where(helped, 0.2, 1.0)) & (day > 0)] = day
        called[(left == 99) & (called == 99) & (rng.random(n) < 0.05) & (day < 14)] = day
    spring = np.datetime64("2024-03-20")
    parts = [(np.arange(n), first - 30, "signup"), (np.arange(n), first, "renewal")]
    parts += [(of, first[of] + what[of], name) for what, name in ((called, "call"), (left, "cancel"))
              for of in (np.flatnonzero(what < 99),)]  # fmt: skip
    table = pa.table(
        {
            "entity": [f"c{i}" for of, _, _ in parts for i in of.tolist()],
            "time": pa.array(np.concatenate([spring + day for _, day, _ in parts]), pa.date32()),
            "event": [what for of, _, what in parts for _ in of],
        }
    )
    log = sm.EventLog.from_arrow(table, timezone="Europe/Berlin", observed_until="2024-06-15T00:00:00Z")
    row = rows_of(log, "renewal", "call", "exists(cancel) within 20d", max_delay="10d", max_windows=1)[0]
    assert row["timing"]
    assert (row["lo"], row["hi"]) == (timedelta(days=3), timedelta(days=6))
