"""Counting and locating a given timed pattern over all entities."""

from __future__ import annotations

from typing import Any

from peers.question import Case, Question, Side

HOUR, DAY = 3_600, 86_400
LOGS = {"synth10m": (3, 7, 12), "bpic2012-untied": (8, 24, 16)}
"""Per log the items of the steps; only the large one is heavy."""

Gap = tuple[int, int | None]


def _cases() -> tuple[Case, ...]:
    asked: dict[str, tuple[str, int, list[Gap], int | None]] = {
        "count-pair-hour": ("count", 2, [(1, HOUR)], None),
        "count-triple-day": ("count", 3, [(1, DAY), (1, DAY)], None),
        "count-triple-minute-to-day": ("count", 3, [(60, DAY), (60, DAY)], None),
        "count-triple-span-day": ("count", 3, [(1, None), (1, None)], DAY),
        "locate-pair-hour": ("locate", 2, [(1, HOUR)], None),
        "locate-triple-day": ("locate", 3, [(1, DAY), (1, DAY)], None),
    }
    cases = []
    for log, steps in LOGS.items():
        for name, (ask, length, gaps, span) in asked.items():
            job: dict[str, Any] = {"ask": ask, "steps": list(steps[:length]), "gaps": gaps, "span": span}
            cases.append(Case(f"{log}-{name}", log, job, heavy=log == "synth10m"))
    return tuple(cases)


QUESTION = Question(
    name="matching",
    title="Counting and locating a given timed pattern",
    about=(
        "`count`: how many entities have the pattern; `locate`: for each that does, when its first match is complete. "
        "Steps are single event types, gaps are inclusive [lo, hi] in whole seconds; no entity has two events at one "
        "time, because ClickHouse's answer on ties depends on their order. Every table is preloaded; databases filter "
        "on the steps' types first, as their users would. ClickHouse (chdb) takes one time condition between steps, "
        "so `sequenceMatch` and `sequenceCount` cannot ask for a least and a largest gap at once, nor for a span; "
        "`windowFunnel` knows a span alone (from the first step), which for two steps is a gap. duckdb chains ASOF "
        "joins, each event to the latest one that may come before it. Each side has answered once before it is timed. "
        "synth10m: 200,000 entities of 50 events, 100 types."
    ),
    cases=_cases(),
    sides=(
        Side("chdb sequenceMatch", "chdb.py", {"function": "sequenceMatch"}),
        Side("chdb sequenceCount", "chdb.py", {"function": "sequenceCount"}),
        Side("chdb windowFunnel", "chdb.py", {"function": "windowFunnel"}),
        Side("duckdb ASOF", "duckdb.py"),
    ),
    against="chdb",
    least_mean=5.0,
    least_each=5.0,
)
