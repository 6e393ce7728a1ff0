"""How a log is read: every keyword of `EventLog.read`, checked once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypedDict

import numpy as np

from seqmine._text import did_you_mean
from seqmine._validate import check_threads
from seqmine.errors import ParameterError
from seqmine.events import reasons
from seqmine.events.accounting import DuplicatePolicy
from seqmine.events.arrow import pa
from seqmine.events.columns import AttributeKind
from seqmine.events.isotext import parse_iso
from seqmine.events.times import MAX_TIME, MIN_TIME, TIME_UNITS, TimeReader, TimeUnit
from seqmine.events.zones import Zone, zone

__all__ = ["DURATION", "BadRowPolicy", "ReadKeywords", "ReadOptions", "check_expansion", "known_keywords", "one_time"]

BadRowPolicy = Literal["error", "quarantine"]
_KINDS: Final[dict[str, AttributeKind]] = {"text": "dictionary", "number": "number"}
DURATION: Final = "duration"


class ReadKeywords(TypedDict, total=False):
    """The keywords that `EventLog.read` and `EventLog.from_arrow` share."""

    value: str | None
    attributes: Sequence[str] | Mapping[str, str]
    timezone: str | None
    time_unit: str | None
    event_id: str | None
    duration: str | None
    identity: Any
    observed_until: Any
    starts: Any
    on_bad_row: str
    quarantine: str | os.PathLike[str] | None
    duplicates: str
    exclude_events: Iterable[str]
    plausible_years: tuple[int, int] | None
    threads: int


def known_keywords(caller: str, keywords: ReadKeywords) -> ReadKeywords:
    """Return the keywords; raise where ``caller``, which takes them as they come, has no such one.

    Raises
    ------
    ParameterError
        Names the keyword and the nearest one.
    """
    known = ("entity", "time", "event", *ReadKeywords.__annotations__)
    for name in keywords:
        if name not in known:
            near = did_you_mean(name, known)
            hint = f"did you mean {near}=?" if near else "its keywords are " + ", ".join(known)
            hint = "it is for files: use EventLog.read" if name in {"format", "max_expansion"} else hint
            raise ParameterError(f"{caller} has no keyword {name}=", hint=hint)
    return keywords


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """Checked options. ``attributes`` maps the attribute's name to its column and declared kind (None: by its type)."""

    entity: str
    time: str
    event: str
    value: str | None
    attributes: Mapping[str, tuple[str, AttributeKind | None]]
    timezone: str | None
    time_unit: TimeUnit | None
    event_id: str | None
    identity: Any
    observed_until: Any
    starts: Any
    on_bad_row: BadRowPolicy
    quarantine: str | os.PathLike[str] | None
    duplicates: DuplicatePolicy
    exclude_events: tuple[str, ...]
    plausible_years: tuple[int, int] | None
    threads: int

    @property
    def zone(self) -> Zone | None:
        """The declared zone of times without an offset."""
        return None if self.timezone is None else zone(self.timezone)

    @property
    def columns(self) -> dict[str, str]:
        """The needed columns: keyword -> column name."""
        wanted = {"entity": self.entity, "time": self.time, "event": self.event}
        if self.value is not None:
            wanted["value"] = self.value
        if self.event_id is not None:
            wanted["event_id"] = self.event_id
        for name, (column, _) in self.attributes.items():
            wanted[DURATION if name == DURATION else f"attributes:{name}"] = column
        return wanted

    def time_reader(self, seen: tuple[int, int] | None = None) -> TimeReader:
        """Return a new reader of this input's time column; ``seen`` is the range of earlier inputs' integers."""
        return TimeReader(self.time, self.zone, self.time_unit, self.plausible_years, seen)

    @classmethod
    def checked(
        cls,
        *,
        entity: str,
        time: str,
        event: str,
        value: str | None = None,
        attributes: Sequence[str] | Mapping[str, str] = (),
        timezone: str | None = None,
        time_unit: str | None = None,
        event_id: str | None = None,
        duration: str | None = None,
        identity: Any = None,
        observed_until: Any = None,
        starts: Any = None,
        on_bad_row: str = "error",
        quarantine: str | os.PathLike[str] | None = None,
        duplicates: str = "none",
        exclude_events: Iterable[str] = (),
        plausible_years: tuple[int, int] | None = (1970, 2100),
        threads: int = 0,
    ) -> ReadOptions:
        """Check the keywords of `EventLog.read`.

        Raises
        ------
        ParameterError
            Names the keyword, what came, and what is accepted.
        """
        for keyword, name in {
            "entity": entity,
            "time": time,
            "event": event,
            "value": value,
            "event_id": event_id,
            "duration": duration,
            "timezone": timezone,
        }.items():
            optional = keyword in {"value", "event_id", "duration", "timezone"}
            if not (isinstance(name, str) and name) and not (optional and name is None):
                raise ParameterError(f"{keyword}= is a text, not {name!r}", hint="give the name as text")
        if time_unit is not None:
            _one_of("time_unit", time_unit, TIME_UNITS)
        _one_of("on_bad_row", on_bad_row, ("error", "quarantine"))
        _one_of("duplicates", duplicates, ("none", "exact", "id"))
        if duplicates == "id" and event_id is None:
            raise ParameterError('duplicates="id" tells events apart by their id', hint="pass event_id= too")
        if quarantine is not None and on_bad_row != "quarantine":
            raise ParameterError(
                "quarantine= names a file for bad rows, but bad rows raise an error",
                hint='pass on_bad_row="quarantine" too',
            )
        if isinstance(exclude_events, str):
            raise ParameterError("exclude_events= is a list of event types, not one text", hint="write it in brackets")
        excluded = tuple(exclude_events)
        if not all(isinstance(name, str) and name for name in excluded):
            raise ParameterError("exclude_events= holds something that is no event type", hint="give texts")
        check_threads(threads)
        if timezone is not None:
            zone(timezone)
        return cls(
            entity=entity,
            time=time,
            event=event,
            value=value,
            attributes=_attributes(attributes, duration),
            timezone=timezone,
            time_unit=time_unit,  # type: ignore[arg-type]
            event_id=event_id,
            identity=identity,
            observed_until=observed_until,
            starts=starts,
            on_bad_row=on_bad_row,  # type: ignore[arg-type]
            quarantine=quarantine,
            duplicates=duplicates,  # type: ignore[arg-type]
            exclude_events=tuple(dict.fromkeys(excluded)),
            plausible_years=_years(plausible_years),
            threads=threads,
        )


