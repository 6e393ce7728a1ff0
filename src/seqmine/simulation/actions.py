"""The company's actions after planted moments: when they are taken, upon whom, and what they do."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from seqmine._text import format_duration, parse_duration
from seqmine.errors import ParameterError
from seqmine.simulation.checks import (
    Duration,
    check_known,
    check_list,
    check_number,
    check_whole,
    duration_text,
    plain_number,
)
from seqmine.simulation.moments import OUTCOMES

__all__ = ["MAX_BINS", "MAX_REPEATS", "OFFICE", "EffectCurve", "PlantedAction"]

OFFICE: Final = "office"
MAX_REPEATS: Final = 32
MAX_BINS: Final = 4_096
_MAX_EFFECT: Final = 5.0
_DAY: Final = 86_400_000_000
_YEAR: Final = 365 * _DAY


@dataclass(frozen=True, kw_only=True)
class EffectCurve:
    """What an action adds to the log of an outcome's hazard, by its delay after the moment.

    Parameters
    ----------
    windows
        ``(lo, hi, size)``: delays in ``[lo, hi)`` add ``size``. They do not overlap.
    outside
        What all other delays add: 0 for nothing, the opposite sign for a reversal.
    centre, width, peak
        A bump of normal shape: ``peak`` at the ``centre``, with standard deviation ``width``. It comes on top of
        ``outside``, where no window is.

    Examples
    --------
    >>> EffectCurve.step("19h", "37h", -0.6).windows
    (('19h', '37h', -0.6),)
    >>> EffectCurve.step("19h", "37h", -0.6, outside=0.2).at("2h")
    0.2
    """

    windows: Sequence[tuple[Duration, Duration, float]] = ()
    outside: float = 0.0
    centre: Duration | None = None
    width: Duration | None = None
    peak: float = 0.0

    def __post_init__(self) -> None:
        checked: list[tuple[str, str, float]] = []
        for window in check_list("windows of an effect", self.windows):
            if len(check_list("each of the windows", window)) != 3:
                raise ParameterError(f"a window is (lo, hi, size), not {window!r}", hint='write ("19h", "37h", -0.6)')
            lo, hi = (duration_text("a window's border", border, _YEAR, zero=True) for border in window[:2])
            size = plain_number(window[2])
            check_number("size of a window", size, -_MAX_EFFECT, _MAX_EFFECT)
            if parse_duration(lo) >= parse_duration(hi):
                raise ParameterError(f"the window [{lo},{hi}) is empty")
            checked.append((lo, hi, float(size)))
        checked.sort(key=lambda window: parse_duration(window[0]))
        for before, after in itertools.pairwise(checked):
            if parse_duration(before[1]) > parse_duration(after[0]):
                raise ParameterError(
                    f"the windows [{before[0]},{before[1]}) and [{after[0]},{after[1]}) overlap",
                    hint="give each delay one size",
                )
        if (self.centre is None) != (self.width is None) or (self.peak != 0 and self.centre is None):
            raise ParameterError("a bump has a centre, a width and a peak", hint='EffectCurve.bump("28h", "6h", -0.6)')
        object.__setattr__(self, "windows", tuple(checked))
        for name in ("outside", "peak"):
            check_number(f"{name} of an effect", plain_number(getattr(self, name)), -_MAX_EFFECT, _MAX_EFFECT)
            object.__setattr__(self, name, float(getattr(self, name)))
        if self.centre is not None and self.width is not None:
            object.__setattr__(self, "centre", duration_text("centre", self.centre, _YEAR, zero=True))
            object.__setattr__(self, "width", duration_text("width", self.width, _YEAR))

    @classmethod
    def constant(cls, size: float) -> EffectCurve:
        """The same at every delay."""
        return cls(outside=size)

    @classmethod
    def step(cls, lo: Duration, hi: Duration, size: float, outside: float = 0.0) -> EffectCurve:
        """``size`` in ``[lo, hi)``, and ``outside`` elsewhere."""
        return cls(windows=((lo, hi, size),), outside=outside)

    @classmethod
    def bump(cls, centre: Duration, width: Duration, size: float) -> EffectCurve:
        """Rising and falling smoothly around the centre."""
        return cls(centre=centre, width=width, peak=size)

    def at(self, delay: Duration) -> float:
        """Return what an action at this delay adds."""
        us = parse_duration(delay)
        for lo, hi, size in self.windows:
            if parse_duration(lo) <= us < parse_duration(hi):
                return float(size)
        if self.centre is None or self.width is None:
            return self.outside
        z = (us - parse_duration(self.centre)) / parse_duration(self.width)
        return float(self.outside + self.peak * np.exp(-0.5 * z * z))

    @property
    def is_none(self) -> bool:
        """Whether it never adds anything."""
        return self.outside == 0 and self.peak == 0 and all(size == 0 for _, _, size in self.windows)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        values = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return values | {"windows": [list(window) for window in self.windows]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EffectCurve:
        """Rebuild from `to_dict`."""
        check_known("an effect", values, (item.name for item in dataclasses.fields(cls)))
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class PlantedAction:
    """One action after one planted moment.

    Its hazard on an entity that is there, at the delay d after the moment's ready time, is ::

        per_day(d) x hours(local hour of the week) x exp(risk x r + activity x log(exposure x size)
                                                        + complaint x [complained] + hidden_strength x u)

    with r, u and the complaint as `Confounding` has them.

    Parameters
    ----------
    name
        The event type.
    moment
        Name of the planted moment that it follows. Twins that are no instances of the moment are not followed.
    actor
        ``"company"``, or ``"customer"``: a look-alike such as an inbound call, which comes with the same indication and
        does nothing.
    per_day
        Base hazard per day; or ``(until, per day)`` for one piece of delays after the other, 0 after the last.
    max_delay
        Delays lie in ``[0, max_delay)``.
    hours
        None: at any hour. ``"office"``: Monday to Friday from 9 to 18 in the entity's local time. Or 168 factors,
        Monday 0:00 first.
    risk, activity, complaint
        Indication: added to the log of the hazard per unit of the baseline risk, per unit of log activity, and from a
        complaint on.
    repeats
        How often it is taken at most after one moment.
    automatic
        A delay: no hazard, but a rule that fires at exactly this delay, upon `share` of those that are still there.
    churn, vip, referral
        `EffectCurve` of each outcome; None for no effect.
    lasts
        How long an action works; None for ever.
    by_segment, by_channel
        Factors of all its effects, for entities of a segment and for the channel that it comes by; 1 for those left
        out.
    co_action, co_share, co_within
        Another action of the company, by itself without effect, that follows within `co_within` in this share of cases.
    bin_width, follow_up
        Of the truth: delays in bins, and how long after a bin's end the outcome is counted.

    Raises
    ------
    ParameterError
        A value that cannot be used.

    Examples
    --------
    >>> call = PlantedAction(name="csm_call", moment="second", per_day=0.1, churn=EffectCurve.step("19h", "37h", -0.6))
    >>> call.n_bins
    168
    """

    name: str
    moment: str
    actor: str = "company"
    per_day: float | Sequence[tuple[Duration, float]] = 0.1
    max_delay: Duration = "7d"
    hours: str | Sequence[float] | None = None
    risk: float = 0.0
    activity: float = 0.0
    complaint: float = 0.0
    repeats: int = 1
    automatic: Duration | None = None
    share: float = 1.0
    churn: EffectCurve | None = None
    vip: EffectCurve | None = None
    referral: EffectCurve | None = None
    lasts: Duration | None = None
    by_segment: Mapping[str, float] = field(default_factory=dict)
    by_channel: Mapping[str, float] = field(default_factory=dict)
    co_action: str | None = None
    co_share: float = 0.5
    co_within: Duration = "6h"
    bin_width: Duration = "1h"
    follow_up: Duration = "30d"

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):
            object.__setattr__(self, item.name, plain_number(getattr(self, item.name)))
        for name in ("name", "moment"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise ParameterError(f"{name} of an action is text, not {getattr(self, name)!r}")
        what = f"of the action {self.name!r}"
        if self.actor not in ("company", "customer"):
            raise ParameterError(f"actor {what} is 'company' or 'customer', not {self.actor!r}")
        keep: dict[str, Any] = {"max_delay": duration_text(f"max_delay {what}", self.max_delay, _YEAR)}
        keep["follow_up"] = duration_text(f"follow_up {what}", self.follow_up, _YEAR)
        keep["co_within"] = duration_text(f"co_within {what}", self.co_within, _YEAR)
        keep["bin_width"] = duration_text(f"bin_width {what}", self.bin_width, parse_duration(keep["max_delay"]))
        most = parse_duration(keep["max_delay"])
        if most % parse_duration(keep["bin_width"]) or most // parse_duration(keep["bin_width"]) > MAX_BINS:
            raise ParameterError(
                f"max_delay {what} is not 1 to {MAX_BINS:,} whole bins of {keep['bin_width']}",
                hint='as in max_delay="7d", bin_width="1h"',
            )
        if self.lasts is not None:
            keep["lasts"] = duration_text(f"lasts {what}", self.lasts, 10 * _YEAR)
        if self.automatic is not None:
            keep["automatic"] = duration_text(f"automatic {what}", self.automatic, most - 1, zero=True)
        keep["per_day"] = _pieces(f"per_day {what}", self.per_day)
        if self.hours is not None and self.hours != OFFICE:
            keep["hours"] = _week(f"hours {what}", self.hours)
        for name in ("risk", "activity", "complaint"):
            check_number(f"{name} {what}", getattr(self, name), -_MAX_EFFECT, _MAX_EFFECT)
        for name in ("share", "co_share"):
            check_number(f"{name} {what}", getattr(self, name), 0, 1)
        for name in ("by_segment", "by_channel"):
            factors = getattr(self, name)
            if not isinstance(factors, Mapping):
                raise ParameterError(f"{name} {what} maps names to factors, not {factors!r}")
            for key, factor in factors.items():
                check_number(f"{name}[{key!r}] {what}", factor, -_MAX_EFFECT, _MAX_EFFECT)
            keep[name] = {str(key): float(factor) for key, factor in factors.items()}
        check_whole(f"repeats {what}", self.repeats, 1, MAX_REPEATS)
        if self.co_action is not None and (not isinstance(self.co_action, str) or self.co_action in ("", self.name)):
            raise ParameterError(f"co_action {what} is another event type, not {self.co_action!r}")
        for name in OUTCOMES:
            curve = getattr(self, name)
            if curve is not None and not isinstance(curve, EffectCurve):
                raise ParameterError(f"{name} {what} is an EffectCurve, not {curve!r}")
            if curve is not None and self.actor == "customer" and not curve.is_none:
                raise ParameterError(f"{name} {what}: what customers do themselves has no effect here")
        for name, value in keep.items():
            object.__setattr__(self, name, value)

    @property
    def n_bins(self) -> int:
        """Bins of the truth."""
        return parse_duration(self.max_delay) // parse_duration(self.bin_width)

    @property
    def event_types(self) -> tuple[str, ...]:
        """The event types that it brings into the log."""
        return (self.name,) if self.co_action is None else (self.name, self.co_action)

    @property
    def hour_factors(self) -> tuple[float, ...] | None:
        """The 168 factors of `hours`; None for one everywhere."""
        if self.hours == OFFICE:
            return tuple(float(day < 5 and 9 <= hour < 18) for day in range(7) for hour in range(24))
        return None if self.hours is None else tuple(float(factor) for factor in self.hours)

    def effect(self, outcome: str) -> EffectCurve:
        """Return the curve of an outcome; one without any effect where none was given."""
        curve = getattr(self, outcome)
        return curve if isinstance(curve, EffectCurve) else EffectCurve()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        values = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        for name in OUTCOMES:
            values[name] = None if values[name] is None else values[name].to_dict()
        values |= {"by_segment": dict(self.by_segment), "by_channel": dict(self.by_channel)}
        if isinstance(self.per_day, tuple):
            values["per_day"] = [list(piece) for piece in self.per_day]
        if isinstance(self.hours, tuple):
            values["hours"] = list(self.hours)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PlantedAction:
        """Rebuild from `to_dict`.

        Raises
        ------
        ParameterError
            A name that no action has, or ``name`` or ``moment`` is missing.
        """
        check_known("an action", values, (item.name for item in dataclasses.fields(cls)))
        for name in ("name", "moment"):
            if name not in values:
                raise ParameterError(f"an action needs {name!r}", hint='as in name = "csm_call", moment = "second"')
        curves = {
            name: EffectCurve.from_dict(values[name]) for name in OUTCOMES if isinstance(values.get(name), Mapping)
        }
        return cls(**{**values, **curves})


def _pieces(name: str, value: Any) -> float | tuple[tuple[str, float], ...]:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        check_number(name, value, 0, 1e4)
        return float(value)
    found: list[tuple[str, float]] = []
    since = 0
    for piece in check_list(name, value):
        if len(check_list(f"each piece of {name}", piece)) != 2:
            raise ParameterError(f"a piece of {name} is (until, per day), not {piece!r}", hint='write ("1d", 0.2)')
        until, rate = duration_text(f"until, of {name}", piece[0], _YEAR), plain_number(piece[1])
        check_number(name, rate, 0, 1e4)
        if parse_duration(until) <= since:
            raise ParameterError(f"{name}: the pieces end one after the other, and {until} comes too late")
        since = parse_duration(until)
        found.append((format_duration(since), float(rate)))
    return tuple(found)


def _week(name: str, value: Any) -> tuple[float, ...]:
    if isinstance(value, str):
        raise ParameterError(f"{name} is {OFFICE!r} or 168 factors, not {value!r}")
    if len(check_list(name, value)) != 168:
        raise ParameterError(f"{name} has 168 factors, Monday 0:00 first, not {len(value)}")
    for factor in value:
        check_number(f"each of {name}", plain_number(factor), 0, 1e6)
    return tuple(float(factor) for factor in value)
