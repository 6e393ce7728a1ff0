"""Second looks: logs in which strata are wrong in one way each, and nothing that they make look true may be claimed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import seqmine as sm
from reference.evidence import RAISES, Judged, cells, score_minimum_effect_p, wald_minimum_effect_p
from seqmine.labels import ESTIMATION, split_halves

DAY = 86_400_000_000
INDEX, LOOKBACK = 800, 180
OPTIONS = sm.MinerOptions(max_length=1, min_support=50)
PLAIN = sm.EvidenceOptions(clock=False, westfall_young=False)
Rows = list[tuple[Any, Any, str]]


def scattered(rng: np.random.Generator, mean: Any, name: str, begin: Any = INDEX - LOOKBACK, end: float = INDEX) -> Any:
    """Events of one type, a Poisson number for each entity, at any time of the days from `begin` to `end`."""
    count = rng.poisson(mean)
    who = np.repeat(np.arange(len(count)), count)
    first = np.broadcast_to(begin, count.shape)[who]
    return who, first + rng.random(len(who)) * (end - first), name


def read(rows: Rows, start: Any, lost: Any, at: Any = INDEX) -> sm.EventLog:
    """A log of these events (days), a sign-up and, for those lost, a ``cancel`` in the month after `at`."""
    n = len(start)
    gone = np.flatnonzero(lost)
    rows = [*rows, (np.arange(n), start, "signup"), (gone, np.broadcast_to(at, (n,))[gone] + 1 + gone % 25, "cancel")]
    entity = np.concatenate([who for who, _, _ in rows])
    table = {
        "entity": pa.array([f"c{i:05}" for i in entity]),
        "time": pa.array(
            (np.concatenate([when for _, when, _ in rows]) * DAY).astype(np.int64), pa.timestamp("us", "UTC")
        ),
        "event": pa.array([name for who, _, name in rows for _ in who]),
    }
    return sm.EventLog.from_arrow(table, timezone="UTC", observed_until="1975-01-01")


def day(number: float) -> str:
    return str(np.datetime64(int(number), "D"))


def study(**changed: Any) -> sm.Study:
    asked = {"at": day(INDEX), "lookback": f"{LOOKBACK}d", "exclude_events": ["cancel"], "out_of_time": None} | changed
    return sm.Study("exists(cancel) within 30d", **asked)


def campaign(rng: np.random.Generator) -> tuple[sm.EventLog, sm.Study]:
    """Ten mails to a random half. They count as activity, so who has them is compared with busier ones."""
    n = 6_000
    activity = rng.gamma(1.5, 1 / 1.5, n)
    rows = [scattered(rng, 4 * activity / (k + 1), f"type_{k}") for k in range(6)]
    mailed = np.flatnonzero(rng.random(n) < 0.5)
    rows += [(mailed, np.full(len(mailed), INDEX - 10.0 - 15 * k), "mail") for k in range(10)]
    return read(rows, np.zeros(n), rng.random(n) < 0.5 / (1 + np.exp(2 * (activity - 0.7)))), study()


def heartbeats(rng: np.random.Generator) -> tuple[sm.EventLog, sm.Study]:
    """Heartbeats without meaning drown the visits: those who visit more see more of all else, too, and leave less."""
    n = 6_000
    activity = rng.gamma(1.5, 1 / 1.5, n)
    rows = [scattered(rng, 6 * activity / (k + 1), f"type_{k}") for k in range(6)]
    rows.append(scattered(rng, 40 * rng.gamma(0.3, 1 / 0.3, n), "heartbeat"))
    return read(rows, np.zeros(n), rng.random(n) < 0.4 * np.exp(-activity)), study()


def newcomers(rng: np.random.Generator) -> tuple[sm.EventLog, sm.Study]:
    """The longer somebody is there the less likely to leave, and only newcomers are welcomed within the lookback."""
    n = 8_000
    tenure = rng.uniform(20, 700, n)
    rows = [scattered(rng, 12.0 / (k + 1) * np.ones(n), f"type_{k}") for k in range(5)]
    rows.append((np.arange(n), INDEX - tenure + 5, "welcome"))
    return read(rows, INDEX - tenure, rng.random(n) < 0.06 + 0.34 * np.exp(-tenure / 150)), study()


def season(rng: np.random.Generator) -> tuple[sm.EventLog, sm.Study]:
    """Everybody is asked a month after signing up. Who came later is lost more often, and has a new type of event."""
    n = 8_000
    start = rng.uniform(0, 400, n)
    rows = [scattered(rng, 8.0 / (k + 1) * np.ones(n), f"type_{k}", start, 0) for k in range(5)]
    rows = [(who, start[who] + rng.random(len(who)) * 30, name) for who, _, name in rows]
    news = np.flatnonzero((start > 200) & (rng.random(n) < 0.5))
    rows.append((news, start[news] + 10, "banner"))
    lost = rng.random(n) < 0.05 + 0.35 * start / 400
    return read(rows, start, lost, start + 30), study(at="first(signup) + 30d", lookback=None)


def robots(rng: np.random.Generator) -> tuple[sm.EventLog, sm.Study]:
    """Sixty of 6,000 do everything all the time and are always lost; nothing else means anything."""
    n = 6_000
    robot = np.arange(n) < 60
    rows = [scattered(rng, np.where(robot, 120, 8.0 / (k + 1)), f"type_{k}") for k in range(5)]
    rows.append(scattered(rng, np.where(robot, 60, 0.02), "scrape"))
    return read(rows, np.zeros(n), (rng.random(n) < 0.15) | robot), study()


CASES: dict[str, tuple[Callable[[np.random.Generator], tuple[sm.EventLog, sm.Study]], tuple[str, ...]]] = {
    "own_events": (campaign, ("mail",)),
    "main_type": (heartbeats, tuple(f"type_{k}" for k in range(6))),
    "tenure": (newcomers, ("welcome", "signup")),
    "calendar": (season, ("banner",)),
    "busiest": (robots, ("scrape",)),
}


@pytest.mark.parametrize("guard", CASES)
def test_what_strata_make_look_true_is_not_claimed(guard: str) -> None:
    """3 runs each; without the second look every one of them claims it."""
    make, suspects = CASES[guard]
    for seed in range(3):
        log, asked = make(np.random.default_rng(seed))
        rows = sm.mine(log, asked, OPTIONS, evidence=PLAIN).to_arrow().to_pylist()
        found = [row for row in rows if row["pattern"] in suspects and row["guard"] is not None]
        assert found, "nothing would have been claimed, so nothing was shown"
        assert any(row["guard"] == guard and row["p_effect"] < 1e-3 for row in found)
        assert all(row["verdict"] == "not_supported" for row in found), found
        worst = next(row for row in found if row["guard"] == guard)
        assert worst["p"] == worst["p_guards"] > 0.01
        assert "it is not shown to be more than was asked for" in worst["statement"]


def often(rng: np.random.Generator, n: int = 9_000) -> tuple[sm.EventLog, sm.Study]:
    """Who does ``a`` often is lost more often, at whatever hours and gaps."""
    frequent = rng.random(n) < 0.4
    rows = [scattered(rng, np.where(frequent, 9.0, 2.0), "a"), scattered(rng, 8.0 * np.ones(n), "b")]
    return read(rows, np.zeros(n), rng.random(n) < np.where(frequent, 0.35, 0.12)), study()


def test_a_gap_is_not_how_often() -> None:
    """The more often ``a``, the more likely any gap between two: no bounded gap says more than that."""
    options = sm.MinerOptions(max_length=2, min_support=100, max_gap="30d")
    guarded = 0
    for seed in range(3):
        log, asked = often(np.random.default_rng(seed))
        rows = sm.mine(log, asked, options, evidence=PLAIN).to_arrow().to_pylist()
        claimed = [row["pattern"] for row in rows if row["verdict"] in ("validated", "exploratory")]
        assert not any("[" in pattern and "[1us,30d)" not in pattern for pattern in claimed), claimed
        guarded += sum(row["guard"] == "exposure" and row["verdict"] == "not_supported" for row in rows)
    assert guarded > 0


def test_without_strata_there_is_nothing_to_look_at_twice() -> None:
    log, asked = campaign(np.random.default_rng(1))
    free = sm.EvidenceOptions(clock=False, westfall_young=False, adjust=())
    rows = sm.mine(log, asked, OPTIONS, evidence=free).to_arrow()
    assert rows["p_guards"].null_count == rows["guard"].null_count == rows.num_rows > 0


def test_the_p_of_a_second_look_is_that_of_the_oracle() -> None:
    """Tenure in ten classes within the strata, with other code for strata and test."""
    log, asked = newcomers(np.random.default_rng(0))
    only = sm.EvidenceOptions(clock=False, westfall_young=False, adjust=["tenure"])
    result = sm.mine(log, asked, OPTIONS, evidence=only)
    row = next(row for row in result.to_arrow().to_pylist() if row["pattern"] == "welcome")
    assert row["guard"] == "tenure"
    labels = result.labels.to_arrow()
    start = dict(zip(log.entities.to_pylist(), np.asarray(log.start_times).tolist(), strict=True))
    tenure = [INDEX * DAY - start[name] for name in labels["entity"].to_pylist()]
    judging = [i for i, half in enumerate(split_halves(labels["entity"], 0)) if half == ESTIMATION]
    finding = sorted(t for i, t in enumerate(tenure) if i not in set(judging))
    median, ordered = finding[len(finding) // 2], sorted(tenure[i] for i in judging)
    cuts = sorted({ordered[k * len(ordered) // 10] for k in range(1, 10)})
    rows = [
        Judged(name, label, f"{t >= median} {sum(t >= cut for cut in cuts)}", "")
        for name, label, t in zip(labels["entity"].to_pylist(), labels["label"].to_pylist(), tenure, strict=True)
    ]
    matched = {i for i, t in enumerate(tenure) if t <= (LOOKBACK + 5) * DAY}  # welcomed on the fifth day
    table = cells(rows, set(judging), matched)
    p = max(wald_minimum_effect_p(table, RAISES), score_minimum_effect_p(table, RAISES))
    assert row["p_guards"] == pytest.approx(p, rel=0.02)
