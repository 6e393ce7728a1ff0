"""The cost model: planted coefficients come back, intervals hold what they say, distance widens them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seqmine.capacity.cost import Interval, Observation, fit_cost
from seqmine.errors import InsufficientDataError

SIZES = [375_000, 568_394, 861_524, 1_305_826, 1_979_262, 3_000_000]
MODELS = (("one", "events"), ("one", "ordered"))


def features(events: float, occupancy: float = 1.0) -> dict[str, float]:
    return {"one": 1.0, "events": events, "ordered": events * math.log2(events), "pairs": events * occupancy}


def observations(cost: dict[str, float], noise: float, rng: np.random.Generator) -> list[Observation]:
    rows = [features(size) for size in SIZES]
    costs = [sum(c * row[term] for term, c in cost.items()) * math.exp(noise * rng.standard_normal()) for row in rows]
    return [Observation(row, c, str(row["events"])) for row, c in zip(rows, costs, strict=True)]


@pytest.mark.parametrize("planted", [{"one": 0.1, "events": 3e-7}, {"one": 0.02, "ordered": 1e-8}])
def test_planted_coefficients_come_back(planted: dict[str, float]) -> None:
    model = fit_cost(observations(planted, 0.0, np.random.default_rng(0)), MODELS)
    assert dict(zip(model.terms, model.coefficients, strict=True)) == pytest.approx(planted, rel=1e-6)
    assert model.spread < 1e-9
    far = features(30_000_000)
    assert model.fits[0].predict(far) == pytest.approx(sum(c * far[term] for term, c in planted.items()))


def test_terms_that_vary_on_their_own_are_told_apart() -> None:
    planted = {"one": 0.05, "events": 2e-7, "pairs": 1e-7}
    rows = [features(size) for size in SIZES] + [features(SIZES[3], w) for w in (0.25, 4.0)]
    data = [Observation(r, sum(c * r[t] for t, c in planted.items()), f"{r['events']} {r['pairs']}") for r in rows]
    model = fit_cost(data, (("one", "events"), ("one", "events", "pairs")))
    assert dict(zip(model.terms, model.coefficients, strict=True)) == pytest.approx(planted, rel=1e-6)


@pytest.mark.parametrize("events", [3_000_000, 30_000_000])
def test_intervals_hold_the_truth_as_often_as_they_say(events: int) -> None:
    """300 simulated sessions, noise 5 %, seed 11: at least 90 % less two standard errors of 300 trials (86.5 %)."""
    rng, held, runs = np.random.default_rng(11), 0, 300
    planted = {"one": 0.05, "events": 3e-7}
    for _ in range(runs):
        model = fit_cost(observations(planted, 0.05, rng), MODELS)
        truth = sum(c * features(events)[term] for term, c in planted.items())
        measured = truth * math.exp(0.05 * rng.standard_normal())
        bounds = model.predict(features(events), 0.9)
        held += bounds.low <= measured <= bounds.high
    assert held / runs >= 0.9 - 2 * math.sqrt(0.9 * 0.1 / runs)


def test_the_further_the_wider() -> None:
    model = fit_cost(observations({"one": 0.05, "events": 3e-7}, 0.03, np.random.default_rng(3)), MODELS)
    widths = []
    for events in (1e6, 3e6, 30e6, 300e6, 3e9):
        bounds = model.predict(features(events))
        assert bounds.low < bounds.expected < bounds.high
        widths.append(math.log(bounds.high / bounds.low))
    assert widths[0] == pytest.approx(widths[1], rel=0.2)
    assert widths[1] < widths[2] < widths[3] < widths[4]
    assert model.distance(features(2e6)) == 0.0
    assert model.distance(features(24e6)) == pytest.approx(1.0, rel=0.2)  # as many powers again as were measured


def test_the_width_grows_with_the_distance_of_one_model_too() -> None:
    model = fit_cost(observations({"events": 3e-7}, 0.03, np.random.default_rng(3)), (("events",),))

    def width(events: float) -> float:
        bounds = model.predict(features(events))
        return math.log(bounds.high / bounds.low)

    for events in (6e6, 24e6, 3e9):
        assert width(events) == pytest.approx(width(3e6) * (1 + math.log(events / 3e6) / math.log(8)), rel=1e-3)


def test_a_higher_level_is_wider() -> None:
    model = fit_cost(observations({"events": 3e-7}, 0.03, np.random.default_rng(3)), MODELS)
    narrow, wide = model.predict(features(1e7), 0.5), model.predict(features(1e7), 0.99)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_too_few_sizes() -> None:
    data = observations({"events": 3e-7}, 0.0, np.random.default_rng(0))[:3]
    with pytest.raises(InsufficientDataError, match="at least 4 sizes, not 3"):
        fit_cost(data, MODELS)


def test_bounds_add_up() -> None:
    assert Interval(1.0, 2.0, 3.0) + Interval(10.0, 20.0, 30.0) == Interval(11.0, 22.0, 33.0)
