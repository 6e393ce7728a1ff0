"""Run commands as processes of their own and say what they cost: wall, CPU of the process tree, peak resident set."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path


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


def paired(commands: dict[str, list[str]], rounds: int, fresh: dict[str, Path] | None = None) -> dict[str, list[Cost]]:
    """Run every command once a round, in turn, so that a busy machine hurts all of them alike.

    ``fresh`` names, per command, an output to delete before each of its runs.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            if fresh and name in fresh:
                remove(fresh[name])
            costs[name].append(run(command))
    return costs


def remove(path: Path) -> None:
    """Delete a file or a folder of files, if it is there."""
    if path.is_dir():
        for child in path.iterdir():
            child.unlink()
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


def ratio(theirs: list[Cost], ours: list[Cost]) -> tuple[float, float, float]:
    """Median, smallest and largest of the paired wall-time ratios theirs / ours."""
    ratios = [a.wall / b.wall for a, b in zip(theirs, ours, strict=True)]
    return statistics.median(ratios), min(ratios), max(ratios)


def own_peak_rss() -> int:
    """Peak resident set of this process, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
