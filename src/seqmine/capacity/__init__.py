"""What a log of any size will take: benchmarks on this machine, and plans made of them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqmine.capacity.plan import CapacityPlan, plan_capacity
    from seqmine.capacity.spec import CapacitySpec

__all__ = ["CapacityPlan", "CapacitySpec", "plan_capacity"]

_HOMES = {
    "CapacityPlan": "seqmine.capacity.plan",
    "CapacitySpec": "seqmine.capacity.spec",
    "plan_capacity": "seqmine.capacity.plan",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'seqmine.capacity' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
