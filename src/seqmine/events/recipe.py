"""How a log was read: what has to be known to read further rows just as `EventLog.read` would have read them all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from seqmine.errors import CorruptFileError, ParameterError
from seqmine.events.accounting import DuplicatePolicy
from seqmine.events.arrow import ArrowArray
from seqmine.events.columns import AttributeKind
from seqmine.events.options import BadRowPolicy, ReadOptions
from seqmine.events.times import TIME_UNITS, TimeUnit

__all__ = ["Earlier", "KeptAttribute", "Recipe"]


@dataclass(frozen=True)
class KeptAttribute:
    """One attribute: its name, its column, the kind that was declared, and the kind that the inputs had so far.

    ``kind`` is None as long as no input had a type that tells: such an attribute holds nothing but nulls.
    """

    name: str
    column: str
    declared: AttributeKind | None
    kind: AttributeKind | None


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The options of a log's reading, and what reading on depends on; all of it is the same after a full rebuild.

    Attributes
    ----------
    has_identity, has_starts
        Whether such a table was given. The tables themselves are not kept.
    integer_times
        Lowest and highest integer time seen, in its unit: whether that unit makes sense is told from all of them.
    """

    entity: str
    time: str
    event: str
    value: str | None
    event_id: str | None
    attributes: tuple[KeptAttribute, ...]
    timezone: str | None
    time_unit: TimeUnit | None
    on_bad_row: BadRowPolicy
    duplicates: DuplicatePolicy
    exclude_events: tuple[str, ...]
    plausible_years: tuple[int, int] | None
    has_identity: bool
    has_starts: bool
    integer_times: tuple[int, int] | None

    @classmethod
    def of(
        cls,
        options: ReadOptions,
        kinds: Mapping[str, AttributeKind | None],
        integer_times: tuple[int, int] | None,
    ) -> Recipe:
        """Return what is remembered of a reading."""
        return cls(
            entity=options.entity,
            time=options.time,
            event=options.event,
            value=options.value,
            event_id=options.event_id,
            attributes=tuple(
                KeptAttribute(name, column, declared, kinds[name])
                for name, (column, declared) in options.attributes.items()
            ),
            timezone=options.timezone,
            time_unit=options.time_unit,
            on_bad_row=options.on_bad_row,
            duplicates=options.duplicates,
            exclude_events=options.exclude_events,
            plausible_years=options.plausible_years,
            has_identity=options.identity is not None,
            has_starts=options.starts is not None,
            integer_times=integer_times,
        )

    def options(
        self,
        *,
        identity: Any,
        starts: Any,
        observed_until: Any,
        quarantine: str | os.PathLike[str] | None,
        threads: int,
    ) -> ReadOptions:
        """Return the options for further rows.

        Raises
        ------
        ParameterError
            The log keeps no ids of events, or a table that it was read with is not given again.
        """
        if self.event_id is not None:
            raise ParameterError(
                "the log was read with event_id=, and keeps no ids by which further rows could be told apart",
                hint="read all inputs together, or read them without event_id=",
            )
        for keyword, was_given, given in (
            ("identity", self.has_identity, identity),
            ("starts", self.has_starts, starts),
        ):
            if was_given and given is None:
                raise ParameterError(
                    f"the log was read with {keyword}=, and does not keep that table",
                    hint=f"pass {keyword}= again, with what it held before and what is new",
                )
        if quarantine is not None and self.on_bad_row != "quarantine":
            raise ParameterError(
                "quarantine= names a file for bad rows, but the log was read so that bad rows raise an error",
                hint='read all inputs again with on_bad_row="quarantine"',
            )
        return ReadOptions(
            entity=self.entity,
            time=self.time,
            event=self.event,
            value=self.value,
            attributes={item.name: (item.column, item.declared) for item in self.attributes},
            timezone=self.timezone,
            time_unit=self.time_unit,
            event_id=None,
            identity=identity,
            observed_until=observed_until,
            starts=starts,
            on_bad_row=self.on_bad_row,
            quarantine=quarantine,
            duplicates=self.duplicates,
            exclude_events=self.exclude_events,
            plausible_years=self.plausible_years,
            threads=threads,
        )

    @property
    def kinds(self) -> dict[str, AttributeKind]:
        """How each attribute is kept; what nothing is known of is kept as text."""
        return {item.name: item.kind or "dictionary" for item in self.attributes}

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {
            **{name: getattr(self, name) for name in self.__dataclass_fields__},
            "attributes": [vars(item) for item in self.attributes],
            "exclude_events": list(self.exclude_events),
            "plausible_years": None if self.plausible_years is None else list(self.plausible_years),
            "integer_times": None if self.integer_times is None else list(self.integer_times),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """Rebuild from `to_dict`.

        Raises
        ------
        CorruptFileError
            The values do not have that form.
        """
        try:
            recipe = cls(**values)
            if (
                recipe.duplicates not in get_args(DuplicatePolicy)
                or recipe.on_bad_row not in get_args(BadRowPolicy)
                or recipe.time_unit not in (None, *TIME_UNITS)
            ):
                raise ValueError("no such option")
            return replace(
                recipe,
                attributes=tuple(KeptAttribute(**item) for item in values["attributes"]),
                exclude_events=tuple(values["exclude_events"]),
                plausible_years=_pair(values["plausible_years"]),
                integer_times=_pair(values["integer_times"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CorruptFileError("what the log remembers of its reading is damaged", hint="save it again") from error


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """What further rows meet: the log so far, as far as reading them depends on it.

    Attributes
    ----------
    has_rows
        Whether the earlier inputs had a good row (then they had every type of ``exclude_events``, too).
    last_event, declared_until
        The last event so far and the declared end of the log; None where there is none.
    entities
        The entities so far, in any number of arrays.
    """

    recipe: Recipe
    has_rows: bool
    last_event: int | None
    declared_until: int | None
    entities: tuple[ArrowArray, ...]

    @property
    def kinds(self) -> dict[str, AttributeKind]:
        """The kinds of the attributes that an earlier input has told."""
        return {item.name: item.kind for item in self.recipe.attributes if item.kind is not None}


def _pair(values: Any) -> tuple[int, int] | None:
    if values is None:
        return None
    low, high = values
    return int(low), int(high)
