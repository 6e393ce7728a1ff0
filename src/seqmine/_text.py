"""Text that people write: tokens with positions, durations, names, and the nearest word to a misspelt one.

Shared by the pattern and the outcome language. Everything here is linear in the text it reads, so that
hostile input costs no more than its length.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Literal, NoReturn

from seqmine.errors import InvalidOutcome, InvalidPattern, ParameterError, SeqmineError

__all__ = [
    "MAX_DURATION",
    "MAX_TEXT",
    "RESERVED_WORDS",
    "Cursor",
    "Token",
    "did_you_mean",
    "format_duration",
    "format_number",
    "holds_digits",
    "is_number",
    "is_word",
    "join_names",
    "lost_digits",
    "parse_duration",
    "quote_name",
    "quote_text",
    "rounded_duration",
    "shorten",
    "split_names",
]

RESERVED_WORDS = frozenset({"no", "without", "within", "span", "weekday", "hour", "value"})
"""Words with a meaning of their own: an event type or attribute of that name is written in double quotes."""

MAX_DURATION = 2**63 - 1
"""Longest duration in microseconds (292,000 years)."""

MAX_TEXT = 1 << 20
"""Most characters that are read."""

_UNITS = {
    "w": 604_800_000_000,
    "d": 86_400_000_000,
    "h": 3_600_000_000,
    "m": 60_000_000,
    "s": 1_000_000,
    "ms": 1_000,
    "us": 1,
}
_LONG_UNITS = {"days": 86_400_000_000, "hours": 3_600_000_000, "minutes": 60_000_000, "seconds": 1_000_000}
_UNIT_LIST = "us, ms, s, m, h, d and w"
_OTHER_SPELLINGS = {
    "us": ("µs", "μs", "usec", "usecs", "micro", "micros", "microsecond", "microseconds"),
    "ms": ("msec", "msecs", "milli", "millis", "millisecond", "milliseconds"),
    "s": ("sec", "secs", "second", "seconds"),
    "m": ("min", "mins", "minute", "minutes"),
    "h": ("hr", "hrs", "hour", "hours"),
    "d": ("day", "days"),
    "w": ("wk", "wks", "week", "weeks"),
}
_UNIT_ALIASES = {alias: unit for unit, aliases in _OTHER_SPELLINGS.items() for alias in aliases}
_CALENDAR_UNITS = frozenset({"mo", "mon", "mth", "month", "months", "y", "yr", "yrs", "year", "years", "q", "quarter"})

_WORD = re.compile(r"[A-Za-z0-9_.:]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_QUOTED = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_LISTED = re.compile(rf"\s*+(?:({_QUOTED.pattern})\s*+(?=,|\Z)|((?!\")[^,]*+))", re.DOTALL)
_ARROWS = "→⇒⟶⟹⟼↦↣⇢⇨➔➙➛➜➝➞➡⮕🡒"
_DASHES = "–—―−"
_SPACE = re.compile(r"\s*")
# Longest first. "==", "=>", "=<" and "<>" mean nothing; read whole, their error can name the right one.
_SYMBOL = re.compile(r"->|-\[|!=|<=|>=|==|=>|=<|<>|[()\[\]{},|*^=<>%]")


def holds_digits(text: str) -> bool:
    """Whether a whole number written as digits alone is one that a 64-bit float holds; True for other text."""
    if _WHOLE.fullmatch(text) is None:
        return True
    digits = text.lstrip("+-").lstrip("0")
    # More digits than the largest float has: that it does not fit is another error. Python refuses to read them.
    return len(digits) > 309 or not digits or float(digits) == math.inf or int(float(digits)) == int(digits)


def lost_digits(number: int | str) -> tuple[str, str]:
    """Problem and hint for a whole number that no 64-bit float holds."""
    problem = f"the number {shorten(str(number))} would lose digits as a 64-bit float"
    return problem, f"the nearest that fits is {int(float(number))}"


def is_word(text: str) -> bool:
    """Whether `text` is ASCII letters, digits, ``_``, ``.`` and ``:`` alone, so that it needs no quotes."""
    return _WORD.fullmatch(text) is not None


def is_number(text: str) -> bool:
    """Whether `text` is read as a number where a number or a text can stand."""
    return _NUMBER.fullmatch(text) is not None


def quote_text(text: str) -> str:
    """`text` in double quotes with JSON escapes; other alphabets stay readable."""
    return json.dumps(text, ensure_ascii=False)


def quote_name(name: str) -> str:
    """Canonical spelling of an event type or attribute name: bare where that is allowed, else quoted."""
    return name if is_word(name) and name not in RESERVED_WORDS else quote_text(name)


def split_names(text: str) -> list[str]:
    """Split ``a, "b, c"`` into ``a`` and ``b, c``: names with commas between, in order, empty ones left out.

    A name that holds a comma, or begins with a double quote or a blank, stands in double quotes with JSON escapes, as
    in a pattern; any other may.

    Raises
    ------
    ParameterError
        A name in quotes is never closed, goes on after its closing quote, or is no JSON text.
    """
    names, at = [], 0
    while at < len(text):
        found = _LISTED.match(text, at)
        try:
            if found is None:
                raise ValueError
            name = found[2].rstrip() if found[1] is None else json.loads(found[1])
        except ValueError:
            raise ParameterError(
                f"no list of names: {shorten(text[at:])}",
                hint=r'a name with commas is written in double quotes, as "a, b", with \" for a quote inside',
            ) from None
        names += [name] if name else []
        at = found.end() + 1
    return names


def join_names(names: Iterable[str]) -> str:
    """Return the text that `split_names` reads as ``names``, with quotes only where they are needed."""
    return ",".join(quote_text(name) if _needs_quotes(name) else name for name in names)


def _needs_quotes(name: str) -> bool:
    return "," in name or name.startswith('"') or name != name.strip() or not name.isprintable()


def shorten(text: str, limit: int = 40) -> str:
    """`text` for a message: on one line, printable, and of bounded length."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)


