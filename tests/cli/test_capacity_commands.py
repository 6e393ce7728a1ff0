"""``seqmine bench`` and ``seqmine capacity``."""

from __future__ import annotations

import errno
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import seqmine as sm
from seqmine.capacity.plan import cases_for
from seqmine.capacity.runs import Case

Seqmine = Callable[..., Any]
ASKED = ("--events", "2e9", "--entities", "4e7", "--types", "300", "--window", "4h")


@pytest.fixture(scope="module")
def runs_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of half a microsecond and 40 bytes an event, in pytest-benchmark's JSON."""

    def row(case: Case) -> dict[str, Any]:
        events = case.workload.events
        found = {"occupancy": 1.0, "scanned_events": events, "nodes": 9, "n_items": 300, "n_entries": events}
        seconds = [4.9e-7 * events, 5.1e-7 * events]  # the mean round counts
        extra = {"case": case.to_dict(), "cpu": seconds, "peak": [150_000_000 + 40 * events] * 2, "found": found}
        return {"name": case.name, "extra_info": extra, "stats": {"data": seconds}}

    spec = sm.CapacitySpec(events=2e9, entities=4e7, types=300, window="4h")
    path = tmp_path_factory.mktemp("runs") / "runs.json"
    rows = [row(case) for case in cases_for(spec) if case.threads == 1]
    path.write_text(json.dumps({"machine_info": {}, "benchmarks": rows}), encoding="utf-8")
    return path


def test_a_plan_for_people(seqmine: Seqmine, runs_file: Path) -> None:
    done = seqmine("capacity", *ASKED, "--runs", runs_file, "--threads", "1", "--memory", "16e9")
    assert done.code == 0, done.err
    assert "time: 50 min (" in done.out  # three steps of 1,000 s
    assert "memory: 80.2 GB at the peak" in done.out
    assert "partitions: " in done.out
    assert "extrapolating in size: 2,000,000,000 events are 667 times the largest run" in done.out
    assert done.err.startswith("plan: ")


def test_a_plan_for_programs(seqmine: Seqmine, runs_file: Path) -> None:
    done = seqmine(
        "capacity", *ASKED, "--runs", runs_file, "--threads", "1", "--within", "10h", "--format", "json", "-q"
    )
    assert (done.code, done.err) == (0, "")
    plan = json.loads(done.out)
    assert plan["hours"]["low"] < plan["hours"]["expected"] == pytest.approx(3000 / 3600, rel=0.01)
    assert plan["cores"] == 1
    assert {step["step"] for step in plan["steps"]} == {"ingest", "label", "mine"}
    assert all(math.isfinite(step["seconds"]["high"]) for step in plan["steps"])


@pytest.mark.parametrize(("text", "gb"), [("64e9", 64.0), ("64GB", 64.0), ("1.5 tb", 1500.0), ("64GiB", 68.719476736)])
def test_memory_has_units(seqmine: Seqmine, runs_file: Path, text: str, gb: float) -> None:
    done = seqmine("capacity", *ASKED, "--runs", runs_file, "--memory", text, "--within", "1h", "--format", "json")
    assert (json.loads(done.out)["memory_gb"], json.loads(done.out)["within"]) == (gb, "1h")


def test_a_plan_as_csv(seqmine: Seqmine, runs_file: Path) -> None:
    done = seqmine("capacity", *ASKED, "--runs", runs_file, "--format", "csv")
    assert done.code == 0, done.err
    header, *rows = done.out.splitlines()
    assert header.replace('"', "").split(",")[:3] == ["step", "seconds_low", "seconds"]
    assert [row.split(",")[0].strip('"') for row in rows] == ["ingest", "label", "mine", "all"]
    assert "\npartitions: " in done.err and "\nextrapolating in size: " in done.err
    assert seqmine("capacity", *ASKED, "--runs", runs_file, "--format", "csv", "--quiet").err == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("capacity", "--events", "10", "--entities", "20"), "are --events and --entities swapped?"),
        (("capacity", "--events", "many", "--entities", "20"), "'many' is no whole number, such as 100000 or 1e5"),
        (("capacity", "--events", "1.5", "--entities", "1"), "'1.5' is no whole number"),
        (("capacity", "--entities", "20"), "--events"),
        (("capacity", *ASKED[:-1], "4"), "window: the duration '4' has no unit"),
        (("bench", "--events", "1e6,1e99999", "--steps", "ingest"), "is no whole number"),
        (("bench", "--steps", "mein"), "did you mean 'mine'?"),
        (("bench", "--events", "100", "--entities", "200"), "cannot share 100 events"),
        (("bench", "--events", "50", "--types", "100"), "cannot occur in 50 events - lower --types"),
        (("bench", "--events", ","), "there is nothing to measure"),
        (("bench", "--events", "-5"), "'-5' is negative, and a size is a positive whole number"),
        (("bench", "--events", "0"), "--events must lie from 1"),
        (("bench", "--types", "1"), "--types must lie from 2"),
        (("bench", "--span", "1h"), "--span must be at least 1d"),
        (("bench", "--seed", "-1"), "--seed must lie from 0"),
        (("capacity", *ASKED, "--window", "5"), "--window: the duration '5' has no unit"),
        (("capacity", *ASKED, "--memory", "64 parsecs"), "is no number of bytes, such as 64e9, 64GB or 64GiB"),
        (("capacity", *ASKED, "--memory", "0GB"), "is no number of bytes"),
        (("simulate", "--output", "x", "--days", "0"), "--days lies between 1 and 3,650"),
        (("simulate", "--output", "x", "--horizon", "999d"), "--horizon lies above 0s"),
        (("simulate", "--output", "x", "--resolution", "7ms"), "--resolution must divide an hour"),
        (("simulate", "--output", "x", "--start", "x"), "--start is a date"),
        (("simulate", "--output", "x", "--seed", "-1"), "--seed lies between"),
        (("bench", "--fail-above", "10"), "--fail-above needs --compare"),
        (("bench", "--compare", "x.json", "--fail-above", "nan"), "--fail-above is a number of percent"),
        (("bench", "--compare", "x.json", "--fail-above", "-1"), "--fail-above"),
    ],
)
def test_nonsense_costs_nothing(seqmine: Seqmine, arguments: tuple[str, ...], said: str) -> None:
    done = seqmine(*arguments)
    assert done.code == 2, done.err
    assert said in done.err
    assert done.out == ""


