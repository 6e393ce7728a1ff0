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


def test_the_architecture_names_what_is_there_and_nothing_else() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = set(re.findall(r"^\| (\w+) \| `", page, re.MULTILINE))
    assert rooms == {path.name for path in (ROOT / "cpp" / "src").iterdir() if path.is_dir()}
    diagram = page.split("```")[1]
    foundation = next(line for line in diagram.splitlines() if line.startswith("L1 "))
    for name in re.findall(r"[ .]([a-z_]+)(?= |$)", foundation.split("   ")[0]):
        assert (ROOT / "src" / "seqmine" / f"{name}.py").exists(), name
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for name in re.findall(r"\((\w+)\)", project.split("layers = [")[1].split("]")[0]):
        assert list((ROOT / "src" / "seqmine").glob(f"{name}*")), name


def test_the_readme_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in sorted((ROOT / "docs").glob("*.md")) if f"docs/{page.name})" not in readme] == []


def test_nobody_calls_the_simulated_data_of_the_demo_real() -> None:
    files = [ROOT / "README.md", ROOT / "Makefile", *(ROOT / "docs").glob("*.md"), *(ROOT / "src").rglob("*.py")]
    assert [file.name for file in files if "real shopping" in file.read_text(encoding="utf-8")] == []


def test_the_version_is_one() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    cmake = re.search(r"project\(seqmine VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text(encoding="utf-8"))
    assert cmake is not None
    assert project["version"] == cmake[1] == seqmine.__version__
    assert f"## {seqmine.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
