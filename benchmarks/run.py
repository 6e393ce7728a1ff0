"""Run the benchmarks and write docs/benchmarks.md. `python benchmarks/run.py --help` lists the parts.

Every figure in that page comes from here: competitors run as processes of their own, in turn, on the same input; their
outputs are compared before a ratio is written.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import measure

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
WORK = ROOT / "build" / "bench"
PAGE = ROOT / "docs" / "benchmarks.md"
RESULTS = WORK / "results.json"
DATA = Path(os.environ.get("SEQMINE_SHARED_DATA", ROOT.parent / "shared" / "data"))


def sorted_ingest(rows: int, rounds: int) -> dict[str, object]:
    """Question: a Parquet log with text ids, sorted by entity and time, types encoded, on disk."""
    folder = HERE / "peers" / "sorted_ingest"
    source = WORK / f"log-{rows}.parquet"
    if not source.exists():
        subprocess.run([sys.executable, folder / "data.py", source, "--rows", str(rows)], check=True)
    outputs = {
        "seqmine": WORK / "seqmine-log",
        "duckdb": WORK / "duckdb.parquet",
        "polars": WORK / "polars.arrow",
    }
    lines = []
    for threads in (1, 2):
        commands = {
            name: [sys.executable, str(folder / f"{name}_side.py"), str(source), str(out), str(threads)]
            for name, out in outputs.items()
        }
        os.environ["POLARS_MAX_THREADS"] = str(threads)
        costs = measure.paired(commands, rounds, fresh=outputs)
        check = [sys.executable, str(folder / "check.py"), *(str(path) for path in outputs.values())]
        subprocess.run(check, check=True)
        for name, runs in costs.items():
            median, low, high = measure.ratio(runs, costs["seqmine"])
            best = sorted(runs, key=lambda cost: cost.wall)[len(runs) // 2]
            lines.append(
                {
                    "threads": threads,
                    "side": name,
                    "wall_s": round(best.wall, 2),
                    "cpu_s": round(best.cpu, 2),
                    "peak_mib": max(cost.peak_rss for cost in runs) >> 20,
                    "events_per_s": round(rows / best.wall / 1e6, 2),
                    "times_seqmine": f"{median:.2f} ({low:.2f} to {high:.2f})",
                }
            )
    return {"rows": rows, "rounds": rounds, "lines": lines}


def oulad(rounds: int) -> dict[str, object] | None:
    """Mining on the large real log, one thread and two, in turn; the results must be equal."""
    if not (DATA / "oulad").is_dir():
        return None
    script = HERE / "mining" / "oulad.py"
    runs: list[dict[str, object]] = []
    for _ in range(rounds):
        for threads in (1, 2):
            done = subprocess.run(
                [sys.executable, script, DATA / "oulad", str(threads)], check=True, capture_output=True, text=True
            )
            runs.append(json.loads(done.stdout))
    if len({str(run["digest"]) for run in runs}) != 1:
        raise SystemExit("oulad: the result depends on the number of threads")
    return {"runs": runs}


def table(header: list[str], rows: list[list[object]]) -> str:
    lines = [" | ".join(header), " | ".join("---" for _ in header)]
    lines += [" | ".join(str(cell) for cell in row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def page(results: dict[str, object]) -> str:
    """The generated page."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    peers = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "polars", "pyarrow"))
    parts = [
        "# Benchmarks",
        "",
        "Written by `make bench`; not edited by hand. Competitors run in turn, each in a process of its own (start-up",
        "included), on the same file; their outputs are compared before a ratio is written. Ratios are theirs / ours.",
        "",
        f"Machine: {machine}. {peers}.",
        "",
    ]
    race = results.get("sorted_ingest")
    if isinstance(race, dict):
        parts += [
            f"## Sort and encode a Parquet log ({race['rows']:,} rows, text ids, median of {race['rounds']} rounds)",
            "",
            table(
                ["threads", "side", "wall s", "CPU s", "peak MiB", "M events/s", "wall / seqmine (min to max)"],
                [list(line.values()) for line in race["lines"]],
            ),
            "",
        ]
    mining = results.get("oulad")
    if isinstance(mining, dict):
        runs = mining["runs"]
        parts += [
            f"## Mining: Open University ({runs[0]['n_events']:,} events, {runs[0]['n_rows']:,} rows, "
            f"{runs[0]['n_positive']:,} withdrawn)",
            "",
            "Index = registration + 60 d, lookback 60 d, withdrawn after it, max_gap 7 d, length 3, support 1 %, fixed",
            f"gaps. The result is the same bytes in every run (digest {runs[0]['digest']}). Resident:",
            f"{runs[0]['bytes_per_event']:.1f} bytes an event for entity, time and code.",
            "",
            table(
                ["threads", "ingest s", "label s", "mine s"],
                [[run["threads"], run["ingest_s"], run["label_s"], run["mine_s"]] for run in runs],
            ),
            "",
        ]
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["sorted_ingest", "oulad"])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if args.only in (None, "sorted_ingest"):
        results["sorted_ingest"] = sorted_ingest(args.rows, args.rounds)
    if args.only in (None, "oulad"):
        results["oulad"] = oulad(args.rounds)
    RESULTS.write_text(json.dumps(results, indent=1))
    PAGE.write_text(page(results))
    print(PAGE.read_text())


if __name__ == "__main__":
    main()
