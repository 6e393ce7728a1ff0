"""`mine` against the list of all chains of events of every labelled row.

Fixed gaps: the whole table is compared, in order: patterns, counts, directions, scores (the ranking is exact for
leverage, WRAcc, chi-square and lift; for the two measures with logarithms any order inside a tie is accepted),
redundancy and the cut at top_k. Learned gaps: every reported pattern is read back from its text and counted again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import strategies as st

import seqmine as sm
from reference import matching
from reference.labels import seen_rows
from reference.language import Log, chain, duration_text, parse_mined
from reference.mining import EXACT_MEASURES, LOG_MEASURES, Limits, Scored, all_scored, score_rows, top_k
from seqmine.errors import InsufficientDataError

from .strategies import CLOCKS, HIGHEST, Clock, logs, prove, to_seqmine
from .test_frequent import text
from .test_matching import label_table

STRATA = ("s", "t")


@dataclass(frozen=True)
class MineCase:
    log: Log
    rows: list[tuple[str, int, int]]
    strata: list[str] | None
    lookback: int | None
    limits: Limits
    min_support: int
    top_k: int
    measure: str
    direction: str
    redundancy: float | None


@st.composite
def mine_cases(draw: st.DrawFn) -> MineCase:
    clock = draw(st.sampled_from(CLOCKS))
    log = draw(logs(clock, full=True))
    rows = draw(two_class_rows(log, clock))
    durations = [d for d in clock.durations if 1 < d <= HIGHEST]
    measure = draw(st.sampled_from(("leverage", "leverage", *EXACT_MEASURES, *LOG_MEASURES)))
    strata = None
    if measure == "leverage" and draw(st.booleans()):
        strata = [draw(st.sampled_from(STRATA)) for _ in rows]
    return MineCase(
        log,
        rows,
        strata,
        lookback=draw(st.sampled_from((None, None, None, *durations[-4:], *durations))),
        limits=draw(gap_limits(durations)),
        min_support=draw(st.integers(1, 3)),
        top_k=draw(st.sampled_from((1, 3, 10, 1000))),
        measure=measure,
        direction=draw(st.sampled_from(("both", "both", "raises", "lowers"))),
        redundancy=draw(st.sampled_from((None, 0.9, 0.5))),
    )


@st.composite
def gap_limits(draw: st.DrawFn, durations: list[int]) -> Limits:
    least = draw(st.sampled_from((None, None, None, *durations[:2])))
    wide = [d for d in durations if least is None or d > least]
    most = draw(st.sampled_from((None, *wide[-3:], *wide)))
    return Limits(
        draw(st.sampled_from((3, 3, 4, 2, 1))),
        least,
        most,
        draw(st.sampled_from((None, None, None, None, *durations[-3:], *durations))),
    )


@st.composite
def two_class_rows(draw: st.DrawFn, log: Log, clock: Clock) -> list[tuple[str, int, int]]:
    """At least two rows, with one of each label: every entity at one or two times, often after all events."""
    times = sorted({e.time for e in log.events})
    ends = [min(t + 1, HIGHEST) for t in times]
    indexes = {ends[-1], draw(st.sampled_from(ends))}
    if draw(st.integers(0, 3)) == 3:
        indexes = {draw(st.sampled_from(times)), draw(st.sampled_from(ends))}
    if len(log.entities) * len(indexes) == 1:
        indexes.add(times[0] if ends[-1] != times[0] else times[0] - 1)
    chosen = [(entity, index) for entity in log.entities for index in sorted(indexes)]
    labels = [draw(st.integers(0, 1)) for _ in chosen]
    labels[draw(st.integers(0, len(labels) - 1))] = 1
    if 0 not in labels:
        labels[draw(st.integers(0, len(labels) - 1))] = 0
    return [(*pair, label) for pair, label in zip(chosen, labels, strict=True)]


def options(case: MineCase, **more: Any) -> sm.MinerOptions:
    return sm.MinerOptions(
        max_length=case.limits.max_length,
        max_gap=text(case.limits.max_gap),
        min_gap=text(case.limits.min_gap),
        max_span=text(case.limits.max_span),
        min_support=case.min_support,
        top_k=case.top_k,
        measure=case.measure,
        strata=None if case.strata is None else "stratum",
        direction=case.direction,
        redundancy=case.redundancy,
        **more,
    )


def labels_of(case: MineCase) -> sm.Labels:
    table = label_table(case.rows)
    if case.strata is not None:
        table = table.append_column("stratum", pa.array(case.strata, pa.string()))
    return sm.Labels.from_arrow(table, lookback=text(case.lookback))


def close(left: float, right: float) -> bool:
    return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)


def one_class(case: MineCase) -> bool:
    return len({label for *_, label in case.rows}) == 1


def check_statistics(row: dict[str, object], case: MineCase) -> None:
    """The columns that follow from the counts."""
    n, positives = len(case.rows), sum(label for *_, label in case.rows)
    m, a = row["n_matched"], row["n_positive"]
    b = m - a
    assert row["evidence"] == "exploratory"
    assert close(row["base_rate"], positives / n)
    assert close(row["confidence"], a / m)
    assert close(row["lift"], a * n / (m * positives))
    odds = (a + 0.5) * (n - positives - b + 0.5) / ((b + 0.5) * (positives - a + 0.5))
    assert close(row["odds_ratio"], odds)


def key(pattern: Scored) -> tuple[str, int, int, int, str]:
    return (pattern.text, len(pattern.types), pattern.n_matched, pattern.n_positive, pattern.direction)


def check_mine(case: MineCase) -> None:
    log = to_seqmine(case.log)
    if one_class(case):
        with pytest.raises(InsufficientDataError):
            sm.mine(log, labels_of(case), options(case, learn_gaps=False))
        return
    result = sm.mine(log, labels_of(case), options(case, learn_gaps=False))
    assert result.complete
    mined = result.to_arrow().to_pylist()
    ranking = all_scored(
        case.log,
        seen_rows(case.rows, case.log.declared_end, case.lookback, starts=case.log.starts),
        [label for *_, label in case.rows],
        case.limits,
        min_support=case.min_support,
        measure=case.measure,
        direction=case.direction,
        strata=case.strata,
    )
    for row in mined:
        check_statistics(row, case)
    found = [(r["pattern"], r["length"], r["n_matched"], r["n_positive"], r["direction"]) for r in mined]
    if case.measure in LOG_MEASURES and near_ties(ranking):
        check_up_to_ties(case, ranking, found, [r["score"] for r in mined])
        return
    expected = top_k(ranking, case.top_k, case.redundancy)
    assert found == [key(p) for p in expected]
    assert all(close(r["score"], float(p.score)) for r, p in zip(mined, expected, strict=True))


def near_ties(ranking: list[Scored]) -> bool:
    """Different counts whose scores a computer's logarithm may not tell apart."""
    return any(
        close(p.score, q.score) and (p.n_matched, p.n_positive) != (q.n_matched, q.n_positive)
        for p, q in pairwise(ranking)
    )


