"""What a question is made of: cases, sides, and what was promised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peers import data

__all__ = ["OURS", "Case", "Question", "Side"]

OURS = "seqmine"


@dataclass(frozen=True)
class Side:
    """One competitor at one question.

    Attributes
    ----------
    name
        As the tables print it.
    script
        Its file, in the question's folder.
    job
        What it alone is told.
    needs
        A program that must be on the path, or None.
    differs
        Why its answer is another one by design. Such a side is shown, and never raced.
    """

    name: str
    script: str
    job: Mapping[str, Any] = field(default_factory=dict)
    needs: str | None = None
    differs: str | None = None


@dataclass(frozen=True)
class Case:
    """One input and what is asked of it.

    Attributes
    ----------
    name
        Of the file that holds its runs.
    log
        A key of `peers.data.LOGS`, or what the question's `prepare` takes.
    job
        What every side is told.
    heavy
        Whether the targets count it, and whether ``--quick`` leaves it out.
    """

    name: str
    log: str
    job: Mapping[str, Any]
    heavy: bool = True


def _log_folder(case: Case, work: Path) -> dict[str, Any]:
    return {"folder": str(data.prepare(case.log, work))}


@dataclass(frozen=True)
class Question:
    """One folder of competitors.

    Attributes
    ----------
    name, title, about
        The folder, the heading, and what the page says above the table.
    cases, sides
        Inputs and competitors; `sides` leaves out seqmine, whose file is ``seqmine.py``.
    least_mean, least_each
        The targets: geometric mean over heavy cases, and every heavy case, of the CPU ratio to the fastest side.
    prepare
        ``prepare(case, work)``: makes the input, and returns what the sides must know of it.
    limit_s
        Seconds after which a screening run is given up.
    judge
        ``judge(job, side, run)``: where answers cannot be compared with each other, holds a run's answer against an
        outside truth, and notes in it what came out.
    against
        The targets are about the sides whose name begins so.
    notes
        Lines below the tables, from the stored cases.
    """

    name: str
    title: str
    about: str
    cases: tuple[Case, ...]
    sides: tuple[Side, ...]
    least_mean: float
    least_each: float
    prepare: Callable[[Case, Path], dict[str, Any]] = _log_folder
    limit_s: float = 60.0
    judge: Callable[[dict[str, Any], str, dict[str, Any]], None] | None = None
    against: str = ""
    notes: Callable[[dict[str, Any]], list[str]] = lambda _: []

    @property
    def ours(self) -> Side:
        """Our own side."""
        return Side(OURS, f"{OURS}.py")
