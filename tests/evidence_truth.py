"""What a result is worth against the truth of a made log: which claims are right, which intervals hold.

Works on the text of patterns and on numpy arrays; nothing of seqmine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc

from evidence_logs import BEGIN, DAY, HOUR, INDEX, MAX_GAP_DAYS, TIME_BITS, Bools, Floats, Ints, Made, Moment, has_gap
from reference.language import Pattern, Step, parse_mined

LONGEST = MAX_GAP_DAYS * DAY


# --- effects that the risks themselves imply --------------------------------------------------------------------------


def strata(n_events: Ints, tenure: Ints, fixed_on: Bools, n_activity: int) -> Ints:
    """Quantiles of the number of events by two classes of tenure, with edges from the rows in `fixed_on`.

    A number that fills a class by itself is one.
    """
    seen, counts = np.unique(n_events[fixed_on], return_counts=True)
    heavy = np.flatnonzero(counts >= fixed_on.sum() / n_activity)
    alone = [*seen[heavy], *seen[heavy[heavy + 1 < len(seen)] + 1]]
    edges = np.unique([*np.quantile(n_events[fixed_on], np.arange(1, n_activity) / n_activity), *alone])
    return 2 * np.searchsorted(edges, n_events, "right") + (tenure > np.median(tenure[fixed_on]))


@dataclass(frozen=True)
class Effect:
    """Of a pattern on the rows looked at, had every row its chance as its outcome."""

    ratio: float
    difference: float
    o_over_e: float


def true_effect(risk: Floats, matched: Bools, stratum: Ints) -> Effect:
    """Mantel-Haenszel ratio and difference and observed over expected, with chances in place of outcomes."""
    n, m, chance, a = _compared(risk, matched, stratum)
    rest = n - m
    weight = m * rest / n
    return Effect(
        ratio=float((a * rest / n).sum() / ((chance - a) * m / n).sum()),
        difference=float((weight * (a / m - (chance - a) / rest)).sum() / weight.sum()),
        o_over_e=float(a.sum() / (m * chance / n).sum()),
    )


def _compared(risk: Floats, matched: Bools, stratum: Ints) -> tuple[Floats, Floats, Floats, Floats]:
    """By stratum with rows on both sides: rows, matching ones, and the chances of either."""
    stratum = np.unique(stratum, return_inverse=True)[1]
    n, m = np.bincount(stratum).astype(float), np.bincount(stratum, matched)
    chance, a = np.bincount(stratum, risk), np.bincount(stratum, risk * matched)
    both = (m > 0) & (m < n)
    return n[both], m[both], chance[both], a[both]


def true_z(risk: Floats, matched: Bools, stratum: Ints, ratio: float = 1.10) -> float:
    """Wald z of the Mantel-Haenszel risk ratio against `ratio` (Greenland & Robins 1985), with chances as outcomes."""
    n, m, chance, a = _compared(risk, matched, stratum)
    rest = n - m
    here, there = (a * rest / n).sum(), ((chance - a) * m / n).sum()
    variance = ((m * rest * chance - a * (chance - a) * n) / n**2).sum() / (here * there)
    return float((np.log(here / there) - np.log(ratio)) / np.sqrt(variance))


# --- which moment a pattern speaks of ---------------------------------------------------------------------------------


def overlap(first: tuple[int, int], second: tuple[int, int]) -> int:
    return max(0, min(first[1], second[1]) - max(first[0], second[0]))


def interval_iou(first: tuple[int, int], second: tuple[int, int]) -> float:
    shared = overlap(first, second)
    return shared / (first[1] - first[0] + second[1] - second[0] - shared)


def hours_of(step: Step) -> set[int]:
    """The hours that the conditions on a step allow."""
    allowed = set(range(24))
    for condition in step.conditions:
        if condition.kind == "hour":
            lo, hi = condition.operand if isinstance(condition.operand, tuple) else (condition.operand,) * 2
            hi = hi if isinstance(condition.operand, tuple) else (lo + 1) % 24
            inside = set(range(lo, hi)) if lo < hi else set(range(lo, 24)) | set(range(hi))
            allowed &= inside if condition.op == "=" else set(range(24)) - inside
    return allowed


def gap_of(pattern: Pattern) -> tuple[int, int]:
    link = pattern.links[1]
    assert link is not None
    return link.lo, LONGEST if link.hi is None else link.hi


def same_events(pattern: Pattern, moment: Moment) -> bool:
    """The events of the moment in its order, whatever gap or hour."""
    plan, types = moment.plan, [step.types for step in pattern.steps]
    if plan.kind == "absence":
        return types == [(plan.first,)] and [step.types for step, _ in pattern.absences] == [(plan.second,)]
    if pattern.absences:
        return False
    return types == ([(plan.first,)] if plan.kind == "clock" else [(plan.first,), (plan.second,)])


def shares(pattern: Pattern, moment: Moment) -> tuple[float, float]:
    """How much of the moment's own gaps (hours), and of those of its twins, a pattern of its events lets in."""
    plan = moment.plan
    if plan.kind == "absence":
        return 1.0, 0.0
    if plan.kind == "clock":
        own = set(range(plan.lo, plan.hi))
        said = hours_of(pattern.steps[0])
        return len(said & own) / len(own), len(said - own) / (24 - len(own))
    said_gap = gap_of(pattern)
    if plan.kind == "timeless":
        return overlap(said_gap, (1, LONGEST)) / (LONGEST - 1), 0.0
    own_gap = (plan.lo * HOUR, plan.hi * HOUR)
    # Twins were drawn half from below the gap, half from above it.
    below = overlap(said_gap, (0, own_gap[0])) / own_gap[0]
    above = overlap(said_gap, (own_gap[1], LONGEST)) / (LONGEST - own_gap[1])
    return overlap(said_gap, own_gap) / (own_gap[1] - own_gap[0]), (below + above) / 2


