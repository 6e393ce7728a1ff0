"""Measure seqmine alone on the large real log: `make bench`. The races against others are `make bench-peers`.

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

SCRIPT = Path(__file__).resolve().parent / "mining" / "oulad.py"


def oulad(rounds: int) -> list[dict[str, Any]]:
    """Mining with one thread and with two, in turn; the results must be equal."""
    runs = []
    for _ in range(rounds):
        for threads in (1, 2):
            command = [sys.executable, str(SCRIPT), str(SHARED / "oulad"), str(threads)]
            runs.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    if len({run["digest"] for run in runs}) != 1:
        raise SystemExit("oulad: the result depends on the number of threads")
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    if (SHARED / "oulad").is_dir():
        page.OWN.parent.mkdir(parents=True, exist_ok=True)
        page.OWN.write_text(json.dumps({"oulad": oulad(args.rounds)}, indent=1))
    else:
        print(f"left out: oulad is not in {SHARED.name}")
    page.write(questions())


if __name__ == "__main__":
    main()
