"""What may drive a cost: the terms of the model, and how large they are in a run."""

from __future__ import annotations

import math
from collections.abc import Mapping

from seqmine.capacity.machine import caches
from seqmine.capacity.runs import Run

__all__ = ["ENTRY_BYTES", "MEMORY_EVENTS", "MEMORY_MODELS", "TIME_MODELS", "features", "growth"]

# What may drive a step's time. Sums that predict left-out runs about equally well are all kept (cost.fit_cost).
#   events: rows; ordered: rows x log2 rows;
#   uncached: rows x log2 of how often a core's own cache holds what the miner reads (none where it fits);
#   pairs: rows x window occupancy (events that follow an event); ordered_pairs: that x log2 rows;
#   scanned: what the miner counts as looked at; ordered_scanned: that x log2 rows;
#   candidates: patterns grown x steps that can follow each.
# A search reads rows here and there, and the time for one read at random grows with the logarithm of the memory that it
# falls into: caches, then page tables (Jurkiewicz and Mehlhorn, "On a model of virtual address translation", Journal of
# Experimental Algorithmics 19, 2014). Sums of mining without that growth fit small runs as well as others do, but logs
# of ten times the size then took 20 to 55 % longer than planned, whatever their shape: they are no candidates. Counted
# from the first byte (ordered) or from the edge of the cache (uncached), truth lies between the two on most shapes.
TIME_MODELS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "ingest": (("one", "events"), ("one", "ordered"), ("one", "events", "ordered")),
    "label": (("one", "events"), ("one", "ordered")),
    "mine": (
        ("one", "candidates", "ordered", "ordered_pairs"),
        ("one", "candidates", "ordered", "ordered_scanned"),
        ("one", "candidates", "events", "uncached", "pairs"),
        ("one", "candidates", "events", "uncached", "scanned"),
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
    ordered = events * math.log2(max(2, events))
    return {
        "one": 1.0,
        "events": float(events),
        "batch": float(min(events, _BATCH_ROWS)),
        "ordered": ordered,
        "uncached": events * math.log2(1.0 + ENTRY_BYTES * found["n_entries"] * share / caches().own),
        "pairs": events * found["occupancy"],
        "ordered_pairs": ordered * found["occupancy"],
        "scanned": found["scanned_events"] * share,
        "ordered_scanned": found["scanned_events"] * share * math.log2(max(2, events)),
        "candidates": float(found["nodes"] * found["n_items"]),
    }


def growth(terms: tuple[str, ...]) -> frozenset[str]:
    """By which law a sum of these terms makes one row dearer in a larger log: sums with the same law grow alike."""
    return frozenset(terms) & {"events", "ordered", "uncached"}