def did_you_mean(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate nearest to `word`, or None when none is near. Ignores case; deterministic.

    The work is bounded: words over 80 characters have no near candidate, and at most 5,000 candidates of a
    similar length are compared.
    """
    if not word or len(word) > 80:
        return None
    slack = max(1, len(word) // 2)
    by_folded: dict[str, str] = {}
    for candidate in candidates:
        if abs(len(candidate) - len(word)) <= slack:
            by_folded.setdefault(candidate.casefold(), candidate)
            if len(by_folded) >= 5000:
                break
    folded = word.casefold()
    if folded in by_folded:
        return by_folded[folded]
    # Two-letter words are never 0.6 alike unless they share a letter in place, so short words stay quiet.
    near = difflib.get_close_matches(folded, sorted(by_folded), n=1, cutoff=0.6)
    return by_folded[near[0]] if near else None


def format_duration(us: int) -> str:
    """Canonical text of a duration in microseconds: the largest unit that divides it, ``0s`` for zero."""
    if us == 0:
        return "0s"
    for unit, size in _UNITS.items():
        if us % size == 0:
            return f"{us // size}{unit}"
    raise AssertionError("1 us divides every whole number")


def format_number(value: float, *, signed: bool = False) -> str:
    """A number for people: three digits, whole from 1,000 on."""
    form = ",.0f" if abs(value) >= 1000 else ".3g"
    return format(value, f"+{form}" if signed else form)


def rounded_duration(us: int) -> str:
    """A length for people, to three digits, in the largest unit of which there are two: ``3.25 days``."""
    for unit, size in _LONG_UNITS.items():
        if us >= 2 * size:
            return f"{us / size:.3g} {unit}" if us < 1000 * size else f"{us / size:,.0f} {unit}"
    return format_duration(us)


class _Unreadable(ValueError):
    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint


def _read_duration(text: str) -> int:
    shown = shorten(text)
    match = re.fullmatch(r"([0-9]+)([A-Za-zµμ]*)", text)
    if match is None:
        raise _Unreadable(f"'{shown}' is not a duration", _duration_hint(text))
    digits, unit = match.groups()
    if not unit:
        raise _Unreadable(f"the duration '{shown}' has no unit", f"add one of {_UNIT_LIST}, as in '30m' or '14d'")
    if unit not in _UNITS:
        raise _Unreadable(f"the duration '{shown}' has the unknown unit '{shorten(unit)}'", _unit_hint(digits, unit))
    # Compare lengths first: turning very long digit strings into an int is slow, and refused by Python.
    us = int(digits.lstrip("0") or "0") * _UNITS[unit] if len(digits.lstrip("0")) <= 19 else MAX_DURATION + 1
    if us > MAX_DURATION:
        raise _Unreadable(f"the duration '{shown}' does not fit 64-bit microseconds", "use at most 106751991d")
    return us


def _unit_hint(digits: str, unit: str) -> str:
    if unit.casefold() in _CALENDAR_UNITS:
        return "months and years have no fixed length; write days, as in '30d' or '365d'"
    nearest = _UNIT_ALIASES.get(unit.casefold()) or (unit.casefold() if unit.casefold() in _UNITS else None)
    if nearest and len(digits) <= 19:
        return f"did you mean '{digits}{nearest}'? Units are {_UNIT_LIST}"
    return f"units are {_UNIT_LIST}"


def _duration_hint(text: str) -> str:
    spaced = re.fullmatch(r"([0-9]+)\s+([A-Za-z]+)", text)
    if spaced is not None:
        number, unit = spaced.groups()
        return f"leave out the space: '{shorten(number)}{unit}'" if unit in _UNITS else _unit_hint(number, unit)
    parts = re.findall(r"([0-9]{1,18}(?:\.[0-9]{1,18})?)(us|ms|[smhdw])", text) if len(text) <= 80 else []
    if parts and "".join(number + unit for number, unit in parts) == text:
        total = sum((Fraction(number) * _UNITS[unit] for number, unit in parts), Fraction(0))
        if total.denominator == 1 and total <= MAX_DURATION:
            return f"a duration is one whole number and one unit: write '{format_duration(int(total))}'"
    return f"a duration is one whole number and one of {_UNIT_LIST}, as in '30m' or '14d'"


def parse_duration(value: str | timedelta, name: str = "duration") -> int:
    """Microseconds of a duration given as text (``"30m"``) or as a ``timedelta``.

    Parameters
    ----------
    value
        One whole number and one of us, ms, s, m, h, d (86,400 s) and w; or a timedelta. Not negative.
    name
        The argument's name, for the error.

    Raises
    ------
    ParameterError
        For bare numbers, other units (months and years have no fixed length), negative durations and those
        over `MAX_DURATION`.
    """
    if isinstance(value, str):
        try:
            return _read_duration(value.strip())
        except _Unreadable as error:
            raise ParameterError(f"{name}: {error.problem}", hint=error.hint) from None
    if not isinstance(value, timedelta):
        raise ParameterError(
            f"{name} must be text such as '30m' or a timedelta, not {type(value).__name__}",
            hint=f"a bare number has no unit; units are {_UNIT_LIST}",
        )
    us = value // timedelta(microseconds=1)
    if us < 0 or us > MAX_DURATION:
        raise ParameterError(f"{name} must lie between 0s and {MAX_DURATION}us")
    # Subclasses may be finer than a microsecond (pandas); losing digits in silence would move an interval.
    if timedelta(microseconds=us) != value:
        raise ParameterError(f"{name} is finer than a microsecond", hint="round it to whole microseconds")
    return us


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of text: `text` as written, `value` with quotes and escapes resolved, `position` 0-based."""

    kind: Literal["word", "quoted", "number", "symbol", "end"]
    text: str
    value: str
    position: int

    def is_symbol(self, *symbols: str) -> bool:
        """Whether this is one of the given symbols."""
        return self.kind == "symbol" and self.text in symbols

    def is_word(self, *words: str) -> bool:
        """Whether this is one of the given words, written without quotes."""
        return self.kind == "word" and self.text in words

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else f"'{shorten(self.text)}'"


class Cursor:
    """Reads tokens off a text one after another; failures are `error` with the 0-based character position.

    Parameters
    ----------
    text
        What to read, at most 1 Mi characters.
    error
        The error to raise, `InvalidPattern` or `InvalidOutcome`; its ``position`` is set.
    """

    def __init__(self, text: str, error: type[InvalidPattern] | type[InvalidOutcome] = InvalidPattern) -> None:
        self.error = error
        self.text = text
        if not isinstance(text, str):
            raise error(f"expected text, got {type(text).__name__}")
        if len(text) > MAX_TEXT:
            raise error(f"the text has {len(text):,} characters; at most {MAX_TEXT:,} are read")
        # Where conditions were written, for errors that only a log brings out; noted by those who read them.
        self.places: dict[object, Token] = {}
        self._ahead: list[Token] = []
        self._offset = 0

    def peek(self, ahead: int = 0) -> Token:
        """The token `ahead` places on, without taking it. Past the end it is the end token."""
        while len(self._ahead) <= ahead:
            self._ahead.append(self._scan())
        return self._ahead[ahead]

    def next(self) -> Token:
        """Takes the next token."""
        token = self.peek()
        self._ahead.pop(0)
        return token

    def accept(self, *symbols: str) -> Token | None:
        """Takes the next token if it is one of the symbols."""
        return self.next() if self.peek().is_symbol(*symbols) else None

    def accept_word(self, *words: str) -> Token | None:
        """Takes the next token if it is one of the words, written without quotes."""
        return self.next() if self.peek().is_word(*words) else None

    def expect(self, symbol: str, why: str = "") -> Token:
        """Takes the symbol, or fails. `why` ends the message: ``expected ')' {why}``."""
        return self.accept(symbol) or self.fail(f"expected '{symbol}'{' ' + why if why else ''}, found {self.peek()}")

    def expect_word(self, word: str, why: str = "") -> Token:
        """Takes the word, or fails."""
        token = self.peek()
        hint = None
        if token.kind == "word" and did_you_mean(token.text, [word]):
            hint = f"did you mean '{word}'?"
        return self.accept_word(word) or self.fail(
            f"expected '{word}'{' ' + why if why else ''}, found {token}", hint=hint
        )

    def expect_end(self) -> None:
        """Fails unless all is read."""
        if self.peek().kind != "end":
            self.fail(f"unexpected {self.peek()}")

    def name(self, what: str) -> str:
        """Takes a name: a word that is not reserved, or anything in double quotes. `what` is for errors."""
        token = self.peek()
        if token.kind == "quoted":
            if not token.value:
                self.fail(f"{what} cannot be empty")
        elif token.kind == "word":
            if token.text in RESERVED_WORDS:
                self.fail(
                    f"expected {what}, found the reserved word '{token.text}'",
                    hint=f'write "{token.text}" in double quotes if that is its name',
                )
        elif token.kind == "number":
            self.fail(f"expected {what}, found {token}", hint="put a name with such characters in double quotes")
        else:
            self.fail(f"expected {what}, found {token}")
        return self.next().value

    def duration(self, what: str) -> int:
        """Takes a duration and returns its microseconds."""
        token = self.peek()
        if token.kind != "word":
            hint = "a duration is not negative" if token.kind == "number" else "write it as in 30m, 4h or 14d"
            self.fail(f"expected {what}, found {token}", hint=hint)
        try:
            us = _read_duration(token.text)
        except _Unreadable as error:
            self.fail(error.problem, hint=error.hint)
        self.next()
        return us

    def fail(self, problem: str, *, at: Token | int | None = None, hint: str | None = None) -> NoReturn:
        """Raises the error at a token or position (default: the next token), with an excerpt of the text."""
        if at is None:
            at = self.peek()
        position = at if isinstance(at, int) else at.position
        raise self._located(problem, position, hint)

    @contextmanager
    def locating(self, at: Token | int) -> Iterator[None]:
        """Gives errors from building a value (which know no text) the place where it was written."""
        try:
            yield
        except (InvalidPattern, InvalidOutcome) as error:
            if error.position is not None:
                raise
            position = at if isinstance(at, int) else at.position
            raise self._located(error.message, position, error.hint) from None

    def _located(self, problem: str, position: int, hint: str | None) -> SeqmineError:
        before = self.text[max(0, position - 24) : position]
        after = self.text[position : position + 36]
        left = ("…" if position > 24 else "") + shorten(before).rstrip()
        right = shorten(after) + ("…" if position + 36 < len(self.text) else "")
        excerpt = f"{left} <HERE> {right}".strip()
        error = self.error(f"{problem} (at character {position}: {excerpt})", hint=hint)
        error.position = position
        return error

    def _scan(self) -> Token:
        text = self.text
        space = _SPACE.match(text, self._offset)
        start = space.end() if space else self._offset
        if start == len(text):
            return Token("end", "", "", start)
        scan: Callable[[int], Token | None]
        for scan in (self._scan_quoted, self._scan_word_or_number, self._scan_symbol):
            token = scan(start)
            if token is not None:
                self._offset = start + len(token.text)
                return token
        char = text[start]
        if char in _ARROWS:
            raise self._located(f"unexpected character '{char}'", start, "write ->")
        if char in _DASHES:
            hint = "write ->; a name with a dash is written in double quotes"
            raise self._located(f"unexpected character '{char}'", start, hint)
        if char == "-":
            hint = "an arrow is -> or -[1h,2d)->; a name with a hyphen is written in double quotes"
            raise self._located("unexpected character '-'", start, hint)
        raise self._located(
            f"unexpected character '{shorten(char)}'",
            start,
            "a name with characters other than letters, digits, _ . and : is written in double quotes",
        )

    def _scan_quoted(self, start: int) -> Token | None:
        if self.text[start] != '"':
            return None
        match = _QUOTED.match(self.text, start)
        if match is None:
            raise self._located("a double quote is opened and never closed", start, 'write \\" for a quote inside')
        raw = match.group()
        try:
            value = json.loads(raw)
            value.encode()
        except UnicodeEncodeError:
            raise self._located("the quoted text is not valid Unicode", start, None) from None
        except ValueError:
            raise self._located(
                "the quoted text has an escape or control character that JSON does not know",
                start,
                r"use \" \\ \n \t or \u0041",
            ) from None
        return Token("quoted", raw, value, start)

    def _scan_word_or_number(self, start: int) -> Token | None:
        word, number = _WORD.match(self.text, start), _NUMBER.match(self.text, start)
        # "12", "4h" and "9..12" are words; "-5" and "1e-5" have characters that no word has.
        if number is not None and (word is None or number.end() > word.end()):
            return Token("number", number.group(), number.group(), start)
        return Token("word", word.group(), word.group(), start) if word is not None else None

    def _scan_symbol(self, start: int) -> Token | None:
        match = _SYMBOL.match(self.text, start)
        return None if match is None else Token("symbol", match.group(), match.group(), start)
