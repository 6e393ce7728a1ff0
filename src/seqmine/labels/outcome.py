"""``Outcome``: what happens after the index, as text or as a table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqmine._text import (
    Cursor,
    did_you_mean,
    format_duration,
    holds_digits,
    is_number,
    lost_digits,
    parse_duration,
    shorten,
)
from seqmine.errors import DataError, InvalidOutcome, ParameterError, SchemaError
from seqmine.events.selectors import Selector, parse_selector
from seqmine.events.zones import Zone, zone
from seqmine.labels import _columns
from seqmine.labels._instants import Int64

__all__ = ["Outcome"]

Measure = Literal["count", "exists", "no", "sum", "table"]

_COMPARISONS = (">=", "<=", "!=", ">", "<", "=")
_MISSPELT = {"==": "=", "=>": ">=", "=<": "<=", "<>": "!="}
_FORMS = (
    "write 'no purchase within 90d', 'exists(upgrade) within 60d', 'count(referral) >= 3 within 90d' or "
    "'sum(value of purchase) top 5% within 180d'"
)


@dataclass(frozen=True, init=False)
class Outcome:
    """The condition and the horizon of an outcome.

    Parameters
    ----------
    text
        One of these, with ``S`` an event test of the pattern language (``a|b``, ``*``, ``basket{value>=50}``)::

            exists(S) within H            at least one S in the outcome interval
            no S within H                 silence; asked only of rows with an S in [index - H, index)
            count(S) OP n within H        OP is one of > >= < <= = !=
            sum(value of S) OP x within H
            count(S) top p% within H      the largest p percent, see `label`
            sum(value of S) top p% within H
            count(S) within H             the number itself (numeric labels)
            sum(value of S) within H

        The outcome interval is ``[index + lead, index + lead + H)``; index and lead belong to the study.

    Attributes
    ----------
    measure
        ``"count"``, ``"exists"``, ``"no"``, ``"sum"``, or ``"table"`` (see `from_table`).
    selector
        The event test; None for a table.
    comparison, threshold
        The comparison, or None and None.
    percent
        The share of ``top p%``, or None.
    horizon
        Length of the outcome interval in microseconds; None = unbounded (tables only).

    Raises
    ------
    InvalidOutcome
        Text that cannot be read; ``position`` is the 0-based character.

    Examples
    --------
    >>> Outcome("sum(value of purchase) top 5% within 180d")
    Outcome('sum(value of purchase) top 5% within 180d')
    >>> Outcome("no purchase within 90d").measure
    'no'
    """

    measure: Measure
    selector: Selector | None
    comparison: str | None
    threshold: int | float | None
    percent: Decimal | None
    horizon: int | None
    table: pa.Table | None

    def __init__(self, text: str) -> None:
        cursor = Cursor(text, InvalidOutcome)
        measure, selector = _measure(cursor)
        comparison: str | None = None
        threshold: int | float | None = None
        percent: Decimal | None = None
        if measure in ("count", "sum"):
            if cursor.accept_word("top"):
                percent = _percent(cursor)
            elif cursor.peek().is_symbol(*_COMPARISONS, *_MISSPELT):
                comparison, threshold = _comparison(cursor, measure)
        cursor.expect_word("within", "and the length of the outcome interval")
        at = cursor.peek()
        horizon = cursor.duration("the length of the outcome interval")
        if horizon == 0:
            cursor.fail("the outcome interval is empty", at=at, hint="write a horizon such as 90d")
        cursor.expect_end()
        self._fill(measure, selector, comparison, threshold, percent, horizon, None)

    @classmethod
    def from_table(cls, table: Any, horizon: str | timedelta | None = None) -> Outcome:
        """An outcome that is known from elsewhere, one row per entity.

        Parameters
        ----------
        table
            Anything Arrow with ``entity``, ``time`` and either ``label`` or ``value``. Label 1: it happened, at
            ``time``. Label 0: the entity was followed until ``time`` without it. A value counts when its time lies
            in the outcome interval. Times without a zone are wall clock in the log's zone.
        horizon
            Length of the outcome interval; None = ever after.

        Raises
        ------
        SchemaError
            A missing column, a wrong type, or both ``label`` and ``value``.
        DataError
            A null, a label other than 0/1, or rows of one entity that contradict each other (exact repeats are one).
        """
        source = _columns.as_table(table, "the outcome table")
        kinds = [name for name in ("label", "value") if name in source.column_names]
        if len(kinds) != 1:
            raise SchemaError(
                "an outcome table has either a column 'label' or a column 'value'",
                column="label",
                hint="label: 1 = happened at its time, 0 = followed until then without it",
            )
        length = None if horizon is None else parse_duration(horizon, "horizon")
        if length == 0:
            raise ParameterError("horizon must be longer than zero", hint="None means ever after")
        kept = pa.table(
            {name: source.column(name) for name in ("entity", "time", kinds[0]) if name in source.column_names}
        )
        outcome = cls.__new__(cls)
        outcome._fill("table", None, None, None, None, length, kept)
        read_table(outcome, zone("UTC"))  # every problem of the table shows here, where the user made it
        return outcome

    @property
    def is_numeric(self) -> bool:
        """True when labels are numbers instead of yes/no."""
        if self.table is not None:
            return "value" in self.table.column_names
        return self.measure in ("count", "sum") and self.comparison is None and self.percent is None

    def __str__(self) -> str:
        """Canonical text; reads back to an equal outcome (a table shows its size only)."""
        within = "" if self.horizon is None else f" within {format_duration(self.horizon)}"
        if self.table is not None:
            return f"table of {self.table.num_rows} rows{within}"
        test = str(self.selector)
        subject = {"no": f"no {test}", "sum": f"sum(value of {test})"}.get(self.measure, f"{self.measure}({test})")
        if self.percent is not None:
            subject += f" top {_plain(self.percent)}%"
        elif self.comparison is not None:
            subject += f" {self.comparison} {_number_text(self.threshold)}"
        return subject + within

    def __repr__(self) -> str:
        return f"Outcome({str(self)!r})"

    def _fill(
        self,
        measure: Measure,
        selector: Selector | None,
        comparison: str | None,
        threshold: int | float | None,
        percent: Decimal | None,
        horizon: int | None,
        table: pa.Table | None,
    ) -> None:
        fields = {
            "measure": measure,
            "selector": selector,
            "comparison": comparison,
            "threshold": threshold,
            "percent": percent,
            "horizon": horizon,
            "table": table,
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)


def _measure(cursor: Cursor) -> tuple[Measure, Selector]:
    first = cursor.peek()
    if cursor.accept_word("no"):
        if cursor.peek().is_symbol("("):
            name = cursor.peek(1).text if cursor.peek(1).kind in ("word", "quoted") else "purchase"
            cursor.fail("'no' takes no parentheses", hint=f"write 'no {shorten(name)} within 90d'")
        return "no", parse_selector(cursor)
    measure: Measure
    if cursor.accept_word("count"):
        measure = "count"
    elif cursor.accept_word("exists"):
        measure = "exists"
    elif cursor.accept_word("sum"):
        measure = "sum"
    else:
        cursor.fail(f"expected 'no', 'exists', 'count' or 'sum', found {first}", hint=_measure_hint(cursor))
    cursor.expect("(", f"after '{measure}'")
    if measure == "sum":
        if not cursor.peek().is_word("value"):
            cursor.fail(f"expected 'value of', found {cursor.peek()}", hint="write sum(value of purchase)")
        cursor.next()
        cursor.expect_word("of", "after 'value'")
    selector = parse_selector(cursor)
    cursor.expect(")", f"to close '{measure}('")
    return measure, selector


def _measure_hint(cursor: Cursor) -> str:
    first, second = cursor.peek(), cursor.peek(1)
    if first.kind not in ("word", "quoted"):
        return _FORMS
    near = did_you_mean(first.text, ("no", "count", "exists", "sum"))
    if near is not None and (second.is_symbol("(") or first.text.casefold() == near):
        return f"did you mean '{near}'?"
    if second.kind == "end" or second.is_word("within"):  # the name of an event, or of the matter itself
        name = shorten(first.text)
        return f"write 'exists({name}) within 90d' for an event {name}, or for churn 'no purchase within 90d'"
    return f"did you mean '{near}'?" if near else _FORMS


def _comparison(cursor: Cursor, measure: Measure) -> tuple[str, int | float]:
    sign = cursor.next()
    if sign.text in _MISSPELT:
        cursor.fail(f"unknown comparison {sign}", at=sign, hint=f"did you mean '{_MISSPELT[sign.text]}'?")
    number = cursor.peek()
    if number.kind not in ("word", "number") or not is_number(number.text):
        cursor.fail(f"expected a number after '{sign.text}', found {number}")
    cursor.next()
    if measure == "count":
        digits = number.text.lstrip("0") or "0"
        if digits.isdigit() and len(digits) > 18:
            cursor.fail(f"the number {number} is too large for a count", at=number, hint="use at most 18 digits")
        if not digits.isdigit():
            cursor.fail(
                f"a count is compared with a whole number, not {number}",
                at=number,
                hint="sum(value of ...) takes any number",
            )
        return sign.text, int(digits)
    if not holds_digits(number.text):
        problem, hint = lost_digits(number.text)
        cursor.fail(problem, at=number, hint=hint)
    value = float(number.text)
    if not np.isfinite(value):
        cursor.fail(f"the number {number} does not fit a float", at=number)
    return sign.text, value + 0.0  # -0.0 becomes 0.0


def _percent(cursor: Cursor) -> Decimal:
    number = cursor.peek()
    if number.kind != "word" or not is_number(number.text) or len(number.text) > 20:
        cursor.fail(f"expected a percentage after 'top', found {number}", hint="write it as in 'top 5%'")
    cursor.next()
    cursor.expect("%", "after the number of 'top'")
    percent = Decimal(number.text)
    if not 0 < percent < 100:
        cursor.fail(f"a top share lies between 0% and 100%, not {number.text}%", at=number, hint="write 'top 5%'")
    return percent.normalize()


def _plain(percent: Decimal) -> str:
    return format(percent, "f")


def _number_text(number: int | float | None) -> str:
    assert number is not None, "a comparison has a number"
    return str(int(number)) if abs(number) < 1e15 and number == int(number) else repr(number)


def share(percent: Decimal) -> Fraction:
    """The exact share of a percentage: floors of shares must not hang on binary fractions."""
    return Fraction(percent) / 100


class OutcomeRows(NamedTuple):
    """An outcome table, one row per entity. ``happened`` is None for values, ``value`` is None for labels."""

    entity: pa.Array[Any]
    time: Int64
    happened: npt.NDArray[np.uint8] | None
    value: npt.NDArray[np.float64] | None


def read_table(outcome: Outcome, local: Zone) -> OutcomeRows:
    """The rows of an outcome table in order of the entities' bytes, exact repeats dropped."""
    assert outcome.table is not None, "only for outcomes from tables"
    what = "the outcome table"
    entity = _columns.entity_ids(outcome.table, what)
    time = _columns.instants(outcome.table, "time", what, local)
    numeric = outcome.is_numeric
    known: npt.NDArray[Any] = (_columns.values if numeric else _columns.binary_labels)(outcome.table, what)
    code, names = _columns.encode(entity)
    order = np.lexsort((known, time, code))
    code, time, known = code[order], time[order], known[order]
    same_entity = code[1:] == code[:-1]
    conflict = same_entity & ((time[1:] != time[:-1]) | (known[1:] != known[:-1]))
    if conflict.any():
        first = _columns.first_row(conflict)
        a, b = sorted((int(order[first]), int(order[first + 1])))
        raise DataError(
            f"contradicts row {a} of the same entity",
            row=b,
            hint="an outcome table has one row per entity: when it happened, or until when it did not",
        )
    kept = np.concatenate(([True], ~same_entity)) if len(code) else np.zeros(0, dtype=np.bool_)
    entity = _columns.take(names, code[kept])
    return OutcomeRows(entity, time[kept], None if numeric else known[kept], known[kept] if numeric else None)
