"""Rows of one entity are not independent: by how much that widens what assumes they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqmine.errors import ParameterError
from seqmine.significance.tables import Float64, Int64

__all__ = ["DesignEffects", "clustered_factors"]


@dataclass(frozen=True, eq=False)
class DesignEffects:
    """What the variances of independent rows are to be multiplied by, ``(K,)`` each, at least 1.

    Attributes
    ----------
    cmh
        For the z and the p of `cmh`.
    risk_ratio
        For log RR (`risk_ratio`, `minimum_effect_p`).
    risk_difference
        For RD (`risk_difference`, `mean_difference`).
    """

    cmh: Float64
    risk_ratio: Float64
    risk_difference: Float64


def clustered_factors(
    matched: npt.NDArray[np.uint8],
    y: npt.NDArray[np.float64] | npt.NDArray[np.uint8],
    stratum: npt.NDArray[np.int32],
    n_strata: int,
    cluster: Int64,
) -> DesignEffects:
    """Cluster-robust variance over that of the same estimator with every row its own cluster.

    A row pulls an estimate by its influence; the sum of squared sums over clusters, over the sum of squares, is the
    factor, and never below 1. With ``pi = m / n`` of the row's stratum and z = 1 for a matched row: ::

        cmh  (z - pi) (y - P / n)
        RR   (1 - pi) (y - RR q) if matched, else -RR pi (y - q);  q = P / (RR m + n - m)
        RD   (z - pi) (y - P / n - RD (z - pi))

    Parameters
    ----------
    matched
        uint8 ``(K, n_rows)``; 1 is matched, anything else is not.
    y
        Outcome of each row, ``(n_rows,)``.
    stratum
        Stratum of each row, ``(n_rows,)``, from 0.
    n_strata
        S.
    cluster
        Entity of each row, ``(n_rows,)``, in any order and numbering.

    Returns
    -------
    DesignEffects
        1 where a statistic has no influence to go by. Where the risk ratio is not defined its factor is that of
        ``cmh``. Sums run in row order, so the same input gives the same bits.

    References
    ----------
    Liang & Zeger 1986, Biometrika 73; Greenland & Robins 1985 for the estimating equation of RR.

    Examples
    --------
    >>> y = np.array([1, 1, 0, 0, 1, 1, 0, 0], np.uint8)
    >>> twice = np.array([[1, 1, 0, 0, 0, 0, 1, 1]], np.uint8)
    >>> found = clustered_factors(twice, y, np.zeros(8, np.int32), 1, np.array([0, 0, 1, 1, 2, 2, 3, 3]))
    >>> found.cmh.tolist()
    [2.0]
    """
    n_rows = y.shape[0]
    if matched.ndim != 2 or not matched.shape[1] == n_rows == stratum.shape[0] == cluster.shape[0]:
        raise ParameterError("matched must be of shape (patterns, rows), everything else of shape (rows,)")
    if n_rows and not 0 <= int(stratum.min()) <= int(stratum.max()) < n_strata:
        raise ParameterError(f"strata must be numbered from 0 to {n_strata - 1}")
    ones = np.ones(matched.shape[0])
    numbers, inverse = np.unique(cluster, return_inverse=True)
    if numbers.size == n_rows:
        return DesignEffects(ones, ones.copy(), ones.copy())
    from seqmine.significance.clustered_kernel import factors

    found = factors(
        np.ascontiguousarray(matched == 1),
        np.ascontiguousarray(y, np.float64),
        np.ascontiguousarray(stratum, np.int64),
        n_strata,
        np.ascontiguousarray(inverse, np.int64),
        numbers.size,
    )
    return DesignEffects(found[:, 0].copy(), found[:, 1].copy(), found[:, 2].copy())
