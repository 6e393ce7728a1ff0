"""A log that was used before a fork works in the children: the core keeps no threads between calls."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import multiprocessing
import numpy as np, pyarrow as pa
import seqmine as sm

rng = np.random.default_rng(0)
n = 20_000
log = sm.EventLog.from_arrow(pa.table({
    "entity": pa.array(np.char.add("e", rng.integers(0, 500, n).astype("U6"))),
    "time": pa.array(rng.integers(0, 10**9, n), pa.timestamp("us", "UTC")),
    "event": pa.array(np.char.add("t", rng.integers(0, 5, n).astype("U3"))),
}), threads=2)

def matched(threads):
    patterns = sm.mine_frequent(log, sm.FrequentOptions(min_support=450, max_gap="100s", threads=threads))
    return sm.count(log, ["t1 -> t2"], threads=threads).to_pylist()[0]["n_matched"], patterns.to_arrow().num_rows

if __name__ == "__main__":
    here = matched(2)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(matched, [1, 2, 1, 2]) == [here] * 4
    print("equal in parent and children")
"""


def test_children_of_a_fork_work() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "equal in parent and children\n", done.stderr
