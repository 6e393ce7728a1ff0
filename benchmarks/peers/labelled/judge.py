"""Whether what was found is true: counted again by a short program that shares nothing with either side."""

from __future__ import annotations

import json
import math
import random
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

import seqmine as sm
from peers import rows
from peers.question import OURS

__all__ = ["count", "judge"]

SAMPLE = 40

Classes = list[list[list[tuple[int, int]]]]


def count(sequences: list[list[tuple[int, int]]], pattern: tuple[int, ...], lo: int, hi: int) -> int:
    """How many sequences of (time, item) hold `pattern` with every gap in [lo, hi].

    Every time at which the pattern so far can end is kept: under a largest gap the first is not enough.
    """
    total = 0
    for sequence in sequences:
        ends = [time for time, item in sequence if item == pattern[0]]
        for wanted in pattern[1:]:
            ends = [time for time, item in sequence if item == wanted and any(lo <= time - end <= hi for end in ends)]
        total += bool(ends)
    return total


def judge(job: dict[str, Any], side: str, run: dict[str, Any]) -> None:
    """Note in the run's answer whether a seeded sample of it is true."""
    found = json.loads(Path(job["found"]).read_text())
    log = rows.read(job["folder"])
    codes, times = (rows.as_lists(log["offsets"], log[column]) for column in ("code", "time"))
    sequences = [list(zip(*pair, strict=True)) for pair in zip(times, codes, strict=True)]
    classes = [[sequences[i] for i, label in enumerate(log["label"].tolist()) if label == wanted] for wanted in (1, 0)]
    faults = _ours(job, found, classes) if side == OURS else _theirs(job, found, classes)
    run["answer"]["verified"] = "true" if not faults else f"{len(faults)} of the sample are wrong: {faults[0]}"


def _ours(job: dict[str, Any], table: list[dict[str, Any]], classes: Classes) -> list[str]:
    """Counts and leverage of a sample of the table, and the order of the whole."""
    n, positive = sum(map(len, classes)), len(classes[0])
    faults = [] if len(table) == job["top_k"] else [f"{len(table)} rows instead of {job['top_k']}"]
    scores = [row["score"] for row in table]
    if scores != sorted(scores, reverse=True):
        faults.append("the scores are not in order")
    for row in random.Random(1).sample(table, min(SAMPLE, len(table))):
        pattern = tuple(map(int, re.findall(r"\be(\d+)", row["pattern"])))
        a, b = (count(sequences, pattern, *job["gap"]) for sequences in classes)
        leverage = abs(a - (a + b) * positive / n)
        if (a + b, a) != (row["n_matched"], row["n_positive"]) or not math.isclose(
            leverage, row["score"], rel_tol=1e-9
        ):
            faults.append(f"{row} is {a} + {b}, leverage {leverage}")
    return faults


def _theirs(job: dict[str, Any], found: dict[str, list[list[int]]], classes: Classes) -> list[str]:
    """A sample of the union: our counts and the judge's are equal, and one class at least has the share asked for."""
    lo, hi = job["gap"]
    union = [tuple(pattern) for pattern in found["union"]]
    sample = random.Random(1).sample(union, min(SAMPLE, len(union)))
    texts = [f" -[{lo}s,{hi * 1_000_000 + 1}us)-> ".join(f"e{item}" for item in pattern) for pattern in sample]
    labels = sm.Labels.from_arrow(pq.read_table(f"{job['folder']}/labels.parquet"))
    counted = sm.count(sm.EventLog.open(f"{job['folder']}/log"), texts, labels).to_pylist()
    faults = [] if sample else ["nothing was found"]
    for pattern, ours in zip(sample, counted, strict=True):
        a, b = (count(sequences, pattern, lo, hi) for sequences in classes)
        if (ours["n_matched"], ours["n_positive"]) != (a + b, a):
            faults.append(f"{pattern}: ours are {ours}, the judge's {a} + {b}")
        if all(n < job["share"] * len(sequences) for n, sequences in zip((a, b), classes, strict=True)):
            faults.append(f"{pattern} is below the thresholds: {a} + {b}")
    return faults
