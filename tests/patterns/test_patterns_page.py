"""Every example of docs/patterns.md is run: sessions give what they show, patterns and table entries can be read."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

import seqmine as sm
from seqmine.patterns import parser

DOCUMENT = Path(__file__).parents[2] / "docs" / "patterns.md"
TEXT = DOCUMENT.read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def first_column() -> list[str]:
    """The code of the first column of every table; a `|` is written `\\|` there."""
    cells = re.findall(r"^\| (`.*?`) \| ", TEXT, re.MULTILINE)
    return [code.replace("\\|", "|") for cell in cells for code in re.findall(r"`([^`]+)`", cell)]


def test_sessions() -> None:
    examples = doctest.DocTestParser().get_doctest("\n".join(blocks("python")), {}, DOCUMENT.name, str(DOCUMENT), 0)
    assert len(examples.examples) >= 15
    report: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(examples, out=report.append)
    assert result.failed == 0, "".join(report)


def test_examples_of_the_parser() -> None:
    assert doctest.testmod(parser).attempted > 0
    assert doctest.testmod(parser).failed == 0


@pytest.mark.parametrize("line", [line for block in blocks("pattern") for line in block.splitlines()])
def test_patterns(line: str) -> None:
    assert sm.parse_pattern(str(sm.parse_pattern(line))) == sm.parse_pattern(line)


@pytest.mark.parametrize("code", first_column())
def test_table_entries(code: str) -> None:
    is_condition = re.match(r'("?\w+"?)(=|!=|<|>)', code)
    sm.parse_pattern(f"a{{{code}}}" if is_condition else code)


def test_tables_are_found() -> None:
    assert {"purchase|refund", "hour=22..6", "a -[2h,inf)-> b", "a -> b without c"} <= set(first_column())
