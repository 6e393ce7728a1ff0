"""The example of docs/capacity.md runs, with runs of a known law."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from made_runs import made_runs, planted_seconds

import seqmine as sm
from seqmine.capacity.runs import Case
from seqmine.capacity.steps import STEPS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "capacity.md"


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    spec = sm.CapacitySpec(events=2e9, entities=4e7, types=300, window="4h", threads=1)
    (tmp_path / "runs.json").write_text(made_runs(spec).to_json(), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    exec(compile(block, str(PAGE), "exec"), {})
    hours = re.match(r"([\d.]+) h \(", capsys.readouterr().out)
    planted = sum(planted_seconds(Case(step, spec.replica(2_000_000_000))) for step in STEPS) / 3600
    assert hours and float(hours[1]) == pytest.approx(planted, rel=0.05)
