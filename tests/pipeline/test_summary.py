"""The summary for people: what it compares, and what it does not call a finding."""

from __future__ import annotations

from typing import Any

import pytest

from seqmine.pipeline.judged import counts_of
from seqmine.pipeline.summary import has_effect

COUNTS: dict[str, Any] = {
    "n_matched": 100,
    "n_positive": 30,
    "base_rate": 0.2,
    "confidence": 0.3,
    "lift": 1.5,
    "expected": 20.0,
    "score": 10.0,
}


def row(**numbers: Any) -> dict[str, Any]:
    return {"pattern": "a", "direction": "raises", **COUNTS, **numbers}


@pytest.mark.parametrize(
    ("lift", "score", "stratified", "effect"),
    [(1.0, 0.0, False, False), (1.0, 1.0, False, False), (1.0, 2.0, True, True), (1.3, 0.0, True, False)],
)
def test_an_effect_is_a_distance_from_what_it_is_compared_with(
    lift: float, score: float, stratified: bool, effect: bool
) -> None:
    assert has_effect(row(lift=lift, score=score), stratified=stratified) == effect


def test_counts_are_those_that_judged() -> None:
    others = {f"discovery_{name}": 7 for name in COUNTS}
    said = counts_of(row(**others), numeric=False)
    assert said == "30 of 100 rows (30.0%), 20.0 expected within strata; crude lift 1.50"


def test_counts_of_the_rows_that_found_a_pattern_are_said_to_be_that() -> None:
    found = dict.fromkeys(COUNTS) | {f"discovery_{name}": value for name, value in COUNTS.items()}
    said = counts_of({"pattern": "a", **found}, numeric=False)
    assert said.startswith("30 of 100 rows that it was found on (30.0%)")


def test_numbers_have_means() -> None:
    assert counts_of(row(n_positive=None), numeric=True) == "100 rows, mean 0.3 against 0.2 of all"


def test_undefined_numbers_are_left_out() -> None:
    assert counts_of(row(n_matched=0, n_positive=0, confidence=None, lift=None), numeric=False) == "no rows"
    assert "lift" not in counts_of(row(lift=None), numeric=False)
