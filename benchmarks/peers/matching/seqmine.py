"""seqmine: `count` and `find` on an opened log."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

import seqmine as sm
from peers import answer, side


def load(job: dict[str, Any]) -> sm.EventLog:
    """Open, and answer once, so that mapped columns are in memory: the other tables are preloaded too."""
    log = sm.EventLog.open(f"{job['folder']}/log")
    work(job, log)
    return log


def pattern(job: dict[str, Any]) -> str:
    """The text; inclusive whole seconds become half open."""
    text = f"e{job['steps'][0]}"
    for step, (lo, hi) in zip(job["steps"][1:], job["gaps"], strict=True):
        text += f" -[{lo}s,{'inf' if hi is None else f'{hi * 1_000_000 + 1}us'})-> e{step}"
    return text if job["span"] is None else f"{text} span < {job['span'] * 1_000_000 + 1}us"


def work(job: dict[str, Any], log: sm.EventLog) -> pa.Table:
    if job["ask"] == "count":
        return sm.count(log, pattern(job), threads=job["threads"])
    return sm.find(log, pattern(job), threads=job["threads"])


def compare(job: dict[str, Any], table: pa.Table) -> dict[str, Any]:
    if job["ask"] == "count":
        return answer.of_count(table["n_matched"][0].as_py())
    entity = [int(name[1:]) for name in table["entity"].to_pylist()]
    time = pc.divide(table["moment_time"].cast(pa.int64()), 1_000_000).to_pylist()
    return answer.of_located(zip(entity, time, strict=True))


side.run(load, work, compare)
