"""What it costs to permute labels and to count rows under all permutations at once.

    PYTHONPATH=src python benchmarks/permutations.py [--write]

A million rows in 50 strata, one in twenty positive; lists of rows drawn at random, as the matches of patterns are.
CPU seconds of one thread, the best of three. Every kernel's counts are compared with the others'. `--write` puts the
tables into docs/performance.md, between the two marks.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from page import put_between, table
from seqmine import _native

BEGIN, END = "<!-- written by benchmarks/permutations.py --write -->", "<!-- end -->"
N_ROWS = 1_000_000
LISTS = (1_000, 10_000, 50_000, 200_000)
PERMUTATIONS = (511, 1_023)
ROWS_AT_A_TIME = 2_000_000


def cpu_seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """The least of three runs, and the result."""
    seconds = []
    for _ in range(3):
        begin = time.process_time()
        result = work()
        seconds.append(time.process_time() - begin)
    return min(seconds), result


def measure() -> str:
    rng = np.random.default_rng(0)
    label = (rng.random(N_ROWS) < 0.05).astype(np.uint8)
    stratum = rng.integers(0, 50, N_ROWS).astype(np.int32)
    lists = {}
    for m in LISTS:
        n = min(ROWS_AT_A_TIME // m, 40)
        rows = np.concatenate([np.sort(rng.choice(N_ROWS, m, replace=False)) for _ in range(n)]).astype(np.uint32)
        lists[m] = (rows, np.arange(n + 1, dtype=np.int64) * m)
    kernels = _native.kernels()
    lines: list[list[object]] = []
    made = []
    for n_permutations in PERMUTATIONS:
        seconds, permuted = cpu_seconds(
            lambda n=n_permutations: _native.PermutedLabels(
                label=label, stratum=stratum, n_strata=50, n_permutations=n, seed=1, threads=1
            )
        )
        n_drawn = n_permutations * int(label.sum())
        made.append(f"{n_permutations:,} permutations {seconds:.2f} s ({1e9 * seconds / n_drawn:.0f} ns a draw)")
        for m, (rows, offsets) in lists.items():
            cells: list[object] = [f"{n_permutations:,}", f"{m:,}"]
            counts = []
            for kernel in kernels:
                seconds, count = cpu_seconds(lambda k=kernel, r=rows, o=offsets, p=permuted: p.count(r, o, k))
                counts.append(count)
                a_list = seconds / (len(offsets) - 1)
                nanoseconds = 1e9 * a_list / m / ((n_permutations + 1) / 512)
                cells.append(f"{nanoseconds:.1f} ns ({1e3 * a_list:.3f} ms)")
            assert all((count == counts[0]).all() for count in counts)
            lines.append(cells)
    head = ["permutations", "rows in a list", *kernels]
    text = f"Machine: {platform.machine()}, {platform.system()}. Making the labels: {'; '.join(made)}."
    return f"{text}\n\n{table(head, lines)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    given = parser.parse_args()
    text = measure()
    print(text)
    if given.write:
        put_between(BEGIN, END, text)


if __name__ == "__main__":
    main()
