"""Whole results are the same bytes for any threads, runs of rows and points, order of rows, partition of entities."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

import seqmine as sm
from seqmine.windows import chunks, knowledge
from seqmine.windows.tables import CountTables

from .small_logs import Case, made_case

KINDS = ("exists(x) within 2d", "sum(value of x) within 2d", "table")


def case(text: str) -> Case:
    return made_case(text, 7, n=1400, repeats="all", placebos=("old",), segments=("plan",), company=("mail",))


def bytes_of(case: Case) -> bytes:
    """Of all tables of the result."""
    result = sm.scan_windows(case.log(), case.pattern, "act", case.study, case.window_options)
    sink = pa.BufferOutputStream()
    for table in (result.to_arrow(), result.curve(), result.segments()):
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table.combine_chunks())
    return sink.getvalue().to_pybytes() + repr(dict(result.excluded)).encode()


@pytest.fixture(scope="module", params=KINDS)
def known(request: pytest.FixtureRequest) -> tuple[Case, bytes]:
    made = case(request.param)
    return made, bytes_of(made)


def test_the_result_has_everything_that_could_differ(known: tuple[Case, bytes]) -> None:
    made, _ = known
    result = sm.scan_windows(made.log(), made.pattern, "act", made.study, made.window_options)
    row = result.to_arrow().to_pylist()[0]
    assert row["status"] != "not_identified", row["statement"]
    for name in ("effect", "se", "balance", "p_placebo", "p_scan", "all_effect", "naive_effect"):
        assert row[name] is not None, name
    assert result.curve().num_rows == 56 and result.segments().num_rows == 2 * len(result)


@pytest.mark.threaded
@pytest.mark.parametrize("threads", [2, 4])
def test_threads(known: tuple[Case, bytes], threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "ROWS", 100)
    made, expected = known
    assert bytes_of(replace(made, options={**made.options, "threads": threads})) == expected


@pytest.mark.parametrize("rows", [7, 100])
def test_runs_of_rows(known: tuple[Case, bytes], rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "ROWS", rows)
    made, expected = known
    assert bytes_of(made) == expected


def test_runs_of_points(known: tuple[Case, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knowledge, "_POINTS", 5)
    made, expected = known
    assert bytes_of(made) == expected


def test_order_of_the_rows_of_the_log(known: tuple[Case, bytes]) -> None:
    made, expected = known
    events = list(made.events)
    random.Random(2).shuffle(events)
    assert bytes_of(replace(made, events=events)) == expected


def test_counts_of_partitions_add_up(known: tuple[Case, bytes]) -> None:
    """Three parts of the entities, counted apart, are the whole: cells, curve, and effect."""
    made, _ = known
    result = sm.scan_windows(made.log(), made.pattern, "act", made.study, made.window_options)
    pair = result._analyses[0].pair
    assert pair is not None
    whole = pair.judge(pair.estimation)
    part = pair.design.rows.entity % 3
    parts = [pair.judge(pair.estimation & (part == i)).tables for i in range(3)]
    total = parts[0] + parts[1] + parts[2]
    assert isinstance(total, CountTables)
    for one, other in ((total.treated, whole.tables.treated), (total.control, whole.tables.control)):
        assert one.tobytes() == other.tobytes()
    assert total.scale == whole.tables.scale
    for name in ("n", "lost", "observed", "u", "v"):
        found, expected = getattr(total.curve(), name), getattr(whole.tables.curve(whole.cells), name)
        assert np.asarray(found).tobytes() == np.asarray(expected).tobytes()
    effect = whole.estimate(np.ones(pair.n_bins, np.bool_) & ~whole.cells.always).effect
    assert total.curve().u.sum() / total.curve().n.sum() == pytest.approx(effect, abs=1e-12)


@pytest.mark.parametrize("unit", [2.0**-40, 2.0**30])
def test_the_unit_of_values_shows_in_nothing_but_values(unit: float) -> None:
    made = case("sum(value of x) within 2d")
    other = [replace(e, value=e.value * unit) if e.event == "x" and e.value else e for e in made.events]
    one, two = (
        sm.scan_windows(made.log(), made.pattern, "act", made.study, made.window_options).to_arrow().to_pylist()
        for made in (made, replace(made, events=other))
    )
    assert len(one) == len(two)
    for first, second in zip(one, two, strict=True):
        for name in ("effect", "se", "observed", "naive_effect", "outside_effect", "delta"):
            if first[name] is not None:
                first[name] *= unit
        for name in ("effect", "se", "p", "observed", "balance", "p_placebo", "p_scan", "naive_effect", "n_treated"):
            assert second[name] == pytest.approx(first[name], rel=1e-6), name
        for name in ("lo", "hi", "status", "window", "naive_lo", "balance_worst"):
            assert second[name] == first[name], name
