"""seqmine: read the Parquet log and save it, which sorts by entity and time and encodes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import seqmine as sm
from peers import side, sorted_log


def target(job: dict[str, Any]) -> Path:
    return Path(job["out"]) / "seqmine-log"


def work(job: dict[str, Any], loaded: None) -> None:
    log = sm.EventLog.read(job["source"], entity="entity", time="time", event="event", threads=job["threads"])
    log.save(target(job))


side.run(
    lambda job: shutil.rmtree(target(job), ignore_errors=True),
    work,
    lambda job, _: sorted_log.compare(sm.EventLog.open(target(job)).to_arrow()),
)
