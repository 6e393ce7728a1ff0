"""Logs that grow: the rows of each append as sorted columns of their own, merged when somebody looks at the log."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from seqmine import _native
from seqmine.errors import CorruptFileError, OutputExists, ParameterError, SeqmineError
from seqmine.events.columns import AttributeKind, string_column
from seqmine.events.data import AttributeColumn, LogData, names_array, native_attributes
from seqmine.events.ingest import ingest
from seqmine.events.native import native_log
from seqmine.events.recipe import Earlier, Recipe
from seqmine.events.sources import Source, arrow_source, open_paths

__all__ = ["Parts", "batch_sources", "read_on"]

# What hints name and an append does not take: the log has it from its reading.
_READ_KEYWORD: Final = re.compile(
    r"\b(?:entity|time|event|value|attributes(?::\w+)?|timezone|time_unit|plausible_years|on_bad_row|duplicates)="
)


class Parts:
    """A log as the columns of its first reading and of every append since.

    ``whole`` merges them once; it is safe to call from several threads.
    """

    def __init__(self, base: LogData, segments: Sequence[LogData] = ()) -> None:
        self._base = base
        self._segments = tuple(segments)
        self._lock = threading.Lock()

    @property
    def timezone(self) -> str:
        """The zone of weekdays and hours."""
        return self._base.timezone

    @property
    def declared_until(self) -> int | None:
        """The declared end of the log: that of the latest append."""
        return self._all()[-1].declared_until

    @property
    def recipe(self) -> Recipe | None:
        """How the rows were read; None when the log does not know."""
        return self._all()[-1].recipe

    def plus(self, segment: LogData) -> Parts:
        """Return the log with one more append."""
        base, *segments = self._all()
        return Parts(base, (*segments, segment))

    def earlier(self) -> Earlier:
        """Return what further rows have to know of the log.

        Raises
        ------
        ParameterError
            The log does not know how it was read.
        """
        parts = self._all()
        recipe = parts[-1].recipe
        if recipe is None:
            raise ParameterError(
                "rows cannot be appended: the log holds derived events, or was saved before logs kept their options",
                hint="append to the log without the derived events and add these again, or read all inputs together",
            )
        counts = [part.accounting for part in parts]
        return Earlier(
            recipe=recipe,
            has_rows=any(count.used + count.duplicates + count.filtered for count in counts),
            last_event=max((part.last_event for part in parts if part.last_event is not None), default=None),
            declared_until=parts[-1].declared_until,
            entities=tuple(part.entities for part in parts),
        )

    def whole(self, threads: int = 0) -> LogData:
        """Return the columns of all rows: those that reading all inputs together gives."""
        with self._lock:
            if self._segments:
                # The parts go as soon as they are merged, or every log would be in memory twice.
                self._base, self._segments = _merged(self._base, self._segments, threads), ()
            return self._base

    def _all(self) -> tuple[LogData, ...]:
        with self._lock:
            return (self._base, *self._segments)


def batch_sources(data: Any, format: str | None, max_expansion: float) -> list[Source]:
    """Return the sources behind a path, a list of paths, or a table."""
    listed = isinstance(data, (list, tuple)) and all(isinstance(item, (str, os.PathLike)) for item in data)
    if isinstance(data, (str, os.PathLike)) or (listed and data):
        return open_paths(data, format, max_expansion)
    if format is not None:
        raise ParameterError("format= is for files, and a table came", hint="leave it out")
    return [arrow_source(data)]


def read_on(
    parts: Parts,
    sources: Sequence[Source],
    *,
    observed_until: Any,
    identity: Any,
    starts: Any,
    quarantine: str | os.PathLike[str] | None,
    threads: int,
) -> tuple[LogData, Any]:
    """Read the rows of one append just as they would be read after those of the log.

    Returns
    -------
    segment
        Their columns. Recipe and ``declared_until`` are those of the whole log.
    quarantined
        As `ingest`.
    """
    earlier = parts.earlier()
    options = earlier.recipe.options(
        identity=identity, starts=starts, observed_until=observed_until, quarantine=quarantine, threads=threads
    )
    try:
        segment, quarantined = ingest(sources, options, earlier=earlier)
    except OutputExists as error:
        error.hint = "name another file for the bad rows"  # an append replaces no file
        raise
    except SeqmineError as error:
        if error.hint is not None and _READ_KEYWORD.search(error.hint):
            error.hint = (
                f"change the rows, as an append reads what the log reads; or read all inputs anew: {error.hint}"
            )
        raise
    return replace(segment, timezone=parts.timezone), quarantined


def _merged(base: LogData, segments: Sequence[LogData], threads: int) -> LogData:
    """Merge neighbours round by round and what comes of it with the base: its columns are moved only once."""
    last = segments[-1]
    assert last.recipe is not None
    kinds = last.recipe.kinds
    parts = list(segments)
    while len(parts) > 1:
        pairs = [parts[i : i + 2] for i in range(0, len(parts), 2)]
        parts = [_merge(pair[0], pair[1], kinds, threads) if len(pair) == 2 else pair[0] for pair in pairs]
    whole = _merge(base, parts[0], kinds, threads)
    if last.joining_starts is None:
        return whole
    starts, unmatched = last.joining_starts.of(whole.entities)
    accounting = replace(whole.accounting, starts_unmatched=int(unmatched.sum()))
    return replace(whole, declared_start=starts, accounting=accounting)


def _merge(first: LogData, second: LogData, kinds: dict[str, AttributeKind], threads: int) -> LogData:
    first, second = _aligned(first, kinds), _aligned(second, kinds)
    assert second.recipe is not None
    policy = second.recipe.duplicates
    done = _native.merge_logs(native_log(first), *_names(first), native_log(second), *_names(second), policy, threads)
    seen = first.accounting.exact_duplicates_seen + second.accounting.exact_duplicates_seen
    accounting = first.accounting.plus(
        second.accounting,
        used=len(done["time"]),
        dropped=done["n_dropped_duplicates"],
        exact_duplicates_seen=seen + done["n_duplicates_seen"],
    )
    return LogData(
        entity_offsets=done["entity_offsets"],
        time=done["time"],
        code=done["code"],
        value=done["value"],
        attributes=native_attributes(kinds, done),
        entities=names_array(done["entity_names"]),
        event_types=tuple(names_array(done["event_names"]).to_pylist()),
        timezone=first.timezone,
        declared_until=second.declared_until,
        declared_start=None,
        accounting=accounting,
        recipe=second.recipe,
    )


def _names(data: LogData) -> tuple[_native.StringColumn, _native.StringColumn, list[_native.StringColumn]]:
    dictionaries = [string_column(column.names) for column in data.attributes.values() if column.kind == "dictionary"]
    return string_column(data.entities), string_column(data.type_names), dictionaries


def _aligned(data: LogData, kinds: dict[str, AttributeKind]) -> LogData:
    """Keep as numbers what was kept as text while it held nothing but nulls, and later turned out to be numbers."""
    changed = [column for name, column in data.attributes.items() if column.kind != kinds[name]]
    if not changed:
        return data
    if any(column.kind == "number" or len(column.names) for column in changed):
        raise CorruptFileError(
            "an attribute is text in one part of the log and a number in another",
            file=data.origin,
            hint="copy the log again, or ingest the events again",
        )
    attributes = {
        name: column
        if column.kind == kinds[name]
        else AttributeColumn("number", numbers=np.full(data.n_events, np.nan))
        for name, column in data.attributes.items()
    }
    return replace(data, attributes=attributes)
