"""Names of leak alarms about conditions and absences: one for all steps that say the same thing.

An attribute that was written after the outcome makes a leak of every event type at once. What is to be read, and to be
acknowledged, is then ``*{plan=gone}``, and not ``login{plan=gone}``, ``mail{plan=gone}``, and so on. Every name is a
pattern of the language, and stands for each step that cannot match where it does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from seqmine._text import did_you_mean, shorten
from seqmine.errors import InvalidPattern, ParameterError
from seqmine.events.conditions import FIELDS, WEEKDAYS, Condition
from seqmine.events.selectors import Selector
from seqmine.mining.leak_findings import LeakAlarmFinding
from seqmine.patterns import Absence, Pattern, Step, parse_pattern

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

__all__ = ["accepted", "covers", "folded", "read_names"]


def covers(name: Pattern, step: Pattern) -> bool:
    """Whether `name` stands for `step`: both are one step with a condition, or one followed by an absence."""
    one, other = name.steps[0].selector, step.steps[0].selector
    if one.types and not set(other.types) <= set(one.types):
        return False
    if len(one.conditions) != len(other.conditions) or len(name.absences) != len(step.absences):
        return False
    return all(map(_implied, one.conditions, other.conditions)) and all(
        short.within <= long.within and set(short.selector.types) <= set(long.selector.types)
        for short, long in zip(name.absences, step.absences, strict=True)
    )


def folded(findings: Iterable[LeakAlarmFinding]) -> tuple[LeakAlarmFinding, ...]:
    """Put alarms of steps that say the same thing into one, in UTF-8 byte order of the names.

    What a looser condition of the same event type says, too, is left out first. Then steps with the same text of an
    attribute, with any threshold of the same number, or with any absence of the same event types, are one alarm: over
    several event types its name has ``*`` for them, and the loosest threshold or shortest time. Its figures are those
    of the step that most rows see, what all but is the outcome before what comes right before it.
    """
    result: list[LeakAlarmFinding] = []
    groups: dict[tuple[object, ...], list[tuple[Pattern, LeakAlarmFinding]]] = {}
    same_type: dict[tuple[object, ...], list[tuple[Pattern, LeakAlarmFinding]]] = {}
    for finding in findings:
        if not finding.is_step:
            result.append(finding)
            continue
        pattern = parse_pattern(finding.event)
        same_type.setdefault((finding.context, pattern.steps[0].selector.types), []).append((pattern, finding))
    for known in same_type.values():
        for pattern, finding in known:
            if not any(other != pattern and covers(other, pattern) for other, _ in known):
                groups.setdefault(_subject(pattern), []).append((pattern, finding))
    for group in groups.values():
        _, shown = min(group, key=lambda one: (one[1].kind, -one[1].n_matched, one[1].event.encode()))
        name = _common([pattern for pattern, _ in group])
        result.append(replace(shown, event=str(name), example=shown.event, n_steps=len(group)))
    return tuple(sorted(result, key=lambda finding: finding.event.encode()))


def read_names(log: EventLog, names: Iterable[str]) -> list[Pattern]:
    """The names that are no event types of the log, as patterns.

    Raises
    ------
    ParameterError
        A name is neither an event type nor the name of an alarm about a condition or absence.
    """
    result = []
    for name in names:
        if not isinstance(name, str):
            raise ParameterError(f"acknowledged leaks must be names of event types, not {type(name).__name__}")
        if log.type_index(name) is not None:
            continue
        pattern = _read(name)
        if pattern is None:
            near = did_you_mean(name, log.event_types)
            raise ParameterError(
                f"acknowledged leaks: the log has no event type {shorten(name)!r}",
                hint=f"did you mean {near!r}?" if near else "see log.event_types",
            )
        _check_known(log, pattern)
        result.append(pattern)
    return result


def accepted(finding: LeakAlarmFinding, names: Iterable[str], patterns: Sequence[Pattern]) -> bool:
    """Whether one alarm, not yet folded, is acknowledged."""
    if not finding.is_step:
        return finding.event in names
    return bool(patterns) and any(covers(name, parse_pattern(finding.event)) for name in patterns)


def _read(name: str) -> Pattern | None:
    try:
        pattern = parse_pattern(name)
    except InvalidPattern:
        return None
    selector = pattern.steps[0].selector
    says_more = len(selector.conditions) + len(pattern.absences) == 1
    return pattern if len(pattern.steps) == 1 and says_more and pattern.span is None and not pattern.anchored else None


def _check_known(log: EventLog, pattern: Pattern) -> None:
    selectors = [pattern.steps[0].selector, *(absence.selector for absence in pattern.absences)]
    for name in (name for selector in selectors for name in selector.types if log.type_index(name) is None):
        near = did_you_mean(name, log.event_types)
        raise ParameterError(
            f"acknowledged leaks: the log has no event type {shorten(name)!r}, named in {shorten(str(pattern))!r}",
            hint=f"did you mean {near!r}?" if near else "see log.event_types",
        )
    for condition in selectors[0].conditions:
        if condition.attribute and condition.field not in log.attribute_names:
            near = did_you_mean(condition.field, [*log.attribute_names, *FIELDS])
            raise ParameterError(
                f"acknowledged leaks: the log has no attribute {shorten(condition.field)!r}",
                hint=f"did you mean {near!r}?" if near else "see log.attribute_names",
            )


def _implied(loose: Condition, strict: Condition) -> bool:
    """Whether every event that passes `strict` passes `loose`, for the kinds of conditions that are mined."""
    if (loose.field, loose.attribute, loose.op) != (strict.field, strict.attribute, strict.op):
        return False
    if loose.op == ">=" and isinstance(loose.operand, float) and isinstance(strict.operand, float):
        return loose.operand <= strict.operand
    if loose.op == "=" and not loose.attribute and loose.field in ("weekday", "hour"):
        return _within(strict) <= _within(loose)
    return loose.operand == strict.operand


def _within(clock: Condition) -> set[int]:
    assert isinstance(clock.operand, tuple)
    first, last = clock.operand
    if isinstance(first, str):
        begin = WEEKDAYS.index(first)
        return {(begin + i) % 7 for i in range((WEEKDAYS.index(str(last)) - begin) % 7 + 1)}
    return {(first + i) % 24 for i in range((int(last) - first) % 24 or 24)}


def _subject(pattern: Pattern) -> tuple[object, ...]:
    """What alarms have in common that are told as one."""
    if pattern.absences:
        return ("no", pattern.absences[0].selector)
    condition = pattern.steps[0].selector.conditions[0]
    operand = None if condition.op == ">=" else condition.operand
    return (condition.field, condition.attribute, condition.op, operand)


def _common(patterns: Sequence[Pattern]) -> Pattern:
    """The name for all of them, which have a subject in common."""
    types = {pattern.steps[0].selector.types for pattern in patterns}
    shared = types.pop() if len(types) == 1 else ()
    absences: tuple[Absence, ...] = ()
    if patterns[0].absences:
        absences = (min((p.absences[0] for p in patterns), key=lambda absence: absence.within),)
    conditions = [c for pattern in patterns for c in pattern.steps[0].selector.conditions]
    loosest = conditions[:1]
    if conditions and conditions[0].op == ">=":
        loosest = [min(conditions, key=lambda c: c.operand if isinstance(c.operand, float) else 0.0)]
    return Pattern((Step(Selector(shared, tuple(loosest))),), absences)
