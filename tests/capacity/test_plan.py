"""Plans from runs whose law is known."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from made_runs import BASE, HELD, INGEST, MINE, made_runs, planted_seconds

import seqmine as sm
from seqmine.capacity.runs import Case
from seqmine.errors import InsufficientDataError, ParameterError

GB = 10**9
# At 667 times the largest run; sums that grow otherwise fit exact runs nearly as well, and are in the plan.
LOG = math.log2(2e9)


def spec(**changes: Any) -> sm.CapacitySpec:
    return sm.CapacitySpec(**{"events": 2e9, "entities": 4e7, "types": 300, "window": "4h", "threads": 1} | changes)


def test_the_planted_law_comes_back() -> None:
    wanted = spec(memory=1000 * GB)
    plan = sm.plan_capacity(wanted, runs=made_runs(wanted))
    assert plan.hours.expected * 3600 == pytest.approx((INGEST + MINE * LOG + 1e-9) * 2e9, rel=0.05)
    assert plan.peak_gb.expected == pytest.approx((BASE + HELD * 2e9) / 1e9, rel=0.01)
    assert plan.hours.low < plan.hours.expected < plan.hours.high
    assert [step.step for step in plan.steps] == ["ingest", "label", "mine"]
    assert plan.partitions == 1


def test_threads_follow_the_planted_contention() -> None:
    wanted = spec(threads=8)
    plan = sm.plan_capacity(wanted, runs=made_runs(wanted, threads=(2, 4, 8)))
    share = (1 + 0.1 * 7) / 8
    assert plan.steps[2].threads.sigma == pytest.approx(0.1, abs=1e-6)
    assert plan.steps[2].seconds.expected == pytest.approx(MINE * LOG * 2e9 * share, rel=0.05)
    assert not any(line.startswith("threads") for line in plan.extrapolating)
    more = sm.plan_capacity(spec(threads=64), runs=made_runs(wanted, threads=(2, 4, 8)))
    assert "threads: 64 are planned, 8 were measured" in more.extrapolating


def test_partitions_are_the_fewest_that_fit() -> None:
    wanted = spec(memory=16 * GB)
    plan = sm.plan_capacity(wanted, runs=made_runs(wanted))
    assert plan.partitions is not None

    def most(parts: int) -> float:
        part = spec(events=-(-2_000_000_000 // parts), entities=-(-40_000_000 // parts), memory=16 * GB)
        return sm.plan_capacity(part, runs=made_runs(part)).peak_gb.high

    assert plan.partitions >= 2e9 * HELD / (16 * GB)
    assert most(plan.partitions) <= 16.0 < most(plan.partitions - 1)


def test_the_engine_holds_so_many_entries() -> None:
    huge = spec(events=2e10, entities=4e8, memory=10**6 * GB)
    assert sm.plan_capacity(huge, runs=made_runs(huge)).partitions == 5  # 2^32 entries each


def test_nothing_fits_less_than_the_program() -> None:
    tiny = spec(memory=1_000_000)
    plan = sm.plan_capacity(tiny, runs=made_runs(tiny))
    assert plan.partitions is None
    assert any("not even small parts fit" in note for note in plan.notes)


def test_cores_for_a_time() -> None:
    runs = made_runs(spec(), threads=(2, 4, 8, 16))
    free = sm.plan_capacity(spec(), runs=runs)
    quarter = sm.plan_capacity(spec(within=f"{int(free.hours.high * 3600 / 4)}s"), runs=runs)
    assert quarter.cores is not None
    # Amdahl with a tenth in one thread: a quarter of the time takes 6 cores or a little more.
    assert 6 <= quarter.cores <= 9
    never = sm.plan_capacity(spec(within="1m"), runs=runs)
    assert never.cores is None
    assert any("no number of cores" in note and "machines" in note for note in never.notes)
    assert never.to_dict()["within"] == "1m" and free.to_dict()["within"] is None
    (said,) = [note for note in never.notes if "machines of" in note]
    machines = int(said.split("use ")[1].split(" machines")[0].replace(",", ""))
    part = spec(events=-(-2_000_000_000 // machines), entities=-(-40_000_000 // machines), within="1m")
    assert sm.plan_capacity(part, runs=runs).cores is not None  # the part that each machine has is done in time


def test_a_time_that_no_machines_reach() -> None:
    def seconds(case: Case) -> float:  # three seconds are there before the first row
        return 3.0 + planted_seconds(case)

    wanted = spec(within="1s")
    plan = sm.plan_capacity(wanted, runs=made_runs(wanted, seconds=seconds))
    assert plan.cores is None
    assert any("more machines do not help either: a part of 37" in note for note in plan.notes)
    assert not any("use " in note for note in plan.notes)


def test_extrapolation_is_said_in_words() -> None:
    wanted = spec()
    said = sm.plan_capacity(wanted, runs=made_runs(wanted, noise=0.03)).extrapolating
    assert any(line.startswith("size: 2,000,000,000 events are 667 times the largest run (3,000,000)") for line in said)
    assert any(line.startswith("growth: the runs cannot tell") for line in said)
    near = spec(events=3e6, entities=6e4)
    assert sm.plan_capacity(near, runs=made_runs(near)).extrapolating == ()


def test_runs_below_a_batch_do_not_pretend_to_know_the_memory() -> None:
    def peak(case: Case) -> float:  # as measured: 135 bytes an event while ingest's first batch fills, 35 beyond
        n = case.workload.events
        return 155e6 + 35.0 * n + (100.0 * min(n, 2**20) if case.step == "ingest" else 0.0)

    for events, most in ((3e7, 300_000), (4e6, 300_000), (3e7, 1_000_000), (3e7, 3_000_000)):
        wanted = spec(events=events, entities=events / 50, types=100, max_events=most)
        plan = sm.plan_capacity(wanted, runs=made_runs(wanted, peak=peak))
        truth = 155e6 + 35.0 * events + 100.0 * 2**20
        ingest = plan.steps[0].peak
        assert ingest.low < truth < ingest.high
        assert any(line.startswith("memory: peaks of runs below 2,097,152") for line in plan.extrapolating) == (
            most < 2e6
        )
        if most > 2e6:
            assert ingest.expected == pytest.approx(truth, rel=0.05)


def test_noise_and_distance_widen() -> None:
    def width(noise: float, events: float) -> float:
        wanted = spec(events=events, entities=events / 50)
        hours = sm.plan_capacity(wanted, runs=made_runs(wanted, noise=noise)).hours
        return hours.high / hours.low

    assert width(0.0, 30e6) < width(0.08, 30e6)
    assert width(0.02, 30e6) < width(0.02, 3e9)


def test_a_busy_machine_is_told() -> None:
    wanted = spec()
    runs = made_runs(wanted)
    busy = replace(runs, runs=tuple(replace(run, wall=tuple(2 * t for t in run.wall)) for run in runs.runs))
    plan = sm.plan_capacity(wanted, runs=busy)
    assert any("this machine was busy" in note for note in plan.notes)
    assert plan.hours.expected == sm.plan_capacity(wanted, runs=runs).hours.expected


def test_runs_of_another_shape_are_refused() -> None:
    with pytest.raises(InsufficientDataError, match="fewer than 4 sizes of a log of this shape"):
        sm.plan_capacity(spec(window="5h"), runs=made_runs(spec()))


def test_what_a_plan_says_of_itself() -> None:
    wanted = spec()
    plan = sm.plan_capacity(wanted, runs=made_runs(wanted))
    table = plan.to_arrow()
    assert table["step"].to_pylist() == ["ingest", "label", "mine", "all"]
    assert plan.to_dict()["hours"]["expected"] == plan.hours.expected
    assert "<table>" in plan._repr_html_()
    assert not any(isinstance(case, Case) and case.workload.events > 3_000_000 for case in _cases(plan))


def _cases(plan: sm.CapacityPlan) -> list[Case]:
    return [run.case for run in plan.runs.runs]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"entities": 3e9}, "cannot share 2,000,000,000 events - every entity"),
        ({"events": 1000, "entities": 10, "types": 2000}, "2,000 event types cannot occur in 1,000 events"),
        ({"events": 0}, "events must lie from 1"),
        ({"events": 1.5}, "events must be a whole number, not 1.5"),
        ({"events": True}, "events must be a whole number"),
        ({"types": 1}, "types must lie from 2"),
        ({"window": "400d"}, "window is longer than the whole log"),
        ({"window": 4}, "window"),
        ({"span": "1h", "window": "1m"}, "span must be at least 1d"),
        ({"min_support": 0.0}, "min_support must lie between 0 and 1"),
        ({"level": 1.0}, "level must lie between 0 and 1"),
        ({"within": "10ms"}, "within must be at least 1s"),
        ({"threads": -1}, "threads must be a whole number"),
        ({"max_events": 100}, "max_events must lie from"),
        ({"entities": 1000}, "raise max_events= to at least"),
        ({"events": 200, "entities": 50, "types": 3}, "a log that small needs no plan"),
    ],
)
def test_nonsense_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError) as caught:
        spec(**changes)
    assert said in str(caught.value)


def test_what_is_no_spec() -> None:
    with pytest.raises(ParameterError, match="spec must be of type CapacitySpec"):
        sm.plan_capacity({"events": 2e9})  # type: ignore[arg-type]


def test_runs_that_are_none() -> None:
    with pytest.raises(ParameterError, match="runs is a file or a RunSet, not 5"):
        sm.plan_capacity(spec(), runs=5)  # type: ignore[arg-type]
