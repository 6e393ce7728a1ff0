"""``seqmine demo``: a first look at what seqmine does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from seqmine.cli._options import common, progress_of, status

__all__ = ["command"]


@click.command("demo")
@click.option(
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=Path("demo-output"),
    show_default=True,
    help="Directory of its files.",
)
@click.option("--force", is_flag=True, help="Replace an earlier demo.")
@common
def command(output: Path, force: bool, threads: int, **given: Any) -> int:
    """Run on a year of simulated grocery shopping.

    Asks which timed sequences of baskets and campaigns come before a household stops buying, and before it redeems a
    coupon. Takes about 20 seconds. The data, simulated on real patterns,
    come with: pip install 'seqmine[demo]'.
    """
    from seqmine.demo.run import run_demo

    done = run_demo(output, force=force, threads=threads, progress=progress_of(given))
    click.echo(done.text, nl=False)
    return status(complete=done.complete)
