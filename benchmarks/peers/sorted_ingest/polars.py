"""polars: ordered by entity and time, types as categories, written as Arrow IPC. Its threads are set by the runner."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from peers import side, sorted_log


def target(job: dict[str, Any]) -> Path:
    return Path(job["out"]) / "polars.arrow"


def work(job: dict[str, Any], loaded: None) -> None:
    (
        pl.read_parquet(job["source"])
        .with_columns(pl.col("event").cast(pl.Categorical))
        .sort("entity", "time", maintain_order=False)
        .write_ipc(target(job))
    )


side.run(
    lambda job: target(job).unlink(missing_ok=True),
    work,
    lambda job, _: sorted_log.compare(pl.read_ipc(target(job)).to_arrow()),
)
