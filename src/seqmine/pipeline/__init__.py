"""From a configuration file to a run directory.

`run_config` is the whole job; `load_config` only checks a file.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seqmine.pipeline.config import load_config
    from seqmine.pipeline.run import RunResult, run_config

__all__ = ["RunResult", "load_config", "run_config"]

_HOMES = {
    "RunResult": "seqmine.pipeline.run",
    "load_config": "seqmine.pipeline.config",
    "run_config": "seqmine.pipeline.run",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'seqmine.pipeline' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