def test_runs_that_are_not_there(seqmine: Seqmine, tmp_path: Path) -> None:
    assert seqmine("capacity", *ASKED, "--runs", tmp_path / "no.json").code == 66
    (tmp_path / "bad.json").write_text("{}", encoding="utf-8")
    assert seqmine("bench", "--compare", tmp_path / "bad.json").code == 65


@pytest.mark.threaded
def test_bench_saves_and_compares(seqmine: Seqmine, tmp_path: Path) -> None:
    asked = ("bench", "--events", "2e4", "--entities", "400", "--types", "12", "--threads", "2", "--repeat", "2")
    one = (*asked, "--min-support", "0.05", "--steps")
    asked = (*one, "ingest", "--steps", "mine")
    kept = tmp_path / "before.json"
    done = seqmine(*asked, "--save", kept, "--format", "json")
    assert done.code == 0, done.err
    rows = json.loads(done.out)
    assert [(row["step"], row["events"], row["entities"], row["threads"], row["rounds"]) for row in rows] == [
        ("ingest", 20_000, 400, 2, 2),
        ("mine", 20_000, 400, 2, 2),
    ]
    assert seqmine(*asked, "--save", kept).code == 73  # before anything is measured
    stored = json.loads(kept.read_text(encoding="utf-8"))
    for row in stored["benchmarks"]:
        row["stats"]["data"] = [100 * t for t in row["stats"]["data"]]
    kept.write_text(json.dumps(stored), encoding="utf-8")
    done = seqmine(*asked, "--compare", kept)
    assert done.code == 0, done.err
    assert done.out.count("faster") == 2
    assert seqmine(*asked, "--compare", kept, "--fail-above", "0").code == 0
    for row in stored["benchmarks"]:
        row["stats"]["data"] = [t / 100_000 for t in row["stats"]["data"]]
    kept.write_text(json.dumps(stored), encoding="utf-8")
    done = seqmine(*asked, "--compare", kept)
    assert (done.code, done.out.count("slower")) == (0, 2)  # without a limit nothing fails
    done = seqmine(*asked, "--compare", kept, "--fail-above", "1e6")
    assert (done.code, done.out.count("slower")) == (0, 2)
    done = seqmine(*asked, "--compare", kept, "--fail-above", "10", "--quiet")
    assert done.code == 5
    assert done.err.count("% slower, which is above 10 %") == 2
    done = seqmine(*one, "ingest", "--seed", "1", "--compare", kept, "--fail-above", "10")
    assert (done.code, done.out) == (69, "")
    done = seqmine(*one, "mine", "--top-k", "7", "--compare", kept)
    assert (done.code, done.out) == (69, "")
    assert "before.json: no run has the sizes, options and threads of one" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("bench", "--events", "1e9", "--save"),
        ("capacity", *ASKED, "--save"),
        ("simulate", "--events", "1e9", "--output"),
        ("find", "shop", "visit", "--output"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_before_the_work(
    seqmine: Seqmine, shop_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    def worked(*_: object, **__: object) -> None:
        raise AssertionError("work was done")

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    for place in (
        "capacity.bench.bench",
        "capacity.plan.measure",
        "simulation.write_simulation",
        "events.EventLog.read",
    ):
        monkeypatch.setattr(f"seqmine.{place}", worked)
    monkeypatch.setattr("tempfile.mkstemp", denied)
    arguments = tuple(str(shop_file) if argument == "shop" else argument for argument in arguments)
    done = seqmine(*arguments, tmp_path / "result.json")
    assert done.code == 77, done.err
    assert "cannot write: Permission denied" in done.err
    assert list(tmp_path.iterdir()) == []
