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
from seqmine.simulation.world import NEVER, Actions, Trial

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
    curves = [action.effect(outcome) for action in actions for outcome in OUTCOMES]
    windows = [window for curve in curves for window in curve.windows]
    pieces = [_pieces(action) for action in actions]

    def whole(values: Any) -> Any:
        return np.array(list(values), np.int64)

    def numbers(values: Any) -> Any:
        return np.array(list(values), np.float64)

    def by_outcome(values: Any) -> Any:
        return numbers(values).reshape(len(actions), len(OUTCOMES))

    def code(name: str, there: bool = True) -> int:
        return codes[name] if actions and there else -1

    return Actions(
        plan=whole(plan[action.moment] for action in actions),
        code=whole(codes[action.name] for action in actions),
        length=whole(parse_duration(action.max_delay) for action in actions),
        width=whole(parse_duration(action.bin_width) for action in actions),
        piece_at=whole(itertools.accumulate((len(of) for of in pieces), initial=0)),
        piece_until=whole(until for of in pieces for until, _ in of),
        piece_rate=numbers(rate / _DAY for of in pieces for _, rate in of),
        clocked=np.array([action.hours is not None for action in actions], np.uint8),
        hours=np.array([action.hour_factors or (1.0,) * 168 for action in actions], np.float64).reshape(-1, 168),
        risk=numbers(action.risk for action in actions),
        activity=numbers(action.activity for action in actions),
        complaint=numbers(action.complaint for action in actions),
        repeats=whole(action.repeats for action in actions),
        automatic=whole(-1 if a.automatic is None else parse_duration(a.automatic) for a in actions),
        share=numbers(action.share for action in actions),
        window_at=whole(itertools.accumulate((len(curve.windows) for curve in curves), initial=0)),
        window_lo=whole(parse_duration(lo) for lo, _, _ in windows),
        window_hi=whole(parse_duration(hi) for _, hi, _ in windows),
        window_size=numbers(size for _, _, size in windows),
        outside=by_outcome(curve.outside for curve in curves),
        centre=by_outcome(_microseconds(curve)[0] for curve in curves),
        spread=by_outcome(_microseconds(curve)[1] for curve in curves),
        peak=by_outcome(curve.peak for curve in curves),
        lasts=whole(NEVER if action.lasts is None else parse_duration(action.lasts) for action in actions),
        by_segment=_factors([action.by_segment for action in actions], SEGMENTS),
        by_channel=_factors([action.by_channel for action in actions], CHANNELS),
        co_code=whole(-1 if action.co_action is None else codes[action.co_action] for action in actions),
        co_share=numbers(action.co_share for action in actions),
        co_within=whole(parse_duration(action.co_within) for action in actions),
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
    if isinstance(action.per_day, (int, float)):
        return [(parse_duration(action.max_delay), float(action.per_day))]
    return [(parse_duration(until), rate) for until, rate in action.per_day]


def _microseconds(curve: EffectCurve) -> tuple[float, float]:
    if curve.centre is None or curve.width is None:
        return 0.0, 1.0
    return float(parse_duration(curve.centre)), float(parse_duration(curve.width))


def _logit(share: float) -> float:
    if share in (0, 1):
        return math.inf if share else -math.inf
    return math.log(share / (1 - share))
