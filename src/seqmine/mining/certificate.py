"""The certificate: what the estimation half says of patterns that were chosen without it (STATISTICS A.4).

A pattern passes when it beats a minimum effect within strata *and* beats every immediate generalisation among the rows
that match that, and what would be claimed stands the second looks of `guards`; the largest of the p-values counts
(intersection-union, no further correction), and Holm's method holds the family-wise error over all patterns taken to
this half.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from seqmine.mining.generalise import Generalisation, generalisations
from seqmine.mining.guards import look_again
from seqmine.mining.numbers import permutation_p
from seqmine.significance import (
    Interval,
    benjamini_hochberg,
    clustered_factors,
    cmh,
    fcr_level,
    holm,
    mean_difference,
    mean_z,
    minimum_effect_p,
    normal_tail,
    observed_expected,
    point_null_p,
    risk_difference,
    risk_ratio,
)

if TYPE_CHECKING:
    from seqmine.mining.evidence import EvidenceOptions
    from seqmine.mining.parts import Part
    from seqmine.patterns import Pattern
    from seqmine.patterns.model import Gap

__all__ = ["LEAST_VARIANCE", "VERDICTS", "Certificate", "Effects", "certify", "effects_of"]

VERDICTS: Final = ("validated", "exploratory", "not_supported", "untested")
LEAST_VARIANCE: Final = 3.0
"""A pattern whose count varies less than this by chance can show nothing, and is not tested: which patterns these are
depends on how many rows match and how many have the outcome in each stratum alone, not on whether they go together."""

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Effects:
    """What one part of the rows says of each pattern; arrays ``(n_patterns,)``, NaN where undefined.

    For numbers `ratio` is the total over the expected total (NaN where a number is negative) without interval, and
    `difference` the mean difference; `relative` is NaN.
    """

    n_matched: npt.NDArray[np.int64]
    n_undecided: npt.NDArray[np.int64]
    base_rate: float
    total: Float64
    expected: Float64
    z: Float64
    ratio: Interval
    relative: Interval
    difference: Interval
    testable: npt.NDArray[np.bool_]
    design: Any = field(default=None, repr=False)

    @property
    def confidence(self) -> Float64:
        """Mean outcome of the rows that match, nothing held equal."""
        return np.where(self.n_matched > 0, self.total / np.maximum(self.n_matched, 1), math.nan)

    @property
    def lift(self) -> Float64:
        """Confidence over the mean outcome of all rows: the crude effect, beside the adjusted ones."""
        return self.confidence / self.base_rate if self.base_rate != 0 else np.full(len(self.total), math.nan)


@dataclass(frozen=True)
class Certificate:
    """The judgement on each pattern, in the order given; arrays ``(n_patterns,)``, NaN where undefined.

    ``alone``: among the rows that match the generalisation in ``least`` there are none to compare with.
    """

    effects: Effects
    p_effect: Float64
    p_productive: Float64
    least: list[Generalisation | None]
    alone: list[bool]
    p_guards: Float64
    guard: list[str | None]
    p: Float64
    p_holm: Float64
    q: Float64
    p_permutation: Float64
    verdict: list[str]
    fcr_ratio: Interval
    fcr_relative: Interval
    fcr_difference: Interval
    level: float


def effects_of(part: Part, patterns: Sequence[Pattern], level: float = 0.95) -> Effects:
    """Counts, O/E, Mantel-Haenszel risk ratio and risk difference (or mean difference) of matched patterns."""
    counts = [part.counts(pattern) for pattern in patterns]
    n_matched = np.array([c.matched.sum() for c in counts], dtype=np.int64)
    n_undecided = np.array([c.undecided.sum() for c in counts], dtype=np.int64)
    if part.is_numeric:
        return _numeric_effects(part, patterns, n_matched, n_undecided, level)
    tables = part.tables(patterns)
    design = _design(part, patterns)
    test = cmh(tables, design.cmh if design is not None else 1.0)
    relative = risk_ratio(tables, level, design.risk_ratio if design is not None else 1.0)
    difference = risk_difference(tables, level, design.risk_difference if design is not None else 1.0)
    total = np.array([c.matched_total.sum() for c in counts], dtype=np.float64)
    return Effects(
        n_matched,
        n_undecided,
        part.n_positive / max(part.n_rows, 1),
        np.rint(total),
        test.expected,
        test.z,
        observed_expected(tables, relative),
        relative,
        difference,
        test.variance >= LEAST_VARIANCE,
        design,
    )


def _numeric_effects(
    part: Part,
    patterns: Sequence[Pattern],
    n_matched: npt.NDArray[np.int64],
    n_undecided: npt.NDArray[np.int64],
    level: float,
) -> Effects:
    tables = part.mean_tables(patterns)
    design = _design(part, patterns)
    factor = 1.0 if design is None else design.cmh
    number = part.bound.number
    # Outcomes are kept less the means of their strata: what is expected is put back for the reader.
    expected = np.array([float(part.counts(p).matched @ part.mean) for p in patterns], dtype=np.float64)
    total = np.array([part.counts(p).matched_total.sum() for p in patterns], dtype=np.float64) + expected
    none = np.full(len(patterns), math.nan)
    positive = number is not None and bool((number >= 0).all())
    ratio = np.where(expected > 0, total / np.where(expected > 0, expected, 1.0), math.nan) if positive else none
    compared = _compared(tables.matched, tables.n)
    return Effects(
        n_matched,
        n_undecided,
        0.0 if number is None or part.n_rows == 0 else float(number.mean()),
        total,
        expected,
        mean_z(tables, factor),
        Interval(ratio, none, none, none),
        Interval(none, none, none, none),
        mean_difference(tables, level, factor),
        compared >= 2 * LEAST_VARIANCE,
        design,
    )


def _compared(matched: Any, n: Any) -> Float64:
    """Rows' worth of comparison: the sum of m (n - m) / n over strata."""
    n = np.maximum(np.asarray(n, dtype=np.float64), 1.0)
    return np.asarray((matched * (n - matched) / n).sum(axis=1), dtype=np.float64)