def says(pattern: Pattern, moment: Moment) -> bool:
    """The pattern names the moment: its events, most of its gap, less than half of its twins.

    A gap on a moment for which any gap does is a claim about timing that is not true.
    """
    if not same_events(pattern, moment):
        return False
    own, twins = shares(pattern, moment)
    return own > 0.99 if moment.plan.kind == "timeless" else own >= 0.5 and twins < 0.5


def says_twin(pattern: Pattern, moment: Moment) -> bool:
    return moment.plan.kind != "timeless" and same_events(pattern, moment) and shares(pattern, moment)[1] >= 0.5


def says_reversal(pattern: Pattern, moment: Moment) -> bool:
    return [step.types for step in pattern.steps] == [(moment.plan.second,), (moment.plan.first,)]


# --- a whole result ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Score:
    """Of the validated patterns that no better one explains (`n_claims`), against what was planted."""

    n_claims: int
    n_right: int
    n_planted: int
    n_found: int
    n_twins: int
    n_twins_accepted: int
    n_background: int
    ious: tuple[float, ...]
    wrong: tuple[str, ...]


def claims(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Validated, and not explained by a better validated pattern."""
    return [row for row in rows if row["verdict"] == "validated" and not row["explained_by"]]


def score(rows: Iterable[Mapping[str, Any]], made: Made) -> Score:
    """All plans raise the risk: a claim in the other direction is wrong whatever its events."""
    said = [(row, parse_mined(row["pattern"])) for row in claims(rows)]
    moments = made.truth.moments
    right = [(row, p, m) for row, p in said for m in moments if says(p, m) and row["o_over_e"] > 1]
    right_texts = {row["pattern"] for row, _, _ in right}
    twinned = [m for m in moments if m.twin.sum() > 0]
    background = set(made.truth.background)
    gaps = [(gap_of(p), m.plan) for _, p, m in right if m.plan.kind == "gap"]
    return Score(
        n_claims=len(said),
        n_right=len(right_texts),
        n_planted=len(moments),
        n_found=len({m.text for _, _, m in right}),
        n_twins=len(twinned),
        n_twins_accepted=sum(any(says_twin(p, m) for _, p in said) for m in twinned),
        n_background=sum(all(set(s.types) <= background for s in p.steps) for _, p in said),
        ious=tuple(interval_iou(gap, (plan.lo * HOUR, plan.hi * HOUR)) for gap, plan in gaps),
        wrong=tuple(row["pattern"] for row, _ in said if row["pattern"] not in right_texts),
    )


# --- who matches a pattern, counted once more on the table of events --------------------------------------------------


class Matcher:
    """Matches of mined patterns on a made log by sorted search: chains of gaps, hours, one trailing absence."""

    def __init__(self, made: Made) -> None:
        stamp = made.events["time"].cast("int64").to_numpy()
        seen = (stamp >= BEGIN) & (stamp < INDEX)
        names = made.labels["entity"].combine_chunks()
        entity = pc.index_in(made.events["entity"], names).to_numpy()
        self.n = len(names)
        keys = (entity[seen].astype(np.int64) << TIME_BITS) + (stamp[seen] - BEGIN)
        event = made.events["event"].combine_chunks().dictionary_encode()
        self.names = event.dictionary.to_pylist()
        codes = event.indices.to_numpy()[seen]
        order = np.argsort(keys, kind="stable")
        self.keys, self.codes = keys[order], codes[order]

    def of(self, step: Step) -> Ints:
        """Events of a step (entity and time in one number, sorted), hours kept."""
        assert all(condition.kind == "hour" for condition in step.conditions), "only hours are planted"
        wanted = [self.names.index(name) for name in step.types if name in self.names]
        keys = self.keys[np.isin(self.codes, wanted)]
        hours = (keys & (2**TIME_BITS - 1)) // HOUR % 24
        return keys[np.isin(hours, sorted(hours_of(step)))]

    def matched(self, pattern: Pattern) -> Bools:
        assert pattern.span is None, "no run asks for spans"
        reached = self.of(pattern.steps[0])
        for step, link in zip(pattern.steps[1:], pattern.links[1:], strict=True):
            assert link is not None
            hi = 2 ** (TIME_BITS - 1) if link.hi is None else link.hi
            after = self.of(step)
            # A step is reached when one that was reached lies in [its time - hi + 1, its time - lo].
            reached = after[has_gap(after, reached, 1 - hi, 1 - link.lo)]
        for step, within in pattern.absences:
            over = (reached & (2**TIME_BITS - 1)) + within < INDEX - BEGIN
            reached = reached[over & ~has_gap(reached, self.of(step), 1, within + 1)]
        hit = np.zeros(self.n, np.bool_)
        hit[reached >> TIME_BITS] = True
        return hit
