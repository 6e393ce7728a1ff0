"""Runs and records as the harness stores them, made up."""

from __future__ import annotations

from typing import Any

from peers.question import Case, Question, Side

FOUND = [((1, 2), 7), ((1, 2, 3), 5), ((4,), 9)]


def run(answer: dict[str, Any], cpu: float = 1.0, wall: float | None = None) -> dict[str, Any]:
    wall = cpu if wall is None else wall
    return {
        "load": {"wall": 0.1, "cpu": 0.1},
        "work": {"wall": wall, "cpu": cpu},
        "whole": {"wall": wall + 0.5, "cpu": cpu + 0.5},
        "peak_rss": 64 << 20,
        "answer": answer,
    }


def question(*sides: Side, least_mean: float = 3.0, least_each: float = 1.1) -> Question:
    return Question(
        name="frequent",
        title="A question",
        about="About it.",
        cases=(Case("heavy", "none", {}), Case("light", "none", {}, heavy=False)),
        sides=sides,
        least_mean=least_mean,
        least_each=least_each,
    )
