"""What became of every input row."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, Literal

from seqmine.errors import CorruptFileError, InternalError

__all__ = ["MAX_EXAMPLES", "Accounting", "DuplicatePolicy"]

DuplicatePolicy = Literal["none", "exact", "id"]
MAX_EXAMPLES: Final = 5
_COUNTS: Final = ("rows_in", "used", "duplicates", "filtered", "quarantined")


@dataclass(frozen=True, kw_only=True)
class Accounting:
    """Row counts of one ingest; ``rows_in = used + duplicates + filtered + quarantined`` always holds.

    Attributes
    ----------
    rows_in
        Rows read, header lines not counted.
    used
        Events in the log.
    duplicates
        Rows left out under the duplicates policy.
    filtered
        Rows of the event types in ``exclude_events``.
    quarantined
        Rows that could not be used and were set aside.
    reasons
        Quarantined rows by reason, in the order of the reasons' names.
    examples
        Up to five ``(file, row)`` for each reason; rows are 0-based data rows, the file is None for tables.
    duplicate_policy
        ``"none"``, ``"exact"`` or ``"id"``.
    exact_duplicates_seen
        Rows beyond the first of each set of equal rows, whether or not they were left out.
    id_duplicates_seen
        Rows beyond the first of each set with one event id; None when no event id was given.
    starts_unmatched
        Declared starts of entities without any event; they are not part of the log.
    """

    rows_in: int
    used: int
    duplicates: int = 0
    filtered: int = 0
    quarantined: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, tuple[tuple[str | None, int], ...]] = field(default_factory=dict)
    duplicate_policy: DuplicatePolicy = "none"
    exact_duplicates_seen: int = 0
    id_duplicates_seen: int | None = None
    starts_unmatched: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "reasons", MappingProxyType(dict(sorted(self.reasons.items()))))
        object.__setattr__(self, "examples", MappingProxyType(dict(sorted(self.examples.items()))))
        if self.rows_in != self.used + self.duplicates + self.filtered + self.quarantined:
            raise InternalError(
                f"rows do not add up: {self.rows_in} in, {self.used} used, {self.duplicates} duplicates, "
                f"{self.filtered} filtered, {self.quarantined} quarantined"
            )

    def plus(self, other: Accounting, *, used: int, dropped: int = 0, exact_duplicates_seen: int) -> Accounting:
        """Return the counts of two inputs together; ``dropped`` rows of one stood in the other as well."""
        names = {*self.reasons, *other.reasons}
        return replace(
            self,
            rows_in=self.rows_in + other.rows_in,
            used=used,
            duplicates=self.duplicates + other.duplicates + dropped,
            filtered=self.filtered + other.filtered,
            quarantined=self.quarantined + other.quarantined,
            reasons={name: self.reasons.get(name, 0) + other.reasons.get(name, 0) for name in names},
            examples={
                name: (*self.examples.get(name, ()), *other.examples.get(name, ()))[:MAX_EXAMPLES] for name in names
            },
            exact_duplicates_seen=exact_duplicates_seen,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return (Accounting.from_dict, (self.to_dict(),))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {
            **{name: getattr(self, name) for name in _COUNTS},
            "reasons": dict(self.reasons),
            "examples": {
                name: [{"file": file, "row": row} for file, row in places] for name, places in self.examples.items()
            },
            "duplicate_policy": self.duplicate_policy,
            "exact_duplicates_seen": self.exact_duplicates_seen,
            "id_duplicates_seen": self.id_duplicates_seen,
            "starts_unmatched": self.starts_unmatched,
        }

    def named_counts(self) -> list[tuple[str, int]]:
        """Return every count under a name for people."""
        rows = [(name, getattr(self, name)) for name in _COUNTS]
        rows += [(f"quarantined: {reason}", count) for reason, count in self.reasons.items()]
        return [*rows, ("exact duplicates seen", self.exact_duplicates_seen)]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Accounting:
        """Rebuild from `to_dict`.

        Raises
        ------
        CorruptFileError
            The values do not have that form.
        """
        try:
            examples = {
                name: tuple((place["file"], int(place["row"])) for place in places)
                for name, places in values["examples"].items()
            }
            return cls(**{**values, "examples": examples})
        except (KeyError, TypeError, ValueError, AttributeError, InternalError) as error:
            raise CorruptFileError("the accounting is damaged", hint="save the log again") from error

    def __str__(self) -> str:
        parts = [f"{self.rows_in:,} rows in", f"{self.used:,} used"]
        parts += [f"{getattr(self, name):,} {name}" for name in _COUNTS[2:] if getattr(self, name)]
        parts += [f"{count:,} {name}" for name, count in self.reasons.items()]
        return ", ".join(parts)

    def _repr_html_(self) -> str:
        rows = self.named_counts()[:-1]
        cells = "".join(f"<tr><td>{html.escape(name)}</td><td>{count:,}</td></tr>" for name, count in rows)
        return f"<table>{cells}</table>"
