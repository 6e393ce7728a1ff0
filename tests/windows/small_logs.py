"""Small logs full of ties, read by seqmine and by the oracle, and what seqmine makes of them step by step."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

import seqmine as sm
from seqmine.windows.analysis import Question, rows_of
from seqmine.windows.columns import entity_columns
from seqmine.windows.design import Design, as_it_happened
from seqmine.windows.outcome_bins import outcome_source
from seqmine.windows.pair import Pair
from seqmine.windows.streams import read_selector, stream_of

from .reference.trials import Event, Instance, Outcome, Row, Setting, expand, instances, moments_of, named, silences_of

HOUR, DAY = 3_600_000_000, 86_400_000_000
LOWEST, HIGHEST = -(2**63) + 1, 2**63 - 1
BEGIN = 1_704_067_200_000_000


@dataclass(frozen=True, kw_only=True)
class Case:
    """A log and a question about it; times and durations in microseconds. `moment` is an event, or silence after it."""

    events: Sequence[Event]
    outcome: Outcome
    text: str
    width: int
    n_bins: int
    washout: int = 0
    repeats: str = "first"
    silence: int | None = None
    observed_until: int | None = None
    starts: Mapping[str, int] = field(default_factory=dict)
    incident: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def until(self) -> int:
        return max(e.time for e in self.events) if self.observed_until is None else self.observed_until

    @property
    def pattern(self) -> str:
        return "m" if self.silence is None else f"m -> no q within {self.silence}us"

    @property
    def setting(self) -> Setting:
        if self.silence is None:
            moments = moments_of(self.events, named("m"), repeats=self.repeats)
        else:
            moments = silences_of(
                self.events, named("m"), named("q"), self.silence, until=self.until, repeats=self.repeats
            )
        return Setting(
            self.events, moments, named("act"), self.outcome, self.width, self.n_bins, self.washout,
            observed_until=self.observed_until, starts=self.starts,
        )  # fmt: skip

    @property
    def study(self) -> sm.Study:
        outcome: Any = self.text
        if self.outcome.kind == "table":
            known = self.outcome.table
            columns = {
                "entity": pa.array(list(known), pa.string()),
                "time": instants([time for time, _ in known.values()]),
                "label": pa.array([label for _, label in known.values()], pa.int64()),
            }
            outcome = sm.Outcome.from_table(pa.table(columns), horizon=f"{self.outcome.horizon}us")
        return sm.Study(outcome, at="2024-01-01", incident=self.incident)

    @property
    def window_options(self) -> sm.WindowOptions:
        return sm.WindowOptions(**{
            "max_delay": f"{self.width * self.n_bins}us", "bin_width": f"{self.width}us",
            "washout": f"{self.washout}us", "repeats": self.repeats, "threads": 1, **self.options,
        })  # fmt: skip

    def log(self) -> sm.EventLog:
        return log_of(self.events, observed_until=self.observed_until, starts=self.starts)


def instants(times: Sequence[int]) -> pa.Array[Any]:
    return pa.array(times, pa.timestamp("us", "UTC"))


def log_of(
    events: Sequence[Event], *, observed_until: int | None = None, starts: Mapping[str, int] | None = None
) -> sm.EventLog:
    names = sorted({name for e in events for name in e.attributes})
    columns = {
        "entity": pa.array([e.entity for e in events]),
        "time": instants([e.time for e in events]),
        "event": pa.array([e.event for e in events]),
        "value": pa.array([e.value for e in events], pa.float64()),
        **{name: pa.array([e.attributes.get(name) for e in events]) for name in names},
    }
    known: dict[str, Any] = {}
    if observed_until is not None:
        known["observed_until"] = observed_until
    if starts:
        known["starts"] = pa.table({"entity": pa.array(list(starts)), "time": instants(list(starts.values()))})
    return sm.EventLog.from_arrow(pa.table(columns), value="value", attributes=names, **known)


def question_of(log: sm.EventLog, case: Case) -> Question:
    """As `scan_windows` asks it."""
    study, options = case.study, case.window_options
    assert study.outcome is not None
    return Question(
        log=log, study=study, options=options, source=outcome_source(log, study.outcome, 1),
        follow=case.outcome.horizon, entities=entity_columns(log, study), outcome=str(study.outcome), lowers=True,
        raises=True,
    )  # fmt: skip


def design_of(log: sm.EventLog, case: Case) -> tuple[Question, Design]:
    question = question_of(log, case)
    rows = rows_of(question, sm.parse_pattern(case.pattern))
    stream = stream_of(log, read_selector("act"), threads=1)
    return question, as_it_happened(rows, stream, question.options)


# --- logs that models can be fitted on --------------------------------------------------------------------------------


OUTCOMES: Mapping[str, Outcome] = {
    "exists(x) within 2d": Outcome("exists", 2 * DAY, named("x")),
    "no x within 1d": Outcome("no", DAY, named("x")),
    "count(x) >= 2 within 2d": Outcome("count", 2 * DAY, named("x"), ">=", 2),
    "sum(value of x) > 1.5 within 2d": Outcome("sum", 2 * DAY, named("x"), ">", 1.5),
    "count(x) within 2d": Outcome("count", 2 * DAY, named("x")),
    "sum(value of x) within 2d": Outcome("sum", 2 * DAY, named("x")),
    "table": Outcome("table", 2 * DAY),
}


def made_case(
    text: str, seed: int, *, n: int = 420, repeats: str = "first", minutes: Sequence[int] = (0,), **options: Any
) -> Case:
    """A log at full hours: a moment or two, noise, an action more likely after `risk`, and x more likely, too.

    56 bins of an hour, looked at anew every four; many events at one time, some of them twice; the moments of 15
    entities are one time. Actions come at one of these `minutes` of the hour.
    """
    rng = random.Random(f"{text} {seed}")
    late = random.Random(seed)
    events: list[Event] = []
    table: dict[str, tuple[int, int]] = {}
    for i in range(n):
        name = f"e{rng.randrange(10**6)}-{i}"
        base = BEGIN + (rng.randrange(24 * 20) if i % 28 else 0) * HOUR
        plan, weight = rng.choice(("basic", "plus")), rng.randrange(8) / 4
        own: list[tuple[int, str, float | None]] = [(-rng.randrange(1, 40 * 24), "seen", None) for _ in range(4)]
        own += [(-rng.randrange(1, 90 * 24), "old", None) for _ in range(rng.choice((0, 0, 1, 2)))]
        own.append((0, "m", weight))
        if rng.random() < 0.5:
            own.append((rng.randrange(6, 60), "m", None))
        risk = rng.randrange(0, 50) if rng.random() < 0.5 else None
        if risk is not None:
            own.append((risk, "risk", None))
        own += [(rng.randrange(-6, 100), rng.choice(("seen", "seen", "mail")), None) for _ in range(4)]
        soon = 0.75 if risk is not None else 0.45
        act = None
        if rng.random() < soon:
            act = rng.randrange(0, 20) if rng.random() < 0.7 else rng.randrange(0, 60)
            if risk is not None and rng.random() < 0.5:
                act = risk + rng.randrange(0, 5)
            own.append((act, "act", None))
            if rng.random() < 0.3:
                own.append((act + rng.randrange(-3, 4), "mail", None))
        rate = (0.03 if plan == "basic" else 0.018) * (1.8 if risk is not None else 1.0)
        hour = rng.expovariate(rate)
        times = []
        while hour < 160:
            times.append(int(hour))
            hour += rng.expovariate(rate * (0.4 if act is not None and 8 <= act <= 20 else 1.0))
        own += [(hour, "x", rng.choice((None, 0.5, 1.0, 2.25))) for hour in times]
        if rng.random() < 0.9:
            happened = bool(times) and rng.random() < 0.8
            table[name] = (
                (base + times[0] * HOUR, 1) if happened else (base + (60 if rng.random() < 0.15 else 400) * HOUR, 0)
            )
        attributes = {"plan": plan}
        own += [one for one in own if rng.random() < 0.06]
        after = late.choice(minutes) * HOUR // 60
        events += [
            Event(name, base + hour * HOUR + (after if kind == "act" else 0), kind, value, attributes)
            for hour, kind, value in own
        ]
    rng.shuffle(events)
    outcome = OUTCOMES[text]
    if text == "table":
        outcome = Outcome("table", 2 * DAY, table=table)
    return Case(
        events=events, outcome=outcome, text=text, width=HOUR, n_bins=56, washout=3 * HOUR, repeats=repeats,
        observed_until=max(e.time for e in events) + 3 * DAY, options={"n_null": 99, "n_bootstrap": 39, **options},
    )  # fmt: skip


@dataclass(frozen=True)
class Fitted:
    """A case, its pair, and its trials by brute force."""

    case: Case
    result: sm.WindowResult
    pair: Pair
    kept: list[Instance]
    rows: list[Row]

    @property
    def look(self) -> int:
        """After a bin begins: when controls are looked at. At once where most actions come then, else halfway."""
        design, width = self.pair.design, self.case.width
        delays = [d for d, may in zip(design.delay.tolist(), design.may_treat, strict=True) if may]
        acted = [d for d in delays if d < width * self.case.n_bins]
        return 0 if 2 * sum(d % width == 0 for d in acted) > len(acted) else width // 2

    def given(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Stratum and expected outcome of every (row, bin), as the pair has them; -1 where it has none."""
        pair = self.pair
        n, bins = len(pair.design.rows), pair.n_bins
        stratum, expected = np.full((n, bins), -1, np.int64), np.full((n, bins), np.nan)
        pieces = pair.pieces
        for i in range(n):
            for p in range(pieces.offsets[i], pieces.offsets[i + 1]):
                end = pieces.bins[p + 1] if p + 1 < pieces.offsets[i + 1] else pair.arms.stop[i]
                stratum[i, pieces.bins[p] : end] = pieces.stratum[p]
                expected[i, pieces.bins[p] : end] = pieces.expected[p] / pair.steps.scale
        for j, (i, k) in enumerate(zip(pair.arms.treated, pair.arms.bins, strict=True)):
            stratum[i, k] = pieces.treated_stratum[j]
            expected[i, k] = pieces.treated_expected[j] / pair.steps.scale
        return stratum, expected


def fitted(case: Case) -> Fitted:
    result = sm.scan_windows(case.log(), case.pattern, "act", case.study, case.window_options)
    pair = result._analyses[0].pair
    assert pair is not None, result.statements()
    setting = case.setting
    kept, _ = instances(setting)
    return Fitted(case, result, pair, kept, expand(setting, kept))
