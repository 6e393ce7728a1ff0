"""Pattern text to patterns. docs/patterns.md has the language."""

from __future__ import annotations

from typing import NoReturn

from seqmine._text import Cursor, did_you_mean, quote_text
from seqmine.events.selectors import parse_selector
from seqmine.patterns.model import MAX_PREDICATES, TOO_LONG, Absence, Gap, Pattern, Step

__all__ = ["parse_pattern", "read_pattern"]

_NOT_ARROWS = ("=>", ">", "=")


def parse_pattern(text: str) -> Pattern:
    """Reads a pattern.

    Parameters
    ----------
    text
        For example ``email_open{weekday=Tue} -[0s,4h)-> help_center -> no ticket within 72h``. White space between
        tokens means nothing.

    Returns
    -------
    Pattern
        ``str(pattern)`` is the canonical text, which reads as the same pattern.

    Raises
    ------
    InvalidPattern
        With ``position``, the 0-based character at which reading failed, and a hint.

    Examples
    --------
    >>> str(parse_pattern("visit->visit  span<14d"))
    'visit -> visit span < 2w'
    """
    return read_pattern(Cursor(text))


def read_pattern(cursor: Cursor) -> Pattern:
    """Reads the whole text of `cursor` as a pattern."""
    start = cursor.peek()
    anchored = cursor.accept("^") is not None
    gap = None
    if anchored:
        if not cursor.peek().is_symbol("->", "-["):
            hint = "write ->" if cursor.peek().is_symbol(*_NOT_ARROWS) else None
            cursor.fail(f"expected -> or -[lo,hi)-> after ^, found {cursor.peek()}", hint=hint)
        gap = _parse_gap(cursor)
    steps = [_parse_step(cursor, gap, first=not anchored)]
    while cursor.peek().is_symbol("->", "-[") and not _at_absence(cursor):
        steps.append(_parse_step(cursor, _parse_gap(cursor), first=False))
        if len(steps) > MAX_PREDICATES:
            cursor.fail(TOO_LONG)
    span = _parse_span(cursor)
    absences: list[Absence] = []
    while _at_absence(cursor):
        absences.append(_parse_absence(cursor))
        if len(absences) > MAX_PREDICATES:
            cursor.fail(TOO_LONG)
    if span is None:
        span = _parse_span(cursor)
    if cursor.peek().kind != "end":
        _fail_at_rest(cursor, steps[-1], has_absences=bool(absences), has_span=span is not None)
    with cursor.locating(start):
        return Pattern(tuple(steps), tuple(absences), span, anchored)


def _at_absence(cursor: Cursor) -> bool:
    return cursor.peek().is_symbol("->") and cursor.peek(1).is_word("no")


def _parse_gap(cursor: Cursor) -> Gap:
    if cursor.accept("->"):
        return Gap()
    cursor.expect("-[")
    place = cursor.peek()
    lo = cursor.duration("the gap's lower end")
    cursor.expect(",", "between the ends of the gap")
    hi = None if cursor.accept_word("inf") else cursor.duration("the gap's upper end, or inf")
    if cursor.peek().is_symbol("]"):
        cursor.fail("upper ends are exclusive: a gap closes with ')', not ']'")
    cursor.expect(")", "to close the gap")
    cursor.expect("->", "after the gap's bounds")
    with cursor.locating(place):
        return Gap(lo, hi)


def _parse_step(cursor: Cursor, gap: Gap | None, *, first: bool) -> Step:
    token = cursor.peek()
    if token.is_word("no"):
        if gap is not None and gap != Gap():
            cursor.fail("an absence follows a bare ->, not a gap with bounds", hint="write -> no X within 3d")
        cursor.fail(
            "a pattern needs a step that happens before one that does not",
            hint='write "no" in double quotes if that is an event type',
        )
    if token.is_symbol("^"):
        cursor.fail("^ stands only at the beginning of a pattern")
    selector = parse_selector(cursor)
    guard = None
    without = cursor.accept_word("without")
    if without is not None:
        if first:
            cursor.fail(
                "`without` guards the way from the step before, and the first step has none",
                at=without,
                hint="begin with ^ -> to guard the way from the start",
            )
        guard = parse_selector(cursor)
        if cursor.peek().is_word("without"):
            cursor.fail("a step takes one `without`", hint="write without a|b for several event types")
        if cursor.peek().is_word("within"):
            cursor.fail(
                "`without` covers the whole way between two steps and takes no `within`",
                hint="`-> no X within 3d` at the end of the pattern does",
            )
    return Step(selector, gap, guard)


def _parse_absence(cursor: Cursor) -> Absence:
    cursor.expect("->")
    cursor.expect_word("no")
    selector = parse_selector(cursor)
    cursor.expect_word("within", "and a duration after `no`")
    place = cursor.peek()
    within = cursor.duration("the duration after `within`")
    with cursor.locating(place):
        return Absence(selector, within)


def _parse_span(cursor: Cursor) -> int | None:
    if not cursor.accept_word("span"):
        return None
    if cursor.peek().is_symbol("<=", "=", "=<", "=="):
        cursor.fail("a span has an exclusive upper end", hint="write span < 14d")
    cursor.expect("<", "after span")
    place = cursor.peek()
    span = cursor.duration("the span")
    if span == 0:
        cursor.fail("span must be longer than 0s", at=place)
    return span


def _fail_at_rest(cursor: Cursor, last: Step, *, has_absences: bool, has_span: bool) -> NoReturn:
    """Explains what cannot follow a pattern that could end here."""
    token = cursor.peek()
    if token.is_symbol("->", "-["):
        if has_absences:
            cursor.fail(
                "only `-> no X within w` or `span < w` can follow an absence",
                hint="for no X between A and B write A -> B without X",
            )
        cursor.fail("no step can follow the span", hint="write span < w at the end of the pattern")
    if token.is_word("span") and has_span:
        cursor.fail("a pattern has one span")
    if token.is_word("no"):
        cursor.fail("an absence follows an arrow", hint="write -> no X within 3d")
    if token.is_word("within"):
        cursor.fail("`within` belongs to an absence", hint="write -> no X within 3d, or span < 3d for the whole match")
    if token.is_word("without"):
        cursor.fail("`without` follows the step that it guards")
    hint = None
    if token.is_symbol(*_NOT_ARROWS):
        hint = "write ->"
    elif last.selector.types in (("No",), ("NO",), ("nO",)) and last.guard is None and not has_absences:
        hint = "did you mean 'no'?"
    elif token.kind == "word":
        nearest = did_you_mean(token.text, ["without", "span", "within"])
        hint = f"did you mean '{nearest}'?" if nearest else None
    if hint is None and token.kind in ("word", "quoted", "number"):
        hint = f"a name of several words is written in double quotes, as {quote_text('Type A')}"
    cursor.fail(f"expected -> or the end of the pattern, found {token}", hint=hint)
