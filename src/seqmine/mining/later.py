"""The out-of-time test: what entities that found nothing say of each pattern at a later index."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from seqmine.errors import UnknownEventWarning
from seqmine.labels import ESTIMATION, label, later_landmark, split_halves
from seqmine.labels._instants import format_instant
from seqmine.mining.parts import Part, check_numbers
from seqmine.mining.strata import row_strata

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import BoundRows, Labels, Study
    from seqmine.mining.evidence import EvidenceOptions
    from seqmine.mining.options import MinerOptions
    from seqmine.mining.parts import Bool

__all__ = ["later_part", "said_of"]


def later_part(
    log: EventLog,
    study: Study,
    labels: Labels,
    bound: BoundRows,
    later: Bool,
    options: MinerOptions,
    evidence: EvidenceOptions,
    *,
    small: bool,
) -> Part | None:
    """The rows of the out-of-time test: those of the study that are kept for it, else those of its later landmark.

    Only rows of the estimation half: who was used to find a pattern stays a witness for it at any later date. Of small
    data, which have no such half, all rows. Activity and tenure have grown by then, so these rows have strata of their
    own; no outcome plays a part in them.
    """
    if not later.any():
        landmark = later_landmark(log, study)
        if landmark is None:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UnknownEventWarning)  # said of the study's own rows already
            labels = label(log, landmark, threads=options.threads)
        bound = labels.bind(log, numbers=True)
        check_numbers(bound)
        later = np.ones(labels.n_rows, dtype=np.bool_)
    if not small:
        later = later & (split_halves(labels.column("entity"), study.seed) == ESTIMATION)
    if not later.any():
        return None
    strata = row_strata(
        log, labels, bound, later, adjust=evidence.adjust, columns=options.strata or (), threads=options.threads
    )
    exposure = strata.exposure.take(later)
    return Part(log, bound.take(later), strata.code[later], strata.n_strata, exposure, options.threads)


def said_of(later: Part | None, n_unused: int, *, small: bool) -> str | None:
    """Which rows the out-of-time test has, in words; `n_unused` of those kept are of the half that found them."""
    if later is None:
        return f"{n_unused:,} rows are kept for a later index, all of the half that found" if n_unused else None
    who = "the same entities" if small else "the entities that judge"
    time = later.bound.index_time
    first, last = format_instant(int(time.min())), format_instant(int(time.max()))
    when = f"at {first}" if first == last else f"from {first} to {last}"
    left = f"; {n_unused:,} rows of the others are left out there" if n_unused else ""
    return f"held against a later index ({when}): {later.n_rows:,} rows of {who}, in the out_of_time columns{left}"
