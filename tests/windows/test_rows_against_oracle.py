"""Rows, exclusions, delays, risk and outcomes of `scan_windows` against brute force, bin by bin.

Generated logs: few distinct times, so that moments, actions and outcomes coincide; duplicates; repeated moments and
trailing absences; declared starts and ends; three clocks: full hours, microseconds, and the ends of the 64-bit range.
"""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from seqmine.windows.outcome_bins import outcome_steps

from .reference.trials import COMPARE, Event, Outcome, amount, at_risk, by_entity, holds, instances, named, value
from .small_logs import BEGIN, HIGHEST, HOUR, LOWEST, Case, design_of

KINDS = ("exists", "no", "count", "sum", "table", "number", "total", "count", "sum")
NAMES = {"not_followed": "not_followed", "censored": "not_followed", "treated_before": "washout"}


def case_of(seed: int) -> Case:
    rng = random.Random(seed)
    unit, begin = rng.choice(((HOUR, BEGIN), (1, 0), (1, LOWEST), (1, HIGHEST - 90)))
    reach = rng.choice((6, 20, 40))
    n = rng.randrange(1, 5)
    values = (2.0, 0.5, None, -2.0, 1.0)
    events = [
        Event(f"e{rng.randrange(n)}", begin + rng.randrange(reach + 1) * unit, kind, rng.choice(values))
        for kind in rng.choices(("m", "act", "x", "q"), (2, 1, 4, 1), k=rng.randrange(1, 14 * n))
    ]
    events += events[: rng.choice((0, 0, 3))]
    events += [Event("z", begin + 1, kind) for kind in ("act", "x", "q", "m")]
    if begin == LOWEST and rng.random() < 0.5:  # lives longer than an int64 can count
        events += [Event("e0", HIGHEST - 2 + j, kind) for j, kind in enumerate(("act", "x"))]
    if begin == HIGHEST - 90 and rng.random() < 0.5:
        events += [Event("e0", LOWEST + j, kind) for j, kind in enumerate(("act", "m", "x"))]
    until = min(max(e.time for e in events) + rng.choice((0, 10, 40, 40)) * unit, HIGHEST)
    kind, horizon = rng.choice(KINDS), rng.choice((1, 4, 9)) * unit
    known: dict[str, tuple[int, int]] = {}
    comparison = rng.choice((">=", ">", ">=", ">", "=", "<=", "<", "!="))
    threshold = rng.choice((0, 1, 2, 2) if kind == "count" else (0.5, 1.5, -0.25))
    within = f"within {horizon}us"
    text, outcome = {
        "exists": (f"exists(x) {within}", Outcome("exists", horizon, named("x"))),
        "no": (f"no x {within}", Outcome("no", horizon, named("x"))),
        "count": (
            f"count(x) {comparison} {threshold} {within}",
            Outcome("count", horizon, named("x"), comparison, threshold),
        ),
        "sum": (
            f"sum(value of x) {comparison} {threshold} {within}",
            Outcome("sum", horizon, named("x"), comparison, threshold),
        ),
        "number": (f"count(x) {within}", Outcome("count", horizon, named("x"))),
        "total": (f"sum(value of x) {within}", Outcome("sum", horizon, named("x"))),
        "table": ("", Outcome("table", horizon, table=known)),
    }[kind]
    entities = sorted({e.entity for e in events})
    if kind == "table":
        for name in [*entities, "stranger"]:
            if rng.random() < 0.85:
                known[name] = (min(begin + rng.randrange(reach + 60) * unit, HIGHEST), rng.randrange(2))
        known.setdefault("stranger", (begin, 1))
    starts = {}
    if begin in (0, BEGIN) and rng.random() < 0.3:
        starts = {name: begin + rng.randrange(reach) * unit for name in entities if rng.random() < 0.5}
    first_time = kind == "exists" or (
        kind == "count" and comparison in (">=", ">") and (comparison, threshold) != (">=", 0)
    )
    return Case(
        events=events, outcome=outcome, text=text, width=rng.choice((1, 2, 3)) * unit, n_bins=rng.choice((1, 3, 5, 9)),
        washout=rng.choice((0, 0, 2, 7)) * unit, repeats=rng.choice(("first", "all")),
        silence=rng.choice((None, None, 2 * unit)), observed_until=rng.choice((until, until, None)), starts=starts,
        incident=first_time and rng.random() < 0.4,
    )  # fmt: skip


def holds_at_once(outcome: Outcome) -> bool:
    """Whether it holds of nothing at all: then it is a state that one can be in, as silence is."""
    return outcome.op is not None and COMPARE[outcome.op](0, outcome.threshold)


def risk_of(case: Case, own: list[Event], entity: str, t0: int, tau: int) -> bool:
    """What `at_risk` of the oracle says, also of outcomes that come and go.

    A state must not hold of the follow-up before; what came true once, at any time, stays true, whatever came later.
    """
    outcome, length = case.outcome, case.outcome.horizon
    if holds_at_once(outcome):
        return not holds(outcome, own, entity, tau - length, tau)
    if outcome.op is not None:
        ends = sorted({e.time + 1 for e in own if t0 <= e.time < tau})
        return not any(holds(outcome, own, entity, t0, end) for end in ends)
    return at_risk(case.setting, own, entity, t0, tau)


