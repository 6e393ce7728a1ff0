"""What a simulation is, and what it is held to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

Measures = dict[str, list[float]]


@dataclass(frozen=True)
class Gate:
    """A measure of a simulation against its target. `relation` is ``<=``, ``>=`` or ``within`` (target +- width)."""

    measure: str
    words: str
    relation: str
    target: float
    width: float = 0.0
    median: bool = False


@dataclass(frozen=True)
class Simulation:
    """`n_runs` runs of one function, told in `words`."""

    name: str
    words: str
    run: Callable[..., Measures]
    n_runs: int
    gates: tuple[Gate, ...]
    arguments: dict[str, Any] = field(default_factory=dict)
