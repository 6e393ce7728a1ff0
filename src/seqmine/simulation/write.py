"""A simulated world as files, block by block: what is held in memory does not grow with the log."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqmine._files import atomic_directory
from seqmine._text import did_you_mean
from seqmine._validate import check_threads, check_type
from seqmine.errors import ParameterError, UnsafePath
from seqmine.simulation.blocks import blocks
from seqmine.simulation.build import Built, build
from seqmine.simulation.collect import TruthBuilder
from seqmine.simulation.schemas import tables_of
from seqmine.simulation.spec import SimulationSpec
from seqmine.simulation.tables import entity_names, timestamps
from seqmine.simulation.truth import TRUTH, Truth
from seqmine.simulation.vocabulary import CHANNELS
from seqmine.simulation.world import Batch

__all__ = ["EVENTS", "ORDERS", "write_simulation"]

ORDERS: Final = ("entity", "arrival")
EVENTS: Final = "events.parquet"
_BUCKET_ROWS: Final = 1_000_000
_MAX_BUCKETS: Final = 256  # each is an open file until the last block is made
_DICTIONARY_BYTES: Final = 1 << 19
_DAY: Final = 86_400_000_000

Rows = npt.NDArray[np.void]


def write_simulation(
    spec: SimulationSpec,
    path: str | os.PathLike[str],
    *,
    order: str = "entity",
    force: bool = False,
    threads: int = 0,
) -> Truth:
    """Simulate into a new directory.

    Parameters
    ----------
    spec
        What to simulate.
    path
        The directory, which appears whole or not at all. It holds ``events.parquet`` (``entity``, ``time``, ``event``
        and the spec's columns), ``entities.parquet``, ``outcomes.parquet``, ``instances.parquet`` and ``truth.json``.
    order
        ``"entity"``: by (entity, time), as the log is. ``"arrival"``: by ``ingested_at``, so that entities are mixed
        and late events stand where they came in. The events are the same.
    force
        Whether a simulation that is there already is replaced. Anything else there is never replaced.
    threads
        0 for all cores. The files do not depend on it.

    Returns
    -------
    Truth
        Without its tables, which may not fit memory: `Truth.read` loads them.

    Raises
    ------
    ParameterError
        A spec that is none, or an unknown order.
    OutputExists, UnsafePath, OutputError
        Nothing was written; what was there is as it was.
    """
    check_type(spec, SimulationSpec, "spec", "write sm.SimulationSpec(n_entities=10_000)")
    check_threads(threads)
    if order not in ORDERS:
        near = did_you_mean(str(order), ORDERS)
        hint = f"did you mean {near!r}?" if near else "orders are " + ", ".join(ORDERS)
        raise ParameterError(f"order: {order!r} is none of those known", hint=hint)
    built, schemas = build(spec), tables_of(spec)
    with atomic_directory(path, force=force, check=_refuse_foreign) as folder, contextlib.ExitStack() as stack:
        builder = TruthBuilder(built)
        writers = {name: stack.enter_context(_writer(folder / f"{name}.parquet", schemas[name])) for name in schemas}
        write = stack.enter_context(_sorted(built, folder) if order == "entity" else _arriving(built, folder))
        for first, batch in blocks(built, threads):
            for name, table in builder.add(first, batch, keep=False).items():
                writers[name].write_table(table)
            write(first, batch)
        stack.close()  # the files are complete before the truth says so
        truth = builder.finish()
        (folder / TRUTH).write_bytes(truth.to_json().encode())
    return truth


def _refuse_foreign(folder: Path) -> None:
    """Only a simulation is replaced, so that a mistyped path never deletes somebody's files."""
    if any(folder.iterdir()) and not (folder / TRUTH).is_file():
        raise UnsafePath(
            "the directory exists and is no simulation, so it is not replaced", file=str(folder), hint="use a new path"
        )


def _writer(path: Path, schema: pa.Schema, **options: Any) -> Any:
    import pyarrow.parquet as pq

    return pq.ParquetWriter(path, schema, version="2.6", compression="zstd", compression_level=1, **options)


# --- events -----------------------------------------------------------------------------------------------------------


def _events_writer(spec: SimulationSpec, folder: Path, *, mixed: bool) -> Any:
    """Open the file of events; ``mixed`` says that its row groups have events of all entities.

    Parquet gives a dictionary up where its names fill 1 MiB, and goes on plain. A column that is plain from the start
    is no larger then, and an ingest of 100 M events takes two thirds of the time. Arrow's own schema is left out: it
    would have every reader make a dictionary again, of a million names.
    """
    schema = _schema(spec)
    text = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    size = len(entity_names(np.zeros(1, np.int64), spec.entities)[0].as_py()) + 4  # of a name
    if mixed and spec.entities * size > _DICTIONARY_BYTES:
        text.remove("entity")
    return _writer(folder / EVENTS, schema, use_dictionary=text, store_schema=False)


def _schema(spec: SimulationSpec) -> pa.Schema:
    text = pa.dictionary(pa.int32(), pa.string())
    fields: list[tuple[str, Any]] = [("entity", text), ("time", pa.timestamp("us", "UTC")), ("event", text)]
    kinds = {"value": pa.float64(), "channel": text, "ingested_at": pa.int64()}
    return pa.schema(fields + [(name, kinds[name]) for name in spec.columns])


def _table(built: Built, numbers: npt.NDArray[np.int64], entity: npt.NDArray[Any], rows: Any) -> pa.Table:
    """Return events as a table; ``entity`` points into the ``numbers`` of the entities."""

    def text(codes: npt.NDArray[Any], names: Any) -> pa.Array[Any]:
        return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), names)

    names = entity_names(numbers, built.spec.entities)
    columns: dict[str, Any] = {
        "entity": text(entity, names),
        "time": timestamps(rows["time"]),
        "event": text(rows["code"], pa.array(built.names, pa.string())),
    }
    if "value" in built.spec.columns:
        columns["value"] = pa.array(rows["value"], from_pandas=True)  # NaN is null
    if "channel" in built.spec.columns:
        columns["channel"] = text(rows["channel"], pa.array(CHANNELS, pa.string()))
    if "ingested_at" in built.spec.columns:
        columns["ingested_at"] = pa.array(rows["ingested"].astype(np.int64))
    return pa.table(columns, schema=_schema(built.spec))


