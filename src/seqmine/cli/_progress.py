"""Progress on stderr: a live line on a terminal, one plain line a stage elsewhere, nothing with --quiet."""

from __future__ import annotations

import sys
from typing import Any

import click

from seqmine.pipeline.progress import Progress

__all__ = ["StderrProgress"]


class StderrProgress(Progress):
    """Tell stages on stderr."""

    def __init__(self, *, quiet: bool = False) -> None:
        super().__init__()
        self.quiet = quiet
        self._live: Any = None

    def started(self, name: str) -> None:
        if self.quiet or not sys.stderr.isatty():
            return
        from rich.console import Console
        from rich.progress import Progress as Bar
        from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

        self._live = Bar(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._live.add_task(name, total=None)
        self._live.start()

    def ended(self, name: str, seconds: float, *, done: bool) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
        if done and not self.quiet:
            click.echo(f"{name}: {seconds:.1f} s", err=True)
