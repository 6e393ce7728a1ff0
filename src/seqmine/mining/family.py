"""Westfall-Young max-T: how often the best of *all* patterns is as good as this one by chance.

Westfall & Young 1993; one pass over the whole family of untuned patterns counts every permutation (STATISTICS A.5).
The certificate of small data, and beside the split a diagnostic: what the patterns would be worth if nobody had looked
for them on other rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from seqmine import _native
from seqmine.mining.certificate import LEAST_VARIANCE, effects_of
from seqmine.mining.exchange import exchangeable
from seqmine.mining.items import make_items
from seqmine.mining.parts import Part, count_tables
from seqmine.significance import cmh, westfall_young_p

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.mining.deadline import Deadline
    from seqmine.mining.evidence import EvidenceOptions
    from seqmine.mining.options import MinerOptions
    from seqmine.patterns import Pattern
    from seqmine.patterns.model import Gap

__all__ = ["Family"]

Float64 = npt.NDArray[np.float64]

_LITTLE_WORK: Final = 20_000_000
"""Matched rows, summed over the family, that the diagnostic may cost: about a second for 1,023 permutations."""


class Family:
    """The permutations of one part, run when they are first asked for."""

    def __init__(
        self,
        log: EventLog,
        options: MinerOptions,
        evidence: EvidenceOptions,
        full: Gap,
        seed: int,
        deadline: Deadline,
        *,
        small: bool,
    ) -> None:
        self._log = log
        self._options = options
        self._evidence = evidence
        self._full = full
        self._seed = seed
        self._deadline = deadline
        self._small = small
        self.stats: dict[str, int] = {}
        self.complete = True

    def p_values(self, part: Part, patterns: Sequence[Pattern]) -> Float64:
        """Adjusted p of each pattern among all untuned ones of this part.

        NaN for a tuned pattern, for one whose count has a variance below that of the family, or without permutations.
        """
        none = np.full(len(patterns), math.nan)
        if self._evidence.westfall_young is False or part.is_numeric:
            return none
        options = self._options
        limits = options.limits()
        items = make_items(self._log, part.bound, tuple(options.context), options.min_support)
        units = exchangeable(part)
        # Of small data it is the verdict, whatever it costs; else a diagnostic.
        bounded = self._evidence.westfall_young == "auto" and not self._small
        found = _native.westfall_young(
            self._log.native,
            part.bound.rows,
            label=part.bound.label,
            stratum=units.stratum,
            n_strata=units.n_strata,
            unit=units.unit,
            items=[(item.text, item.type_code, item.conditions) for item in items],
            max_length=options.max_length,
            min_gap=limits.min_gap,
            max_gap=limits.max_gap,
            max_span=limits.max_span,
            min_support=options.min_support,
            n_permutations=self._evidence.permutations,
            seed=self._seed % 2**64,
            max_work=_LITTLE_WORK if bounded else 0,
            max_seconds=self._deadline.left(),
            max_memory=options.max_memory or 0,
            threads=options.threads,
        )
        self.stats = {
            "n_family": int(found["n_patterns"]) if found["complete"] else 0,
            "permutation_work": int(found["work"]),
        }
        # A diagnostic that would cost too much is left out; a verdict, or what was asked for, is missing.
        self.complete = bool(found["complete"]) or bounded
        if not found["complete"]:
            return none
        steps = {item.text for item in items}
        inside = np.array([self._untuned(pattern, steps) for pattern in patterns], dtype=np.bool_)
        tables = part.tables(patterns)
        if part.repeats:  # the strata of the permutations are then others
            matched = [part.matched(pattern) for pattern in patterns]
            tables = count_tables(units.stratum, units.n_strata, part.outcome > 0, matched)
        test = cmh(tables)
        z = np.asarray(test.z)
        # A pattern below it has no part in the maxima (`least_tested_variance` of the native family), so it is not held
        # against them: rare patterns have the longest tails, and 6.3 % of null runs would validate one.
        inside &= np.asarray(test.variance) >= LEAST_VARIANCE
        if part.repeats:
            # Entities with several rows change places by the stratum of the first. Whoever grew quiet since is then
            # held against those who did not, and whatever quiet rows lack is "validated", in 150 of 150 null runs. So
            # what meets the maxima is the z within the strata of the rows themselves, with the variance of entities:
            # like the permuted ones a standard deviate of the same pattern (8 of 150).
            held = effects_of(part, patterns)
            z = np.asarray(held.z)
            inside &= held.testable
        return np.where(inside & ~np.isnan(z), westfall_young_p(np.nan_to_num(z), found["maxima"]), math.nan)

    def _untuned(self, pattern: Pattern, steps: set[str]) -> bool:
        gaps = all(step.gap == self._full for step in pattern.steps[1:])
        return gaps and not pattern.absences and all(str(step.selector) in steps for step in pattern.steps)
