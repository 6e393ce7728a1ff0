"""The native search for patterns, over all rows of some labels or over the discovery half of a study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from seqmine import _native

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import BoundRows
    from seqmine.mining.items import Item
    from seqmine.mining.options import MinerOptions

__all__ = ["Target", "search"]

_WEIGHT_BITS = 61


@dataclass(frozen=True)
class Target:
    """What the search goes for: labels, perhaps in strata, or numbers less the mean of their stratum."""

    label: npt.NDArray[np.uint8]
    stratum: npt.NDArray[np.int32] | None = None
    n_strata: int = 0
    weight: npt.NDArray[np.int64] | None = None
    scale: int = 0

    @classmethod
    def numbers(cls, residual: npt.NDArray[np.float64]) -> Target:
        """Numbers less the mean of their stratum, as integers, so that sums are exact in any order."""
        total = float(np.abs(residual).sum())
        # Room for one more unit in every row, which rounding may add.
        scale = 1 if total == 0 else max(1, int((2.0**_WEIGHT_BITS - len(residual)) / max(total, 1.0)))
        scale = min(scale, 2**40)
        weight = np.rint(np.abs(residual) * scale).astype(np.int64)
        return cls((residual > 0).astype(np.uint8), weight=weight, scale=scale)


def search(
    log: EventLog,
    bound: BoundRows,
    target: Target,
    options: MinerOptions,
    items: Sequence[Item],
    *,
    top_k: int,
    redundancy: float | None,
    learn_gaps: bool,
    seconds: float,
    absences: bool = True,
) -> dict[str, Any]:
    """What the native miner returns for these rows and steps; at most so many `seconds`, 0 for no limit."""
    limits = options.limits()
    plain = [i for i, item in enumerate(items) if item.is_plain]
    return _native.mine(
        log.native,
        bound.rows,
        label=target.label,
        stratum=target.stratum,
        n_strata=target.n_strata,
        weight=target.weight,
        weight_scale=target.scale,
        items=[(item.text, item.type_code, item.conditions) for item in items],
        absences=[(i, within) for within in limits.absences for i in plain] if absences else [],
        max_length=options.max_length,
        min_gap=limits.min_gap,
        max_gap=limits.max_gap,
        max_span=limits.max_span,
        learn_gaps=learn_gaps,
        gap_edges=limits.gap_edges if learn_gaps else (),
        min_support=options.min_support,
        top_k=top_k,
        measure=options.measure,
        direction=options.direction,
        redundancy=-1.0 if redundancy is None else float(redundancy),
        threads=options.threads,
        max_seconds=seconds,
        max_memory=options.max_memory or 0,
    )
