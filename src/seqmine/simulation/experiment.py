"""A randomised loop: who gets an action is drawn, and what can go wrong with that."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from seqmine._text import parse_duration
from seqmine.errors import ParameterError
from seqmine.simulation.checks import (
    Duration,
    check_day,
    check_known,
    check_list,
    check_number,
    check_whole,
    duration_text,
    plain_number,
)

__all__ = ["Experiment"]

_DAY: Final = 86_400_000_000


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One action, given by chance: at its moment's ready time an arm is drawn.

    Parameters
    ----------
    action
        The action's event type.
    share
        Chance of the treated arm.
    delay
        When the treated get the action: so long after the moment; or ``(lo, hi)``, evenly in ``[lo, hi)``.
    control
        What the others get: ``"none"``, or ``"usual"`` care, as outside of the experiment.
    start
        Its first day (UTC); moments before it get usual care. None: it runs all along.
    drift_at, drift_factor
        From this day on (UTC) the action's effects are multiplied by the factor. None for never.
    srm_loss
        Share of the controls whose assignment is missing from the arm log, while their events are not: a sample ratio
        mismatch.
    crossover
        Share of the controls who get the action all the same, at a delay as the treated have it.
    interference, cluster_size
        Entities live in clusters of so many. A control's log churn rate gets `interference` times the share of the
        others in its cluster that are treated: below 0, controls profit, and a readout sees less than there is.

    Raises
    ------
    ParameterError
        A value that cannot be used.
    """

    action: str
    share: float = 0.5
    delay: Duration | tuple[Duration, Duration] = "24h"
    control: str = "none"
    start: str | None = None
    drift_at: str | None = None
    drift_factor: float = 0.0
    srm_loss: float = 0.0
    crossover: float = 0.0
    interference: float = 0.0
    cluster_size: int = 20

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            object.__setattr__(self, item.name, plain_number(getattr(self, item.name)))
        if not isinstance(self.action, str) or not self.action:
            raise ParameterError(f"action of the experiment is the name of one, not {self.action!r}")
        if self.control not in ("none", "usual"):
            raise ParameterError(f"control of the experiment is 'none' or 'usual', not {self.control!r}")
        for name, least, most in _NUMBERS:
            check_number(f"{name} of the experiment", getattr(self, name), least, most)
        check_whole("cluster_size of the experiment", self.cluster_size, 2, 10_000)
        for name in ("start", "drift_at"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, check_day(f"{name} of the experiment", getattr(self, name)))
        object.__setattr__(self, "delay", _delay(self.delay))

    @property
    def delays(self) -> tuple[int, int]:
        """The treated's delays ``[lo, hi)`` in microseconds; ``hi`` is ``lo`` where there is one delay only."""
        lo, hi = self.delay if isinstance(self.delay, tuple) else (self.delay, self.delay)
        return parse_duration(lo), parse_duration(hi)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        values = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return values | {"delay": list(self.delay) if isinstance(self.delay, tuple) else self.delay}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Experiment:
        """Rebuild from `to_dict`."""
        check_known("an experiment", values, (item.name for item in dataclasses.fields(cls)))
        if "action" not in values:
            raise ParameterError("an experiment needs 'action'", hint='as in action = "csm_call"')
        return cls(**values)


def _delay(value: Any) -> str | tuple[str, str]:
    name = "delay of the experiment"
    if isinstance(value, str) or not hasattr(value, "__len__"):
        return duration_text(name, value, 365 * _DAY, zero=True)
    if len(check_list(name, value)) != 2:
        raise ParameterError(f"{name} is one delay or (lo, hi), not {value!r}")
    lo, hi = (duration_text(name, border, 365 * _DAY, zero=True) for border in value)
    if parse_duration(lo) >= parse_duration(hi):
        raise ParameterError(f"{name} is empty: [{lo},{hi})")
    return lo, hi


_NUMBERS: Final = (
    ("share", 0, 1),
    ("drift_factor", -10, 10),
    ("srm_loss", 0, 1),
    ("crossover", 0, 1),
    ("interference", -5, 5),
)
