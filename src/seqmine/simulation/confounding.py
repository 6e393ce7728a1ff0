"""Why actions go to those who would have churned anyway: what the log shows of it, and what it hides."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from seqmine.errors import ParameterError
from seqmine.simulation.checks import Duration, check_known, check_number, duration_text, plain_number

__all__ = ["BASIC", "COMPLAINT", "PLACEBO", "PLUS", "SCORE", "TRAIT_EVENTS", "Confounding"]

BASIC: Final = "plan_basic"
PLUS: Final = "plan_plus"
SCORE: Final = "health_score"
COMPLAINT: Final = "complaint"
PLACEBO: Final = "old_issue"
TRAIT_EVENTS: Final = (BASIC, COMPLAINT, SCORE, PLACEBO, PLUS)
_DAY: Final = 86_400_000_000


@dataclass(frozen=True, kw_only=True)
class Confounding:
    """What drives actions and outcomes alike, in a world with actions.

    Each entity has a plan (basic or plus), a score (standard normal, two decimals) and a hidden u (standard normal).
    Its baseline risk is ``r = plan x ([basic] - basic_share) + score x its score``. The log shows the plan as an event
    ``plan_basic`` or ``plan_plus`` and the score as the ``value`` of an event ``health_score``, both where the entity's
    life in the log begins; it does not show u.

    From the ready time of the entity's first moment with an action on, a ``complaint`` may strike, once.

    Parameters
    ----------
    basic_share
        Share of entities with the basic plan.
    plan, score
        Weights in the baseline risk.
    churn
        What a unit of baseline risk adds to the log of the churn rate.
    complaint_per_day, complaint_within
        Hazard of the complaint at baseline risk 0, and how long after the moment it may strike.
    complaint_risk
        What a unit of baseline risk adds to the log of that hazard.
    complaint_churn
        What a complaint adds to the log of the churn rate from then on.
    complaint_visible
        Whether complaints are in the log. If not, a measured confounder becomes a hidden one.
    hidden_strength
        What a unit of u adds to the log of the hazards of every action and of churn.
    placebo_share, placebo_strength
        Chance that an entity has an event ``old_issue`` 28 to 84 days before its moment, at u = 0, and what a unit of u
        adds to its log odds. It does nothing: an outcome that no action can have changed.

    Raises
    ------
    ParameterError
        A value that cannot be used.
    """

    basic_share: float = 0.5
    plan: float = 0.8
    score: float = 1.0
    churn: float = 0.5
    complaint_per_day: float = 0.04
    complaint_within: Duration = "30d"
    complaint_risk: float = 0.3
    complaint_churn: float = 1.0
    complaint_visible: bool = True
    hidden_strength: float = 0.0
    placebo_share: float = 0.3
    placebo_strength: float = 2.0

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            object.__setattr__(self, item.name, plain_number(getattr(self, item.name)))
        for name, least, most in _NUMBERS:
            check_number(f"{name} of the confounding", getattr(self, name), least, most)
        if not isinstance(self.complaint_visible, bool):
            raise ParameterError(f"complaint_visible is True or False, not {self.complaint_visible!r}")
        within = duration_text("complaint_within of the confounding", self.complaint_within, 3_650 * _DAY)
        object.__setattr__(self, "complaint_within", within)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Confounding:
        """Rebuild from `to_dict`."""
        check_known("the confounding", values, (item.name for item in dataclasses.fields(cls)))
        return cls(**values)


_NUMBERS: Final = (
    ("basic_share", 0, 1),
    ("plan", -5, 5),
    ("score", -5, 5),
    ("churn", -5, 5),
    ("complaint_per_day", 0, 1e4),
    ("complaint_risk", -5, 5),
    ("complaint_churn", -5, 5),
    ("hidden_strength", -5, 5),
    ("placebo_share", 0, 1),
    ("placebo_strength", -20, 20),
)
