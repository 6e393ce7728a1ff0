"""Permutation tests of numeric outcomes: what the largest standardised difference of many patterns is by chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from seqmine.mining.exchange import exchangeable
from seqmine.significance import westfall_young_p

if TYPE_CHECKING:
    from seqmine.mining.parts import Part
    from seqmine.patterns import Pattern

__all__ = ["permutation_p"]


def permutation_p(
    part: Part, patterns: Sequence[Pattern], direction: npt.NDArray[np.int64], n_permutations: int, seed: int
) -> npt.NDArray[np.float64]:
    """Family-wise p of each pattern: how often the largest of all under permuted outcomes is as large (max-T).

    Whole entities change places within strata; the statistic is the sum of the outcomes of the matched rows, less
    stratum means, over its standard deviation under permutation. Westfall & Young 1993. The same bytes for any machine
    and number of threads.
    """
    from seqmine.mining.permutation_kernel import permuted_maxima

    units = exchangeable(part)
    rows = [np.flatnonzero(part.matched(pattern)) for pattern in patterns]
    offsets = np.concatenate(([0], np.cumsum([len(r) for r in rows]))).astype(np.int64)
    observed, maxima = permuted_maxima(
        np.concatenate(rows).astype(np.int64) if rows else np.zeros(0, dtype=np.int64),
        offsets,
        direction.astype(np.float64),
        part.outcome,
        units.stratum.astype(np.int64),
        units.n_strata,
        units.rows,
        units.unit_offsets,
        units.group_offsets,
        n_permutations,
        np.uint64(seed % 2**64),
    )
    # One-sided: below zero nothing speaks for the pattern.
    return np.where(observed > 0, westfall_young_p(observed, maxima), 1.0)
