"""The ``seqmine`` command: finds the subcommand, and turns every error into one line and an exit code."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from seqmine import __version__
from seqmine._text import did_you_mean
from seqmine.cli._text_safety import printable
from seqmine.cli.exit_codes import EXIT_CODES, INTERRUPTED, TERMINATED, USAGE, exit_code
from seqmine.errors import SeqmineError, SeqmineWarning

__all__ = ["cli", "run"]

# The help of a command is here, not only in its module: `seqmine --help` imports none of them.
COMMANDS = {
    "inspect": "Look at an event file or a saved log, and suggest how to read it.",
    "ingest": "Read event files and save them as a log that opens at once.",
    "append": "Add event files to a saved log.",
    "compact": "Merge what was appended to a saved log.",
    "find": "List where a pattern happens.",
    "mine": "Search for the patterns that come before an outcome.",
    "windows": "Find the delays after a moment in which an action changes the outcome.",
    "run": "Do everything that a configuration file says, and keep it in a run directory.",
    "bench": "Measure this machine, on simulated logs of any size.",
    "capacity": "Predict the time, memory and machines that a log of any size will take.",
    "simulate": "Simulate an event log whose truth is known.",
    "demo": "Run on a year of simulated grocery shopping.",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"seqmine.cli.{cmd_name}_command").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = did_you_mean(args[0], COMMANDS)
            hint = f"did you mean {near!r}?" if near else f"the commands are {', '.join(COMMANDS)}"
            raise click.UsageError(f"no such command {printable(args[0])!r}: {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(row.code), row.meaning) for row in EXIT_CODES])


@click.command(cls=_Commands, name="seqmine", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="seqmine")
def cli() -> None:
    """Find timed event patterns that come before an outcome.

    Results go to stdout, everything else to stderr. Nothing is ever sent anywhere.
    """


class _Terminated(KeyboardInterrupt):
    """SIGTERM: unwinds as Ctrl-C does, so that half-written outputs are removed."""


def run(argv: Sequence[str]) -> int:
    """Run the command line ``argv`` and return its exit code; no error leaves this function."""
    # Read here as well as by the commands: an error can come before the options are parsed.
    options = argv[: argv.index("--")] if "--" in argv else argv
    as_json, debug = "--json-errors" in options, "--debug" in options
    try:
        with _sigterm_unwinds(), warnings.catch_warnings():
            warnings.simplefilter("default", SeqmineWarning)
            warnings.showwarning = _show_warning
            # Not cli.main(), which would turn Ctrl-C and a closed pipe into exits of its own.
            with cli.make_context("seqmine", list(argv)) as context:
                status = cli.invoke(context)
            sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as done:  # --help, --version
        return done.exit_code
    except BrokenPipeError as error:
        # Python would complain once more when it closes stdout at exit.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_code(error)
    except BaseException as error:
        if debug:
            traceback.print_exception(error)
        if isinstance(error, SeqmineError):
            _put_in_words(error, argv)
        return _tell(error, as_json=as_json)


def _put_in_words(error: SeqmineError, argv: Sequence[str]) -> None:
    from seqmine.cli._faces import in_words_of

    name = next((argument for argument in argv if argument in COMMANDS), None)
    command = None if name is None else cli.get_command(click.Context(cli), name)
    if command is not None:
        in_words_of(command, error)


def _tell(error: BaseException, *, as_json: bool) -> int:
    said = _describe(error)
    code = said.pop("exit_code")
    if as_json:
        click.echo(json.dumps({"error": said, "exit_code": code}, ensure_ascii=False), err=True)
    else:
        label = f"seqmine: error {said['code']}: " if said["code"] else "seqmine: "
        click.echo(label + printable(said["text"]), err=True)
    return int(code)


def _describe(error: BaseException) -> dict[str, Any]:
    said: dict[str, Any] = {"type": type(error).__name__, "code": None, "exit_code": exit_code(error)}
    if isinstance(error, SeqmineError):
        place = {"file": error.file, "row": error.row, "column": error.column}
        return said | {"code": error.code, "text": str(error), "message": error.message, "hint": error.hint} | place
    if isinstance(error, click.ClickException):
        where = f" (see {error.ctx.command_path} --help)" if isinstance(error, click.UsageError) and error.ctx else ""
        return said | {"text": error.format_message() + where, "exit_code": USAGE}
    if isinstance(error, _Terminated):
        return said | {"text": "terminated; outputs are as before", "exit_code": TERMINATED}
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return said | {"text": "interrupted; outputs are as before", "exit_code": INTERRUPTED}
    if isinstance(error, OSError) and error.errno is not None:
        return said | {"text": f"{error.filename or 'input or output'}: {error.strerror}"}
    if isinstance(error, MemoryError):
        return said | {"text": "the machine's memory is used up: raise --min-support or read fewer columns"}
    # What is left is a fault of ours. Its message could hold the customer's data, so only its place is said.
    frames = traceback.extract_tb(error.__traceback__)
    frame = next((frame for frame in reversed(frames) if "seqmine" in Path(frame.filename).parts), frames[-1])
    place_text = f"{type(error).__name__} in {Path(frame.filename).name}:{frame.lineno}"
    return said | {"text": f"internal error: {place_text} - please report it with the output of --debug"}


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    click.echo(f"seqmine: warning: {printable(str(message))}", err=True)


@contextlib.contextmanager
def _sigterm_unwinds() -> Iterator[None]:
    def unwind(*_: Any) -> None:
        raise _Terminated

    try:
        before = signal.signal(signal.SIGTERM, unwind)
    except ValueError:  # not the main thread: the program that called us owns the signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
