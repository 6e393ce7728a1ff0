"""Made logs of a moment, an action and an outcome, with the true effect of the action at every delay.

numpy and pyarrow only, nothing of seqmine. Every entity makes its second purchase once, some time in a year. The firm
may then call it (`csm_call`), once; the customer may complain; the customer may leave. What raises both the chance of
a call and that of leaving is the plan (told by an event at the start), the score (told by the value of an event some
days before) and the complaint (told by an event, unless it is hidden): all measured, if there is no `hidden` trait.

Every clock is exponential in its own time: an entity leaves when its integrated hazard of leaving passes the one
number drawn for it. The world in which a call is left out is run on the same numbers, with later calls drawn anew from
usual care. As an exponential clock forgets, what is left of it at the end of a bin of delays is the same draw in both
worlds, and the chance to leave within the follow-up has a closed form in each, given complaint and calls: `Truth`
averages these chances, so that it is many times more precise than an average of outcomes.

Delays are hours after the moment; times of tables are microseconds since 1970 in UTC.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

HOUR = 3_600_000_000
DAY, WEEK, YEAR = 24, 168, 365 * 24  # hours
BEGIN = 1_704_067_200_000_000  # 2024-01-01, a Monday
NEVER = 1e8  # hours; finite, so that differences of two of them are numbers
CARE_ENDS = 2 * WEEK  # no call comes later than this after the moment
FOLLOWED = 60 * DAY  # how long after the year the log goes on
MOMENT, ACTION, INBOUND, COMPLAINT, OLD_ISSUE, CANCEL = (
    "second_purchase",
    "csm_call",
    "call_inbound",
    "complaint",
    "old_issue",
    "cancel",
)
SIZES = {"none": 0.0, "step": -0.44, "constant": -0.45, "two": -0.44, "reversal": -0.44, "harm": 0.45, "bump": -0.5}
"""Log hazard ratio of leaving, from the call on and for ever, if the call comes at the right delay."""
SECOND_WINDOW = (80.0, 104.0)
STRONGER_BY_COMPLAINT = (1.3, 0.8)  # log hazard of a call, of leaving

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What to put into a world.

    effect: none; step (in [lo, hi)); constant (any delay); two (also in SECOND_WINDOW); reversal (harm outside); harm
    (a step that drives customers away); bump (smooth, around the middle of [lo, hi)).
    indication: calls go to those at risk, and after complaints. immortal: about half leave within seven days; else few.
    hidden: log hazard that a trait which no event tells adds to calls and to leaving (and takes from both without it);
    the old issue, long before the moment, goes with that trait and with nothing else.
    automation: all calls at exactly this delay, to everybody. office_hours: calls at working hours, and customers who
    purchase in the evening leave sooner. randomised: "arm" (half get a call at a random delay within `max_delay`),
    "delay" (all do) or "probability" (a call within the first half hour, with a chance that is told).
    variants: calls by `sms` have the effect, those by `phone` have none. segments: only `plus` customers respond.
    """

    effect: str = "step"
    size: float | None = None
    lo: float = 19
    hi: float = 37
    indication: bool = True
    immortal: bool = True
    complaint_visible: bool = True
    hidden: float = 0.0
    automation: float | None = None
    office_hours: bool = False
    randomised: str | None = None
    inbound: bool = False
    co_intervention: float = 0.0
    variants: bool = False
    segments: bool = False
    cancel_events: bool = False
    background: float = 12.0
    max_delay: float = WEEK
    bin_hours: float = 1.0
    follow_up_days: float = 30
    redraws: int = 4


@dataclass(frozen=True)
class Latent:
    """What the log is made from, by entity. Delays in hours, NEVER where it does not happen; none is cut by leaving."""

    t0: Ints  # microseconds since 1970
    plus: Bools
    score: Floats
    trait: Bools
    complaint: Floats
    action: Floats
    churn: Floats
    sms: Bools
    arm: Bools  # of a randomised world: a call was planned
    planned: Floats  # its delay
    probability: Floats


