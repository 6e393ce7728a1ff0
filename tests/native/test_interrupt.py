"""Ctrl-C stops long native work as a KeyboardInterrupt within half a second; nothing is left hanging.

A process of its own mines a log that would take minutes, is sent SIGINT, and says how long it took to come back and
whether the same process can still work afterwards.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

SCRIPT = """
import sys, time
import numpy as np, pyarrow as pa
import seqmine as sm

rng = np.random.default_rng(0)
n = 400_000
table = pa.table({
    "entity": pa.array(np.char.add("e", rng.integers(0, 2_000, n).astype("U6"))),
    "time": pa.array(rng.integers(0, 10**9, n), pa.timestamp("us", "UTC")),
    "event": pa.array(np.char.add("t", rng.integers(0, 40, n).astype("U3"))),
})
log = sm.EventLog.from_arrow(table)
labels = sm.Labels.from_arrow(pa.table({
    "entity": log.entities,
    "index_time": pa.array([10**9] * log.n_entities, pa.timestamp("us", "UTC")),
    "label": pa.array(rng.integers(0, 2, log.n_entities)),
}))
# Many rows of one entity, none of them long enough to be asked for a signal on its own.
n, n_rows = 60_000, 4_000
middling = sm.EventLog.from_arrow(pa.table({
    "entity": ["one"] * n,
    "time": pa.array(np.arange(n) * 60_000_000, pa.timestamp("us", "UTC")),
    "event": pa.array(["x", "y"] * (n // 2)),
}), timezone="UTC")
rows = sm.Labels.from_arrow(pa.table({
    "entity": ["one"] * n_rows,
    "index_time": pa.array((n + 1 + np.arange(n_rows)) * 60_000_000, pa.timestamp("us", "UTC")),
    "label": np.arange(n_rows) % 2,
}))
work = {
    "mine": lambda: sm.mine(log, labels, sm.MinerOptions(max_length=8, max_gap=None, min_support=2, top_k=10_000,
                                                         learn_gaps=False, threads=2)),
    "count": lambda: [sm.count(middling, "x{hour=3} -> no x within 1us", rows, threads=1) for _ in range(1000)],
    "mine_middling": lambda: sm.mine(middling, rows, sm.MinerOptions(context=("weekday", "hour"), max_gap="10m")),
    "mine_frequent": lambda: sm.mine_frequent(log, sm.FrequentOptions(min_support=20, max_gap="500s", threads=2)),
}[sys.argv[1]]
print("ready", flush=True)
try:
    work()
except KeyboardInterrupt:
    print("interrupted", time.time(), flush=True)
found = sm.count(log, ["t1 -> t2"]).to_pylist()[0]["n_matched"]
print("works again", found > 0, flush=True)
"""


@pytest.mark.timing
@pytest.mark.parametrize("work", ["mine", "mine_frequent", "count", "mine_middling"])
def test_ctrl_c_comes_back_within_half_a_second(work: str) -> None:
    with subprocess.Popen([sys.executable, "-c", SCRIPT, work], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(1.0)
            assert process.poll() is None, "the work was over before it could be interrupted"
            sent = time.time()
            process.send_signal(signal.SIGINT)
            word, at = process.stdout.readline().split()
            assert word == "interrupted"
            # The promise is half a second; a machine that runs other tests beside this one gets twice that.
            assert float(at) - sent < 1.0
            assert process.stdout.readline() == "works again True\n"
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()  # the work takes minutes when nothing stops it
