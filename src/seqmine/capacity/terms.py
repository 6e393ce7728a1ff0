"""What may drive a cost: the terms of the model, and how large they are in a run."""

from __future__ import annotations

import math
from collections.abc import Mapping

from seqmine.capacity.runs import Run

__all__ = ["ENTRY_BYTES", "MEMORY_EVENTS", "MEMORY_MODELS", "TIME_MODELS", "features"]

# What may drive a step's time. Sums that predict left-out runs about equally well are all kept (cost.fit_cost).
#   events: rows; ordered: rows x log2 rows;
#   ordered_pairs: the same x window occupancy (events that follow an event);
#   ordered_scanned: what the miner counts as looked at x log2 rows;
#   candidates: patterns grown x steps that can follow each.
# A search reads rows here and there, and the time for one read at random grows with the logarithm of the memory that it
# falls into: caches, then page tables (Jurkiewicz and Mehlhorn, "On a model of virtual address translation", Journal of
# Experimental Algorithmics 19, 2014). Sums of mining without that growth fit small runs as well as others do, but logs
# of ten times the size then took 20 to 55 % longer than planned, whatever their shape: they are no candidates.
TIME_MODELS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "ingest": (("one", "events"), ("one", "ordered"), ("one", "events", "ordered")),
    "label": (("one", "events"), ("one", "ordered")),
    "mine": (
        ("one", "candidates", "ordered", "ordered_pairs"),
        ("one", "candidates", "ordered", "ordered_scanned"),
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
        "ordered_pairs": ordered * found["occupancy"],
        "ordered_scanned": ordered * found["scanned_events"] * share / events,
        "candidates": float(found["nodes"] * found["n_items"]),
    }