@dataclass(frozen=True)
class Truth:
    """By entity called in a bin of delays and still there at the end of it, in the order of entities.

    `treated`, `usual`, `none`: the chance to leave in [end of the bin, + follow-up) with the call, without it but with
    usual care later, and without any call. `left`, `left_usual`: whether it did, on the same clock in both worlds.
    """

    bin_hours: float
    n_bins: int
    delay: Floats
    treated: Floats
    usual: Floats
    none: Floats
    left: Bools
    left_usual: Bools
    plus: Bools
    sms: Bools

    def inside(self, lo: float, hi: float, *, plus: bool | None = None, sms: bool | None = None) -> Bools:
        """Who was called at a delay of [lo, hi) hours, of one plan and channel if so asked."""
        k = np.floor(self.delay / self.bin_hours) * self.bin_hours
        chosen = (k >= lo - 1e-9) & (k < hi - 1e-9)
        for wanted, column in ((plus, self.plus), (sms, self.sms)):
            chosen &= True if wanted is None else column == wanted
        return np.asarray(chosen)

    def att(self, lo: float = 0, hi: float = NEVER, *, versus: str = "usual", **only: bool | None) -> float:
        """The mean difference in risk over the calls in [lo, hi); `versus` is usual or none."""
        return float(self.differences(lo, hi, versus=versus, **only).mean())

    def att_se(self, lo: float = 0, hi: float = NEVER, *, versus: str = "usual", **only: bool | None) -> float:
        found = self.differences(lo, hi, versus=versus, **only)
        return float(found.std(ddof=1) / np.sqrt(len(found)))

    def differences(self, lo: float, hi: float, *, versus: str = "usual", **only: bool | None) -> Floats:
        return (self.treated - {"usual": self.usual, "none": self.none}[versus])[self.inside(lo, hi, **only)]

    def n_treated(self, lo: float = 0, hi: float = NEVER, **only: bool | None) -> int:
        return int(self.inside(lo, hi, **only).sum())

    def curve(self) -> tuple[Ints, Floats]:
        """Calls and ATT by bin; NaN where nobody was called."""
        k = np.floor(self.delay / self.bin_hours).astype(np.int64)
        n = np.bincount(k, minlength=self.n_bins)
        total = np.bincount(k, self.treated - self.usual, minlength=self.n_bins)
        return n, np.divide(total, n, out=np.full(self.n_bins, np.nan), where=n > 0)


@dataclass(frozen=True)
class World:
    """`events`: entity, time, event, value, plan, health, channel, and draws; `outcomes`: entity, time, label.

    The log is watched until `observed_until` (microseconds since 1970); nobody is lost before.
    """

    recipe: Recipe
    events: pa.Table
    outcomes: pa.Table
    observed_until: int
    truth: Truth
    latent: Latent

    @property
    def reading(self) -> dict[str, object]:
        """The keywords with which an event log is read from `events`."""
        attributes = self.events.column_names[4:]
        return {"timezone": "UTC", "attributes": attributes, "observed_until": self.observed_until}


# --- clocks -----------------------------------------------------------------------------------------------------------


def weekly(now: Floats, office_hours: bool, *, back: bool = False) -> Floats:
    """Hours since a Monday as hours of work, 168 a week in both; `back` is the inverse."""
    if not office_hours:
        return now
    by_hour = np.full(WEEK, 0.03)
    by_hour[[24 * day + hour for day in range(5) for hour in range(9, 17)]] = 1.0
    work = np.concatenate([[0.0], np.cumsum(by_hour)]) * WEEK / by_hour.sum()
    clock = np.arange(WEEK + 1.0)
    weeks, rest = np.divmod(now, WEEK)
    return weeks * WEEK + (np.interp(rest, work, clock) if back else np.interp(rest, clock, work))


