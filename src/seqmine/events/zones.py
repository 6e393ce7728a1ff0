"""Time zones as tables of UTC transitions: vectorised, the same for Python and for the native core.

The rules come from `zoneinfo`. A table is found by sampling a zone once a day and bisecting every day on which the
offset differs, so it is exact to the second wherever a zone changes at most once a day, which is everywhere.
"""

from __future__ import annotations

import functools
import zoneinfo
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from seqmine._text import did_you_mean
from seqmine.errors import MissingDependencyError, ParameterError

__all__ = ["Zone", "zone"]

Int64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_SECOND = 1_000_000
_DAY = 86_400
_FIRST_YEAR = 1800  # before standard time began anywhere: every zone has its local mean time
_LAST_YEAR = 2500  # exclusive; from 2100 on every zone follows a yearly rule, which repeats after 400 years
_PERIOD_FROM = 2100
_PERIOD = 146_097 * _DAY * _SECOND
_END_YEAR = 10_000
_END = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) * _SECOND + 20 * _PERIOD  # the first instant of year 10000
_LOWEST = np.iinfo(np.int64).min + 1
_HIGHEST = np.iinfo(np.int64).max


class Zone:
    """The offsets of one IANA zone.

    Tables are built when first asked for and cached, so a zone is cheap for a log of a few years. Before 1800 and
    after 9999 the nearest known offset holds: clocks change no more.

    Attributes
    ----------
    name
        The IANA name, for example ``"Europe/Berlin"``.
    """

    def __init__(self, name: str) -> None:
        self.name = _checked(name)

    def __repr__(self) -> str:
        return f"Zone({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Zone) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def table(self, first: int, last: int) -> tuple[Int64, Int64]:
        """Return the transitions that cover ``[first, last]`` (UTC microseconds, both inclusive).

        Returns
        -------
        transitions : (n,) int64
            UTC microseconds, ascending. Both arrays are empty for UTC.
        offsets : (n,) int64
            ``offsets[i]`` microseconds east of UTC hold from ``transitions[i]`` to ``transitions[i + 1]``, the
            first one also before.
        """
        if self.name == "UTC":
            return np.empty(0, np.int64), np.empty(0, np.int64)
        low, high = _year(first) - 1, _year(last) + 2
        low = min(max(low // 10 * 10, _FIRST_YEAR), _LAST_YEAR - 10)
        high = min(max(-(-high // 10) * 10, low + 10), _END_YEAR)
        if high > _LAST_YEAR:
            low = min(low, _PERIOD_FROM)  # all 400 years that repeat
        return _table(self.name, low, high)

    def offset_at(self, utc: Int64) -> Int64:
        """Return the offset east of UTC, in microseconds, at each UTC time."""
        if self.name == "UTC" or utc.size == 0:
            return np.zeros(utc.shape, np.int64)
        transitions, offsets = self.table(int(utc.min()), int(utc.max()))
        found: Int64 = offsets[np.maximum(np.searchsorted(transitions, utc, side="right") - 1, 0)]
        return found

    def to_utc(self, local: Int64) -> tuple[Int64, Mask, Mask]:
        """Turn local wall times into UTC.

        Parameters
        ----------
        local : (n,) int64
            Microseconds of the wall clock, counted from 1970-01-01T00:00 on that clock.

        Returns
        -------
        utc : (n,) int64
            Meaningless where one of the masks is set.
        ambiguous : (n,) bool
            The wall clock shows this time twice.
        nonexistent : (n,) bool
            The wall clock skips this time.
        """
        neither = np.zeros(local.shape, np.bool_)
        if self.name == "UTC" or local.size == 0:
            return local.copy(), neither, neither.copy()
        transitions, offsets = self.table(int(local.min()), int(local.max()))
        before, after, at = offsets[:-1], offsets[1:], transitions[1:]
        # Around each transition the wall clock shows the span between the two readings twice (clocks go back) or
        # never (clocks go forward).
        doubtful_from = at + np.minimum(before, after)
        doubtful_to = at + np.maximum(before, after)
        index = np.searchsorted(doubtful_from, local, side="right") - 1
        position = np.maximum(index, 0)
        inside = (index >= 0) & (local < doubtful_to[position]) if at.size else neither
        back = after[position] < before[position] if at.size else neither
        offset = offsets[index + 1]
        return _subtract(local, offset), inside & back, inside & ~back


@functools.lru_cache(maxsize=64)
def zone(name: str) -> Zone:
    """Return the zone of an IANA name.

    Raises
    ------
    ParameterError
        There is no such zone; the message names the nearest one.
    MissingDependencyError
        The machine has no time zone database at all.
    """
    return Zone(name)


def _subtract(left: Int64, right: Int64) -> Int64:
    """Subtract without wrapping: what leaves the range stays at its end, where no plausible time lies."""
    result = left - right
    wrapped = (right > 0) & (result > left) | (right < 0) & (result < left)
    return np.where(wrapped, np.where(right > 0, _LOWEST, _HIGHEST), result)


def _checked(name: str) -> str:
    if not isinstance(name, str):
        raise ParameterError(f"a time zone is the text of an IANA name, not {type(name).__name__}")
    try:
        if name == "localtime":
            raise zoneinfo.ZoneInfoNotFoundError(name)
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        known = zoneinfo.available_timezones()
        if not known:
            raise MissingDependencyError(
                "this machine has no time zone database", hint="run: pip install tzdata"
            ) from error
        near = did_you_mean(name, sorted(known))
        raise ParameterError(
            f"there is no time zone {name!r}",
            hint=f"did you mean {near!r}?" if near else "use an IANA name such as 'Europe/Berlin'",
        ) from error
    return "UTC" if name in {"Etc/UTC", "Etc/UCT", "UCT", "Zulu", "Etc/Zulu", "Universal", "Etc/Universal"} else name


def _year(microseconds: int) -> int:
    """Return a year that is at most one off, for any int64."""
    return 1970 + microseconds // 31_556_952_000_000


@functools.lru_cache(maxsize=256)
def _table(name: str, first_year: int, last_year: int) -> tuple[Int64, Int64]:
    rules = zoneinfo.ZoneInfo(name)
    end_year = min(last_year, _LAST_YEAR)
    start = int(datetime(first_year, 1, 1, tzinfo=UTC).timestamp())
    end = int(datetime(end_year, 1, 1, tzinfo=UTC).timestamp())
    transitions, offsets = [_LOWEST], [_offset(rules, start)]
    for day in range(start + _DAY, end + 1, _DAY):
        current = _offset(rules, day)
        if current != offsets[-1]:
            transitions.append(_bisect(rules, day - _DAY, day) * _SECOND)
            offsets.append(current)
    times, values = np.array(transitions, np.int64), np.array(offsets, np.int64)
    if last_year > _LAST_YEAR:
        periodic = times >= int(datetime(_PERIOD_FROM, 1, 1, tzinfo=UTC).timestamp()) * _SECOND
        repeats = -(-(_END_YEAR - _LAST_YEAR) // 400)
        times = np.concatenate([times, *(times[periodic] + k * _PERIOD for k in range(1, repeats + 1))])
        values = np.concatenate([values, *(values[periodic] for _ in range(repeats))])
        times, values = times[times < _END], values[times < _END]
    times.flags.writeable = values.flags.writeable = False
    return times, values


def _offset(rules: zoneinfo.ZoneInfo, second: int) -> int:
    offset = datetime.fromtimestamp(second, rules).utcoffset()
    assert offset is not None  # a ZoneInfo always knows its offset
    return (offset.days * _DAY + offset.seconds) * _SECOND


def _bisect(rules: zoneinfo.ZoneInfo, low: int, high: int) -> int:
    """Return the first second in ``(low, high]`` with the offset of ``high``."""
    target = _offset(rules, high)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(rules, middle) == target:
            high = middle
        else:
            low = middle
    return high