def _design(part: Part, patterns: Sequence[Pattern]) -> Any:
    """How much more estimates vary because entities have several rows; None where each has one."""
    if not part.repeats or not patterns:
        return None
    matched = np.stack([part.matched(pattern) for pattern in patterns]).astype(np.uint8)
    return clustered_factors(matched, part.outcome, part.stratum, part.n_strata, part.cluster)


def certify(
    part: Part,
    patterns: Sequence[Pattern],
    direction: npt.NDArray[np.int64],
    evidence: EvidenceOptions,
    *,
    full: Gap,
    seed: int,
) -> Certificate:
    """Judges patterns on rows that were not used to find them.

    Parameters
    ----------
    part
        The estimation rows.
    patterns, direction
        What the discovery half proposes, and whether each should raise (+1) or lower (-1) the outcome.
    full
        The widest gap of the search, what "without its gap" means.
    """
    simpler = [generalisations(pattern, full) for pattern in patterns]
    part.match([*patterns, *(one.pattern for several in simpler for one in several)])
    effects = effects_of(part, patterns)
    testable = effects.testable
    p_effect = _effect_p(part, patterns, direction, evidence.min_effect, effects)
    p_productive, least, alone = productive_p(part, patterns, direction, simpler)
    p = np.where(testable, np.fmax(p_effect, p_productive), math.nan)
    claimed = (holm(p) <= evidence.alpha) | (_q_values(p, evidence) <= evidence.alpha)
    guarded = look_again(part, patterns, direction, simpler, claimed, evidence.min_effect)
    p = np.fmax(p, guarded.p)
    p_holm = holm(p)
    p_permutation = np.full(len(patterns), math.nan)
    if part.is_numeric and testable.any():
        tested = [pattern for pattern, yes in zip(patterns, testable, strict=True) if yes]
        p_permutation[testable] = permutation_p(part, tested, direction[testable], evidence.permutations, seed)
        # Numbers may have heavy tails that no normal law knows of: both must agree, each at the family's level.
        p_holm = np.fmax(p_holm, p_permutation)
    q = _q_values(p, evidence)
    verdict = [
        "untested" if math.isnan(p[i]) else
        "validated" if p_holm[i] <= evidence.alpha else
        "exploratory" if q[i] <= evidence.alpha else
        "not_supported"
        for i in range(len(patterns))
    ]  # fmt: skip
    n_validated = verdict.count("validated")
    n_tested = int(np.count_nonzero(~np.isnan(p)))
    level = fcr_level(max(n_validated, 1), n_tested, evidence.alpha) if n_tested else 1 - evidence.alpha
    wider = effects_of(part, patterns, level) if n_validated else effects
    kept = np.array([v == "validated" for v in verdict], dtype=np.bool_)
    return Certificate(
        effects,
        p_effect,
        p_productive,
        least,
        alone,
        guarded.p,
        guarded.guard,
        p,
        p_holm,
        q,
        p_permutation,
        verdict,
        _only(wider.ratio, kept),
        _only(wider.relative, kept),
        _only(wider.difference, kept),
        level,
    )


