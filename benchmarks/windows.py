"""What it costs to count treated and controls by stratum and delay bin, and to scan a whole log for windows.

    PYTHONPATH=src python benchmarks/windows.py [--write]

First the counts alone: a million moments, 168 delay bins, 50 strata, residuals included; each row has its pieces (where
its stratum changes) and the steps of its outcome. The same counts made row by row and bin by bin, with numpy, must be
equal. Then `scan_windows` as a whole on simulated logs of growing size. CPU seconds of one thread, the best of three
for the counts. `--write` puts the tables into docs/performance.md, between the two marks.
"""

from __future__ import annotations

import argparse
import platform
import time

import numpy as np

import seqmine as sm
from page import put_between, table
from seqmine.simulation import window_world
from seqmine.windows.outcome_bins import OutcomeSteps
from seqmine.windows.strata import Pieces
from seqmine.windows.tables import Arms, CountTables, count_tables

BEGIN, END = "<!-- written by benchmarks/windows.py --write -->", "<!-- end of windows -->"
N_BINS, N_STRATA, SCALE = 168, 50, 65_536.0
PIECES = (1, 5, 20)
ACTION = "csm_call"


def made(n: int, n_pieces: int, seed: int = 0) -> tuple[OutcomeSteps, Pieces, Arms]:
    """Rows with so many pieces each, an outcome at some time (or never), and an action in half of them."""
    rng = np.random.default_rng(seed)
    first = np.sort(rng.integers(1, N_BINS, (n, n_pieces)), axis=1)
    first[:, 0] = 0
    offsets = np.arange(n + 1) * n_pieces
    stratum = rng.integers(0, N_STRATA, n * n_pieces).astype(np.int32)
    expected = rng.integers(0, int(SCALE), n * n_pieces)
    # The outcome comes in bin o (or never): 0 first, 1 from 100 bins before, then no more at risk.
    o = rng.integers(101, 3 * N_BINS, n)
    step = np.stack([np.stack([np.zeros(n, np.int64), o - 100, o], axis=1), np.tile([0, int(SCALE), 0], (n, 1))])
    step = np.concatenate([step, np.tile([1, 1, 0], (1, n, 1))]).reshape(3, -1)
    action = np.where(rng.random(n) < 0.5, rng.integers(0, N_BINS, n), N_BINS)
    treated = np.flatnonzero(action < N_BINS)
    pieces = Pieces(
        offsets, first.ravel().astype(np.int32), stratum, expected,
        rng.integers(0, N_STRATA, len(treated)).astype(np.int32), rng.integers(0, int(SCALE), len(treated)), N_STRATA,
    )  # fmt: skip
    return OutcomeSteps(np.arange(n + 1) * 3, step, SCALE), pieces, Arms(action, treated, action[treated])


def expanded(steps: OutcomeSteps, pieces: Pieces, arms: Arms) -> np.ndarray:
    """The control counts, one entry for each row and bin."""
    n = len(arms.stop)
    k = np.tile(np.arange(N_BINS), n)
    row = np.repeat(np.arange(n), N_BINS)
    y, risk = steps.at(row, k)
    used = risk & (k < arms.stop[row])
    row, k, y = row[used], k[used], y[used]
    # Of the pieces that begin at or before a bin the last one counts.
    key = np.repeat(np.arange(n), np.diff(pieces.offsets)) * N_BINS + pieces.bins
    at = np.searchsorted(key, row * N_BINS + k, side="right") - 1
    r = y - pieces.expected[at]
    table = np.zeros((N_STRATA, N_BINS, 4), np.int64)
    for i, values in enumerate((np.ones_like(y), y, r, r * r)):
        np.add.at(table[:, :, i], (pieces.stratum[at], k), values)
    return table


def count(n: int, n_pieces: int) -> tuple[float, CountTables, tuple[OutcomeSteps, Pieces, Arms]]:
    given = made(n, n_pieces)
    best = np.inf
    for _ in range(3):
        begin = time.process_time()
        tables = count_tables(*given, N_BINS, np.ones(n, np.bool_), 1)
        best = min(best, time.process_time() - begin)
    return best, tables, given


def counts() -> str:
    lines: list[list[object]] = []
    for n_pieces in PIECES:
        _, small, given = count(20_000, n_pieces)
        assert (small.control == expanded(*given)).all()
        seconds, _, _ = count(1_000_000, n_pieces)
        per = 1e9 * seconds / (1e6 * n_pieces)
        lines.append([n_pieces, f"{seconds:.2f} s", f"{per:.0f} ns"])
    return table(["pieces a row", "10^6 rows x 168 bins x 50 strata, residuals included", "a piece"], lines)


def scans(sizes: tuple[int, ...]) -> str:
    lines: list[list[object]] = []
    for n in sizes:
        log, truth = sm.simulate(window_world(n, seed=1))
        study = truth.window_study(ACTION)
        options = sm.WindowOptions(max_delay="7d", follow_up="30d", threads=1)
        moment = truth.moment(truth.action(ACTION).moment).pattern
        seconds = []
        for _ in range(2):  # the first compiles
            begin = time.process_time()
            result = sm.scan_windows(log, moment, ACTION, study, options)
            seconds.append(time.process_time() - begin)
        row = result.to_arrow().to_pylist()[0]
        lines.append(
            [f"{n:,}", f"{log.n_events:,}", f"{min(seconds):.1f} s", f"{1e6 * min(seconds) / log.n_events:.2f} us",
             f"{row['lo']} to {row['hi']}"]
        )  # fmt: skip
    return table(["entities", "events", "scan_windows, all checks", "an event", "window"], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    parser.add_argument("--sizes", default="20000,50000,100000,200000", help="entities of the simulated logs")
    given = parser.parse_args()
    sizes = tuple(int(size) for size in given.sizes.split(","))
    text = f"Machine: {platform.machine()}, {platform.system()}.\n\n{counts()}\n\n{scans(sizes)}"
    print(text)
    if given.write:
        put_between(BEGIN, END, text)


if __name__ == "__main__":
    main()
