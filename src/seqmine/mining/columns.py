"""Columns by which rows are grouped: for strata, and for segments. Nothing at or after an index is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqmine._text import did_you_mean
from seqmine.errors import ParameterError
from seqmine.events.spans import span_positions
from seqmine.labels.labels import excluded_types

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import BoundRows, Labels

__all__ = ["NULL", "RowColumn", "check_column", "column_names", "other_columns", "row_columns"]

Int64 = npt.NDArray[np.int64]

NULL = "(null)"
_KEYS = ("entity", "index_time", "label")


@dataclass(frozen=True, eq=False)
class RowColumn:
    """The value of one column for every row.

    Attributes
    ----------
    name
        Of the column.
    code : (n_rows,) int64
        Positions in ``values``.
    values
        Texts in UTF-8 byte order, null (``"(null)"``) last. Some may have no row.
    origin
        In words, where the values come from.
    """

    name: str
    code: Int64
    values: tuple[str, ...]
    origin: str


def column_names(argument: str, names: Sequence[str]) -> tuple[str, ...]:
    """Distinct names as a tuple; ParameterError otherwise. `argument` is what errors call it."""
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise ParameterError(f"{argument} must be a list of names", hint=f"write {argument}=['plan']")
    if len(set(names)) != len(names):
        raise ParameterError(f"{argument}: a name is there twice", hint="give each name once")
    return tuple(names)


def check_column(log: EventLog, labels: Labels, name: str, use: str) -> None:
    """ParameterError unless rows can be grouped by this column. `use` begins the message, as in "strata"."""
    if _in_labels(labels, name):
        kind: Any = labels.to_arrow().schema.field(name).type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_nested(kind):
            raise ParameterError(
                f"{use}: the column {name!r} of the labels holds {kind}, not categories",
                hint="cut it into classes first",
            )
        return
    if name in log.attributes:
        if log.attributes[name].kind == "number":
            raise ParameterError(
                f"{use}: the attribute {name!r} holds numbers, not categories",
                hint="cut it into classes, as a column of the index table or of the labels",
            )
        return
    known = [column for column in labels.to_arrow().column_names if column not in _KEYS]
    known += [attribute for attribute, column in log.attributes.items() if column.kind != "number"]
    near = did_you_mean(name, known)
    raise ParameterError(
        f"{use}: neither the labels nor the log have a column {name!r} of categories",
        hint=f"did you mean {near!r}?" if near else f"there are: {', '.join(known) or 'none'}",
    )


def other_columns(log: EventLog, labels: Labels) -> list[str]:
    """Names of all columns by which rows can be grouped, those of the labels first."""
    found = []
    for name in dict.fromkeys([*labels.to_arrow().column_names, *log.attributes]):
        if name in _KEYS:
            continue
        try:
            check_column(log, labels, name, "columns")
        except ParameterError:
            continue
        found.append(name)
    return found


def row_columns(
    log: EventLog, labels: Labels, bound: BoundRows, names: Sequence[str], use: str, threads: int = 0
) -> Iterator[RowColumn]:
    """The values of further columns of the labels; where the labels have none, of text attributes of the log.

    An attribute counts as of the index: its last value that is not null among the events that the row may see, excluded
    event types apart; of simultaneous events the last in the order of the log. Null is a value of its own.

    Raises
    ------
    ParameterError
        See `check_column`.
    """
    spans: tuple[Int64, Int64] | None = None
    for name in names:
        check_column(log, labels, name, use)
        if _in_labels(labels, name):
            yield _of_labels(labels, name)
            continue
        if spans is None:
            spans = span_positions(log, bound.entity, bound.lo, bound.last, threads)
        yield _as_of_the_index(log, labels, name, *spans)


def _in_labels(labels: Labels, name: str) -> bool:
    return name in labels.to_arrow().column_names and name not in _KEYS


def _of_labels(labels: Labels, name: str) -> RowColumn:
    encoded = labels.column(name).dictionary_encode(null_encoding="encode")
    values = encoded.dictionary.cast(pa.large_string()).to_pylist()
    # By their texts, so that the numbers do not hang on the order of the rows.
    order = sorted(range(len(values)), key=lambda i: (values[i] is None, (values[i] or "").encode()))
    rank = np.empty(len(values), dtype=np.int64)
    rank[order] = np.arange(len(values))
    codes = np.asarray(encoded.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
    texts = tuple(NULL if values[i] is None else values[i] for i in order)
    return RowColumn(name, rank[codes], texts, "as the labels say")


def _as_of_the_index(log: EventLog, labels: Labels, name: str, begin: Int64, end: Int64) -> RowColumn:
    column = log.attributes[name]
    codes = column.array
    told = codes >= 0
    hidden = excluded_types(log, labels.exclude_events)
    if hidden is not None:
        told &= hidden[log.code] == 0
    # Position of the latest event that tells the value, at or before each event; 32 bits while they are enough.
    latest = np.where(told, np.arange(len(codes), dtype=np.int32 if len(codes) < 2**31 else np.int64), -1)
    np.maximum.accumulate(latest, out=latest)
    n_values = len(column.categories)
    result = np.full(len(begin), n_values, dtype=np.int64)
    some = end > begin
    at = latest[end[some] - 1].astype(np.int64)
    result[some] = np.where(at >= begin[some], codes[np.maximum(at, 0)], n_values)
    return RowColumn(name, result, (*column.categories, NULL), "its last value before the index")
