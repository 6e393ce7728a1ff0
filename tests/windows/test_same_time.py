"""Logs whose times are dates, or whose actions come with the moment: the moment is known, the action is not.

Outsiders' worlds. Once, treated rows of the very time of the moment were looked at before it, their controls after it,
and both lay in classes of their own.
"""

from __future__ import annotations

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


def scan(log: sm.EventLog, seed: int) -> dict[str, Any]:
    study = sm.Study("exists(churn) within 30d", at="2024-01-01T00:00:00Z", seed=seed)
    options = sm.WindowOptions(max_delay="14d", bin_width="1d", threads=1, n_null=200, n_bootstrap=50)
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


def test_a_silence_that_nobody_can_fall_into_says_what_it_asks_for() -> None:
    """Nobody had a churn before the moment: 'no churn' is no answer to 'who stayed'."""
    study = sm.Study("no churn within 30d", at="2024-01-01T00:00:00Z", seed=0)
    options = sm.WindowOptions(max_delay="14d", bin_width="1d", threads=1)
    row = sm.scan_windows(dates(4_000, 0, 0.0)[0], "second_purchase", "call", study, options).to_arrow().to_pylist()[0]
    assert (row["status"], row["reason"]) == ("not_identified", "no_variation")
    assert "'no X' asks for an X in as long a time before" in row["statement"]
