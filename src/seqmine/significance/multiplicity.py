"""Many patterns, one promise: corrections for the number of tests and of selected intervals."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from seqmine.errors import ParameterError
from seqmine.significance.tables import Float64

__all__ = ["benjamini_hochberg", "fcr_level", "holm", "westfall_young_p"]


def holm(p: Any) -> Float64:
    """p values adjusted for their number: whatever depends on what, all claims below alpha hold at once but for alpha.

    Parameters
    ----------
    p
        ``(K,)``; NaN was not tested, counts as no test and stays NaN.

    Returns
    -------
    numpy.ndarray
        ``(K,)``, in the order of ``p``. Sorted, the j-th smallest of n is the largest of ``(n - i) p_i`` up to j
        (i from 0), at most 1.

    References
    ----------
    Holm 1979, Scand. J. Statist. 6.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(4).tolist()
    [0.03, 0.06, 0.06]
    """
    values, order = _sorted(p)
    factors = np.arange(order.size, 0, -1)
    return _back(values, order, np.maximum.accumulate(values[order] * factors))


def benjamini_hochberg(p: Any, method: Literal["bh", "by"] = "bh") -> Float64:
    """q values: claiming all with q below alpha, the expected share of false claims is at most alpha.

    Parameters
    ----------
    p
        ``(K,)``; NaN was not tested, counts as no test and stays NaN.
    method
        ``bh`` for independent or positively dependent tests, ``by`` for any dependence, at the price of the factor
        ``1 + 1/2 + ... + 1/K``.

    References
    ----------
    Benjamini & Hochberg 1995, JRSS B 57; Benjamini & Yekutieli 2001, Ann. Statist. 29.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03]).round(4).tolist()
    [0.03, 0.04, 0.04]
    """
    if method not in ("bh", "by"):
        raise ParameterError(f"method must be 'bh' or 'by', not {method!r}")
    values, order = _sorted(p)
    ranks = np.arange(1, order.size + 1)
    factor = float((1.0 / ranks).sum()) if method == "by" else 1.0
    raised = values[order] * (order.size * factor / ranks)
    return _back(values, order, np.minimum.accumulate(raised[::-1])[::-1])


def fcr_level(n_selected: int, n_tested: int, alpha: float = 0.05) -> float:
    """Coverage that the intervals of selected patterns need: ``1 - n_selected * alpha / n_tested``.

    Then the expected share of shown intervals that miss is at most alpha. With nothing selected, the level for one.

    References
    ----------
    Benjamini & Yekutieli 2005, JASA 100.

    Examples
    --------
    >>> fcr_level(10, 200)
    0.9975
    """
    if not 0 <= n_selected <= n_tested or n_tested < 1:
        raise ParameterError(f"{n_selected} of {n_tested} cannot be selected")
    if not 0.0 < alpha < 1.0:
        raise ParameterError(f"alpha must lie between 0 and 1, not {alpha}")
    return 1.0 - max(n_selected, 1) * alpha / n_tested


def westfall_young_p(z: Any, maxima: Any) -> Float64:
    """p values adjusted by the largest statistics of permutations: ``(1 + #{j: M_j >= |z|}) / (J + 1)``.

    Parameters
    ----------
    z
        ``(K,)``, statistics as observed; NaN stays NaN.
    maxima
        ``(J,)``, the largest absolute statistic of the whole family under each permutation. One that is within 1e-12
        of |z| counts as reaching it: the same counts may be added up in another order.

    References
    ----------
    Westfall & Young 1993, Resampling-Based Multiple Testing, 2.3 and 2.6. Phipson & Smyth 2010 for the ones.

    Examples
    --------
    >>> westfall_young_p([-4.0, 2.0], [1.0, 2.0, 3.0]).tolist()
    [0.25, 0.75]
    """
    found, ordered = np.asarray(z, np.float64), np.sort(np.asarray(maxima, np.float64))
    if ordered.ndim != 1 or ordered.size == 0 or np.isnan(ordered).any():
        raise ParameterError("maxima must hold one number for each permutation", hint="permute at least once")
    reached = ordered.size - np.searchsorted(ordered, np.abs(found) * (1.0 - 1e-12), side="left")
    return np.where(np.isnan(found), np.nan, (1.0 + reached) / (ordered.size + 1.0))


def _sorted(p: Any) -> tuple[Float64, Any]:
    """The p values and the places of the tested ones, smallest first."""
    values = np.asarray(p, dtype=np.float64)
    tested = values[~np.isnan(values)]
    if values.ndim != 1 or (tested < 0.0).any() or (tested > 1.0).any():
        raise ParameterError("p must hold one probability for each pattern, or NaN")
    return values, np.argsort(values, kind="stable")[: tested.size]


def _back(values: Float64, order: Any, adjusted: Float64) -> Float64:
    out = np.full(values.shape, np.nan)
    out[order] = np.minimum(adjusted, 1.0)
    return out
