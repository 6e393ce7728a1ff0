"""Race seqmine against its peers: `make bench-peers`, or `python benchmarks/peers/run.py --help`.

Runs are stored case by case under build/bench/peers, so that an interrupted run goes on where it was and one question
or case can be run alone. What is stored counts as long as the job, the peers' versions and, for seqmine's own runs and
all pairs, seqmine itself are the same. docs/benchmarks.md is written from what is stored.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import platform
import signal
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import page
import seqmine
from peers import race
from peers.data import MissingData
from peers.launch import PEERS_PYTHON, launch
from peers.question import OURS, Case, Question, Side

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORK = ROOT / "build" / "bench"
LOCK = ROOT / "requirements" / "peers.txt"
NAMES = ("frequent", "gaps", "labelled", "sorted_ingest", "matching")
QUICK_LIMIT_S = 20.0
NOT_RACED = ("capacity", "cli", "simulation")
"""Packages of seqmine that no side uses: a change there leaves what is stored as it is."""


def questions() -> list[Question]:
    """All of them, in the page's order."""
    present = [name for name in NAMES if (HERE / name / "question.py").exists()]
    return [importlib.import_module(f"peers.{name}.question").QUESTION for name in present]


def digest_of_seqmine(question: Question) -> str:
    """What makes two builds of seqmine the same for a race: their files, and our own side's code."""
    folder = Path(seqmine.__file__).parent
    total = hashlib.sha256()
    for path in (HERE / question.name / f"{OURS}.py", HERE / "mined.py"):
        total.update(path.read_bytes())
    for path in sorted(path for path in folder.rglob("*") if path.suffix in {".py", ".so"}):
        if path.relative_to(folder).parts[0] in NOT_RACED:
            continue
        total.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return total.hexdigest()[:16]


def digest_of_sides(question: Question) -> str:
    """The peers' sides: a changed side is a new competitor."""
    total = hashlib.sha256(LOCK.read_bytes())
    shared = [HERE / f"{name}.py" for name in ("answer", "rows", "side", "sorted_log")]
    for path in sorted([*(HERE / question.name).glob("*.py"), *shared]):
        total.update(b"" if path.name in {"question.py", f"{OURS}.py"} else path.read_bytes())
    return total.hexdigest()[:16]


class Record:
    """The stored runs of one case."""

    def __init__(self, question: Question, case: Case) -> None:
        self.path = WORK / "peers" / question.name / f"{case.name}.json"
        self.runs: dict[str, Any] = json.loads(self.path.read_text()) if self.path.exists() else {}

    def begin(self, job: dict[str, Any], sides: str, ours: str, *, limit_s: float, again: bool) -> None:
        """Keep what still counts of the stored runs: not what was given up under a shorter limit."""
        same = not again and self.runs.get("job") == job and self.runs.get("sides") == sides
        screening = self.runs.get("screening", {}) if same else {}
        screening = {name: run for name, run in screening.items() if run.get("limit_s", limit_s) >= limit_s}
        pairs = self.runs.get("pairs", {}) if same else {}
        if self.runs.get(OURS) != ours:
            screening.pop(OURS, None)
            pairs = {}
        self.runs = {"job": job, "sides": sides, OURS: ours, "screening": screening, "pairs": pairs}

    def store(self) -> None:
        """Write, whole or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(self.runs, indent=1))
        part.replace(self.path)


def run_case(question: Question, case: Case, args: argparse.Namespace) -> None:
    """Screen, race, store and say what came out."""
    job = {"threads": 1, **case.job, **question.prepare(case, WORK)}
    limit = args.limit or (QUICK_LIMIT_S if args.quick else question.limit_s)
    record = Record(question, case)
    record.begin(job, digest_of_sides(question), digest_of_seqmine(question), limit_s=limit, again=args.again)
    record.runs["machine"] = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"

    def start(side: Side) -> race.Run:
        screened = side.name in record.runs["screening"]
        patience = race.patience(record.runs, question.sides)
        if screened or side.name == OURS:
            run = launch(question.name, side, job, None)
        elif patience < limit:
            run = launch(question.name, side, job, patience)
            if "limit_s" in run:  # under no limit would it be among the three that are raced
                run = {"failed": f"over {patience:.0f} s, far behind three others"}
        else:
            run = launch(question.name, side, job, limit)
        if question.judge is not None and "failed" not in run:
            question.judge({**job, **side.job}, side.name, run)
        said = run.get("failed") or f"{run['work']['cpu']:.3f} s CPU, {run['peak_rss'] >> 20} MiB"
        print(f"    {side.name}: {said}", flush=True)
        return run

    race.screen(record.runs, (question.ours, *question.sides), start, record.store)
    race.race(record.runs, question.ours, question.sides, args.rounds, start, record.store)
    for side in question.sides:
        ratio = race.ratio(record.runs, side, "cpu")
        print(f"  {side.name}: {race.verdict(record.runs, side)}{'' if ratio is None else f', CPU ratio {ratio}'}")


def chosen(args: argparse.Namespace) -> Iterator[tuple[Question, Case]]:
    for question in questions():
        for case in question.cases:
            if args.only in (None, question.name) and fnmatch(case.name, args.case) and not (args.quick and case.heavy):
                yield question, case


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=NAMES, help="one question")
    parser.add_argument("--case", default="*", help="cases by name; * and ? stand for anything")
    parser.add_argument("--rounds", type=int, default=5, help="paired runs (3 at most where a run passes a minute)")
    parser.add_argument("--quick", action="store_true", help="light cases, one round, 20 s at most a screening run")
    parser.add_argument("--limit", type=float, help="seconds after which a screening run is given up (usually 60)")
    parser.add_argument("--again", action="store_true", help="forget what is stored of the chosen cases")
    parser.add_argument("--page", action="store_true", help="only write docs/benchmarks.md from what is stored")
    args = parser.parse_args()
    if args.quick:
        args.rounds = 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exception, so that a side that runs is ended too
    if not args.page:
        if not PEERS_PYTHON.exists():
            parser.error("the peers are not installed: run this as `make bench-peers`")
        for question, case in chosen(args):
            print(f"{question.name} {case.name}", flush=True)
            try:
                run_case(question, case, args)
            except MissingData as missing:
                print(f"  left out: {missing}")
    page.write(questions())


if __name__ == "__main__":
    main()
