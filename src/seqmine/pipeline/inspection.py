"""A first look at an event file or a saved log: which columns mean what, and what the log is like."""

from __future__ import annotations

import contextlib
import itertools
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqmine._text import join_names
from seqmine.errors import SchemaError, SeqmineError
from seqmine.pipeline.config import LogSection, parse_log
from seqmine.pipeline.source import is_saved_log, open_log
from seqmine.pipeline.summary import instant

if TYPE_CHECKING:
    from seqmine.events.accounting import Accounting
    from seqmine.events.log import EventLog

__all__ = ["Inspection", "guess_columns", "inspect_columns", "inspect_source"]

# The usual names of each column, the likeliest first; compared without case and punctuation.
_NAMES = {
    "entity": "entity entityid customerid userid customer user accountid clientid householdid memberid personid "
    "distinctid patientid caseid caseconceptname contactid subscriberid visitorid userpseudoid idstudent studentid "
    "anonymousid sessionid account client household member person patient case who id",
    "time": "time timestamp ts eventtime eventtimestamp datetime occurredat timetimestamp createdat originaltimestamp "
    "derivedtstamp transactiontimestamp receivedat sentat day date created when at",
    "event": "event eventtype eventname type action activity conceptname activityname name eventcode code what",
    "value": "value amount revenue price total salesvalue sum cost quantity score",
}
_SAMPLE_ROWS = 4_096
_TOP = 15
_EXAMPLES = 5
_ISO = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?"
_NUMBER = r"^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$"
_OFFSET = r"[T ]\d{2}.*(Z|[+-]\d{2}(:?\d{2})?)$"  # a date alone ends in what looks like one
# Whole numbers that mean a time since 1970 lie in these ranges for the years 1990 to 2100.
_UNITS = {"s": (631_152_000, 4_102_444_800)}
_UNITS |= {
    unit: (_UNITS["s"][0] * factor, _UNITS["s"][1] * factor)
    for unit, factor in (("ms", 10**3), ("us", 10**6), ("ns", 10**9))
}


@dataclass(frozen=True)
class Inspection:
    """What a first look shows; plain values.

    Attributes
    ----------
    source
        As given.
    columns
        ``name``, ``type``, ``role`` (the keyword that the column would be given to, or None) of every column.
    section
        The mapping that was used: guessed, with what was given in place of guesses.
    notes
        What was assumed, and what deserves a look.
    log
        Counts, time range, ties, events of an entity.
    event_types
        ``event``, ``n_events``, ``share`` of the commonest types.
    """

    source: str
    columns: tuple[Mapping[str, Any], ...]
    section: LogSection
    notes: tuple[str, ...]
    log: Mapping[str, Any]
    event_types: tuple[Mapping[str, Any], ...]

    def command(self) -> str:
        """Return the command line that ingests this source, ready for a shell."""
        if is_saved_log(self.source):
            return f"seqmine find {shlex.quote(self.source)} PATTERN"
        words = [
            "seqmine",
            "ingest",
            self.source,
            "--output",
            f"{Path(self.source).name.split('.')[0] or 'events'}.log",
        ]
        for name, value in self._mapping().items():
            words += [f"--{name.replace('_', '-')}", join_names(value) if isinstance(value, list) else str(value)]
        return " ".join(shlex.quote(word) for word in words)

    def toml(self) -> str:
        """Return the ``[log]`` section of a configuration file."""
        import tomlkit

        table = tomlkit.table()
        for name, value in {"path": self.source, **self._mapping()}.items():
            table.add(name, value)
        document = tomlkit.document()
        document.add("log", table)
        return tomlkit.dumps(document)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return {
            "source": self.source,
            "columns": [dict(column) for column in self.columns],
            "mapping": self._mapping(),
            "notes": list(self.notes),
            "log": dict(self.log),
            "event_types": [dict(row) for row in self.event_types],
            "command": self.command(),
        }

    def _mapping(self) -> dict[str, Any]:
        return self.section.model_dump(exclude={"path"}, exclude_defaults=True)


