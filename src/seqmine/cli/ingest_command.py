"""``seqmine ingest``: event files in, a saved log out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seqmine._files import prepare_output
from seqmine.cli._options import common, log_options, log_section, progress_of, status
from seqmine.cli._output import emit, rows_table

__all__ = ["command"]


@click.command("ingest")
@click.argument("source")
@click.option(
    "--output", required=True, metavar="DIR", type=click.Path(path_type=Path), help="Directory of the saved log."
)
@click.option("--quarantine", metavar="FILE", help="Parquet file for bad rows (with --on-bad-row quarantine).")
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
@click.option("--force", is_flag=True, help="Replace the log that is there.")
@log_options
@common
def command(
    source: str, output: Path, quarantine: str | None, form: str, force: bool, threads: int, **given: Any
) -> int:
    """Read event files and save them as a log that opens at once.

    SOURCE is a Parquet, CSV (.gz too) or Arrow file, a directory, a glob in quotes, or - for standard input. What
    became of every row is printed: rows in = used + duplicates + filtered + quarantined.
    """
    from seqmine.pipeline.source import open_log

    progress = progress_of(given)
    section = log_section(source, given)
    if quarantine is not None and section.on_bad_row != "quarantine":
        raise click.UsageError("--quarantine names a file for bad rows: add --on-bad-row quarantine")
    prepare_output(output, force=force, directory=True)
    if quarantine is None and section.on_bad_row == "quarantine":
        quarantine = str(output.with_name(output.name + ".quarantine.parquet"))
    with progress.stage("read"):
        log = open_log(section, threads=threads, quarantine=quarantine)
    with progress.stage("save"):
        log.save(output, overwrite=force)
    rows = [*log.accounting.named_counts(), ("entities", log.n_entities), ("event types", len(log.event_types))]
    emit(rows_table(rows), form)
    if not progress.quiet:
        click.echo(f"wrote {output}", err=True)
        if log.accounting.quarantined:
            click.echo(f"{log.accounting.quarantined:,} bad rows are in {quarantine}", err=True)
    return status(quarantined=log.accounting.quarantined)
