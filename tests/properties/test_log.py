"""What an `EventLog` holds against the rows that went in.

Compared: numbers of events and entities, event types, order and content of `to_batches`, the accounting under both
policies for exact duplicates, a log saved and opened again, and a log put together with `with_events`.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

import seqmine as sm
from reference.language import Event, Log

from .strategies import CLOCKS, ingest, logs, microseconds, prove, table, to_seqmine


@dataclass(frozen=True)
class LogCase:
    log: Log
    cut: int


@st.composite
def log_cases(draw: st.DrawFn) -> LogCase:
    log = draw(logs(draw(st.sampled_from(CLOCKS))))
    return LogCase(log, draw(st.integers(1, len(log.events))))


def row(event: Event) -> tuple[object, ...]:
    return (event.entity, event.time, event.type, event.value, event.attributes["ch"], event.attributes["size"])


def rows_of(log: sm.EventLog) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for batch in log.to_batches(max_rows=7):
        columns = [batch.column(name).to_pylist() for name in ("entity", "event", "value", "ch", "size")]
        entity, event, value, ch, size = columns
        rows += zip(entity, microseconds(batch.column("time")), event, value, ch, size, strict=True)
    return rows


def place(row: tuple[object, ...]) -> tuple[object, ...]:
    """By which rows are ordered before their nullable columns."""
    entity, time, event, *_ = row
    return (str(entity).encode(), time, str(event).encode())


def check_log(case: LogCase) -> None:
    given = [row(e) for e in case.log.events]
    log = to_seqmine(case.log)
    kept = rows_of(log)
    assert Counter(kept) == Counter(given)
    assert [place(r) for r in kept] == sorted(place(r) for r in given)
    assert (log.n_events, log.n_entities) == (len(given), len(case.log.entities))
    assert log.entities.to_pylist() == case.log.entities
    assert log.event_types == tuple(sorted({e.type for e in case.log.events}))
    assert log.observed_until == case.log.observed_until
    repeats = len(given) - len(set(given))
    assert (
        log.accounting.to_dict().items()
        >= {"rows_in": len(given), "used": len(given), "duplicates": 0, "exact_duplicates_seen": repeats}.items()
    )

    distinct = ingest(table(case.log), case.log.zone, duplicates="exact")
    assert Counter(rows_of(distinct)) == Counter(set(given))
    assert (
        distinct.accounting.to_dict().items()
        >= {"rows_in": len(given), "used": len(given) - repeats, "duplicates": repeats}.items()
    )

    with tempfile.TemporaryDirectory() as folder:
        log.save(Path(folder) / "log")
        opened = sm.EventLog.open(Path(folder) / "log", verify=True)
        assert rows_of(opened) == kept
        assert (opened.digest, opened.observed_until, opened.timezone) == (log.digest, log.observed_until, log.timezone)

    first, rest = Log(case.log.events[: case.cut], case.log.zone), Log(case.log.events[case.cut :], case.log.zone)
    joined = to_seqmine(first).with_events(table(rest), value="value", attributes=["ch", "size"])
    assert rows_of(joined) == rows_of(ingest(table(case.log), case.log.zone))


test_log, test_log_long = prove(check_log, log_cases(), examples=100)
