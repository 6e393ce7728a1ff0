"""The one decorator of kernels."""

from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numba
import pytest

import seqmine
from seqmine import _kernels


def double(number: int) -> int:
    return 2 * number


def test_kernels_compile_where_nothing_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A read-only installation without a home directory: numba finds no place for its cache and says so by an error."""
    njit, asked = numba.njit, []

    def nowhere(**flags: Any) -> Any:
        asked.append(flags)
        if flags.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return njit(**flags)

    monkeypatch.setattr(_kernels, "numba", SimpleNamespace(njit=nowhere))
    compiled = _kernels.kernel(double)
    assert compiled(21) == 42
    assert [flags.get("cache", False) for flags in asked] == [True, False]
    assert all(flags["nogil"] for flags in asked)


def test_only_the_door_imports_numba() -> None:
    package = Path(seqmine.__file__).parent
    found = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.split(".")[0] == "numba" for name in names):
                found.add(path.name)
    assert found == {"_kernels.py"}
