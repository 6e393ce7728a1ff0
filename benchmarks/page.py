"""docs/benchmarks.md, written from what the runs left under build/bench and from nothing else."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from peers import race
from peers.question import OURS, Case, Question, Side

__all__ = ["ROOT", "WORK", "put_between", "section", "table", "write"]

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "build" / "bench"
PAGE = ROOT / "docs" / "benchmarks.md"
OWN = WORK / "own.json"
PERFORMANCE = ROOT / "docs" / "performance.md"

HEAD = """\
# Benchmarks

Written by `make bench-peers` and `make bench`; not edited by hand.

Every competitor runs in a process of its own with one thread, one at a time, on the same input. First each has one
screening run of at most 60 s of CPU, or as the question says, and no more than twice what three others needed, and 3 s.
Then the three fastest of those that gave our answer run
in pairs, ours and theirs back to back, in an order that turns from round to round. Ratios are theirs / ours, the median
of the pairs with the least and the largest; **a ratio is written only when the answers agreed** in every run. Two parts
of a process are reported: *work*, which is answering on data that are already in the library's own input form, up to
the result as a table; and *whole*, from the start of the process, with start-up and loading. Targets are judged on the
CPU ratio of the work, which a busy machine distorts least.
"""


def table(header: list[str], rows: Iterable[list[object]]) -> str:
    """A Markdown table."""
    lines = [header, ["---" for _ in header], *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def put_between(begin: str, end: str, text: str) -> None:
    """Put measured tables between two marks of docs/performance.md."""
    before, rest = PERFORMANCE.read_text(encoding="utf-8").split(begin)
    PERFORMANCE.write_text(f"{before}{begin}\n{text}\n{end}{rest.split(end, 1)[1]}", encoding="utf-8")


def write(questions: list[Question]) -> None:
    """The page, from what is stored."""
    parts = [HEAD, *(section(question, stored(question)) for question in questions), own()]
    PAGE.write_text("\n".join(part for part in parts if part), encoding="utf-8")


def stored(question: Question) -> dict[str, Any]:
    """The records of a question's cases, by name; a case that has not been run is absent."""
    paths = {case.name: WORK / "peers" / question.name / f"{case.name}.json" for case in question.cases}
    return {name: json.loads(path.read_text()) for name, path in paths.items() if path.exists()}


def section(question: Question, records: dict[str, Any]) -> str:
    """One question: the pairs, the screening, and whether its targets are met."""
    parts = [f"## {question.title}", "", question.about, ""]
    cases = [case for case in question.cases if case.name in records]
    if not cases:
        return "\n".join([*parts, "Not measured yet.", ""])
    machines = sorted({records[case.name]["machine"] for case in cases})
    parts += [f"Machine: {'; '.join(machines)}.", ""]
    absent = [case.name for case in question.cases if case.name not in records]
    if absent:
        parts += [f"Not measured yet: {', '.join(absent)}.", ""]
    parts += [verdicts(question, cases, records), ""]
    raced = [row for case in cases for row in raced_rows(question, case, records[case.name])]
    if raced:
        parts += [table(RACED, raced), ""]
    parts += ["One screening run each, CPU seconds of the work, or what became of it:", ""]
    parts += [screening(question, cases, records), ""]
    parts += question.notes(records)
    return "\n".join(parts)


RACED = [
    "case",
    "side",
    "agrees on",
    "answer",
    "work CPU s",
    "work wall s",
    "whole CPU s",
    "whole wall s",
    "peak MiB",
    "CPU ratio (least to most)",
    "wall ratio (least to most)",
]


def raced_rows(question: Question, case: Case, record: race.Run) -> Iterable[list[object]]:
    """Our side, then the raced ones."""
    pairs = record.get("pairs", {})
    sides = [side for side in question.sides if pairs.get(side.name)]
    mine = [ours for side in sides for ours, _ in pairs[side.name]] or [record["screening"][OURS]]
    if "failed" in mine[0]:
        return
    yield [f"**{case.name}**" if case.heavy else case.name, OURS, "", size(mine[0]), *figures(mine), "", ""]
    for side in sides:
        theirs = [run for _, run in pairs[side.name]]
        cpu, wall = race.ratio(record, side, "cpu"), race.ratio(record, side, "wall")
        ratios = ["no ratio", "no ratio"] if cpu is None or wall is None else [f"**{cpu}**", wall]
        yield ["", side.name, race.verdict(record, side), size(theirs[0]), *figures(theirs), *ratios]


def size(run: race.Run) -> str:
    """How large the answer is."""
    return f"{run['answer']['n']:,}"


def figures(runs: list[race.Run]) -> list[str]:
    """Medians of the four times, and the largest peak."""
    times = [
        statistics.median(run[part][clock] for run in runs) for part in ("work", "whole") for clock in ("cpu", "wall")
    ]
    return [*(seconds(time) for time in times), f"{max(run['peak_rss'] for run in runs) >> 20:,}"]


def seconds(value: float) -> str:
    """Three digits that count, at most three behind the point."""
    return f"{value:.{max(0, min(3, 2 - math.floor(math.log10(max(value, 1e-3)))))}f}"