def _q_values(p: Float64, evidence: EvidenceOptions) -> Float64:
    return np.asarray(benjamini_hochberg(p, evidence.correction))  # type: ignore[arg-type]


def _only(interval: Interval, kept: npt.NDArray[np.bool_]) -> Interval:
    return Interval(*(np.where(kept, getattr(interval, one.name), math.nan) for one in fields(Interval)))


def _effect_p(
    part: Part, patterns: Sequence[Pattern], direction: npt.NDArray[np.int64], min_effect: float, effects: Effects
) -> Float64:
    """Against the minimum effect: the larger of the Wald and the score test, or of numbers the Wald test.

    For numbers the minimum effect is the same share of the mean that those without the pattern have.
    """
    if not part.is_numeric:
        factor = 1.0 if effects.design is None else effects.design.risk_ratio
        wald, score = minimum_effect_p(part.tables(patterns), direction, min_effect, factor)
        return np.asarray(np.fmax(wald, score))
    tables = part.mean_tables(patterns)
    n = np.maximum(np.asarray(tables.n, dtype=np.float64), 1.0)
    others = np.maximum(n - tables.matched, 1.0)
    weight = tables.matched * (n - tables.matched) / n
    mean_of_others = part.mean + (np.asarray(tables.total) - tables.matched_total) / others
    summed = weight.sum(axis=1)
    compared = (weight * mean_of_others).sum(axis=1) / np.where(summed > 0, summed, 1.0)
    se = effects.difference.se
    gain = direction * effects.difference.value - min_effect * np.abs(compared)
    z = np.where(se > 0, gain / np.where(se > 0, se, 1.0), math.nan)
    return np.where(np.isnan(z), math.nan, normal_tail(np.nan_to_num(z), 1))


def productive_p(
    part: Part,
    patterns: Sequence[Pattern],
    direction: npt.NDArray[np.int64],
    simpler: Sequence[Sequence[Generalisation]],
) -> tuple[Float64, list[Generalisation | None], list[bool]]:
    """The largest p against a generalisation, which one that is, and whether it left none to compare; NaN without.

    One-sided, of patterns that have been matched like all of their generalisations.
    """
    owner = [i for i, several in enumerate(simpler) for _ in several]
    pairs = [one for several in simpler for one in several]
    largest = np.full(len(patterns), math.nan)
    least: list[Generalisation | None] = [None] * len(patterns)
    alone = [False] * len(patterns)
    if not pairs:
        return largest, least, alone
    inner, outer = [patterns[i] for i in owner], [one.pattern for one in pairs]
    decided = [one.decided for one in pairs]
    factor = part.nested_design(inner, outer, decided)
    if part.is_numeric:
        means = part.nested_mean_tables(inner, outer, decided)
        compared = _compared(means.matched, means.n)
        z = mean_z(means, factor)
        # Nothing to compare with: the pattern says no more than the simpler one.
        p = np.where(np.isnan(z), 1.0, normal_tail(np.nan_to_num(z) * direction[owner], 1))
    else:
        tables = part.nested_tables(inner, outer, decided)
        compared = _compared(tables.matched, tables.n)
        p = point_null_p(tables, direction[owner], factor)
    for i, one, value, rows in zip(owner, pairs, p, compared, strict=True):
        if least[i] is None or value > largest[i]:
            largest[i], least[i], alone[i] = float(value), one, bool(rows == 0)
    return largest, least, alone
