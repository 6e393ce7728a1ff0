"""seq2pat: multi-valued decision diagrams, on lists; patterns of two items or more, each with its support last.

``max_span`` counts positions; its default of 10 drops patterns, and None asks the question.
"""

from __future__ import annotations

from typing import Any

from sequential.seq2pat import Seq2Pat

from peers import answer, rows, side


def load(job: dict[str, Any]) -> list[list[int]]:
    log = rows.read(job["folder"])
    return rows.as_lists(log["offsets"], log["code"])


def work(job: dict[str, Any], sequences: list[list[int]]) -> list[list[int]]:
    found: list[list[int]] = Seq2Pat(sequences=sequences, max_span=None).get_patterns(min_frequency=job["min_support"])
    return found


if __name__ == "__main__":
    side.run(load, work, lambda job, found: answer.of_supports((tuple(row[:-1]), row[-1]) for row in found))
