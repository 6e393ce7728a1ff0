"""Specs are checked when they are made, and survive JSON."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

import seqmine as sm
from seqmine.errors import InvalidPattern, ParameterError
from seqmine.simulation import PlantedMoment, SimulationSpec, Truth

GAP = "a -[2h,6h)-> b"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"n_entities": 0}, "n_entities lies between 1 and 1,000,000,000,000, not 0"),
        ({"n_entities": 1.5}, "n_entities is a whole number, not 1.5"),
        ({"n_entities": 5, "n_events": 5}, "give n_entities or n_events, not both"),
        ({"n_events": 10**12, "mean_events": 1, "moments": ()}, "at most 10,000,000,000 entities - raise mean_events="),
        ({"mean_events": 0}, "mean_events lies between 0.01 and 1e[+]07, not 0"),
        ({"mean_events": float("nan")}, "mean_events is a number, not nan"),
        ({"n_types": 19}, "n_types lies between 20 and 4,000, not 19"),
        ({"seed": -1}, "seed lies between 0 and"),
        ({"days": 3651}, "days lies between 1 and 3,650"),
        ({"moments": None}, "moments is a list, not None"),
        ({"columns": None}, "columns is a list, not None"),
        ({"tz_offsets": None}, "tz_offsets is a list, not None"),
        ({"start": "soon"}, "start is a date, not 'soon' - write start=\"2025-01-01\""),
        ({"start": "1066-10-14"}, "start lies in the years 1970 to 2200"),
        ({"resolution": "7s"}, "resolution must divide an hour"),
        ({"resolution": "0s"}, "resolution lies above 0s"),
        ({"branching": 1}, "branching lies between 0 and 0.95"),
        ({"columns": ["valu"]}, "columns: there is no 'valu' - did you mean 'value'[?]"),
        ({"columns": "value"}, "columns is a list, not 'value'"),
        ({"tz_offsets": ()}, "tz_offsets is a list of 1 to 64 hours"),
        ({"tz_offsets": (15,)}, "each of tz_offsets lies between -12 and 14"),
        ({"hour_profile": [1.0] * 24}, "hour_profile has 168 numbers, Monday 0:00 first, not 24"),
        ({"hour_profile": [0.0] * 168}, "hour_profile needs an hour above 0"),
        ({"rates": {"churned": 1}}, "rates: there is no outcome 'churned' - did you mean 'churn'[?]"),
        ({"rates": 3}, "rates maps outcomes to numbers"),
        ({"rates": {"churn": "x"}}, "rates.'churn'. is a number, not 'x'"),
        ({"activity_effect": {"churn": -0.5}, "exposure_shape": 0.4}, "or outcome rates have no mean"),
        ({"label_noise": 0.06}, "label_noise lies between 0 and 0.05"),
        ({"horizon": "400d"}, "horizon lies above 0s and is at most 365d"),
        ({"moments": (GAP,)}, "moments holds PlantedMoment, not str"),
        ({"moments": (PlantedMoment(name="m", pattern=GAP),) * 2}, "two moments are called 'm'"),
        ({"moments": (PlantedMoment(name="m", pattern="signup -[0s,1d)-> b"),)}, "which the simulation itself makes"),
        (
            {
                "moments": (
                    PlantedMoment(name="m", pattern="a -> no b within 1d"),
                    PlantedMoment(name="k", pattern="b -[0s,1d)-> c"),
                )
            },
            "the moment 'k' uses 'b', whose absence is part of 'm'",
        ),
    ],
)
def test_what_cannot_be_simulated(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        sm.SimulationSpec(**wrong)


def test_a_gap_without_a_multiple_of_the_resolution() -> None:
    moment = PlantedMoment(name="m", pattern="a -[61s,119s)-> b", twins=())
    with pytest.raises(ParameterError, match=r"no multiple of the resolution lies in the gap \[61s,119s\) of 'm'"):
        sm.simulate(sm.SimulationSpec(n_entities=10, resolution="1m", moments=(moment,)))


def test_more_types_than_a_code_has_room_for() -> None:
    many = "|".join(f"extra_{i}" for i in range(200))
    spec = sm.SimulationSpec(n_entities=10, n_types=4_000, moments=(PlantedMoment(name="m", pattern=many, twins=()),))
    with pytest.raises(ParameterError, match=r"there are 4,205 event types .* and 4,096 are possible - lower n_types="):
        sm.simulate(spec)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"pattern": "^ -[0s,1d)-> a"}, "it has .* or without"),
        ({"pattern": "a -[0s,1d)-> b without c"}, "it has .* or without"),
        ({"pattern": "a -> b"}, "a gap has no end - write"),
        ({"pattern": "* -[0s,1d)-> b"}, "a step is [*]"),
        ({"pattern": "a{hour=3} -[0s,1d)-> b"}, "not on the last step's weekday or hour"),
        ({"pattern": "a -[0s,1d)-> b{channel=web}"}, "not on the last step's weekday or hour"),
        ({"pattern": "a -> no b within 1d -> no c within 1d"}, "several absences"),
        ({"pattern": "a -> no b|c within 1d"}, "not that of one event type"),
        ({"pattern": "a -> no a within 1d"}, "what must not follow is one of its steps"),
        ({"pattern": GAP, "distinct": True}, "distinct needs as many types"),
        ({"pattern": GAP, "name": "m:x"}, "text without a colon"),
        ({"pattern": GAP, "probability": 1.5}, "probability of the moment 'm' lies between 0 and 1, not 1.5"),
        ({"pattern": GAP, "churn": "x"}, "churn of the moment 'm' is a number"),
        ({"pattern": GAP, "twins": ("presence",)}, "cannot have the twin 'presence'"),
        ({"pattern": GAP, "twins": ("timming",)}, "did you mean 'timing'[?]"),
        ({"pattern": GAP, "twins": "timing"}, r"write twins=\('timing',\)"),
        ({"pattern": GAP, "probability": 0.9}, "add up to 1.1, above 1 - lower twin_probability="),
    ],
)
def test_what_cannot_be_planted(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        PlantedMoment(**{"name": "m", **wrong})


def test_a_pattern_that_is_none() -> None:
    with pytest.raises(InvalidPattern):
        PlantedMoment(name="m", pattern="a -[2h->")


def test_a_spec_survives_json() -> None:
    spec = sm.SimulationSpec(n_events=500, columns=(), hour_profile=[1.0] * 168, rates={"churn": 0.1}, late_delay="36h")
    again = sm.SimulationSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    assert again.rates == {"churn": 0.1, "vip": 0.2, "referral": 1.2}
    with pytest.raises(ParameterError, match="a simulation has no 'entities' - did you mean 'n_entities'"):
        sm.SimulationSpec.from_dict({"entities": 3})
    with pytest.raises(ParameterError, match="a moment has no 'patern' - did you mean 'pattern'"):
        sm.SimulationSpec.from_dict({"moments": [{"name": "m", "patern": GAP}]})
    with pytest.raises(ParameterError, match="a moment needs 'pattern'"):
        sm.SimulationSpec.from_dict({"moments": [{"name": "m"}]})
    for wrong in (5, None, "m"):
        with pytest.raises(ParameterError, match=r"moments is a list of tables, not .* - begin each with \[\[moments"):
            sm.SimulationSpec.from_dict({"moments": wrong})


def test_specs_and_moments_never_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        sm.SimulationSpec().seed = 1  # type: ignore[misc]
    assert sm.SimulationSpec() == sm.SimulationSpec()


def test_what_is_no_spec() -> None:
    with pytest.raises(
        ParameterError, match=r"spec must be of type SimulationSpec, not dict - write sm.SimulationSpec"
    ):
        sm.simulate({"n_entities": 3})  # type: ignore[arg-type]


@pytest.mark.parametrize("mean", [20.0, 300.0])
def test_about_as_many_events_as_asked_for(mean: float) -> None:
    log, _ = sm.simulate(sm.SimulationSpec(n_events=600_000, mean_events=mean, seed=1), threads=1)
    assert 0.9 < log.n_events / 600_000 < 1.1


def test_numbers_out_of_an_array_are_numbers() -> None:
    given = {"n_entities": np.int64(9), "days": np.int32(30), "seed": np.uint8(3), "zipf": np.float32(0.5)}
    spec = SimulationSpec(**given, tz_offsets=[np.int8(1)], horizon="7d")
    assert spec == SimulationSpec(n_entities=9, days=30, seed=3, zipf=0.5, tz_offsets=[1], horizon="7d")
    assert json.loads(json.dumps(spec.to_dict()))["seed"] == 3
    with pytest.raises(ParameterError):
        SimulationSpec(n_entities=np.float64(9))  # type: ignore[arg-type]


def test_a_truth_has_a_path() -> None:
    with pytest.raises(ParameterError, match="path is that of a directory, not 5"):
        Truth.read(5)  # type: ignore[arg-type]
