"""prefixspan: the pure Python miner, on lists; every pattern with its support."""

from __future__ import annotations

from typing import Any

from prefixspan import PrefixSpan

from peers import answer, rows, side


def load(job: dict[str, Any]) -> list[list[int]]:
    log = rows.read(job["folder"])
    return rows.as_lists(log["offsets"], log["code"])


def work(job: dict[str, Any], sequences: list[list[int]]) -> list[tuple[int, list[int]]]:
    found: list[tuple[int, list[int]]] = PrefixSpan(sequences).frequent(job["min_support"])
    return found


if __name__ == "__main__":
    side.run(load, work, lambda job, found: answer.of_supports((tuple(items), support) for support, items in found))
