"""Who runs when, and what the runs are worth: one screening run each, then pairs of the three fastest.

A run is what a side printed (see `peers.side`) with ``whole``, the process from its start to the end of its work; or
``{"failed": why}``. A record is what is stored of a case: ``screening`` (a run per side) and ``pairs`` (per raced side
a list of ``[ours, theirs]``).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from peers.answer import agreement
from peers.question import OURS, Side

__all__ = ["Ratio", "Run", "fastest", "patience", "race", "ratio", "screen", "verdict"]

Run = dict[str, Any]
Launch = Callable[[Side], Run]

RACED = 3
LONG_S = 60.0
LONG_ROUNDS = 3
BEHIND, BEHIND_S = 2.0, 3.0


@dataclass(frozen=True)
class Ratio:
    """Theirs / ours over paired runs."""

    median: float
    least: float
    most: float
    rounds: int

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.least:.2f} to {self.most:.2f})"


def verdict(record: Run, side: Side) -> str:
    """What the side's answer is: a level of `peers.answer.LEVELS` on which it agrees, or why there is no ratio."""
    ours, theirs = record["screening"].get(OURS), record["screening"].get(side.name)
    if theirs is None:
        return "not run"
    if "failed" in theirs:
        return str(theirs["failed"])
    if side.differs:
        return f"another answer: {side.differs}"
    if ours is None or "failed" in ours or ours["answer"]["n"] == 0:
        return "nothing to compare with"
    return agreement(ours["answer"], theirs["answer"]) or "DIFFERENT ANSWER"


def agrees(record: Run, side: Side) -> bool:
    """Whether a ratio may be written: every run gave the same answer, and it is not that there is nothing."""
    ours, theirs = record["screening"].get(OURS, {}), record["screening"].get(side.name, {})
    if side.differs or "answer" not in ours or "answer" not in theirs or ours["answer"]["n"] == 0:
        return False
    runs = [(ours, theirs), *record.get("pairs", {}).get(side.name, [])]
    return all(agreement(a["answer"], b["answer"]) is not None for a, b in runs)


def screen(record: Run, sides: Iterable[Side], launch: Launch, stored: Callable[[], None]) -> None:
    """One run of every side that has none yet."""
    for side in sides:
        if side.name not in record["screening"]:
            record["screening"][side.name] = launch(side)
            stored()


def fastest(record: Run, sides: Iterable[Side]) -> list[Side]:
    """The sides that are raced: the three that agree and took the least CPU for the work."""
    able = [side for side in sides if agrees(record, side)]
    return sorted(able, key=lambda side: record["screening"][side.name]["work"]["cpu"])[:RACED]


def patience(record: Run, sides: Iterable[Side]) -> float:
    """CPU seconds after which a screening run cannot be one of the three fastest any more; infinite before three."""
    able = sorted(record["screening"][side.name]["whole"]["cpu"] for side in sides if agrees(record, side))
    return BEHIND * able[RACED - 1] + BEHIND_S if len(able) >= RACED else math.inf


def race(
    record: Run, ours: Side, sides: Iterable[Side], rounds: int, launch: Launch, stored: Callable[[], None]
) -> None:
    """Pairs of the fastest, up to `rounds` of each; what is there already counts.

    Each pair is run back to back, so that whatever else the machine does hurts both; who goes first alternates, and
    the order of the competitors turns from round to round.
    """
    raced = fastest(record, sides)
    pairs = record.setdefault("pairs", {})
    for turn in range(rounds):
        start = turn % len(raced) if raced else 0
        for side in raced[start:] + raced[:start]:
            done = pairs.setdefault(side.name, [])
            both = [record["screening"][name]["whole"]["wall"] for name in (ours.name, side.name)]
            if len(done) > turn or (max(both) > LONG_S and len(done) >= LONG_ROUNDS):
                continue
            order = (ours, side) if turn % 2 == 0 else (side, ours)
            runs = {each.name: launch(each) for each in order}
            failed = [f"{name}: {run['failed']}" for name, run in runs.items() if "failed" in run]
            if failed:
                raise RuntimeError(f"a run that had worked failed: {'; '.join(failed)}")
            done.append([runs[ours.name], runs[side.name]])
            stored()


def ratio(record: Run, side: Side, clock: str) -> Ratio | None:
    """Theirs / ours by `clock` ("cpu" or "wall") of the work; None unless every answer agreed."""
    pairs = record.get("pairs", {}).get(side.name, [])
    if not pairs or not agrees(record, side):
        return None
    ratios = [theirs["work"][clock] / max(ours["work"][clock], 1e-6) for ours, theirs in pairs]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios), len(ratios))
