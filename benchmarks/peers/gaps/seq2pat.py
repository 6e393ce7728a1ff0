"""seq2pat with limits of gap and span: the same side as without them, on a log's seconds."""

from __future__ import annotations

from typing import Any

from sequential.seq2pat import Attribute, Seq2Pat

from peers import answer, rows, side

Lists = list[list[int]]


def load(job: dict[str, Any]) -> tuple[Lists, Lists]:
    log = rows.read(job["folder"])
    return rows.as_lists(log["offsets"], log["code"]), rows.as_lists(log["offsets"], log["time"])


def work(job: dict[str, Any], loaded: tuple[Lists, Lists]) -> Lists:
    sequences, times = loaded
    miner = Seq2Pat(sequences=sequences, max_span=job["max_span_items"])
    time = Attribute(times)
    if "gap" in job:
        miner.add_constraint(job["gap"][0] <= time.gap() <= job["gap"][1])
    if "span" in job:
        miner.add_constraint(job["span"][0] <= time.span() <= job["span"][1])
    patterns: Lists = miner.get_patterns(min_frequency=job["min_support"])
    return patterns


if __name__ == "__main__":
    side.run(load, work, lambda job, found: answer.of_supports((tuple(row[:-1]), row[-1]) for row in found))
