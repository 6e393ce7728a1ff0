"""Tests on one event: its type and conditions on the same event, shared by patterns and outcomes.

::

    email_open                                   one type
    email_open|call                              either; conditions bind to both
    *                                            any type
    basket{value>=50, weekday=Mon..Fri, hour=9..17, channel!="mobile app"}

Weekday and hour are those of the log's declared time zone. ``weekday=Mon..Fri`` includes both ends,
``hour=9..17`` is half open, both wrap (``Sat..Mon``, ``22..6``). A null value or attribute fails every condition.
"""

from __future__ import annotations

import bisect
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seqmine import _native
from seqmine._text import (
    RESERVED_WORDS,
    Cursor,
    Token,
    did_you_mean,
    is_number,
    is_word,
    quote_name,
    quote_text,
    shorten,
)
from seqmine.errors import InvalidOutcome, InvalidPattern, UnknownEventWarning

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

__all__ = ["Condition", "Selector", "compile_selector", "parse_selector"]

OPERATORS = {"=": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MAX_CONDITIONS = 64
MAX_WARNINGS = 10
_RESERVED_FIELDS = ("value", "weekday", "hour")
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
        _check_name(self.field, "attribute name")
        if self.attribute is None:
            object.__setattr__(self, "attribute", self.field not in _RESERVED_FIELDS)
        elif not self.attribute and self.field not in _RESERVED_FIELDS:
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
        if not math.isfinite(number):
            raise InvalidPattern(f"the number that '{shorten(self.field)}' is compared with must be finite")
        return number + 0.0  # -0.0 and 0.0 compare equal, so they must print the same

    def __str__(self) -> str:
        field = quote_name(self.field) if self.attribute else self.field
        return f"{field}{self.op}{_operand_text(self.operand)}"

    @property
    def _order(self) -> tuple[bytes, bool, str, str]:
        return self.field.encode(), bool(self.attribute), self.op, _operand_text(self.operand)


@dataclass(frozen=True)
class Selector:
    """A test on one event: one of `types` (empty: any type), and all `conditions`.

    Types are sorted in byte order and taken once, conditions sorted by field and operator, so that equal tests
    are equal values. ``str()`` is the canonical text.

    Raises
    ------
    InvalidPattern
        For empty names, a condition that is there twice, or two ``=`` on one value or attribute.
    """

    types: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.types, str):
            raise InvalidPattern("types is a tuple of event types, not one text", hint="write ('name',)")
        for name in self.types:
            _check_name(name, "event type")
        object.__setattr__(self, "types", tuple(sorted(set(self.types), key=str.encode)))
        if len(self.conditions) > MAX_CONDITIONS:
            raise InvalidPattern(f"an event test has at most {MAX_CONDITIONS} conditions")
        for _, clash in _clashes(self.conditions):
            raise InvalidPattern(clash)
        object.__setattr__(self, "conditions", tuple(sorted(self.conditions, key=lambda c: c._order)))

    def __str__(self) -> str:
        types = "|".join(map(quote_name, self.types)) or "*"
        return f"{types}{{{', '.join(map(str, self.conditions))}}}" if self.conditions else types


def _clashes(conditions: Sequence[Condition]) -> Iterator[tuple[int, str]]:
    """Conditions that cannot stand beside an earlier one: where, and why."""
    seen: set[Condition] = set()
    equal: set[tuple[str, bool | None]] = set()
    for i, condition in enumerate(conditions):
        field = (condition.field, condition.attribute)
        if condition in seen:
            yield i, f"the condition {shorten(str(condition))} is there twice"
        elif condition.op == "=" and not isinstance(condition.operand, tuple):
            if field in equal:
                yield i, f"'{shorten(condition.field)}' cannot equal two things at once"
            equal.add(field)
        seen.add(condition)


