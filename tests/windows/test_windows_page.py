"""docs/windows.md: its examples run, and it names every option, column, status and reason."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path

import click

from seqmine.cli.windows_command import command
from seqmine.pipeline.config import parse_windows
from seqmine.windows import WindowOptions
from seqmine.windows.findings import REASONS, STATUSES
from seqmine.windows.result_table import WINDOW_SCHEMA

PAGE = Path(__file__).resolve().parents[2] / "docs" / "windows.md"
TEXT = PAGE.read_text(encoding="utf-8")


def part(heading: str) -> str:
    return TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def names(text: str) -> set[str]:
    return set(re.findall(r"`([\w-]+)`", text))


def test_examples_run() -> None:
    blocks = [(match.start(1), match[1]) for match in re.finditer(r"^```python\n(.*?)^```", TEXT, re.M | re.S)]
    assert len(blocks) == 6
    space: dict[str, object] = {}
    for start, block in blocks:
        exec(compile("\n" * TEXT.count("\n", 0, start) + block, str(PAGE), "exec"), space)


def test_every_option_is_told() -> None:
    told = names(part("What to declare"))
    assert {item.name for item in dataclasses.fields(WindowOptions)} <= told
    flags = {option.opts[0] for option in command.params if isinstance(option, click.Option)}
    wrong = {name for name in told if name.startswith("--")} - flags
    assert not wrong


def test_every_column_is_told() -> None:
    said = part("The tables")
    missing = [name for name in WINDOW_SCHEMA.names if name not in names(said) and not name.endswith(("_low", "_high"))]
    assert missing == []


def test_every_status_and_reason_is_told() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", part("Statuses"), re.M)
    assert rows[: len(STATUSES)] == list(STATUSES)
    assert sorted(rows[len(STATUSES) :]) == sorted(REASONS)


def test_the_configuration_is_one() -> None:
    (block,) = re.findall(r"^```toml\n(.*?)^```", TEXT, re.M | re.S)
    section = parse_windows(tomllib.loads(block)["windows"])
    assert section.options(1).randomised is not None
    assert section.moments is None
