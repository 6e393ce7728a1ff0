"""pyarrow: types dictionary-encoded, `sort_indices` and `take`, written as Arrow IPC."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from peers import side, sorted_log


def target(job: dict[str, Any]) -> Path:
    return Path(job["out"]) / "pyarrow.arrow"


def load(job: dict[str, Any]) -> None:
    target(job).unlink(missing_ok=True)
    pa.set_cpu_count(job["threads"])
    pa.set_io_thread_count(job["threads"])


def work(job: dict[str, Any], loaded: None) -> None:
    table = pq.read_table(job["source"], read_dictionary=["event"], use_threads=job["threads"] > 1).unify_dictionaries()
    order = pc.sort_indices(table, sort_keys=[("entity", "ascending"), ("time", "ascending")])
    table = table.combine_chunks().take(order)
    with pa.OSFile(str(target(job)), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def read(job: dict[str, Any]) -> pa.Table:
    with pa.OSFile(str(target(job)), "rb") as stored:
        return pa.ipc.open_file(stored).read_all()


side.run(load, work, lambda job, _: sorted_log.compare(read(job)))
