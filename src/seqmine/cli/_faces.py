"""The library's messages in the words of a command: ``timezone="UTC"`` becomes ``--timezone UTC``.

Messages name an option as its keyword in Python, ``name=`` or ``name="value"``. A command knows it as a flag, a
configuration file as a key. The names are read from the command itself, so there is no second list to keep.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable

import click

from seqmine._text import join_names
from seqmine.errors import InvalidOutcome, InvalidPattern, LeakAlarm, ParameterError, SeqmineError

__all__ = ["in_words_of"]

# Next steps that are calls in Python.
_CALLS = {
    "use EventLog.read for files": "make one of files: seqmine ingest FILE --output LOGDIR",
    "use EventLog.open for it": "name the event files that it was made of",
    "write Randomised(arm='arm', control='control')": "give --randomised-arm NAME and --control VALUE",
}
_VALUE = r"(?P<value>\"[^\"]*\"|'[^']*'|True\b|None\b)?"


def in_words_of(command: click.Command, error: SeqmineError) -> None:
    """Rewrite message and hint of ``error`` as a user of ``command`` would say them."""
    if isinstance(error, LeakAlarm):
        error.hint = _leak_hint(command, error)
        return
    # These quote what the user wrote, which may hold the same words.
    if not isinstance(error, (InvalidPattern, InvalidOutcome)):
        error.message = _rendered(command, error.message)
        if isinstance(error, ParameterError) and command.name != "run":
            error.message = _subject(command, error.message)
    if error.hint is not None:
        error.hint = _rendered(command, _CALLS.get(error.hint, error.hint))


def _leak_hint(command: click.Command, error: LeakAlarm) -> str:
    """What to do about a leak alarm, ready to be copied."""
    in_file = command.name == "run"

    def said(flag: str, key: str, section: str, names: tuple[str, ...]) -> str:
        if in_file:
            return f"{key} = {json.dumps(list(names), ensure_ascii=False)} in [{section}]"
        return f"{flag} {shlex.quote(join_names(names))}"

    out = []
    if error.exclude:
        out.append("leave them out with " + said("--exclude-events", "exclude_events", "study", error.exclude))
    if error.context:
        place = "context in [moments]" if in_file else "--context"
        out.append(f"leave {join_names(error.context)} out of {place}")
    if error.absence:
        out.append("leave out absence in [moments]" if in_file else "leave out --absence")
    return f"{', '.join(out)}, or accept them with " + said("--acknowledge", "acknowledge", "evidence", error.events)


def _subject(command: click.Command, text: str) -> str:
    """Name the flag where a message begins with its option: ``days lies between`` becomes ``--days lies between``."""
    names = _flags(command)
    every = "|".join(map(re.escape, names))
    return re.sub(rf"^(?:{every})(?=: | (?:must|lies|is|has)\b)", lambda found: names[found[0]](None), text)


def _rendered(command: click.Command, text: str) -> str:
    in_file = command.name == "run"
    names = _keys() if in_file else _flags(command)
    every = "|".join(map(re.escape, names))
    long = "|".join(re.escape(name) for name in names if "_" in name) or "(?!)"
    # `time=` is an option; so is a bare `time_unit`, while a bare `time` is only a word.
    forms = [rf"(?P<name>{every})={_VALUE}", rf"(?P<bare>{long})(?![\w\"'(=])"]
    if not in_file:
        forms.append(rf"\[(?:log|study|moments|evidence|windows)\] (?P<key>{every})(?=:)")
    pattern = rf"(?<![\w\"'.-])(?:{'|'.join(reversed(forms))})"

    def said(found: re.Match[str]) -> str:
        by_form = found.groupdict()
        name = by_form["name"] or by_form["bare"] or by_form["key"]
        return names[name](by_form["value"])

    return re.sub(pattern, said, text)


Say = Callable[[str | None], str]


def _flags(command: click.Command) -> dict[str, Say]:
    options = list(command.params)
    if command.name == "append":  # its hints tell how to ingest anew
        from seqmine.cli.ingest_command import command as ingest

        options += [option for option in ingest.params if option.name != "force"]
    flags = {
        option.name: _flag(option.opts[0])
        for option in options
        if isinstance(option, click.Option) and option.name is not None
    }
    if "entity" not in flags:
        return flags
    from seqmine.pipeline.config import LogSection

    only_in_files = {name: _only_in_files(name) for name in LogSection.model_fields if name != "path"}
    return only_in_files | flags


def _flag(flag: str) -> Say:
    def say(value: str | None) -> str:
        return flag if value in {None, "True"} else f"no {flag}" if value == "None" else f"{flag} {str(value)[1:-1]}"

    return say


def _only_in_files(name: str) -> Say:
    return lambda value: f"{name}{'' if value is None else f' = {value}'} (of [log], with `seqmine run`)"


def _keys() -> dict[str, Say]:
    from seqmine.pipeline.config import (
        EvidenceSection,
        LogSection,
        MomentsSection,
        RandomisedSection,
        StudySection,
        WindowsSection,
    )

    sections = (LogSection, StudySection, MomentsSection, EvidenceSection, WindowsSection, RandomisedSection)
    keys = {name: _key(name) for part in sections for name in part.model_fields}
    return keys | {"force": _flag("--force")}


def _key(name: str) -> Say:
    def say(value: str | None) -> str:
        if value is None:
            return name
        return f"no {name}" if value == "None" else f'{name} = "{value[1:-1]}"' if value != "True" else f"{name} = true"

    return say
