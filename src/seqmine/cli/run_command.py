"""``seqmine run``: the whole job, from a configuration file to a run directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seqmine.cli._options import common, progress_of, status
from seqmine.cli._text_safety import printable

__all__ = ["command"]


@click.command("run")
@click.argument("config", metavar="CONFIG.toml", type=click.Path(path_type=Path))
@click.option(
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Directory of runs.",
)
@click.option("--run-id", metavar="NAME", help="Name of the run.  [default: made from configuration and inputs]")
@click.option("--force", is_flag=True, help="Replace the run of that name.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@common
def command(config: Path, output: Path, run_id: str | None, force: bool, form: str, threads: int, **given: Any) -> int:
    """Do everything that a configuration file says, and keep it in a run directory.

    Writes DIR/<run id>/ with moments.parquet, labels.parquet, summary.txt, run.json (when, where, how long) and
    manifest.json (what decides the result). It appears as a whole or not at all.
    """
    from seqmine.pipeline import run_config

    progress = progress_of(given)
    result = run_config(config, output=output, run_id=run_id, force=force, threads=threads, progress=progress)
    if form == "json":
        click.echo((result.directory / "manifest.json").read_text(encoding="utf-8"), nl=False)
    else:
        summary = (result.directory / "summary.txt").read_text(encoding="utf-8")
        click.echo("\n".join(printable(line) for line in summary.split("\n")), nl=False)
    if not progress.quiet:
        click.echo(f"wrote {result.directory}", err=True)
    return status(complete=result.complete, quarantined=result.n_quarantined)
