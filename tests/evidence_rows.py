"""Made logs in which every entity is asked at several dates, so that rows of one entity resemble each other.

numpy and pyarrow only, nothing of seqmine. What an entity is stays with it over all its rows: its latent activity
(gamma), which makes more events and fewer outcomes; its taste for event types, which makes it match the same patterns
every time; and its frailty, which makes the same outcome come every time. Given the activity, taste and frailty are
independent of each other: no pattern matters unless it was planted, but rows are far from independent.

Rows are in the order of entity, then date. Times are those of `evidence_logs`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from evidence_logs import (
    BEGIN,
    CHURN,
    DAY,
    HORIZON_DAYS,
    HOUR,
    LOOKBACK_DAYS,
    MAX_GAP_DAYS,
    START,
    TIME_BITS,
    Bools,
    Floats,
    Ints,
    Plan,
    duration,
    has_gap,
    zipf,
)

FRAIL = 0.3
"""The share of entities to whom the outcome comes at all."""


@dataclass(frozen=True)
class Rows:
    """`events`: entity, time, event. `at` and `until` are what a study and a log are told of the dates.

    Arrays are ``(n_entities, n_dates)``, one column a date.
    `risk` is the chance of the outcome that the activity and the planted pattern give; frailty, of mean 1, multiplies
    it by 0 or ``1 / FRAIL``. `text` is the planted pattern, `matched` who matches it.
    """

    events: pa.Table
    at: str
    until: str
    names: pa.Array
    n_events: Ints
    tenure: Ints
    risk: Floats
    text: str
    matched: Bools


def rows_log(
    n: int,
    seed: int,
    *,
    n_dates: int = 4,
    spacing: int = HORIZON_DAYS,
    plan: Plan | None = None,
    share: float = 0.15,
    n_types: int = 30,
    mean_events: float = 25,
    taste: float = 0.25,
) -> Rows:
    """Dates lie `spacing` days apart; `mean_events` are per lookback.

    `taste` is the shape of the gamma by which each entity weighs each type. Outcomes come at a constant rate of the
    entity's own and end nothing: every entity has a row at every date, and with a spacing below the horizon the same
    outcome counts for several rows. A `plan` (a gap) asks for dates a horizon apart, and outcomes are then drawn by
    interval: `share` of the entities go through it four times, at any time, which multiplies the risk of the rows that
    see it, and as many through its twin, the same events further apart, which does nothing.
    """
    assert plan is None or spacing == HORIZON_DAYS
    rng = np.random.default_rng(seed)
    days = LOOKBACK_DAYS + (n_dates - 1) * spacing + HORIZON_DAYS
    activity = rng.gamma(1.0, 1.0, n)
    n_events = 1 + rng.poisson(activity * mean_events * (days / LOOKBACK_DAYS))
    owner = np.repeat(np.arange(n), n_events)
    time = rng.integers(0, days * DAY, len(owner))
    weights = zipf(n_types)
    liked = np.cumsum(np.array(list(weights.values())) * rng.gamma(taste, 1.0, (n, n_types)), axis=1)
    liked /= liked[:, -1:]
    # Entity by entity in one search: its number plus where in its own shares the draw falls.
    drawn = np.searchsorted((liked + np.arange(n)[:, None]).ravel(), owner + rng.random(len(owner)), "right")
    code = np.minimum(drawn - owner * n_types, n_types - 1)
    names = list(weights)
    text, pairs = "", []
    if plan is not None:
        drawn_as = rng.random(n)
        carrier = np.repeat(np.flatnonzero(drawn_as < 2 * share), 4)
        twin = drawn_as[carrier] >= share
        begin = rng.integers(0, (days - MAX_GAP_DAYS) * DAY, len(carrier))
        lo, hi = np.where(twin, plan.hi, plan.lo), np.where(twin, 24 * MAX_GAP_DAYS, plan.hi)
        end = begin + rng.integers(lo * HOUR, hi * HOUR)
        pairs = [(carrier, begin, len(names)), (carrier, end, len(names) + 1)]
        names += [plan.first, plan.second]
        text = f"{plan.first} -[{duration(plan.lo)},{duration(plan.hi)})-> {plan.second}"
    owner = np.concatenate([owner, *(who for who, _, _ in pairs)])
    time = np.concatenate([time, *(when for _, when, _ in pairs)])
    code = np.concatenate([code, *(np.full(len(who), which) for who, _, which in pairs)])

    index = DAY * (LOOKBACK_DAYS + spacing * np.arange(n_dates))
    seen = np.stack(
        [np.bincount(owner[(at - LOOKBACK_DAYS * DAY <= time) & (time < at)], minlength=n) for at in index], axis=1
    )
    tenure = LOOKBACK_DAYS * DAY + (rng.exponential(300, n) * DAY).astype(np.int64)
    matched = np.zeros((n, n_dates), np.bool_)
    if plan is not None:
        keys = (owner << TIME_BITS) + time
        for column, at in enumerate(index):
            inside = (at - LOOKBACK_DAYS * DAY <= time) & (time < at)
            first, second = (np.sort(keys[inside & (code == n_types + side)]) for side in (0, 1))
            matched[first[has_gap(first, second, plan.lo * HOUR, plan.hi * HOUR)] >> TIME_BITS, column] = True
    base = 0.02 + 0.13 * np.exp(-activity)
    risk = base[:, None] * np.where(matched, 1.0 if plan is None else plan.ratio, 1.0)
    chance = risk * ((rng.random(n) < FRAIL) / FRAIL)[:, None]
    if plan is None:  # so many in all intervals together that one interval has any with that chance
        expected = -np.log1p(-chance[:, 0]) * (days - LOOKBACK_DAYS) / HORIZON_DAYS
        who = np.repeat(np.arange(n), rng.poisson(expected))
        when = rng.integers(index[0], days * DAY, len(who))
    else:
        who, date = np.nonzero(rng.random(chance.shape) < chance)
        when = index[date] + rng.integers(0, HORIZON_DAYS * DAY, len(who))
    entities = pa.array(np.char.add("e", np.char.zfill(np.arange(n).astype(str), 7)))
    owner = np.concatenate([owner, who, np.arange(n)])
    time = np.concatenate([time, when, LOOKBACK_DAYS * DAY - tenure])
    code = np.concatenate([code, np.full(len(who), len(names)), np.full(n, len(names) + 1)])
    events = pa.table(
        {
            "entity": entities.take(pa.array(owner)),
            "time": pa.array(BEGIN + time).cast(pa.timestamp("us", "UTC")),
            "event": pa.array([*names, CHURN, START]).take(pa.array(code)),
        }
    )
    first, last, until = (np.datetime64("2024-01-01") + int(d) for d in (LOOKBACK_DAYS, days - HORIZON_DAYS, days))
    at = f"every {spacing}d from {first} to {last}"
    return Rows(
        events, at, str(until), entities, seen, tenure[:, None] + (index - index[0])[None, :], risk, text, matched
    )