def base(delay: Floats, immortal: bool, *, back: bool = False) -> Floats:
    """The integrated hazard of leaving of a common customer; two rates, the first of them for a week."""
    first, later = (0.0034, 0.0005) if immortal else (0.0009, 0.0007)
    if back:
        return np.where(delay < first * WEEK, delay / first, WEEK + (delay - first * WEEK) / later)
    return first * np.minimum(delay, WEEK) + later * np.maximum(delay - WEEK, 0)


def bent(now: Floats, one: Floats, by_one: Floats | float, two: Floats, by_two: Floats | float) -> Floats:
    """The integral to `now` of exp(by_one after `one`) x exp(by_two after `two`)."""
    first, second = np.expm1(by_one), np.expm1(by_two)
    both = np.maximum(now - np.maximum(one, two), 0)
    return now + first * np.maximum(now - one, 0) + second * np.maximum(now - two, 0) + first * second * both


def unbent(total: Floats, one: Floats, by_one: Floats | float, two: Floats, by_two: Floats | float) -> Floats:
    """The `now` at which `bent` comes to `total`."""
    a, b = np.minimum(one, two), np.maximum(one, two)
    slope = np.exp(np.where(one < two, by_one, by_two))
    at_b = a + slope * (b - a)
    after = b + (total - at_b) / np.exp(by_one + by_two)
    return np.where(total < a, total, np.where(total < at_b, a + (total - a) / slope, after))


# --- one world --------------------------------------------------------------------------------------------------------


