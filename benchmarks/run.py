"""Measure seqmine alone: `make bench`. The races against others are `make bench-peers`.

The large real log with one thread and two; the memory of searches on 20 million events; what a second thread gives.

What is found is stored under build/bench, and docs/benchmarks.md is written from there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import page
from peers.data import SHARED
from peers.run import questions

MINING = Path(__file__).resolve().parent / "mining"
MEMORY = (
    "frequent",
    "frequent, max_gap",
    "frequent, max_gap and max_span",
    "labelled, fixed gaps",
    "labelled, learned gaps",
    "frequent, 10 %",
    "labelled, fixed gaps, length 5",
    "labelled, learned gaps, length 3",
    "frequent, 3 %",
)
LONG = (
    "frequent, 3 %",
    "frequent, max_gap, 0.5 %",
    "labelled, fixed gaps, length 3",
    "labelled, learned gaps, length 3",
)


def run(script: str, *arguments: object) -> dict[str, Any]:
    command = [sys.executable, str(MINING / script), *map(str, arguments)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print(found, flush=True)
    return found


def threaded(rounds: int, script: str, *arguments: object, after: tuple[object, ...] = ()) -> list[dict[str, Any]]:
    """Runs with one thread and with two, in turn; the results must be equal."""
    # Each pair in the other order: a machine that grows slower or faster favours neither.
    orders = [(1, 2), (2, 1)]
    runs = [run(script, *arguments, threads, *after) for i in range(rounds) for threads in orders[i % 2]]
    if len({found["digest"] for found in runs}) != 1:
        raise SystemExit(f"{script} {arguments}: the result depends on the number of threads")
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("oulad", "memory", "threads"))
    args = parser.parse_args()
    work = page.OWN.parent
    work.mkdir(parents=True, exist_ok=True)
    stored = json.loads(page.OWN.read_text()) if page.OWN.exists() else {}
    if args.only in (None, "oulad"):
        if (SHARED / "oulad").is_dir():
            stored["oulad"] = threaded(args.rounds, "oulad.py", SHARED / "oulad")
        else:
            print(f"left out: oulad is not in {SHARED.name}")
    if args.only in (None, "memory"):
        stored["memory"] = [run("case.py", case, 1, work) for case in MEMORY]
    if args.only in (None, "threads"):
        stored["threads"] = {case: threaded(args.rounds, "case.py", case, after=(work,)) for case in LONG}
    page.OWN.write_text(json.dumps(stored, indent=1))
    page.write(questions())


if __name__ == "__main__":
    main()
