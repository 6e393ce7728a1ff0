"""The summary for people: what it compares, and what it does not call a finding."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from seqmine.pipeline.summary import has_effect, moment_lines


def row(pattern: str, **numbers: Any) -> dict[str, Any]:
    counts = {"n_matched": 100, "n_positive": 30, "base_rate": 0.2, "confidence": 0.3, "lift": 1.5, "score": 10.0}
    return {"pattern": pattern, "direction": "raises", **counts, **numbers}


NOTHING = row("c", n_positive=20, confidence=0.2, lift=1.0, score=0.0)


def test_patterns_without_effect_are_counted_and_not_shown() -> None:
    said = "\n".join(moment_lines(pa.Table.from_pylist([row("a"), NOTHING]), limit=20))
    assert "1. a" in said
    assert "2." not in said
    assert "1 patterns without any effect are not shown" in said


def test_more_than_the_limit() -> None:
    said = list(moment_lines(pa.Table.from_pylist([row("a"), row("b"), NOTHING]), limit=1))
    assert "  and 1 more in moments.parquet" in said


def test_strata_are_compared_with_what_they_let_expect() -> None:
    below = row("a", n_positive=15, confidence=0.15, lift=0.75, score=5.0, expected=10.0)
    said = "\n".join(moment_lines(pa.Table.from_pylist([below]), limit=20, stratified=True))
    assert "raises: 15 of 100 rows (15.0%), 10.0 expected given the strata: 1.50 times; base rate 20.0%" in said


@pytest.mark.parametrize(
    ("lift", "score", "stratified", "effect"),
    [(1.0, 0.0, False, False), (1.0, 1.0, False, False), (1.0, 2.0, True, True), (1.3, 0.0, True, False)],
)
def test_an_effect_is_a_distance_from_what_it_is_compared_with(
    lift: float, score: float, stratified: bool, effect: bool
) -> None:
    assert has_effect(row("a", lift=lift, score=score), stratified=stratified) == effect
