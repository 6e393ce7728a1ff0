"""The input of the races: every log in every competitor's own form, made once and kept under build/bench.

A log is three arrays (see `Log`); `prepare` writes it as

- ``log/``: a seqmine log, event types named ``e1``, ``e2``, ...
- ``rows.npz``: the arrays themselves, for competitors that take Python lists
- ``spmf.txt``: SPMF's form, ``1 -1 2 -1 -2``
- ``signed.txt``: effspm's form, in which a negative item begins a new set: ``-1 -2``
- ``labels.parquet``: entity, index time (after everything) and label, of a log that has labels
- ``rows.parquet``: entity number, time and item as columns, for databases; large logs have this and ``log/`` alone
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import seqmine as sm

__all__ = ["LOGS", "Log", "MissingData", "prepare"]

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("SEQMINE_SHARED_DATA", ROOT.parent / "shared" / "data"))
PLAIN = ("bible", "bms1", "bms2", "fifa", "kosarak70k", "leviathan", "msnbc", "sign")
_VERSION = "2"

Ints = npt.NDArray[np.int64]


class MissingData(RuntimeError):
    """A real log that is not on this machine."""


@dataclass(frozen=True)
class Log:
    """Events by entity, each entity's in order of time.

    Attributes
    ----------
    offsets
        ``(n_entities + 1,)``: where each entity's events begin.
    code
        ``(n_events,)``: item numbers from 1.
    time
        ``(n_events,)``: whole seconds; the first event of an entity is at 0, because a peer lays out memory by time.
    label
        ``(n_entities,)`` of 0 and 1, or None.
    """

    offsets: Ints
    code: Ints
    time: Ints
    label: Ints | None = None

    @property
    def entity(self) -> Ints:
        """The entity of each event, ``(n_events,)``."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


def _read(folder: Path) -> pa.Table:
    path = folder / "events.parquet"
    if not path.exists():
        raise MissingData(f"{path.parent.name} is not among the real logs")
    return pq.read_table(path)


def _in_order(table: pa.Table) -> tuple[Ints, Ints, Ints]:
    """Offsets, item numbers in byte order of the names, and microseconds; by entity and time, ties as they came."""
    entity = table["entity"].combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    names = pc.unique(table["event"]).sort()
    code = pc.index_in(table["event"], names).to_numpy().astype(np.int64) + 1
    time = table["time"].cast(pa.int64()).to_numpy()
    order = np.lexsort((time, entity))
    offsets = np.searchsorted(entity[order], np.arange(entity.max() + 2))
    return offsets.astype(np.int64), code[order], time[order]


def _from_start(offsets: Ints, time: Ints) -> Ints:
    return time - np.repeat(time[offsets[:-1]], np.diff(offsets))


def _positions(offsets: Ints) -> Ints:
    return np.arange(offsets[-1]) - np.repeat(offsets[:-1], np.diff(offsets))


def plain(name: str) -> Log:
    """A plain sequence log of the literature: position is time."""
    offsets, code, _ = _in_order(_read(SHARED / f"seq_{name}"))
    return Log(offsets, code, _positions(offsets))


