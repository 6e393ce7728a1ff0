"""One run of one side, as a process of its own with one thread, a time limit and a memory limit."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from peers.question import OURS, Side

__all__ = ["PEERS_PYTHON", "launch"]

BENCHMARKS = Path(__file__).resolve().parents[1]
PEERS_PYTHON = BENCHMARKS.parent / "build" / "peers-venv" / "bin" / "python"
_TAIL = 300
_POLL_S = 0.25
_PATIENCE = 3


def environment(side: Side, threads: int) -> dict[str, str]:
    """The caller's, with every library we know of held to `threads`; peers never see our own import path."""
    paths = [str(BENCHMARKS)]
    if side.name == OURS and "PYTHONPATH" in os.environ:
        paths.append(os.environ["PYTHONPATH"])
    pools = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(pools, str(threads)), "PYTHONPATH": os.pathsep.join(paths)}


def launch(question: str, side: Side, job: dict[str, Any], limit_s: float | None) -> dict[str, Any]:
    """Run `side` at `question`; see `peers.race` for what comes back.

    Notes
    -----
    ``-P`` keeps a script's folder off the import path: files are named after the package that they race.
    """
    if side.needs and shutil.which(side.needs) is None:
        return {"failed": f"no {side.needs} on this machine"}
    python = sys.executable if side.name == OURS else str(PEERS_PYTHON)
    script = BENCHMARKS / "peers" / question / side.script
    told = json.dumps({**job, **side.job})
    started = time.time()
    process = subprocess.Popen(
        [python, "-P", str(script), told],
        env=environment(side, job.get("threads", 1)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
        errors="replace",
    )
    try:
        out, err = _within(process, limit_s)
    except subprocess.TimeoutExpired:
        _end(process)
        return {"failed": f"over {limit_s:.0f} s", "limit_s": limit_s}
    except BaseException:
        _end(process)
        raise
    if process.returncode < 0:
        return {"failed": f"died of {signal.Signals(-process.returncode).name}"}
    if process.returncode > 0 or not out.strip():
        last = [line for line in err.strip().splitlines() if line.strip()][-1:]
        return {"failed": f"error: {(last or ['no output'])[0][:_TAIL]}"}
    run: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    if "failed" in run:
        return run
    run["whole"] = {"wall": run.pop("ended_at") - started, "cpu": run.pop("process_cpu")}
    return run


def _within(process: subprocess.Popen[str], limit_s: float | None) -> tuple[str, str]:
    """What the side printed, if it ends within `limit_s` seconds of CPU: those of the wall depend on who else works.

    A side that only waits is given `_PATIENCE` times as many of the wall's.
    """
    if limit_s is None:
        return process.communicate()
    begun = time.monotonic()
    while True:
        try:
            return process.communicate(timeout=_POLL_S)
        except subprocess.TimeoutExpired:
            if _cpu_of_group(process.pid) > limit_s or time.monotonic() - begun > _PATIENCE * limit_s:
                raise


def _cpu_of_group(group: int) -> float:
    """CPU seconds of the processes of a group and of their children that have ended; 0 where there is no /proc."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it ended between the listing and the reading
            continue
        if int(fields[2]) == group:
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _end(process: subprocess.Popen[str]) -> None:
    """End the side and whatever it started: it leads a process group of its own."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
