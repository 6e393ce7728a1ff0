"""``Labels``: which rows (entity, index) are asked, and what came of each."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from seqmine import _native
from seqmine._text import did_you_mean, format_duration, parse_duration
from seqmine.errors import ParameterError
from seqmine.events.checked import check_log
from seqmine.events.zones import zone
from seqmine.labels import _columns
from seqmine.labels._instants import Int64, earlier

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

_KEYS = ("entity", "index_time", "label")
_SHOWN_ROWS = 20


@dataclass(frozen=True, eq=False)
class BoundRows:
    """Labels set against one log: what a matcher may see of each row, and its label.

    All arrays are row-aligned with ``Labels.to_arrow()``. ``entity`` is -1 where the log lacks the entity: such a
    row sees no events. A row sees the events with ``lo <= time <= last``, which is ``index_time - 1`` unless the log
    was declared to end before. Numeric labels are in ``number``, and ``label`` is 0 everywhere.
    """

    rows: _native.Rows
    label: npt.NDArray[np.uint8]
    entity: Int64
    index_time: Int64
    lo: Int64
    last: Int64
    excluded: npt.NDArray[np.uint8] | None
    number: npt.NDArray[np.float64] | None = None

    def take(self, chosen: npt.NDArray[Any]) -> BoundRows:
        """The rows that a mask or an array of positions names, in its order."""
        entity, lo, last = (np.ascontiguousarray(array[chosen]) for array in (self.entity, self.lo, self.last))
        rows = _native.Rows(entity=entity, lo=lo, last=last, excluded=self.excluded)
        number = None if self.number is None else self.number[chosen]
        return BoundRows(rows, self.label[chosen], entity, self.index_time[chosen], lo, last, self.excluded, number)


@dataclass(frozen=True, eq=False)
class Labels:
    """Rows of (entity, index time, label), ordered by (entity bytes, index time).

    Made by `label` from a study, or by `Labels.from_arrow` from a table; both are immutable.

    Attributes
    ----------
    excluded
        Rows left out, by reason, in the order in which the reasons are checked. Reasons that could apply but did
        not are there with 0, so that candidates = ``n_rows + sum(excluded.values())``.
    exclude_events
        Event types that matching never sees (outcome proxies).
    lookback
        Microseconds before the index that matching sees; None = since the entity's start.
    outcome
        Canonical text of the outcome, or None for given labels.
    details
        Numbers worth keeping: ``threshold`` and ``n_discovery`` of a top share, ``n_null_values`` of a sum,
        ``n_outcome_rows_unused`` of an outcome table.

    Examples
    --------
    >>> rows = {"entity": ["bob", "ann"], "index_time": ["2017-10-01"] * 2, "label": [1, 0]}
    >>> labels = Labels.from_arrow(rows, lookback="90d", timezone="UTC")
    >>> labels
    Labels(2 rows, 1 positive, 0 excluded)
    >>> labels.to_arrow().column("entity").to_pylist()
    ['ann', 'bob']
    """

    _table: pa.Table
    excluded: Mapping[str, int]
    exclude_events: tuple[str, ...] = ()
    lookback: int | None = None
    outcome: str | None = None
    details: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def from_arrow(
        cls,
        table: Any,
        lookback: str | timedelta | None = None,
        exclude_events: Iterable[str] = (),
        *,
        timezone: str | None = None,
    ) -> Labels:
        """Labels from a table of one's own.

        Parameters
        ----------
        table
            Anything Arrow with the columns ``entity`` (text or whole numbers), ``index_time`` (timestamps, dates or
            ISO text) and ``label`` (0/1 or booleans), in any order of rows. Other columns are kept, for strata.
        lookback
            How far before the index matching may see, for example ``"180d"``; None = since the entity's start.
        exclude_events
            Event types that matching never sees. They are checked when the labels meet a log.
        timezone
            Zone of times that carry none; without it such times are refused.

        Raises
        ------
        SchemaError
            A column is missing or of the wrong type.
        DataError
            A null, a label other than 0/1 (named by row), or two rows with the same entity and index time.
        TimestampError
            A time that cannot be used.
        """
        source = _columns.as_table(table, "the table of labels")
        entity = _columns.entity_ids(source, "the table of labels")
        local = zone(timezone) if timezone is not None else None
        time = _columns.instants(source, "index_time", "the table of labels", local)
        label = _columns.binary_labels(source, "the table of labels")
        extras = {name: source.column(name) for name in source.column_names if name not in _KEYS}
        order = row_order(entity, time)
        taken = {name: _columns.take(column, order) for name, column in extras.items()}
        sorted_label = pa.array(label[order].astype(np.int8))
        rows = assemble(_columns.take(entity, order), time[order], sorted_label, taken)
        _columns.refuse_repeats(_columns.encode(entity)[0][order], time[order], order)
        return cls(rows, MappingProxyType({}), event_names(exclude_events), duration_or_none(lookback, "lookback"))

    @property
    def n_rows(self) -> int:
        """Number of labelled rows, (entity, index) pairs."""
        return int(self._table.num_rows)

    @property
    def is_numeric(self) -> bool:
        """True when the label is a number instead of yes/no."""
        return bool(self._table.schema.field("label").type != pa.int8())

    @property
    def n_positive(self) -> int:
        """Number of rows with label 1."""
        return int(np.count_nonzero(self._binary()))

    @property
    def base_rate(self) -> float:
        """Share of rows with label 1; NaN without rows."""
        return self.n_positive / self.n_rows if self.n_rows else math.nan

    def to_arrow(self) -> pa.Table:
        """``entity`` (large_string), ``index_time`` (timestamp[us, UTC]), ``label``, then any other columns.

        ``label`` is int8 0/1, or a number for an outcome without a comparison. Ordered by (entity bytes, index time).
        """
        return self._table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Stream `to_arrow` to any library that takes Arrow data."""
        table: Any = self.to_arrow()
        return table.__arrow_c_stream__(requested_schema)

    def __deepcopy__(self, memo: object) -> Labels:
        return self  # nothing in it ever changes

    def column(self, name: str) -> Any:
        """One column, row-aligned, as a plain array: for strata."""
        if name not in self._table.column_names:
            near = did_you_mean(name, self._table.column_names)
            raise ParameterError(
                f"the labels have no column {name!r}",
                hint=f"did you mean {near!r}?" if near else "keep it in the table of labels",
            )
        return _columns.take_column(self._table, name, "the labels")

    def bind(self, log: EventLog, *, numbers: bool = False) -> BoundRows:
        """The rows as spans of the log's entities, for matching and mining.

        Row i sees ``[index - lookback, index)`` of its entity, or everything from the entity's start (declared, else
        its first event) when there is no lookback; never an event at or after the index, never an excluded type. It
        sees nothing after an ``observed_until`` that was declared for the log, so an absence that reaches further is
        undecided. Where none was declared, the log is taken to be complete up to every index.
        Entities that the log lacks stay, without events, so that n does not depend on the log. With `numbers` numeric
        labels are bound too.

        Raises
        ------
        ParameterError
            An excluded event type that the log lacks, numeric labels without `numbers`, or a `log` that is none.
        """
        check_log(log)
        number = None
        if numbers and self.is_numeric:
            number = np.asarray(self.column("label").to_numpy(zero_copy_only=False), dtype=np.float64)
            label = np.zeros(self.n_rows, dtype=np.uint8)
        else:
            label = self._binary()
        time = index_times(self._table)
        entity = np.asarray(log.entity_index(self.column("entity")), dtype=np.int64)
        if self.lookback is not None:
            lo = earlier(time, self.lookback)
        elif log.n_entities:
            lo = np.asarray(log.start_times)[np.maximum(entity, 0)]
        else:
            lo = np.zeros_like(time)
        lo = np.ascontiguousarray(lo)
        last = time - 1 if log.declared_until is None else np.minimum(time - 1, log.declared_until)
        excluded = excluded_types(log, self.exclude_events)
        rows = _native.Rows(entity=entity, lo=lo, last=last, excluded=excluded)
        return BoundRows(rows, label, entity, time, lo, last, excluded, number)

    def summary(self) -> dict[str, Any]:
        """What a reader wants to know first, in plain values (ready for JSON)."""
        entities = self.column("entity")
        result: dict[str, Any] = {
            "outcome": self.outcome,
            "n_rows": self.n_rows,
            "n_entities": len(entities.unique()),
            "n_candidates": self.n_rows + sum(self.excluded.values()),
            "excluded": dict(self.excluded),
            "exclude_events": list(self.exclude_events),
            "lookback": None if self.lookback is None else format_duration(self.lookback),
        }
        if not self.is_numeric:
            result["n_positive"] = self.n_positive
            result["base_rate"] = self.base_rate if self.n_rows else None
        return result | dict(self.details)

    def __repr__(self) -> str:
        what = "numbers" if self.is_numeric else f"{self.n_positive} positive"
        return f"Labels({self.n_rows} rows, {what}, {sum(self.excluded.values())} excluded)"

    def _repr_html_(self) -> str:
        shown = self._table.slice(0, _SHOWN_ROWS)
        head = "".join(f"<th>{html.escape(name)}</th>" for name in shown.column_names)
        cells = zip(*(_texts(column) for column in shown.columns), strict=True)
        body = "".join("<tr>" + "".join(f"<td>{html.escape(text)}</td>" for text in row) + "</tr>" for row in cells)
        reasons = ", ".join(f"{html.escape(reason)} {count:,}" for reason, count in self.excluded.items())
        what = "numeric labels" if self.is_numeric else f"{self.n_positive:,} positive"
        caption = f"{self.n_rows:,} rows, {what}" + (f"; excluded: {reasons}" if reasons else "")
        return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _binary(self) -> npt.NDArray[np.uint8]:
        if self.is_numeric:
            raise ParameterError(
                "these labels are numbers, not yes or no",
                hint='give the outcome a comparison or a share, for example "sum(value of purchase) top 5% within 90d"',
            )
        return np.asarray(self.column("label").to_numpy(zero_copy_only=False)).astype(np.uint8)


