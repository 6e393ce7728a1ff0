"""Redundancy after the certificate: which validated patterns are the shadow of a better one.

"A" goes with the outcome when "A, then B within an hour" does, and so do "A, then B within a day" and "B". All of them
may be true; one of them explains the others when, among the rows that it does not match, they show nothing any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from seqmine.mining.remainder import remainder

if TYPE_CHECKING:
    from seqmine.mining.certificate import Certificate
    from seqmine.mining.evidence import EvidenceOptions
    from seqmine.mining.parts import Part
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
        if kept and remainder(part, matched, sign, evidence.min_effect, rows=~covered).p > limit:
            left = [remainder(part, matched, sign, evidence.min_effect, rows=~other).p for _, other in kept]
            result[i] = kept[int(np.argmax(left))][0]
            continue
        kept.append((i, matched))
        covered |= matched
    return result
