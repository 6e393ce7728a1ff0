"""Which delays: the scan on the discovery half.

Source: Kulldorff 1997, Commun. Statist. 26 (scan statistic); Duembgen & Spokoiny 2001, Ann. Statist. 29, and Walther &
Perry 2022, J. R. Statist. Soc. B 84 (the penalty by scale).
"""

# mypy: allow-untyped-calls

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["Found", "edge_intervals", "find_windows", "generator", "tight"]

Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

MIN_BINS: Final = 2
MIN_TREATED: Final = 50
MAX_SHARE: Final = 0.6


@dataclass(frozen=True)
class Found:
    """An interval of bins.

    Attributes
    ----------
    lo, hi
        First bin, and the bin after the last.
    score
        The penalised score.
    sign
        -1 where it lowers the outcome, 1 where it raises it.
    p
        Share of draws without any effect whose best interval scores as much.
    """

    lo: int
    hi: int
    score: float
    sign: int
    p: float


def generator(*words: object) -> np.random.Generator:
    """Draws that depend on these words alone."""
    digest = hashlib.blake2b("\0".join(map(str, words)).encode(), digest_size=16, person=b"seqmine.windows").digest()
    return np.random.Generator(np.random.Philox(int.from_bytes(digest, "big")))


@dataclass(frozen=True, eq=False)
class _Table:
    scale: Float64
    penalty: Float64


def _table(v: Float64, n: Float64, usable: Bool) -> _Table:
    from seqmine.windows.scan_kernel import interval_table

    b = len(v)
    there = np.flatnonzero(v > 0)
    reach = there[-1] - there[0] + 1 if len(there) else 0
    table = _Table(np.zeros((b, b)), np.zeros((b, b)))
    most = max(math.floor(MAX_SHARE * reach), MIN_BINS)
    interval_table(v, n, usable, min(MIN_BINS, b), most, float(MIN_TREATED), table.scale, table.penalty)
    return table


def find_windows(
    u: Float64,
    v: Float64,
    n: Float64,
    *,
    lowers: bool,
    raises: bool,
    most: int,
    n_null: int,
    alpha: float,
    seed: tuple[object, ...],
) -> list[Found]:
    """The best interval, and a second one beside it if that is beyond chance, too.

    With ``m = sum u / sum v`` and f the share of the variance inside, an interval W scores ``|sum_W (u - m v)| /
    sqrt(V_W (1 - f)) - sqrt(2 log(e / (f (1 - f))))``. Intervals have at least two bins and 50 treated rows, and at
    most 0.6 of the bins between the first and the last treated one. Bins at their ends in which nobody was treated are
    then left out.

    Parameters
    ----------
    u, v, n : (bins,)
        Observed minus expected, its variance, and treated rows.
    lowers, raises
        Which directions count.
    most
        Most windows, 1 or 2.
    n_null
        Draws of u without effect: normal, independent, with variance v.
    alpha
        Level that the second window must meet.
    seed
        Words that the draws depend on.

    Returns
    -------
    list of Found
        Empty where no interval may be chosen.
    """
    from seqmine.windows.scan_kernel import best_interval, null_maxima

    found: list[Found] = []
    usable = np.ones(len(v), np.bool_)
    u, v, n = u.copy(), v.copy(), n.copy()
    for number in range(most):
        table = _table(v, n, usable)
        lo, last, score, sign = best_interval(u, v, table.scale, table.penalty, lowers, raises)
        if lo < 0:
            break
        lo, hi = tight(n, lo, last + 1)
        draws = generator(*seed, "null", number).standard_normal((n_null, len(v))) * np.sqrt(v)
        maxima = np.empty(n_null)
        null_maxima(draws, v, table.scale, table.penalty, lowers, raises, maxima)
        p = (1 + int(np.count_nonzero(maxima >= score))) / (n_null + 1)
        if number > 0 and p > alpha:
            break
        found.append(Found(lo, hi, float(score), int(sign), p))
        if p > alpha:
            break
        usable[lo:hi] = False
        u[lo:hi], v[lo:hi], n[lo:hi] = 0.0, 0.0, 0.0
    return found


def tight(n: Float64, lo: int, hi: int) -> tuple[int, int]:
    """Leave out bins at the ends of an interval in which nobody was treated: they say nothing."""
    there = np.flatnonzero(n[lo:hi] > 0)
    return lo + int(there[0]), lo + int(there[-1]) + 1


def edge_intervals(
    u: Float64, v: Float64, n: Float64, found: Found, *, n_draws: int, seed: tuple[object, ...]
) -> tuple[int, int, int, int]:
    """Where the edges of a window may lie: 2.5 and 97.5 % quantiles of refits of the two-level curve.

    Parametric bootstrap: the effect inside and that outside are taken for true, drawn anew with the variance v, and
    scanned. Such intervals cover the true edges in about 90 %. Returns (low of lo, high of lo, low of hi, high of hi).
    """
    from seqmine.windows.scan_kernel import best_interval

    inside = np.zeros(len(v), np.bool_)
    inside[found.lo : found.hi] = True
    level = np.zeros(len(v))
    for part in (inside, ~inside):
        total = n[part].sum()
        level[part] = u[part].sum() / total if total > 0 else 0.0
    table = _table(v, n, np.ones(len(v), np.bool_))
    draws = generator(*seed, "edges").standard_normal((n_draws, len(v))) * np.sqrt(v) + level * n
    edges = []
    for draw in draws:
        lo, last, _, _ = best_interval(draw, v, table.scale, table.penalty, found.sign < 0, found.sign > 0)
        if lo >= 0:
            edges.append(tight(n, lo, last + 1))
    if not edges:
        return found.lo, found.lo, found.hi, found.hi
    low = np.quantile(np.array(edges), (0.025, 0.975), axis=0, method="inverted_cdf").astype(int)
    return (
        min(int(low[0, 0]), found.lo), max(int(low[1, 0]), found.lo), min(int(low[0, 1]), found.hi),
        max(int(low[1, 1]), found.hi),
    )  # fmt: skip
