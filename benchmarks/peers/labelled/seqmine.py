"""seqmine: `mine` on labelled rows, the result as a pyarrow table."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

import seqmine as sm
from peers import side


def load(job: dict[str, Any]) -> tuple[sm.EventLog, sm.Labels]:
    assert sm.mine  # our lazy imports are start-up
    log = sm.EventLog.open(f"{job['folder']}/log")
    return log, sm.Labels.from_arrow(pq.read_table(f"{job['folder']}/labels.parquet"))


def work(job: dict[str, Any], loaded: tuple[sm.EventLog, sm.Labels]) -> pa.Table:
    options = sm.MinerOptions(
        max_length=job["max_length"],
        min_gap=timedelta(seconds=job["gap"][0]),
        max_gap=timedelta(seconds=job["gap"][1], microseconds=1),
        min_support=job["min_support"],
        top_k=job["top_k"],
        learn_gaps=False,
        redundancy=job["redundancy"],
        threads=job["threads"],
    )
    return sm.mine(*loaded, options).to_arrow()


def leave(job: dict[str, Any], table: pa.Table) -> dict[str, Any]:
    """The table goes to the judge by way of a file."""
    columns = table.select(["pattern", "n_matched", "n_positive", "score", "direction"])
    Path(job["found"]).write_text(json.dumps(columns.to_pylist()))
    return {"n": table.num_rows}


side.run(load, work, leave)
