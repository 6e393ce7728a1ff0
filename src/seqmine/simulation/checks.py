"""Checks that specs of all kinds share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from seqmine._text import did_you_mean, format_duration, parse_duration
from seqmine.errors import ParameterError

__all__ = [
    "Duration", "check_day", "check_known", "check_list", "check_number", "check_whole", "day_start", "duration_text",
    "plain_number",
]  # fmt: skip

Duration = str | timedelta


def plain_number(value: Any) -> Any:
    """Return a NumPy scalar as the Python number that it is, anything else as it is."""
    return value.item() if isinstance(value, (np.integer, np.floating)) else value


def check_whole(name: str, value: object, least: int, most: int) -> None:
    """Raise unless ``value`` is a whole number from ``least`` to ``most``."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ParameterError(f"{name} is a whole number, not {value!r}")
    if not least <= value <= most:
        raise ParameterError(f"{name} lies between {least:,} and {most:,}, not {value:,}")


def check_number(name: str, value: object, least: float, most: float) -> None:
    """Raise unless ``value`` is a finite number from ``least`` to ``most``."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ParameterError(f"{name} is a number, not {value!r}")
    if not least <= value <= most:
        raise ParameterError(f"{name} lies between {least:g} and {most:g}, not {value:g}")


def duration_text(name: str, value: Duration, most: int, *, zero: bool = False) -> str:
    """Return a duration above zero (or from zero on) and at most ``most`` microseconds as canonical text."""
    us = parse_duration(value, name)
    if not (us > 0 or (zero and us == 0)) or us > most:
        raise ParameterError(
            f"{name} lies above 0s and is at most {format_duration(most)}, not {format_duration(us)}",
            hint=f'at most {name}="{format_duration(most)}"',
        )
    return format_duration(us)


def check_day(name: str, value: object) -> str:
    """Return a date as text, or raise unless it is one."""
    try:
        day = date.fromisoformat(str(value))
    except ValueError:
        raise ParameterError(
            f"{name} is a date, not {value!r}", hint=f'write {name.split(maxsplit=1)[0]}="2025-01-01"'
        ) from None
    if not 1970 <= day.year <= 2200:
        raise ParameterError(f"{name} lies in the years 1970 to 2200, not in {day.year}")
    return day.isoformat()


def day_start(day: str) -> int:
    """Return a date's midnight, UTC microseconds."""
    midnight = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
    return (midnight - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def check_list(name: str, value: object) -> Sequence[Any]:
    """Return ``value``, or raise unless it is a list of something."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ParameterError(f"{name} is a list, not {value!r}")
    return value


def check_known(what: str, values: Mapping[str, Any], known: Iterable[str]) -> None:
    """Raise where ``values`` has a name that ``what`` has not."""
    names = list(known)
    for name in values:
        if name not in names:
            near = did_you_mean(str(name), names)
            raise ParameterError(f"{what} has no {name!r}", hint=f"did you mean {near!r}?" if near else None)
