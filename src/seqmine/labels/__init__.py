"""Outcomes, studies and labels: what is asked of which entity at which moment, and what came of it."""

from __future__ import annotations

from seqmine.labels.build import label
from seqmine.labels.labels import BoundRows, Labels
from seqmine.labels.out_of_time import later_landmark, out_of_time_rows
from seqmine.labels.outcome import Outcome
from seqmine.labels.outcome_times import NEVER, LeadLoss, first_true, lead_loss
from seqmine.labels.split import DISCOVERY, ESTIMATION, split_halves
from seqmine.labels.study import Study

__all__ = [
    "DISCOVERY",
    "ESTIMATION",
    "NEVER",
    "BoundRows",
    "Labels",
    "LeadLoss",
    "Outcome",
    "Study",
    "first_true",
    "label",
    "later_landmark",
    "lead_loss",
    "out_of_time_rows",
    "split_halves",
]
