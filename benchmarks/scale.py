"""Time and memory from 1 to 100 million events, how they grow, and how far from the machine's limit; `make scale`.

Every step is a process of its own: simulate a log (sm.simulate's files, in the order of arrival), ingest it, label
every entity, mine the top 100 of length 3 within 7-day gaps at a support of 1 % of the rows, and stream the saved
columns once through memory. Results are kept in build/scale/results.json, so sizes may be measured in several sessions;
docs/scale.md and the measured part of docs/capacity.md are written from it.

    python benchmarks/scale.py --events 1e6,3e6,10e6     measure these, write the page
    python benchmarks/scale.py --capacity                plan 30 M events from runs of at most 3 M, and check the plan
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import measure

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
WORK = ROOT / "build" / "scale"
PAGE = ROOT / "docs" / "scale.md"
CAPACITY_PAGE = ROOT / "docs" / "capacity.md"
RESULTS = WORK / "results.json"
STEPS = ("simulate", "ingest", "label", "mine", "stream")
GROWTH_FROM = 10_000_000
MOST_GROWTH = 1.05
MEMORY = 16e9
OUTCOME, INDEX = "exists(purchase) within 30d", "2025-12-01"
ALLOWED = 0.25
PLANNED_EVENTS = 30_000_000
# Short rows and long ones, few types and many, steps that follow within hours and within weeks.
SHAPES: list[dict[str, Any]] = [
    {"entities": 600_000, "types": 100, "window": "7d"},
    {"entities": 3_000_000, "types": 300, "window": "1d"},
    {"entities": 100_000, "types": 40, "window": "4h"},
    {"entities": 600_000, "types": 1_000, "window": "30d"},
]
MARKS = ("<!-- measured by make scale: begin -->", "<!-- measured by make scale: end -->")


# --- one step, in a process of its own --------------------------------------------------------------------------------


def warm_up() -> None:
    """Load what the steps load on first use: no cost of the work."""
    import pyarrow.dataset
    import pyarrow.parquet

    import seqmine as sm

    table = pyarrow.table({"entity": ["a", "a", "b"], "time": [0, 9, 5], "event": ["x", "y", "x"]})
    log = sm.EventLog.from_arrow(table, time_unit="s", plausible_years=None, observed_until="1970-01-02T00:00:00Z")
    labels = sm.label(log, sm.Study(sm.Outcome("exists(y) within 8s"), at="1970-01-01T00:00:06Z"))
    sm.mine(log, labels, sm.MinerOptions(min_support=1))


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    found = work()
    return found, time.perf_counter() - wall, time.process_time() - cpu


def simulate(folder: Path, events: int, threads: int) -> dict[str, Any]:
    from seqmine.simulation import SimulationSpec, write_simulation

    spec = SimulationSpec(n_events=events, n_types=100, columns=(), seed=1)
    truth, wall, cpu = timed(
        lambda: write_simulation(spec, folder / "raw", order="arrival", force=True, threads=threads)
    )
    del truth
    return {"wall": wall, "cpu": cpu}


def ingest(folder: Path, events: int, threads: int) -> dict[str, Any]:
    import seqmine as sm

    def work() -> sm.EventLog:
        log = sm.EventLog.read(
            folder / "raw" / "events.parquet", observed_until="2026-01-01T00:00:00Z", threads=threads
        )
        log.save(folder / "log", overwrite=True)
        return log

    log, wall, cpu = timed(work)
    lengths = np.diff(log.entity_offsets)
    found = {"n_events": log.n_events, "n_entities": log.n_entities, "n_types": len(log.event_types)}
    return {"wall": wall, "cpu": cpu, **found, "median": float(np.median(lengths)), "longest": int(lengths.max())}


def open_and_label(folder: Path, threads: int) -> tuple[Any, Any]:
    import seqmine as sm

    log = sm.EventLog.open(folder / "log")
    return log, sm.label(log, sm.Study(sm.Outcome(OUTCOME), at=f"{INDEX}T00:00:00Z"), threads=threads)


def label(folder: Path, events: int, threads: int) -> dict[str, Any]:
    (_, labels), wall, cpu = timed(lambda: open_and_label(folder, threads))
    return {"wall": wall, "cpu": cpu, "n_rows": labels.n_rows, "n_positive": labels.n_positive}


def mine(folder: Path, events: int, threads: int) -> dict[str, Any]:
    import seqmine as sm

    log, labels = open_and_label(folder, threads)
    support = round(0.01 * labels.n_rows)
    options = sm.MinerOptions(
        max_length=3, max_gap="7d", min_support=support, top_k=100, learn_gaps=False, threads=threads
    )
    result, wall, cpu = timed(lambda: sm.mine(log, labels, options))
    stats = {name: result.stats[name] for name in ("nodes", "scanned_events", "n_entries")}
    return {"wall": wall, "cpu": cpu, "n_patterns": result.to_arrow().num_rows, **stats}


def stream(folder: Path, events: int, threads: int) -> dict[str, Any]:
    """Add up every column that the work reads: each byte goes through the processor once, in order."""
    import seqmine as sm

    log = sm.EventLog.open(folder / "log")
    columns = [np.ascontiguousarray(column).view(np.uint8) for column in (log.entity_offsets, log.time, log.code)]
    words = [column[: column.size // 8 * 8].view(np.uint64) for column in columns]
    for column in words:
        np.bitwise_xor.reduce(column)  # bring the file's pages into memory
    rounds = [timed(lambda: [np.bitwise_xor.reduce(column) for column in words])[1:] for _ in range(7)]
    wall, cpu = min(rounds, key=lambda one: one[1])
    return {"wall": wall, "cpu": cpu, "bytes": sum(column.nbytes for column in words)}


def run_step(step: str, folder: Path, events: int, threads: int) -> dict[str, Any]:
    """Run a step in a fresh process and add its peak resident set."""
    answer = WORK / "step.json"
    command = [sys.executable, __file__, "--step", step, "--folder", str(folder), "--events", str(events)]
    cost = measure.run([*command, "--threads", str(threads), "--answer", str(answer)])
    found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
    answer.unlink()
    return {**found, "peak": cost.peak_rss}


# --- the study --------------------------------------------------------------------------------------------------------


def study(sizes: list[int], threads: int, rounds: int) -> None:
    """Measure sizes; of several rounds the one of median CPU time counts, and the fastest is kept beside it.

    Each round goes through all sizes: a machine that slows down for minutes slows them all, not one of them.
    """
    folders = {events: WORK / f"log-{events}" for events in sizes}
    runs: dict[tuple[int, str], list[dict[str, Any]]] = {}

    def step_of(events: int, step: str) -> None:
        run = run_step(step, folders[events], events, threads)
        runs.setdefault((events, step), []).append(run)
        print(f"    {events:,} events: {step} {run['wall']:.2f} s, {run['peak'] / 1e9:.2f} GB", flush=True)

    for events, folder in folders.items():
        folder.mkdir(parents=True, exist_ok=True)
        step_of(events, "simulate")
    for _ in range(rounds):
        for events in sizes:
            for step in STEPS[1:]:
                step_of(events, step)
    for events, folder in folders.items():
        shutil.rmtree(folder)
        row = {step: middle(runs[events, step]) for step in STEPS}
        keep("sizes", {**load().get("sizes", {}), str(events): {**row, "threads": threads, "rounds": rounds}})


def middle(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The run of median CPU time, of the slower half where they are even, with the least CPU time of all."""
    ranked = sorted(runs, key=lambda run: run["cpu"])
    return {**ranked[len(ranked) // 2], "least": ranked[0]["cpu"]}


def load() -> dict[str, Any]:
    return json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}


def keep(name: str, value: Any) -> None:
    RESULTS.write_text(json.dumps({**load(), name: value}, indent=1), encoding="utf-8")


def total(row: dict[str, Any], what: str, steps: tuple[str, ...] = ("ingest", "label", "mine")) -> float:
    return float(sum(row[step][what] for step in steps))


def growth(sizes: dict[int, dict[str, Any]], value: Callable[[dict[str, Any]], float]) -> tuple[float, int] | None:
    """The exponent k of n^k by least squares on logarithms, over the sizes from 10 M up, and how many these are."""
    rows = [(n, row) for n, row in sorted(sizes.items()) if n >= GROWTH_FROM]
    if len(rows) < 2:
        return None
    x = np.log([row["ingest"]["n_events"] for _, row in rows])
    y = np.log([value(row) for _, row in rows])
    return float(np.polyfit(x, y, 1)[0]), len(rows)


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    lines = [" | ".join(header), " | ".join("---:" for _ in header), *(" | ".join(row) for row in rows)]
    return [f"| {line} |" for line in lines]


def growth_lines(sizes: dict[int, dict[str, Any]]) -> list[str]:
    steps = {"ingest": ("ingest",), "label": ("label",), "mine": ("mine",), "all three": ("ingest", "label", "mine")}
    rows = []
    for name, parts in steps.items():
        found = [growth(sizes, functools.partial(total, what=what, steps=parts)) for what in ("cpu", "least")]
        if found[0] is None:
            return [f"Growth is fitted over sizes of at least {GROWTH_FROM:,} events; fewer than two were measured."]
        (k, n), (fastest, _) = found
        rows.append([name, f"{k:.3f}", str(n), "yes" if k <= MOST_GROWTH else "**no**", f"{fastest:.3f}"])
    k, n = growth(sizes, lambda row: max(row[step]["peak"] for step in steps["all three"]))
    rows.append(["peak memory", f"{k:.3f}", str(n), "yes" if k <= MOST_GROWTH else "**no**", ""])
    return [
        f"CPU time as n^k, fitted over the sizes of at least {GROWTH_FROM:,} events, at a support of 1 % of the rows.",
        "The median round counts; the last column is the same from the fastest round of each size.",
        "",
        *table(["what", "k", "sizes", f"k at most {MOST_GROWTH}", "k of the fastest"], rows),
    ]


def page(results: dict[str, Any]) -> str:
    sizes = {int(n): row for n, row in results["sizes"].items()}
    rows, memory, limits = [], [], []
    for _, row in sorted(sizes.items()):
        log = row["ingest"]
        seconds = [f"{row[s]['wall']:.2f} ({row[s]['cpu']:.2f})" for s in ("ingest", "label", "mine")]
        each = total(row, "cpu") / log["n_events"] * 1e9
        fastest = total(row, "least") / log["n_events"] * 1e9
        rows.append([f"{log['n_events']:,}", f"{log['n_entities']:,}", *seconds, f"{each:.0f}", f"{fastest:.0f}"])
        peaks = [row[step]["peak"] for step in ("ingest", "label", "mine")]
        fits = "yes" if max(peaks) <= MEMORY else "**no**"
        memory.append([f"{log['n_events']:,}", *(f"{peak / 1e9:.2f}" for peak in peaks), fits])
        once = row["stream"]
        limits.append(
            [
                f"{log['n_events']:,}",
                f"{once['bytes'] / 1e9:.2f}",
                f"{once['cpu'] * 1e3:.1f}",
                f"{once['bytes'] / once['cpu'] / 1e9:.1f}",
                f"{row['mine']['cpu'] / once['cpu']:,.0f}",
                f"{total(row, 'cpu') / once['cpu']:,.0f}",
                f"{row['mine']['scanned_events'] / row['mine']['n_entries']:.0f}",
            ]
        )
    largest = sizes[max(sizes)]["ingest"]
    threads = sorted({row["threads"] for row in sizes.values()})
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    lines = [
        "# Scale",
        "",
        "Written by `make scale` (benchmarks/scale.py); not by hand. Logs come from `seqmine simulate` (100 background",
        "types, planted moments, heavy-tailed activity, rows in the order of arrival) with text ids. Every step is a",
        f"process of its own; {', '.join(map(str, threads))} thread(s); the round of median CPU time counts. At the",
        f"largest size an entity has {largest['median']:.0f} events in the median, at most {largest['longest']:,}.",
        f"Question: `{OUTCOME}`, asked at {INDEX} of every entity; top 100 of length 3, gaps below 7 d, support 1 % of",
        "the rows.",
        "",
        f"Machine: {machine}. Wall seconds, CPU seconds in brackets (user and system).",
        "",
        "## Time",
        "",
        *table(["events", "entities", "ingest", "open and label", "mine", "CPU ns an event", "of the fastest"], rows),
        "",
        *growth_lines(sizes),
        "",
        "## Memory",
        "",
        "Peak resident set of each step's process, GB (10^9 bytes); the log is in files and counts where it is mapped.",
        "",
        *table(["events", "ingest", "open and label", "mine", f"inside {MEMORY / 1e9:.0f} GB"], memory),
        "",
        "## The limit",
        "",
        "Nothing that reads the columns can be faster than streaming them once, in order, through one core (an xor of",
        "every word; small logs come from a cache). Multiples are of CPU time; the last column is how often the miner",
        "looks at each entry of its database, which it must for patterns of length 3.",
        "",
        *table(["events", "GB", "stream ms", "GB/s", "mine / stream", "all / stream", "looks an entry"], limits),
        "",
    ]
    return "\n".join(lines)


# --- the planner against the truth ------------------------------------------------------------------------------------


def capacity(rounds: int) -> bool:
    """Plan 30 M events of each shape from runs of at most 3 M on this machine, run the 30 M, and write both down."""
    kept = []
    for shape in SHAPES:
        kept.append(planned_and_run(shape, rounds))
        keep("capacity", kept)
    return all(abs(off(found["rows"][-1])) <= ALLOWED for found in kept)


def planned_and_run(shape: dict[str, Any], rounds: int) -> dict[str, Any]:
    import seqmine as sm
    from seqmine.capacity.measure import measure as run_cases
    from seqmine.capacity.runs import Case
    from seqmine.capacity.steps import STEPS as PLANNED

    spec = sm.CapacitySpec(events=PLANNED_EVENTS, threads=1, rounds=rounds, **shape)
    plan = sm.plan_capacity(spec)
    truth = {
        run.case.step: run
        for run in run_cases([Case(step, spec.replica(PLANNED_EVENTS), 1, rounds) for step in PLANNED]).runs
    }
    rows = [
        checked(step.step, step.seconds, truth[step.step].seconds, step.peak, max(truth[step.step].peak))
        for step in plan.steps
    ]
    seconds, peak = plan.hours.scaled(3600, 3600, 3600), plan.peak_gb.scaled(1e9, 1e9, 1e9)
    took, held = sum(run.seconds for run in truth.values()), max(max(run.peak) for run in truth.values())
    rows.append(checked("all", seconds, took, peak, held))
    return {
        "shape": shape,
        "rows": rows,
        "machine": plan.runs.machine,
        "notes": [*plan.extrapolating, *plan.notes],
    }


def checked(step: str, seconds: Any, took: float, peak: Any, held: float) -> dict[str, Any]:
    """What was planned (intervals) beside what it took."""
    return {"step": step, "planned": vars(seconds), "seconds": took, "planned_peak": vars(peak), "peak": held}


def off(row: dict[str, Any]) -> float:
    return float(row["seconds"] / row["planned"]["expected"] - 1)


def capacity_lines(kept: list[dict[str, Any]]) -> list[str]:
    def interval(planned: dict[str, float], unit: float) -> str:
        return "{expected:.2f} ({low:.2f} to {high:.2f})".format(**{k: v / unit for k, v in planned.items()})

    rows = []
    for found in kept:
        shape = found["shape"]
        name = f"{shape['entities']:,} entities, {shape['types']:,} types, {shape['window']}"
        for row in found["rows"]:
            whole = row["step"] == "all"
            rows.append(
                [
                    name if row is found["rows"][0] else "",
                    "**all**" if whole else row["step"],
                    interval(row["planned"], 1),
                    f"{row['seconds']:.2f}",
                    f"**{off(row):+.0%}**" if whole else f"{off(row):+.0%}",
                    interval(row["planned_peak"], 1e9),
                    f"{row['peak'] / 1e9:.2f}",
                ]
            )
    notes = list(dict.fromkeys(note for found in kept for note in found["notes"]))
    return [
        f"{PLANNED_EVENTS:,} events of {len(kept)} shapes (entities, types, window), one thread, on "
        f"{kept[0]['machine']}; planned from runs",
        "of at most 3,000,000 events, then run (mean of the rounds; the lesser of wall and CPU time).",
        "",
        *table(["shape", "step", "planned s", "took s", "off by", "planned GB", "peak GB"], rows),
        "",
        "What the plans said of themselves:",
        "",
        *(f"- {note}" for note in notes),
    ]


def write_pages() -> None:
    results = load()
    if results.get("sizes"):
        PAGE.write_text(page(results), encoding="utf-8")
    if results.get("capacity"):
        text = CAPACITY_PAGE.read_text(encoding="utf-8")
        before, _, rest = text.partition(MARKS[0])
        after = rest.partition(MARKS[1])[2]
        inside = "\n".join(capacity_lines(results["capacity"]))
        CAPACITY_PAGE.write_text(f"{before}{MARKS[0]}\n{inside}\n{MARKS[1]}{after}", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", default="", help="sizes, with commas between")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--capacity", action="store_true", help="check the planner at 30 M events")
    parser.add_argument("--step", choices=STEPS)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--answer", type=Path)
    args = parser.parse_args()
    sizes = [int(float(part)) for part in args.events.split(",") if part]
    if args.step:
        warm_up()
        step = {"simulate": simulate, "ingest": ingest, "label": label, "mine": mine, "stream": stream}[args.step]
        args.answer.write_text(json.dumps(step(args.folder, sizes[0], args.threads)), encoding="utf-8")
        return 0
    WORK.mkdir(parents=True, exist_ok=True)
    study(sizes, args.threads, args.rounds)
    met = capacity(args.rounds) if args.capacity else True
    write_pages()
    sizes_kept = {int(n): row for n, row in load().get("sizes", {}).items()}
    found = growth(sizes_kept, lambda row: total(row, "cpu"))
    if found and not math.isnan(found[0]):
        print(f"growth from {GROWTH_FROM:,} events: n^{found[0]:.3f} over {found[1]} sizes (at most n^{MOST_GROWTH})")
    if not met:
        print(f"a plan for 30 M events is off by more than {ALLOWED:.0%}: see {CAPACITY_PAGE.name}", file=sys.stderr)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
