"""Made logs of which the truth is known: what raises the risk was put in, and nothing else does.

numpy and pyarrow only, nothing of seqmine. Every entity has a latent activity (gamma); it makes both more events and
less churn, so that every frequent pattern is associated with staying although none causes anything. How many events an
entity has is drawn first; what was planted uses up events of that number. Entities with equally many events therefore
differ in nothing but their patterns, and a moment, its twin and its reversal are as busy as each other.

Times are microseconds since 1970 in UTC. The rows of `labels` and every array of the truth are in the order of the
entities' names. The index is `INDEX`; events before it fill `LOOKBACK`; the outcome lies in the `HORIZON` after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

HOUR = 3_600_000_000
DAY = 24 * HOUR
BEGIN = 1_704_067_200_000_000  # 2024-01-01
LOOKBACK_DAYS, HORIZON_DAYS, MAX_GAP_DAYS = 90, 30, 14
INDEX = BEGIN + LOOKBACK_DAYS * DAY
INDEX_TEXT = "2024-03-31"
UNTIL_TEXT = "2024-04-30"
LOOKBACK, HORIZON, MAX_GAP = f"{LOOKBACK_DAYS}d", f"{HORIZON_DAYS}d", f"{MAX_GAP_DAYS}d"
CHURN, REFERRAL, PURCHASE, PROXY, START = "cancel", "referral", "purchase", "cancel_request", "signup"
HEARTBEAT = "heartbeat"
TIME_BITS = 46
"""Of a number that is an entity and a time: 2^46 microseconds are 814 days, and leave room for 130,000 entities."""
EPISODE_ROOM = (LOOKBACK_DAYS - MAX_GAP_DAYS - 4) * DAY

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Plan:
    """What to plant: `kind` is gap, timeless (any gap does), absence or clock.

    gap: `first -[lo,hi)-> second`, in hours. absence: `first -> no second within hi`. clock: `first{hour=lo..hi}`.
    `ratio` multiplies the risk of whoever matches.
    """

    kind: str
    first: str
    second: str = ""
    lo: int = 0
    hi: int = 0
    ratio: float = 2.0


@dataclass(frozen=True)
class Moment:
    """A planted pattern as it came out, entity by entity."""

    plan: Plan
    text: str
    matched: Bools
    twin: Bools  # the same events at another gap (hour, with the absent event) and no match
    reversed: Bools  # the other order and no match


@dataclass(frozen=True)
class Truth:
    """`risk`: each entity's chance of the outcome, all effects included; `background`: types that mean nothing."""

    moments: tuple[Moment, ...]
    risk: Floats
    activity: Floats
    n_events: Ints
    tenure: Ints
    background: tuple[str, ...]


@dataclass(frozen=True)
class Made:
    """`events`: entity, time, event, value. `labels`: entity, index_time, label (churn), n_referrals, spent."""

    events: pa.Table
    labels: pa.Table
    truth: Truth


PLANS = (
    Plan("gap", "open", "help", 19, 37, 2.2),
    Plan("gap", "invoice", "login", 3, 6, 2.2),
    Plan("gap", "ticket", "export", 48, 96, 2.2),
    Plan("timeless", "downgrade", "survey", ratio=2.2),
    Plan("absence", "complaint", "answer", hi=72, ratio=2.2),
    Plan("clock", "visit", lo=9, hi=12, ratio=2.2),
)


# --- who is how active, and what is in the background -----------------------------------------------------------------


