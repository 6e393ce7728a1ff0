"""The same bytes for any number of threads, any order of the rows, any chunking and any split into files.

Nothing is compared with the oracle here: relations between runs of seqmine on the same events.
"""

from __future__ import annotations

import random
import tempfile
import warnings
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

import seqmine as sm
from reference.language import to_text
from seqmine.errors import UnknownEventWarning

from .strategies import ingest, prove, table, to_seqmine
from .test_frequent import FrequentCase, frequent_cases
from .test_frequent import options as frequent_options
from .test_matching import CountCase, count_cases, to_labels
from .test_mine import LearnCase, learn_cases, learned, one_class

THREADS = (1, 2, 4, 8)


def serialised(result: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, result.schema) as writer:
        writer.write_table(result.combine_chunks())
    return sink.getvalue().to_pybytes()


def matches(log: sm.EventLog, case: CountCase, threads: int) -> list[bytes]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnknownEventWarning)
        parsed = [sm.parse_pattern(to_text(pattern)) for pattern in case.patterns]
        labels = to_labels(case.rows, case.lookback, case.excluded)
        results = [sm.find(log, p, occurrences="all", threads=threads) for p in parsed]
        results.append(sm.count(log, parsed, labels=labels, threads=threads))
    return [serialised(result) for result in results]


def check_threads_of_matching(case: CountCase) -> None:
    log = to_seqmine(case.log)
    assert len({tuple(matches(log, case, threads)) for threads in THREADS}) == 1


test_threads_of_matching, test_threads_of_matching_long = prove(check_threads_of_matching, count_cases(), examples=60)


def check_threads_of_frequent(case: FrequentCase) -> None:
    log = to_seqmine(case.log)
    results = {serialised(sm.mine_frequent(log, frequent_options(case, threads)).to_arrow()) for threads in THREADS}
    assert len(results) == 1


test_threads_of_frequent, test_threads_of_frequent_long = prove(
    check_threads_of_frequent, frequent_cases(), examples=60
)


def check_threads_of_mine(learn: LearnCase) -> None:
    if one_class(learn.case):
        return
    for learn_gaps in (False, True):
        results = {serialised(learned(learn, learn_gaps=learn_gaps, threads=t).to_arrow()) for t in THREADS}
        assert len(results) == 1


test_threads_of_mine, test_threads_of_mine_long = prove(check_threads_of_mine, learn_cases(), examples=60)


@dataclass(frozen=True)
class SplitCase:
    case: CountCase
    seed: int
    chunk: int
    files: int


def split_cases() -> st.SearchStrategy[SplitCase]:
    return st.builds(
        SplitCase, count_cases(), seed=st.integers(0, 99), chunk=st.integers(1, 9), files=st.integers(1, 3)
    )


def check_order_and_splits(split: SplitCase) -> None:
    case, zone = split.case, split.case.log.zone
    rows = table(case.log)
    log = ingest(rows, zone)
    expected = (log.digest, matches(log, case, 1))

    order = list(range(rows.num_rows))
    random.Random(split.seed).shuffle(order)
    shuffled = rows.take(order)
    batches = shuffled.to_batches(max_chunksize=split.chunk)
    # Entities and types as dictionaries, in the order in which each chunk meets them.
    coded = pa.table(
        {
            n: c.dictionary_encode() if n in ("entity", "event") else c
            for n, c in zip(shuffled.column_names, shuffled.columns, strict=True)
        }
    )
    forms = [shuffled, pa.Table.from_batches(batches), pa.RecordBatchReader.from_batches(rows.schema, batches), coded]
    for form in forms:
        again = ingest(form, zone)
        assert (again.digest, matches(again, case, 1)) == expected

    with tempfile.TemporaryDirectory() as folder:
        cuts = [i * len(order) // split.files for i in range(split.files + 1)]
        for begin, end in pairwise(cuts):
            pq.write_table(shuffled.slice(begin, end - begin), Path(folder) / f"{begin}-{end}.parquet")
        read = sm.EventLog.read(
            folder, entity="entity", time="time", event="event", value="value", attributes=["ch", "size"], timezone=zone
        )
        assert (read.digest, matches(read, case, 1)) == expected


test_order_and_splits, test_order_and_splits_long = prove(check_order_and_splits, split_cases(), examples=120)