def inspect_source(source: str, given: Mapping[str, Any], *, threads: int = 0) -> Inspection:
    """Look at ``source``; ``given`` are keys of the log section that need no guess.

    Raises
    ------
    SchemaError
        No column looks like the entity, the time or the event; the hint lists the columns.
    """
    columns: list[dict[str, Any]] = []
    notes = ["a saved log: its columns are chosen already"]
    if is_saved_log(source):
        section = parse_log({"path": source})
    else:
        section, columns, notes = _mapped(source, dict(given))
    log = open_log(section, threads=threads)
    described = _describe(log)
    accounting = log.accounting
    saved = is_saved_log(source)
    if accounting.quarantined:
        share = accounting.quarantined / accounting.rows_in
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in accounting.reasons.items())
        said = "were set aside when the log was saved" if saved else "cannot be used"
        todo = "" if saved else ": correct them, or add --on-bad-row quarantine"
        rows = f"{accounting.quarantined:,} of {accounting.rows_in:,} rows ({share:.1%})"
        notes.append(f"{rows} {said} ({reasons}; for example {_examples(accounting)}){todo}")
    if accounting.exact_duplicates_seen and accounting.duplicate_policy == "none":
        todo = "to leave them out, ingest the files again with" if saved else "see"
        notes.append(f"{accounting.exact_duplicates_seen:,} rows repeat another one exactly: {todo} --duplicates exact")
    return Inspection(
        source,
        tuple(columns),
        section.model_copy(update={"on_bad_row": given.get("on_bad_row", "error")}),
        tuple(notes),
        described,
        tuple(_event_types(log)),
    )


