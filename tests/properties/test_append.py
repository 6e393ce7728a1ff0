"""A log that grew by appends against one reading of all of its rows, byte for byte.

Compared: every file that `save` writes (columns, dictionaries, offsets, manifest with digest and accounting) for any
split into a first part and appends, in memory and in a directory, under both policies for exact duplicates, with
declared ends and starts; and what `find`, `label` and `mine_frequent` give on the grown log.
"""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

import seqmine as sm
from reference.language import Event, Log
from seqmine.errors import UnmatchedStartsWarning

from .strategies import CLOCKS, ingest, iso, logs, prove, table


@dataclass(frozen=True)
class AppendCase:
    log: Log
    parts: tuple[tuple[Event, ...], ...]
    duplicates: str
    on_disk: bool
    compact: tuple[bool | None, ...]


@st.composite
def append_cases(draw: st.DrawFn) -> AppendCase:
    log = draw(logs(draw(st.sampled_from(CLOCKS))))
    n_parts = draw(st.integers(2, 5))
    events = draw(st.permutations(log.events))
    chosen = draw(st.lists(st.integers(0, n_parts - 1), min_size=len(events), max_size=len(events)))
    parts = tuple(tuple(e for e, p in zip(events, chosen, strict=True) if p == part) for part in range(n_parts))
    duplicates, on_disk = draw(st.sampled_from(("none", "exact"))), draw(st.sampled_from((False, False, True)))
    how = st.sampled_from((None, False, False, True))
    return AppendCase(log, parts, duplicates, on_disk, tuple(draw(how) for _ in range(n_parts)))


def untold(rows: pa.Table) -> pa.Table:
    """The rows with columns of no type where all is null: so a file has them that was written from nothing else."""
    for name in ("ch", "size"):
        if rows[name].null_count == len(rows):
            rows = rows.set_column(rows.schema.get_field_index(name), name, pa.nulls(len(rows)))
    return rows


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def answers(log: sm.EventLog) -> list[Any]:
    moments = sm.find(log, "a -[0s,4h)-> b", occurrences="all")
    frequent = sm.mine_frequent(log, sm.FrequentOptions(min_support=1, max_length=2)).to_arrow()
    rows: Any = None
    with contextlib.suppress(sm.errors.SeqmineError):
        rows = sm.label(log, sm.Study(sm.Outcome("exists(b) within 3us"), at="start + 2us", lookback="2us")).to_arrow()
    return [moments, frequent, rows]


def check_append(case: AppendCase) -> None:
    log = case.log
    options: dict[str, Any] = {"duplicates": case.duplicates}
    more: dict[str, Any] = {}
    if log.declared_end is not None:
        options["observed_until"] = more["observed_until"] = iso(log.declared_end)
    if log.starts:
        times = pa.array(list(log.starts.values()), pa.timestamp("us", "UTC"))
        more["starts"] = options["starts"] = pa.table(
            {"entity": pa.array(list(log.starts), pa.string()), "time": times}
        )
    everything = pa.concat_tables([table(Log(list(part), log.zone)) for part in case.parts])
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore", UnmatchedStartsWarning)
        warnings.simplefilter("ignore", sm.errors.UnknownEventWarning)
        folder = Path(place)
        whole = ingest(untold(everything), log.zone, **options)
        whole.save(folder / "whole")
        grown = ingest(untold(table(Log(list(case.parts[0]), log.zone))), log.zone, **options)
        if case.on_disk:
            grown.save(folder / "grown")
            grown = sm.EventLog.open(folder / "grown")
        for part, compact in zip(case.parts[1:], case.compact, strict=False):
            grown = grown.append(untold(table(Log(list(part), log.zone))), compact=compact, **more)
        assert grown.digest == whole.digest
        assert grown.accounting == whole.accounting
        assert answers(grown) == answers(whole)
        if case.on_disk:
            assert sm.EventLog.open(folder / "grown", verify=True).digest == whole.digest
            grown.compact()
        else:
            grown.save(folder / "grown")
        assert files(folder / "grown") == files(folder / "whole")


test_append, test_append_long = prove(check_append, append_cases(), examples=200)
