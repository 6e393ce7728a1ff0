"""Stored runs: they come back as they were, foreign files are refused, and two sets compare with their noise."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_runs import made_runs, stored_runs

import seqmine as sm
from seqmine.capacity.runs import Case, compare_runs, parse_runs, read_runs
from seqmine.errors import CorruptFileError, MissingInputError

SPEC = sm.CapacitySpec(events=30e6, entities=6e5, threads=1, rounds=5)


def test_they_come_back_as_they_were(tmp_path: Path) -> None:
    runs = made_runs(SPEC, noise=0.05)
    (tmp_path / "runs.json").write_text(runs.to_json(), encoding="utf-8")
    back = read_runs(tmp_path / "runs.json")
    assert back.runs == runs.runs
    assert back.to_json() == runs.to_json()
    assert back.to_arrow().equals(runs.to_arrow())
    assert back.machine == "a made machine"


def test_the_mean_round_counts() -> None:
    """The lesser of wall and CPU time with one thread; several are judged by the clock on the wall."""
    (run, *_) = made_runs(SPEC).runs
    seen = replace(run, wall=(5.0, 2.0, 8.0), cpu=(3.0, 2.5, 4.0))
    assert seen.seconds == 3.0  # of 3, 2 and 4
    assert replace(seen, case=replace(run.case, threads=2)).seconds == 5.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"benchmarks": []}',
        '{"benchmarks": [{"name": "x", "stats": {"data": [1]}, "extra_info": {}}]}',
    ],
)
def test_foreign_files(tmp_path: Path, text: str) -> None:
    (tmp_path / "other.json").write_text(text, encoding="utf-8")
    with pytest.raises(CorruptFileError, match=r"other\.json"):
        read_runs(tmp_path / "other.json")


def test_times_that_are_none(tmp_path: Path) -> None:
    stored = stored_runs(SPEC)
    stored["benchmarks"][0]["stats"]["data"] = [float("nan")]
    with pytest.raises(CorruptFileError, match="no set of runs"):
        parse_runs(stored, "made")


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        read_runs(tmp_path / "nowhere.json")


def slower(stored: dict[str, Any], factor: float) -> dict[str, Any]:
    changed = copy.deepcopy(stored)
    for row in changed["benchmarks"]:
        row["stats"]["data"] = [factor * t for t in row["stats"]["data"]]
    return changed


@pytest.mark.parametrize(
    ("factor", "verdict"), [(1.5, "slower"), (1 / 1.5, "faster"), (1.0, "within the noise"), (1.02, "within the noise")]
)
def test_a_change_is_told_from_noise(factor: float, verdict: str) -> None:
    before = stored_runs(SPEC, noise=0.02)
    table = compare_runs(parse_runs(before, "was"), parse_runs(slower(before, factor), "is"))
    assert table.num_rows == len(before["benchmarks"])
    assert set(table["verdict"].to_pylist()) == {verdict}
    assert table["ratio"].to_pylist() == pytest.approx([factor] * table.num_rows)


def test_what_is_noise_follows_from_the_rounds() -> None:
    calm, loud = stored_runs(SPEC, noise=0.001), stored_runs(SPEC, noise=0.3)
    ten_percent = [compare_runs(parse_runs(s, "was"), parse_runs(slower(s, 1.1), "is")) for s in (calm, loud)]
    assert set(ten_percent[0]["verdict"].to_pylist()) == {"slower"}
    assert ten_percent[1]["verdict"].to_pylist().count("within the noise") > ten_percent[1].num_rows // 2


def test_only_equal_cases_compare() -> None:
    other = sm.CapacitySpec(events=30e6, entities=6e5, types=30, threads=1, rounds=5)
    assert compare_runs(made_runs(SPEC), made_runs(other)).num_rows == 0
    names = [run.case.name for run in made_runs(SPEC).runs]
    assert len(set(names)) == len(names)


CHANGES: dict[str, Any] = {
    "seed": 1,
    "window": 604_800_000_001,
    "span": 31_536_000_000_001,
    "min_support": 0.0100000001,
}


@pytest.mark.parametrize("name", [*CHANGES, "top_k", "max_length", "learn_gaps", "types", "entities"])
def test_whatever_changes_the_work_makes_another_case(name: str) -> None:
    workload = made_runs(SPEC).runs[0].case.workload
    other = replace(workload, **{name: CHANGES.get(name, getattr(workload, name) + 1)})
    data = name in {"seed", "span", "types", "entities"}  # what reading the same file does not depend on
    assert Case("mine", workload).name != Case("mine", other).name
    assert (Case("ingest", workload).name != Case("ingest", other).name) == data


def test_the_format_is_json_of_plain_values() -> None:
    assert json.loads(made_runs(SPEC).to_json())["benchmarks"][0]["extra_info"]["case"]["step"] == "ingest"