def inspect_columns(source: str, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what can be said of the columns of a file that cannot be read as a log; nothing where that fails too."""
    with contextlib.suppress(SeqmineError):
        return [] if is_saved_log(source) else _mapped(source, dict(given))[1]
    return []


def _examples(accounting: Accounting) -> str:
    places = sorted(
        {place for found in accounting.examples.values() for place in found},
        key=lambda place: (place[0] or "", place[1]),
    )
    files = {file for file, _ in places}
    shown = [f"row {row}" if len(files) == 1 else f"row {row} of {file}" for file, row in places[:_EXAMPLES]]
    return ", ".join(shown)


def guess_columns(schema: pa.Schema) -> dict[str, str]:
    """Return the likeliest column for entity, time, event and value, by name; what no name tells is left out."""
    plain = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in reversed(schema.names)}
    found: dict[str, str] = {}
    for role, names in _NAMES.items():
        for name in names.split():
            if name in plain and plain[name] not in found.values():
                found[role] = plain[name]
                break
    return found


def _mapped(source: str, given: dict[str, Any]) -> tuple[LogSection, list[dict[str, Any]], list[str]]:
    from seqmine.events.sources import open_paths

    first = open_paths(source, given.get("format"), given.get("max_expansion", 200.0), warn=False)[0]
    schema = first.schema()
    chunks: Any = first.chunks(schema.names)
    with contextlib.closing(chunks):
        chunk = next(chunks, None)
    roles = guess_columns(schema) | {role: given[role] for role in _NAMES if given.get(role)}
    for role in ("entity", "time", "event"):
        if role not in roles:
            raise SchemaError(
                f"no column looks like the {role}",
                file=source,
                hint=f"name it with --{role}; the columns are {', '.join(schema.names[:30])}",
            )
    sample = pa.table({}) if chunk is None else _decoded(chunk.batch.slice(0, _SAMPLE_ROWS))
    types = {
        name: _type_of(sample, field, first.is_text, is_time=name == roles["time"])
        for name, field in zip(schema.names, schema, strict=True)
    }
    if "value" in roles and "value" not in given and types[roles["value"]] != "number":
        del roles["value"]
    notes: list[str] = []
    keys = {"path": source, "on_bad_row": "quarantine", **given, **roles}
    taken = set(roles.values()) | {given.get("event_id"), given.get("duration")}
    if "attributes" not in given:
        keys["attributes"] = [name for name in schema.names if name not in taken and types[name] in {"text", "number"}]
    keys |= _time_keys(sample, roles["time"], types[roles["time"]], given, notes)
    by_column = {column: role for role, column in roles.items()}
    by_column |= dict.fromkeys(keys["attributes"], "attribute")
    columns = [{"name": name, "type": types[name], "role": by_column.get(name)} for name in schema.names]
    return parse_log(keys), columns, notes


def _decoded(batch: pa.RecordBatch) -> Any:
    """Return the batch as a table, its bytes as text where they are UTF-8."""
    columns = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        columns[name] = column
        if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
            with contextlib.suppress(pa.ArrowInvalid):
                columns[name] = column.cast(pa.large_string())
    return pa.table(columns)


def _type_of(sample: Any, field: Any, is_text: bool, *, is_time: bool) -> str:
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "time"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_boolean(kind):
        return "boolean"
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or is_text):
        return str(kind)
    if not is_text or field.name not in sample.column_names:
        return "text"
    # CSV: look at the text itself.
    values: Any = sample[field.name]
    if pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
        return "text"  # not UTF-8: reading will say where
    filled: Any = values.filter(pc.not_equal(pc.utf8_trim_whitespace(values), pa.scalar("", values.type))).drop_null()
    if len(filled) == 0:
        return "text"
    for kind, pattern in (("time", _ISO), ("number", _NUMBER)):
        n_fitting = pc.sum(pc.match_substring_regex(filled, pattern)).as_py()
        # A few odd times are bad rows of a column of times. Elsewhere one odd field makes a column text.
        if n_fitting == len(filled) or (is_time and 2 * n_fitting > len(filled)):
            return kind
    return "text"


def _time_keys(sample: Any, column: str, kind: str, given: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    if column not in sample.column_names or sample.num_rows == 0:
        return {}
    values: Any = sample[column]
    if kind == "number" and "time_unit" not in given:
        if not pa.types.is_integer(values.type) and not pa.types.is_floating(values.type):
            values = values.cast(pa.large_string())
            values = values.filter(pc.match_substring_regex(values, _NUMBER).fill_null(False))
        numbers: Any = pc.min_max(values.cast(pa.float64())).as_py()
        for unit, (low, high) in _UNITS.items():
            if numbers["min"] is not None and low <= numbers["min"] and numbers["max"] <= high:
                notes.append(f"the numbers of {column} fit {unit} since 1970: check that they are")
                return {"time_unit": unit}
        notes.append(f"the numbers of {column} fit no unit since 1970: give --time-unit")
    if kind == "time" and "timezone" not in given and not _has_zone(values):
        notes.append(f"the times of {column} carry no zone: UTC is assumed, give --timezone when that is wrong")
        return {"timezone": "UTC"}
    return {}


def _has_zone(values: Any) -> bool:
    kind = values.type
    if pa.types.is_timestamp(kind):
        return kind.tz is not None
    if pa.types.is_date(kind):
        return False
    return bool(pc.any(pc.match_substring_regex(values, _OFFSET)).as_py())


def _describe(log: EventLog) -> dict[str, Any]:
    described: dict[str, Any] = {
        "n_events": log.n_events,
        "n_entities": log.n_entities,
        "n_event_types": len(log.event_types),
    }
    if log.n_events == 0:
        return described
    time = np.asarray(log.time)
    per_entity = np.diff(np.asarray(log.entity_offsets))
    return described | {
        "first_time": instant(int(time.min())),
        "last_time": instant(int(time.max())),
        "observed_until": instant(int(log.observed_until)),
        "timezone": log.timezone,
        "ties_share": round(_ties(time, np.asarray(log.entity_offsets)) / log.n_events, 4),
        "events_per_entity_median": float(np.median(per_entity)),
        "events_per_entity_max": int(per_entity.max()),
        "attributes": list(log.attribute_names),
    }


def _ties(time: Any, offsets: Any) -> int:
    """Events that share entity and time with another one, whose order therefore means nothing."""
    with_next = np.zeros(len(time), bool)
    with_next[:-1] = time[1:] == time[:-1]
    with_next[offsets[1:][offsets[1:] > 0] - 1] = False  # the next event is another entity's
    with_previous = np.zeros(len(time), bool)
    with_previous[1:] = with_next[:-1]
    return int(np.count_nonzero(with_next | with_previous))


def _event_types(log: EventLog) -> Sequence[dict[str, Any]]:
    counts = np.bincount(np.asarray(log.code), minlength=len(log.event_types))
    order = np.lexsort((np.arange(len(counts)), -counts))
    return [
        {
            "event": log.event_types[code],
            "n_events": int(counts[code]),
            "share": round(int(counts[code]) / log.n_events, 4),
        }
        for code in itertools.islice(order.tolist(), _TOP)
        if counts[code]
    ]
