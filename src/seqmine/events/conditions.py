"""One condition on an event: ``value>=50``, ``weekday=Mon..Fri``, ``hour=9..17``, ``channel!="mobile app"``.

Weekday and hour are those of the log's declared time zone. ``weekday=Mon..Fri`` includes both ends,
``hour=9..17`` is half open, both wrap (``Sat..Mon``, ``22..6``). A null value or attribute fails every condition.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from seqmine._text import (
    RESERVED_WORDS,
    Cursor,
    Token,
    did_you_mean,
    holds_digits,
    is_number,
    is_word,
    lost_digits,
    quote_name,
    quote_text,
    shorten,
)
from seqmine.errors import InvalidPattern

__all__ = ["FIELDS", "OPERATORS", "WEEKDAYS", "Condition", "Operand", "check_name", "operand_text", "parse_condition"]

OPERATORS = {"=": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
FIELDS = ("value", "weekday", "hour")
"""What every event has, beside its attributes."""

_WEEKDAY_NAMES = {
    "monday": "Mon", "tuesday": "Tue", "tues": "Tue", "wednesday": "Wed", "thursday": "Thu", "thur": "Thu",
    "thurs": "Thu", "friday": "Fri", "saturday": "Sat", "sunday": "Sun",
}  # fmt: skip
_NOT_OPERATORS = {"==": "=", "=>": ">=", "=<": "<=", "<>": "!="}

Operand = str | float | tuple[str, str] | tuple[int, int]


@dataclass(frozen=True)
class Condition:
    """One condition on an event.

    Parameters
    ----------
    field
        ``value``, ``weekday``, ``hour``, or the name of an attribute.
    op
        One of ``= != < <= > >=``; text, weekday and hour take ``=`` and ``!=`` only.
    operand
        A number; a text; for weekday the first and last day (``("Mon", "Fri")``, or one name); for hour the
        half open range (``(9, 12)``, or one hour).
    attribute
        True for an attribute, False for a reserved field. By default what the name says; only an attribute
        that is itself called ``value``, ``weekday`` or ``hour`` needs it.

    Raises
    ------
    InvalidPattern
        For an operator or operand that the field does not take.
    """

    field: str
    op: str
    operand: Operand
    attribute: bool | None = None

    def __post_init__(self) -> None:
        check_name(self.field, "attribute name")
        if self.attribute is None:
            object.__setattr__(self, "attribute", self.field not in FIELDS)
        elif not self.attribute and self.field not in FIELDS:
            raise InvalidPattern(f"'{shorten(self.field)}' is no field of every event; fields are value, weekday, hour")
        if self.op not in OPERATORS:
            raise InvalidPattern(f"'{self.op}' is no comparison", hint="use one of = != < <= > >=")
        object.__setattr__(self, "operand", self._checked_operand())

    def _checked_operand(self) -> Operand:
        field = "" if self.attribute else self.field
        if field in ("weekday", "hour"):
            if self.op not in ("=", "!="):
                raise InvalidPattern(f"{field} takes = and != only, not {self.op}", hint="write a range: hour=9..17")
            return _weekdays(self.operand) if field == "weekday" else _hours(self.operand)
        if isinstance(self.operand, str):
            _check_text(self.operand, "text")
            if field == "value":
                raise InvalidPattern(
                    f"value is compared with a number, not with the text {quote_text(shorten(self.operand))}"
                )
            if self.op not in ("=", "!="):
                hint = "leave out the quotes to compare with a number" if is_number(self.operand) else None
                raise InvalidPattern(f"text takes = and != only, not {self.op}", hint=hint)
            return self.operand
        if isinstance(self.operand, bool) or not isinstance(self.operand, (int, float)):
            raise InvalidPattern(f"'{shorten(self.field)}' is compared with a number or a text")
        try:
            number = float(self.operand)
        except OverflowError:
            number = math.inf
        if isinstance(self.operand, int) and math.isfinite(number) and int(number) != self.operand:
            problem, hint = lost_digits(self.operand)
            raise InvalidPattern(problem, hint=hint)
        if not math.isfinite(number):
            raise InvalidPattern(f"the number that '{shorten(self.field)}' is compared with must be finite")
        return number

    def __str__(self) -> str:
        field = quote_name(self.field) if self.attribute else self.field
        return f"{field}{self.op}{operand_text(self.operand)}"

    @property
    def order(self) -> tuple[bytes, bool, str, str]:
        """What conditions are sorted by in canonical text."""
        return self.field.encode(), bool(self.attribute), self.op, operand_text(self.operand)


def _check_text(text: object, what: str) -> None:
    if not isinstance(text, str):
        raise InvalidPattern(f"{what} must be text, not {type(text).__name__}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidPattern(f"{what} is not valid Unicode") from None


def check_name(name: object, what: str) -> None:
    """Refuses what cannot be the name of an event type or attribute."""
    _check_text(name, what)
    if not name:
        raise InvalidPattern(f"{what} cannot be empty")


def _weekdays(operand: object) -> tuple[str, str]:
    ends = (operand, operand) if isinstance(operand, str) else operand
    if not isinstance(ends, tuple) or len(ends) != 2:
        raise InvalidPattern(
            "weekday takes a day or a first and last day", hint="as in weekday=Tue or weekday=Mon..Fri"
        )
    for day in ends:
        if day not in WEEKDAYS:
            nearest = None
            if isinstance(day, str):
                nearest = _WEEKDAY_NAMES.get(day.casefold()) or did_you_mean(day, WEEKDAYS)
            raise InvalidPattern(
                f"'{shorten(str(day))}' is no weekday",
                hint=(f"did you mean {nearest}? " if nearest else "") + f"Weekdays are {', '.join(WEEKDAYS)}",
            )
    first, last = ends
    if (WEEKDAYS.index(last) - WEEKDAYS.index(first)) % 7 == 6:
        return WEEKDAYS[0], WEEKDAYS[-1]  # the whole week, wherever it is said to begin
    return first, last


def _hours(operand: object) -> tuple[int, int]:
    ends = (operand, operand + 1) if isinstance(operand, int) and not isinstance(operand, bool) else operand
    if not isinstance(ends, tuple) or len(ends) != 2 or not all(type(hour) is int for hour in ends):
        raise InvalidPattern("hour takes an hour or a range", hint="as in hour=9 or hour=9..12")
    first, end = ends
    if not 0 <= first <= 23:
        raise InvalidPattern("hours go from 0 to 23", hint="24 can only end a range, as in hour=18..24")
    if not 0 <= end <= 24:
        raise InvalidPattern("an hour range ends at 24 or before", hint="a range past midnight is hour=22..6")
    if first == end:
        raise InvalidPattern(
            f"hour={first}..{end} is empty: the end is not included",
            hint=f"write hour={first} for one hour, hour=0..24 for all",
        )
    return first, end or 24


def operand_text(operand: Operand) -> str:
    """Canonical text of an operand; a text that looks like a number keeps its quotes."""
    if isinstance(operand, float):
        return str(int(operand)) if operand.is_integer() and abs(operand) < 1e16 else repr(operand)
    if isinstance(operand, str):
        bare = is_word(operand) and operand not in RESERVED_WORDS and not is_number(operand)
        return operand if bare else quote_text(operand)
    if isinstance(operand, tuple):
        first, last = operand
        if first == last or (isinstance(first, int) and isinstance(last, int) and last == first + 1):
            return str(first)
        return f"{first}..{last}"
    return str(operand)


def parse_condition(cursor: Cursor) -> Condition:
    """Reads a condition off `cursor`; raises the cursor's error, with the position."""
    token = cursor.peek()
    if token.is_word(*FIELDS):
        field, attribute = cursor.next().text, False
    else:
        field, attribute = cursor.name("a condition such as weekday=Tue or value>=50"), True
    operator = cursor.peek()
    if operator.is_symbol(*_NOT_OPERATORS):
        cursor.fail(f"{operator} is no comparison", hint=f"did you mean '{_NOT_OPERATORS[operator.text]}'?")
    if not operator.is_symbol(*OPERATORS):
        hint = None
        if token.kind == "word" and attribute and (nearest := did_you_mean(field, FIELDS)):
            hint = f"did you mean '{nearest}'?"
        cursor.fail(f"expected a comparison (= != < <= > >=) after {token}, found {operator}", hint=hint)
    op = cursor.next().text
    place = cursor.peek()
    operand = _parse_operand(cursor, "" if attribute else field)
    with cursor.locating(place if op in ("=", "!=") or field == "value" else operator):
        return Condition(field, op, operand, attribute)


