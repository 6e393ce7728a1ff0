"""Mining: patterns that predict an outcome, and patterns that are frequent, found in a log."""

from __future__ import annotations

from seqmine.mining.evidence import EvidenceOptions
from seqmine.mining.frequent import FrequentOptions, FrequentResult, mine_frequent
from seqmine.mining.miner import mine
from seqmine.mining.options import MinerOptions
from seqmine.mining.result import MiningResult
from seqmine.mining.study_result import StudyResult

__all__ = [
    "EvidenceOptions",
    "FrequentOptions",
    "FrequentResult",
    "MinerOptions",
    "MiningResult",
    "StudyResult",
    "mine",
    "mine_frequent",
]
