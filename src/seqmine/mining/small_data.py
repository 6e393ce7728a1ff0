"""Verdicts where there is too little data for a split: the permutations, and second looks at what they let through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from seqmine.mining.certificate import productive_p
from seqmine.mining.generalise import Generalisation, generalisations
from seqmine.mining.guards import look_again

if TYPE_CHECKING:
    from seqmine.mining.parts import Part
    from seqmine.patterns import Pattern
    from seqmine.patterns.model import Gap

__all__ = ["SmallVerdicts", "small_verdicts"]

Float64 = npt.NDArray[np.float64]


class SmallVerdicts(NamedTuple):
    """Of each pattern the verdict, and why one that is more than chance is not ``validated``: what it adds nothing to,
    or the second look that it fails."""

    verdict: list[str]
    adds_nothing_to: list[Generalisation | None]
    guard: list[str | None]


def small_verdicts(
    part: Part,
    patterns: Sequence[Pattern],
    direction: npt.NDArray[np.int64],
    p_family: Float64,
    full: Gap,
    alpha: float,
) -> SmallVerdicts:
    """``validated``: Westfall-Young p at most `alpha`, and no simpler form or second look says otherwise.

    Those are asked on the same rows, at `alpha` and against no effect instead of the minimum one: they can only take
    away, so the family-wise error stays that of the permutations.
    """
    verdict = np.where(np.isnan(p_family), "untested", np.where(p_family <= alpha, "validated", "not_supported"))
    adds: list[Generalisation | None] = [None] * len(patterns)
    guard: list[str | None] = [None] * len(patterns)
    claimed = np.flatnonzero(verdict == "validated").tolist()
    if claimed:
        chosen, signs = [patterns[i] for i in claimed], direction[claimed]
        simpler = [generalisations(pattern, full) for pattern in chosen]
        part.match(one.pattern for several in simpler for one in several)
        p_productive, least, _ = productive_p(part, chosen, signs, simpler)
        again = look_again(part, chosen, signs, simpler, np.ones(len(chosen), dtype=np.bool_), 0.0)
        for k, i in enumerate(claimed):
            if p_productive[k] > alpha:
                adds[i] = least[k]
            elif again.p[k] > alpha:
                guard[i] = again.guard[k]
            else:
                continue
            verdict[i] = "not_supported"
    return SmallVerdicts(verdict.tolist(), adds, guard)
