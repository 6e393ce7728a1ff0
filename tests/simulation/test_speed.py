"""A floor under the speed, far below what an idle machine does (docs/simulation.md has the figures)."""

from __future__ import annotations

import dataclasses
import time

import pytest

import seqmine as sm
from seqmine.simulation import window_world


@pytest.mark.timing
@pytest.mark.parametrize(
    ("spec", "floor"),
    [
        (sm.SimulationSpec(n_events=1_000_000, branching=0.2), 3e6),
        (window_world(50_000), 2e6),  # of 20 events each, with three worlds of everyone who was called
    ],
    ids=["plain", "actions"],
)
def test_ten_million_events_take_minutes_at_most(spec: sm.SimulationSpec, floor: float) -> None:
    """The log included, in processor time of one thread, compiled code excluded: events a minute."""
    sm.simulate(dataclasses.replace(spec, n_entities=10, n_events=None), threads=1)
    best = 0.0
    for _ in range(2):
        begin = time.process_time()
        log, _ = sm.simulate(spec, threads=1)
        best = max(best, log.n_events / (time.process_time() - begin) * 60)
    assert best > floor