def already(case: Case, own: list[Event], entity: str, t0: int) -> bool:
    if not case.incident:
        return False
    if case.outcome.kind == "exists":
        return amount(case.outcome, own, LOWEST, t0) > 0
    return bool(COMPARE[case.outcome.op or ">="](amount(case.outcome, own, LOWEST, t0), case.outcome.threshold))


@pytest.mark.parametrize("seed", range(250))
@pytest.mark.parametrize("blanked", [0, 1])
def test_rows_delays_risk_and_outcomes(seed: int, blanked: int) -> None:
    case = case_of(2 * seed + blanked)
    setting = case.setting
    log = case.log()
    question, design = design_of(log, case)
    kept, excluded = instances(setting)
    own = by_entity(case.events)
    counts: Counter[str] = Counter(excluded)
    used = []
    for one in kept:
        # Actions, unlike the outcomes of a table, are known no longer than the log.
        if one.t0 + setting.max_delay > case.until:
            counts["not_followed"] += 1
        elif already(case, own[one.entity], one.entity, one.t0):
            counts["already"] += 1
        else:
            used.append(one)
    if case.outcome.kind != "table" and not case.incident:
        found = Counter[str]()
        for name, n in design.rows.excluded.items():
            found[NAMES.get(name, name)] += n
        assert found.pop("n_moments") == len(setting.moments)
        assert +found == +counts
    names = log.entities.to_pylist()
    rows = design.rows
    assert [(names[e], t) for e, t in zip(rows.entity, rows.time, strict=True)] == [(o.entity, o.t0) for o in used]
    longest = setting.max_delay
    assert design.delay.tolist() == [longest if o.delay is None else min(o.delay, longest) for o in used]

    blank = min(blanked * case.width, case.outcome.horizon - 1)
    steps = outcome_steps(
        question.source, rows.entity, rows.time, width=case.width, n_bins=case.n_bins, follow=case.outcome.horizon,
        blank=blank,
    )  # fmt: skip
    row = np.repeat(np.arange(len(rows)), case.n_bins)
    bins = np.tile(np.arange(case.n_bins), len(rows))
    y, risk = steps.at(row, bins)
    for i, k, got, at in zip(row.tolist(), bins.tolist(), y.tolist(), risk.tolist(), strict=True):
        entity, t0 = used[i].entity, used[i].t0
        tau = t0 + (k + 1) * case.width
        assert at == risk_of(case, own[entity], entity, t0, tau + blank), (entity, t0, k)
        if at:
            assert Fraction(got) / Fraction(steps.scale) == outcome_of(case, own[entity], entity, tau, blank)
    # A step is a change: none repeats the one before it.
    for i in range(len(rows)):
        mine = steps.step[:, steps.offsets[i] : steps.offsets[i + 1]]
        assert mine[0, 0] == 0 and bool(np.all(np.diff(mine[0]) > 0))
        assert bool(np.all(np.any(mine[1:, 1:] != mine[1:, :-1], axis=0)))


def outcome_of(case: Case, own: list[Event], entity: str, tau: int, blank: int) -> Fraction:
    """Y of [tau + blank, tau + H)."""
    if blank == 0:
        return Fraction(value(case.setting, own, entity, tau))
    end = tau + case.outcome.horizon
    if case.outcome.numeric:
        return amount(case.outcome, own, tau + blank, end)
    return Fraction(holds(case.outcome, own, entity, tau + blank, end))


def by_hand(text: str, outcome: Outcome, own: list[tuple[int, str, float | None]], **more: Any) -> Case:
    events = [Event("a", time, kind, value) for time, kind, value in own]
    return Case(events=events, outcome=outcome, text=text, width=1, n_bins=3, observed_until=100, **more)


def test_incident_counts_the_whole_past_and_asks_only_who_has_not_enough() -> None:
    outcome = Outcome("count", 9, named("x"), ">=", 2)
    own = [(1, "x", None), (5, "m", None), (20, "act", None)]
    for before, kept in (
        (own, 1),
        ([*own, (2, "x", None)], 0),
        ([*own, (1, "x", None)], 0),
        ([*own, (5, "x", None)], 1),
    ):
        _, design = design_of((case := by_hand("count(x) >= 2 within 9us", outcome, before, incident=True)).log(), case)
        assert len(design.rows) == kept
        assert design.rows.excluded["already"] == 1 - kept


@pytest.mark.parametrize("back", [2, 3])
def test_what_came_true_stays_true_whatever_is_taken_back(back: int) -> None:
    """Enough at 1, too little again at `back`: no longer at risk, whether or not the bin ends in between."""
    outcome = Outcome("sum", 9, named("x"), ">=", 1)
    own = [(0, "m", None), (1, "x", 1.0), (back, "x", -1.0), (50, "act", None)]
    case = by_hand("sum(value of x) >= 1 within 9us", outcome, own)
    for width in (1, 4):
        question, design = design_of(case.log(), case)
        rows = design.rows
        steps = outcome_steps(question.source, rows.entity, rows.time, width=width, n_bins=3, follow=9)
        _, risk = steps.at(np.zeros(3, np.int64), np.arange(3))
        assert risk.tolist() == [width == 1, False, False]