def _texts(column: Any) -> list[str]:
    try:
        return [str(value) for value in column.to_pylist()]
    except (OverflowError, ValueError):  # times that no calendar reaches
        return [f"{value} us" for value in column.cast(pa.int64()).to_pylist()]


def assemble(entity: pa.Array[Any], time: Int64, label: pa.Array[Any], extras: Mapping[str, Any]) -> pa.Table:
    """The canonical table of labels."""
    index_time = pa.array(np.ascontiguousarray(time), pa.int64()).cast(pa.timestamp("us", "UTC"))
    columns = {"entity": entity.cast(pa.large_string()), "index_time": index_time, "label": label}
    return pa.table(columns | dict(extras))


def index_times(table: pa.Table) -> Int64:
    column = _columns.take_column(table, "index_time", "the labels").cast(pa.int64())
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.int64)


def row_order(entity: Any, time: Int64) -> Int64:
    """Rows by (entity bytes, time); Arrow compares text by its bytes."""
    keys: list[tuple[str, Any]] = [("entity", "ascending"), ("time", "ascending")]
    order = pc.sort_indices(pa.table({"entity": entity, "time": pa.array(time)}), sort_keys=keys)
    return np.asarray(order.to_numpy(), dtype=np.int64)


def event_names(names: Iterable[str]) -> tuple[str, ...]:
    """Excluded event types as distinct names in byte order."""
    if isinstance(names, str):
        raise ParameterError(
            "exclude_events must be a list of event types, not one text", hint=f"write exclude_events=[{names!r}]"
        )
    checked = tuple(names)
    for name in checked:
        if not isinstance(name, str) or not name:
            raise ParameterError(f"exclude_events must hold names of event types, not {type(name).__name__}")
    return tuple(sorted(set(checked), key=str.encode))


def duration_or_none(duration: str | timedelta | None, name: str) -> int | None:
    if duration is None:
        return None
    length = parse_duration(duration, name)
    if length <= 0:
        raise ParameterError(f"{name} must be longer than zero", hint=f"write {name}='180d', or None")
    return length


def excluded_types(log: EventLog, names: tuple[str, ...]) -> npt.NDArray[np.uint8] | None:
    """Flags by type code. A name that the log lacks is an error: a typo here would leak the outcome."""
    if not names:
        return None
    flags = np.zeros(len(log.event_types), dtype=np.uint8)
    for name in names:
        code = log.type_index(name)
        if code is None:
            near = did_you_mean(name, log.event_types)
            raise ParameterError(
                f"exclude_events: the log has no event type {name!r}",
                hint=f"did you mean {near!r}?" if near else "see log.event_types",
            )
        flags[code] = 1
    return flags
