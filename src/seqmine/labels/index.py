"""Index times: the moments in the lives of entities from which a study predicts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from seqmine import _native
from seqmine._text import Cursor, did_you_mean, parse_duration
from seqmine.errors import (
    InvalidOutcome,
    InvalidPattern,
    ParameterError,
    SchemaError,
    TimestampOutOfRange,
    TimestampUnparsable,
)
from seqmine.events.selectors import Selector, compile_selector, parse_selector
from seqmine.labels import _columns
from seqmine.labels._instants import Bool, Int64, later

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

At = str | date | datetime | Sequence[str | date | datetime] | Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ROLLING = re.compile(r"every\s+(\S+)\s+from\s+(\S+(?: \d\S*)?)\s+to\s+(\S+(?: \d\S*)?)")
_OFFSET = re.compile(r"\s*\+\s*([^\s+\")]+)\s*$")
_MINUS = re.compile(r"-\s*[0-9]+[A-Za-z]*\s*$")
_MAX_DATES = 100_000
_FORMS = (
    "write a date ('2017-10-01'), a list of dates, 'every 30d from 2017-01-01 to 2017-12-01', 'first(signup)', "
    "'nth(purchase, 2)', 'start + 14d', or pass a table with entity and index_time"
)


@dataclass(frozen=True)
class Point:
    """A written time: UTC microseconds, or wall clock in the log's zone when `naive`."""

    time: int
    naive: bool


@dataclass(frozen=True)
class FixedDates:
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Rolling:
    """``first``, ``first + every``, ... up to and including ``last``; steps are exact durations, not calendar days."""

    every: int
    first: Point
    last: Point


@dataclass(frozen=True)
class Anchored:
    """The n-th event of `selector` (None: the entity's start), plus `offset`."""

    selector: Selector | None
    n: int
    offset: int


@dataclass(frozen=True)
class IndexTable:
    table: pa.Table
    column: str


IndexSpec = FixedDates | Rolling | Anchored | IndexTable


class Candidates(NamedTuple):
    """Rows before eligibility, ordered by (entity, time), distinct.

    ``excluded`` counts what could not even become a row; ``beyond`` are rows whose index fits no int64.
    """

    entity: Int64
    time: Int64
    extras: dict[str, Any]
    excluded: dict[str, int]
    beyond: int


def parse_index(at: At) -> IndexSpec:
    """Reads ``Study.at``. Raises ParameterError, or a TimestampError for text that is no time."""
    if isinstance(at, str):
        text = at.strip()
        if text.startswith("every "):
            return _rolling(text)
        return FixedDates((point(text),)) if text[:1].isdigit() else _anchored(text)
    if isinstance(at, date):  # datetime is one too
        return FixedDates((point(at),))
    if _columns.is_table(at):
        return _index_table(at)
    if isinstance(at, Sequence) and not isinstance(at, (bytes, bytearray)):
        points = tuple(point(item) for item in at)
        if not points:
            raise ParameterError("at: the list of dates is empty", hint=_FORMS)
        if len(set(points)) != len(points):
            raise ParameterError("at: the same date is given twice", hint="give each date once")
        return FixedDates(points)
    raise ParameterError(f"at: cannot be a {type(at).__name__}", hint=_FORMS)


