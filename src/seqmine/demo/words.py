"""The demo's patterns in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqmine._text import format_duration
from seqmine.demo.data import TRIPS

if TYPE_CHECKING:
    from seqmine.events.selectors import Selector
    from seqmine.patterns import Pattern, Step

__all__ = ["in_words"]

_UNITS = {"w": "week", "d": "day", "h": "hour", "m": "minute", "s": "second", "ms": "millisecond", "us": "microsecond"}
_TRIPS = {name: name.replace("_", "-") for _, name in TRIPS}


def in_words(pattern: Pattern) -> str:
    """Return ``pattern`` as a sentence without its full stop."""
    parts = [_event(pattern.steps[0])]
    for step in pattern.steps[1:]:
        parts.append(f"then {_event(step)} {_gap(step)}")
    parts += [f"then no {_plain(gone.selector)} within {_duration(gone.within)}" for gone in pattern.absences]
    return ", ".join(parts)


def _event(step: Step) -> str:
    return "a " + _plain(step.selector)


def _plain(selector: Selector) -> str:
    name = "|".join(selector.types)
    if name.startswith("campaign:") and not selector.conditions:
        return name.removeprefix("campaign:") + " campaign in the mail"
    what, when = "shopping trip", ""
    for condition in selector.conditions:
        if condition.op == "=" and condition.field == "trip" and condition.operand in _TRIPS:
            what = f"{_TRIPS[str(condition.operand)]} trip"
        elif condition.op == "=" and condition.field == "hour" and isinstance(condition.operand, tuple):
            begin, end = condition.operand
            when += f" between {begin}:00 and {end}:00"
        elif condition.op == "=" and condition.field == "weekday" and isinstance(condition.operand, tuple):
            first, last = condition.operand
            when += f" on {first}" if first == last else f" on {first} to {last}"
        else:
            return str(selector)
    return what + when if name == "basket" else str(selector)


def _gap(step: Step) -> str:
    gap = step.gap
    if gap is None or gap.hi is None:
        return "later"
    if gap.lo <= 1:
        return f"within {_duration(gap.hi)}"
    return f"{_duration(gap.lo)} to {_duration(gap.hi)} later"


def _duration(us: int) -> str:
    text = format_duration(us)
    unit = text.lstrip("0123456789")
    number = int(text[: len(text) - len(unit)])
    return f"{number} {_UNITS[unit]}{'' if number == 1 else 's'}"
