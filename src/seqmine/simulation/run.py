"""`simulate`: a spec in, a log and its truth out."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqmine._validate import check_threads, check_type
from seqmine.events.accounting import Accounting
from seqmine.events.data import AttributeColumn, LogData
from seqmine.events.log import EventLog
from seqmine.simulation.blocks import blocks
from seqmine.simulation.build import Built, build
from seqmine.simulation.collect import TruthBuilder
from seqmine.simulation.spec import SimulationSpec
from seqmine.simulation.tables import entity_names
from seqmine.simulation.truth import Truth
from seqmine.simulation.vocabulary import CHANNELS
from seqmine.simulation.world import Batch

__all__ = ["simulate"]


def simulate(spec: SimulationSpec | None = None, threads: int = 0) -> tuple[EventLog, Truth]:
    """Simulate a log whose truth is known.

    Parameters
    ----------
    spec
        By default ``SimulationSpec()``.
    threads
        0 for all cores. The result does not depend on it.

    Returns
    -------
    EventLog, Truth
        The log has declared starts, is observed until its end, and lacks entities that never do anything while they
        are seen. Equal specs give equal bytes on machines with the same mathematics library.

    Raises
    ------
    ParameterError
        A spec that is none, or whose moments do not fit its resolution.

    Examples
    --------
    >>> log, truth = simulate(SimulationSpec(n_entities=1_000, mean_events=40, seed=7))
    >>> log.n_entities, len(log.event_types)
    (993, 65)
    >>> truth.moment("unsolved").pattern
    'ticket_open -[2h,6h)-> help_center -[1d,3d)-> price_page'
    """
    if spec is None:
        spec = SimulationSpec()
    check_type(spec, SimulationSpec, "spec", "write sm.SimulationSpec(n_entities=10_000)")
    check_threads(threads)
    built = build(spec)
    truth = TruthBuilder(built)
    parts: list[Batch] = []
    for first, batch in blocks(built, threads):
        truth.add(first, batch)
        parts.append(batch)
    log = _log(built, parts)
    return log, truth.finish()


def _log(built: Built, parts: list[Batch]) -> EventLog:
    """Put batches together as a log. Their rows are in the log's order already, so nothing is sorted again."""
    spec = built.spec

    def joined(name: str) -> npt.NDArray[Any]:
        whole = np.concatenate([getattr(part, name) for part in parts])
        for i, part in enumerate(parts):  # so that every event is held twice in one column only
            parts[i] = part._replace(**{name: whole[:0]})
        return whole

    counts = joined("n_events")
    there = np.flatnonzero(counts)
    offsets = np.concatenate(([0], np.cumsum(counts[there])))
    repeats, born = int(joined("n_repeats").sum()), joined("born")
    time, (code, types) = joined("time"), _occurring(joined("code"), built.names)
    attributes = {}
    if "channel" in spec.columns:
        channel, names = _occurring(joined("channel"), CHANNELS)
        attributes["channel"] = AttributeColumn("dictionary", codes=channel, names=pa.array(names, pa.string()))
    if "ingested_at" in spec.columns:
        attributes["ingested_at"] = AttributeColumn("number", numbers=joined("ingested"))
    return EventLog(
        LogData(
            entity_offsets=offsets.astype(np.int64),
            time=time,
            code=code,
            value=joined("value") if "value" in spec.columns else None,
            attributes=attributes,
            entities=entity_names(there, spec.entities),
            event_types=types,
            timezone="UTC",
            declared_until=spec.origin + spec.length,
            declared_start=born[there],
            accounting=Accounting(rows_in=len(time), used=len(time), exact_duplicates_seen=repeats),
        )
    )


def _occurring(codes: npt.NDArray[Any], names: tuple[str, ...]) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """Number anew when a name does not occur, as a log has only names that do."""
    seen = np.zeros(len(names), np.bool_)
    seen[codes] = True
    if seen.all():
        return codes, names
    number = (np.cumsum(seen) - 1).astype(codes.dtype)
    return number[codes], tuple(name for name, there in zip(names, seen, strict=True) if there)
