"""docs/simulation.md: its examples run, and its tables say what the simulator does."""

from __future__ import annotations

import dataclasses
import re
import shlex
from pathlib import Path

import pytest

from seqmine.cli.app import run
from seqmine.simulation import Experiment, PlantedAction, SimulationSpec
from seqmine.simulation.moments import TWINS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "simulation.md").read_text(encoding="utf-8")


def test_examples_run() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
    assert len(blocks) == 5
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "simulation.md", "exec"), names)


def test_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```console\n(.*?)^```", PAGE, re.M | re.S)
    lines = [line for block in blocks for line in block.replace("\\\n", "").splitlines()]
    assert len(lines) == 3
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "seqmine"
        assert run(arguments) == 0, (line, capsys.readouterr().err)


def test_the_tables_name_what_there_is() -> None:
    spec = SimulationSpec()
    for moment in spec.moments:
        assert f"| `{moment.name}` |" in PAGE
        if moment.name in ("unsolved", "unanswered", "workday"):
            assert f"| `{moment.pattern}` |" in PAGE
    for twin in TWINS:
        assert f"| `{twin}` |" in PAGE
    keys = re.findall(r"\| `([a-z_ ]+)` \|$", PAGE, re.M)
    known = {item.name for kind in (SimulationSpec, PlantedAction, Experiment) for item in dataclasses.fields(kind)}
    assert {key for cell in keys for key in cell.split()} <= known