class Maker:
    """Draws the latent delays of one world, the world without each call, and the tables."""

    def __init__(self, n: int, seed: int, recipe: Recipe) -> None:
        self.n, self.recipe, self.rng = n, recipe, np.random.default_rng(seed)
        rng, tells = self.rng, 1.0 if recipe.indication else 0.0
        self.t0 = BEGIN + rng.integers(0, YEAR * HOUR, n)
        self.hour = (self.t0 - BEGIN) / HOUR
        self.plus = rng.random(n) < 0.5
        self.score = np.round(rng.normal(size=n), 2)
        self.trait = rng.random(n) < 0.5
        self.sms = rng.random(n) < 0.5
        risk = 0.5 * self.score - 0.6 * (self.plus - 0.5)
        trait = recipe.hidden * np.where(self.trait, 1.0, -1.0)
        evening = (self.hour % DAY >= 17) if recipe.office_hours else np.zeros(n)
        self.churn_rate = np.exp(risk + trait + 0.9 * evening)
        self.call_rate = 0.0046 * np.exp(tells * 1.2 * risk + trait)
        self.call_jump, self.churn_jump = tells * STRONGER_BY_COMPLAINT[0], STRONGER_BY_COMPLAINT[1]
        self.complaint = rng.exponential(size=n) / (0.0020 * np.exp(0.5 * risk))
        self.probability = 1 / (1 + np.exp(-tells * risk))
        self.arm = rng.random(n) < (self.probability if recipe.randomised == "probability" else 0.5)
        self.arm |= recipe.randomised == "delay"
        self.planned = rng.random(n) * (0.5 if recipe.randomised == "probability" else recipe.max_delay)
        self.action = self.first_call()
        self.clock = rng.exponential(size=n) / self.churn_rate
        self.churn = self.leaves_at(self.clock)

    def first_call(self) -> Floats:
        recipe = self.recipe
        if recipe.automation is not None:
            return np.full(self.n, float(recipe.automation))
        if recipe.randomised is not None:
            return np.where(self.arm, self.planned, NEVER)
        return self.usual_call(np.arange(self.n), np.zeros(self.n))

    def usual_call(self, who: Ints, since: Floats) -> Floats:
        """The delay of the next call of usual care to `who`, none until `since`."""
        recipe, rng = self.recipe, self.rng
        if recipe.automation is not None or recipe.randomised == "probability":
            return np.full(len(who), NEVER)
        if recipe.randomised is not None:
            rest = recipe.max_delay - since
            others = recipe.max_delay if recipe.randomised == "arm" else 0.0
            planned = rng.random(len(who)) * (rest + others) < rest
            return np.where(planned, since + rng.random(len(who)) * rest, NEVER)
        hour, office = self.hour[who], recipe.office_hours
        start = weekly(hour + since, office)
        complaint = np.maximum(weekly(hour + np.minimum(self.complaint[who], YEAR), office) - start, 0)
        work = rng.exponential(size=len(who)) / self.call_rate[who]
        work = unbent(work, complaint, self.call_jump, np.full(len(who), NEVER), 0.0)
        delay = weekly(start + work, office, back=True) - hour
        return np.where(delay < CARE_ENDS, delay, NEVER)

    def beta(self, delay: Floats, plus: Bools, sms: Bools) -> Floats:
        """The effect of a call at this delay, as log hazard."""
        recipe = self.recipe
        size = SIZES[recipe.effect] if recipe.size is None else recipe.size
        inside = (delay >= recipe.lo) & (delay < recipe.hi)
        if recipe.effect == "two":
            inside |= (delay >= SECOND_WINDOW[0]) & (delay < SECOND_WINDOW[1])
        shape: Floats | float = {"none": 0.0, "constant": 1.0}.get(recipe.effect, inside * 1.0)
        if recipe.effect == "reversal":
            shape = np.where(inside, 1.0, -0.5)
        if recipe.effect == "bump":
            shape = np.exp(-0.5 * ((delay - (recipe.lo + recipe.hi) / 2) / ((recipe.hi - recipe.lo) / 2)) ** 2)
        return size * shape * (plus | (not recipe.segments)) * (sms | (not recipe.variants)) * (delay < NEVER)

    def leaves_at(self, clock: Floats) -> Floats:
        immortal, beta = self.recipe.immortal, self.beta(self.action, self.plus, self.sms)
        at = unbent(clock, base(self.complaint, immortal), self.churn_jump, base(self.action, immortal), beta)
        return np.minimum(base(at, immortal, back=True), NEVER)

    def spent(self, who: Ints, until: Floats, call: Floats, sms: Bools) -> Floats:
        """The integrated hazard of leaving of `who` until a delay, if called at `call`."""
        immortal, beta = self.recipe.immortal, self.beta(call, self.plus[who], sms)
        complaint, called = base(self.complaint[who], immortal), base(call, immortal)
        return self.churn_rate[who] * bent(base(until, immortal), complaint, self.churn_jump, called, beta)

    def truth(self) -> Truth:
        recipe = self.recipe
        n_bins = round(recipe.max_delay / recipe.bin_hours)
        tau = (np.floor(self.action / recipe.bin_hours) + 1) * recipe.bin_hours
        who = np.flatnonzero((tau <= n_bins * recipe.bin_hours + 1e-9) & (self.churn >= tau))
        call, sms, tau = self.action[who], self.sms[who], tau[who]
        end = tau + recipe.follow_up_days * DAY

        def hazard(call: Floats, sms: Bools) -> Floats:
            return self.spent(who, end, call, sms) - self.spent(who, tau, call, sms)

        rest = self.clock[who] * self.churn_rate[who] - self.spent(who, tau, call, sms)
        treated, none = hazard(call, sms), hazard(np.full(len(who), NEVER), sms)
        # Which channel a later call takes is drawn anew too.
        drawn = [hazard(self.usual_call(who, tau), self.rng.random(len(who)) < 0.5) for _ in range(recipe.redraws)]
        return Truth(
            recipe.bin_hours,
            n_bins,
            call,
            -np.expm1(-treated),
            np.mean([-np.expm1(-one) for one in drawn], axis=0),
            -np.expm1(-none),
            rest < treated,
            rest < drawn[0],
            self.plus[who],
            sms,
        )

    def tables(self) -> tuple[pa.Table, pa.Table, int]:
        recipe, rng, n = self.recipe, self.rng, self.n
        names = pa.array(np.char.add("e", np.char.zfill(np.arange(n).astype(str), 7)))
        everybody, end = np.arange(n), BEGIN + (YEAR + FOLLOWED) * HOUR
        parts: list[pa.Table] = []

        def add(event: str, who: Ints | Bools, after: Floats, /, **more: object) -> None:
            entity = np.flatnonzero(who) if who.dtype == np.bool_ else who
            time = self.t0[entity] + np.floor((after[entity] if len(after) == n else after) * HOUR).astype(np.int64)
            columns = {name: pc.take(pa.array(column), pa.array(entity)) for name, column in more.items()}
            event_column = pa.repeat(pa.scalar(event), len(entity))
            table = pa.table({"entity": names.take(pa.array(entity)), "time": time, "event": event_column, **columns})
            parts.append(table.filter(pa.array(time < end)))

        start = -(100 + 300 * rng.random(n)) * DAY
        add("plan_plus", self.plus, start)
        add("plan_basic", ~self.plus, start)
        add("score", everybody, -(3 + 17 * rng.random(n)) * DAY, value=self.score)
        add(OLD_ISSUE, rng.random(n) < np.where(self.trait, 0.55, 0.15), -(28 + 56 * rng.random(n)) * DAY)
        drawn = {"arm": {"arm": np.where(self.arm, "call", "none")}, "delay": {"delay": self.planned * 3600}}
        drawn["probability"] = {"probability": self.probability}
        told = drawn.get(recipe.randomised or "", {})
        add(MOMENT, everybody, np.zeros(n), plan=np.where(self.plus, "plus", "basic"), health=self.score, **told)
        if recipe.complaint_visible:
            add(COMPLAINT, (self.complaint < self.churn) & (self.complaint < CARE_ENDS), self.complaint)
        called = self.action < self.churn
        add(ACTION, called, self.action, channel=np.where(self.sms, "sms", "phone"))
        if recipe.inbound:
            inbound = self.usual_call(everybody, np.zeros(n))
            add(INBOUND, inbound < self.churn, inbound)
        add("gift", called & (rng.random(n) < recipe.co_intervention), self.action + 6 * rng.random(n))
        if recipe.cancel_events:
            add(CANCEL, self.churn < NEVER, self.churn)
        for event, share in (("login", 0.6), ("page_view", 0.4)):
            who = np.repeat(everybody, rng.poisson(share * recipe.background, n))
            add(event, who, (-90 + 130 * rng.random(len(who))) * DAY)
        events = pa.concat_tables(parts, promote_options="default")
        left = self.t0 + np.floor(self.churn * HOUR).astype(np.int64)
        stamp = pa.timestamp("us", "UTC")
        outcomes = pa.table({"entity": names, "time": np.minimum(left, end), "label": (left < end).astype(np.int8)})
        return _stamped(events, stamp), _stamped(outcomes, stamp), end


def _stamped(table: pa.Table, stamp: pa.DataType) -> pa.Table:
    return table.set_column(1, "time", table.column("time").cast(stamp))


def world(n: int, seed: int, **recipe: object) -> World:
    """A world of n entities; the keywords are those of `Recipe`. The same bytes for the same arguments."""
    maker = Maker(n, seed, Recipe(**recipe))  # type: ignore[arg-type]
    truth = maker.truth()
    events, outcomes, end = maker.tables()
    latent = Latent(
        maker.t0,
        maker.plus,
        maker.score,
        maker.trait,
        maker.complaint,
        maker.action,
        maker.churn,
        maker.sms,
        maker.arm,
        maker.planned,
        maker.probability,
    )
    return World(maker.recipe, events, outcomes, end, truth, latent)
