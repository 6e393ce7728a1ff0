"""Runs that nobody measured: made from known coefficients, in the form in which measured ones are stored."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from seqmine.capacity.plan import cases_for
from seqmine.capacity.runs import Case, RunSet, parse_runs
from seqmine.capacity.spec import CapacitySpec

Cost = Callable[[Case], float]

INGEST, MINE, ENTRY, BASE, HELD = 2e-7, 2e-8, 0.9, 150e6, 40.0


def planted_seconds(case: Case) -> float:
    """2e-7 s an event to ingest, 2e-8 log2(n) to mine, a tenth of which only one thread can do."""
    events = case.workload.events
    share = (1 + 0.1 * (case.threads - 1)) / case.threads
    mined = MINE * events * math.log2(events)
    return {"ingest": INGEST * events * share, "label": 1e-9 * events, "mine": mined * share}[case.step]


def planted_peak(case: Case) -> float:
    """150 MB and 40 bytes an event."""
    return BASE + HELD * case.workload.events


def stored_runs(
    spec: CapacitySpec,
    *,
    seconds: Cost = planted_seconds,
    peak: Cost = planted_peak,
    noise: float = 0.0,
    seed: int = 0,
    threads: tuple[int, ...] = (),
) -> dict[str, Any]:
    """What pytest-benchmark would have stored."""
    rng = np.random.default_rng(seed)
    cases = [case for case in cases_for(spec) if case.threads == 1]
    largest = max(case.workload.events for case in cases)
    cases += [
        Case(case.step, case.workload, n, case.rounds)
        for n in threads
        for case in cases
        if case.workload.events == largest and case.step != "label"
    ]
    rows = []
    for case in cases:
        times = [seconds(case) * math.exp(noise * rng.standard_normal()) for _ in range(case.rounds)]
        events, window = case.workload.events, case.workload.window
        found = {
            "occupancy": 2.0 * window / 3.6e9,
            "scanned_events": 20 * events,
            "nodes": 600,
            "n_items": case.workload.types,
            "n_entries": int(ENTRY * events),
        }
        extra = {"case": case.to_dict(), "cpu": times, "peak": [int(peak(case))] * case.rounds, "found": found}
        rows.append({"name": case.name, "extra_info": extra, "stats": {"data": times}})
    return {"machine_info": {"cpu": {"brand_raw": "a made machine"}}, "benchmarks": rows}


def made_runs(spec: CapacitySpec, **how: Any) -> RunSet:
    """The same, read back from its JSON."""
    return parse_runs(json.loads(json.dumps(stored_runs(spec, **how))), "made")
