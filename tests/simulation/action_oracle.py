"""What actions must do, by quadrature: survival probabilities in closed form, summed over delays and baseline risks.

Nothing here comes from seqmine. Times are hours after the moment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Rate = Callable[[Float64], Float64]


@dataclass(frozen=True)
class Expected:
    """By hourly bin: the share treated in it and free at its end, and the effects."""

    share: Float64
    vs_usual: Float64
    vs_none: Float64


def expected(
    *, churn: Rate, action: Rate, effect: Rate, risks: Float64, weights: Float64, churn_risk: float, action_risk: float,
    hours: int, follow_up: float, steps: int = 12,
) -> Expected:  # fmt: skip
    """Integrate over ``steps`` delays an hour.

    ``churn`` and ``action`` are hourly hazards at risk 0 by delay; ``effect`` is what the one action adds to the log
    churn hazard from then on, by its delay.
    """
    fine = (np.arange((hours + follow_up) * steps) + 0.5) / steps
    ends = (np.arange(fine.size) + 1) / steps
    rate = churn(fine) / steps
    total = np.concatenate(([0.0], np.cumsum(rate)))
    acts = np.where(fine < hours, action(fine), 0.0) / steps
    done = np.concatenate(([0.0], np.cumsum(acts)))
    ratio = np.exp(effect(fine))
    h, a = np.exp(churn_risk * risks)[:, None], np.exp(action_risk * risks)[:, None]
    share, usual, none = np.zeros(hours), np.zeros(hours), np.zeros(hours)
    for k in range(hours):
        inside = np.arange(k * steps, (k + 1) * steps)
        tau, end = (k + 1) * steps, (k + 1) * steps + int(follow_up * steps)
        mid = 0.5 * (total[inside] + total[inside + 1])
        first = weights[:, None] * a * acts[inside] * np.exp(-a * 0.5 * (done[inside] + done[inside + 1]))
        first *= np.exp(-h * mid)  # still there when it comes
        free1 = first * np.exp(-h * ratio[inside] * (total[tau] - mid))
        event1 = free1 * -np.expm1(-h * ratio[inside] * (total[end] - total[tau]))
        free0 = first * np.exp(-h * (total[tau] - mid))
        calm = np.exp(-h * (total[end] - total[tau]))
        event_none = free0 * (1 - calm)
        later = np.arange(tau, min(end, hours * steps))
        middle = 0.5 * (total[later] + total[later + 1])
        begun = a * acts[later] * np.exp(-a * (0.5 * (done[later] + done[later + 1]) - done[tau]))
        stays = np.exp(-h * (middle - total[tau]) - h * ratio[later] * (total[end] - middle))
        survives = (begun * stays).sum(axis=1, keepdims=True) + (1 - begun.sum(axis=1, keepdims=True)) * calm
        event_usual = free0 * (1 - survives)
        share[k] = free1.sum()
        usual[k] = event1.sum() / free1.sum() - event_usual.sum() / free0.sum()
        none[k] = event1.sum() / free1.sum() - event_none.sum() / free0.sum()
    assert ends[-1] == hours + follow_up
    return Expected(share, usual, none)


def normal_risks(plan: float, basic_share: float, score: float, n: int = 41) -> tuple[Float64, Float64]:
    """Return baseline risks and weights of a binary plan and a normal score: Gauss-Hermite."""
    x, w = np.polynomial.hermite_e.hermegauss(n)
    w = w / w.sum()
    risks = np.concatenate([plan * (basic - basic_share) + score * x for basic in (1, 0)])
    return risks, np.concatenate([basic_share * w, (1 - basic_share) * w])
