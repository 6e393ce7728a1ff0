"""From a spec's actions to the arrays that the kernel reads."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from seqmine._text import parse_duration
from seqmine.simulation.actions import EffectCurve, PlantedAction
from seqmine.simulation.checks import day_start
from seqmine.simulation.confounding import BASIC, COMPLAINT, PLACEBO, PLUS, SCORE, TRAIT_EVENTS
from seqmine.simulation.moments import OUTCOMES, Planting
from seqmine.simulation.spec import SEGMENTS, SimulationSpec
from seqmine.simulation.vocabulary import CHANNELS
from seqmine.simulation.world import ACTION, CURVE, NEVER, PIECE, WINDOW, Actions, Trial

__all__ = ["action_events", "build_actions"]

_DAY: Final = 86_400_000_000


def action_events(spec: SimulationSpec) -> set[str]:
    """Return the event types that a world has because of its actions."""
    if not spec.actions:
        return set()
    return {*TRAIT_EVENTS, *(name for action in spec.actions for name in action.event_types)}


def build_actions(spec: SimulationSpec, planted: Sequence[Planting], codes: Mapping[str, int]) -> Actions:
    """Return the spec's actions and what confounds them; of length zero where there are none."""
    actions, confounding = spec.actions, spec.confounding
    plan = {p.moment: i for i, p in enumerate(planted) if p.kind == "moment"}
    hazards = [_pieces(action) for action in actions]
    effects = [action.effect(outcome) for action in actions for outcome in OUTCOMES]
    piece_at = [*itertools.accumulate((len(hazard) for hazard in hazards), initial=0)]
    window_at = [*itertools.accumulate((len(effect.windows) for effect in effects), initial=0)]
    each = [
        (
            plan[action.moment],
            codes[action.name],
            parse_duration(action.max_delay),
            parse_duration(action.bin_width),
            piece_at[i],
            piece_at[i + 1],
            action.hours is not None,
            action.risk,
            action.activity,
            action.complaint,
            action.repeats,
            -1 if action.automatic is None else parse_duration(action.automatic),
            action.share,
            NEVER if action.lasts is None else parse_duration(action.lasts),
            -1 if action.co_action is None else codes[action.co_action],
            action.co_share,
            parse_duration(action.co_within),
        )
        for i, action in enumerate(actions)
    ]
    curves = [
        (window_at[i], window_at[i + 1], effect.outside, *_microseconds(effect), effect.peak)
        for i, effect in enumerate(effects)
    ]
    windows = [(parse_duration(lo), parse_duration(hi), size) for effect in effects for lo, hi, size in effect.windows]

    def code(name: str, there: bool = True) -> int:
        return codes[name] if actions and there else -1

    return Actions(
        each=np.array(each, ACTION),
        curves=np.array(curves, CURVE).reshape(len(actions), len(OUTCOMES)),
        pieces=np.array([piece for hazard in hazards for piece in hazard], PIECE),
        windows=np.array(windows, WINDOW),
        hours=np.array([action.hour_factors or (1.0,) * 168 for action in actions], np.float64).reshape(-1, 168),
        by_segment=_factors([action.by_segment for action in actions], SEGMENTS),
        by_channel=_factors([action.by_channel for action in actions], CHANNELS),
        basic_share=float(confounding.basic_share),
        plan_weight=float(confounding.plan),
        score_weight=float(confounding.score),
        risk_churn=float(confounding.churn),
        complaint_rate=confounding.complaint_per_day / _DAY,
        complaint_within=parse_duration(confounding.complaint_within),
        complaint_risk=float(confounding.complaint_risk),
        complaint_churn=float(confounding.complaint_churn),
        hidden_strength=float(confounding.hidden_strength),
        placebo_logit=_logit(confounding.placebo_share),
        placebo_strength=float(confounding.placebo_strength),
        code_basic=code(BASIC),
        code_plus=code(PLUS),
        code_score=code(SCORE),
        code_complaint=code(COMPLAINT, confounding.complaint_visible),
        code_placebo=code(PLACEBO),
        trial=_trial(spec),
    )


def _trial(spec: SimulationSpec) -> Trial:
    experiment = spec.experiment
    if experiment is None:
        return Trial(-1, 0.0, 0, 0, 0, NEVER, NEVER, 1.0, 0.0, 0.0, 0.0, 2)
    lo, hi = experiment.delays
    return Trial(
        action=[action.name for action in spec.actions].index(experiment.action),
        share=float(experiment.share),
        lo=lo,
        hi=hi,
        usual=int(experiment.control == "usual"),
        start=0 if experiment.start is None else day_start(experiment.start) - spec.origin,
        drift_at=NEVER if experiment.drift_at is None else day_start(experiment.drift_at) - spec.origin,
        drift_factor=float(experiment.drift_factor),
        srm_loss=float(experiment.srm_loss),
        crossover=float(experiment.crossover),
        interference=float(experiment.interference),
        cluster_size=experiment.cluster_size,
    )


def _factors(given: list[Mapping[str, float]], names: Sequence[str]) -> Any:
    return np.array([[of.get(name, 1.0) for name in names] for of in given], np.float64).reshape(-1, len(names))


def _pieces(action: PlantedAction) -> list[tuple[int, float]]:
    """Return the hazard per microsecond, up to one delay after the other."""
    if isinstance(action.per_day, (int, float)):
        return [(parse_duration(action.max_delay), action.per_day / _DAY)]
    return [(parse_duration(until), rate / _DAY) for until, rate in action.per_day]


def _microseconds(curve: EffectCurve) -> tuple[float, float]:
    if curve.centre is None or curve.width is None:
        return 0.0, 1.0
    return float(parse_duration(curve.centre)), float(parse_duration(curve.width))


def _logit(share: float) -> float:
    if share in (0, 1):
        return math.inf if share else -math.inf
    return math.log(share / (1 - share))
