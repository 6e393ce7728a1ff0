"""Worlds that are ready to use."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

from seqmine.simulation.actions import EffectCurve, PlantedAction
from seqmine.simulation.confounding import Confounding
from seqmine.simulation.moments import PlantedMoment
from seqmine.simulation.spec import SimulationSpec

__all__ = ["CALL", "SECOND_ORDER", "window_world"]

CALL: Final = "csm_call"
SECOND_ORDER: Final = PlantedMoment(
    name="second_order",
    pattern="first_order -[1d,21d)-> second_order",
    probability=1.0,
    churn=4.2,
    early={"churn": (("2d", 2.0), ("5d", 1.3))},
    between=("100d", "320d"),
    twins=(),
)


def window_world(
    n_entities: int | None = 50_000,
    *,
    seed: int = 0,
    effect: EffectCurve | None = None,
    confounding: Confounding | None = None,
    action: dict[str, Any] | None = None,
    **spec: Any,
) -> SimulationSpec:
    """Return the spec of the intervention-window story: calls after a second order, of use from 19 to 37 hours on.

    Nearly every entity orders a second time. Half of those churn within 30 days, a quarter within seven, so time is
    immortal. 42 % are called within 7 days, those at risk and those who complain first; 8 % are called in the window,
    where a call takes 12 points off the churn of the 30 days after its hour. Unless a confounder is hidden, all that
    drives calls and churn alike is in the log. An event ``old_issue`` is a negative-control outcome.

    Parameters
    ----------
    n_entities, seed
        As in `SimulationSpec`; ``n_entities=None`` where `n_events` is given instead.
    effect
        Of a call on churn; by default the step ``[19h, 37h)``. ``EffectCurve()`` for none.
    confounding
        By default `Confounding()`.
    action
        Keys of `PlantedAction` that differ, for example ``{"hours": "office"}``.
    spec
        Keys of `SimulationSpec` that differ.

    Examples
    --------
    >>> import seqmine as sm
    >>> log, truth = sm.simulate(window_world(2_000, seed=1))
    >>> truth.att("csm_call", "0h", "7d").n_treated > 500
    True
    """
    call = PlantedAction(
        name=CALL,
        moment=SECOND_ORDER.name,
        per_day=(("2d", 0.118), ("7d", 0.07)),
        risk=0.5,
        complaint=1.3,
        churn=EffectCurve.step("19h", "37h", -0.45) if effect is None else effect,
    )
    given: dict[str, Any] = {
        "mean_events": 20.0,
        "n_types": 20,
        "born_share": 0.0,
        "loss_per_year": 0.0,
        "launch_share": 0.0,
        "tz_offsets": (0,),
        "moments": (SECOND_ORDER,),
        "rates": {"churn": 0.05, "vip": 0.0, "referral": 0.0},
        "activity_effect": {"churn": 0.0, "vip": 0.0, "referral": 0.0},
        "proxy_share": 0.0,
        "actions": (dataclasses.replace(call, **(action or {})),),
        "confounding": confounding or Confounding(),
    }
    return SimulationSpec(n_entities=n_entities, seed=seed, **{**given, **spec})
