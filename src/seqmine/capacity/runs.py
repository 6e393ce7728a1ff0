"""What was measured: runs as pytest-benchmark stores them, and how two stored sets compare."""

from __future__ import annotations

import json
import math
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from seqmine._text import format_duration
from seqmine.capacity.workload import Workload
from seqmine.errors import CorruptFileError, MissingInputError

__all__ = ["PLAN_VARIABLE", "Case", "Run", "RunSet", "case_from", "compare_runs", "parse_runs", "read_runs"]

PLAN_VARIABLE = "SEQMINE_BENCH_PLAN"

# With one round nothing is known about the noise; two quick runs of the same thing differ by about so much.
_NOISE_OF_ONE = 0.10
_LEAST_NOISE = 0.03


@dataclass(frozen=True)
class Case:
    """One thing to measure: a step on a workload."""

    step: str
    workload: Workload
    threads: int = 1
    rounds: int = 1

    @property
    def name(self) -> str:
        """Everything that decides the work, and nothing else: two sessions compare by it."""
        w = self.workload
        gaps = "-learned" if w.learn_gaps else ""
        asked = f"-{format_duration(w.window)}-length{w.max_length}-top{w.top_k}-{w.min_support!r}{gaps}"
        question = asked if self.step == "mine" else ""
        shape = f"{w.events}x{w.entities}x{w.types}-{format_duration(w.span)}-seed{w.seed}"
        return f"{self.step}-{shape}{question}-{self.threads}t"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def case_from(plain: Mapping[str, Any]) -> Case:
    """Undo `Case.to_dict`."""
    return Case(plain["step"], Workload(**plain["workload"]), plain["threads"], plain["rounds"])


@dataclass(frozen=True)
class Run:
    """A measured case.

    Attributes
    ----------
    wall, cpu
        Seconds, one for each round; of the step alone.
    peak
        Bytes of the step's whole process, one for each round.
    found
        What the step told about its work, for example ``occupancy`` and ``scanned_events``.
    """

    case: Case
    wall: tuple[float, ...]
    cpu: tuple[float, ...]
    peak: tuple[int, ...]
    found: Mapping[str, Any]

    @property
    def seconds(self) -> float:
        """What the work takes on an idle machine: the mean round; with one thread, no more than its CPU time.

        Not the best round, nor the middle one: a long run holds good moments and bad ones in their proportion.
        """
        rounds = map(min, self.wall, self.cpu) if self.case.threads == 1 else self.wall
        return max(1e-6, statistics.mean(rounds))


@dataclass(frozen=True)
class RunSet:
    """Runs of one session, in pytest-benchmark's JSON and as values."""

    stored: Mapping[str, Any]
    runs: tuple[Run, ...]

    def to_json(self) -> str:
        """The text that `read_runs` and pytest-benchmark read."""
        return json.dumps(self.stored, indent=1)

    def to_arrow(self) -> pa.Table:
        """One row per run, in the order measured: what, and seconds, events a second, peak memory."""
        rows = [
            {
                "step": run.case.step,
                "events": run.case.workload.events,
                "entities": run.case.workload.entities,
                "types": run.case.workload.types,
                "threads": run.case.threads,
                "rounds": len(run.wall),
                "seconds": statistics.median(run.wall),
                "least": min(run.wall),
                "most": max(run.wall),
                "cpu_seconds": statistics.median(run.cpu),
                "million_events_per_s": run.case.workload.events / statistics.median(run.wall) / 1e6,
                "peak_mb": max(run.peak) / 1e6,
            }
            for run in self.runs
        ]
        return pa.Table.from_pylist(rows)

    @property
    def machine(self) -> str:
        """The processor that the runs were measured on."""
        info = self.stored.get("machine_info", {})
        cpu = info.get("cpu", {})
        return f"{cpu.get('brand_raw') or info.get('processor') or info.get('machine') or 'unknown processor'}"


def parse_runs(stored: Any, name: str) -> RunSet:
    """Read pytest-benchmark's JSON; benchmarks that are not `seqmine bench`'s are refused."""
    try:
        runs = []
        for row in stored["benchmarks"]:
            extra = row["extra_info"]
            times = tuple(float(t) for t in row["stats"]["data"])
            run = Run(case_from(extra["case"]), times, tuple(extra["cpu"]), tuple(extra["peak"]), extra["found"])
            if not times or not all(math.isfinite(t) and t >= 0 for t in times):
                raise ValueError("times")
            runs.append(run)
        if not runs:
            raise ValueError("no benchmarks")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptFileError(
            "this is no set of runs that `seqmine bench --save` wrote", file=name, hint="measure again with --save"
        ) from error
    return RunSet(stored, tuple(runs))


def read_runs(path: str | os.PathLike[str]) -> RunSet:
    """Read runs that were saved.

    Raises
    ------
    MissingInputError, CorruptFileError
        There is no such file, or it holds something else.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise MissingInputError("there is no such file", file=str(path)) from error
    except UnicodeDecodeError as error:
        raise CorruptFileError("this is no JSON text", file=str(path)) from error
    try:
        stored = json.loads(text)
    except json.JSONDecodeError as error:
        raise CorruptFileError("this is no JSON text", file=str(path), hint="measure again with --save") from error
    return parse_runs(stored, str(path))


def compare_runs(before: RunSet, now: RunSet) -> pa.Table:
    """Compare the cases that both sets have.

    Returns
    -------
    pyarrow.Table
        ``case``, ``was`` and ``is`` (median seconds), ``ratio`` (is / was), ``noise`` (how far a ratio of equals can
        lie from 1: twice the spread of the two medians, from the rounds; with one round on both sides 14 %), and
        ``verdict``: faster, slower, or ``within the noise``. In the order of ``now``.
    """
    old = {run.case.name: run for run in before.runs}
    rows = []
    for run in now.runs:
        if run.case.name not in old:
            continue
        was, is_now = statistics.median(old[run.case.name].wall), statistics.median(run.wall)
        ratio = is_now / was if was > 0 else math.inf
        noise = max(_LEAST_NOISE, 2.0 * math.hypot(_spread(old[run.case.name].wall), _spread(run.wall)))
        verdict = "slower" if ratio > 1 + noise else "faster" if ratio < 1 / (1 + noise) else "within the noise"
        rows.append(
            {"case": run.case.name, "was": was, "is": is_now, "ratio": ratio, "noise": noise, "verdict": verdict}
        )
    fields: list[pa.Field[Any]] = [pa.field(name, pa.float64()) for name in ("was", "is", "ratio", "noise")]
    fields = [pa.field("case", pa.string()), *fields, pa.field("verdict", pa.string())]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def _spread(times: Sequence[float]) -> float:
    """Standard error of the median of some rounds, relative to it."""
    if len(times) < 2:
        return _NOISE_OF_ONE / 2.0
    middle = statistics.median(times)
    # 1.2533: a median's standard error over a mean's, for normal noise.
    return 1.2533 * statistics.stdev(times) / math.sqrt(len(times)) / middle if middle > 0 else 0.0