class Maker:
    """Collects the events of all entities, planted ones first, and fills up with background."""

    def __init__(self, n: int, seed: int, mean_events: float, least_events: int, shape: float) -> None:
        self.rng = np.random.default_rng(seed)
        self.n = n
        self.activity: Floats = self.rng.gamma(shape, 1 / shape, n)
        self.n_events: Ints = least_events + self.rng.poisson(self.activity * (mean_events - least_events))
        self.tenure: Ints = LOOKBACK_DAYS * DAY + (self.rng.exponential(300, n) * DAY).astype(np.int64)
        self.left = self.n_events.copy()
        self.entity: list[Ints] = []
        self.time: list[Ints] = []
        self.type: list[Ints] = []
        self.value: list[Floats] = []
        self.names: list[str] = []

    def code(self, name: str) -> int:
        if name not in self.names:
            self.names.append(name)
        return self.names.index(name)

    def add(self, entity: Ints, time: Ints, name: str, value: Floats | None = None) -> None:
        """More events; without a value it is null."""
        self.entity.append(entity.astype(np.int64))
        self.time.append(time.astype(np.int64))
        self.type.append(np.full(len(entity), self.code(name), np.int64))
        self.value.append(np.full(len(entity), np.nan) if value is None else value)

    def use(self, entity: Ints, n_events: int) -> Ints:
        """Those of the entities that still have so many events to place, which are taken from them."""
        able = entity[self.left[entity] >= n_events]
        self.left[able] -= n_events
        return able

    def fill(self, weights: dict[str, float]) -> None:
        """The rest of every entity's events: any day, mostly at daytime, types by weight."""
        owner = np.repeat(np.arange(self.n), self.left)
        by_hour = np.array([1] * 6 + [2, 4, 6, 8, 8, 8, 7, 7, 8, 8, 7, 6, 6, 6, 5, 4, 3, 2], dtype=float)
        hour = np.searchsorted(np.cumsum(by_hour / by_hour.sum()), self.rng.random(len(owner)), "right")
        day = self.rng.integers(0, LOOKBACK_DAYS, len(owner))
        time = BEGIN + day * DAY + np.minimum(hour, 23) * HOUR + self.rng.integers(0, HOUR, len(owner))
        share = np.array(list(weights.values()))
        picked = np.searchsorted(np.cumsum(share / share.sum()), self.rng.random(len(owner)), "right")
        codes = np.array([self.code(name) for name in weights])
        self.entity.append(owner)
        self.time.append(time)
        self.type.append(codes[np.minimum(picked, len(codes) - 1)])
        self.value.append(np.full(len(owner), np.nan))

    def of(self, name: str) -> Ints:
        """Entity and time in one number, sorted: entity * 2^TIME_BITS + time after the beginning."""
        code = self.code(name)
        keys = [
            (e[t == code] << TIME_BITS) + (x[t == code] - BEGIN)
            for e, x, t in zip(self.entity, self.time, self.type, strict=True)
        ]
        return np.sort(np.concatenate(keys))

    def entities(self) -> pa.Array:
        return pa.array(np.char.add("e", np.char.zfill(np.arange(self.n).astype(str), 7)))

    def tables(self, label: Ints, n_referrals: Ints, spent: Floats) -> tuple[pa.Table, pa.Table]:
        names = self.entities()
        stamp = pa.timestamp("us", "UTC")
        value = np.concatenate(self.value)
        events = pa.table(
            {
                "entity": names.take(pa.array(np.concatenate(self.entity))),
                "time": pa.array(np.concatenate(self.time)).cast(stamp),
                "event": pa.array(self.names).take(pa.array(np.concatenate(self.type))),
                "value": pa.array(value, mask=np.isnan(value)),
            }
        )
        labels = pa.table(
            {
                "entity": names,
                "index_time": pa.array(np.full(self.n, INDEX)).cast(stamp),
                "label": pa.array(label.astype(np.int8)),
                "n_referrals": pa.array(n_referrals.astype(np.int64)),
                "spent": pa.array(spent),
            }
        )
        return events, labels


def zipf(n_types: int, prefix: str = "type") -> dict[str, float]:
    return {f"{prefix}_{k:02}": 1 / (k + 2) for k in range(n_types)}


def churn_risk(activity: Floats) -> Floats:
    """From 0.30 without any activity down to 0.04."""
    return 0.04 + 0.26 * np.exp(-activity)


def finished(maker: Maker, moments: Sequence[Moment], background: Sequence[str], spent: Floats, proxy: float) -> Made:
    """What happens after the index, and the proxy before it."""
    rng, n = maker.rng, maker.n
    effect = np.ones(n)
    for moment in moments:
        effect *= np.where(moment.matched, moment.plan.ratio, 1.0)
    risk = np.minimum(churn_risk(maker.activity) * effect, 0.95)
    label = (rng.random(n) < risk).astype(np.int64)
    gone = np.flatnonzero(label)
    maker.add(gone, INDEX + rng.integers(0, HORIZON_DAYS * DAY, len(gone)), CHURN)
    if proxy:
        asked = gone[rng.random(len(gone)) < proxy]
        maker.add(asked, INDEX - rng.integers(1, 3 * DAY, len(asked)), PROXY)
    n_referrals = rng.poisson(0.25 * np.minimum(maker.activity, 4) * effect)
    friends = np.repeat(np.arange(n), n_referrals)
    maker.add(friends, INDEX + rng.integers(0, HORIZON_DAYS * DAY, len(friends)), REFERRAL)
    payers = np.flatnonzero(spent > 0)
    maker.add(payers, INDEX + rng.integers(0, HORIZON_DAYS * DAY, len(payers)), PURCHASE, spent[payers])
    maker.add(np.arange(n), INDEX - maker.tenure, START)
    events, labels = maker.tables(label, n_referrals, spent)
    truth = Truth(tuple(moments), risk, maker.activity, maker.n_events, maker.tenure, tuple(background))
    return Made(events, labels, truth)


