"""Importing seqmine is silent, fast and light; nothing forbidden is in the sources."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import seqmine

PACKAGE = Path(seqmine.__file__).parent
SOURCES = sorted(path for path in PACKAGE.rglob("*.py"))
HEAVY = (
    "pandas",
    "polars",
    "duckdb",
    "numba",
    "scipy",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "rich",
    "click",
    "matplotlib",
    "pydantic",
)


def run_python(code: str, *flags: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *flags, "-c", code], capture_output=True, text=True, timeout=60, check=False)


def test_import_is_silent_and_light() -> None:
    done = run_python(f"import sys, seqmine; print([m for m in {HEAVY!r} if m in sys.modules])", "-W", "error")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout == "[]\n"


def test_import_is_fast() -> None:
    code = "import time; t = time.perf_counter(); import seqmine; print(time.perf_counter() - t)"
    assert min(float(run_python(code).stdout) for _ in range(3)) < 0.2


def test_import_starts_no_thread_and_opens_no_socket() -> None:
    code = (
        "import sys, threading\n"
        "seen = []\n"
        "sys.addaudithook(lambda event, args: seen.append(event) if event.startswith('socket.') else None)\n"
        "import seqmine\n"
        "[getattr(seqmine, name) for name in getattr(seqmine, '__all__', [])]\n"
        "print(threading.active_count(), seen)\n"
    )
    done = run_python(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1 []\n"


@pytest.mark.parametrize("path", SOURCES, ids=[str(path.relative_to(PACKAGE)) for path in SOURCES])
def test_no_pickle_eval_or_network_in_the_sources(path: Path) -> None:
    forbidden_modules = {
        "pickle",
        "cPickle",
        "dill",
        "marshal",
        "shelve",
        "joblib",
        "yaml",
        "socket",
        "urllib",
        "http",
        "requests",
    }
    forbidden_calls = {"eval", "exec", "compile", "__import__"}
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in forbidden_modules]
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in forbidden_modules:
            found.append(node.module)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in forbidden_calls:
            found.append(node.func.id)
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            found.append("allow_pickle")
    assert found == []


@pytest.mark.parametrize("path", SOURCES, ids=[str(path.relative_to(PACKAGE)) for path in SOURCES])
def test_file_is_readable_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500
