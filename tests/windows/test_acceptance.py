"""Small versions of the simulations behind docs/statistical-validation.md (`make validate-statistics`)."""

from __future__ import annotations

import pytest

import window_runs as runs

pytestmark = pytest.mark.statistics


def pooled(one: list[runs.Measures], name: str) -> list[float]:
    return [value for measures in one for value in measures.get(name, [])]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def test_a_planted_window_is_found_with_its_effect_and_the_naive_answer_is_elsewhere() -> None:
    """4 runs at 50,000 entities, seeds 1 to 4: median IoU at least 0.95 (one of four may be off), bias within 0.02."""
    done = [runs.planted_run(seed) for seed in range(1, 5)]
    assert sorted(pooled(done, "iou"))[1] >= 0.94
    assert abs(mean(pooled(done, "bias"))) <= 0.02  # 4 runs of standard error 0.010
    assert mean(pooled(done, "claimed")) == 1.0
    assert sorted(pooled(done, "naive"))[2] <= 0.1


def test_nothing_is_claimed_where_nothing_works() -> None:
    """8 runs of 20,000: a rate of 5 % gives two or more false claims in 5.7 % of such tests."""
    assert sum(pooled([runs.null_run(seed, effect="none") for seed in range(1, 9)], "claimed")) <= 1


def test_an_equal_effect_at_all_delays_is_effective_and_has_no_timing() -> None:
    done = [runs.null_run(seed, effect="constant") for seed in range(1, 7)]
    assert sum(pooled(done, "effective")) >= 4
    assert sum(pooled(done, "timing")) <= 1


def test_a_hidden_confounder_is_given_away_by_its_placebo() -> None:
    """6 runs; 90 % are wanted, and with 90 % four or fewer come in 11 % of such tests, three or fewer in 1.6 %."""
    done = [runs.hidden_run(seed) for seed in range(1, 7)]
    assert sum(pooled(done, "identified")) <= 2
    assert sum(pooled(done, "claimed")) == 0


def test_a_rule_that_treats_everybody_at_one_delay_is_refused_always() -> None:
    done = [runs.automation_run(seed) for seed in range(1, 5)]
    assert mean(pooled(done, "refused")) == mean(pooled(done, "reason")) == 1.0


@pytest.mark.parametrize("design", ["arm", "delay"])
def test_what_was_randomised_is_said_to_be(design: str) -> None:
    done = [runs.randomised_run(seed, design=design) for seed in range(1, 4)]
    assert mean(pooled(done, "randomised")) == 1.0
    assert min(pooled(done, "iou")) >= 0.7
    assert abs(mean(pooled(done, "bias"))) <= 0.03  # 3 runs of standard error 0.015 or less
