"""Patterns as plain values, their text, and whether one event fits one step.

Compared with: nothing here; `tests/properties` hands `to_text` to seqmine and reads seqmine's mined text back
with `parse_mined`. All times and durations are integers in microseconds.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

UNITS = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "w": 604_800_000_000,
}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
RESERVED = {"no", "without", "within", "span", "weekday", "hour", "value"}
CLOCK = ("weekday", "hour")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The Gregorian calendar, and with it every rule of a time zone, repeats after 400 years = 146,097 days.
CALENDAR_CYCLE = 146_097 * UNITS["d"]
FIRST_DAY = (datetime(1, 1, 3, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
LAST_DAY = (datetime(9999, 12, 29, tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True)
class Event:
    """One row of a log. `value` and every attribute may be None."""

    entity: str
    time: int
    type: str
    value: float | None = None
    attributes: dict[str, str | float | None] = field(default_factory=dict, hash=False)

    def __repr__(self) -> str:
        """Short, because a failing example prints many: `e0:a@5 value=1.0 ch=web`."""
        known = {"value": self.value, **self.attributes}
        return " ".join([f"{self.entity}:{self.type}@{self.time}", *(f"{k}={v}" for k, v in known.items() if v)])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))


@dataclass(frozen=True)
class Log:
    """All events in any order, the zone of the clock conditions, the declared end and the declared starts."""

    events: list[Event]
    zone: str = "UTC"
    declared_end: int | None = None
    starts: dict[str, int] = field(default_factory=dict)

    @property
    def observed_until(self) -> int:
        if self.declared_end is not None:
            return self.declared_end
        return max(e.time for e in self.events)

    @property
    def entities(self) -> list[str]:
        return sorted({e.entity for e in self.events}, key=str.encode)

    def of(self, entity: str) -> list[Event]:
        return [e for e in self.events if e.entity == entity]


@dataclass(frozen=True)
class Condition:
    """`kind` is value, weekday, hour or attribute; ranges (clock only) are pairs."""

    kind: str
    op: str
    operand: float | str | tuple[str, str] | tuple[int, int]
    name: str = ""


@dataclass(frozen=True)
class Step:
    """An event type, one of several, or (no types) any event; with conditions that all must hold."""

    types: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Link:
    """The way into a step: the gap lies in [lo, hi); hi None = unbounded; guard = the step of `without`."""

    lo: int = 1
    hi: int | None = None
    guard: Step | None = None


@dataclass(frozen=True)
class Pattern:
    """`links[i]` leads into `steps[i]`; `links[0]` is None unless the pattern is anchored at `^`."""

    steps: tuple[Step, ...]
    links: tuple[Link | None, ...]
    absences: tuple[tuple[Step, int], ...] = ()
    span: int | None = None

    @property
    def anchored(self) -> bool:
        return self.links[0] is not None

    @property
    def longest_absence(self) -> int:
        return max((within for _, within in self.absences), default=0)


def chain(*names: str, lo: int = 1, hi: int | None = None, span: int | None = None) -> Pattern:
    """Event types one after the other, all with the same gap."""
    links = [None, *(Link(lo, hi) for _ in names[1:])]
    return Pattern(tuple(Step((name,)) for name in names), tuple(links), span=span)


# --- what one event is worth ----------------------------------------------------------------------


def local_time(time: int, zone: str) -> tuple[int, int]:
    """(weekday with Monday = 0, hour) of a UTC instant on the clocks of a zone."""
    while time > LAST_DAY:
        time -= CALENDAR_CYCLE * max(1, (time - LAST_DAY) // CALENDAR_CYCLE)
    while time < FIRST_DAY:
        time += CALENDAR_CYCLE * max(1, (FIRST_DAY - time) // CALENDAR_CYCLE)
    local = (EPOCH + timedelta(microseconds=time)).astimezone(ZoneInfo(zone))
    return local.weekday(), local.hour


def compare(left: Any, op: str, right: Any) -> bool:
    if op == "=":
        return left == right
    if op == "!=":
        return left != right
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[op]


def condition_holds(condition: Condition, event: Event, zone: str) -> bool:
    if condition.kind in CLOCK:
        weekday, hour = local_time(event.time, zone)
        operand = condition.operand
        if condition.kind == "weekday":
            first, last = operand if isinstance(operand, tuple) else (operand, operand)
            allowed = {WEEKDAYS.index(first)}
            while WEEKDAYS.index(last) not in allowed:
                allowed.add((max(allowed, key=lambda d: (d - WEEKDAYS.index(first)) % 7) + 1) % 7)
            inside = weekday in allowed
        elif isinstance(operand, tuple):
            begin, end = operand
            inside = begin <= hour < end if begin < end else hour >= begin or hour < end
        else:
            return compare(hour, condition.op, operand)
        return inside == (condition.op == "=")
    found = event.value if condition.kind == "value" else event.attributes.get(condition.name)
    return found is not None and compare(found, condition.op, condition.operand)


def fits(step: Step, event: Event, zone: str) -> bool:
    if step.types and event.type not in step.types:
        return False
    return all(condition_holds(condition, event, zone) for condition in step.conditions)


# --- text -----------------------------------------------------------------------------------------


def duration_text(microseconds: int) -> str:
    if microseconds == 0:
        return "0s"
    unit = max((u for u in UNITS if microseconds % UNITS[u] == 0), key=UNITS.__getitem__)
    return f"{microseconds // UNITS[unit]}{unit}"


def parse_duration(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(us|ms|s|m|h|d|w)", text).groups()
    return int(number) * UNITS[unit]


def name_text(name: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_.:]+", name) and name not in RESERVED:
        return name
    return json.dumps(name, ensure_ascii=False)


def number_text(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(number)


def condition_text(condition: Condition) -> str:
    operand = condition.operand
    left = name_text(condition.name) if condition.kind == "attribute" else condition.kind
    if isinstance(operand, tuple):
        return f"{left}{condition.op}{operand[0]}..{operand[1]}"
    if condition.kind == "weekday":
        return f"{left}{condition.op}{operand}"
    right = name_text(operand) if isinstance(operand, str) else number_text(operand)
    return f"{left}{condition.op}{right}"


def step_text(step: Step) -> str:
    text = "|".join(name_text(name) for name in step.types) or "*"
    if step.conditions:
        text += "{" + ", ".join(condition_text(c) for c in step.conditions) + "}"
    return text


def link_text(link: Link) -> str:
    if link == Link(guard=link.guard):
        return "->"
    return f"-[{duration_text(link.lo)},{'inf' if link.hi is None else duration_text(link.hi)})->"


def to_text(pattern: Pattern) -> str:
    words = ["^"] if pattern.anchored else []
    for step, link in zip(pattern.steps, pattern.links, strict=True):
        words += [] if link is None else [link_text(link)]
        words.append(step_text(step))
        words += [] if link is None or link.guard is None else ["without", step_text(link.guard)]
    for step, within in pattern.absences:
        words += ["-> no", step_text(step), "within", duration_text(within)]
    if pattern.span is not None:
        words.append(f"span < {duration_text(pattern.span)}")
    return " ".join(words)


# --- reading what a miner printed -----------------------------------------------------------------

TOKEN = re.compile(
    r"\s*(-\[|\)->|->|\.\.|!=|<=|>=|[{},|*^<>=]"
    r'|"(?:[^"\\]|\\.)*"'
    r"|-\d+(?:\.\d+)?|\d+\.\d+"
    r"|[A-Za-z0-9_:]+(?:\.(?!\.)[A-Za-z0-9_:]+)*)"
)


class MinedText:
    """A reader of the text of mined patterns: steps, links, guards, trailing absences, span, conditions."""

    def __init__(self, text: str, numeric: frozenset[str] = frozenset()) -> None:
        self.tokens: list[str] = []
        self.numeric = numeric
        at = 0
        while at < len(text.rstrip()):
            found = TOKEN.match(text, at)
            assert found, f"cannot read {text!r} at {at}"
            self.tokens.append(found.group(1))
            at = found.end()

    def next_is(self, *words: str) -> bool:
        return self.tokens[: len(words)] == list(words)

    def take(self, expected: str | None = None) -> str:
        word = self.tokens.pop(0)
        assert expected in (None, word), f"expected {expected!r}, found {word!r}"
        return word

    def name(self) -> str:
        word = self.take()
        return json.loads(word) if word.startswith('"') else word

    def condition(self) -> Condition:
        quoted = self.tokens[0].startswith('"')
        name = self.name()
        op = self.take()
        kind = name if name in ("value", *CLOCK) and not quoted else "attribute"
        text = self.name()
        if kind == "attribute":
            return Condition(kind, op, float(text) if name in self.numeric else text, name)
        if self.next_is(".."):
            self.take()
            last = self.take()
            return Condition(kind, op, (text, last) if kind == "weekday" else (int(text), int(last)))
        if kind == "weekday":
            return Condition(kind, op, text)
        return Condition(kind, op, int(text) if kind == "hour" else float(text))

    def step(self) -> Step:
        if self.next_is("*"):
            self.take()
            types: list[str] = []
        else:
            types = [self.name()]
            while self.next_is("|"):
                self.take()
                types.append(self.name())
        conditions = []
        if self.next_is("{"):
            self.take()
            while not self.next_is("}"):
                conditions.append(self.condition())
                if self.next_is(","):
                    self.take()
            self.take("}")
        return Step(tuple(types), tuple(conditions))

    def link(self) -> Link:
        if self.next_is("->"):
            self.take()
            return Link()
        self.take("-[")
        lo = parse_duration(self.take())
        self.take(",")
        end = self.take()
        self.take(")->")
        return Link(lo, None if end == "inf" else parse_duration(end))

    def pattern(self) -> Pattern:
        steps: list[Step] = []
        links: list[Link | None] = []
        absences: list[tuple[Step, int]] = []
        span = None
        anchored = self.next_is("^")
        if anchored:
            self.take()
        else:
            steps.append(self.step())
            links.append(None)
        while self.tokens:
            if self.next_is("->", "no"):
                self.tokens = self.tokens[2:]
                absent = self.step()
                self.take("within")
                absences.append((absent, parse_duration(self.take())))
            elif self.next_is("span") or self.next_is(",", "span"):
                self.tokens = self.tokens[self.tokens.index("span") + 1 :]
                self.take("<")
                span = parse_duration(self.take())
            else:
                link = self.link()
                steps.append(self.step())
                if self.next_is("without"):
                    self.take()
                    link = Link(link.lo, link.hi, self.step())
                links.append(link)
        return Pattern(tuple(steps), tuple(links), tuple(absences), span)


def parse_mined(text: str, numeric: frozenset[str] = frozenset()) -> Pattern:
    """`numeric` names the attributes that hold numbers: their operands are read as numbers."""
    return MinedText(text, numeric).pattern()
