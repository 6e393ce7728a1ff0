"""A floor under the speed, far below what an idle machine does (docs/simulation.md has the figures)."""

from __future__ import annotations

import time

import pytest

import seqmine as sm


@pytest.mark.timing
def test_ten_million_events_take_minutes_at_most() -> None:
    """The log included, in processor time of one thread, compiled code excluded: at least 3 million events a minute."""
    sm.simulate(sm.SimulationSpec(n_entities=10), threads=1)
    best = 0.0
    for _ in range(2):
        begin = time.process_time()
        log, _ = sm.simulate(sm.SimulationSpec(n_events=1_000_000, branching=0.2), threads=1)
        best = max(best, log.n_events / (time.process_time() - begin) * 60)
    assert best > 3e6
