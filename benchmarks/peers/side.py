"""The protocol between the runner and a side: one job in (JSON, the only argument), one line of JSON out.

A side is one competitor at one question, in a process of its own. It brings three functions: `load` puts the data into
the library's own input form, `work` answers and leaves the result as the library's table, `answer` makes the result
comparable. Only `work` is raced; start-up and `load` are reported as part of the whole process. Imports nothing but
the standard library, so that it runs in any competitor's environment.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = ["CannotAnswer", "Spent", "peak_rss", "run"]

MEMORY = 14 << 30
"""Bytes that a side and each of its children may allocate, so that a peer that grows dies and not the machine."""


class CannotAnswer(Exception):
    """The competitor has no words for what is asked; raised in `load` and shown in the tables."""


@dataclass(frozen=True)
class Spent:
    """Seconds of the wall clock and of the processor (this process's threads, and its children that have ended)."""

    wall: float
    cpu: float

    @staticmethod
    def now() -> Spent:
        """Readings whose differences count."""
        own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return Spent(time.perf_counter(), sum(used.ru_utime + used.ru_stime for used in (own, children)))

    def since(self, start: Spent) -> Spent:
        """What was spent from `start` to here."""
        return Spent(self.wall - start.wall, self.cpu - start.cpu)


def peak_rss() -> int:
    """Bytes resident at the peak so far: this process or its largest ended child, whichever was larger.

    Linux's own figure for a process begins with that of the process that started it, so the status file is asked.
    """
    scale = 1 if sys.platform == "darwin" else 1024
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * scale
    status = Path("/proc/self/status")
    if not status.exists():
        return max(children, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale)
    peak = next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return max(children, int(peak) * 1024)


def run(
    load: Callable[[dict[str, Any]], Any],
    work: Callable[[dict[str, Any], Any], Any],
    answer: Callable[[dict[str, Any], Any], dict[str, Any]],
    *,
    spent: Callable[[Any], Spent] | None = None,
) -> None:
    """Load, work, answer; print what each cost.

    Parameters
    ----------
    load, work, answer
        ``load(job)``, ``work(job, loaded)`` and ``answer(job, result)``.
    spent
        For a competitor that is a process and no library: what its own clock says of the work alone.

    Notes
    -----
    The peak is read before `answer`, whose bookkeeping is the benchmark's and not the competitor's. What libraries
    print goes to the standard error stream.
    """
    line = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    job = json.loads(sys.argv[1])
    begun = Spent.now()
    try:
        loaded = load(job)
    except CannotAnswer as reason:
        print(json.dumps({"failed": f"cannot express it: {reason}"}), file=line, flush=True)
        return
    ready = Spent.now()
    result = work(job, loaded)
    done = Spent.now()
    worked = done.since(ready) if spent is None else spent(result)
    record = {
        "load": asdict(ready.since(begun)),
        "work": asdict(worked),
        "process_cpu": done.cpu,
        "ended_at": time.time(),
        "peak_rss": peak_rss(),
        "answer": answer(job, result),
    }
    print(json.dumps(record), file=line, flush=True)
