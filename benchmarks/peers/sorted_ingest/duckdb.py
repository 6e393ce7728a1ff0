"""duckdb: ordered by entity and time, types dictionary-encoded by its Parquet writer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from peers import side, sorted_log


def target(job: dict[str, Any]) -> Path:
    return Path(job["out"]) / "duckdb.parquet"


def work(job: dict[str, Any], loaded: None) -> None:
    connection = duckdb.connect()
    connection.execute(f"SET threads = {job['threads']}")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute(
        f"COPY (SELECT entity, time, event FROM read_parquet('{job['source']}') ORDER BY entity, time) "
        f"TO '{target(job)}' (FORMAT parquet, COMPRESSION uncompressed)"
    )


side.run(
    lambda job: target(job).unlink(missing_ok=True),
    work,
    lambda job, _: sorted_log.compare(pq.read_table(target(job))),
)
