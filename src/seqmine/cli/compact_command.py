"""``seqmine compact``: a saved log that grew, as one log again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seqmine.cli._options import common, progress_of
from seqmine.cli._output import emit, rows_table

__all__ = ["command"]


@click.command("compact")
@click.argument("log", type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
@common
def command(log: Path, form: str, threads: int, **given: Any) -> int:
    """Merge what was appended to a saved log.

    LOG then holds the very files that ingesting all inputs together writes. Its files are checked against their
    digests on the way; a log without segments is left alone.
    """
    from seqmine.events.log import EventLog
    from seqmine.pipeline.growing import compact_log

    progress = progress_of(given)
    with progress.stage("compact"):
        n_segments = compact_log(log, threads=threads)
    merged = EventLog.open(log)
    rows = [(name, count) for name, count in merged.accounting.named_counts() if name != "exact duplicates seen"]
    rows += [("entities", merged.n_entities), ("event types", len(merged.event_types))]
    emit(rows_table([("segments merged", n_segments), *rows]), form)
    return 0