# --- logs -------------------------------------------------------------------------------------------------------------


def null_log(n: int, seed: int, *, n_types: int = 30, mean_events: float = 25, shape: float = 1.0) -> Made:
    """No pattern matters. Activity (gamma of this shape, mean 1) drives both the number of events and the churn."""
    maker = Maker(n, seed, mean_events, 1, shape)
    weights = zipf(n_types)
    maker.fill(weights)
    return finished(maker, (), tuple(weights), np.zeros(n), 0.0)


def planted_log(
    n: int,
    seed: int,
    plans: Sequence[Plan] = PLANS,
    *,
    share: float = 0.05,
    twin_share: float = 0.05,
    reversed_share: float = 0.02,
    n_types: int = 20,
    mean_events: float = 30,
    least_events: int = 8,
    dominant: float = 0.0,
    shape: float = 1.0,
    proxy: float = 0.0,
) -> Made:
    """Moments that raise the risk, each with twins and reversals that do not, among types that mean nothing.

    `share` of the entities (the busiest three times as often as the laziest) go through each moment, `twin_share`
    through its twin. The planted types occur in the background too. Half of the carriers of a gap go on to the most
    frequent type of the background, which adds nothing. `dominant`: the share of the background that one more type,
    `HEARTBEAT`, has. `proxy`: the share of those that leave who say so before.
    """
    maker = Maker(n, seed, mean_events, least_events, shape)
    weights = zipf(n_types)
    follower = next(iter(weights))
    rank = np.argsort(np.argsort(maker.n_events, kind="stable")) / n
    for plan in plans:
        draw = maker.rng.random(n) / (0.5 + rank)
        bounds = np.cumsum([share, twin_share, reversed_share])
        groups = [np.flatnonzero(inside) for inside in _between(draw, bounds)]
        plant(maker, plan, groups, follower)
    noise = {name: 0.004 * sum(weights.values()) for p in plans for name in noisy_types(p)}
    if dominant:
        weights[HEARTBEAT] = sum([*weights.values(), *noise.values()]) * dominant / (1 - dominant)
    maker.fill({**weights, **noise})
    moments = [came_out(maker, plan) for plan in plans]
    return finished(maker, moments, tuple(weights), np.zeros(n), proxy)


def numeric_log(n: int, seed: int, *, shift: float = 0.0, share: float = 0.1, n_types: int = 15) -> Made:
    """Spending after the index: log-normal with a heavy tail, more of it from the active.

    With a `shift` so much is added (in units of money; the mean is about 100) for those who match the one planted gap.
    """
    maker = Maker(n, seed, 25, 4, 1.0)
    plan = Plan("gap", "open", "help", 19, 37, 1.0)
    weights = zipf(n_types)
    draw = maker.rng.random(n)
    groups = [np.flatnonzero(inside) for inside in _between(draw, np.array([share, 2 * share, 2.2 * share]))]
    plant(maker, plan, groups, next(iter(weights)))
    maker.fill({**weights, **{name: 0.004 * sum(weights.values()) for name in noisy_types(plan)}})
    moment = came_out(maker, plan)
    spent = 60 * np.sqrt(maker.activity + 0.1) * maker.rng.lognormal(0, 1.0, n) + shift * moment.matched
    return finished(maker, (moment,), tuple(weights), np.round(spent, 2), 0.0)


def _between(draw: Floats, bounds: Floats) -> list[Bools]:
    return [(low <= draw) & (draw < high) for low, high in zip([0.0, *bounds[:-1]], bounds, strict=True)]


# --- planting ---------------------------------------------------------------------------------------------------------


def noisy_types(plan: Plan) -> list[str]:
    """Types of a plan that the background has too. The absent event only; the first one would match by itself."""
    if plan.kind == "clock":
        return []
    return [plan.second] if plan.kind == "absence" else [plan.first, plan.second]


