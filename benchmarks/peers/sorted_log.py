"""What a sorted log holds, whoever wrote it: for the question of sorting and encoding."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["compare"]


def compare(table: pa.Table) -> dict[str, Any]:
    """The answer that a log sorted by entity and time is: its rows, those of one entity and time in any order.

    Raises
    ------
    ValueError
        The rows are not in that order.
    """
    entity, entities = _numbered(table["entity"])
    event, events = _numbered(table["event"])
    time = table["time"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
    same = entity[1:] == entity[:-1]
    if (entity[1:] < entity[:-1]).any() or (same & (time[1:] < time[:-1])).any():
        raise ValueError("the log is not sorted by entity and time")
    moment = np.concatenate([[0], np.cumsum(~(same & (time[1:] == time[:-1])))])
    key = moment * len(events) + event
    if (key[1:] < key[:-1]).any():
        event = event[np.argsort(key, kind="stable")]
    total = hashlib.blake2b(digest_size=16)
    for part in (entity, time, event):
        total.update(np.ascontiguousarray(part).view(np.uint8).data)
    total.update("\0".join([*entities, "", *events]).encode())
    return {"n": table.num_rows, "counts": total.hexdigest()}


def _numbered(column: pa.ChunkedArray[Any]) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Each row's place among the distinct texts in order of bytes, and those texts."""
    texts = column.cast(pa.large_string()).combine_chunks().dictionary_encode()
    order = np.array(pc.sort_indices(texts.dictionary))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank[texts.indices.to_numpy()], texts.dictionary.take(pa.array(order)).to_pylist()
