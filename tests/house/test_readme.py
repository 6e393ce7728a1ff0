"""README.md: its snippets run, its links lead somewhere, its excerpt is what the demo prints."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import pytest

from seqmine.cli.app import run

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_snippets_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """In order, in one session, as a reader would: Python in one namespace, commands in one directory."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    commands = 0
    for kind, body in BLOCK.findall(README):
        if kind == "python":
            exec(compile(body, "README.md", "exec"), namespace)
        elif kind == "toml":
            (tmp_path / "study.toml").write_text(body, encoding="utf-8")
        elif kind == "console":
            for line in body.splitlines():
                program, *arguments = shlex.split(line)
                if program == "seqmine":
                    commands += 1
                    assert run(arguments) == 0, (line, capsys.readouterr().err)
    assert commands >= 6
    said = capsys.readouterr().out
    before_the_demo = README.split("<!-- demo -->")[0]
    shown = [body for kind, body in BLOCK.findall(before_the_demo) if kind == "text"]
    assert len(shown) == 2
    for body in shown:
        assert body in said


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("readme_demo", ROOT / "tools" / "readme_demo.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_excerpt_is_what_the_demo_prints(tmp_path: Path) -> None:
    from seqmine.demo.run import run_demo

    text = run_demo(tmp_path / "demo").text
    assert tool().with_excerpt(README, text) == README, "run: make readme"
