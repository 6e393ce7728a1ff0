"""The true effect of being assigned, in a randomised loop."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from seqmine._text import did_you_mean, parse_duration
from seqmine.errors import ParameterError
from seqmine.simulation.actions import PlantedAction
from seqmine.simulation.checks import day_start
from seqmine.simulation.experiment import Experiment
from seqmine.simulation.moments import OUTCOMES
from seqmine.simulation.world import CONTROL, N_OUTCOMES, TREATED, VIP, Batch

__all__ = ["N_COUNTS", "ExperimentEffect", "ExperimentTruth", "tally_arms"]

Int64 = npt.NDArray[np.int64]

N_COUNTS: Final = 4
_PERIODS: Final = ("before", "after")


@dataclass(frozen=True)
class ExperimentEffect:
    """What being assigned to the treated arm does: means over all that are in the experiment, in both their worlds.

    Attributes
    ----------
    effect, se
        Difference of the risks, and its standard error as the entities are a sample.
    risk_treated, risk_control
        Share with the outcome within the follow-up after the moment, were each in that arm.
    n
        Instances, of both arms.
    """

    effect: float
    se: float
    risk_treated: float
    risk_control: float
    n: int


@dataclass(frozen=True, eq=False)
class ExperimentTruth:
    """A randomised loop, and what it does.

    Attributes
    ----------
    action
        The event type of its action.
    n_treated, n_control
        Assignments, those included that the arm log lacks.
    n_lost, n_crossed
        Controls whose assignment the arm log lacks, and controls that were to get the action all the same.
    counts
        Outcome -> for instances before and from the drift on, (2, 4): instances, those with the outcome within the
        follow-up if treated, if control, and in both.
    """

    action: str
    n_treated: int
    n_control: int
    n_lost: int
    n_crossed: int
    counts: Mapping[str, Int64]

    def effect(self, outcome: str = "churn", period: str | None = None) -> ExperimentEffect:
        """Return the effect of being assigned; of instances ``"before"`` or ``"after"`` the drift, or of all.

        Controls' crossover is in it, as it is in any readout by arm; so is interference, with the others' arms as they
        are.
        """
        if period is not None and period not in _PERIODS:
            near = did_you_mean(str(period), _PERIODS)
            raise ParameterError(
                f"there is no period {period!r}", hint=f"did you mean {near!r}?" if near else "before, after, or None"
            )
        counts = self.counts[outcome]
        of = counts.sum(axis=0) if period is None else counts[_PERIODS.index(period)]
        n, treated, control, both = (int(x) for x in of)
        if n == 0:
            return ExperimentEffect(math.nan, math.nan, math.nan, math.nan, 0)
        effect = (treated - control) / n
        squares = (treated + control - 2 * both) / n  # of differences that are -1, 0 or 1
        return ExperimentEffect(effect, math.sqrt((squares - effect**2) / n), treated / n, control / n, n)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        values = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return values | {"counts": {outcome: counts.tolist() for outcome, counts in self.counts.items()}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ExperimentTruth:
        """Rebuild from `to_dict`."""
        counts = {outcome: np.array(rows, np.int64) for outcome, rows in values["counts"].items()}
        return cls(**{**values, "counts": counts})

    @classmethod
    def of(cls, experiment: Experiment, arms: Int64, counts: Int64) -> ExperimentTruth:
        """Put together what `tally_arms` counted."""
        treated, control, lost, crossed = (int(x) for x in arms)
        return cls(experiment.action, treated, control, lost, crossed, dict(zip(OUTCOMES, counts, strict=True)))


def tally_arms(experiment: Experiment, action: PlantedAction, batch: Batch, followed: Int64) -> tuple[Int64, Int64]:
    """Count a batch's assignments: treated, control, lost, crossed; and their worlds, (3 outcomes, 2 periods, 4).

    Only instances that are followed to the end of the follow-up are in the second. ``followed`` is until when each
    assigned row's entity is.
    """
    arm = batch.assigned_arm
    arms = [(arm == TREATED).sum(), (arm == CONTROL).sum(), batch.assigned_lost.sum(), batch.assigned_crossed.sum()]
    ready = batch.assigned_ready
    end = ready + parse_duration(action.follow_up)
    after = np.zeros(len(ready), np.bool_)
    if experiment.drift_at is not None:
        after = ready >= day_start(experiment.drift_at)
    found = np.zeros((N_OUTCOMES, 2, N_COUNTS), np.int64)
    for k in range(N_OUTCOMES):
        times = batch.assigned_worlds[:, :, k]
        struck = (times >= ready[:, None]) & (times < end[:, None])
        rows = end <= followed
        if k == VIP:
            rows &= (times >= ready[:, None]).all(axis=1)
        for period, chosen in enumerate((rows & ~after, rows & after)):
            treated, control = struck[chosen, TREATED], struck[chosen, CONTROL]
            found[k, period] = len(treated), treated.sum(), control.sum(), (treated & control).sum()
    return np.array(arms, np.int64), found