def _parse_operand(cursor: Cursor, field: str) -> Operand:
    token = cursor.peek()
    if field == "weekday":
        if token.kind != "word":
            cursor.fail(f"expected a weekday, found {token}", hint="as in weekday=Tue or weekday=Mon..Fri")
        days = _parse_range(cursor, "a weekday or a range of them")
        return days[0], days[-1]
    if field == "hour":
        if token.kind != "word":
            cursor.fail(f"expected an hour, found {token}", hint="as in hour=9 or hour=9..12")
        hours = [_hour_number(cursor, token, text) for text in _parse_range(cursor, "an hour or a range of them")]
        return hours[0] if len(hours) == 1 else (hours[0], hours[1])
    if token.kind == "quoted" or (token.kind == "word" and not is_number(token.text)):
        return cursor.next().value
    if token.kind in ("word", "number"):
        if not holds_digits(token.text):
            problem, hint = lost_digits(token.text)
            cursor.fail(problem, hint=hint if field else f"{hint}; an id is a text and stands in double quotes")
        return float(cursor.next().text)
    return cursor.fail(f"expected a number or a text to compare with, found {token}")


def _parse_range(cursor: Cursor, what: str) -> list[str]:
    """``a`` or ``a..b``, which is one word since names may hold dots."""
    token = cursor.peek()
    ends = token.text.split("..", 2)
    if len(ends) > 2 or "" in ends:
        cursor.fail(f"expected {what}, found {token}")
    cursor.next()
    end = token.position + len(token.text)
    if cursor.text[end : end + 2].lstrip().startswith("-"):
        cursor.fail("a range is written with two dots", at=end, hint="as in weekday=Mon..Fri or hour=9..12")
    return ends


def _hour_number(cursor: Cursor, token: Token, text: str) -> int:
    if not text.isdigit():
        hint = "hours are whole numbers, as in hour=9 or hour=9..12"
        cursor.fail(f"'{shorten(text)}' is no hour", at=token, hint=hint)
    return int(text) if len(text) <= 4 else 9999
