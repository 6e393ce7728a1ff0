"""Whether every side wrote the same log: entity, time and event of every row, in one order.

`python check.py SEQMINE_DIR DUCKDB_PARQUET POLARS_IPC`; exits 1 at the first difference.
"""

import sys

import polars as pl

import seqmine as sm

ours = pl.from_arrow(sm.EventLog.open(sys.argv[1]).to_arrow().select(["entity", "time", "event"]))
text = [pl.col("entity").cast(pl.String), pl.col("time").cast(pl.Int64), pl.col("event").cast(pl.String)]
ours = ours.select(text)
for path, read in ((sys.argv[2], pl.read_parquet), (sys.argv[3], pl.read_ipc)):
    theirs = read(path).select(text).sort("entity", "time", "event")
    if not ours.equals(theirs):
        print(f"{path} holds another log", file=sys.stderr)
        sys.exit(1)
print(f"equal: {ours.height} rows on every side")