def point(value: object, name: str = "at") -> Point:
    """Reads one written date or time; `name` is the argument that errors speak of."""
    if isinstance(value, str):
        if re.search(r"[.,]\d{7}", value):
            raise TimestampOutOfRange(f"{name}: finer than a microsecond", hint="write at most six decimals")
        try:
            parsed = datetime.fromisoformat(value.strip())
        except ValueError:
            raise TimestampUnparsable(
                f"{name}: {value.strip()[:40]!r} is not a date or time in ISO form",
                hint="write 2017-10-01 or 2017-10-01T12:00:00+02:00",
            ) from None
    elif isinstance(value, datetime):
        # pandas.Timestamp is a datetime with digits that datetime arithmetic would drop in silence.
        if getattr(value, "nanosecond", 0):
            raise TimestampOutOfRange(f"{name}: finer than a microsecond", hint="round it to microseconds")
        parsed = value
    elif isinstance(value, date):
        parsed = datetime(value.year, value.month, value.day)
    else:
        raise ParameterError(f"{name}: a date must be text, date or datetime, not {type(value).__name__}", hint=_FORMS)
    naive = parsed.utcoffset() is None
    since = parsed.replace(tzinfo=UTC) - _EPOCH if naive else parsed - _EPOCH
    return Point(since // timedelta(microseconds=1), naive)


def _rolling(text: str) -> Rolling:
    match = _ROLLING.fullmatch(text)
    if match is None:
        raise ParameterError(
            f"at: cannot read '{text[:80]}'", hint="write it as in 'every 30d from 2017-01-01 to 2017-12-01'"
        )
    every = parse_duration(match[1], "at: every")
    if every == 0:
        raise ParameterError("at: 'every 0s' never gets on", hint="write a step such as 30d")
    return Rolling(every, point(match[2]), point(match[3]))


def _anchored(text: str) -> Anchored:
    suffix = _OFFSET.search(text)
    offset = parse_duration(suffix[1], "at: the offset") if suffix else 0
    anchor = text[: suffix.start()] if suffix else text
    if _OFFSET.search(anchor):
        raise ParameterError("at: an anchor takes one offset", hint="add them up, as in 'first(signup) + 14d'")
    try:
        selector, n = _anchor(Cursor(anchor, InvalidOutcome))
    except (InvalidOutcome, InvalidPattern) as error:
        if _MINUS.search(text):
            raise ParameterError(
                "at: an offset is + only; an index before its own anchor would know the future",
                hint="write 'first(signup) + 14d', or give the index times in a table",
            ) from None
        raise ParameterError(f"at: {error.message}", hint=error.hint or _FORMS) from None
    return Anchored(selector, n, offset)


def _anchor(cursor: Cursor) -> tuple[Selector | None, int]:
    word = cursor.peek()
    if cursor.accept_word("start"):
        cursor.expect_end()
        return None, 1
    kind = cursor.accept_word("first", "nth")
    if kind is None:
        near = did_you_mean(word.text, ("first", "nth", "start", "every")) if word.kind == "word" else None
        cursor.fail(
            f"expected a date, 'every', 'first', 'nth' or 'start', found {word}",
            hint=f"did you mean '{near}'?" if near else _FORMS,
        )
    cursor.expect("(", f"after '{kind.text}'")
    selector = parse_selector(cursor)
    n = 1
    if kind.text == "nth":
        cursor.expect(",", "and which one, as in nth(purchase, 2)")
        number = cursor.peek()
        if number.kind != "word" or not number.text.isdigit() or len(number.text) > 18 or int(number.text) == 0:
            cursor.fail(f"expected a whole number from 1, found {number}", hint="write nth(purchase, 2)")
        n = int(cursor.next().text)
    cursor.expect(")", f"to close '{kind.text}('")
    cursor.expect_end()
    return selector, n


def _index_table(at: object) -> IndexTable:
    table = _columns.as_table(at, "the index table")
    column = "time" if "time" in table.column_names and "index_time" not in table.column_names else "index_time"
    _columns.entity_ids(table, "the index table")
    _columns.take_column(table, column, "the index table")
    if "label" in table.column_names:
        raise SchemaError(
            "the index table has labels, but the labels of a study come from its outcome",
            column="label",
            hint="drop the column; or use sm.Labels.from_arrow(table) if these are the labels, "
            "sm.Outcome.from_table(table) if they are a known outcome",
        )
    return IndexTable(table, column)


def candidates(log: EventLog, spec: IndexSpec, threads: int) -> Candidates:
    """All (entity, index) pairs of a log, before eligibility."""
    if isinstance(spec, IndexTable):
        return _from_table(log, spec)
    if isinstance(spec, Anchored):
        return _from_anchor(log, spec, threads)
    dates = _utc_dates(log, spec)
    entity = np.repeat(np.arange(log.n_entities, dtype=np.int64), len(dates))
    return Candidates(entity, np.tile(dates, log.n_entities), {}, {}, 0)


def _utc_dates(log: EventLog, spec: FixedDates | Rolling) -> Int64:
    points = spec.points if isinstance(spec, FixedDates) else (spec.first, spec.last)
    time = np.array([point.time for point in points], dtype=np.int64)
    naive = np.array([point.naive for point in points], dtype=np.bool_)
    if naive.any():
        time[naive] = _columns.to_utc(time[naive], log.zone, lambda row: {"column": "at"})
    if isinstance(spec, FixedDates):
        dates = np.unique(time)
        if len(dates) != len(time):
            raise ParameterError("at: two of the dates are the same instant", hint="give each date once")
        return dates
    first, last = int(time[0]), int(time[1])
    if last < first:
        raise ParameterError("at: 'to' lies before 'from'", hint="swap the two dates")
    n_dates = (last - first) // spec.every + 1
    if n_dates > _MAX_DATES:
        raise ParameterError(f"at: {n_dates:,} index dates; at most {_MAX_DATES:,} are made", hint="widen the step")
    return first + np.arange(n_dates, dtype=np.int64) * np.int64(spec.every)


def _from_anchor(log: EventLog, spec: Anchored, threads: int) -> Candidates:
    entity = np.arange(log.n_entities, dtype=np.int64)
    excluded: dict[str, int] = {}
    if spec.selector is None:
        time = np.asarray(log.start_times, dtype=np.int64)
    else:
        try:
            predicate = compile_selector(log, spec.selector)
        except InvalidPattern as error:
            raise ParameterError(f"at: {error.message}", hint=error.hint) from None
        time, found = _native.nth_event_time(log.native, predicate, spec.n, threads)
        there = found.astype(np.bool_)
        excluded["no_index"] = int(np.count_nonzero(~there))
        entity, time = entity[there], time[there]
    moved = later(time, spec.offset)
    return Candidates(entity[moved.fits], moved.time[moved.fits], {}, excluded, int(np.count_nonzero(~moved.fits)))


def _from_table(log: EventLog, spec: IndexTable) -> Candidates:
    what = "the index table"
    ids = _columns.entity_ids(spec.table, what)
    time = _columns.instants(spec.table, spec.column, what, log.zone)
    code, _ = _columns.encode(ids)
    by_name: Int64 = np.lexsort((time, code))
    _columns.refuse_repeats(code[by_name], time[by_name], by_name)
    entity = np.asarray(log.entity_index(ids), dtype=np.int64)
    known: Bool = entity >= 0
    row = np.flatnonzero(known)
    order = row[np.lexsort((time[row], entity[row]))]
    own = {"entity", "index_time", spec.column}
    extras = {
        name: _columns.take(spec.table.column(name), order) for name in spec.table.column_names if name not in own
    }
    return Candidates(entity[order], time[order], extras, {"unknown_entity": int(np.count_nonzero(~known))}, 0)
