"""What may drive a cost: the terms of the model, and how large they are in a run."""

from __future__ import annotations

import math
from collections.abc import Mapping

from seqmine.capacity.machine import caches
from seqmine.capacity.runs import Run

__all__ = ["ENTRY_BYTES", "MEMORY_EVENTS", "MEMORY_MODELS", "TIME_MODELS", "features"]

# What may drive a step's time. Sums that predict left-out runs about equally well are all kept (cost.fit_cost).
#   events: rows; ordered: rows x log2 rows (sorting, page tables);
#   uncached: rows x the share of what the miner reads that does not fit a core's own cache, which is where the time for
#   one row grows between small logs and large ones, and then no further;
#   pairs, triples: rows x window occupancy, and its square (events that follow an event, and those that follow these);
#   scanned: what the miner counts as looked at; candidates: patterns grown x steps that can follow each.
TIME_MODELS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "ingest": (("one", "events"), ("one", "ordered"), ("one", "events", "ordered")),
    "label": (("one", "events"), ("one", "ordered")),
    "mine": (
        ("one", "events"),
        ("one", "ordered"),
        ("one", "candidates", "events", "pairs"),
        ("one", "candidates", "events", "scanned"),
        ("one", "candidates", "events", "uncached", "pairs"),
        ("one", "candidates", "events", "uncached", "scanned"),
        ("one", "candidates", "events", "ordered", "pairs", "triples"),
    ),
}
# Peaks: what grows with the log, and what a batch of the input takes until it has its full size (`batch`). Runs of less
# than a batch cannot tell the two apart (about 140 bytes an event there, 35 beyond), so each alone is a candidate.
MEMORY_MODELS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "ingest": (("one", "events"), ("one", "batch"), ("one", "events", "batch")),
    "label": (("one", "events"),),
    "mine": (("one", "events"),),
}
_BATCH_ROWS = 1 << 20  # of a row group, as most writers make them
# The largest run from which on the peak's growth beyond a batch shows in at least two sizes.
MEMORY_EVENTS = 2 * _BATCH_ROWS
ENTRY_BYTES = 8  # of a mining database: an item and a time in ticks


def features(events: int, run: Run, largest: Run) -> dict[str, float]:
    """Sizes of the terms for so many events of the shape of ``run``; what only mining finds out is ``largest``'s."""
    found = run.found if run.case.step == "mine" else largest.found
    share = events / (run if run.case.step == "mine" else largest).case.workload.events
    occupancy = found["occupancy"]
    return {
        "one": 1.0,
        "events": float(events),
        "batch": float(min(events, _BATCH_ROWS)),
        "ordered": events * math.log2(max(2, events)),
        "pairs": events * occupancy,
        "triples": events * occupancy**2,
        "scanned": found["scanned_events"] * share,
        "uncached": events * max(0.0, 1.0 - caches().own / (ENTRY_BYTES * found["n_entries"] * share)),
        "candidates": float(found["nodes"] * found["n_items"]),
    }
