"""``seqmine inspect``: a first look, and how to go on."""

from __future__ import annotations

import json
from typing import Any

import click
import pyarrow as pa

from seqmine.cli._options import common, given_log_keys, log_options, progress_of
from seqmine.cli._output import emit
from seqmine.cli._text_safety import printable

__all__ = ["command"]


@click.command("inspect")
@click.argument("source")
@click.option("--format", "form", type=click.Choice(["table", "json", "toml"]), default="table", show_default=True)
@log_options
@common
def command(source: str, form: str, threads: int, **given: Any) -> int:
    """Look at an event file or a saved log, and suggest how to read it.

    Guesses which columns are the entity, the time, the event and the value (what you name is not guessed), reads the
    file so, and shows counts, time range, ties and the commonest event types. --format toml prints the [log] section
    for a configuration file.
    """
    from seqmine.errors import DataError
    from seqmine.pipeline.inspection import inspect_columns, inspect_source

    progress, keys = progress_of(given), given_log_keys(given)
    try:
        with progress.stage("read"):
            seen = inspect_source(source, keys, threads=threads)
    except DataError:
        # What cannot be read as a log can still be looked at.
        if form == "table" and (columns := inspect_columns(source, keys)):
            emit(pa.Table.from_pylist(columns), "table")
        raise
    if form == "json":
        click.echo(json.dumps(seen.to_dict(), indent=2, ensure_ascii=False))
        return 0
    if form == "toml":
        click.echo(seen.toml(), nl=False)
        return 0
    if seen.columns:
        emit(pa.Table.from_pylist([dict(column) for column in seen.columns]), "table")
    facts = [(name.replace("_", " "), _text(value)) for name, value in seen.log.items()]
    emit(pa.table({"log": [name for name, _ in facts], "": [value for _, value in facts]}), "table")
    if seen.event_types:
        emit(pa.Table.from_pylist([dict(row) for row in seen.event_types]), "table")
    for note in seen.notes:
        click.echo(f"note: {printable(note)}")
    click.echo(f"next: {printable(seen.command())}")
    return 0


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return f"{value:,}" if isinstance(value, int) else str(value)
