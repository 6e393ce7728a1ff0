"""``seqmine append``: further event files for a saved log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seqmine.cli._options import common, progress_of, status
from seqmine.cli._output import emit, rows_table

__all__ = ["command"]


@click.command("append")
@click.argument("log", type=click.Path(path_type=Path))
@click.argument("files", nargs=-1, required=True)
@click.option("--observed-until", metavar="TIME", help="Until when the log saw everything, now that it has these rows.")
@click.option("--identity", metavar="FILE", help="Table that maps raw ids to entities: that of before, or more.")
@click.option("--starts", metavar="FILE", help="Table of when each entity began: of all entities.")
@click.option("--quarantine", metavar="FILE", help="Parquet file for bad rows, if the log sets them aside.")
@click.option(
    "--input-format", "input_format", type=click.Choice(["parquet", "csv", "arrow"]), help="Format of the input."
)
@click.option(
    "--compact/--no-compact",
    "compact",
    default=None,
    help="Merge the log's segments now, or not.  [default: past 8 of them, or a quarter of the log]",
)
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
@common
def command(log: Path, files: tuple[str, ...], input_format: str | None, form: str, **given: Any) -> int:
    """Add event files to a saved log.

    LOG is a directory that `seqmine ingest` wrote; FILES are read with the columns and options that it was read with.
    The result is the log of all files together. What became of every row is printed.
    """
    from seqmine.pipeline.growing import append_files

    progress = progress_of(given)
    with progress.stage("append"):
        joined = append_files(log, files, format=input_format, **given)
    done = joined.appended
    rows = done.accounting.named_counts()
    emit(rows_table([*rows, ("segments of the log", done.n_segments)]), form)
    if not progress.quiet:
        click.echo(f"{log} has grown" + ("" if done.n_segments else " and is compacted"), err=True)
        if done.accounting.quarantined:
            click.echo(f"{done.accounting.quarantined:,} bad rows are in {joined.quarantine}", err=True)
    return status(quarantined=done.accounting.quarantined)
