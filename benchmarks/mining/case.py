"""One search on a synthetic log: `python case.py CASE THREADS WORK` prints one JSON line: seconds, memory, digest.

The logs are made once and kept in WORK: `large`, 660,000 entities of 30 events, 100 types with Zipf rates and
exponential gaps of 12 h in the mean; `small`, the same with 100,000 entities.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

import seqmine as sm

MIB = 1 << 20
SIZES = {"large": 660_000, "small": 100_000}
LENGTH, N_TYPES, MEAN_GAP_S = 30, 100, 12 * 3_600


Search = Callable[[sm.EventLog, sm.Labels, int], pa.Table]


def frequent(min_support: float, **limits: object) -> Search:
    def search(log: sm.EventLog, _: sm.Labels, threads: int) -> pa.Table:
        options = sm.FrequentOptions(min_support=min_support, threads=threads, **limits)  # type: ignore[arg-type]
        return sm.mine_frequent(log, options).to_arrow()

    return search


def labelled(*, learn_gaps: bool, max_length: int = 2) -> Search:
    def search(log: sm.EventLog, asked: sm.Labels, threads: int) -> pa.Table:
        least = log.n_entities // 33
        options = sm.MinerOptions(
            max_length=max_length, min_support=least, max_gap="7d", learn_gaps=learn_gaps, threads=threads
        )
        return sm.mine(log, asked, options).to_arrow()

    return search


def labels(log: sm.EventLog) -> sm.Labels:
    rng = np.random.default_rng(1)
    table = {
        "entity": log.entities,
        "index_time": pa.array(["2015-01-01"] * log.n_entities),
        "label": (rng.random(log.n_entities) < 0.2).astype(np.int8),
    }
    return sm.Labels.from_arrow(pa.table(table), timezone="UTC")


CASES: dict[str, tuple[str, Search]] = {
    "frequent": ("large", frequent(0.2, max_length=2)),
    "frequent, max_gap": ("large", frequent(0.02, max_gap="6h")),
    "frequent, max_gap and max_span": ("large", frequent(0.02, max_gap="6h", max_span="1d")),
    "labelled, fixed gaps": ("large", labelled(learn_gaps=False)),
    "labelled, learned gaps": ("large", labelled(learn_gaps=True)),
    "frequent, 10 %": ("large", frequent(0.1)),
    "labelled, fixed gaps, length 5": ("large", labelled(learn_gaps=False, max_length=5)),
    "frequent, 3 %": ("small", frequent(0.03)),
    "frequent, max_gap, 0.5 %": ("large", frequent(0.005, max_gap="1d")),
    "labelled, fixed gaps, length 3": ("large", labelled(learn_gaps=False, max_length=3)),
    "labelled, learned gaps, length 3": ("large", labelled(learn_gaps=True, max_length=3)),
}


def make(path: Path, n_entities: int) -> None:
    rng = np.random.default_rng(3)
    rate = 1 / np.arange(1, N_TYPES + 1)
    code = rng.choice(N_TYPES, size=n_entities * LENGTH, p=rate / rate.sum()).astype(np.int16)
    time_s = np.cumsum(rng.exponential(MEAN_GAP_S, (n_entities, LENGTH)).astype(np.int64) + 1, axis=1).ravel()
    table = {
        "entity": pa.array(np.repeat(np.arange(n_entities), LENGTH)).cast(pa.string()),
        "time": time_s,
        "event": pa.DictionaryArray.from_arrays(pa.array(code), pa.array([f"t{i:03}" for i in range(N_TYPES)])),
    }
    sm.EventLog.from_arrow(pa.table(table), time_unit="s", plausible_years=None).save(path)


def resident(field: str) -> int:
    """Bytes of a line of /proc/self/status, such as VmHWM; 0 where there is none."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(field)), 0)


def main() -> None:
    case, threads, work = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    size, search = CASES[case]
    path = work / f"mining-{size}"
    if not path.exists():
        make(path, SIZES[size])
    log = sm.EventLog.open(path)
    sm.count(log, "t001 -> t002")  # checks and touches the columns
    asked = labels(log)
    before = resident("VmRSS")
    if before:
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    wall, cpu = time.perf_counter(), time.process_time()
    table = search(log, asked, threads)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(
        json.dumps(
            {
                "case": case,
                "threads": threads,
                "n_events": log.n_events,
                "n_entities": log.n_entities,
                "log_mib": (log.entity_offsets.nbytes + log.time.nbytes + log.code.nbytes) / MIB,
                "extra_mib": (resident("VmHWM") - before) / MIB,
                "wall_s": wall,
                "cpu_s": cpu,
                "patterns": table.num_rows,
                "digest": hashlib.sha256(repr(table.to_pydict()).encode()).hexdigest()[:16],
            }
        )
    )


main()
