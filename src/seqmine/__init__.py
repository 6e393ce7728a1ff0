"""seqmine: timed event patterns that predict outcomes, and the windows in which to act on them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqmine.capacity import CapacityPlan, CapacitySpec, plan_capacity
    from seqmine.events import EventLog
    from seqmine.labels import Labels, Outcome, Study, label
    from seqmine.mining import (
        EvidenceOptions,
        FrequentOptions,
        FrequentResult,
        MinerOptions,
        MiningResult,
        StudyResult,
        mine,
        mine_frequent,
    )
    from seqmine.patterns import Pattern, count, find, parse_pattern
    from seqmine.simulation import SimulationSpec, simulate
    from seqmine.windows import Randomised, WindowOptions, WindowResult, scan_windows

__version__ = "0.1.0"

__all__ = [
    "CapacityPlan",
    "CapacitySpec",
    "EventLog",
    "EvidenceOptions",
    "FrequentOptions",
    "FrequentResult",
    "Labels",
    "MinerOptions",
    "MiningResult",
    "Outcome",
    "Pattern",
    "Randomised",
    "SimulationSpec",
    "Study",
    "StudyResult",
    "WindowOptions",
    "WindowResult",
    "count",
    "find",
    "label",
    "mine",
    "mine_frequent",
    "parse_pattern",
    "plan_capacity",
    "scan_windows",
    "simulate",
]

# Where each public name lives. It is loaded when first used, so that `import seqmine` stays fast.
_HOMES = {
    "CapacityPlan": "seqmine.capacity",
    "CapacitySpec": "seqmine.capacity",
    "EventLog": "seqmine.events",
    "EvidenceOptions": "seqmine.mining",
    "FrequentOptions": "seqmine.mining",
    "FrequentResult": "seqmine.mining",
    "Labels": "seqmine.labels",
    "MinerOptions": "seqmine.mining",
    "MiningResult": "seqmine.mining",
    "Outcome": "seqmine.labels",
    "Pattern": "seqmine.patterns",
    "Randomised": "seqmine.windows",
    "SimulationSpec": "seqmine.simulation",
    "Study": "seqmine.labels",
    "StudyResult": "seqmine.mining",
    "WindowOptions": "seqmine.windows",
    "WindowResult": "seqmine.windows",
    "count": "seqmine.patterns",
    "find": "seqmine.patterns",
    "label": "seqmine.labels",
    "mine": "seqmine.mining",
    "mine_frequent": "seqmine.mining",
    "parse_pattern": "seqmine.patterns",
    "plan_capacity": "seqmine.capacity",
    "scan_windows": "seqmine.windows",
    "simulate": "seqmine.simulation",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'seqmine' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__"})
