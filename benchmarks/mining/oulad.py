"""Mine withdrawal on the Open University log: the large real log (10.9 M events).

Index = registration + 60 d; outcome = withdrawn after it; max_gap 7 d, length 3, support 1 %, fixed gaps.
`python oulad.py DATA_DIR THREADS` prints one JSON line: seconds to ingest, label and mine, and the result's digest.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq

import seqmine as sm

FOLDER, THREADS = Path(sys.argv[1]), int(sys.argv[2])


def main() -> None:
    clock = time.perf_counter()
    log = sm.EventLog.read(FOLDER / "events.parquet", timezone="UTC", threads=THREADS)
    ingested = time.perf_counter()
    outcome = pq.read_table(FOLDER / "outcomes.parquet", columns=["entity", "time", "label"])
    study = sm.Study(sm.Outcome.from_table(outcome, horizon=None), at="first(register) + 60d", lookback="60d")
    labels = sm.label(log, study, threads=THREADS)
    labelled = time.perf_counter()
    options = sm.MinerOptions(
        max_length=3,
        max_gap="7d",
        min_support=max(1, labels.n_rows // 100),
        top_k=100,
        learn_gaps=False,
        threads=THREADS,
    )
    result = sm.mine(log, labels, options)
    mined = time.perf_counter()
    table = result.to_arrow()
    digest = hashlib.sha256(repr(table.to_pydict()).encode()).hexdigest()[:16]
    print(
        json.dumps(
            {
                "threads": THREADS,
                "n_events": log.n_events,
                "n_rows": labels.n_rows,
                "n_positive": labels.n_positive,
                "bytes_per_event": (log.entity_offsets.nbytes + log.time.nbytes + log.code.nbytes) / log.n_events,
                "ingest_s": round(ingested - clock, 3),
                "label_s": round(labelled - ingested, 3),
                "mine_s": round(mined - labelled, 3),
                "patterns": table.num_rows,
                "complete": result.complete,
                "digest": digest,
            }
        )
    )


main()
