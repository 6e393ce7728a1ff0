"""Simulated logs whose truth is known: what was planted, what it does, and what came of it."""

from __future__ import annotations

from seqmine.simulation.actions import EffectCurve, PlantedAction
from seqmine.simulation.confounding import Confounding
from seqmine.simulation.effects import ActionEffect, ActionTruth
from seqmine.simulation.experiment import Experiment
from seqmine.simulation.moments import PlantedMoment
from seqmine.simulation.presets import window_world
from seqmine.simulation.readout import ExperimentEffect, ExperimentTruth
from seqmine.simulation.run import simulate
from seqmine.simulation.spec import SimulationSpec
from seqmine.simulation.truth import MomentTruth, Truth
from seqmine.simulation.write import write_simulation

__all__ = [
    "ActionEffect",
    "ActionTruth",
    "Confounding",
    "EffectCurve",
    "Experiment",
    "ExperimentEffect",
    "ExperimentTruth",
    "MomentTruth",
    "PlantedAction",
    "PlantedMoment",
    "SimulationSpec",
    "Truth",
    "simulate",
    "window_world",
    "write_simulation",
]
