"""The benchmarks that pytest-benchmark runs for `seqmine bench` and `seqmine capacity`; see `measure`.

Every round is a fresh process (`steps`). pytest-benchmark's timer is a clock that stands still but for the seconds that
the steps report, so start-up and preparation are outside of every figure, and its JSON holds the steps' own times.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from seqmine.capacity.runs import PLAN_VARIABLE, Case, case_from
from seqmine.capacity.steps import run_step
from seqmine.capacity.workload import Workload


class _Clock:
    """Seconds that steps have taken so far, in this session."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


_CLOCK = _Clock()
_CASES = [case_from(item) for item in json.loads(os.environ.get(PLAN_VARIABLE, "[]"))]


def _data_key(workload: Workload) -> str:
    """Workloads that read the same file."""
    named = asdict(workload)
    data = {name: named[name] for name in ("events", "entities", "types", "span", "seed")}
    return hashlib.blake2b(json.dumps(data).encode(), digest_size=8).hexdigest()


class _Inputs:
    """The events and the saved log of a workload, made when first needed and removed after its last case."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.left = [_data_key(case.workload) for case in _CASES]
        self.answers: dict[tuple[Workload, str], str] = {}

    def folder(self, case: Case) -> Path:
        folder = self.root / _data_key(case.workload)
        if not folder.exists():
            folder.mkdir()
            run_step("write", case.workload, folder, 1)
        if case.step != "ingest" and not (folder / "log").exists():
            run_step("ingest", case.workload, folder, 0)
        return folder

    def done(self, case: Case) -> None:
        key = _data_key(case.workload)
        self.left.remove(key)
        if key not in self.left:
            shutil.rmtree(self.root / key, ignore_errors=True)


@pytest.fixture(scope="module")
def inputs() -> Iterator[_Inputs]:
    with tempfile.TemporaryDirectory(prefix="seqmine-bench-") as root:
        yield _Inputs(Path(root))


@pytest.mark.benchmark(timer=_CLOCK)
@pytest.mark.parametrize("case", _CASES, ids=[case.name for case in _CASES])
def test_step(case: Case, inputs: _Inputs, benchmark: Any) -> None:
    folder = inputs.folder(case)
    rounds: list[dict[str, Any]] = []

    def one_round() -> None:
        rounds.append(run_step(case.step, case.workload, folder, case.threads))
        _CLOCK.now += rounds[-1]["wall"]

    benchmark.group = case.step
    benchmark.pedantic(one_round, rounds=case.rounds, iterations=1)
    found = {name: value for name, value in rounds[-1].items() if name not in ("wall", "cpu", "peak", "answer")}
    benchmark.extra_info.update(
        case=case.to_dict(), cpu=[row["cpu"] for row in rounds], peak=[row["peak"] for row in rounds], found=found
    )
    # A time counts only if the answer is right: the same in every round, with any number of threads.
    answers = {row["answer"] for row in rounds}
    answers.add(inputs.answers.setdefault((case.workload, case.step), rounds[0]["answer"]))
    inputs.done(case)
    assert len(answers) == 1, f"{case.name}: rounds or threads disagree about the answer"
