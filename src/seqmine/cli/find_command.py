"""``seqmine find``: where a pattern happens, or for how many."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import click

from seqmine.cli._options import (
    Answer,
    common,
    log_options,
    log_section,
    output_options,
    progress_of,
    set_aside,
    status,
)

if TYPE_CHECKING:
    from seqmine.pipeline.config import LogSection

__all__ = ["command"]


@click.command("find")
@click.argument("source")
@click.argument("patterns", metavar="PATTERN...", nargs=-1, required=True)
@click.option(
    "--occurrences",
    type=click.Choice(["first", "all"]),
    default="first",
    show_default=True,
    help="The first match of each entity, or one row for each distinct moment.",
)
@click.option("--count", "count_only", is_flag=True, help="Only count matching entities; takes several patterns.")
@click.option("--rows", type=click.IntRange(min=0), default=50, show_default=True, help="Rows on a terminal; 0 = all.")
@output_options
@log_options
@common
def command(
    source: str,
    patterns: tuple[str, ...],
    occurrences: Literal["first", "all"],
    count_only: bool,
    rows: int,
    threads: int,
    **given: Any,
) -> int:
    """List where a pattern happens.

    SOURCE is a saved log or anything that `seqmine ingest` reads. PATTERN is text such as

    \b
        signup -[0s,7d)-> purchase{value>=50} -> no return within 30d
    """
    from seqmine.patterns import count, find, parse_pattern
    from seqmine.pipeline.source import fingerprints, open_log

    if len(patterns) > 1 and not count_only:
        raise click.UsageError("find lists one pattern at a time: put it in quotes, or add --count for several")
    answer, progress = Answer.checked(given), progress_of(given)
    section = log_section(source, given)
    parsed = [parse_pattern(text) for text in patterns]
    with progress.stage("read the log"):
        log = open_log(section, threads=threads)
    with progress.stage("match"), _value_by_its_name(section):
        table = (
            count(log, parsed, threads=threads)
            if count_only
            else find(log, parsed[0], occurrences=occurrences, threads=threads)
        )
    asked = {"patterns": [str(pattern) for pattern in parsed], "occurrences": None if count_only else occurrences}
    answer.give(
        table,
        limit=rows,
        record=lambda: {
            "command": "find",
            "options": asked | {"log": section.for_manifest()},
            "inputs": fingerprints(section),
            "log": log,
            "result": {"n_rows": table.num_rows},
        },
    )
    return status(quarantined=set_aside(section, log))


@contextlib.contextmanager
def _value_by_its_name(section: LogSection) -> Iterator[None]:
    """In a log the column of --value is called ``value``; say so to whom asks for it by its name in the file."""
    from seqmine.errors import InvalidPattern

    try:
        yield
    except InvalidPattern as error:
        if section.value not in {None, "value"} and f"'{section.value}'" in error.message:
            error.hint = f"--value makes {section.value} the value of an event: write value in the pattern"
        raise
