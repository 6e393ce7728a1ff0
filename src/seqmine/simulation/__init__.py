"""Simulated logs whose truth is known: what was planted, what it does, and what came of it."""

from __future__ import annotations

from seqmine.simulation.moments import PlantedMoment
from seqmine.simulation.run import simulate
from seqmine.simulation.spec import SimulationSpec
from seqmine.simulation.truth import MomentTruth, Truth
from seqmine.simulation.write import write_simulation

__all__ = ["MomentTruth", "PlantedMoment", "SimulationSpec", "Truth", "simulate", "write_simulation"]