@contextlib.contextmanager
def _sorted(built: Built, folder: Path) -> Iterator[Callable[[int, Batch], None]]:
    """Write each block's events as they come: one row group a block."""
    with _events_writer(built.spec, folder, mixed=False) as writer:

        def write(first: int, batch: Batch) -> None:
            there = np.flatnonzero(batch.n_events)
            entity = np.repeat(np.arange(len(there)), batch.n_events[there])
            writer.write_table(_table(built, first + there, entity, batch._asdict()))

        yield write


@contextlib.contextmanager
def _arriving(built: Built, folder: Path) -> Iterator[Callable[[int, Batch], None]]:
    """Deal events out to buckets by arrival time, on disk; then sort and write one bucket after the other."""
    spec = built.spec
    kinds = {"value": np.float64, "channel": np.int32, "ingested_at": np.float64}
    fields: list[tuple[str, Any]] = [
        ("arrival", np.int64),
        ("number", np.int64),
        ("time", np.int64),
        ("code", np.uint16),
    ]
    fields += [("ingested" if name == "ingested_at" else name, kinds[name]) for name in spec.columns]
    layout = np.dtype(fields)
    expected = spec.entities * spec.mean_events
    n_buckets = int(min(_MAX_BUCKETS, spec.days, max(1, expected // _BUCKET_ROWS)))
    edges = spec.origin + np.linspace(0, spec.days, n_buckets + 1).astype(np.int64)[1:-1] * _DAY
    with contextlib.ExitStack() as stack:
        spill = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".spill.", dir=folder)))
        streams = [stack.enter_context((spill / str(i)).open("wb")) for i in range(n_buckets)]

        def write(first: int, batch: Batch) -> None:
            rows = np.empty(len(batch.time), layout)
            rows["number"] = np.repeat(np.arange(first, first + len(batch.n_events)), batch.n_events)
            for name in layout.names[2:] if layout.names else ():
                rows[name] = getattr(batch, name)
            rows["arrival"] = batch.ingested if "ingested_at" in spec.columns else batch.time
            bucket = np.searchsorted(edges, rows["arrival"], side="right")
            order = np.argsort(bucket, kind="stable")
            ends = np.cumsum(np.bincount(bucket, minlength=n_buckets))
            rows = rows[order]
            for i, stream in enumerate(streams):
                rows[ends[i - 1] if i else 0 : ends[i]].tofile(stream)

        yield write
        with _events_writer(spec, folder, mixed=True) as writer:
            for i, stream in enumerate(streams):
                stream.close()
                # Blocks come in order of the entities, so equal arrivals stay in order of (entity, time, event).
                rows = np.fromfile(spill / str(i), layout)
                (spill / str(i)).unlink()
                rows = rows[np.argsort(rows["arrival"], kind="stable")]
                numbers, entity = np.unique(rows["number"], return_inverse=True)
                writer.write_table(_table(built, numbers, entity, rows))
