"""Documents that repeat what the program knows say the same."""

from __future__ import annotations

import re
from pathlib import Path

import seqmine
from seqmine.cli.app import COMMANDS
from seqmine.cli.exit_codes import EXIT_CODES

ROOT = Path(__file__).resolve().parents[2]
CLI = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")


def test_exit_codes_are_those_of_the_table() -> None:
    rows = re.findall(r"^\| (\d+) \| (.*) \|$", CLI, re.MULTILINE)
    assert [(int(code), meaning) for code, meaning in rows] == [(row.code, row.meaning) for row in EXIT_CODES]


def test_every_command_is_on_the_page() -> None:
    assert all(f"`{name}" in CLI for name in COMMANDS)


def test_links_lead_somewhere() -> None:
    for page in sorted((ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), (page.name, target)


def test_the_version_is_one() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    cmake = re.search(r"project\(seqmine VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text(encoding="utf-8"))
    assert cmake is not None
    assert project["version"] == cmake[1] == seqmine.__version__
    assert f"## {seqmine.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
