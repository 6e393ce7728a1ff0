"""Ingest against a model in plain Python, and what must never show: order, chunks, files, threads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from event_rows import Row, rows_of, table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqmine import errors
from seqmine.events import EventLog

NAMES = ("entity", "time", "event", "value", "kind", "score", "id")
EDGES = [-(2**63) + 1, -(2**62), -1, 0, 1, 2**62, 2**63 - 2, 2**63 - 1]
NUMBERS = st.sampled_from([None, -1.5, 0.0, 2.0, 1e300])
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "aa", "ä", "Z", "\U0001f600"]),
        st.one_of(st.integers(0, 4), st.sampled_from(EDGES)),
        st.sampled_from(["x", "y", "xx", "é"]),
        NUMBERS,
        st.sampled_from([None, "", "k", "kk"]),
        NUMBERS,
        st.sampled_from(["i", "j", "k", "l"]),
    ),
    max_size=30,
)
KEYWORDS: dict[str, Any] = {"value": "value", "attributes": ["kind", "score"]}


def make(rows: list[Row]) -> pa.Table:
    return table(rows, NAMES, score=pa.float64())


def key(row: Row) -> tuple[Any, ...]:
    """The order of rows: names by their bytes, null before anything else among values is for the core to choose."""
    return (row[0].encode(), row[1], row[2].encode())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ROWS, st.sampled_from(["none", "exact", "id"]), st.sets(st.sampled_from(["x", "y"])), st.data())
def test_ingest_equals_the_model(rows: list[Row], policy: str, excluded: set[str], data: st.DataObject) -> None:
    present = {row[2] for row in rows}
    exclude = sorted(excluded & present)
    log = EventLog.from_arrow(
        make(rows), event_id="id", duplicates=policy, exclude_events=exclude, observed_until=2**63 - 1, **KEYWORDS
    )
    kept = [row for row in rows if row[2] not in exclude]
    once = list(dict.fromkeys(kept))
    by_id: dict[str, list[Row]] = {}
    for row in kept:
        by_id.setdefault(row[6], []).append(row)
    got = [(*row[:2], row[2], *row[3:]) for row in rows_of(log)]
    if policy == "id":
        assert len(got) == len(by_id)
        assert {row[:6] for row in got} <= {row[:6] for row in kept}
    else:
        expected = kept if policy == "none" else once
        assert sorted(map(repr, got)) == sorted(repr(row[:6]) for row in expected)
    assert [key(row) for row in got] == sorted(key(row) for row in got)
    account = log.accounting
    assert account.rows_in == len(rows)
    assert account.filtered == len(rows) - len(kept)
    assert account.duplicates == len(kept) - len(got)
    assert account.exact_duplicates_seen == len(kept) - len(once)
    assert account.id_duplicates_seen == len(kept) - len(by_id)
    assert account.rows_in == account.used + account.duplicates + account.filtered + account.quarantined

    names = sorted({row[0] for row in got}, key=str.encode)
    assert log.entities.to_pylist() == names
    assert log.event_types == tuple(sorted({row[2] for row in got}, key=str.encode))
    assert log.entity_offsets.tolist() == [sum(row[0] in names[:i] for row in got) for i in range(len(names) + 1)]
    assert log.start_times.tolist() == [min(row[1] for row in got if row[0] == name) for name in names]
    assert log.entity_index(pa.array([*names, "nobody", None])).tolist() == [*range(len(names)), -1, -1]
    assert [log.type_index(name) for name in log.event_types] == list(range(len(log.event_types)))
    assert log.type_index("nothing") is None

    # Order, chunks and threads never show.
    shuffled = data.draw(st.permutations(rows))
    chunk = data.draw(st.integers(1, 7))
    threads = data.draw(st.sampled_from([1, 2, 4, 8]))
    again = EventLog.from_arrow(
        make(shuffled).to_batches(max_chunksize=chunk) or make([]),
        event_id="id",
        duplicates=policy,
        exclude_events=exclude,
        observed_until=2**63 - 1,
        threads=threads,
        **KEYWORDS,
    )
    if policy != "id" or all(len({row[:6] for row in group}) == 1 for group in by_id.values()):
        assert again.digest == log.digest
    assert (again.n_events, again.accounting) == (log.n_events, account)


@settings(max_examples=40, deadline=None)
@given(ROWS.filter(bool), st.permutations(["parquet", "csv", "arrow", "plain"]), st.integers(0, 2**32))
def test_any_split_into_files_of_any_kind(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], kinds: list[str], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("split")
    whole = make(rows)
    stamps = whole.set_column(1, "time", whole["time"].cast(pa.int64()))
    for i, kind in enumerate(kinds):
        part = stamps.filter(pa.array([(seed >> (j % 32)) % 4 == i for j in range(len(rows))]))
        if kind == "csv":
            write_csv(part.to_pylist(), folder / f"{i}.csv")
        elif kind == "arrow":
            with pa.ipc.new_file(str(folder / f"{i}.arrow"), part.schema) as sink:
                sink.write_table(part, max_chunksize=2)
        else:
            pq.write_table(part, folder / f"{i}.parquet", use_dictionary=kind == "parquet", row_group_size=3)
    count = sum((seed >> (j % 32)) % 4 < 4 for j in range(len(rows)))
    log = EventLog.read(
        folder, value="value", attributes={"kind": "text", "score": "number"}, time_unit="us", plausible_years=None
    )
    assert log.n_events == count == len(rows)
    assert log.digest == EventLog.from_arrow(whole, **KEYWORDS).digest


def write_csv(rows: list[dict[str, Any]], path: Path) -> None:
    def cell(value: Any) -> str:
        return "" if value is None else '"' + str(value).replace('"', '""') + '"'

    lines = [",".join(NAMES), *(",".join(cell(row[name]) for name in NAMES) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.threaded
def test_threads_and_batches_of_a_larger_log() -> None:
    n = 300_000
    rows = pa.table(
        {
            "entity": pa.array([f"entity-{(i * 7919) % 4001}" for i in range(n)]),
            "time": pa.array([(i * 104_729) % 997 for i in range(n)], pa.timestamp("us", "UTC")),
            "event": pa.array([f"type-{(i * 31) % 70}" for i in range(n)]),
            "kind": pa.array([f"k{i % 13}" if i % 3 else None for i in range(n)]),
        }
    )
    digests = {
        EventLog.from_arrow(data, attributes=["kind"], threads=threads).digest
        for threads, data in (
            (1, rows),
            (2, rows),
            (4, rows.take(pa.array(range(n - 1, -1, -1)))),
            (8, rows.to_batches(max_chunksize=1_009)),
        )
    }
    assert len(digests) == 1


# --- what the digest tells ----------------------------------------------------------------------------------------


def test_the_digest_tells_every_difference() -> None:
    rows: list[Row] = [("a", 1, "x", 1.0, "k", 2.0, "i"), ("b", 2, "y", None, None, None, "j")]
    logs = [
        EventLog.from_arrow(make(rows), **KEYWORDS),
        EventLog.from_arrow(make([("c", *rows[0][1:]), rows[1]]), **KEYWORDS),
        EventLog.from_arrow(make([("a", 0, *rows[0][2:]), rows[1]]), **KEYWORDS),
        EventLog.from_arrow(make([("a", 1, "z", *rows[0][3:]), rows[1]]), **KEYWORDS),
        EventLog.from_arrow(make([("a", 1, "x", 9.0, *rows[0][4:]), rows[1]]), **KEYWORDS),
        EventLog.from_arrow(make([(*rows[0][:4], "", 2.0, "i"), rows[1]]), **KEYWORDS),
        EventLog.from_arrow(make([(*rows[0][:4], None, 2.0, "i"), rows[1]]), **KEYWORDS),
        EventLog.from_arrow(make([(*rows[0][:5], 3.0, "i"), rows[1]]), **KEYWORDS),
        EventLog.from_arrow(make(rows), timezone="Europe/Berlin", **KEYWORDS),
        EventLog.from_arrow(make(rows), observed_until=3, **KEYWORDS),
        EventLog.from_arrow(
            make(rows), starts={"entity": ["a"], "time": pa.array([0], pa.timestamp("us", "UTC"))}, **KEYWORDS
        ),
        EventLog.from_arrow(make(rows), attributes=["kind", "score"]),
        EventLog.from_arrow(make(rows), value="value", attributes=["kind"]),
        EventLog.from_arrow(
            make(rows).rename_columns(["entity", "time", "event", "value", "k", "score", "id"]),
            value="value",
            attributes=["k", "score"],
        ),
        EventLog.from_arrow(make([*rows, rows[0]]), **KEYWORDS),
    ]
    assert len({log.digest for log in logs}) == len(logs)
    # Names are told apart by where they end, too.
    pairs = [EventLog.from_arrow(table([(name, 1, "x") for name in names])) for names in (("a", "bc"), ("ab", "c"))]
    assert pairs[0].digest != pairs[1].digest
    # An observed_until that says what is known anyway is no difference, and neither are unused columns.
    assert EventLog.from_arrow(make(rows), observed_until=2, **KEYWORDS).digest == logs[0].digest
    assert EventLog.from_arrow(make(rows).append_column("more", pa.array([1, 2])), **KEYWORDS).digest == logs[0].digest


def test_a_log_never_changes(small: pa.Table) -> None:
    log = EventLog.from_arrow(small, attributes=[])
    for array in (log.entity_offsets, log.time, log.code):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(AttributeError, match="never changes"):
        log.time = None  # type: ignore[assignment]
    with pytest.raises(TypeError):
        log.attributes["x"] = None  # type: ignore[index]


def test_native_view_copies_nothing(small: pa.Table) -> None:
    log = EventLog.from_arrow(small)
    assert log.native.time_address == log.time.ctypes.data
    assert log.native is log.native
    assert (log.native.n_events, log.native.n_entities) == (5, 3)


def test_text_and_html_are_escaped_and_short() -> None:
    rows: list[Row] = [("<script>", i, f"<b>{i % 30}") for i in range(60)]
    log = EventLog.from_arrow(table(rows))
    assert repr(log) == "EventLog(60 events, 1 entities, 30 event types)"
    shown = log._repr_html_()
    assert "<b>" not in shown
    assert "&lt;b&gt;" in shown
    assert shown.count("<tr>") <= 22
    assert "and 10 more" in shown
    assert "rows in" in log.accounting._repr_html_() or "rows_in" in log.accounting._repr_html_()
    assert len(log) == 60


# --- duplicates and filters -----------------------------------------------------------------------------------------


def test_duplicates_by_id_need_ids() -> None:
    for bad in (None, ""):
        rows: list[Row] = [("a", 1, "x", "i"), ("a", 1, "x", bad)]
        with pytest.raises(errors.NullKeyError, match="row 1:column 'id'"):
            EventLog.from_arrow(table(rows, ("entity", "time", "event", "id")), event_id="id", duplicates="id")
        log = EventLog.from_arrow(table(rows, ("entity", "time", "event", "id")), event_id="id")
        assert log.accounting.id_duplicates_seen == 0
        assert EventLog.from_arrow(table(rows, ("entity", "time", "event", "id"))).accounting.id_duplicates_seen is None


def test_excluded_types_are_gone_and_typos_are_errors(small: pa.Table) -> None:
    log = EventLog.from_arrow(small, exclude_events=["x"])
    assert log.event_types == ("y", "z")
    assert log.entities.to_pylist() == ["a"]
    assert (log.accounting.filtered, log.accounting.used) == (3, 2)
    with pytest.raises(errors.ParameterError, match=r"'xx'.*did you mean 'x'"):
        EventLog.from_arrow(small, exclude_events=["xx"])


def test_wide_event_codes() -> None:
    n = 70_000
    data = {
        "entity": ["a"] * n,
        "time": pa.array(range(n), pa.timestamp("us", "UTC")),
        "event": [f"{i:06}" for i in range(n)],
    }
    log = EventLog.from_arrow(data)
    assert log.code.dtype == "uint32"
    assert log.code.tolist() == list(range(n))
    assert log.native.n_events == n
    assert log.to_arrow()["event"].to_pylist() == data["event"]