def check_up_to_ties(
    case: MineCase, ranking: list[Scored], found: list[tuple[str, int, int, int, str]], scores: list[float]
) -> None:
    by_text = {p.text: p for p in ranking}
    assert len({f[0] for f in found}) == len(found)
    for f, score in zip(found, scores, strict=True):
        assert f == key(by_text[f[0]])
        assert close(score, by_text[f[0]].score)
    assert all(x >= y or close(x, y) for x, y in pairwise(scores))
    if case.redundancy is None:
        assert len(found) == min(case.top_k, len(ranking))
        if found:
            better = {p.text for p in ranking if p.score > scores[-1] and not close(p.score, scores[-1])}
            assert better <= {f[0] for f in found}


test_mine, test_mine_long = prove(check_mine, mine_cases(), examples=400)


@dataclass(frozen=True)
class LearnCase:
    case: MineCase
    bins: tuple[int, ...] | None
    context: tuple[str, ...]
    absence: tuple[int, ...]


@st.composite
def learn_cases(draw: st.DrawFn) -> LearnCase:
    case = draw(mine_cases())
    clock = next(c for c in CLOCKS if case.log.events[0].time in c.times and c.zone == case.log.zone)
    limits = case.limits
    inside = [
        d for d in clock.durations if d > (limits.min_gap or 1) and (limits.max_gap is None or d < limits.max_gap)
    ]
    bins = None
    if inside and draw(st.integers(0, 3)) > 0:
        bins = tuple(sorted(draw(st.lists(st.sampled_from(inside), min_size=1, max_size=4, unique=True))))
    context: list[str] = []
    if draw(st.booleans()):
        context = draw(st.lists(st.sampled_from(("ch", "size", "value", "weekday", "hour")), max_size=2, unique=True))
    windows = [d for d in clock.durations if d > 0]
    absence = draw(st.lists(st.sampled_from(windows), max_size=2, unique=True)) if draw(st.booleans()) else []
    return LearnCase(case, bins, tuple(context), tuple(absence))


