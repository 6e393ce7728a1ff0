"""The input of the race: a Parquet log in order of time, as a warehouse exports it, with text ids.

`python source.py OUT --rows N --entities N --seed S` writes entity (string), time (timestamp[us, UTC]), event (string).
Entities are drawn with a Zipf-like activity, event types with Zipf weights; about one row in ten ties in time with
another row of its entity.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

N_TYPES = 50
CHUNK = 1_000_000


def write(path: Path, n_rows: int, n_entities: int, seed: int) -> None:
    """Write the log in chunks, so that its size is bounded by the disk alone."""
    rng = np.random.default_rng(seed)
    types = pa.array([f"event_type_{i:02d}" for i in range(N_TYPES)])
    weights = 1.0 / np.arange(1, N_TYPES + 1)
    weights /= weights.sum()
    schema = pa.schema([("entity", pa.string()), ("time", pa.timestamp("us", "UTC")), ("event", pa.string())])
    start = 1_700_000_000_000_000
    step = 365 * 86_400_000_000 // n_rows
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for begin in range(0, n_rows, CHUNK):
            n = min(CHUNK, n_rows - begin)
            entity = (n_entities * rng.random(n) ** 1.5).astype(np.int64)
            names = pa.array(np.char.add("user_", np.char.zfill(entity.astype("U8"), 8)))
            time = start + (begin + np.sort(rng.integers(0, n, n))) * step
            event = types.take(pa.array(rng.choice(N_TYPES, n, p=weights)))
            writer.write_table(
                pa.table({"entity": names, "time": pa.array(time, schema.field("time").type), "event": event})
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--entities", type=int, default=500_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    write(args.out, args.rows, args.entities, args.seed)
