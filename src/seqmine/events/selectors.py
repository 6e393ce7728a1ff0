"""Tests on one event: its type and conditions on the same event, shared by patterns and outcomes.

::

    email_open                                   one type
    email_open|call                              either; conditions bind to both
    *                                            any type
    basket{value>=50, weekday=Mon..Fri, hour=9..17, channel!="mobile app"}
"""

from __future__ import annotations

import bisect
import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from seqmine import _native
from seqmine._text import Cursor, Token, did_you_mean, is_number, quote_name, quote_text, shorten
from seqmine._validate import warn_user
from seqmine.errors import InvalidOutcome, InvalidPattern, UnknownEventWarning
from seqmine.events.conditions import (
    FIELDS,
    OPERATORS,
    WEEKDAYS,
    Condition,
    check_name,
    operand_text,
    parse_condition,
)

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

__all__ = ["Condition", "Selector", "compile_selector", "parse_selector"]

MAX_CONDITIONS = 64
MAX_WARNINGS = 10


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
            check_name(name, "event type")
        object.__setattr__(self, "types", tuple(sorted(set(self.types), key=str.encode)))
        if len(self.conditions) > MAX_CONDITIONS:
            raise InvalidPattern(f"an event test has at most {MAX_CONDITIONS} conditions")
        for _, clash, hint in _clashes(self.conditions):
            raise InvalidPattern(clash, hint=hint)
        object.__setattr__(self, "conditions", tuple(sorted(self.conditions, key=lambda c: c.order)))

    def __str__(self) -> str:
        types = "|".join(map(quote_name, self.types)) or "*"
        return f"{types}{{{', '.join(map(str, self.conditions))}}}" if self.conditions else types


def _clashes(conditions: Sequence[Condition]) -> Iterator[tuple[int, str, str]]:
    """Conditions that cannot stand beside an earlier one: where, why, and what to write."""
    seen: set[Condition] = set()
    equal: set[tuple[str, bool | None]] = set()
    for i, condition in enumerate(conditions):
        field = (condition.field, condition.attribute)
        if condition in seen:
            yield i, f"the condition {shorten(str(condition))} is there twice", "leave one out"
        elif condition.op == "=" and not isinstance(condition.operand, tuple):
            if field in equal:
                name = shorten(quote_name(condition.field)) if condition.attribute else condition.field
                problem = f"'{shorten(condition.field)}' cannot equal two things at once"
                yield i, problem, f"all conditions must hold; a range is {name}>=1, {name}<3, a choice is two patterns"
            equal.add(field)
        seen.add(condition)


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
            conditions.append(parse_condition(cursor))
            cursor.places.setdefault(conditions[-1], places[-1])
        for i, clash, hint in _clashes(conditions):
            cursor.fail(clash, at=places[i], hint=hint)
        cursor.expect("}", "or ',' after a condition")
    with cursor.locating(start):
        return Selector(tuple(types), tuple(conditions))


def compile_selector(
    log: EventLog,
    selector: Selector,
    error: type[InvalidPattern] | type[InvalidOutcome] = InvalidPattern,
    cursor: Cursor | None = None,
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
    cursor
        What the selector was read with, so that the error can name the place.

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
        _warn_unknown(f"event type '{shorten(name)}'", "nothing matches it", name, log.event_types)
    if len(unknown) > MAX_WARNINGS:
        message = f"the log lacks {len(unknown) - MAX_WARNINGS} more event types of this test"
        warn_user(message, UnknownEventWarning)
    conditions = []
    for condition in selector.conditions:
        place = None if cursor is None else cursor.places.get(condition)
        with contextlib.nullcontext() if cursor is None or place is None else cursor.locating(place):
            conditions.append(_compile_condition(log, condition, error))
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
        quoted = quote_text(operand_text(operand))
        raise error(
            f"the attribute '{shown}' holds text; it is compared with a number",
            hint=f"write {quote_name(condition.field)}{condition.op}{quoted}",
        )
    return _native.Condition("dictionary", attribute=attribute, allowed=_category_flags(column.categories, condition))


def _attribute_hint(condition: Condition, names: Iterable[str]) -> str:
    known = list(names)
    if condition.field in FIELDS:
        return f"without quotes, {condition.field} is the event's own"
    nearest = did_you_mean(condition.field, [*known, *FIELDS])
    if nearest:
        return f"did you mean '{nearest}'?"
    if not known:
        return "name attributes when reading: attributes=['channel']"
    return "attributes are " + ", ".join(shorten(name) for name in known[:10]) + (", …" if len(known) > 10 else "")


def _clock_flags(condition: Condition) -> npt.NDArray[np.uint8]:
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


def _category_flags(categories: tuple[str, ...], condition: Condition) -> npt.NDArray[np.uint8]:
    assert isinstance(condition.operand, str)
    flags = np.full(len(categories), 1 if condition.op == "!=" else 0, dtype=np.uint8)
    wanted = condition.operand.encode()
    index = bisect.bisect_left(categories, wanted, key=str.encode)
    if index < len(categories) and categories[index] == condition.operand:
        flags[index] ^= 1
    else:
        what = f"event whose attribute '{shorten(condition.field)}' is '{shorten(condition.operand)}'"
        holds = "nothing matches it" if condition.op == "=" else "every other text passes"
        _warn_unknown(what, holds, condition.operand, categories)
    return flags


def _warn_unknown(what: str, consequence: str, name: str, candidates: Iterable[str]) -> None:
    nearest = did_you_mean(name, candidates)
    message = f"the log has no {what}; {consequence}"
    if nearest is not None:
        message += f" - did you mean '{shorten(nearest)}'?"
    warn_user(message, UnknownEventWarning)
