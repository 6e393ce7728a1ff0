"""The tree as its next owner finds it: nothing left over, nothing oversized, the locks complete."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = {".py", ".pyi", ".cpp", ".hpp", ".md", ".toml", ".txt", ".cmake", ""}
THIRD_PARTY = "cpp/third_party/"


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


def own_text() -> list[Path]:
    found = [path for path in tracked() if path.suffix in TEXT]
    return [path for path in found if not path.relative_to(ROOT).as_posix().startswith(THIRD_PARTY)]


def test_nothing_unfinished_is_marked_in_the_sources() -> None:
    words = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    marked = [path.name for path in own_text() if words.search(path.read_text(encoding="utf-8"))]
    assert marked == []


def test_no_absolute_path_of_a_machine() -> None:
    places = re.compile(r"(?<![\w.])/(home|root|Users|mnt|wo" + r"rk)/")
    found = [
        path.relative_to(ROOT).as_posix() for path in own_text() if places.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("folder", "most"), [("src", 500), ("cpp", 900), ("bindings", 500), ("tests", 900), ("tools", 400)]
)
def test_no_file_is_too_long(folder: str, most: int) -> None:
    inside = [path for path in own_text() if path.relative_to(ROOT).parts[0] == folder]
    assert inside
    assert [path.name for path in inside if len(path.read_text(encoding="utf-8").splitlines()) > most] == []


def test_the_top_of_the_tree_holds_what_belongs_there() -> None:
    folders = {".ci", "benchmarks", "bindings", "cpp", "docs", "examples", "requirements", "src", "tests", "tools"}
    files = {".gitignore", "CHANGELOG.md", "CMakeLists.txt", "CMakePresets.json", "LICENSE", "Makefile", "README.md"}
    top = {path.relative_to(ROOT).parts[0] for path in tracked()}
    assert top == folders | files | {"pyproject.toml"}


def test_nothing_large_or_built_is_tracked() -> None:
    assert [path.name for path in tracked() if path.stat().st_size > 400_000] == []
    assert [path.name for path in tracked() if path.suffix in {".so", ".pyc", ".o", ".whl", ".parquet", ".pkl"}] == []


def test_no_test_is_skipped_without_data() -> None:
    """Only a test that needs the real logs may skip, and says why; or one that counts instructions with valgrind."""
    call = re.compile(r"pytest\.(mark\.)?(skip|xfail|skipif|importorskip)\b")
    files = [path for path in own_text() if path.relative_to(ROOT).parts[0] == "tests" and path != Path(__file__)]
    files = [path for path in files if path.parent.name != "instructions"]
    skipping = [path for path in files if call.search(path.read_text(encoding="utf-8"))]
    for path in skipping:
        text = path.read_text(encoding="utf-8")
        assert "pytest.mark.data" in text, path.name


def locked(name: str) -> set[str]:
    lines = (ROOT / "requirements" / name).read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith(("#", "-r"))]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][A-Za-z0-9.]*", pin) for pin in pins), name
    return {plain(pin.split("==")[0]) for pin in pins}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=!~;\[ ]", name)[0]).lower()


def test_locks_hold_every_dependency() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project, groups = config["project"], config["dependency-groups"]
    extras = project["optional-dependencies"]
    demo = [*project["dependencies"], *extras["demo"], *extras["report"], *config["build-system"]["requires"]]
    assert {plain(name) for name in demo} <= locked("demo.txt")
    assert {plain(name) for name in (*groups["test"], *groups["lint"])} <= locked("demo.txt") | locked("dev.txt")
    assert not locked("demo.txt") & locked("dev.txt")


def test_a_plain_install_is_small() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {plain(name) for name in project["dependencies"]} == {
        "click",
        "numba",
        "numpy",
        "pyarrow",
        "pydantic",
        "rich",
        "scipy",
        "tomlkit",
        "tzdata",
    }
