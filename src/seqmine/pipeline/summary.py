"""A run in plain text, for a reader who did not configure it. The same run gives the same text."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from seqmine import __version__
from seqmine.pipeline.config import RunConfig

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import Labels
    from seqmine.mining import MiningResult

__all__ = [
    "EXPLORATORY",
    "has_effect",
    "instant",
    "labels_lines",
    "log_lines",
    "moment_lines",
    "summary_text",
]

EXPLORATORY = (
    "exploratory: the moments were searched for and counted on the same rows, so their rates flatter them,\n"
    "and nothing certifies them yet. They say what came before the outcome, not what caused it."
)
_SHOWN = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def summary_text(config: RunConfig, log: EventLog, labels: Labels, moments: MiningResult) -> str:
    """Return what was asked, of which data, what was left out, and the best moments."""
    study = config.study
    at = study.at if isinstance(study.at, str) else ", ".join(study.at)
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
        *(f"  {line}" for line in labels_lines(labels)),
        "",
        f"Moments ({EXPLORATORY.split(':', maxsplit=1)[0]})",
        *moment_lines(moments.to_arrow(), limit=_SHOWN, stratified=bool(config.moments.strata)),
        "",
        *EXPLORATORY.splitlines(),
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


def labels_lines(labels: Labels) -> list[str]:
    """Return how many rows there are, with which base rate, and which were left out and why."""
    said = labels.summary()
    lines = [f"{said['n_rows']:,} of {said['n_candidates']:,} candidate rows (entity and index time)"]
    if said.get("base_rate") is not None:
        lines[0] += f"; {said['n_positive']:,} with the outcome: base rate {said['base_rate']:.1%}"
    lines += [f"left out: {count:,} {reason}" for reason, count in said["excluded"].items() if count]
    return lines


def moment_lines(table: Any, *, limit: int, stratified: bool = False) -> Iterator[str]:
    """Yield the best moments of a result table, one to a line and one for its numbers; not those without any effect."""
    if table.num_rows == 0:
        yield "  none: no pattern has the minimum support"
    rows = [row for row in table.to_pylist() if has_effect(row, stratified=stratified)]
    for rank, row in enumerate(rows[:limit], start=1):
        yield f"  {rank:2}. {row['pattern']}"
        counts = f"{row['direction']}: {row['n_positive']:,} of {row['n_matched']:,} rows ({row['confidence']:.1%})"
        if stratified:
            expected = row["expected"]
            times = f": {row['n_positive'] / expected:.2f} times" if expected > 0 else ""
            yield f"      {counts}, {expected:,.1f} expected given the strata{times}; base rate {row['base_rate']:.1%}"
        else:
            yield f"      {counts} against {row['base_rate']:.1%} of all: {row['lift']:.2f} times"
    if len(rows) > limit:
        yield f"  and {len(rows) - limit:,} more in moments.parquet"
    if len(rows) < table.num_rows:
        yield f"  {table.num_rows - len(rows):,} patterns without any effect are not shown"


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
