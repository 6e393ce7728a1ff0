"""Run the simulations that hold `mine(log, study)` to its statistics, and write docs/statistical-validation.md.

`make validate-statistics` calls it. Exits with 1 when a target is missed by more than two standard errors. The
simulations are listed in tools/simulations.py.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import statistics
import subprocess
import sys
import time
import traceback
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from gates import ROOT, Gate, Measures, Simulation
from simulations import SIMULATIONS, runs

import seqmine

PAGE = ROOT / "docs" / "statistical-validation.md"

RESAMPLES = 2_000


@dataclass(frozen=True)
class Verdict:
    """What came of a gate."""

    gate: Gate
    estimate: float
    error: float
    n_values: int
    holds: bool


def judge(gate: Gate, by_run: list[list[float]]) -> Verdict:
    """Pool the runs; the standard error is that at the target, or of the run means where these vary more."""
    values = [x for run in by_run for x in run]
    if not values:
        return Verdict(gate, math.nan, math.nan, 0, False)
    estimate = statistics.median(values) if gate.median else statistics.fmean(values)
    error = median_error(by_run) if gate.median else rate_error(gate.target, by_run, len(values))
    if gate.relation == "<=":
        holds = estimate <= gate.target + 2 * error
    elif gate.relation == ">=":
        holds = estimate >= gate.target - 2 * error
    else:
        # The width is for 1,000 values; with fewer the band is as wide as chance asks (0.035 at 200).
        holds = abs(estimate - gate.target) <= max(gate.width, 2.3 * error)
    return Verdict(gate, estimate, error, len(values), holds)


def rate_error(target: float, by_run: list[list[float]], n_values: int) -> float:
    """Of a share of 0/1 values; those of one run are not independent, so runs are resampled as they are."""
    binomial = math.sqrt(target * (1 - target) / n_values)
    means = [statistics.fmean(run) for run in by_run if run]
    if max(map(len, by_run)) == 1 or len(means) < 2:
        return binomial
    return max(binomial, statistics.stdev(means) / math.sqrt(len(means)))


def median_error(by_run: list[list[float]]) -> float:
    """Bootstrap over runs."""
    import random

    rng = random.Random(0)
    medians = []
    for _ in range(RESAMPLES):
        values = [x for run in rng.choices(by_run, k=len(by_run)) for x in run]
        if values:
            medians.append(statistics.median(values))
    return statistics.pstdev(medians)


def table(simulation: Simulation, n_runs: int, seconds: float, verdicts: list[Verdict]) -> list[str]:
    lines = [
        f"## {title_of(simulation)}",
        "",
        simulation.words,
        "",
        f"{n_runs:,} runs, seeds 1 to {n_runs:,}; {seconds:,.0f} processor seconds; commit {commit()}.",
        "",
        "| measure | observed | standard error | values | target | |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for verdict in verdicts:
        gate = verdict.gate
        target = f"{gate.target - gate.width:.2f} to {gate.target + gate.width:.2f}"
        target = target if gate.relation == "within" else f"{gate.relation} {gate.target:.2f}"
        holds = "holds" if verdict.holds else "**missed**"
        lines.append(
            f"| {gate.words} | {verdict.estimate:.3f} | {verdict.error:.3f} | {verdict.n_values:,} "
            f"| {target} | {holds} |"
        )
    return [*lines, ""]


def commit() -> str:
    git = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def head(n_missed: int) -> list[str]:
    return [
        "# Statistical validation",
        "",
        "Written by `make validate-statistics` (tools/validate_statistics.py); not by hand. Each simulation",
        "makes logs of known truth (tests/evidence_*.py and tests/windows/worlds.py, which share no code",
        "with seqmine), mines or scans them through the public door as a user would, and compares what is",
        "claimed with what was put in. A target is missed when the observed value lies more than two",
        "standard errors beyond it; the error is that at the target, or of the runs' own means where these",
        "vary more. The seed of a run is its number times 1,000,003. Each section names the commit that it",
        "was run on (`--update` runs some of them anew and leaves the others).",
        "",
        f"seqmine {seqmine.__version__}; Python {platform.python_version()}, {platform.machine()}.",
        "**All targets hold.**" if n_missed == 0 else f"**Targets missed: {n_missed}.**",
        "",
    ]


def sections(text: str) -> dict[str, list[str]]:
    """The sections of a page by their titles."""
    found: dict[str, list[str]] = {}
    for part in text.split("\n## ")[1:]:
        found[part.partition("\n")[0]] = [f"## {part}".rstrip(), ""]
    return found


def whole_page(old: str, new: dict[str, list[str]]) -> str:
    """The new sections, and of the old page those that were not run, in the order of the simulations."""
    known = sections(old) | new
    parts = [known[title] for one in SIMULATIONS if (title := title_of(one)) in known]
    body = [line for part in parts for line in part]
    return "\n".join([*head("\n".join(body).count("**missed**")), *body]).rstrip() + "\n"


def title_of(simulation: Simulation) -> str:
    return simulation.name[0].upper() + simulation.name[1:]


def simulate(pool: ProcessPoolExecutor, one: Simulation, n_runs: int) -> tuple[list[str], list[Verdict]]:
    """All runs of one simulation, side by side; its part of the page and its verdicts."""
    began = time.perf_counter()
    jobs: list[Future[tuple[Measures, float]]] = [
        pool.submit(runs.timed, one.run, seed, one.arguments) for seed in range(1, n_runs + 1)
    ]
    done = [job.result() for job in jobs]
    verdicts = [judge(gate, [found.get(gate.measure, []) for found, _ in done]) for gate in one.gates]
    wall = time.perf_counter() - began
    print(f"    {one.name}: {n_runs} runs in {wall:,.0f} s", flush=True)
    for verdict in verdicts:
        said = "holds" if verdict.holds else "MISSED"
        gate = verdict.gate
        print(
            f"        {gate.words}: {verdict.estimate:.3f} (error {verdict.error:.3f}, target {gate.relation} "
            f"{gate.target:g}) {said}",
            flush=True,
        )
    return table(one, n_runs, sum(seconds for _, seconds in done), verdicts), verdicts


def main() -> int:
    """Run all, print as they end, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs-scale", type=float, default=1.0, help="this share of the runs, at least two of each")
    parser.add_argument("--only", nargs="*", help="names of simulations")
    parser.add_argument("--page", type=Path, help="where to write; without it a part of the runs writes no page")
    parser.add_argument("--update", action="store_true", help="write what was run into the page, and leave the rest")
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    chosen = parser.parse_args()
    unknown = set(chosen.only or ()) - {one.name for one in SIMULATIONS}
    if unknown:
        parser.error(f"no simulation {sorted(unknown)}; there are {[one.name for one in SIMULATIONS]}")
    whole = chosen.runs_scale >= 1 and not chosen.only
    page = chosen.page or (PAGE if whole or chosen.update else None)
    parts: dict[str, list[str]] = {}
    verdicts: list[Verdict] = []
    n_broken = 0
    with ProcessPoolExecutor(chosen.processes) as pool:
        for one in SIMULATIONS:
            if chosen.only and one.name not in chosen.only:
                continue
            try:
                part, found = simulate(pool, one, max(2, round(one.n_runs * chosen.runs_scale)))
            except Exception:  # one that breaks must not hide what the others find
                print(f"    {one.name}: BROKEN", flush=True)
                traceback.print_exc()
                n_broken += 1
                continue
            parts[title_of(one)] = part
            verdicts += found
    n_missed = sum(not verdict.holds for verdict in verdicts)
    if page and not n_broken:
        old = page.read_text(encoding="utf-8") if chosen.update and page.is_file() else ""
        page.write_text(whole_page(old, parts), encoding="utf-8")
        print(f"    written to {page}")
    print(f"    {len(verdicts)} targets, {n_missed} missed, {n_broken} simulations broken")
    return 1 if n_missed or n_broken else 0


if __name__ == "__main__":
    sys.exit(main())