def _check_text(text: object, what: str) -> None:
    if not isinstance(text, str):
        raise InvalidPattern(f"{what} must be text, not {type(text).__name__}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidPattern(f"{what} is not valid Unicode") from None


def _check_name(name: object, what: str) -> None:
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


def _operand_text(operand: Operand) -> str:
    if isinstance(operand, float):
        return str(int(operand)) if operand.is_integer() and abs(operand) < 1e16 else repr(operand)
    if isinstance(operand, str):
        # Quotes keep a text that looks like a number a text.
        bare = is_word(operand) and operand not in RESERVED_WORDS and not is_number(operand)
        return operand if bare else quote_text(operand)
    if isinstance(operand, tuple):
        first, last = operand
        if first == last or (isinstance(first, int) and isinstance(last, int) and last == first + 1):
            return str(first)
        return f"{first}..{last}"
    return str(operand)


# --- parsing ------------------------------------------------------------------------------------------


def parse_selector(cursor: Cursor) -> Selector:
    """Reads a selector off `cursor`, leaving it behind the last token that belongs to it.

    Raises
    ------
    InvalidPattern or InvalidOutcome
        The cursor's error, with the position.
    """
    start = cursor.peek()
    types: list[str] = []
    if not cursor.accept("*"):
        types.append(cursor.name("an event type"))
        while cursor.accept("|"):
            if cursor.peek().is_symbol("*"):
                cursor.fail("* is every event type and stands alone")
            types.append(cursor.name("an event type"))
    elif cursor.peek().is_symbol("|"):
        cursor.fail("* is every event type and stands alone")
    conditions: list[Condition] = []
    places: list[Token] = []
    if cursor.accept("{"):
        while not places or cursor.accept(","):
            if len(places) == MAX_CONDITIONS:
                cursor.fail(f"an event test has at most {MAX_CONDITIONS} conditions")
            places.append(cursor.peek())
            conditions.append(_parse_condition(cursor))
        for i, clash in _clashes(conditions):
            cursor.fail(clash, at=places[i])
        cursor.expect("}", "or ',' after a condition")
    with cursor.locating(start):
        return Selector(tuple(types), tuple(conditions))


def _parse_condition(cursor: Cursor) -> Condition:
    token = cursor.peek()
    if token.is_word(*_RESERVED_FIELDS):
        field, attribute = cursor.next().text, False
    else:
        field, attribute = cursor.name("a condition such as weekday=Tue or value>=50"), True
    operator = cursor.peek()
    if operator.is_symbol(*_NOT_OPERATORS):
        cursor.fail(f"{operator} is no comparison", hint=f"did you mean '{_NOT_OPERATORS[operator.text]}'?")
    if not operator.is_symbol(*OPERATORS):
        hint = None
        if token.kind == "word" and attribute and (nearest := did_you_mean(field, _RESERVED_FIELDS)):
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


# --- compiling ------------------------------------------------------------------------------------------


def compile_selector(
    log: EventLog, selector: Selector, error: type[InvalidPattern] | type[InvalidOutcome] = InvalidPattern
) -> _native.Predicate:
    """The native form of `selector` for the types and attributes of `log`.

    Parameters
    ----------
    log
        The log on which the predicate will be used, and no other.
    selector
        What to test.
    error
        The error to raise.

    Raises
    ------
    InvalidPattern or InvalidOutcome
        When the log has no such attribute or no values, or when text is compared with numbers.

    Warns
    -----
    UnknownEventWarning
        When the log has no event of a named type, or no event with a named attribute text: nothing equals it.
    """
    types = np.full(len(log.event_types), 0 if selector.types else 1, dtype=np.uint8)
    unknown: list[str] = []
    for name in selector.types:
        index = log.type_index(name)
        if index is None:
            unknown.append(name)
        else:
            types[index] = 1
    # Each warning searches for the nearest name, so their number is bounded.
    for name in unknown[:MAX_WARNINGS]:
        _warn_unknown("event type", name, log.event_types)
    if len(unknown) > MAX_WARNINGS:
        message = f"the log lacks {len(unknown) - MAX_WARNINGS} more event types of this test"
        warnings.warn(message, UnknownEventWarning, stacklevel=2)
    conditions = [_compile_condition(log, condition, error) for condition in selector.conditions]
    return _native.Predicate(types, conditions)


def _compile_condition(
    log: EventLog, condition: Condition, error: type[InvalidPattern] | type[InvalidOutcome]
) -> _native.Condition:
    operand, comparison = condition.operand, OPERATORS[condition.op]
    if not condition.attribute:
        if condition.field == "value":
            if not log.has_value:
                raise error("the log has no value column", hint="name one when reading: value='amount'")
            assert isinstance(operand, float)
            return _native.Condition("value", comparison=comparison, operand=operand)
        return _native.Condition(condition.field, allowed=_clock_flags(condition))
    names = log.attribute_names
    if condition.field not in names:
        raise error(f"the log has no attribute '{shorten(condition.field)}'", hint=_attribute_hint(condition, names))
    column = log.attributes[condition.field]
    attribute = names.index(condition.field)
    shown = shorten(condition.field)
    if column.kind == "number":
        if not isinstance(operand, float):
            bare = f"{quote_name(condition.field)}{condition.op}{operand}"
            hint = f"write {bare} without quotes" if is_number(str(operand)) else None
            raise error(f"the attribute '{shown}' holds numbers; it is compared with a text", hint=hint)
        return _native.Condition("number", attribute=attribute, comparison=comparison, operand=operand)
    if not isinstance(operand, str):
        if condition.op not in ("=", "!="):
            raise error(f"the attribute '{shown}' holds text, which takes = and != only, not {condition.op}")
        quoted = quote_text(_operand_text(operand))
        raise error(
            f"the attribute '{shown}' holds text; it is compared with a number",
            hint=f"write {quote_name(condition.field)}{condition.op}{quoted}",
        )
    return _native.Condition("dictionary", attribute=attribute, allowed=_category_flags(column.categories, condition))


def _attribute_hint(condition: Condition, names: Iterable[str]) -> str:
    known = list(names)
    if condition.field in _RESERVED_FIELDS:
        return f"without quotes, {condition.field} is the event's own"
    nearest = did_you_mean(condition.field, [*known, *_RESERVED_FIELDS])
    if nearest:
        return f"did you mean '{nearest}'?"
    if not known:
        return "name attributes when reading: attributes=['channel']"
    return "attributes are " + ", ".join(shorten(name) for name in known[:10]) + (", …" if len(known) > 10 else "")


def _clock_flags(condition: Condition) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    operand = condition.operand
    assert isinstance(operand, tuple)
    if condition.field == "weekday":
        size, first = 7, WEEKDAYS.index(str(operand[0]))
        n = (WEEKDAYS.index(str(operand[1])) - first) % size + 1
    else:
        size, first = 24, int(operand[0])
        n = (int(operand[1]) - first) % size or size
    flags = np.zeros(size, dtype=np.uint8)
    flags[(first + np.arange(n)) % size] = 1
    return flags if condition.op == "=" else (1 - flags).astype(np.uint8)


def _category_flags(categories: tuple[str, ...], condition: Condition) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    assert isinstance(condition.operand, str)
    flags = np.full(len(categories), 1 if condition.op == "!=" else 0, dtype=np.uint8)
    wanted = condition.operand.encode()
    index = bisect.bisect_left(categories, wanted, key=str.encode)
    if index < len(categories) and categories[index] == condition.operand:
        flags[index] ^= 1
    else:
        _warn_unknown(f"text of the attribute '{shorten(condition.field)}'", condition.operand, categories)
    return flags


def _warn_unknown(what: str, name: str, candidates: Iterable[str]) -> None:
    nearest = did_you_mean(name, candidates)
    message = f"the log has no {what} '{shorten(name)}'; nothing matches it"
    if nearest is not None:
        message += f" - did you mean '{shorten(nearest)}'?"
    warnings.warn(message, UnknownEventWarning, stacklevel=3)
