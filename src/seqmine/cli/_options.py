"""Options that several commands share, and what they turn into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import pyarrow as pa

from seqmine._files import atomic_file, json_bytes, prepare_output, write_bytes
from seqmine._text import split_names
from seqmine.cli._output import FORMATS, emit, format_of, refuse_terminal, write_table
from seqmine.cli._progress import StderrProgress
from seqmine.cli.exit_codes import COMPLETE, INCOMPLETE, QUARANTINED
from seqmine.errors import ParameterError
from seqmine.pipeline.config import LogSection, parse_log
from seqmine.pipeline.manifest import manifest, output_digest
from seqmine.pipeline.source import is_saved_log

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

__all__ = [
    "Answer",
    "common",
    "given_log_keys",
    "log_options",
    "log_section",
    "name_list",
    "output_options",
    "progress_of",
    "set_aside",
    "status",
]

Function = TypeVar("Function", bound=Callable[..., Any])

_LOG_KEYS = tuple(name for name in LogSection.model_fields if name != "path")


def _all(*options: Callable[[Any], Any]) -> Callable[[Function], Function]:
    def decorate(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def name_list(*declarations: str, **settings: Any) -> Callable[[Function], Function]:
    """Return an option that takes a list of names: given several times, with commas between, or both.

    Every list of names on the command line is one, and `split_names` says how it is written. The parameter is a list
    of names in the order given, or the option's default (`None` unless it has one) where it is not given.
    """

    def listed(_context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> list[str] | None:
        try:
            return [name for text in given for name in split_names(text)] if given else None
        except ParameterError as error:
            raise ParameterError(f"{option.name}: {error.message}", hint=error.hint) from None

    return click.option(*declarations, multiple=True, callback=listed, **{"metavar": "NAMES", **settings})


common = _all(
    click.option(
        "--threads", type=click.IntRange(min=0), default=0, help="Threads; 0 = all cores. Never changes a result."
    ),
    click.option("-q", "--quiet", is_flag=True, help="No progress and no summary on stderr."),
    click.option("--json-errors", is_flag=True, expose_value=False, help="An error is one JSON object on stderr."),
    click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error."),
)

log_options = _all(
    click.option("--entity", help="Column of whose sequence it is.  [default: entity]"),
    click.option("--time", help="Column of the time.  [default: time]"),
    click.option("--event", help="Column of the event type.  [default: event]"),
    click.option("--value", help="Column of a number that belongs to the event."),
    name_list("--attributes", help="Columns to keep as attributes, with commas between."),
    click.option(
        "--timezone", metavar="ZONE", help="Zone of times without offset, of weekdays and hours, as Europe/Berlin."
    ),
    click.option("--time-unit", type=click.Choice(["s", "ms", "us", "ns"]), help="Unit of whole-number times."),
    click.option("--event-id", help="Column of the event's own id (for --duplicates id)."),
    click.option("--duration", help="Column of how long the event took, kept as an attribute."),
    click.option("--identity", metavar="FILE", help="Table that maps raw ids to entities."),
    click.option("--starts", metavar="FILE", help="Table of when each entity began."),
    click.option(
        "--observed-until", metavar="TIME", help="Until when the log saw everything.  [default: the last event]"
    ),
    click.option("--duplicates", type=click.Choice(["none", "exact", "id"]), help="Which repeated rows to leave out."),
    click.option(
        "--on-bad-row", type=click.Choice(["error", "quarantine"]), help="Refuse bad rows, or set them aside."
    ),
    click.option(
        "--input-format", "format", type=click.Choice(["parquet", "csv", "arrow"]), help="Format of the input."
    ),
)

output_options = _all(
    click.option("--format", "form", type=click.Choice(FORMATS), help="Form of the result.  [default: table]"),
    click.option(
        "--output", metavar="FILE", type=click.Path(path_type=Path), help="Write the result there, with a manifest."
    ),
    click.option("--force", is_flag=True, help="Replace an output that is there."),
    click.option(
        "--raw-csv", is_flag=True, help="CSV text as it is, for programs: a spreadsheet may run it as formulas."
    ),
)


def given_log_keys(given: dict[str, Any]) -> dict[str, Any]:
    """Take the options of `log_options` out of ``given`` and return those that the user gave."""
    chosen = {name: given.pop(name) for name in _LOG_KEYS if name in given}
    return {name: value for name, value in chosen.items() if value is not None}


def log_section(source: str, given: dict[str, Any]) -> LogSection:
    """Take the options of `log_options` out of ``given`` and return them, checked, as a log section."""
    return parse_log({"path": source, **given_log_keys(given)})


def progress_of(given: dict[str, Any]) -> StderrProgress:
    """Take ``--quiet`` out of ``given``."""
    return StderrProgress(quiet=given.pop("quiet"))


def status(*, complete: bool = True, quarantined: int = 0) -> int:
    """Return the exit code of a result that was written; incomplete outranks quarantined.

    ``quarantined`` counts the rows that this call set aside, not those that were set aside when a log was saved.
    """
    return INCOMPLETE if not complete else QUARANTINED if quarantined else COMPLETE


def set_aside(section: LogSection, log: EventLog) -> int:
    """Return how many rows were set aside by reading ``log`` now: of a saved log, none."""
    return 0 if is_saved_log(section.path) else log.accounting.quarantined


@dataclass(frozen=True)
class Answer:
    """Where a command's result table goes; made before the work, so that a wrong output costs none."""

    form: str
    output: Path | None
    force: bool
    raw_csv: bool

    @classmethod
    def checked(cls, given: dict[str, Any]) -> Answer:
        """Take the options of `output_options` out of ``given``."""
        output = given.pop("output")
        force = given.pop("force")
        form = format_of(given.pop("form"), output)
        raw_csv = given.pop("raw_csv")
        if output is not None:
            return cls._to_file(output, form, force=force, raw_csv=raw_csv)
        refuse_terminal(form)
        return cls(form, None, force, raw_csv)

    @classmethod
    def _to_file(cls, output: Path, form: str, *, force: bool, raw_csv: bool) -> Answer:
        prepare_output(output, force=force)
        prepare_output(_manifest_of(output), force=force)
        return cls(form, output, force, raw_csv)

    def beside(self, output: Path) -> Answer:
        """Where a further table of the same call goes; the name says the format."""
        return Answer._to_file(output, format_of(None, output), force=self.force, raw_csv=self.raw_csv)

    def give(self, table: pa.Table, *, limit: int | None, record: Callable[[], dict[str, Any]]) -> None:
        """Print ``table``, or write it and its manifest; ``record`` gives what `manifest` takes, if it is needed."""
        if self.output is None:
            emit(table, self.form, raw_csv=self.raw_csv, limit=limit or None)
            return
        described = record()
        with atomic_file(self.output, force=self.force) as stream:
            write_table(table, self.form, stream, raw_csv=self.raw_csv)
        described["outputs"] = [output_digest(self.output)]
        write_bytes(_manifest_of(self.output), json_bytes(manifest(**described)), force=self.force)
        click.echo(f"wrote {self.output} ({table.num_rows:,} rows) and {_manifest_of(self.output).name}", err=True)


def _manifest_of(output: Path) -> Path:
    return output.with_name(output.name + ".manifest.json")
