"""Runs cases: pytest-benchmark drives them, in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from seqmine.capacity.runs import PLAN_VARIABLE, Case, RunSet, parse_runs
from seqmine.errors import InternalError, MissingDependencyError

__all__ = ["measure"]


def measure(cases: Sequence[Case]) -> RunSet:
    """Measure cases, in order.

    Raises
    ------
    MissingDependencyError
        pytest-benchmark is not installed.
    SeqmineError
        A step refused its input, for example `InsufficientDataError`.
    """
    if importlib.util.find_spec("pytest_benchmark") is None:
        raise MissingDependencyError(
            "measuring needs pytest-benchmark, which is not installed", hint="pip install 'seqmine[bench]'"
        )
    with tempfile.TemporaryDirectory(prefix="seqmine-bench-") as scratch:
        stored = Path(scratch) / "runs.json"
        command = [
            *(sys.executable, "-m", "pytest", "--pyargs", "seqmine.capacity.cases"),
            # Not the configuration, plugins or caches of whatever directory the user is in.
            *("-c", os.devnull, "--rootdir", scratch, "-p", "no:cacheprovider"),
            *(
                "-q",
                "--maxfail=1",
                "--tb=line",
                "--benchmark-disable-gc",
                f"--benchmark-json={stored}",
                f"--benchmark-storage=file://{scratch}",
            ),
        ]
        plan = json.dumps([case.to_dict() for case in cases])
        environment = {**os.environ, PLAN_VARIABLE: plan, "PYTEST_ADDOPTS": "", "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        if done.returncode != 0:
            _raise_from(done.stdout + done.stderr)
        return parse_runs(json.loads(stored.read_text(encoding="utf-8")), str(stored))


def _raise_from(output: str) -> None:
    from seqmine import errors

    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for line in lines:
        for name in ("InsufficientDataError", "ParameterError", "MemoryBudgetExceeded"):
            _, found, rest = line.partition(f"seqmine.errors.{name}: ")
            if found:
                raise getattr(errors, name)(rest)
    telling = next((line for line in lines if "Error" in line or "disagree" in line), lines[-1] if lines else "")
    raise InternalError(f"the benchmarks failed: {telling}")
