"""The arrays of a log as Python lists, one per entity: the input form of most peers. Needs numpy alone."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

__all__ = ["as_lists", "read"]


def read(folder: str) -> dict[str, Any]:
    """The arrays that `peers.data.write` left: ``offsets``, ``code``, ``time`` and, where there is one, ``label``."""
    with np.load(f"{folder}/rows.npz") as stored:
        return {name: stored[name] for name in stored.files}


def as_lists(offsets: Any, column: Any) -> list[list[int]]:
    """One list per entity."""
    ends, values = offsets.tolist(), column.tolist()
    return [values[begin:end] for begin, end in pairwise(ends)]
