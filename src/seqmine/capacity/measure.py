"""Runs cases: pytest-benchmark drives them, in a process of its own."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
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
            *("-c", os.devnull, "--rootdir", scratch, "-p", "no:cacheprovider", "-p", "no:xdist"),
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
        # Nor parallel tests that this may be a part of: pytest-benchmark would measure nothing.
        outer = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_XDIST")}
        environment = {**outer, PLAN_VARIABLE: plan, "PYTEST_ADDOPTS": "", "PYTHONDONTWRITEBYTECODE": "1"}
        # What the runs put aside lies in our own scratch directory, and goes with it however they end.
        output, status = _run(command, {**environment, "TMPDIR": scratch})
        if status != 0:
            _raise_from(output)
        return parse_runs(json.loads(stored.read_text(encoding="utf-8")), str(stored))


def _run(command: list[str], environment: dict[str, str]) -> tuple[str, int]:
    """Run to the end; when that is interrupted, nothing of it goes on."""
    # A session of its own, so that its steps, which are processes too, end with it.
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, start_new_session=True
    ) as process:
        try:
            output, _ = process.communicate()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
        return output, process.returncode


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
