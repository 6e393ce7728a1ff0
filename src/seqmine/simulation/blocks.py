"""Entities in blocks: each block is made on its own, by any thread, and comes out in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from seqmine import _native
from seqmine.simulation.build import Built
from seqmine.simulation.world import Batch, new_batch

__all__ = ["blocks"]

_ROWS = 1 << 19
_PER_EVENT = (
    "time", "code", "value", "channel", "ingested"
)  # fmt: skip
_PER_TREATED = (
    "treated_entity",
    "treated_action",
    "treated_ready",
    "treated_time",
    "treated_channel",
    "treated_worlds",
)
_PER_ASSIGNED = (
    "assigned_entity", "assigned_ready", "assigned_arm", "assigned_delay", "assigned_lost", "assigned_crossed",
    "assigned_worlds"
)  # fmt: skip
_PER_INSTANCE = ("instance_entity", "instance_plan", "instance_start", "instance_moment", "instance_ready")


def blocks(built: Built, threads: int, rows: int = _ROWS) -> Iterator[tuple[int, Batch]]:
    """Yield (first entity, batch) in order of the entities, each of about ``rows`` events.

    Where blocks begin depends on the spec and ``rows`` alone. At most two blocks a thread are held at a time.
    """
    spec = built.spec
    size = max(1, min(1 << 17, int(rows / (spec.mean_events + 8))))
    starts = iter(range(0, spec.entities, size))
    n_threads = _native.resolve_threads(threads)
    if n_threads == 1:
        for start in starts:
            yield start, live_block(built, start, min(start + size, spec.entities))
        return
    waiting: deque[tuple[int, Future[Batch]]] = deque()
    with ThreadPoolExecutor(n_threads) as pool:
        try:
            for start in starts:
                waiting.append((start, pool.submit(live_block, built, start, min(start + size, spec.entities))))
                if len(waiting) > 2 * n_threads:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            for _, future in waiting:
                future.cancel()


def live_block(built: Built, begin: int, end: int) -> Batch:
    """Return what happens to the entities [begin, end): a batch cut to size."""
    from seqmine.simulation import kernel  # numba is first imported here

    live: Any = kernel.live
    spec = built.spec
    room = int(1.2 * (end - begin) * (spec.mean_events + 8)) + 65_536
    parts: list[Batch] = []
    while begin < end:
        n = end - begin
        n_assigned = n if spec.experiment else 0
        batch = new_batch(room, n, 2 * len(spec.moments) * n, tuple(spec.columns), len(spec.actions), n_assigned)
        n_entities, *written = live(built.world, built.plans, built.actions, begin, end, batch)
        if n_entities == 0:  # one entity alone needs more
            room *= 4
            continue
        parts.append(_cut(batch, n_entities, *written))
        begin += n_entities
    return parts[0] if len(parts) == 1 else Batch(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _cut(batch: Batch, n_entities: int, n_events: int, n_instances: int, n_treated: int, n_assigned: int) -> Batch:
    sizes = dict.fromkeys(_PER_EVENT, n_events) | dict.fromkeys(_PER_INSTANCE, n_instances)
    sizes |= dict.fromkeys(_PER_TREATED, n_treated) | dict.fromkeys(_PER_ASSIGNED, n_assigned)
    # Copies, so that the room that was not needed is given back.
    columns: dict[str, Any] = batch._asdict()
    return Batch(**{name: column[: sizes.get(name, n_entities)].copy() for name, column in columns.items()})
