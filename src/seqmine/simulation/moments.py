"""Moments to plant, and the twins that look like them and mean nothing."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, NamedTuple

from seqmine._text import did_you_mean, format_duration, parse_duration
from seqmine.errors import ParameterError
from seqmine.events.conditions import WEEKDAYS
from seqmine.events.selectors import Condition, Selector
from seqmine.patterns import Gap, Pattern, Step, parse_pattern
from seqmine.simulation.checks import Duration, check_known, check_list, duration_text

__all__ = ["DEFAULT_MOMENTS", "OUTCOMES", "TWINS", "PlantedMoment", "Planting", "plantings"]

OUTCOMES: Final = ("churn", "vip", "referral")
TWINS: Final = ("timing", "reversed", "clock", "presence", "super")
_MAX_EFFECT: Final = 5.0
_SUPER_SHARE: Final = 1 / 3
_SAME: Final = ("moment", "super")  # what is an instance of the moment
_LATER: Final = ("between", "early")
_SUPER_GAP: Final = Gap(1, 86_400_000_000)


@dataclass(frozen=True, kw_only=True)
class PlantedMoment:
    """One moment to plant, and what it does.

    Parameters
    ----------
    name
        Its name in the truth.
    pattern
        Its text. Steps name one type or several (one of them is drawn); gaps end; the last step may have conditions on
        weekday and hour (UTC, as in the log); one ``no X within w`` may follow. No ``^`` and no ``without``.
    probability
        That it is planted into an entity, once, at a time when the entity is followed.
    churn, vip, referral
        What it adds to the log of the outcome's rate from its ready time on.
    distinct
        The steps' types all differ: k of n.
    fade
        Background events after the first step survive with a chance that halves over each such time, until the last
        step: fading activity.
    twins
        Which twins to plant, of ``timing`` (the last gap too long), ``reversed`` (the order), ``clock`` (the wrong
        hours, or weekdays), ``presence`` (what must not follow does) and ``super`` (a common event before it). None
        takes all that the pattern allows.
    between
        ``(after, before)``, counted from the log's start: all of it, twins too, happens in there. None for anywhere.
    early
        Outcome -> ``(until, addition)``, one piece after the other: what it adds for so long after its ready time, on
        top of ``churn``, ``vip`` and ``referral``. A hazard that is high in the first days makes time immortal: who is
        reached late was still there.
    twin_probability
        That an entity gets a twin, for each of them but ``super``, which is a third of the moment's own instances. An
        entity gets the moment or one of its twins, not both.

    Raises
    ------
    ParameterError, InvalidPattern
        A pattern that cannot be planted, or a value that cannot be used.

    Examples
    --------
    >>> moment = PlantedMoment(name="stuck", pattern="ticket_open -[2h,6h)-> help_center", churn=0.8)
    >>> [planting.pattern for planting in plantings(moment, "login") if planting.kind == "timing"]
    ['ticket_open -[6h,14h)-> help_center']
    """

    name: str
    pattern: str
    probability: float = 0.2
    churn: float = 0.0
    vip: float = 0.0
    referral: float = 0.0
    distinct: bool = False
    fade: str | timedelta | None = None
    twins: Sequence[str] | None = None
    twin_probability: float = 0.1
    between: tuple[Duration, Duration] | None = None
    early: Mapping[str, Sequence[tuple[Duration, float]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parsed = parse_pattern(self.pattern)
        object.__setattr__(self, "pattern", str(parsed))
        _check_plantable(self, parsed)
        if self.fade is not None:
            object.__setattr__(self, "fade", format_duration(parse_duration(self.fade, "fade")))
        for name in ("probability", "twin_probability"):
            _check_between(self.name, name, getattr(self, name), 0, 1)
        for name in OUTCOMES:
            _check_between(self.name, name, getattr(self, name), -_MAX_EFFECT, _MAX_EFFECT)
        if self.between is not None:
            object.__setattr__(self, "between", _between(self.name, self.between))
        object.__setattr__(self, "early", _early(self.name, self.early))
        possible = tuple(_possible_twins(parsed, self.distinct))
        if isinstance(self.twins, str):
            raise ParameterError(f"twins is a list, not {self.twins!r}", hint=f"write twins=({self.twins!r},)")
        chosen = possible if self.twins is None else tuple(dict.fromkeys(self.twins))
        for twin in chosen:
            if twin not in possible:
                near = did_you_mean(str(twin), possible)
                hint = f"did you mean {near!r}?" if near else f"it can have {', '.join(possible) or 'none'}"
                raise ParameterError(f"the moment {self.name!r} cannot have the twin {twin!r}", hint=hint)
        object.__setattr__(self, "twins", chosen)
        total = self.probability + self.twin_probability * sum(twin != "super" for twin in chosen)
        if total > 1 + 1e-9:
            raise ParameterError(
                f"the moment {self.name!r} and its twins have probabilities that add up to {total:g}, above 1",
                hint="lower twin_probability=",
            )

    @property
    def event_types(self) -> tuple[str, ...]:
        """Every event type that its steps and its absence name."""
        parsed = parse_pattern(self.pattern)
        named = [name for step in parsed.steps for name in step.selector.types]
        return tuple(dict.fromkeys([*named, *([] if self.absent is None else [self.absent])]))

    @property
    def absent(self) -> str | None:
        """The event type that must not follow."""
        absences = parse_pattern(self.pattern).absences
        return absences[0].selector.types[0] if absences else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON. What was not given since it was added later is left out."""
        values = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        values["twins"] = list(self.twins or ())
        values["between"] = None if self.between is None else list(self.between)
        values["early"] = {name: [list(piece) for piece in pieces] for name, pieces in self.early.items()}
        return {name: value for name, value in values.items() if name not in _LATER or value}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PlantedMoment:
        """Rebuild from `to_dict`.

        Raises
        ------
        ParameterError
            A name that no moment has, or ``name`` or ``pattern`` is missing.
        """
        known = [item.name for item in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                near = did_you_mean(name, known)
                raise ParameterError(f"a moment has no {name!r}", hint=f"did you mean {near!r}?" if near else None)
        for name in ("name", "pattern"):
            if name not in values:
                raise ParameterError(
                    f"a moment needs {name!r}", hint='as in name = "stuck", pattern = "a -[0s,1d)-> b"'
                )
        return cls(**values)


class Planting(NamedTuple):
    """One thing that is planted: a moment, or a twin of it.

    ``gaps[i]`` leads to step i (the first is unused). ``last`` completes it; ``anchor`` is the step that has the clock.
    """

    name: str
    kind: str
    moment: str
    pattern: str
    share: float
    effect: tuple[float, float, float]
    steps: tuple[tuple[str, ...], ...]
    gaps: tuple[tuple[int, int], ...]
    hours: tuple[bool, ...] | None
    anchor: int
    last: int
    span: int | None
    absent: str | None
    within: int
    distinct: bool
    fade: int
    between: tuple[int, int] | None
    early: tuple[tuple[int, tuple[float, float, float]], ...]


def plantings(moment: PlantedMoment, common: str) -> list[Planting]:
    """Return the moment and its twins; ``common`` is the event before it in ``super``."""
    parsed = parse_pattern(moment.pattern)
    twins = moment.twins or ()
    effect = (moment.churn, moment.vip, moment.referral)
    none = (0.0, 0.0, 0.0)
    above = _SUPER_SHARE if "super" in twins else 0.0
    found = [_planting(moment, "moment", parsed, moment.probability * (1 - above), effect)]
    for twin in twins:
        if twin == "super":
            found.append(_planting(moment, twin, _super(parsed, common), moment.probability * above, effect))
        elif twin == "presence":
            made = _planting(moment, twin, _presence(parsed), moment.twin_probability, none)
            found.append(made._replace(anchor=len(parsed.steps) - 1))
        elif twin == "reversed":
            made = _planting(moment, twin, _reversed(parsed), moment.twin_probability, none)
            found.append(made._replace(anchor=0) if parsed.steps[-1].selector.conditions else made)
        else:
            make = _late if twin == "timing" else _off_clock
            found.append(_planting(moment, twin, make(parsed), moment.twin_probability, none))
    return found


def _planting(
    moment: PlantedMoment, kind: str, pattern: Pattern, share: float, effect: tuple[float, float, float]
) -> Planting:
    gaps = tuple(
        (0, 1) if step.gap is None or step.gap.hi is None else (step.gap.lo, step.gap.hi) for step in pattern.steps
    )
    clocked = next((step.selector for step in pattern.steps if step.selector.conditions), None)
    absence = pattern.absences[0] if pattern.absences else None
    return Planting(
        name=moment.name if kind == "moment" else f"{moment.name}:{kind}",
        kind=kind,
        moment=moment.name,
        pattern=str(pattern),
        share=share,
        effect=effect,
        steps=tuple(step.selector.types for step in pattern.steps),
        gaps=gaps,
        hours=None if clocked is None else _hours_of(clocked.conditions),
        anchor=len(pattern.steps) - 1,
        last=len(pattern.steps) - 1,
        span=pattern.span,
        absent=None if absence is None else absence.selector.types[0],
        within=0 if absence is None else absence.within,
        distinct=moment.distinct,
        fade=parse_duration(moment.fade) if moment.fade is not None and effect != (0.0, 0.0, 0.0) else 0,
        between=None if moment.between is None else _borders(moment.between),
        early=_pieces(moment.early) if kind in _SAME else (),
    )


def _borders(between: tuple[Duration, Duration]) -> tuple[int, int]:
    lo, hi = between
    return parse_duration(lo), parse_duration(hi)


def _pieces(
    early: Mapping[str, Sequence[tuple[Duration, float]]],
) -> tuple[tuple[int, tuple[float, float, float]], ...]:
    """Return what is added up to each delay at which any outcome's addition ends."""
    ends = {name: [(parse_duration(until), size) for until, size in pieces] for name, pieces in early.items()}
    found = []
    for end in sorted({end for pieces in ends.values() for end, _ in pieces}):
        sizes = (next((size for until, size in ends.get(name, ()) if until >= end), 0.0) for name in OUTCOMES)
        churn, vip, referral = sizes
        found.append((end, (churn, vip, referral)))
    return tuple(found)


# --- twins ------------------------------------------------------------------------------------------------------------


def _possible_twins(pattern: Pattern, distinct: bool) -> Iterator[str]:
    if len(pattern.steps) > 1:
        yield "timing"
        if _order_matters(pattern):
            yield "reversed"
    if pattern.steps[-1].selector.conditions:
        yield "clock"
    if pattern.absences:
        yield "presence"
    if not distinct and pattern.span is None:
        yield "super"


def _order_matters(pattern: Pattern) -> bool:
    """Whether the reversed steps can never be read as the pattern: somewhere types or gaps are disjoint."""
    back = _reversed(pattern)
    for step, other in zip(pattern.steps, back.steps, strict=True):
        if not set(step.selector.types) & set(other.selector.types):
            return True
        if step.gap is not None and other.gap is not None:
            (lo, hi), (low, high) = (step.gap.lo, step.gap.hi), (other.gap.lo, other.gap.hi)
            if hi is not None and high is not None and (hi <= low or high <= lo):
                return True
    return False


def _late(pattern: Pattern) -> Pattern:
    """The last gap too long; under a span limit, so long that the whole is."""
    *before, last = pattern.steps
    assert last.gap is not None and last.gap.hi is not None
    lo, hi = last.gap.lo, last.gap.hi
    gap = Gap(hi, 3 * hi - 2 * lo) if pattern.span is None else Gap(max(hi, pattern.span), 2 * max(hi, pattern.span))
    return Pattern((*before, Step(last.selector, gap)), pattern.absences)


def _reversed(pattern: Pattern) -> Pattern:
    selectors = [step.selector for step in reversed(pattern.steps)]
    gaps = [None, *(step.gap for step in reversed(pattern.steps[1:]))]
    steps = tuple(Step(selector, gap) for selector, gap in zip(selectors, gaps, strict=True))
    return Pattern(steps, pattern.absences, pattern.span)


def _off_clock(pattern: Pattern) -> Pattern:
    """Hours outside of those asked for, on the same weekdays; without hours, the other weekdays."""
    *before, last = pattern.steps
    fields = [condition.field for condition in last.selector.conditions]
    turned = "hour" if "hour" in fields else "weekday"
    conditions = tuple(
        Condition(each.field, "!=" if each.op == "=" else "=", each.operand) if each.field == turned else each
        for each in last.selector.conditions
    )
    return Pattern((*before, Step(Selector(last.selector.types, conditions), last.gap)), pattern.absences, pattern.span)


def _presence(pattern: Pattern) -> Pattern:
    absence = pattern.absences[0]
    return Pattern((*pattern.steps, Step(absence.selector, Gap(1, absence.within))))


def _super(pattern: Pattern, common: str) -> Pattern:
    first, *rest = pattern.steps
    steps = (Step(Selector((common,))), Step(first.selector, _SUPER_GAP), *rest)
    return Pattern(steps, pattern.absences)


# --- checks -----------------------------------------------------------------------------------------------------------


def _check_plantable(moment: PlantedMoment, pattern: Pattern) -> None:
    def refuse(problem: str, hint: str) -> None:
        raise ParameterError(f"the moment {moment.name!r} cannot be planted: {problem}", hint=hint)

    if not isinstance(moment.name, str) or not moment.name or ":" in moment.name:
        refuse("its name is text without a colon", "the name with a colon is that of a twin")
    if pattern.anchored or any(step.guard is not None for step in pattern.steps):
        refuse("it has ^ or without", "plant the steps with their gaps alone")
    for step in pattern.steps:
        if not step.selector.types:
            refuse("a step is *", "name the event types that a step may have")
        if step.gap is not None and step.gap.hi is None:
            refuse("a gap has no end", "write -[0s,1d)->")
    conditions = [condition for step in pattern.steps[:-1] for condition in step.selector.conditions]
    if conditions or any(
        condition.field not in ("weekday", "hour") or condition.attribute
        for condition in pattern.steps[-1].selector.conditions
    ):
        refuse("it has a condition that is not on the last step's weekday or hour", "leave the condition out")
    if pattern.steps[-1].selector.conditions and not any(_hours_of(pattern.steps[-1].selector.conditions)):
        refuse("no hour of a week meets its conditions", "widen them")
    if len(pattern.absences) > 1:
        refuse("it has several absences", "keep one of them")
    for absence in pattern.absences:
        types = absence.selector.types
        if len(types) != 1 or absence.selector.conditions:
            refuse("its absence is not that of one event type", "write -> no ticket within 3d")
        if any(types[0] in step.selector.types for step in pattern.steps):
            refuse("what must not follow is one of its steps", "name another event type")
    if not isinstance(moment.distinct, bool):
        refuse(f"distinct is True or False, not {moment.distinct!r}", "write distinct=True")
    if moment.distinct and any(len(step.selector.types) < len(pattern.steps) for step in pattern.steps):
        refuse("distinct needs as many types at each step as it has steps", "write a|b|c -[0s,1d)-> a|b|c")


def _check_between(moment: str, name: str, value: object, least: float, most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ParameterError(f"{name} of the moment {moment!r} is a number, not {value!r}")
    if not least <= value <= most:
        raise ParameterError(f"{name} of the moment {moment!r} lies between {least:g} and {most:g}, not {value:g}")


def _between(moment: str, value: object) -> tuple[str, str]:
    borders = check_list(f"between of the moment {moment!r}", value)
    if len(borders) != 2:
        raise ParameterError(
            f"between of the moment {moment!r} is (after, before), not {value!r}", hint='write ("90d", "300d")'
        )
    after, before = (duration_text("between", border, 3_650 * 86_400_000_000, zero=True) for border in borders)
    if parse_duration(after) >= parse_duration(before):
        raise ParameterError(f"between of the moment {moment!r} is empty: [{after},{before})")
    return after, before


def _early(moment: str, value: Mapping[str, Any]) -> dict[str, tuple[tuple[str, float], ...]]:
    if not isinstance(value, Mapping):
        raise ParameterError(f"early of the moment {moment!r} maps outcomes to pieces, not {value!r}")
    check_known(f"early of the moment {moment!r}", value, OUTCOMES)
    found = {}
    for name, pieces in value.items():
        checked: list[tuple[str, float]] = []
        for piece in check_list(f"early[{name!r}] of the moment {moment!r}", pieces):
            if len(check_list("a piece of early", piece)) != 2:
                raise ParameterError(f"a piece of early is (until, addition), not {piece!r}", hint='write ("2d", 1.5)')
            until = duration_text("until, of early", piece[0], 3_650 * 86_400_000_000)
            _check_between(moment, f"early[{name!r}]", piece[1], -_MAX_EFFECT, _MAX_EFFECT)
            if checked and parse_duration(until) <= parse_duration(checked[-1][0]):
                raise ParameterError(f"early of the moment {moment!r}: {until} does not come after {checked[-1][0]}")
            checked.append((until, float(piece[1])))
        found[name] = tuple(checked)
    return found


def _hours_of(conditions: Sequence[Condition]) -> tuple[bool, ...]:
    """Return which of the 168 hours of a week meet the conditions, Monday 0:00 first."""
    return tuple(
        all(_holds(condition, day, hour) for condition in conditions)
        for day, hour in itertools.product(range(7), range(24))
    )


def _holds(condition: Condition, day: int, hour: int) -> bool:
    if condition.field == "weekday":
        first, last = (WEEKDAYS.index(str(name)) for name in _pair(condition.operand))
        inside = (day - first) % 7 <= (last - first) % 7
    else:
        first, last = (int(str(number)) for number in _pair(condition.operand))
        inside = (hour - first) % 24 < ((last - first) % 24 or 24)
    return inside == (condition.op == "=")


def _pair(operand: object) -> tuple[object, object]:
    assert isinstance(operand, tuple)
    return operand


DEFAULT_MOMENTS: Final = (
    PlantedMoment(name="unsolved", pattern="ticket_open -[2h,6h)-> help_center -[1d,3d)-> price_page", churn=0.9),
    PlantedMoment(
        name="unanswered",
        pattern="invite_user -[1h,1d)-> webinar_join -> no survey_answer within 3d",
        churn=0.7,
    ),
    PlantedMoment(
        name="workday",
        pattern="add_to_cart -[1h,12h)-> purchase{weekday=Tue..Thu, hour=9..12}",
        vip=0.7,
        referral=0.8,
    ),
    PlantedMoment(
        name="breadth",
        pattern=" -[1us,1d)-> ".join(["feature_alert|feature_board|feature_chart|feature_sync|export_data"] * 3)
        + " span < 36h",
        distinct=True,
        vip=0.9,
    ),
    PlantedMoment(
        name="fading",
        pattern="report_view -[1d,2d)-> report_view -[3d,5d)-> report_view -[7d,10d)-> report_view",
        fade="4d",
        churn=0.8,
    ),
)
"""One of each kind: a plain timed pattern, one with an absence, one with a clock, three of five, fading activity."""