def learned(learn: LearnCase, *, learn_gaps: bool = True, threads: int = 0) -> sm.MiningResult:
    return sm.mine(
        to_seqmine(learn.case.log),
        labels_of(learn.case),
        options(
            learn.case,
            learn_gaps=learn_gaps,
            gap_bins=None if learn.bins is None else [duration_text(d) for d in learn.bins],
            context=learn.context,
            absence=[duration_text(d) for d in learn.absence],
            threads=threads,
        ),
    )


def check_recount(learn: LearnCase, mined: list[dict[str, Any]]) -> None:
    """Every reported row says the truth about its own text."""
    case = learn.case
    rows = seen_rows(case.rows, case.log.declared_end, case.lookback, starts=case.log.starts)
    labels = [label for *_, label in case.rows]
    for row in mined:
        pattern = parse_mined(row["pattern"], frozenset({"size"}))
        matched = [i for i, r in enumerate(rows) if matching.examine(pattern, case.log, r)[0] == "matched"]
        direction, score = score_rows(matched, labels, case.measure, case.strata)
        assert row["n_matched"] == len(matched) >= case.min_support
        assert row["n_positive"] == sum(labels[i] for i in matched)
        assert row["direction"] == direction
        assert case.direction in ("both", direction)
        assert row["length"] == len(pattern.steps) <= case.limits.max_length
        assert close(row["score"], float(score))
        assert {within for _, within in pattern.absences} <= set(learn.absence)
        assert {c.name or c.kind for step in pattern.steps for c in step.conditions} <= set(learn.context)
        for link in pattern.links[1:]:
            assert link.lo >= (case.limits.min_gap or 1)
            assert case.limits.max_gap is None or link.hi <= case.limits.max_gap
        check_statistics(row, case)
    assert len(mined) <= case.top_k
    assert all(x["score"] >= y["score"] for x, y in pairwise(mined))
    assert len({row["pattern"] for row in mined}) == len(mined)


def check_learned(learn: LearnCase) -> None:
    if one_class(learn.case):
        return
    for learn_gaps in (True, False):
        result = learned(learn, learn_gaps=learn_gaps)
        assert result.complete
        check_recount(learn, result.to_arrow().to_pylist())


test_learned, test_learned_long = prove(check_learned, learn_cases(), examples=300)


def check_best_gap(learn: LearnCase) -> None:
    """The first row of a search for one or two steps is the best of all patterns with all intervals of bins."""
    case = replace(learn.case, limits=replace(learn.case.limits, max_length=2), redundancy=None)
    if one_class(case) or learn.bins is None:
        return
    mined = learned(replace(learn, case=case, context=(), absence=())).to_arrow().to_pylist()
    rows = seen_rows(case.rows, case.log.declared_end, case.lookback, starts=case.log.starts)
    labels = [label for *_, label in case.rows]
    limits = case.limits
    edges: list[int | None] = [limits.min_gap or 1, *learn.bins, limits.max_gap]
    types = sorted({e.type for e in case.log.events})
    every = [chain(a) for a in types]
    every += [
        chain(a, b, lo=lo, hi=hi, span=limits.max_span)
        for a in types
        for b in types
        for lo, hi in combinations(edges, 2)
        if lo is not None
    ]
    best: list[float] = []
    for pattern in every:
        matched = [i for i, r in enumerate(rows) if matching.examine(pattern, case.log, r)[0] == "matched"]
        if len(matched) >= case.min_support:
            direction, score = score_rows(matched, labels, case.measure, case.strata)
            best += [float(score)] if case.direction in ("both", direction) else []
    assert mined == [] if not best else close(mined[0]["score"], max(best))


test_best_gap, test_best_gap_long = prove(check_best_gap, learn_cases(), examples=200)
