"""Worlds that several tests look at."""

from __future__ import annotations

import pytest

import seqmine as sm
from seqmine.simulation import Truth

World = tuple[sm.EventLog, Truth]


@pytest.fixture(scope="session")
def world() -> World:
    """Everything at once: moments, twins, late and doubled events."""
    return sm.simulate(sm.SimulationSpec(n_entities=3_000, mean_events=60, seed=3, duplicate_share=0.01), threads=1)


@pytest.fixture(scope="session")
def bare() -> World:
    """Hardly any background: what is there was planted."""
    spec = sm.SimulationSpec(n_entities=6_000, mean_events=0.01, proxy_share=0, seed=5, born_share=0.2)
    return sm.simulate(spec, threads=1)