def bpic2012(*, clock: bool) -> Log:
    """Loan applications, in whole seconds (ties are kept) or with the position as time."""
    offsets, code, time = _in_order(_read(SHARED / "bpic2012"))
    return Log(offsets, code, _from_start(offsets, time // 1_000_000) if clock else _positions(offsets))


def without_ties(log: Log) -> Log:
    """The log with every time moved to the second after the one before it where it is not later already."""
    position = _positions(log.offsets)
    # Strictly later than the one before <=> time - position never falls; a running maximum per entity makes it so.
    apart = 2 * int(log.time.max()) + len(position)
    floor = log.time - position + log.entity * apart
    return replace(log, time=np.maximum.accumulate(floor) - log.entity * apart + position)


def synthetic(n_entities: int, length: int, n_types: int, seed: int) -> Log:
    """Zipf-distributed types, independent; gaps exponential with a mean of 12 h: a day holds two."""
    rng = np.random.default_rng(seed)
    weights = 1.0 / np.arange(1, n_types + 1)
    code = rng.choice(n_types, n_entities * length, p=weights / weights.sum()) + 1
    gaps = 1 + rng.exponential(43_200.0, (n_entities, length)).astype(np.int64)
    gaps[:, 0] = 0
    offsets = np.arange(n_entities + 1, dtype=np.int64) * length
    return Log(offsets, code.astype(np.int64), np.cumsum(gaps, axis=1).ravel())


DECISIONS = (
    *("A_APPROVED", "A_REGISTERED", "A_ACTIVATED", "A_DECLINED", "A_CANCELLED"),
    *("O_ACCEPTED", "O_DECLINED", "O_CANCELLED", "W_Wijzigen contractgegevens+schedule"),
)
"""The events of bpic2012 that are its outcome."""


def bpic2012_approved() -> Log:
    """Loan applications without the events that decide them, in whole seconds, labelled by approval."""
    folder = SHARED / "bpic2012"
    events = _read(folder)
    events = events.filter(pc.invert(pc.is_in(events["event"], pa.array(DECISIONS))))
    offsets, code, time = _in_order(events)
    outcomes = pq.read_table(folder / "outcomes.parquet")
    approved = outcomes.filter(pc.equal(outcomes["outcome"], "approved"))
    place = pc.index_in(pc.unique(events["entity"]), approved["entity"])
    label = approved["label"].take(place).to_numpy().astype(np.int64)
    return Log(offsets, code, _from_start(offsets, time // 1_000_000), label)


def planted(log: Log, first: int, then: int, within: int, seed: int) -> Log:
    """The log with labels of our own: 1 for 40 % of the entities in which `then` directly follows `first` within
    `within` seconds, and for 10 % of the others."""
    follows = (log.code[:-1] == first) & (log.code[1:] == then) & (np.diff(log.time) <= within)
    follows &= log.entity[:-1] == log.entity[1:]
    has = np.zeros(len(log.offsets) - 1, bool)
    has[log.entity[:-1][follows]] = True
    chance = np.where(has, 0.4, 0.1)
    label = (np.random.default_rng(seed).random(len(has)) < chance).astype(np.int64)
    return replace(log, label=label)


LOGS: dict[str, Callable[[], Log]] = {
    **{name: (lambda name=name: plain(name)) for name in PLAIN},  # type: ignore[misc]
    "bpic2012": lambda: bpic2012(clock=False),
    "bpic2012-clock": lambda: bpic2012(clock=True),
    "synth100k": lambda: synthetic(100_000, 30, 100, seed=1),
    "synth10k": lambda: synthetic(10_000, 30, 100, seed=2),
    "bpic2012-approved": bpic2012_approved,
    "msnbc-planted": lambda: planted(plain("msnbc"), 6, 9, 1, seed=4),
    "kosarak70k-planted": lambda: planted(plain("kosarak70k"), 1, 2, 1, seed=5),
    "synth10k-planted": lambda: planted(synthetic(10_000, 30, 100, seed=2), 2, 5, 21_600, seed=6),
    "bpic2012-untied": lambda: without_ties(bpic2012(clock=True)),
    "synth10m": lambda: synthetic(200_000, 50, 100, seed=3),
}
LISTED_EVENTS = 4_000_000
"""Logs with more events than this are not written as text or for lists: no peer of those forms is raced on them."""


@cache
def prepare(name: str, work: Path) -> Path:
    """The folder of log `name` below `work`, made if it is not there.

    Raises
    ------
    MissingData
        When it is a real log that this machine does not have.
    """
    folder = work / "logs" / f"{name}-{_VERSION}"
    if not (folder / "done").exists():
        log = LOGS[name]()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        write(log, folder)
        (folder / "done").touch()
    return folder


def write(log: Log, folder: Path) -> None:
    """Every form of a log (see the head of this file)."""
    width = len(str(len(log.offsets)))
    table = pa.table(
        {
            "entity": pa.array([f"s{i:0{width}}" for i in range(len(log.offsets) - 1)]).take(pa.array(log.entity)),
            "time": pa.array(log.time),
            "event": pa.array([f"e{i}" for i in range(int(log.code.max()) + 1)]).take(pa.array(log.code)),
        }
    )
    sm.EventLog.from_arrow(table, time_unit="s", plausible_years=None).save(folder / "log", overwrite=True)
    if log.label is not None:
        end = (int(log.time.max()) + 86_400) * 1_000_000
        after = pa.array(np.full(len(log.label), end)).cast(pa.timestamp("us", "UTC"))
        entity = pa.array([f"s{i:0{width}}" for i in range(len(log.label))])
        labels = pa.table({"entity": entity, "index_time": after, "label": pa.array(log.label)})
        pq.write_table(labels, folder / "labels.parquet")
    numbers = {"entity": log.entity.astype(np.uint32), "time": log.time, "event": log.code.astype(np.uint16)}
    pq.write_table(pa.table(numbers), folder / "rows.parquet")
    if len(log.code) > LISTED_EVENTS:
        return
    columns: dict[str, Any] = {"offsets": log.offsets, "code": log.code, "time": log.time}
    np.savez(folder / "rows.npz", **columns, **({} if log.label is None else {"label": log.label}))
    ends = log.offsets.tolist()
    with (folder / "spmf.txt").open("w") as spmf, (folder / "signed.txt").open("w") as signed:
        for begin, end in pairwise(ends):
            row = log.code[begin:end].tolist()
            spmf.write(" -1 ".join(map(str, row)) + " -1 -2\n")
            signed.write(" ".join(str(-item) for item in row) + "\n")
