"""Rows, exclusions, delays, risk and outcomes of `scan_windows` against brute force, bin by bin.

Generated logs: few distinct times, so that moments, actions and outcomes coincide; duplicates; repeated moments and
trailing absences; declared starts and ends; three clocks: full hours, microseconds, and the ends of the 64-bit range.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqmine.windows.outcome_bins import outcome_steps

from .reference.trials import COMPARE, Event, Outcome, amount, at_risk, by_entity, holds, instances, named, value
from .small_logs import BEGIN, HIGHEST, HOUR, LOWEST, Case, design_of

KINDS = ("exists", "no", "count", "sum", "table", "number", "total", "count", "sum")
NAMES = {"not_followed": "not_followed", "censored": "not_followed", "treated_before": "washout"}


@st.composite
def cases(draw: st.DrawFn) -> Case:
    unit, begin = draw(st.sampled_from(((HOUR, BEGIN), (1, 0), (1, LOWEST), (1, HIGHEST - 60), (1, 0))))
    n = draw(st.integers(1, 4))
    reach = draw(st.sampled_from((6, 20, 40)))
    ticks = st.integers(0, reach)
    kinds = st.sampled_from(("m", "act", "x", "x", "q", "m"))
    values = st.sampled_from((2.0, 0.5, None, -2.0, 1.0))
    drawn = draw(st.lists(st.tuples(st.integers(0, n - 1), ticks, kinds, values), min_size=1, max_size=10 * n))
    events = [Event(f"e{i}", begin + tick * unit, kind, v) for i, tick, kind, v in drawn]
    if begin == LOWEST and draw(st.booleans()):  # lives longer than an int64 can count
        events += [Event("e0", HIGHEST - 2 + j, kind) for j, kind in enumerate(("act", "x"))]
    if begin == HIGHEST - 60 and draw(st.booleans()):
        events += [Event("e0", LOWEST + j, kind) for j, kind in enumerate(("act", "m", "x"))]
    events += events[: draw(st.sampled_from((0, 0, 3)))]
    events += [Event("z", begin + 1, kind) for kind in ("act", "x", "q", "m")[: draw(st.sampled_from((3, 4)))]]
    events.append(Event("z", begin, "m"))
    last = max(e.time for e in events)
    until = min(last + draw(st.sampled_from((30, 90, 0))) * unit, HIGHEST)
    kind, horizon = draw(st.sampled_from(KINDS)), draw(st.sampled_from((1, 4, 9))) * unit
    known: dict[str, tuple[int, int]] = {}
    comparison = draw(st.sampled_from((">=", ">", "=", "<=", "<", "!=", ">", ">=")))
    threshold = draw(st.sampled_from((2, 1, 0) if kind == "count" else (1.5, 0.5, -0.25)))
    text, outcome = {
        "exists": (f"exists(x) within {horizon}us", Outcome("exists", horizon, named("x"))),
        "no": (f"no x within {horizon}us", Outcome("no", horizon, named("x"))),
        "count": (
            f"count(x) {comparison} {threshold} within {horizon}us",
            Outcome("count", horizon, named("x"), comparison, threshold),
        ),
        "sum": (
            f"sum(value of x) {comparison} {threshold} within {horizon}us",
            Outcome("sum", horizon, named("x"), comparison, threshold),
        ),
        "number": (f"count(x) within {horizon}us", Outcome("count", horizon, named("x"))),
        "total": (f"sum(value of x) within {horizon}us", Outcome("sum", horizon, named("x"))),
        "table": ("", Outcome("table", horizon, table=known)),
    }[kind]
    entities = sorted({e.entity for e in events})
    if kind == "table":
        for name in [*entities, "stranger"]:
            if draw(st.integers(0, 4)):
                time = min(begin + draw(st.integers(0, reach + 60)) * unit, HIGHEST)
                known[name] = (time, draw(st.integers(0, 1)))
        known.setdefault("stranger", (begin, 1))
    starts = {}
    if begin in (0, BEGIN) and draw(st.integers(0, 3)) == 0:
        starts = {name: begin + draw(ticks) * unit for name in entities if draw(st.booleans())}
    return Case(
        events=events, outcome=outcome, text=text, width=draw(st.sampled_from((1, 2, 3))) * unit,
        n_bins=draw(st.sampled_from((1, 3, 5))), washout=draw(st.sampled_from((0, 0, 2, 7))) * unit,
        repeats=draw(st.sampled_from(("first", "all"))),
        silence=draw(st.sampled_from((None, None, 2))) and 2 * unit,
        observed_until=draw(st.sampled_from((until, until, None))), starts=starts,
        incident=kind in ("exists", "count") and comparison in (">=", ">") and (comparison, threshold) != (">=", 0)
        and draw(st.booleans()),
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


@settings(max_examples=700, derandomize=True, database=None, deadline=None)
@given(cases(), st.sampled_from((0, 1)))
def test_rows_delays_risk_and_outcomes(case: Case, blanked: int) -> None:
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
