"""Everything that is known of the shortlisted patterns, before it becomes a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from seqmine.labels import Outcome
    from seqmine.mining.certificate import Certificate, Effects
    from seqmine.mining.shortlist import Chosen
    from seqmine.mining.small_data import SmallVerdicts

__all__ = ["Judged", "verdicts"]


def verdicts(certificate: Certificate | None, small: SmallVerdicts | None) -> list[str]:
    """Those of whichever of the two there is."""
    if certificate is not None:
        return certificate.verdict
    assert small is not None, "without a certificate the permutations decide"
    return small.verdict


@dataclass(frozen=True)
class Judged:
    """What each test says of the patterns of ``chosen``, in their order.

    ``certificate`` is None for small data, whose patterns were found and judged on the same rows; ``small`` then
    decides. ``later`` are the effects in the out-of-time rows. ``n_rows`` and ``n_positive`` are those of the rows that
    judged; ``outcome`` is None for given labels.
    """

    chosen: Chosen
    discovery: Effects
    certificate: Certificate | None
    small: SmallVerdicts | None
    later: Effects | None
    p_family: npt.NDArray[np.float64]
    explained: list[int | None]
    stands_for: list[str | None]
    on_ties: list[bool]
    on_busiest: list[bool]
    outcome: Outcome | None
    n_rows: int
    n_positive: int
    utc: bool
    alpha: float
    held_equal: str

    @property
    def effects(self) -> Effects:
        """In the rows that judged."""
        return self.discovery if self.certificate is None else self.certificate.effects

    @property
    def verdict(self) -> list[str]:
        """One of ``validated``, ``exploratory``, ``not_supported`` and ``untested`` for each pattern."""
        return verdicts(self.certificate, self.small)
