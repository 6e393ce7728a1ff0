"""examples/intervention_windows.py: the naive answer is wrong, ours is right, and the text says which is which."""

from __future__ import annotations

import importlib.util
import sys
from datetime import timedelta
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "intervention_windows.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("intervention_windows", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["intervention_windows"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_story(example: ModuleType) -> None:
    story = example.tell(12_000, threads=1)
    true = (example.LO, example.HI)
    assert example.shared(story.ours, true) >= 0.8
    assert example.shared(story.naive, true) == 0.0
    low, high = story.interval
    assert low <= story.true_effect(story.ours) <= high < 0
    assert abs(story.true_effect(story.naive)) < 0.02 < -story.naive_effect
    said = example.text(story)
    assert example.hours(story.ours) in said.split("SO\n")[1]
    assert "lies inside of our interval" in said
    assert "leaving within 30 days" in said.split("WHAT SEQMINE SAYS")[1]


def test_the_script_claims_nothing_of_too_few_and_draws(
    example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example.main(["--customers", "1500", "--picture", str(tmp_path / "window.svg")])
    assert "seqmine claims no window" in capsys.readouterr().out
    assert (tmp_path / "window.svg").read_bytes().startswith(b"<?xml")


def test_how_windows_are_compared(example: ModuleType) -> None:
    def window(lo: int, hi: int) -> tuple[timedelta, timedelta]:
        return timedelta(hours=lo), timedelta(hours=hi)

    assert example.shared(window(0, 10), window(10, 20)) == 0.0
    assert example.shared(window(0, 10), window(5, 15)) == pytest.approx(1 / 3)
    assert example.shared(window(3, 9), window(3, 9)) == 1.0
    assert example.hours(window(19, 37)) == "19 to 37 hours"
    assert (example.points(-0.1234), example.points(0.01)) == ("12.3 points fewer", "1.0 points more")
