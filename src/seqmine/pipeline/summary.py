"""A run in plain text, for a reader who did not configure it. The same run gives the same text."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from seqmine import __version__
from seqmine.pipeline.config import RunConfig
from seqmine.pipeline.judged import finding_lines, how_to_read, judged_lines, labels_lines
from seqmine.pipeline.windowed import HOW_TO_READ_WINDOWS, Windowed, windows_lines

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import LeadLoss
    from seqmine.mining import StudyResult

__all__ = ["EXPLORATORY", "has_effect", "instant", "log_lines", "summary_text"]

EXPLORATORY = (
    "exploratory: the patterns were searched for and counted on the same rows, so their rates flatter them, and "
    "nothing certifies them. They say what came before the outcome, not what caused it."
)
_SHOWN = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def summary_text(
    config: RunConfig, log: EventLog, moments: StudyResult, loss: LeadLoss | None, windowed: Windowed | None = None
) -> str:
    """Return what was asked, of which data, what was left out, what was compared, the best moments, and the windows."""
    study = config.study
    at = study.at if isinstance(study.at, str) else ", ".join(study.at)
    windows: list[str] = []
    if config.windows is not None and windowed is not None:
        windows = ["", "Windows", *windows_lines(config.windows, windowed)]
    lines = [
        f"seqmine {__version__}",
        "",
        "Question",
        f"  outcome      {study.outcome}",
        f"  asked at     {at}",
        f"  looking back {study.lookback or 'to the start'}; outcome begins {study.lead} after the index",
        *([f"  never seen   {', '.join(study.exclude_events)}"] if study.exclude_events else []),
        "",
        "Data",
        *(f"  {line}" for line in log_lines(log)),
        "",
        "Rows",
        *(f"  {line}" for line in labels_lines(moments.labels)),
        "",
        "Evidence",
        *(f"  {line}" for line in judged_lines(moments, loss)),
        "",
        "Moments",
        *finding_lines(moments, limit=_SHOWN),
        *windows,
        "",
        "How to read",
        *(f"  {line}" for line in how_to_read(moments, config.evidence.options())),
        *(
            f"  {line}"
            for line in HOW_TO_READ_WINDOWS
            if windows and windowed is not None and windowed.result is not None
        ),
    ]
    if not moments.complete:
        lines += ["", "INCOMPLETE: a budget ran out before the search was over; better moments may exist."]
    return "\n".join(lines) + "\n"


def log_lines(log: EventLog) -> list[str]:
    """Return the accounting and the size of a log."""
    first = f", {instant(int(log.time.min()))} to {instant(int(log.time.max()))}" if log.n_events else ""
    return [
        str(log.accounting),
        f"{log.n_events:,} events of {len(log.event_types):,} types, {log.n_entities:,} entities{first}",
    ]


def has_effect(row: dict[str, Any], *, stratified: bool) -> bool:
    """Whether those that match have the outcome more, or less, often than those that they are compared with."""
    # Of other measures than leverage the score need not be 0 where nothing happens; the lift is 1 for all of them.
    compared, nothing = (row["score"], 0.0) if stratified else (row["lift"], 1.0)
    return not math.isclose(compared, nothing, rel_tol=1e-9, abs_tol=1e-9)


def instant(us: int) -> str:
    """Return UTC microseconds as text, or as a number where no calendar reaches."""
    try:
        return (_EPOCH + timedelta(microseconds=us)).isoformat(timespec="seconds").replace("+00:00", "Z")
    except OverflowError:
        return f"{us} us"
