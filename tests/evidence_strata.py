"""Logs in which strata are wrong in one way each, so that something that means nothing looks true within them.

numpy and pyarrow only, nothing of seqmine. In none of them does any pattern matter: what an entity is (how active, how
long a customer, when it came) decides both what it does and whether it is lost. Times are days since 1970; who is lost
has a ``cancel`` in the month after the index.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

DAY = 86_400_000_000
INDEX, LOOKBACK, MAX_GAP_DAYS = 800, 180, 14
OUTCOME, UNTIL_TEXT = "exists(cancel) within 30d", "1975-01-01"
Rows = list[tuple[Any, Any, str]]


@dataclass(frozen=True)
class Asked:
    """`events`: entity, time, event. `study`: what a study is told besides `OUTCOME`."""

    events: pa.Table
    study: dict[str, Any]


def scattered(rng: np.random.Generator, mean: Any, name: str, begin: Any = INDEX - LOOKBACK, end: float = INDEX) -> Any:
    """Events of one type, a Poisson number for each entity, at any time of the days from `begin` to `end`."""
    count = rng.poisson(mean)
    who = np.repeat(np.arange(len(count)), count)
    first = np.broadcast_to(begin, count.shape)[who]
    return who, first + rng.random(len(who)) * (end - first), name


def events(rows: Rows, start: Any, lost: Any, at: Any = INDEX) -> pa.Table:
    """These events (days), a sign-up and, for those lost, a ``cancel`` in the month after `at`."""
    n = len(start)
    gone = np.flatnonzero(lost)
    rows = [*rows, (np.arange(n), start, "signup"), (gone, np.broadcast_to(at, (n,))[gone] + 1 + gone % 25, "cancel")]
    entity = np.concatenate([who for who, _, _ in rows])
    return pa.table(
        {
            "entity": pa.array([f"c{i:05}" for i in entity]),
            "time": pa.array(
                (np.concatenate([when for _, when, _ in rows]) * DAY).astype(np.int64), pa.timestamp("us", "UTC")
            ),
            "event": pa.array([name for who, _, name in rows for _ in who]),
        }
    )


def day(number: float) -> str:
    return str(np.datetime64(int(number), "D"))


def asked(**changed: Any) -> dict[str, Any]:
    """What a study is told besides the outcome."""
    return {"at": day(INDEX), "lookback": f"{LOOKBACK}d", "exclude_events": ["cancel"], "out_of_time": None} | changed


def campaign(rng: np.random.Generator) -> Asked:
    """Ten mails to a random half. They count as activity, so who has them is compared with busier ones."""
    n = 6_000
    activity = rng.gamma(1.5, 1 / 1.5, n)
    rows = [scattered(rng, 4 * activity / (k + 1), f"type_{k}") for k in range(6)]
    mailed = np.flatnonzero(rng.random(n) < 0.5)
    rows += [(mailed, np.full(len(mailed), INDEX - 10.0 - 15 * k), "mail") for k in range(10)]
    return Asked(events(rows, np.zeros(n), rng.random(n) < 0.5 / (1 + np.exp(2 * (activity - 0.7)))), asked())


def heartbeats(rng: np.random.Generator) -> Asked:
    """Heartbeats without meaning drown the visits: those who visit more see more of all else, too, and leave less."""
    n = 6_000
    activity = rng.gamma(1.5, 1 / 1.5, n)
    rows = [scattered(rng, 6 * activity / (k + 1), f"type_{k}") for k in range(6)]
    rows.append(scattered(rng, 40 * rng.gamma(0.3, 1 / 0.3, n), "heartbeat"))
    return Asked(events(rows, np.zeros(n), rng.random(n) < 0.4 * np.exp(-activity)), asked())


def newcomers(rng: np.random.Generator) -> Asked:
    """The longer somebody is there the less likely to leave, and only newcomers are welcomed within the lookback."""
    n = 8_000
    tenure = rng.uniform(20, 700, n)
    begin = INDEX - np.minimum(tenure, LOOKBACK)  # nobody does anything before signing up
    rows = [scattered(rng, 12.0 / (k + 1) * np.ones(n), f"type_{k}", begin) for k in range(5)]
    rows.append((np.arange(n), INDEX - tenure + 5, "welcome"))
    return Asked(events(rows, INDEX - tenure, rng.random(n) < 0.06 + 0.34 * np.exp(-tenure / 150)), asked())


def season(rng: np.random.Generator) -> Asked:
    """Everybody is asked a month after signing up. Who came later is lost more often, and has a new type of event."""
    n = 8_000
    start = rng.uniform(0, 400, n)
    rows = [scattered(rng, 8.0 / (k + 1) * np.ones(n), f"type_{k}", start, 0) for k in range(5)]
    rows = [(who, start[who] + rng.random(len(who)) * 30, name) for who, _, name in rows]
    news = np.flatnonzero((start > 200) & (rng.random(n) < 0.5))
    rows.append((news, start[news] + 10, "banner"))
    lost = rng.random(n) < 0.05 + 0.35 * start / 400
    return Asked(events(rows, start, lost, start + 30), asked(at="first(signup) + 30d", lookback=None))


def robots(rng: np.random.Generator) -> Asked:
    """Sixty of 8,000 do everything all the time and are always lost; nothing else means anything.

    In either half they are fewer than the one percent of entities that is left out.
    """
    n = 8_000
    robot = np.arange(n) < 60
    rows = [scattered(rng, np.where(robot, 120, 8.0 / (k + 1)), f"type_{k}") for k in range(5)]
    rows.append(scattered(rng, np.where(robot, 60, 0.02), "scrape"))
    return Asked(events(rows, np.zeros(n), (rng.random(n) < 0.15) | robot), asked())


def often(rng: np.random.Generator, n: int = 9_000) -> Asked:
    """Who does ``a`` often is lost more often, at whatever hours and gaps."""
    frequent = rng.random(n) < 0.4
    rows = [scattered(rng, np.where(frequent, 9.0, 2.0), "a")]
    rows += [scattered(rng, 5.0 * np.ones(n), name) for name in "bcde"]  # none is a quarter of all events
    return Asked(events(rows, np.zeros(n), rng.random(n) < np.where(frequent, 0.35, 0.12)), asked())


@dataclass(frozen=True)
class Case:
    """A way of being wrong, and the types that it makes look true; none: gaps below `MAX_GAP_DAYS`, and hours."""

    make: Callable[[np.random.Generator], Asked]
    suspects: tuple[str, ...]


CASES = {
    "own_events": Case(campaign, ("mail",)),
    "main_type": Case(heartbeats, tuple(f"type_{k}" for k in range(6))),
    "tenure": Case(newcomers, ("welcome", "signup")),
    "calendar": Case(season, ("banner",)),
    "busiest": Case(robots, ("scrape", *(f"type_{k}" for k in range(5)))),
    "exposure": Case(often, ()),
}