def screening(question: Question, cases: list[Case], records: dict[str, Any]) -> str:
    """All sides of all cases in one table."""
    sides = [question.ours, *question.sides]
    rows = [[case.name, *(screened(records[case.name], side) for side in sides)] for case in cases]
    return table(["case", *(side.name for side in sides)], rows)


def screened(record: race.Run, side: Side) -> str:
    run = record["screening"].get(side.name)
    if run is None or "failed" in run:
        return race.verdict(record, side)
    time = seconds(run["work"]["cpu"])
    if side.name == OURS or race.agrees(record, side):
        return time
    return f"{time}, {race.verdict(record, side)} ({size(run)})"


def verdicts(question: Question, cases: list[Case], records: dict[str, Any]) -> str:
    """The targets over the heavy cases, each met or missed in as many words."""
    best = {case.name: best_ratio(question, records[case.name]) for case in cases if case.heavy}
    measured = {name: ratio for name, ratio in best.items() if ratio is not None}
    if not measured:
        return "No heavy case has a ratio yet, so the targets are not judged."
    mean = math.exp(statistics.fmean(math.log(ratio) for ratio in measured.values()))
    lines = [
        f"CPU ratio to the fastest {question.against or 'side'}, geometric mean over {len(measured)} heavy cases "
        f"(bold below): **{mean:.2f}**; target {question.least_mean:g}: "
        f"{'met' if mean >= question.least_mean else 'MISSED'}."
    ]
    low = {name: ratio for name, ratio in measured.items() if ratio < question.least_each}
    said = "met" if not low else "MISSED by " + ", ".join(f"{name} ({ratio:.2f})" for name, ratio in low.items())
    lines.append(f"Every heavy case at least {question.least_each:g}: {said}.")
    without = [name for name, ratio in best.items() if ratio is None]
    if without:
        lines.append(f"Without a ratio, and therefore in no mean: {', '.join(without)}.")
    return " ".join(lines)


def best_ratio(question: Question, record: race.Run) -> float | None:
    """The smallest median CPU ratio: that to the fastest side that the targets are about."""
    sides = [side for side in question.sides if side.name.startswith(question.against)]
    ratios = [race.ratio(record, side, "cpu") for side in sides]
    return min((ratio.median for ratio in ratios if ratio is not None), default=None)


def own() -> str:
    """What `benchmarks/run.py` stored of seqmine alone."""
    stored = json.loads(OWN.read_text()) if OWN.exists() else {}
    parts = {"oulad": open_university, "memory": memory, "threads": threads}
    return "\n".join(line for name, part in parts.items() if name in stored for line in part(stored[name]))


def open_university(runs: list[dict[str, Any]]) -> list[str]:
    first = runs[0]
    return [
        f"## Mining: Open University ({first['n_events']:,} events, {first['n_rows']:,} rows, "
        f"{first['n_positive']:,} withdrawn)",
        "",
        "Index = registration + 60 d, lookback 60 d, withdrawn after it, max_gap 7 d, length 3, support 1 %, fixed",
        f"gaps. The result is the same bytes in every run (digest {first['digest']}). Resident:",
        f"{first['bytes_per_event']:.1f} bytes an event for entity, time and code.",
        "",
        table(
            ["threads", "ingest s", "label s", "mine s"],
            ([run[column] for column in ("threads", "ingest_s", "label_s", "mine_s")] for run in runs),
        ),
        "",
    ]


def memory(runs: list[dict[str, Any]]) -> list[str]:
    def row(run: dict[str, Any]) -> list[object]:
        limit = 1.5 * run["log_mib"] + 64e6 / 2**20
        within = "yes" if run["extra_mib"] <= limit else "NO"
        took = [f"{run[column]:.0f}" for column in ("log_mib", "extra_mib")]
        return [run["case"], f"{run['n_events']:,}", *took, f"{limit:.0f}", within, f"{run['cpu_s']:.2f}"]

    return [
        "## Memory of mining",
        "",
        "What a search takes beside the log: its highest resident set less that before the call. Wanted: at most 1.5",
        "times the log and 64 MB (61 MiB). One thread, synthetic logs.",
        "",
        table(["search", "events", "log MiB", "search MiB", "allowed MiB", "within", "CPU s"], map(row, runs)),
        "",
    ]


def threads(cases: dict[str, list[dict[str, Any]]]) -> list[str]:
    rows: list[list[object]] = []
    for case, runs in cases.items():
        one, two = ([run for run in runs if run["threads"] == n] for n in (1, 2))
        wall = statistics.median(a["wall_s"] / b["wall_s"] for a, b in zip(one, two, strict=True))
        cpu = statistics.median(b["cpu_s"] / a["cpu_s"] for a, b in zip(one, two, strict=True))
        met = wall >= 1.8 or cpu <= 1.08
        seconds = [f"{statistics.median(run['wall_s'] for run in part):.2f}" for part in (one, two)]
        rows.append([case, *seconds, f"{wall:.2f}", f"{100 * (cpu - 1):+.0f} %", "met" if met else "MISSED"])
    return [
        "## What a second thread gives",
        "",
        "Medians over runs in turn; the results are the same bytes. Wanted: 1.8 times as fast or, where the machine is",
        "loaded, at most 8 % more CPU time.",
        "",
        table(["search", "1 thread s", "2 threads s", "times as fast", "CPU time", ""], rows),
        "",
    ]
