"""The certificate of a pattern, row by row: counts, stratified effects with intervals, p-values, verdicts.

Written from STATISTICS A.1 and A.4. A stratum is a 2 x 2 table of (matched or not) by (positive or not); a stratum of
which no row, or every row, matches says nothing about the pattern. What is undefined is None, never NaN.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from statistics import NormalDist

from .generalisations import immediate_generalisations
from .language import Log, Pattern
from .matching import MATCHED, UNDECIDED, Row, examine

RAISES, LOWERS = 1, -1
NORMAL = NormalDist()


@dataclass(frozen=True)
class Judged:
    """One row of the study: its entity, what came of it, its stratum, and the half that it lies in."""

    entity: str
    label: int
    stratum: Hashable
    half: str


@dataclass(frozen=True)
class Cell:
    """One stratum: n rows, P of them positive; m match, a of those are positive."""

    n: int
    P: int
    m: int
    a: int


@dataclass(frozen=True)
class Interval:
    value: float
    low: float
    high: float
    se: float


def cells(rows: Sequence[Judged], members: set[int], matched: set[int]) -> list[Cell]:
    """The tables of the strata of `members`, in the order of their first rows."""
    made = []
    for stratum in dict.fromkeys(rows[i].stratum for i in sorted(members)):
        inside = [i for i in members if rows[i].stratum == stratum]
        hit = [i for i in inside if i in matched]
        made.append(Cell(len(inside), sum(rows[i].label for i in inside), len(hit), sum(rows[i].label for i in hit)))
    return made


# --- the point null: Cochran, Mantel and Haenszel ---------------------------------------------------------------------


def expected(table: Sequence[Cell]) -> Fraction:
    return sum((Fraction(t.m * t.P, t.n) for t in table), Fraction(0))


def variance(table: Sequence[Cell]) -> Fraction:
    """Of the positive rows among the matched ones, both margins of every stratum held fixed."""
    return sum(
        (Fraction(t.m * (t.n - t.m) * t.P * (t.n - t.P), t.n**2 * (t.n - 1)) for t in table if t.n > 1), Fraction(0)
    )


def z(table: Sequence[Cell]) -> float | None:
    v = variance(table)
    return float(sum(t.a for t in table) - expected(table)) / math.sqrt(v) if v else None


def upper_tail(score: float) -> float:
    return math.erfc(score / math.sqrt(2)) / 2


def point_null_p(table: Sequence[Cell], direction: int) -> float:
    """One-sided in the given direction, normal; 1 where no arrangement of the labels differs from another."""
    score = z(table)
    return 1.0 if score is None else upper_tail(direction * score)


def exact_point_null_p(table: Sequence[Cell], direction: int) -> Fraction:
    """The same with nothing approximated: the sum of independent hypergeometric counts, all cases added up."""
    chances = {0: Fraction(1)}
    for t in table:
        ways = math.comb(t.n, t.m)
        grown: dict[int, Fraction] = {}
        for a in range(max(0, t.m - (t.n - t.P)), min(t.m, t.P) + 1):
            here = Fraction(math.comb(t.P, a) * math.comb(t.n - t.P, t.m - a), ways)
            for total, chance in chances.items():
                grown[total + a] = grown.get(total + a, Fraction(0)) + chance * here
        chances = grown
    seen = sum(t.a for t in table)
    return sum((chance for total, chance in chances.items() if direction * (total - seen) >= 0), Fraction(0))


def conditional_tail(table: Sequence[Cell], odds: Sequence[float], direction: int) -> float:
    """P(count at least, or at most, as seen), the margins of each stratum held, with an odds ratio for each of them.

    Fisher's noncentral hypergeometric counts, all cases added up; every odds ratio 1 is `exact_point_null_p`.
    """
    chances = [1.0]
    for t, ratio in zip(table, odds, strict=True):
        least, most = max(0, t.m - (t.n - t.P)), min(t.m, t.P)
        logs = [
            math.log(math.comb(t.P, a)) + math.log(math.comb(t.n - t.P, t.m - a)) + a * math.log(ratio)
            for a in range(least, most + 1)
        ]
        weights = [math.exp(x - max(logs)) for x in logs]
        # Below its least value a count has no chance, so that positions are counts.
        here = [0.0] * least + [w / sum(weights) for w in weights]
        grown = [0.0] * (len(chances) + len(here) - 1)
        for i, first in enumerate(chances):
            for j, second in enumerate(here):
                grown[i + j] += first * second
        chances = grown
    seen = sum(t.a for t in table)
    return min(1.0, math.fsum(chances[seen:] if direction == RAISES else chances[: seen + 1]))


# --- how large: Mantel-Haenszel ratio and difference ------------------------------------------------------------------


def width(level: float) -> float:
    return NORMAL.inv_cdf((1 + level) / 2)


def risk_ratio_parts(table: Sequence[Cell]) -> tuple[Fraction, Fraction, Fraction]:
    """(R, S, what Greenland and Robins 1985 divide by R * S)."""
    above = sum((Fraction(t.a * (t.n - t.m), t.n) for t in table), Fraction(0))
    below = sum((Fraction((t.P - t.a) * t.m, t.n) for t in table), Fraction(0))
    spread = sum(
        (Fraction(t.m * (t.n - t.m) * t.P - t.a * (t.P - t.a) * t.n, t.n**2) for t in table),
        Fraction(0),
    )
    return above, below, spread


def risk_ratio(table: Sequence[Cell], level: float = 0.95) -> Interval | None:
    """RR_MH; `se` is that of its logarithm. None where either sum is 0: there is no logarithm."""
    above, below, spread = risk_ratio_parts(table)
    if not above or not below:
        return None
    value, se = float(above / below), math.sqrt(spread / (above * below))
    return Interval(value, value * math.exp(-width(level) * se), value * math.exp(width(level) * se), se)


def risk_difference(table: Sequence[Cell], level: float = 0.95) -> Interval | None:
    """RD_MH with the variance of Sato 1989, as SAS writes it; None where no stratum has both matched and unmatched."""
    weights = difference = first = second = Fraction(0)
    for t in table:
        n1, n0, x1, x0 = t.m, t.n - t.m, t.a, t.P - t.a
        if not n1 or not n0:
            continue
        weight = Fraction(n1 * n0, t.n)
        weights += weight
        difference += weight * (Fraction(x1, n1) - Fraction(x0, n0))
        first += (n1 * n1 * x0 - n0 * n0 * x1 + Fraction(n1 * n0 * (n0 - n1), 2)) / t.n**2
        second += Fraction(x1 * (n0 - x0) + x0 * (n1 - x1), 2 * t.n)
    if not weights:
        return None
    value = difference / weights
    se = math.sqrt(max(Fraction(0), (value * first + second) / weights**2))
    return Interval(float(value), float(value) - width(level) * se, float(value) + width(level) * se, se)


def observed_over_expected(table: Sequence[Cell]) -> float | None:
    e = expected(table)
    return float(sum(t.a for t in table) / e) if e else None


def observed_over_expected_at(table: Sequence[Cell], ratio: float) -> float:
    """O/E that a risk ratio of `ratio` in every stratum would give: it rises with the ratio."""
    counted = sum(t.m * t.P * ratio / (t.m * ratio + t.n - t.m) for t in table)
    return counted / float(expected(table))


def crude_lift(table: Sequence[Cell]) -> float | None:
    n, positive, m, a = (sum(getattr(t, name) for t in table) for name in ("n", "P", "m", "a"))
    return float(Fraction(a * n, m * positive)) if m and positive else None


# --- the minimum-effect null ------------------------------------------------------------------------------------------


def wald_minimum_effect_p(table: Sequence[Cell], direction: int, effect: float = 0.10) -> float:
    """One-sided against RR <= 1 + effect (raises) or RR >= 1/(1 + effect) (lowers)."""
    ratio = risk_ratio(table)
    if ratio is None or not ratio.se:
        return 1.0
    bound = direction * math.log(1 + effect)
    return upper_tail(direction * (math.log(ratio.value) - bound) / ratio.se)


def cells_at(t: Cell, theta: float) -> tuple[float, float, float, float] | None:
    """Expected cells of a stratum whose risks have the ratio theta; None where the stratum says nothing about it."""
    if t.m in (0, t.n) or t.P in (0, t.n):
        return None
    x11 = t.m * t.P * theta / (t.m * theta + t.n - t.m)
    x12, x21 = t.m - x11, t.P - x11
    x22 = t.n - t.m - x21
    # So many rows are positive that no pair of risks has this ratio.
    return None if min(x12, x22) <= 0 else (x11, x12, x21, x22)


def score_minimum_effect_p(table: Sequence[Cell], direction: int, effect: float = 0.10) -> float:
    """The count against what the bound itself lets expect, with three moments (Pearson's type III)."""
    seen = mean = spread = third = 0.0
    for t in table:
        x = cells_at(t, (1 + effect) ** direction)
        if x is None:
            continue
        v = 1 / sum(1 / part for part in x)
        seen, mean, spread = seen + t.a, mean + x[0], spread + v
        third += v**3 * (1 / x[0] ** 2 - 1 / x[1] ** 2 - 1 / x[2] ** 2 + 1 / x[3] ** 2)
    return pearson_tail(seen, mean, spread, third, direction) if spread else 1.0


def exact_minimum_effect_p(table: Sequence[Cell], direction: int, effect: float = 0.10) -> float:
    """The same null with nothing approximated: each stratum has the odds ratio of its expected cells."""
    known = [(t, x) for t in table if (x := cells_at(t, (1 + effect) ** direction)) is not None]
    if not known:
        return 1.0
    return conditional_tail([t for t, _ in known], [x[0] * x[3] / (x[1] * x[2]) for _, x in known], direction)


def pearson_tail(count: float, mean: float, spread: float, third: float, direction: int) -> float:
    """P(X >= count - 1/2), or P(X <= count + 1/2) for lowers, X a shifted gamma with these three central moments."""
    if direction == LOWERS:
        return pearson_tail(-count, -mean, spread, -third, RAISES)
    score = (count - 0.5 - mean) / math.sqrt(spread)
    skew = third / spread**1.5
    if abs(skew) < 1e-6:
        return upper_tail(score)
    shape = 4 / skew**2
    at = shape + score * 2 / skew
    if at <= 0:
        return 1.0 if skew > 0 else 0.0
    return gamma_upper(shape, at) if skew > 0 else gamma_lower(shape, at)


def gamma_lower(shape: float, at: float) -> float:
    """P(G <= at) for G gamma with this shape: at^shape e^-at times the sum of at^n / Gamma(shape + n + 1)."""
    if at > shape + 1:
        return 1 - gamma_upper(shape, at)
    term, total, n = 1.0, 1.0, 0
    while term > total * 1e-17:
        n += 1
        term *= at / (shape + n)
        total += term
    return total * math.exp(shape * math.log(at) - at - math.lgamma(shape + 1))


def gamma_upper(shape: float, at: float) -> float:
    """P(G >= at): beyond the middle the density is added up by Simpson's rule as far as it matters."""
    if at <= shape + 1:
        return 1 - gamma_lower(shape, at)
    end, n = at + 40 * math.sqrt(shape) + 60, 20_000
    step = (end - at) / n
    density = []
    for x in (at + i * step for i in range(n + 1)):
        density.append(math.exp((shape - 1) * math.log(x) - x - math.lgamma(shape)))
    return (density[0] + density[-1] + 4 * sum(density[1:-1:2]) + 2 * sum(density[2:-1:2])) * step / 3


# --- many patterns at once --------------------------------------------------------------------------------------------


def holm(p: Sequence[float]) -> list[float]:
    """Holm 1979: the i-th smallest times what is still to be tested, never below the one before it."""
    order = sorted(range(len(p)), key=lambda i: p[i])
    adjusted, worst = [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        worst = max(worst, min(1.0, (len(p) - rank) * p[i]))
        adjusted[i] = worst
    return adjusted


def benjamini_hochberg(p: Sequence[float], *, dependent: bool = False) -> list[float]:
    """Benjamini and Hochberg 1995; `dependent`: with the factor of Benjamini and Yekutieli 2001."""
    k = len(p)
    factor = sum(1 / i for i in range(1, k + 1)) if dependent else 1.0
    return [
        min(1.0, min(factor * k * other / sum(x <= other for x in p) for other in p if other >= mine)) for mine in p
    ]


def fcr_level(n_selected: int, n_tested: int, alpha: float = 0.05) -> float:
    """Level of the intervals of those that were selected (Benjamini and Yekutieli 2005)."""
    return 1 - n_selected * alpha / n_tested


# --- the certificate --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Comparison:
    """Rows that match a generalisation, and whether undecided rows of the pattern are left out of them."""

    matched: set[int]
    without_undecided: bool = False


@dataclass(frozen=True)
class Candidate:
    """A pattern as rows: those that match, those that are undecided, its direction, its generalisations."""

    matched: set[int]
    undecided: set[int]
    direction: int
    parents: list[Comparison] = field(default_factory=list)


@dataclass(frozen=True)
class Certificate:
    n_matched: int
    n_positive: int
    n_undecided: int
    expected: float
    z: float | None
    crude_lift: float | None
    o_over_e: float | None
    risk_ratio: Interval | None
    risk_difference: Interval | None
    p_effect: float
    p_productive: float | None
    p: float
    p_holm: float | None = None
    q_bh: float | None = None
    level: float = 0.95
    verdict: str = "untested"


def candidate(
    pattern: Pattern, log: Log, spans: Sequence[Row], direction: int, min_gap: int, max_gap: int | None
) -> Candidate:
    """The rows of a pattern and of all its generalisations, by the brute-force matcher."""

    def rows_of(one: Pattern, verdict: str) -> set[int]:
        return {i for i, span in enumerate(spans) if examine(one, log, span)[0] == verdict}

    parents = [
        Comparison(rows_of(g.pattern, MATCHED), g.without_undecided)
        for g in immediate_generalisations(pattern, min_gap, max_gap)
    ]
    return Candidate(rows_of(pattern, MATCHED), rows_of(pattern, UNDECIDED), direction, parents)


def productive_p(rows: Sequence[Judged], half: set[int], one: Candidate) -> float | None:
    """The largest p of the pattern against the rest of each generalisation; None without any (nothing to beat)."""
    worst = 0.0 if one.parents else None
    for parent in one.parents:
        assert one.matched <= parent.matched, "a generalisation must hold wherever the pattern does"
        members = (half & parent.matched) - (one.undecided if parent.without_undecided else set())
        table = cells(rows, members, one.matched)
        p = conditional_tail(table, [1.0] * len(table), one.direction) if variance(table) else 1.0
        worst = max(worst or 0.0, p)
    return worst


def measured(rows: Sequence[Judged], half: set[int], one: Candidate, effect: float, level: float) -> Certificate:
    """Everything about one pattern on one half, before it is compared with the others."""
    table = cells(rows, half, one.matched)
    p_effect = max(f(table, one.direction, effect) for f in (wald_minimum_effect_p, exact_minimum_effect_p))
    p_productive = productive_p(rows, half, one)
    return Certificate(
        n_matched=len(half & one.matched),
        n_positive=sum(rows[i].label for i in half & one.matched),
        n_undecided=len(half & one.undecided),
        expected=float(expected(table)),
        z=z(table),
        crude_lift=crude_lift(table),
        o_over_e=observed_over_expected(table),
        risk_ratio=risk_ratio(table, level),
        risk_difference=risk_difference(table, level),
        p_effect=p_effect,
        p_productive=p_productive,
        p=max(p_effect, p_productive or 0.0),
        level=level,
    )


def certify(
    rows: Sequence[Judged],
    candidates: Sequence[Candidate],
    *,
    half: str = "estimation",
    alpha: float = 0.05,
    effect: float = 0.10,
    least_variance: float = 3.0,
) -> list[Certificate]:
    """The certificates of a shortlist.

    A count that varies by less than `least_variance` under the point null can show nothing, whatever the outcomes of
    the rows that match: such a pattern is untested and not one of those that the others are corrected for.
    """
    inside = {i for i, row in enumerate(rows) if row.half == half}
    tested = [i for i, one in enumerate(candidates) if variance(cells(rows, inside, one.matched)) >= least_variance]
    p = [measured(rows, inside, candidates[i], effect, 0.95).p for i in tested]
    adjusted = dict(zip(tested, holm(p), strict=True))
    rates = dict(zip(tested, benjamini_hochberg(p), strict=True))
    n_selected = sum(value <= alpha for value in adjusted.values())
    made = []
    for i, one in enumerate(candidates):
        selected = i in adjusted and adjusted[i] <= alpha
        level = fcr_level(n_selected, len(tested), alpha) if selected else 0.95
        found = measured(rows, inside, one, effect, level)
        if i not in adjusted:
            made.append(found)
            continue
        verdict = "validated" if selected else "exploratory" if rates[i] <= alpha else "not_supported"
        made.append(replace(found, p_holm=adjusted[i], q_bh=rates[i], verdict=verdict))
    return made


# --- Westfall and Young -----------------------------------------------------------------------------------------------


def max_statistics(
    matched: Sequence[set[int]], labellings: Sequence[Sequence[int]], strata: Sequence[Hashable], least_variance: float
) -> list[float]:
    """For each vector of labels the largest |a - E| / sqrt(V) of all patterns with V >= `least_variance`."""
    found = []
    for labels in labellings:
        rows = [Judged("", y, s, "") for y, s in zip(labels, strata, strict=True)]
        tables = [cells(rows, set(range(len(rows))), one) for one in matched]
        scores = [abs(z(t) or 0.0) for t in tables if variance(t) >= least_variance]
        found.append(max(scores, default=0.0))
    return found


def westfall_young_p(score: float, permuted_maxima: Sequence[float]) -> float:
    """The observed labels are one of the permutations, so p is never 0."""
    return (1 + sum(m >= abs(score) * (1 - 1e-12) for m in permuted_maxima)) / (len(permuted_maxima) + 1)
