"""What any tool would print: those treated at a delay against those never treated, from the moment on. For show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqmine.windows.outcome_bins import outcome_steps
from seqmine.windows.pair import Pair
from seqmine.windows.scan import MAX_SHARE, MIN_BINS, MIN_TREATED, tight

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
    total = np.asarray(np.bincount(bins, value[row], minlength=pair.n_bins), np.float64)
    if not never.any() or not len(row):
        return Naive(np.full(pair.n_bins, np.nan), n, -1, -1, np.nan)
    effect = np.divide(total - n * value[never].mean(), n, out=np.full(pair.n_bins, np.nan), where=n > 0)
    squares = np.asarray(np.bincount(bins, value[row] ** 2, minlength=pair.n_bins), np.float64)
    found = _largest_z(n, total, squares, value[never], lowers=lowers, raises=raises)
    if found is None:
        return Naive(effect, n, -1, -1, np.nan)
    inside = slice(*found)
    return Naive(effect, n, *found, float(total[inside].sum() / n[inside].sum() - value[never].mean()))


def _largest_z(
    n: Float64, total: Float64, squares: Float64, never: Float64, *, lowers: bool, raises: bool
) -> tuple[int, int] | None:
    """The interval whose mean differs most from that of the never treated, in pooled standard errors.

    As wide as windows may be, and without a penalty: what a table of delays shows to whoever looks for the best.
    """

    def within(values: Float64) -> Float64:
        """Sums over all intervals: of bins i to j - 1 at [i, j]."""
        sums = np.concatenate(([0.0], np.cumsum(values)))
        return np.asarray(sums[None, :] - sums[:, None])

    n_w, total_w, squares_w = within(n), within(total), within(squares)
    width = np.arange(len(n) + 1)[None, :] - np.arange(len(n) + 1)[:, None]
    most = max(int(MAX_SHARE * len(n)), MIN_BINS)
    allowed = (width >= min(MIN_BINS, len(n))) & (width <= most) & (n_w >= MIN_TREATED)
    size = n_w + len(never)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (total_w + never.sum()) / size
        variance = (squares_w + (never**2).sum()) / size - mean**2
        z = (total_w / n_w - never.mean()) / np.sqrt(variance * (1.0 / n_w + 1.0 / len(never)))
    gain = np.abs(z) if lowers and raises else (-z if lowers else z)
    gain = np.where(allowed & np.isfinite(gain), gain, -np.inf)
    lo, hi = np.unravel_index(int(np.argmax(gain)), gain.shape)
    return tight(n, int(lo), int(hi)) if np.isfinite(gain[lo, hi]) else None
