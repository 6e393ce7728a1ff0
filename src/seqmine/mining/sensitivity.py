"""What a pattern hangs on: the order of simultaneous events, and the few entities with the most events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from seqmine.mining.generalise import simultaneous
from seqmine.mining.parts import Part, count_tables
from seqmine.significance import risk_ratio

if TYPE_CHECKING:
    from seqmine.mining.certificate import Effects
    from seqmine.patterns import Pattern

__all__ = ["busiest_rows", "hangs_on_busiest", "hangs_on_ties"]

TIE_SHARE: Final = 0.10
"""A pattern is flagged when so large a share of the rows that match with ties in either order need a tie to match."""
BUSIEST: Final = 0.01
"""Share of entities, those with the most events: merged identities, shared accounts and robots are among them."""


def hangs_on_ties(part: Part, patterns: Sequence[Pattern]) -> list[bool]:
    """Whether a pattern's rows would change if simultaneous events were taken as ordered.

    Steps are strictly later than one another; logs that keep days instead of times lose such pairs. A match that needs
    two events at one time counts neither for nor against the pattern, so where these are many its numbers say less.
    """
    wider = {pattern: simultaneous(pattern) for pattern in patterns}
    part.match([other for other in wider.values() if other is not None])
    flags = []
    for pattern in patterns:
        other = wider[pattern]
        if other is None:
            flags.append(False)
            continue
        n, n_wider = (int(part.counts(p).matched.sum()) for p in (pattern, other))
        flags.append(abs(n_wider - n) > TIE_SHARE * max(n_wider, 1))
    return flags


def busiest_rows(part: Part) -> npt.NDArray[np.bool_]:
    """Rows of the one percent of entities (at least one) with the most events in the whole log."""
    entity = part.bound.entity
    known = np.unique(entity[entity >= 0])
    if len(known) == 0:
        return np.zeros(len(entity), dtype=np.bool_)
    size = np.diff(np.asarray(part.log.entity_offsets))[known]
    most = max(1, int(np.ceil(BUSIEST * len(known))))
    least = np.partition(size, len(size) - most)[len(size) - most]
    # Where very many have the same number of events there are no busiest ones.
    chosen = size >= least if np.count_nonzero(size >= least) <= 2 * most else size > least
    return np.isin(entity, known[chosen])


def hangs_on_busiest(part: Part, patterns: Sequence[Pattern], effects: Effects) -> list[bool]:
    """Whether a pattern's risk ratio without the busiest entities lies outside of its interval with them."""
    if part.is_numeric or not patterns:
        return [False] * len(patterns)
    stay = ~busiest_rows(part)
    if not stay.any():
        return [False] * len(patterns)
    matched = [part.matched(pattern)[stay] for pattern in patterns]
    tables = count_tables(part.stratum[stay], part.n_strata, part.outcome[stay] > 0, matched)
    without = risk_ratio(tables).value
    low, high = effects.relative.low, effects.relative.high
    outside = (without < low) | (without > high) | (np.isnan(without) & ~np.isnan(effects.relative.value))
    return [bool(flag) for flag in outside]
