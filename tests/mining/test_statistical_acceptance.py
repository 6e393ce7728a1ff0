"""A few seeded runs of each statistical simulation; docs/statistical-validation.md has them by the hundred.

Every gate states its runs and its target. With few runs a rate is held to what two standard errors at the target
allow; where that would allow anything, the run itself must be right.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np
import pytest

import evidence_logs as logs
import evidence_runs as runs
from evidence_truth import Matcher
from reference.language import parse_mined

pytestmark = pytest.mark.statistics


def pooled(run: Any, seeds: range, **arguments: Any) -> dict[str, list[float]]:
    found = defaultdict(list)
    for seed in seeds:
        for name, values in run(seed, **arguments).items():
            found[name] += [float(x) for x in values]
    return found


def at_most(target: float, n_runs: int) -> float:
    return target + 2 * math.sqrt(target * (1 - target) / n_runs)


def test_null_with_confounding_validates_nothing() -> None:
    """10 runs, target 0.05: at most 18 % of them may have a validated pattern."""
    found = pooled(runs.null_run, range(101, 111), n=4_000)
    assert np.mean(found["false"]) <= at_most(0.05, 10)
    assert min(found["n_tested"]) > 20


def test_null_without_strata_fails_in_every_run() -> None:
    """3 runs: what the strata are for. Were this to pass, the test above would show nothing."""
    found = pooled(runs.null_run, range(101, 104), adjusted=False)
    assert min(found["false"]) == 1
    assert min(found["n_false"]) > 20


def test_null_of_small_data_validates_nothing() -> None:
    """40 runs, target 0.05: at most 12 % of them; p is never 0."""
    found = pooled(runs.small_null_run, range(101, 141))
    assert np.mean(found["false"]) <= at_most(0.05, 40)
    assert min(found["smallest_p"]) >= 1 / 1024


def test_what_the_permutations_leave_out_is_not_held_against_them() -> None:
    """A rare pattern has no part in the maxima of the family (variance below 3): its z has no p among theirs."""
    n_without = 0
    for seed in range(101, 104):
        made = logs.null_log(1_600, seed, mean_events=15)
        everyone = np.zeros(1_600, dtype=bool)
        stratum, label, matcher = runs.default_strata(made, everyone), made.labels["label"].to_numpy(), Matcher(made)
        size, positive = np.bincount(stratum), np.bincount(stratum, label)
        for row in runs.mined(made, seed, min_support=40):
            m = np.bincount(stratum, matcher.matched(parse_mined(row["pattern"])), minlength=len(size))
            scale = np.maximum(size.astype(float) ** 2 * (size - 1), 1)
            variance = float((m * (size - m) * positive * (size - positive) / scale).sum())
            # The strata are cut here by other code, so ties at an edge may fall otherwise.
            assert variance > 2.8 if row["p_wy"] is not None else variance < 3.2, row["pattern"]
            n_without += row["p_wy"] is None
    assert n_without > 10


def test_null_of_entities_with_several_rows_validates_nothing() -> None:
    """5 runs, target 0.05, no minimum effect: with variances of rows in place of entities nearly all would fail."""
    found = pooled(runs.null_rows_run, range(101, 106), n=2_000, min_effect=0.0)
    assert np.mean(found["false"]) <= at_most(0.05, 5)
    assert not any(found["small"])
    assert min(found["n_tested"]) > 20


def test_null_of_small_data_with_several_rows_an_entity_validates_nothing() -> None:
    """20 runs, target 0.05: permutations of whole entities."""
    found = pooled(runs.null_rows_run, range(101, 121), n=450)
    assert np.mean(found["false"]) <= at_most(0.05, 20)
    assert all(found["small"])


def test_null_of_numbers_validates_nothing() -> None:
    """6 runs, target 0.05."""
    assert np.mean(pooled(runs.numeric_run, range(101, 107), n=4_000)["false"]) <= at_most(0.05, 6)


def test_shift_of_numbers_is_found() -> None:
    """2 runs: 60 added where the mean is about 100."""
    assert pooled(runs.numeric_run, range(101, 103), n=12_000, shift=60.0)["found"] == [1, 1]


def test_planted_moments_are_claimed_and_their_decoys_are_not() -> None:
    """2 runs of six moments: precision 0.95, recall 0.90, twins rejected 0.95."""
    found = pooled(runs.planted_run, range(101, 103))
    assert np.mean(found["right"]) >= 0.95 - 2 * math.sqrt(0.95 * 0.05 / len(found["right"]))
    assert np.mean(found["found"]) >= 0.90 - 2 * math.sqrt(0.9 * 0.1 / len(found["found"]))
    assert np.mean(found["twin_rejected"]) >= 0.95 - 2 * math.sqrt(0.95 * 0.05 / len(found["twin_rejected"]))
    assert np.mean(found["interval_holds"]) >= 0.8
    assert not any(found["background"])
    assert not any(found["below_minimum"])


def test_learned_gaps_cover_the_planted_ones() -> None:
    """1 run of three gaps at 50,000 entities: median intersection over union 0.8."""
    found = pooled(runs.gap_run, range(101, 102))
    assert np.median(found["iou"]) >= 0.8
    assert found["found"] == [1, 1, 1]


def test_intervals_hold_the_truth() -> None:
    """80 runs at 95 %: at least 90 % of them, two standard errors."""
    found = pooled(runs.coverage_run, range(101, 181))
    assert np.mean(found["missed"]) <= at_most(0.05, 80)
    for name in ("rr", "rd", "o_over_e"):
        assert np.mean(found[name]) >= 0.95 - 2 * math.sqrt(0.95 * 0.05 / len(found[name])), name


def test_intervals_of_entities_with_several_rows_hold_the_truth() -> None:
    """40 runs at 95 %: at least 88 % of them, two standard errors."""
    found = pooled(runs.rows_coverage_run, range(101, 141), n=2_500)
    assert np.mean(found["missed"]) <= at_most(0.05, 40)
    for name in ("rr", "rd", "o_over_e"):
        assert np.mean(found[name]) >= 0.95 - 2 * math.sqrt(0.95 * 0.05 / len(found[name])), name


@pytest.mark.parametrize("seed", [101])
def test_leaks_are_refused_until_they_are_named(seed: int) -> None:
    assert runs.leak_run(seed) == {"refused": [1.0], "went_on": [1.0]}
