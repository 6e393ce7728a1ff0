"""Columns of the simulation's tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqmine.events.data import names_array
from seqmine.simulation.world import NEVER

__all__ = ["entity_names", "micros", "timestamps"]

Int64 = npt.NDArray[np.int64]


def entity_names(numbers: Int64, n_entities: int) -> pa.Array[Any]:
    """Return the ids of entities: ``e`` and their number with leading zeros, so that byte order is their order."""
    width = max(6, len(str(n_entities - 1)))
    text = np.empty((len(numbers), width + 1), np.uint8)
    text[:, 0] = ord("e")
    rest = np.asarray(numbers, np.int64).copy()
    for column in range(width, 0, -1):
        text[:, column] = ord("0") + rest % 10
        rest //= 10
    offsets = np.arange(len(numbers) + 1, dtype=np.int64) * (width + 1)
    array: pa.Array[Any] = names_array((offsets, text.reshape(-1)))
    return array


def timestamps(us: Int64) -> pa.Array[Any]:
    """Return UTC timestamps; null for what never happens."""
    never = us >= NEVER
    filled = np.where(never, 0, us)
    return pa.array(filled, pa.int64(), mask=never if never.any() else None).cast(pa.timestamp("us", "UTC"))


def micros(stamps: Any) -> Int64:
    """Return timestamps as microseconds, the inverse of `timestamps`: NEVER for null."""
    return np.asarray(stamps.cast(pa.int64()).fill_null(NEVER).to_numpy(zero_copy_only=False), np.int64)
