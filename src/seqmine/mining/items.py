"""What a mined step can be: an event type, or an event type with one condition from the context."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from seqmine import _native
from seqmine._text import did_you_mean
from seqmine.errors import ParameterError
from seqmine.events.conditions import WEEKDAYS, Condition
from seqmine.events.selectors import Selector

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import BoundRows

__all__ = ["Item", "make_items"]

HOURS: Final = ((0, 6), (6, 12), (12, 18), (18, 24))
QUANTILES: Final = (0.5, 0.75, 0.9)
MAX_ITEMS: Final = 200_000

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Item:
    """One kind of step: its canonical text, its event type, and the native form of its conditions."""

    text: str
    type_code: int
    conditions: tuple[_native.Condition, ...]

    @property
    def is_plain(self) -> bool:
        """Whether the event type alone decides."""
        return not self.conditions


def make_items(log: EventLog, bound: BoundRows, context: tuple[str, ...], min_support: int) -> list[Item]:
    """All steps worth trying, in the byte order of their texts.

    An event type (or one with a condition on a text) is left out when too few events of the whole log have it for
    `min_support` rows, at the most rows that one entity has. Thresholds of numbers are quantiles over the events that
    some row may see, so nothing from after an index gets into a pattern.

    Raises
    ------
    ParameterError
        The log has no such attribute or no values, or there would be more than 200,000 steps.
    """
    rows_of_entity = np.bincount(bound.entity[bound.entity >= 0], minlength=1)
    # One event is in every row of its entity, so support can exceed the number of events.
    least_events = -(-min_support // max(int(rows_of_entity.max()), 1))
    counts = np.bincount(log.code, minlength=len(log.event_types))
    types = [int(code) for code in np.flatnonzero(counts >= least_events)]
    items = [Item(str(Selector((log.event_types[code],))), code, ()) for code in types]
    visible: Flags | None = None
    for name in context:
        numbers, number = _numbers(log, name)
        if numbers is not None:
            if visible is None:
                visible = _native.seen_events(log.native, bound.rows).astype(np.bool_)
            made = _threshold_items(log, types, numbers, visible, number)
        elif name in ("weekday", "hour"):
            made = _clock_items(log, types, name)
        else:
            made = _category_items(log, name, least_events)
        for item in made:
            items.append(item)
            if len(items) > MAX_ITEMS:
                raise ParameterError(
                    f"context {name!r} would make more than {MAX_ITEMS:,} kinds of steps",
                    hint="raise min_support, or leave this attribute out",
                )
    return sorted(items, key=lambda item: item.text.encode())


def _item(log: EventLog, code: int, condition: Condition, native: _native.Condition) -> Item:
    return Item(str(Selector((log.event_types[code],), (condition,))), code, (native,))


def _clock_items(log: EventLog, types: list[int], field: str) -> Iterator[Item]:
    size = 7 if field == "weekday" else 24
    ranges: list[tuple[Condition, range]] = []
    if field == "weekday":
        ranges += [(Condition(field, "=", day, False), range(i, i + 1)) for i, day in enumerate(WEEKDAYS)]
        ranges += [(Condition(field, "=", ("Mon", "Fri"), False), range(5))]
        ranges += [(Condition(field, "=", ("Sat", "Sun"), False), range(5, 7))]
    else:
        ranges += [(Condition(field, "=", hours, False), range(*hours)) for hours in HOURS]
    for condition, within in ranges:
        flags = np.zeros(size, dtype=np.uint8)
        flags[list(within)] = 1
        native = _native.Condition(field, allowed=flags)
        for code in types:
            yield _item(log, code, condition, native)


def _numbers(
    log: EventLog, name: str
) -> tuple[npt.NDArray[np.float64] | None, Callable[[float], tuple[Condition, _native.Condition]]]:
    """The column of a numeric context and the maker of its conditions; None where `name` is not numeric."""
    if name == "value":
        if log.value is None:
            raise ParameterError("context: the log has no value column", hint="name one when reading: value='amount'")
        return log.value, lambda x: (
            Condition(name, ">=", x, False),
            _native.Condition("value", comparison="ge", operand=x),
        )
    if name in ("weekday", "hour"):
        return None, _never
    if name not in log.attributes:
        near = did_you_mean(name, [*log.attribute_names, "weekday", "hour", "value"])
        raise ParameterError(
            f"context: the log has no attribute {name!r}",
            hint=f"did you mean {near!r}?" if near else "attributes are named when reading: attributes=['channel']",
        )
    index = log.attribute_names.index(name)
    return log.attributes[name].numbers, lambda x: (
        Condition(name, ">=", x, True),
        _native.Condition("number", attribute=index, comparison="ge", operand=x),
    )


def _never(_: float) -> tuple[Condition, _native.Condition]:
    raise AssertionError("only numbers have thresholds")


def _threshold_items(
    log: EventLog,
    types: list[int],
    numbers: npt.NDArray[np.float64],
    visible: Flags,
    make: Callable[[float], tuple[Condition, _native.Condition]],
) -> Iterator[Item]:
    use = visible & ~np.isnan(numbers)
    code, number = log.code[use], numbers[use]
    order = np.lexsort((number, code))
    code, number = code[order], number[order]
    begins = np.searchsorted(code, types, side="left")
    ends = np.searchsorted(code, types, side="right")
    for name, begin, end in zip(types, begins, ends, strict=True):
        seen = number[begin:end]
        if len(seen) == 0:
            continue
        # Three digits are enough for a threshold that people will read; it cuts off at most a few events more.
        wanted = {float(f"{seen[int(q * (len(seen) - 1))]:.3g}") for q in QUANTILES}
        for threshold in sorted(wanted):
            if threshold > seen[0]:  # otherwise every event of this type passes
                yield _item(log, name, *make(threshold))


def _category_items(log: EventLog, name: str, least_events: int) -> Iterator[Item]:
    column: Any = log.attributes[name]
    index = log.attribute_names.index(name)
    n_categories = len(column.categories)
    pair = log.code.astype(np.int64) * (n_categories + 1) + column.codes + 1  # null is 0
    pairs, counts = np.unique(pair, return_counts=True)
    for key in pairs[counts >= least_events]:
        code, category = divmod(int(key), n_categories + 1)
        if category == 0:
            continue
        flags = np.zeros(n_categories, dtype=np.uint8)
        flags[category - 1] = 1
        condition = Condition(name, "=", column.categories[category - 1], True)
        yield _item(log, code, condition, _native.Condition("dictionary", attribute=index, allowed=flags))
