"""Frequent sequences and top-k labelled patterns, by listing every chain of events of every row.

Frequent: a sequence of event types is supported by an entity that has a chain of events of those types, each
strictly later than the one before, with every gap in [min_gap, max_gap) and the whole within max_span
(last - first < max_span). Support counts entities.

Closed (the definition that is checked): a frequent sequence is closed when no other sequence within the same
limits (gaps, span, max_length) contains it as a subsequence, steps anywhere, and has the same support.

Top-k: all sequences of 1..max_length types that at least min_support rows have, every gap in [1us, max_gap).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from .language import Event, Link, Log, Pattern, Step, to_text
from .matching import Row, visible

Types = tuple[str, ...]
EXACT_MEASURES = ("leverage", "wracc", "chi2", "lift")
LOG_MEASURES = ("log_odds", "info_gain")


@dataclass(frozen=True)
class Limits:
    max_length: int | None = None
    min_gap: int | None = None
    max_gap: int | None = None
    max_span: int | None = None


def chains(seen: list[Event], limits: Limits) -> set[Types]:
    """The type sequences of all chains of these events that keep the limits."""
    found: set[Types] = set()
    least = max(1, limits.min_gap or 1)

    def grow(chosen: list[Event]) -> None:
        if chosen:
            found.add(tuple(e.type for e in chosen))
        if len(chosen) == limits.max_length:
            return
        for e in seen:
            if chosen:
                gap = e.time - chosen[-1].time
                if gap < least or (limits.max_gap is not None and gap >= limits.max_gap):
                    continue
                if limits.max_span is not None and e.time - chosen[0].time >= limits.max_span:
                    continue
            grow([*chosen, e])

    grow([])
    return found


def chain_text(types: Types, limits: Limits) -> str:
    least = max(1, limits.min_gap or 1)
    links: list[Link | None] = [None] + [Link(least, limits.max_gap) for _ in types[1:]]
    span = limits.max_span if len(types) > 1 else None
    return to_text(Pattern(tuple(Step((t,)) for t in types), tuple(links), span=span))


# --- frequent sequences ---------------------------------------------------------------------------


def contains(longer: Types, shorter: Types) -> bool:
    rest = iter(longer)
    return all(step in rest for step in shorter)


def frequent(log: Log, min_support: int, limits: Limits, closed: bool = False) -> dict[Types, int]:
    support: Counter[Types] = Counter()
    for entity in log.entities:
        support.update(chains(log.of(entity), limits))
    result = {types: n for types, n in support.items() if n >= min_support}
    if not closed:
        return result
    return {p: n for p, n in result.items() if not any(q != p and result[q] == n and contains(q, p) for q in result)}


# --- labelled patterns ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Scored:
    text: str
    types: Types
    rows: frozenset[int]
    n_matched: int
    n_positive: int
    direction: str
    score: Fraction | float


def entropy(part: int, whole: int) -> float:
    if whole == 0:
        return 0.0
    shares = (part / whole, 1 - part / whole)
    return -sum(p * math.log(p) for p in shares if p > 0)


def measure_of(measure: str, a: int, m: int, positives: int, n: int) -> Fraction | float:
    """The measure of a pattern that m of n rows match, a of the m being among the P positives."""
    b, negatives = m - a, n - positives
    if measure == "leverage":
        return a - Fraction(m * positives, n)
    if measure == "wracc":
        return Fraction(a * negatives - b * positives, n * n)
    if measure == "chi2":
        below = m * (n - m) * positives * negatives
        return Fraction(n * (a * negatives - b * positives) ** 2, below) if below else Fraction(0)
    if measure == "lift":
        return Fraction(a * n, m * positives)
    if measure == "log_odds":
        half = Fraction(1, 2)
        odds = (a + half) * (negatives - b + half) / ((b + half) * (positives - a + half))
        return math.log(odds)
    assert measure == "info_gain"
    return entropy(positives, n) - (m * entropy(a, m) + (n - m) * entropy(positives - a, n - m)) / n


def stratified_leverage(matched: Iterable[int], labels: list[int], strata: list[object]) -> Fraction:
    """a - sum over strata of m_s P_s / n_s."""
    matched = list(matched)
    score = Fraction(sum(labels[i] for i in matched))
    for s in set(strata):
        members = [i for i in range(len(labels)) if strata[i] == s]
        m_s = sum(strata[i] == s for i in matched)
        score -= Fraction(m_s * sum(labels[i] for i in members), len(members))
    return score


def score_rows(
    matched: Iterable[int], labels: list[int], measure: str, strata: list[object] | None = None
) -> tuple[str, Fraction | float]:
    """(direction, score): `raises` when there are at least as many positive rows as expected.

    Expected are m * P / n, or with strata the sum of m_s * P_s / n_s. The score of `lowers` is the measure with the
    labels flipped.
    """
    matched = list(matched)
    flipped = [1 - label for label in labels]
    if strata is not None:
        assert measure == "leverage"
        score = stratified_leverage(matched, labels, strata)
        return ("raises", score) if score >= 0 else ("lowers", stratified_leverage(matched, flipped, strata))
    n, positives, m, a = len(labels), sum(labels), len(matched), sum(labels[i] for i in matched)
    raises = a * n >= m * positives
    y = labels if raises else flipped
    score = measure_of(measure, sum(y[i] for i in matched), m, sum(y), n)
    return ("raises" if raises else "lowers"), score


def all_scored(
    log: Log,
    rows: list[Row],
    labels: list[int],
    limits: Limits,
    *,
    min_support: int,
    measure: str,
    direction: str = "both",
    strata: list[object] | None = None,
) -> list[Scored]:
    """Every pattern with enough support, best first: score, then length, then text."""
    having: dict[Types, set[int]] = {}
    for i, row in enumerate(rows):
        for types in chains(visible(log, row), limits):
            having.setdefault(types, set()).add(i)
    scored = []
    for types, matched in having.items():
        if len(matched) < min_support:
            continue
        way, score = score_rows(matched, labels, measure, strata)
        if direction in ("both", way):
            positive = sum(labels[i] for i in matched)
            text = chain_text(types, limits)
            scored.append(Scored(text, types, frozenset(matched), len(matched), positive, way, score))
    return sorted(scored, key=lambda p: (-p.score, len(p.types), p.text))


def top_k(ranking: list[Scored], k: int, redundancy: float | None) -> list[Scored]:
    """The first k of the ranking that are not too similar to one kept before them."""
    kept: list[Scored] = []
    for candidate in ranking:
        if len(kept) == k:
            break
        if redundancy is None or not any(
            Fraction(len(candidate.rows & p.rows), len(candidate.rows | p.rows)) > Fraction(redundancy) for p in kept
        ):
            kept.append(candidate)
    return kept
