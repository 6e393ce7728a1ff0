"""Redundancy after the certificate: which validated patterns are the shadow of a better one.

"A" goes with the outcome when "A, then B within an hour" does, and so do "A, then B within a day" and "B". All of them
may be true; one of them explains the others when, among the rows that it does not match, they show nothing any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from seqmine.mining.parts import Part, count_tables
from seqmine.significance import MeanTables, mean_z, minimum_effect_p, normal_tail

if TYPE_CHECKING:
    from seqmine.mining.certificate import Certificate
    from seqmine.mining.evidence import EvidenceOptions
    from seqmine.patterns import Pattern

__all__ = ["explained_by"]

Bool = npt.NDArray[np.bool_]


def explained_by(
    part: Part,
    patterns: Sequence[Pattern],
    direction: npt.NDArray[np.int64],
    certificate: Certificate,
    evidence: EvidenceOptions,
) -> list[int | None]:
    """For each pattern the position of the pattern that explains it, or None.

    Validated patterns are taken by the size of their z. What is left of one among the rows that no pattern kept before
    it matches is held to the standard that validated it: beyond the minimum effect, at a level that all of them share
    (Bonferroni; at a plain 0.05 one shadow in twenty would stay). One that falls short is put to the kept pattern that
    leaves the least of it. Kept ones are explained by none.
    """
    z = np.abs(np.nan_to_num(certificate.effects.z))
    order = [i for i in range(len(patterns)) if certificate.verdict[i] == "validated"]
    order.sort(key=lambda i: (-z[i], len(patterns[i].steps), str(patterns[i]).encode()))
    result: list[int | None] = [None] * len(patterns)
    kept: list[tuple[int, Bool]] = []
    covered = np.zeros(part.n_rows, dtype=np.bool_)
    limit = evidence.alpha / max(len(order), 1)
    for i in order:
        matched = part.matched(patterns[i])
        sign = int(direction[i])
        if kept and _left(part, matched, ~covered, sign, evidence.min_effect) > limit:
            left = [_left(part, matched, ~other, sign, evidence.min_effect) for _, other in kept]
            result[i] = kept[int(np.argmax(left))][0]
            continue
        kept.append((i, matched))
        covered |= matched
    return result


def _left(part: Part, matched: Bool, rows: Bool, direction: int, min_effect: float) -> float:
    """One-sided p of a pattern among some rows; 1 where they leave nothing to compare. Of numbers against no effect."""
    stratum, outcome, inside = part.stratum[rows], part.outcome[rows], matched[rows]
    if part.is_numeric:

        def by_stratum(
            cells: npt.NDArray[np.int32], weights: npt.NDArray[np.float64] | None
        ) -> npt.NDArray[np.float64]:
            return np.asarray(np.bincount(cells, weights, minlength=part.n_strata), dtype=np.float64)

        cells, square = stratum[inside], outcome**2
        tables = MeanTables(
            n=by_stratum(stratum, None).astype(np.int64),
            total=by_stratum(stratum, outcome),
            total_sq=by_stratum(stratum, square),
            matched=by_stratum(cells, None).astype(np.int64)[None],
            matched_total=by_stratum(cells, outcome[inside])[None],
            matched_total_sq=by_stratum(cells, square[inside])[None],
        )
        z = float(mean_z(tables)[0])
        return 1.0 if np.isnan(z) else float(normal_tail(np.array([z * direction]), 1)[0])
    counts = count_tables(stratum, part.n_strata, outcome > 0, [inside])
    wald, score = minimum_effect_p(counts, np.array([direction]), min_effect)
    return float(np.nan_to_num(np.fmax(wald, score), nan=1.0)[0])
