"""Logs of any size to measure on: what a run is measured with, and the file that it reads."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seqmine._text import format_duration

__all__ = ["Workload", "write_events"]

_START = 1_735_689_600_000_000  # 2025-01-01
_OBSERVED = 0.9  # of the span lies before the index; the outcome is looked for in the rest
_WANTED_SHARE = 0.2


@dataclass(frozen=True)
class Workload:
    """The shape of a log and of the question asked of it.

    Attributes
    ----------
    events, entities, types
        Counts.
    span, window
        Microseconds: from the first event to the last, and the largest gap between two steps (exclusive).
    """

    events: int
    entities: int
    types: int
    span: int
    window: int
    max_length: int = 3
    top_k: int = 100
    min_support: float = 0.01
    learn_gaps: bool = False
    seed: int = 0

    @property
    def index_time(self) -> int:
        """UTC microseconds of the one index time of all entities."""
        return _START + int(self.span * _OBSERVED)

    @property
    def ends(self) -> int:
        """UTC microseconds up to which the log is complete."""
        return _START + self.span

    @property
    def outcome(self) -> str:
        """An outcome that about a fifth of the entities have, if any type makes that possible."""
        horizon = max(1, self.span - int(self.span * _OBSERVED))
        rate = self.events / self.entities * (1.0 - _OBSERVED)
        shares = 1.0 - np.exp(-rate * _type_shares(self.types))
        kind = int(np.argmin(np.abs(shares - _WANTED_SHARE)))
        return f'exists("{_type_name(kind)}") within {format_duration(horizon)}'


def _type_shares(n_types: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    weights = 1.0 / np.arange(1, n_types + 1)  # Zipf
    return np.asarray(weights / weights.sum())


def _type_name(kind: int) -> str:
    return f"type-{kind:05}"


def write_events(workload: Workload, path: Path) -> None:
    """Write the events as a Parquet file with text ids, in the order of time, as a log that was appended to.

    Notes
    -----
    Entities differ in activity (lognormal with sigma 1, every entity at least one event), events come in sessions (two
    in five begin one, the others follow within an exponential time of 30 minutes), types follow Zipf's law. The same
    workload gives the same file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng((workload.seed, workload.events, workload.entities, workload.types))
    weights = rng.lognormal(0.0, 1.0, workload.entities)
    counts = 1 + rng.multinomial(workload.events - workload.entities, weights / weights.sum())
    entity = np.repeat(np.arange(workload.entities, dtype=np.int32), counts)
    begins = rng.random(workload.events) < 0.4
    begins[np.concatenate(([0], np.cumsum(counts)[:-1]))] = True
    session = np.cumsum(begins) - 1
    time = (rng.random(int(session[-1]) + 1) * workload.span).astype(np.int64)[session]
    time += np.where(begins, 0.0, rng.exponential(1.8e9, workload.events)).astype(np.int64)
    time = np.minimum(time, workload.span - 1) // 1000 * 1000 + _START
    cumulative = np.cumsum(_type_shares(workload.types))
    kind = np.searchsorted(cumulative, rng.random(workload.events) * cumulative[-1], side="right").astype(np.int32)
    order = np.argsort(time, kind="stable")
    digits = max(6, math.ceil(math.log10(workload.entities + 1)))
    entities: Any = pa.array(entity[order])
    kinds: Any = pa.array(np.minimum(kind[order], workload.types - 1))
    entity_names = pa.array([f"customer-{i:0{digits}}" for i in range(workload.entities)])
    type_names = pa.array([_type_name(i) for i in range(workload.types)])
    # Plain text on disk, as most writers leave it.
    table = pa.table(
        {
            "entity": pa.DictionaryArray.from_arrays(entities, entity_names).cast(pa.string()),
            "time": pa.array(time[order], pa.timestamp("us", "UTC")),
            "event": pa.DictionaryArray.from_arrays(kinds, type_names).cast(pa.string()),
        }
    )
    pq.write_table(table, path)
