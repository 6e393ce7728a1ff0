"""polars: the same file ordered by entity and time, types as categories, written as Arrow IPC."""

import sys

import polars as pl

source, target = sys.argv[1], sys.argv[2]
(
    pl.read_parquet(source)
    .with_columns(pl.col("event").cast(pl.Categorical))
    .sort("entity", "time", "event", maintain_order=False)
    .write_ipc(target)
)
