"""Sequences that tell two classes of entities apart, under a gap in time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from peers import data
from peers.labelled.judge import judge
from peers.question import Case, Question, Side


def _prepare(case: Case, work: Path) -> dict[str, Any]:
    folder = data.prepare(case.log, work)
    return {"folder": str(folder), "found": str(work / "found.json")}


def _case(log: str, gap: tuple[int, int], share: float, min_support: int, *, redundancy: float | None = None) -> Case:
    """`share` of either class is what DPM's miner is given; ours takes an absolute support over both."""
    job = {"gap": list(gap), "share": share, "min_support": min_support, "max_length": 5, "top_k": 100}
    name = log if redundancy is None else f"{log}-distinct"
    return Case(name, log, {**job, "redundancy": redundancy}, heavy=redundancy is None)


QUESTION = Question(
    name="labelled",
    title="Sequences that tell two classes apart",
    about=(
        "seq2pat's dichotomic pattern mining (DPM) returns the sequences that are frequent in the positive class, the "
        "negative class, or both, without counts or a score. seqmine returns the 100 best by leverage (length at most "
        "5, fixed gaps, and a support far below DPM's thresholds), each with exact counts and scores. The answers are "
        "of different kinds, so each is held against a truth of its own: every sequence of a seeded sample of DPM's "
        "answer is counted by seqmine and by a short independent program, which must be equal in each class and meet "
        "DPM's thresholds; and so are the counts and scores of seqmine's table. DPM keeps sequences that match the "
        "same entities, and so does seqmine here; `distinct` is seqmine's default, which goes on until 100 patterns "
        "differ in their entities (Jaccard at most 0.9) and so has to find some ten thousand first. Gaps are "
        "inclusive [lo, hi] in whole seconds. DPM runs with `max_span=None` and with its default of 10 positions, "
        "which drops patterns."
    ),
    cases=(
        _case("bpic2012-approved", (1, 86_400), 0.1, 26),
        _case("msnbc-planted", (1, 5), 0.02, 64),
        _case("kosarak70k-planted", (1, 3), 0.005, 140),
        _case("synth10k-planted", (1, 21_600), 0.01, 50),
        _case("bpic2012-approved", (1, 86_400), 0.1, 26, redundancy=0.9),
    ),
    sides=(
        Side("seq2pat DPM", "seq2pat.py", {"max_span_items": None}),
        Side("seq2pat DPM, max_span=10", "seq2pat.py", {"max_span_items": 10}),
    ),
    prepare=_prepare,
    judge=judge,
    least_mean=40.0,
    least_each=40.0,
)
