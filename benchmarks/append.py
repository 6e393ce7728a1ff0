"""What it costs that a log grows: append, open, first look, compact, and the same by reading everything again.

    PYTHONPATH=src python benchmarks/append.py --events 100000000 --batch 1000000

Rows are made from a seed: customers with a few events and some with many, fifty types, three years, and a batch of
the week after them with late rows, known customers and new ones. Prints one line a step: seconds of the wall and of
the processor, and the memory that the process has at most had by then.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import seqmine as sm

DAY = 86_400_000_000
START = 1_672_531_200_000_000
YEARS = 3 * 365 * DAY
CHUNK = 1 << 20
TYPES = pa.array([f"event type {i:02}" for i in range(50)])
CHANNELS = pa.array(["app", "mail", "shop", "web"])
SCHEMA = pa.schema(
    [
        ("entity", pa.int64()),
        ("time", pa.timestamp("us", "UTC")),
        ("event", pa.dictionary(pa.int32(), pa.string())),
        ("channel", pa.dictionary(pa.int32(), pa.string())),
    ]
)


def rows(n: int, n_entities: int, first: int, span: int, seed: int) -> Iterator[pa.RecordBatch]:
    for begin in range(0, n, CHUNK):
        size = min(CHUNK, n - begin)
        random = np.random.default_rng([seed, begin])
        entity = (n_entities * random.random(size) ** 1.5).astype(np.int64) * 7_919 % 1_000_000_007
        times = first + (span * random.random(size)).astype(np.int64)
        kinds = (len(TYPES) * random.random(size) ** 2).astype(np.int32)
        channels = random.integers(0, len(CHANNELS), size, dtype=np.int32)
        yield pa.RecordBatch.from_arrays(
            [
                pa.array(entity),
                pa.array(times, pa.timestamp("us", "UTC")),
                pa.DictionaryArray.from_arrays(pa.array(kinds), TYPES),
                pa.DictionaryArray.from_arrays(pa.array(channels), CHANNELS),
            ],
            schema=SCHEMA,
        )


def step(name: str, work: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    result = work(*arguments, **keywords)
    wall, after = time.perf_counter() - wall, resource.getrusage(resource.RUSAGE_SELF)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{name:44} {wall:8.2f} s  {processor:8.2f} s CPU  {after.ru_maxrss / 2**20:6.2f} GiB at most", flush=True)
    return result


def copies(log: sm.EventLog) -> list[np.ndarray[Any, Any]]:
    columns = [log.entity_offsets, log.time, log.code, *(column.array for column in log.attributes.values())]
    return [column.copy() for column in columns]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--batch", type=int, default=1_000_000)
    parser.add_argument("--entities", type=int, default=0, help="of the first reading; default: a 20th of its events")
    parser.add_argument("--channel", action="store_true", help="with an attribute, 4 bytes an event more")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--folder", help="where the log is saved; default: a temporary directory")
    parser.add_argument("--check", action="store_true", help="read everything again, too, and compare the digests")
    given = parser.parse_args()
    entities = given.entities or max(given.events // 20, 1)
    options: dict[str, Any] = {"attributes": ["channel"] if given.channel else [], "threads": given.threads}

    def first() -> Iterator[pa.RecordBatch]:
        return rows(given.events, entities, START, YEARS, 1)

    def week() -> Iterator[pa.RecordBatch]:
        return rows(given.batch, entities + entities // 50, START + YEARS - DAY, 8 * DAY, 2)

    def stream(batches: Iterator[pa.RecordBatch]) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(SCHEMA, batches)

    with tempfile.TemporaryDirectory(dir=given.folder) as place:
        saved = Path(place) / "log"
        log = step("read the first rows", sm.EventLog.from_arrow, stream(first()), **options)
        step("save", log.save, saved)
        print(log)
        del log
        batch = pa.Table.from_batches(week())
        log = step("open", sm.EventLog.open, saved)
        step("first look at it (checks every column)", getattr, log, "native")
        grown = step("append", log.append, batch, compact=False, threads=given.threads)
        del log
        step("append a second time", grown.append, batch, compact=False, threads=given.threads)
        grown = step("open with two segments", sm.EventLog.open, saved)
        step("merge", grown._parts.whole, given.threads)
        step("look at what is merged (checks every column)", getattr, grown, "native")
        print(grown)
        step("copy its columns once, for comparison", copies, grown)
        digest = step("digest", getattr, grown, "digest")
        del grown
        log = step("compact", sm.EventLog.open(saved).compact, threads=given.threads)
        assert log.digest == digest
        del log
        if given.check:
            source = stream(itertools.chain(first(), week(), week()))
            whole = step("read everything again", sm.EventLog.from_arrow, source, **options)
            assert whole.digest == digest
            print("the digests are equal")


if __name__ == "__main__":
    main()
