"""The layers of docs/architecture.md, checked by import-linter from pyproject.toml."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

import seqmine

ROOT = Path(__file__).resolve().parents[2]


def test_imports_point_down(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_only_native_imports_the_extension_module() -> None:
    # import-linter cannot see _core: it is compiled.
    package = Path(seqmine.__file__).parent
    importers = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
            module = getattr(node, "module", None) or ""
            if "_core" in names or any("seqmine._core" in name for name in [*names, module]):
                importers.add(path.name)
    assert importers <= {"_native.py"}
