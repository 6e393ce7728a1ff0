"""Run the long form of every property, side by side, and write what was proved into docs/proofs.md.

`make proofs` calls it. A failure prints hypothesis' report and leaves the page as it was.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import seqmine

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "proofs.md"
PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
COUNT = re.compile(r"(\d+) passing, (\d+) failing, and (\d+) invalid test cases")
SUBJECTS = {
    "test_find_long": "`find`, first and all occurrences, every operator, against the oracle",
    "test_count_long": "`count` with and without labels against the oracle",
    "test_labels_long": "`label`: every outcome, index and reason of exclusion, against the oracle",
    "test_mine_long": "`mine` with fixed gaps: the whole table, exactly, against the oracle",
    "test_learned_long": "`mine` with learned gaps: every reported count, recounted by the oracle",
    "test_best_gap_long": "`mine` with learned gaps, two steps: no interval of bins scores higher",
    "test_frequent_long": "`mine_frequent`, all and closed, every limit, against the oracle",
    "test_log_long": "`EventLog`: order, accounting, duplicates, bad rows, saved and opened",
    "test_order_and_splits_long": "the same bytes for any row order, chunking and file split",
    "test_threads_of_matching_long": "`find` and `count`: the same bytes for 1, 2, 4 and 8 threads",
    "test_threads_of_frequent_long": "`mine_frequent`: the same bytes for 1, 2, 4 and 8 threads",
    "test_threads_of_mine_long": "`mine`: the same bytes for 1, 2, 4 and 8 threads",
}


@dataclass(frozen=True)
class Proof:
    """One property, run whole."""

    name: str
    n_passed: int
    seconds: float
    output: str
    ok: bool


def prove(test: str) -> Proof:
    """Run one long test in a process of its own."""
    began = time.perf_counter()
    done = subprocess.run(
        [*PYTEST, "--hypothesis-show-statistics", "-q", test], cwd=ROOT, capture_output=True, text=True, check=False
    )
    counts = [tuple(map(int, found)) for found in COUNT.findall(done.stdout)]
    n_passed, n_failed = (sum(column) for column in list(zip(*counts, strict=True))[:2]) if counts else (0, 0)
    name = test.rpartition("::")[2]
    seconds = time.perf_counter() - began
    ok = done.returncode == 0 and n_passed > 0 and n_failed == 0
    print(f"    {name}: {n_passed:,} examples, {'all equal' if ok else 'FAILED'}, {seconds:,.0f} s", flush=True)
    return Proof(name, n_passed, seconds, done.stdout + done.stderr, ok)


def page(proofs: list[Proof]) -> str:
    """The page of results."""
    total = sum(proof.n_passed for proof in proofs)
    head = ["git", "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(head, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    machine = f"Python {platform.python_version()} on {platform.machine()}, {os.cpu_count()} cores"
    lines = [
        "# Proofs",
        "",
        "Written by `make proofs` (tools/proofs.py); not by hand. Generated logs of 1 to 6 entities, full of ties,",
        "duplicate rows, times at the ends of 64 bits and a night when clocks change, go through the public API and",
        "through an oracle in plain Python (tests/reference) that was written from the specification and shares no",
        "code with the engine. `SEQMINE_LONG_EXAMPLES` sets how many.",
        "",
        f"seqmine {seqmine.__version__}, on commit {commit}; {machine}.",
        f"**{total:,} examples, all equal.**",
        "",
        "| property | examples | seconds |",
        "| --- | ---: | ---: |",
    ]
    lines += [f"| {SUBJECTS[proof.name]} | {proof.n_passed:,} | {proof.seconds:,.0f} |" for proof in proofs]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run all, print as they end, write the page when all of them hold."""
    listed = subprocess.run(
        [*PYTEST, "--collect-only", "-q", "-m", "long"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    tests = [line for line in listed.stdout.splitlines() if "::" in line]
    unknown = {test.rpartition("::")[2] for test in tests} ^ set(SUBJECTS)
    if unknown:
        print(f"tools/proofs.py does not describe what there is to prove: {sorted(unknown)}", file=sys.stderr)
        return 1
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        proofs = list(pool.map(prove, sorted(tests, key=lambda test: list(SUBJECTS).index(test.rpartition("::")[2]))))
    for proof in proofs:
        if not proof.ok:
            print(proof.output, file=sys.stderr)
    if not all(proof.ok for proof in proofs):
        return 1
    PAGE.write_text(page(proofs), encoding="utf-8")
    print(f"    written to {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