def plant(maker: Maker, plan: Plan, groups: list[Ints], follower: str) -> None:
    """Events of carriers, twins and reversals."""
    rng = maker.rng
    carriers, twins, turned = groups
    if plan.kind == "clock":
        for group, inside in ((maker.use(carriers, 1), True), (maker.use(twins, 1), False)):
            hours = np.array([h for h in range(24) if (plan.lo <= h < plan.hi) == inside])
            day = rng.integers(0, LOOKBACK_DAYS, len(group))
            hour = hours[rng.integers(0, len(hours), len(group))]
            maker.add(group, BEGIN + day * DAY + hour * HOUR + rng.integers(0, HOUR, len(group)), plan.first)
        return
    if plan.kind == "absence":
        alone, answered = maker.use(carriers, 1), maker.use(twins, 2)
        maker.add(alone, _start(rng, len(alone)), plan.first)
        begin = _start(rng, len(answered))
        maker.add(answered, begin, plan.first)
        maker.add(answered, begin + rng.integers(1, plan.hi * HOUR, len(answered)), plan.second)
        return
    lo, hi = (1, MAX_GAP_DAYS * DAY) if plan.kind == "timeless" else (plan.lo * HOUR, plan.hi * HOUR)
    half = rng.random(len(carriers)) < 0.5
    plain, followed = maker.use(carriers[half], 2), maker.use(carriers[~half], 3)
    for group in (plain, followed):
        begin = _start(rng, len(group))
        end = begin + rng.integers(lo, hi, len(group))
        maker.add(group, begin, plan.first)
        maker.add(group, end, plan.second)
        if group is followed:
            maker.add(group, end + rng.integers(HOUR, 3 * DAY, len(group)), follower)
    if plan.kind == "gap":
        twins = maker.use(twins, 2)
        begin = _start(rng, len(twins))
        above = begin + rng.integers(hi, MAX_GAP_DAYS * DAY, len(twins))
        below = begin + rng.integers(min(lo, 60_000_000), lo, len(twins))
        maker.add(twins, begin, plan.first)
        maker.add(twins, np.where(rng.random(len(twins)) < 0.5, above, below), plan.second)
    turned = maker.use(turned, 2)
    begin = _start(rng, len(turned))
    maker.add(turned, begin, plan.second)
    maker.add(turned, begin + rng.integers(lo, hi, len(turned)), plan.first)


def _start(rng: np.random.Generator, n: int) -> Ints:
    """Early enough for everything that follows to be over before the index."""
    return BEGIN + rng.integers(0, EPISODE_ROOM, n)


def came_out(maker: Maker, plan: Plan) -> Moment:
    """Who matches in the end, chance included, by counting the pairs."""
    n, first = maker.n, maker.of(plan.first)
    if plan.kind == "clock":
        hour = (first & (2**TIME_BITS - 1)) // HOUR % 24
        hit = _owners(first[(plan.lo <= hour) & (hour < plan.hi)], n)
        text = f"{plan.first}{{hour={plan.lo}..{plan.hi}}}"
        return Moment(plan, text, hit, _owners(first, n) & ~hit, np.zeros(n, np.bool_))
    second = maker.of(plan.second)
    if plan.kind == "absence":
        within = plan.hi * HOUR
        over = (first & (2**TIME_BITS - 1)) + within < LOOKBACK_DAYS * DAY
        followed = has_gap(first, second, 1, within + 1)
        hit = _owners(first[over & ~followed], n)
        twin = _owners(first[followed], n) & ~hit
        days = f"{plan.hi // 24}d" if plan.hi % 24 == 0 else f"{plan.hi}h"
        return Moment(plan, f"{plan.first} -> no {plan.second} within {days}", hit, twin, np.zeros(n, np.bool_))
    lo, hi = (1, MAX_GAP_DAYS * DAY) if plan.kind == "timeless" else (plan.lo * HOUR, plan.hi * HOUR)
    hit = _owners(first[has_gap(first, second, lo, hi)], n)
    twin = _owners(first[has_gap(first, second, 1, MAX_GAP_DAYS * DAY)], n) & ~hit
    turned = _owners(second[has_gap(second, first, 1, MAX_GAP_DAYS * DAY)], n) & ~hit & ~twin
    gap = f"[1us,{MAX_GAP_DAYS // 7}w)" if plan.kind == "timeless" else f"[{duration(plan.lo)},{duration(plan.hi)})"
    return Moment(plan, f"{plan.first} -{gap}-> {plan.second}", hit, twin, turned)


def duration(hours: int) -> str:
    for unit, size in (("w", 168), ("d", 24)):
        if hours % size == 0:
            return f"{hours // size}{unit}"
    return f"{hours}h"


def has_gap(first: Ints, second: Ints, lo: int, hi: int) -> Bools:
    """For each of the first (entity and time in one number) whether one of the second follows in [lo, hi)."""
    at = np.searchsorted(second, first + lo, "left")
    return np.searchsorted(second, first + hi, "left") > at


def _owners(keys: Ints, n: int) -> Bools:
    owned = np.zeros(n, np.bool_)
    owned[keys >> TIME_BITS] = True
    return owned
