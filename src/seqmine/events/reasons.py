"""Why a row cannot be used: one number, name, error class and next step for each reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from seqmine.errors import (
    DataError,
    EncodingError,
    InputLimitError,
    NullKeyError,
    SchemaError,
    TimestampAmbiguous,
    TimestampNonexistent,
    TimestampOutOfRange,
    TimestampUnparsable,
    ValueRangeError,
)

__all__ = ["REASONS", "Reason"]


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One reason. ``number`` is what the row flags of the native ingest carry; below 10 it is the core's own."""

    number: int
    name: str
    error: type[DataError]
    message: str
    hint: str


_QUARANTINE = 'or set such rows aside with on_bad_row="quarantine"'

NULL_ENTITY: Final = Reason(
    number=1,
    name="null_entity",
    error=NullKeyError,
    message="the entity is null",
    hint=f"give every event an entity, {_QUARANTINE}",
)
EMPTY_ENTITY: Final = Reason(
    number=2,
    name="empty_entity",
    error=NullKeyError,
    message="the entity is an empty text",
    hint=f"give every event an entity, {_QUARANTINE}",
)
NULL_EVENT: Final = Reason(
    number=3,
    name="null_event",
    error=NullKeyError,
    message="the event is null",
    hint=f"give every row an event type, {_QUARANTINE}",
)
EMPTY_EVENT: Final = Reason(
    number=4,
    name="empty_event",
    error=NullKeyError,
    message="the event is an empty text",
    hint=f"give every row an event type, {_QUARANTINE}",
)
NULL_TIME: Final = Reason(
    number=10,
    name="null_time",
    error=NullKeyError,
    message="the time is null",
    hint=f"give every event a time, {_QUARANTINE}",
)
TIME_UNPARSABLE: Final = Reason(
    number=11,
    name="unparsable_time",
    error=TimestampUnparsable,
    message="the text is no time",
    hint=f"write ISO 8601 such as 2026-03-01T09:30:00+01:00 (00:00 to 23:59:59), {_QUARANTINE}",
)
TIME_OUT_OF_RANGE: Final = Reason(
    number=12,
    name="time_out_of_range",
    error=TimestampOutOfRange,
    message="the time does not fit signed 64-bit UTC microseconds",
    hint=f"correct the time or its unit, {_QUARANTINE}",
)
TIME_LOSES_DIGITS: Final = Reason(
    number=13,
    name="time_loses_digits",
    error=TimestampOutOfRange,
    message="the time has digits below one microsecond",
    hint=f"round the times to microseconds first, {_QUARANTINE}",
)
TIME_AMBIGUOUS: Final = Reason(
    number=14,
    name="ambiguous_time",
    error=TimestampAmbiguous,
    message="the clocks go back here, so this local time happens twice",
    hint=f"write the time with its UTC offset, {_QUARANTINE}",
)
TIME_NONEXISTENT: Final = Reason(
    number=15,
    name="nonexistent_time",
    error=TimestampNonexistent,
    message="the clocks go forward here, so this local time never happens",
    hint=f"check the zone, write the time with its UTC offset, {_QUARANTINE}",
)
INTEGER_UNPARSABLE: Final = Reason(
    number=16,
    name="unparsable_time",
    error=TimestampUnparsable,
    message="the text is no whole number, but time_unit= declares integer times",
    hint=f"drop time_unit= for ISO 8601 text, {_QUARANTINE}",
)
VALUE_NOT_FINITE: Final = Reason(
    number=20,
    name="value_not_finite",
    error=ValueRangeError,
    message="the number is NaN or infinite",
    hint=f"use null where there is no number, {_QUARANTINE}",
)
VALUE_UNPARSABLE: Final = Reason(
    number=21,
    name="unparsable_value",
    error=ValueRangeError,
    message="the text is no number",
    hint=f"write numbers like 12.5 or -3e4, {_QUARANTINE}",
)
VALUE_INEXACT: Final = Reason(
    number=22,
    name="value_inexact",
    error=ValueRangeError,
    message="the number is beyond 2^53 and would lose digits as a 64-bit float",
    hint=f"keep it as text, or convert it to a float where rounding is meant, {_QUARANTINE}",
)
DURATION_NEGATIVE: Final = Reason(
    number=23,
    name="negative_duration",
    error=ValueRangeError,
    message="the duration is negative",
    hint=f"a duration is a number of at least 0; use null where it is not known, {_QUARANTINE}",
)
BAD_ENCODING: Final = Reason(
    number=30,
    name="bad_encoding",
    error=EncodingError,
    message="the text is not UTF-8",
    hint="convert the file to UTF-8",
)
NUL_CHARACTER: Final = Reason(
    number=31,
    name="nul_character",
    error=EncodingError,
    message="the text holds a NUL character",
    hint=f"remove it or convert the file to UTF-8, {_QUARANTINE}",
)
FIELD_TOO_LONG: Final = Reason(
    number=32,
    name="field_too_long",
    error=InputLimitError,
    message="the text is longer than 1 MiB",
    hint=f"names and attributes are short texts; check the column, {_QUARANTINE}",
)
NULL_EVENT_ID: Final = Reason(
    number=40,
    name="null_event_id",
    error=NullKeyError,
    message='the event id is null or empty, but duplicates="id" tells events apart by it',
    hint=f'give every event an id, use duplicates="exact", {_QUARANTINE}',
)
RAGGED_ROW: Final = Reason(
    number=41,
    name="ragged_row",
    error=SchemaError,
    message="the row has another number of fields than the header",
    hint=f"quote fields that hold a comma, {_QUARANTINE}",
)

REASONS: Final = {
    reason.number: reason
    for reason in (
        NULL_ENTITY,
        EMPTY_ENTITY,
        NULL_EVENT,
        EMPTY_EVENT,
        NULL_TIME,
        TIME_UNPARSABLE,
        TIME_OUT_OF_RANGE,
        TIME_LOSES_DIGITS,
        TIME_AMBIGUOUS,
        TIME_NONEXISTENT,
        INTEGER_UNPARSABLE,
        VALUE_NOT_FINITE,
        VALUE_UNPARSABLE,
        VALUE_INEXACT,
        DURATION_NEGATIVE,
        BAD_ENCODING,
        NUL_CHARACTER,
        FIELD_TOO_LONG,
        NULL_EVENT_ID,
        RAGGED_ROW,
    )
}
