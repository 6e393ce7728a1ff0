"""Equal specs give equal bytes, however the work is cut up."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

import seqmine as sm
from seqmine.simulation import Truth
from seqmine.simulation.blocks import blocks, live_block
from seqmine.simulation.build import build
from seqmine.simulation.world import Batch

SPEC = sm.SimulationSpec(n_entities=700, mean_events=50, branching=0.3, duplicate_share=0.02, seed=11, label_noise=0.05)
TABLES = ("instances", "outcomes", "entities")


def same(first: tuple[sm.EventLog, Truth], second: tuple[sm.EventLog, Truth]) -> bool:
    tables = all(getattr(first[1], name).equals(getattr(second[1], name)) for name in TABLES)
    return first[0].digest == second[0].digest and first[1].to_json() == second[1].to_json() and tables


def joined(parts: list[Batch]) -> dict[str, bytes]:
    columns = zip(*parts, strict=True)
    return {name: np.concatenate(column).tobytes() for name, column in zip(Batch._fields, columns, strict=True)}


def test_a_seed_is_a_world() -> None:
    first = sm.simulate(SPEC, threads=1)
    assert same(first, sm.simulate(SPEC, threads=1))
    other = sm.simulate(dataclasses.replace(SPEC, seed=12), threads=1)
    assert first[0].digest != other[0].digest
    assert not set(first[1].entities["exposure"].to_pylist()) & set(other[1].entities["exposure"].to_pylist())


@pytest.mark.threaded
def test_threads_do_not_show() -> None:
    built = build(dataclasses.replace(SPEC, n_entities=3_000))
    one, many = (list(blocks(built, threads, 10_000)) for threads in (1, 3))
    assert len(one) > 10
    assert [first for first, _ in one] == [first for first, _ in many]
    assert joined([batch for _, batch in one]) == joined([batch for _, batch in many])
    assert same(sm.simulate(SPEC, threads=1), sm.simulate(SPEC, threads=3))


@pytest.mark.parametrize("rows", [1, 500, 7_000])
def test_blocks_do_not_show(rows: int) -> None:
    built = build(SPEC)
    whole = live_block(built, 0, SPEC.entities)
    assert joined([batch for _, batch in blocks(built, 1, rows)]) == joined([whole])
    assert len(whole.time) > 7_000


def test_room_that_runs_out_does_not_show() -> None:
    """An entity with more events than the first guess has room for, and a block that is made in several goes."""
    spec = dataclasses.replace(SPEC, n_entities=60, size_sigma=1.5, mean_events=30_000.0)
    built = build(spec)
    whole = live_block(built, 0, 60)
    assert int(whole.n_events.max()) > 65_536 + 1.2 * 30_008
    assert joined([live_block(built, i, i + 1) for i in range(60)]) == joined([whole])


def test_an_entity_does_not_know_how_many_there_are() -> None:
    few, many = build(SPEC), build(dataclasses.replace(SPEC, n_entities=1_400))
    assert joined([live_block(few, 300, 700)]) == joined([live_block(many, 300, 700)])


def test_what_is_planted_in_one_family_leaves_the_others_alone() -> None:
    """The same world without one moment: who the entities are, and other plantings, are the same."""
    spec = dataclasses.replace(SPEC, rates={"churn": 0, "vip": 0, "referral": 0})
    fewer = dataclasses.replace(spec, moments=spec.moments[:-1])
    (_, all_of), (_, but_one) = sm.simulate(spec, threads=1), sm.simulate(fewer, threads=1)
    for name in ("time", "segment", "exposure", "size", "followed_until"):
        assert all_of.entities[name].equals(but_one.entities[name]), name
    for moment in but_one.moments:
        assert all_of.instances_of(moment.name)["ready_time"].equals(but_one.instances_of(moment.name)["ready_time"])


def test_the_log_is_the_one_that_its_own_rows_give(world: tuple[sm.EventLog, Truth]) -> None:
    """The log is put together without sorting; reading its rows in any order gives the same log."""
    log, truth = world
    table = log.to_arrow()
    mixed = table.take(np.random.default_rng(0).permutation(table.num_rows))
    seen = truth.entities.filter(np.asarray(truth.entities["n_events"]) > 0)
    again = sm.EventLog.from_arrow(
        mixed,
        value="value",
        attributes=["channel", "ingested_at"],
        starts=seen.select(["entity", "time"]),
        observed_until="2026-01-01T00:00:00Z",
    )
    assert again.digest == log.digest
    assert again.accounting == log.accounting
    assert log.accounting.exact_duplicates_seen > 0


def test_nothing_of_numba_before_the_first_simulation() -> None:
    code = (
        "import sys, seqmine as sm\n"
        "spec = sm.SimulationSpec(n_entities=5); sm.simulate; print('numba' in sys.modules)\n"
        "sm.simulate(spec, threads=1); print('numba' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
