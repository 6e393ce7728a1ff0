"""`MinerOptions`: every field is checked when it is set."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import timedelta
from typing import Any

import pytest

from seqmine import MinerOptions, _native
from seqmine.errors import ParameterError


def test_defaults_are_the_contract() -> None:
    options = MinerOptions()
    assert (options.max_length, options.max_gap, options.min_support, options.top_k) == (4, "14d", 100, 100)
    assert (options.measure, options.direction, options.redundancy, options.threads) == ("leverage", "both", 0.9, 0)
    assert options.learn_gaps
    assert options.gap_bins is options.strata is options.min_gap is options.max_span is None
    assert options.context == options.absence == ()


def test_frozen_and_keyword_only() -> None:
    with pytest.raises(FrozenInstanceError):
        MinerOptions().top_k = 3  # type: ignore[misc]
    with pytest.raises(TypeError):
        MinerOptions(4)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"max_length": 0}, "max_length"),
        ({"max_length": 64}, "max_length"),
        ({"max_length": True}, "max_length"),
        ({"min_support": 0}, "min_support"),
        ({"min_support": 0.5}, "min_support"),
        ({"top_k": -1}, "top_k"),
        ({"threads": -1}, "threads"),
        ({"threads": 4097}, "threads must be"),
        ({"measure": "leverag"}, "did you mean 'leverage'"),
        ({"measure": 3}, "one of leverage"),
        ({"direction": "raise"}, "did you mean 'raises'"),
        ({"learn_gaps": 1}, "learn_gaps"),
        ({"max_gap": 14}, "no unit"),
        ({"max_gap": "14"}, "unit"),
        ({"max_gap": "1us"}, "max_gap must be longer"),
        ({"min_gap": "0s"}, "min_gap"),
        ({"min_gap": "3d", "max_gap": "2d"}, "longer than min_gap"),
        ({"max_span": "0s"}, "max_span"),
        ({"gap_bins": "1h"}, "list of durations"),
        ({"gap_bins": ("2h", "1h")}, "ascend"),
        ({"gap_bins": [f"{i}m" for i in range(1, 70)]}, "63"),
        ({"strata": "plan", "measure": "chi2"}, "strata"),
        ({"strata": 3}, "strata"),
        ({"redundancy": 1.5}, "redundancy"),
        ({"redundancy": float("nan")}, "redundancy"),
        ({"context": ("",)}, "context"),
        ({"absence": "3d"}, "write absence"),
        ({"absence": ("0s",)}, "absence"),
        ({"max_seconds": 0}, "max_seconds"),
        ({"max_seconds": float("inf")}, "max_seconds"),
        ({"max_memory": 1.5}, "max_memory"),
    ],
)
def test_refused_with_the_reason(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        MinerOptions(**wrong)


def test_durations_become_microseconds() -> None:
    limits = MinerOptions(
        max_gap=timedelta(hours=2), min_gap="5m", gap_bins=("1m", "1h", "3h"), absence=("3d", "72h")
    ).limits()
    assert (limits.min_gap, limits.max_gap) == (300_000_000, 7_200_000_000)
    assert limits.max_span == _native.UNBOUNDED
    assert limits.gap_edges == (3_600_000_000,)
    assert limits.absences == (259_200_000_000,)
    assert MinerOptions(max_gap=None).limits().max_gap == _native.UNBOUNDED
    assert MinerOptions(learn_gaps=False).limits().gap_edges == ()


def test_lists_are_frozen() -> None:
    options = MinerOptions(context=["channel"], strata=["plan", "plan"])
    assert options.context == ("channel",)
    assert options.strata == ("plan",)
    assert MinerOptions(context="weekday").context == ("weekday",)
