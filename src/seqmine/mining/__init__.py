"""Mining: patterns that predict an outcome, found in a log."""

from __future__ import annotations

from seqmine.mining.miner import mine
from seqmine.mining.options import MinerOptions
from seqmine.mining.result import MiningResult

__all__ = ["MinerOptions", "MiningResult", "mine"]
