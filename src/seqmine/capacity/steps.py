"""One step of the work in a process of its own: ``python -m seqmine.capacity.steps REQUEST``.

A fresh process has a peak of memory of its own, and nothing left over from the runs before. The request is JSON on the
command line, the answer one line of JSON.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seqmine.capacity.workload import Workload, write_events
from seqmine.errors import InternalError, SeqmineError

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import Labels

__all__ = ["STEPS", "run_step"]

# In the order in which they happen. `write` makes the input and is not measured.
STEPS = ("ingest", "label", "mine")


def run_step(step: str, workload: Workload, folder: Path, threads: int) -> dict[str, Any]:
    """Run one step in a fresh process.

    Returns
    -------
    dict
        ``wall`` and ``cpu`` (seconds of the step alone), ``peak`` (bytes of the whole process), ``answer`` (a digest of
        what came out: the same for any number of threads), and what the step found out about its work.
    """
    request = json.dumps({"step": step, "workload": asdict(workload), "folder": str(folder), "threads": threads})
    done = subprocess.run(
        [sys.executable, "-m", "seqmine.capacity.steps", request], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise InternalError(f"measuring {step} failed: {said[-1] if said else f'exit code {done.returncode}'}")
    answer: dict[str, Any] = json.loads(done.stdout)
    if "refused" in answer:
        from seqmine import errors

        raise getattr(errors, answer["refused"])(answer["message"], hint=answer["hint"])
    return answer


def _timed(work: Callable[[], Any]) -> tuple[Any, dict[str, Any]]:
    """Run the work once: pages that are touched for the first time are a cost of large logs too."""
    before, began = time.process_time(), time.perf_counter()
    found = work()
    wall, cpu = time.perf_counter() - began, time.process_time() - before
    return found, {"wall": wall, "cpu": cpu, "peak": _peak()}


def _instant(time: int) -> str:
    return f"{np.datetime64(time, 'us')}Z"


def _peak() -> int:
    """Peak resident set of this process, bytes."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        import resource

        # Where there is no /proc. On Linux this figure would include what the parent held when it forked.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _ingest(workload: Workload, folder: Path, threads: int) -> dict[str, Any]:
    from seqmine.events import EventLog

    target = folder / "log"

    def work() -> EventLog:
        log = EventLog.read(folder / "events.parquet", observed_until=_instant(workload.ends), threads=threads)
        log.save(target, overwrite=True)
        return log

    log, cost = _timed(work)
    return {**cost, "answer": log.digest, "input_bytes": (folder / "events.parquet").stat().st_size}


def _open_and_label(workload: Workload, folder: Path, threads: int) -> tuple[EventLog, Labels]:
    from seqmine.events import EventLog
    from seqmine.labels import Outcome, Study, label

    log = EventLog.open(folder / "log")
    return log, label(log, Study(Outcome(workload.outcome), at=_instant(workload.index_time)), threads=threads)


def _label(workload: Workload, folder: Path, threads: int) -> dict[str, Any]:
    (_, labels), cost = _timed(lambda: _open_and_label(workload, folder, threads))
    counted = {"n_rows": labels.n_rows, "n_positive": labels.n_positive}
    return {**cost, "answer": json.dumps(counted), **counted}


def _mine(workload: Workload, folder: Path, threads: int) -> dict[str, Any]:
    from seqmine.mining import MinerOptions, mine

    log, labels = _open_and_label(workload, folder, threads)
    options = MinerOptions(
        max_length=workload.max_length,
        max_gap=f"{workload.window}us",
        min_support=max(1, round(workload.min_support * labels.n_rows)),
        top_k=workload.top_k,
        learn_gaps=workload.learn_gaps,
        threads=threads,
    )
    result, cost = _timed(lambda: mine(log, labels, options))
    digest = hashlib.blake2b(digest_size=8)
    for row in result.to_arrow().to_pylist():
        digest.update(json.dumps(row).encode())
    stats = {name: result.stats[name] for name in ("nodes", "scanned_events", "n_items", "n_entries")}
    return {
        **cost,
        "answer": digest.hexdigest(),
        "n_patterns": result.to_arrow().num_rows,
        "occupancy": _occupancy(log, workload.window),
        **stats,
    }


def _occupancy(log: EventLog, window: int) -> float:
    """Mean number of events of the same entity that follow an event within the window."""
    if log.n_events == 0:
        return 0.0
    # In ticks so coarse that entity and time fit one 64-bit number: one sorted column for one binary search.
    length = int(log.time.max() - log.time.min()) + window + 1
    tick = max(1, -(-length * log.n_entities // 2**62))
    stride = length // tick + 2
    key = np.repeat(np.arange(log.n_entities, dtype=np.int64) * stride, np.diff(log.entity_offsets))
    key += (log.time - log.time.min()) // tick
    reached = np.searchsorted(key, key + max(1, window // tick), side="left")
    return float((reached - np.arange(log.n_events) - 1).mean())


def _warm_up(folder: Path) -> None:
    """Go through every step once on next to nothing: what a process loads on first use is no cost of the work."""
    tiny = Workload(events=60, entities=20, types=3, span=10 * 86_400_000_000, window=86_400_000_000, min_support=0.1)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        write_events(tiny, Path(scratch) / "events.parquet")
        for step in (_ingest, _label, _mine):
            step(tiny, Path(scratch), 1)


def _write(workload: Workload, folder: Path, threads: int) -> dict[str, Any]:
    write_events(workload, folder / "events.parquet")
    return {"wall": 0.0, "cpu": 0.0, "answer": ""}


def main(request: str) -> None:
    """Run what the request says and print the answer."""
    asked = json.loads(request)
    step = {"write": _write, "ingest": _ingest, "label": _label, "mine": _mine}[asked["step"]]
    answer: Mapping[str, Any]
    try:
        if asked["step"] != "write":
            _warm_up(Path(asked["folder"]))
        answer = step(Workload(**asked["workload"]), Path(asked["folder"]), asked["threads"])
    except SeqmineError as error:
        answer = {"refused": type(error).__name__, "message": error.message, "hint": error.hint}
    sys.stdout.write(json.dumps({"peak": _peak(), **answer}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
