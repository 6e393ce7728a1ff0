"""A Parquet log with text ids, sorted by entity and time with types encoded, on disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from peers.question import OURS, Case, Question, Side

__all__ = ["QUESTION"]


def _prepare(case: Case, work: Path) -> dict[str, Any]:
    source = work / f"log-{case.log}.parquet"
    if not source.exists():
        script = Path(__file__).with_name("source.py")
        part = source.with_suffix(".part")
        work.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-P", str(script), str(part), "--rows", case.log], check=True)
        part.replace(source)
    out = work / "sorted"
    out.mkdir(exist_ok=True)
    return {"source": str(source), "out": str(out)}


def _memory(records: dict[str, Any]) -> list[str]:
    """Whether ours is the leanest, case by case."""
    lines = []
    for name, record in records.items():
        peaks = {side: run["peak_rss"] >> 20 for side, run in record["screening"].items() if "peak_rss" in run}
        others = {side: peak for side, peak in peaks.items() if side != OURS}
        if OURS in peaks and others:
            leanest = min(others, key=lambda side: others[side])
            said = "met" if peaks[OURS] <= others[leanest] else "MISSED"
            lines.append(
                f"Peak memory on {name}: {peaks[OURS]:,} MiB, the leanest other side, {leanest}, "
                f"{others[leanest]:,} MiB; no more than the leanest: {said}."
            )
    return lines


QUESTION = Question(
    name="sorted_ingest",
    title="Sort and encode a Parquet log",
    about=(
        "From a Parquet file in order of time, with text ids, 500,000 entities and 50 types, to a file or folder on "
        "disk that is sorted by entity and time and has its types encoded. The work is all of it, reading and writing "
        "included. Every side's output is read back and compared; rows of one entity at one time may come in any order."
    ),
    cases=(
        Case("2m", "2000000", {}, heavy=False),
        Case("20m", "20000000", {}),
        Case("20m-two-threads", "20000000", {"threads": 2}, heavy=False),
    ),
    sides=(Side("duckdb", "duckdb.py"), Side("polars", "polars.py"), Side("pyarrow", "pyarrow.py")),
    prepare=_prepare,
    limit_s=150.0,
    least_mean=1.5,
    least_each=1.5,
    notes=_memory,
)
