"""Run commands as processes of their own and say what they cost: wall, CPU of the process tree, peak resident set."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What one run cost. Seconds, and bytes at the peak."""

    wall: float
    cpu: float
    peak_rss: int


class RunFailed(RuntimeError):
    """A competitor's process ended with an error."""


def run(command: list[str], env: dict[str, str] | None = None) -> Cost:
    """Run a command to its end.

    Notes
    -----
    ``wait4`` gives the child's own CPU time and peak resident set, its waited-for children included.
    """
    start = time.perf_counter()
    process = subprocess.Popen(
        command, env={**os.environ, **(env or {})}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    wall = time.perf_counter() - start
    if status != 0:
        raise RunFailed(f"{command} ended with {process.returncode}:\n{output.decode(errors='replace')}")
    scale = 1 if sys.platform == "darwin" else 1024
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * scale)
