"""What any tool would print: those treated at a delay against those never treated, from the moment on. For show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqmine.windows.outcome_bins import outcome_steps
from seqmine.windows.pair import Pair
from seqmine.windows.scan import best_of

__all__ = ["Naive", "naive_comparison"]

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Naive:
    """The naive curve (bins,), NaN where nobody was treated; how many were; its best interval of bins, if any."""

    effect: Float64
    n: Float64
    lo: int
    hi: int
    inside: float


def naive_comparison(pair: Pair, *, lowers: bool, raises: bool) -> Naive:
    """Outcomes of ``[t0, t0 + follow-up)`` of those first treated in each bin, less those of the never treated.

    To be treated late one has to be there still, so late treatment looks good against an outcome that takes customers
    away, and bad against one that they reach (immortal time: Suissa 2008, Am. J. Epidemiol. 167).
    """
    rows = pair.design.rows
    steps = outcome_steps(
        pair.source, rows.entity, rows.time, width=0, n_bins=1, follow=pair.follow, threads=pair.threads
    )
    y, risk = steps.at(np.arange(len(rows)), np.zeros(len(rows), np.int64))
    value = y / steps.scale
    never = risk & pair.design.may_control & (pair.design.delay >= pair.n_bins * pair.width)
    mine = risk[pair.arms.treated]
    row, bins = pair.arms.treated[mine], pair.arms.bins[mine]
    n = np.bincount(bins, minlength=pair.n_bins).astype(np.float64)
    total = np.bincount(bins, value[row], minlength=pair.n_bins)
    if not never.any() or not len(row):
        return Naive(np.full(pair.n_bins, np.nan), n, -1, -1, np.nan)
    u = total - n * value[never].mean()
    v = n * float(np.concatenate([value[never], value[row]]).var())
    found = best_of(u, v, n, lowers=lowers, raises=raises)
    effect = np.divide(u, n, out=np.full(pair.n_bins, np.nan), where=n > 0)
    if found is None:
        return Naive(effect, n, -1, -1, np.nan)
    inside = slice(found[0], found[1])
    return Naive(effect, n, found[0], found[1], float(u[inside].sum() / n[inside].sum()))