def check_expansion(value: float) -> None:
    """ParameterError unless ``value`` can be the ``max_expansion`` of `EventLog.read`."""
    if not (isinstance(value, (int, float)) and value >= 1):
        raise ParameterError(f"max_expansion= is a number of at least 1, not {value!r}")


def one_time(value: Any, keyword: str, declared: str | None) -> int:
    """Turn one time that a person wrote into UTC microseconds.

    Parameters
    ----------
    value
        An aware or naive datetime, ISO 8601 text, or an integer of UTC microseconds.
    keyword
        The keyword, for messages.
    declared
        The declared zone, which naive times need.

    Raises
    ------
    ParameterError
        The value is no time, does not fit, or has no offset where no zone is declared.
    """
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        micros = int(value)
    elif isinstance(value, datetime):
        if value.tzinfo is None:
            micros = _localised(_since_epoch(value.replace(tzinfo=UTC)), keyword, declared)
        else:
            micros = _since_epoch(value)
    elif isinstance(value, str):
        parsed = parse_iso(pa.array([value], pa.string()))
        if parsed.flags[0]:
            raise ParameterError(
                f"{keyword}= {reasons.REASONS[int(parsed.flags[0])].message}: {value!r}",
                hint="write ISO 8601 such as 2026-03-01T09:30:00+01:00",
            )
        micros = int(parsed.time[0])
        if not parsed.has_offset[0]:
            micros = _localised(micros, keyword, declared)
    else:
        raise ParameterError(
            f"{keyword}= is a datetime, ISO 8601 text or integer UTC microseconds, not {type(value).__name__}"
        )
    if not MIN_TIME <= micros <= MAX_TIME:
        raise ParameterError(f"{keyword}= does not fit signed 64-bit UTC microseconds")
    return micros


def _since_epoch(value: datetime) -> int:
    return (value - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _localised(wall: int, keyword: str, declared: str | None) -> int:
    if declared is None:
        raise ParameterError(f"{keyword}= has no UTC offset and no zone is declared", hint="add the offset, or Z")
    utc, ambiguous, nonexistent = zone(declared).to_utc(np.array([wall], np.int64))
    if ambiguous[0] or nonexistent[0]:
        what = "happens twice" if ambiguous[0] else "never happens"
        raise ParameterError(f"{keyword}= {what} in {declared}", hint="write it with its UTC offset")
    return int(utc[0])


def _one_of(keyword: str, value: object, accepted: tuple[str, ...]) -> None:
    if value not in accepted:
        near = did_you_mean(str(value), accepted)
        listed = ", ".join(f'"{item}"' for item in accepted)
        raise ParameterError(
            f"{keyword}= is one of {listed}, not {value!r}", hint=f"did you mean {near!r}?" if near else None
        )


def _attributes(
    attributes: Sequence[str] | Mapping[str, str], duration: str | None
) -> dict[str, tuple[str, AttributeKind | None]]:
    if isinstance(attributes, (str, bytes)):
        raise ParameterError("attributes= is a list of column names, not one text", hint=f"write [{attributes!r}]")
    result: dict[str, tuple[str, AttributeKind | None]] = {}
    pairs = attributes.items() if isinstance(attributes, Mapping) else ((name, None) for name in attributes)
    for name, kind in pairs:
        if not isinstance(name, str) or not name:
            raise ParameterError(f"attributes= holds {name!r}, which is no column name")
        if name in result:
            raise ParameterError("attributes= names a column twice", column=name)
        if kind is not None:
            _one_of(f"attributes[{name!r}]", kind, tuple(_KINDS))
        result[name] = (name, None if kind is None else _KINDS[kind])
    if duration is not None:
        if DURATION in result and duration != DURATION:
            raise ParameterError(
                'attributes= holds "duration" already, which is the name that duration= gives', hint="leave one out"
            )
        result[DURATION] = (duration, "number")
    return result


def _years(years: tuple[int, int] | None) -> tuple[int, int] | None:
    if years is None:
        return None
    try:
        first, last = years
        if not (isinstance(first, int) and isinstance(last, int) and first <= last):
            raise ValueError
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"plausible_years= is a pair of years such as (1970, 2100), or None, not {years!r}"
        ) from error
    return first, last
