"""Logs whose times are dates, or whose actions come with the moment: the moment is known, the action is not.

Outsiders' worlds. Once, treated rows of the very time of the moment were looked at before it, their controls after it,
and both lay in classes of their own.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

import seqmine as sm

DAY = 86_400_000_000
BEGIN = 1_704_067_200_000_000
Floats = npt.NDArray[np.float64]


def log_of(parts: list[tuple[Any, Any, str, Any]]) -> sm.EventLog:
    """From (entities, times, event, values or None)."""
    table = pa.table(
        {
            "entity": [f"c{i}" for of, _, _, _ in parts for i in of.tolist()],
            "time": pa.array(np.concatenate([time for _, time, _, _ in parts]), pa.timestamp("us", "UTC")),
            "event": [what for of, _, what, _ in parts for _ in of],
            "value": pa.array(
                [x for of, _, _, value in parts for x in ([None] * len(of) if value is None else value.tolist())],
                pa.float64(),
            ),
        }
    )
    return sm.EventLog.from_arrow(table, value="value", observed_until="2025-03-01T00:00:00Z")


@pytest.mark.parametrize("outcome", ["exists(visit) within 14d", "sum(value of visit) within 14d"])
def test_arms_that_are_treated_at_the_moment_itself_differ_as_their_means_do(outcome: str) -> None:
    """A mailing to two of three arms, all at one time; against the difference of means and its standard error."""
    rng = np.random.default_rng(1)
    n = 12_000
    everyone, arm = np.arange(n), rng.integers(0, 3, n)
    spent = np.exp(rng.normal(4.0, 1.0, n))
    visits = rng.random(n) < 0.06 + 0.03 * (spent > 60) + np.array([0, 0.05, 0.02])[arm]
    worth = rng.gamma(2.0, 20.0, n)
    start = np.full(n, BEGIN)
    log = log_of(
        [
            (everyone, start - 200 * DAY, "purchase", spent),
            (everyone, start, "campaign", None),
            *((np.flatnonzero(arm == k), start[arm == k], f"mail:{k}", None) for k in (1, 2)),
            (np.flatnonzero(visits), start[visits] + rng.integers(1, 14, n)[visits] * DAY, "visit", worth[visits]),
        ]
    )
    people = pa.table(
        {
            "entity": [f"c{i}" for i in range(n)],
            "time": pa.array(start, pa.timestamp("us", "UTC")),
            "arm": [f"arm {k}" for k in arm],
        }
    )
    y = visits * (worth if outcome.startswith("sum") else 1.0)
    for k in (1, 2):
        given = sm.Randomised(arm="arm", control="arm 0", treated=f"arm {k}")
        options = sm.WindowOptions(max_delay="1d", randomised=given, threads=1)
        found = sm.scan_windows(log, "campaign", f'"mail:{k}"', sm.Study(outcome, at=people, seed=1), options)
        row = found.to_arrow().to_pylist()[0]
        one, none = y[arm == k], y[arm == 0]
        error = (one.var() / len(one) + none.var() / len(none)) ** 0.5
        assert row["status"] == "randomised"
        assert row["n_treated"] == len(one)
        assert row["effect"] == pytest.approx(one.mean() - none.mean(), abs=0.3 * error)
        assert row["se"] == pytest.approx(error, rel=0.05)


def dates(n: int, seed: int, effect: float) -> tuple[sm.EventLog, float]:
    """Everything at midnight. Calls, from the day of the moment on, go to those with tickets, who leave sooner.

    A call on that day or the next multiplies the hazard of the days after it by ``exp(effect)``. Also the truth: among
    those, the mean difference in risk to usual care, by which they may be called the day after.
    """
    rng = np.random.default_rng(seed)
    everyone = np.arange(n)
    t0 = BEGIN + rng.integers(100, 200, n) * DAY
    tickets = rng.integers(0, 4, n)
    call, leave = 0.02 * 1.7**tickets, 0.004 * 1.5**tickets
    called, left = np.full(n, 10_000), np.full(n, 10_000)
    for day in range(60):
        here = left == 10_000
        gone = here & (rng.random(n) < leave * np.exp(effect * (called <= 1) * (called < day))) & (day > 0)
        left[gone] = day
        called[here & ~gone & (called == 10_000) & (rng.random(n) < call)] = day
    of = np.flatnonzero((called <= 1) & (called < 14))

    def stays(hazard: Floats) -> Floats:
        return np.asarray((1 - hazard) ** 30)

    usual = stays(leave[of])
    later = (called[of] == 0) * call[of]
    usual = (1 - later) * usual + later * stays(np.minimum(leave[of] * np.exp(effect), 1))
    truth = float((usual - stays(leave[of] * np.exp(effect))).mean())
    reached = np.flatnonzero(called < 14)
    lost = np.flatnonzero(left < 60)
    parts: list[tuple[Any, Any, str, Any]] = [
        (everyone, t0 - 90 * DAY, "signup", None),
        (everyone, t0, "second_purchase", None),
        *((has := np.flatnonzero(tickets > k), t0[has] - rng.integers(2, 80, len(has)) * DAY, "ticket", None)
          for k in range(3)),
        (reached, t0[reached] + called[reached] * DAY, "call", None),
        (lost, t0[lost] + left[lost] * DAY, "churn", None),
    ]  # fmt: skip
    return log_of(parts), truth


def scan(log: sm.EventLog, seed: int, *, width: str | None = "1d") -> dict[str, Any]:
    study = sm.Study("exists(churn) within 30d", at="2024-01-01T00:00:00Z", seed=seed)
    options = sm.WindowOptions(max_delay="14d", bin_width=width, threads=1, n_null=200, n_bootstrap=50)
    return dict(sm.scan_windows(log, "second_purchase", "call", study, options).to_arrow().to_pylist()[0])


def test_calls_of_the_same_date_are_compared_with_their_like() -> None:
    """4 runs where calls do nothing: no claim, and the errors average out."""
    rows = [scan(dates(16_000, seed, 0.0)[0], seed) for seed in range(4)]
    assert not any(row["effective"] for row in rows)
    assert abs(sum(row["effect"] / row["se"] for row in rows)) < 2 * 4**0.5
    assert not [flag for row in rows for flag in row["flags"] if flag.startswith("imbalance")]


def test_a_window_that_begins_on_the_date_of_the_moment_is_measured() -> None:
    for seed in range(2):
        log, truth = dates(16_000, seed, -0.9)
        row = scan(log, seed)
        assert row["effective"]
        assert row["timing"]
        assert (row["lo"].days, row["hi"].days) == (0, 2)
        assert abs(row["effect"] - truth) < 2.5 * row["se"]


def days_of_logins(n: int, seed: int, *, effect: float = 0.0, complaints: bool = False) -> sm.EventLog:
    """Everything at midnight. Who is engaged logs in, and stays; calls come by chance, and 2 to 4 days after help.

    With ``complaints``, calls also come on the day of a complaint, after which many leave.
    """
    rng = np.random.default_rng(seed)
    everyone = np.arange(n)
    t0 = BEGIN + rng.integers(100, 200, n) * DAY
    parts: list[tuple[Any, Any, str, Any]] = [
        (everyone, t0 - 90 * DAY, "signup", None),
        (everyone, t0, "second_purchase", None),
    ]
    engaged = rng.random(n) < 0.5
    called, left, trouble = np.full(n, 10_000), np.full(n, 10_000), np.zeros(n)
    for day in range(-30, 60):
        engaged = np.where(rng.random(n) < 0.1, rng.random(n) < 0.5, engaged)
        here = left == 10_000
        if day > 0:
            helped = (called >= 2) & (called <= 4) & (called < day)
            hazard = np.where(engaged, 0.003, 0.02) * np.exp(effect * helped) + 0.05 * (trouble > 0)
            left[here & (rng.random(n) < hazard)] = day
            here &= left == 10_000
        login = here & engaged & (rng.random(n) < 0.6)
        parts.append((np.flatnonzero(login), t0[login] + day * DAY, "login", None))
        trouble = np.maximum(trouble - 1, 0)
        complaint = here & (rng.random(n) < 0.02) if complaints and day > 0 else np.zeros(n, np.bool_)
        trouble[complaint] = 14
        parts.append((np.flatnonzero(complaint), t0[complaint] + day * DAY, "complaint", None))
        call = here & (day >= 0) & (called == 10_000) & (rng.random(n) < np.where(complaint, 0.6, 0.03))
        called[call] = day
    reached, lost = np.flatnonzero(called < 14), np.flatnonzero(left < 60)
    parts.append((reached, t0[reached] + called[reached] * DAY, "call", None))
    parts.append((lost, t0[lost] + left[lost] * DAY, "churn", None))
    return log_of([part for part in parts if len(part[0])])


def test_what_happens_on_the_day_of_the_action_is_known_neither_of_the_treated_nor_of_their_controls() -> None:
    """6 runs where calls do nothing, in bins of an hour: once, mean z was -1.3 here, as controls had not logged in."""
    rows = [scan(days_of_logins(16_000, seed), seed, width=None) for seed in range(6)]
    assert abs(sum(row["effect"] / row["se"] for row in rows)) < 2 * 6**0.5
    assert not any(row["timing"] for row in rows)


def test_the_edges_of_a_window_of_days_are_days() -> None:
    """Days 2, 3 and 4, in bins of an hour: from 2 days to below 5."""
    for seed in range(2):
        row = scan(days_of_logins(16_000, seed, effect=-1.5), seed, width=None)
        assert row["effective"]
        assert row["timing"]
        assert row["bin_width"].total_seconds() == 3600
        assert (row["lo"], row["hi"]) == (timedelta(days=2), timedelta(days=5))
        edges = [row[name] for name in ("lo_low", "lo_high", "hi_low", "hi_high", "scan_lo", "naive_lo", "naive_hi")]
        assert all(edge % timedelta(days=1) == timedelta(0) for edge in [*edges, row["edge_resolution"]])


def test_what_comes_on_the_day_of_the_action_and_carries_its_effect_is_told() -> None:
    row = scan(days_of_logins(16_000, 0, complaints=True), 0, width=None)
    assert row["status"] == "weak"
    assert "follows_at_once:complaint" in row["flags"]
    assert "or what complaint brought about" in row["statement"]


def test_a_silence_that_nobody_can_fall_into_says_what_it_asks_for() -> None:
    """Nobody had a churn before the moment: 'no churn' is no answer to 'who stayed'."""
    study = sm.Study("no churn within 30d", at="2024-01-01T00:00:00Z", seed=0)
    options = sm.WindowOptions(max_delay="14d", bin_width="1d", threads=1)
    row = sm.scan_windows(dates(4_000, 0, 0.0)[0], "second_purchase", "call", study, options).to_arrow().to_pylist()[0]
    assert (row["status"], row["reason"]) == ("not_identified", "no_variation")
    assert "'no X' asks for an X in as long a time before" in row["statement"]
