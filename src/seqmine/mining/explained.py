"""Redundancy after the certificate: which validated patterns are the shadow of a better one.

"A" goes with the outcome when "A, then B within an hour" does, and so do "A, then B within a day" and "B". All of them
may be true; one of them explains the others when, among the rows that it does not match, they show nothing any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

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

NEARLY_ALL: Final = 0.05
"""A pattern lies inside another that misses at most this share of its rows."""


def explained_by(
    part: Part,
    patterns: Sequence[Pattern],
    direction: npt.NDArray[np.int64],
    certificate: Certificate,
    evidence: EvidenceOptions,
) -> list[int | None]:
    """For each pattern the position of the pattern that explains it, or None.

    Validated patterns are taken by the size of their z, and each is put to those kept before it. Where a kept one
    matches nearly all of its rows, it must differ from the rest of those rows (as from its own simpler forms). What is
    left of it among the rows that none of the others matches is held to the standard that validated it: beyond the
    minimum effect. Both at a level that all share (Bonferroni; at a plain 0.05 one shadow in twenty would stay). One
    that falls short is put to the kept pattern that leaves the least of it. Kept ones are explained by none.
    """
    z = np.abs(np.nan_to_num(certificate.effects.z))
    order = [i for i in range(len(patterns)) if certificate.verdict[i] == "validated"]
    order.sort(key=lambda i: (-z[i], len(patterns[i].steps), str(patterns[i]).encode()))
    result: list[int | None] = [None] * len(patterns)
    kept: list[tuple[int, Bool]] = []
    limit = evidence.alpha / max(len(order), 1)
    for i in order:
        matched, sign = part.matched(patterns[i]), int(direction[i])
        around = [(k, rows) for k, rows in kept if _inside(matched, rows)]
        beside = [(k, rows) for k, rows in kept if not _inside(matched, rows)]
        short = {k: p for k, rows in around if (p := remainder(part, matched, sign, 0.0, rows=rows).p) > limit}
        if beside:
            covered = np.logical_or.reduce([rows for _, rows in beside])
            if remainder(part, matched, sign, evidence.min_effect, rows=~covered).p > limit:
                short |= {k: remainder(part, matched, sign, evidence.min_effect, rows=~rows).p for k, rows in beside}
        if short:
            result[i] = max(short, key=lambda k: short[k])
        else:
            kept.append((i, matched))
    return result


def _inside(matched: Bool, wider: Bool) -> bool:
    return int(np.count_nonzero(matched & ~wider)) <= NEARLY_ALL * int(np.count_nonzero(matched))
