"""Columns of rows: what the study's index table says of an entity, and what attributes were as of the moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqmine._text import did_you_mean, parse_duration
from seqmine.errors import ParameterError
from seqmine.events.spans import span_positions
from seqmine.labels._instants import earlier
from seqmine.labels.index import IndexTable, candidates, parse_index
from seqmine.windows.moments import MomentRows, hidden_types

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import Study

__all__ = ["NULL", "Categories", "EntityColumns", "RowValues", "check_column", "entity_columns"]

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

NULL = "(null)"
_FIRST = -(2**63) + 1


@dataclass(frozen=True, eq=False)
class Categories:
    """A column of categories. ``code`` (n,) are positions in ``values``, in UTF-8 byte order, null last."""

    code: Int64
    values: tuple[str, ...]


class EntityColumns:
    """Further columns of the study's index table, by entity: those of its earliest row."""

    def __init__(self, columns: dict[str, pa.Array[Any]], position: Int64) -> None:
        self.columns = columns
        self._position = position

    def take(self, name: str, entity: Int64) -> pa.Array[Any]:
        """The values of entities; null for those that the table lacks."""
        position = self._position[entity]
        index: Any = pa.array(np.maximum(position, 0), mask=position < 0)
        return self.columns[name].take(index)


def entity_columns(log: EventLog, study: Study) -> EntityColumns:
    """Read the further columns of the study's index table, if it has one."""
    spec = None if study.at is None else parse_index(study.at)
    position = np.full(log.n_entities, -1, np.int64)
    if not isinstance(spec, IndexTable):
        return EntityColumns({}, position)
    found = candidates(log, spec, 1)
    order = np.arange(len(found.entity))[::-1]
    position[found.entity[order]] = order  # the first row of an entity is set last
    columns = {
        name: pa.array(column) if not isinstance(column, pa.Array) else column for name, column in found.extras.items()
    }
    return EntityColumns(columns, position)


def column_names(log: EventLog, entities: EntityColumns) -> list[str]:
    """Columns of the study's index table, then attributes of the log."""
    return [*entities.columns, *(name for name in log.attributes if name not in entities.columns)]


def check_column(log: EventLog, entities: EntityColumns, name: str, use: str, *, categories: bool = False) -> None:
    """ParameterError unless there is such a column (of categories)."""
    if name in entities.columns:
        numeric = _is_number(entities.columns[name])
    elif name in log.attributes:
        numeric = log.attributes[name].kind == "number"
    else:
        known = column_names(log, entities)
        near = did_you_mean(name, known)
        raise ParameterError(
            f"{use}: neither the study's index table nor the log has a column {name!r}",
            hint=f"did you mean {near!r}?" if near else "there are: " + (", ".join(known) or "none"),
        )
    if categories and numeric:
        raise ParameterError(
            f"{use}: the column {name!r} holds numbers, not categories", hint="cut it into classes first"
        )


class RowValues:
    """The values of columns for the rows of one moment, strictly up to the moment.

    Parameters
    ----------
    log, study, entities
        Where columns come from; `entities` are those of the study's index table.
    rows
        The rows. An attribute counts as of the moment: its last value that is not null, the moment's own event
        included; of simultaneous events the last in the order of the log. Types that the study excludes tell nothing.
    threads
        0 = all cores.
    """

    def __init__(self, log: EventLog, study: Study, entities: EntityColumns, rows: MomentRows, threads: int) -> None:
        self.log, self.entities, self.rows = log, entities, rows
        self._visible = hidden_types(log, study) == 0
        lookback = study.lookback
        lo = np.full(len(rows), _FIRST)
        if lookback is not None:
            lo = earlier(rows.time, parse_duration(lookback))
        self._span = span_positions(log, rows.entity, lo, rows.time, threads)

    def check(self, name: str, use: str, *, categories: bool = False) -> None:
        """ParameterError unless there is such a column (of categories)."""
        check_column(self.log, self.entities, name, use, categories=categories)

    def names(self) -> list[str]:
        """All columns that there are."""
        return column_names(self.log, self.entities)

    def is_number(self, name: str) -> bool:
        """Whether a column holds numbers."""
        if name in self.entities.columns:
            return _is_number(self.entities.columns[name])
        return self.log.attributes[name].kind == "number"

    def numbers(self, name: str, *, now: bool = False) -> Float64:
        """A column of numbers, NaN for null, (n_rows,). ``now``: only of events at the time of the moment."""
        if name in self.entities.columns:
            taken = self.entities.take(name, self.rows.entity).cast(pa.float64())
            return np.asarray(taken.to_numpy(zero_copy_only=False), dtype=np.float64)
        array = self.log.attributes[name].array
        at = self._latest(~np.isnan(array))
        if now and len(array):
            at = np.where(self.log.time[np.maximum(at, 0)] == self.rows.time, at, -1)
        return np.where(at >= 0, array[np.maximum(at, 0)] if len(array) else np.nan, np.nan)

    def categories(self, name: str) -> Categories:
        """A column of categories, (n_rows,)."""
        if name in self.entities.columns:
            return _encoded(self.entities.take(name, self.rows.entity))
        column = self.log.attributes[name]
        at = self._latest(column.array >= 0)
        n = len(column.categories)
        codes = column.array[np.maximum(at, 0)] if len(column.array) else np.zeros(len(at), np.int64)
        return Categories(np.where(at >= 0, codes, n).astype(np.int64), (*column.categories, NULL))

    def values(self, code: int) -> Float64:
        """The last value of one event type, before or at the moment; NaN where there is none, (n_rows,)."""
        value = self.log.value
        if value is None:
            return np.full(len(self.rows), np.nan)
        at = self._latest(~np.isnan(value) & (self.log.code == code))
        return np.where(at >= 0, value[np.maximum(at, 0)] if len(value) else np.nan, np.nan)

    def _latest(self, told: npt.NDArray[np.bool_]) -> Int64:
        """Position of the latest visible event that tells, of each row; -1 where there is none."""
        if len(told) == 0:
            return np.full(len(self.rows), -1, np.int64)
        told = told & self._visible[self.log.code]
        latest = np.where(told, np.arange(len(told)), -1)
        np.maximum.accumulate(latest, out=latest)
        begin, end = self._span
        at = latest[np.maximum(end - 1, 0)]
        return np.where((end > begin) & (at >= begin), at, -1)


def _is_number(column: pa.Array[Any]) -> bool:
    kind = column.type
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _encoded(column: pa.Array[Any]) -> Categories:
    encoded: Any = column.dictionary_encode() if not pa.types.is_dictionary(column.type) else column
    values = encoded.dictionary.cast(pa.string()).to_pylist()
    order = sorted(range(len(values)), key=lambda i: values[i].encode())
    rank = np.empty(len(values) + 1, np.int64)
    rank[order] = np.arange(len(values))
    rank[-1] = len(values)
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return Categories(rank[codes], (*(values[i] for i in order), NULL))


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"
