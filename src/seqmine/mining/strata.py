"""What a fair comparison holds equal: how much was seen of a row, for how long it is known, and named columns.

Entities with more events match every pattern more often, and most outcomes go with activity. Compared with all rows,
patterns that mean nothing look like causes (Simpson's paradox); so rows are compared within strata of their likes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from seqmine import _native
from seqmine._text import did_you_mean, rounded_duration
from seqmine.errors import ParameterError
from seqmine.events.spans import any_event
from seqmine.labels._instants import format_instant
from seqmine.mining.columns import check_column, column_names, row_columns

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import BoundRows, Labels

__all__ = ["Exposure", "RowStrata", "StrataRule", "finer", "quantile_classes", "row_strata"]

Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

KINDS: Final = ("activity", "tenure", "calendar")
DEFAULT_KINDS: Final = ("activity", "tenure")
ROWS_PER_CLASS: Final = 2000
FEWEST_CLASSES, MOST_CLASSES = 20, 100
CALENDAR_CLASSES = 10


@dataclass(frozen=True, eq=False)
class StrataRule:
    """How rows are put into strata; fixed on the discovery rows, used on all.

    Attributes
    ----------
    activity : (n_classes - 1,) int64, or None
        Least numbers of seen events of all classes but the first; None = activity is not held equal.
    tenure : (0,) or (1,) uint64, or None
        Least microseconds from the start to the index of the second class; None = tenure is not held equal.
    calendar : (n_classes - 1,) int64, or None
        First index times of all classes but the first; None = the date of the index is not held equal.
    columns
        Names of columns of the labels, or of text attributes of the log.
    """

    activity: Int64 | None
    tenure: npt.NDArray[np.uint64] | None
    calendar: Int64 | None
    columns: tuple[str, ...]


class Exposure(NamedTuple):
    """What second looks at the strata need to know of each row (`seqmine.mining.guards`).

    Attributes
    ----------
    seen : (n_rows,) int64, or None
        Events that the row may see; None = activity is not held equal.
    edges : (n_classes - 1,) int64
        Of the classes of activity.
    rest : (n_rows,) int64
        A code of all else that is held equal.
    tenure : (n_rows,) uint64, or None
        Microseconds; None = tenure is not held equal.
    dated
        Whether the date of the index may still matter: something is held equal, but not that.
    """

    seen: Int64 | None
    edges: Int64
    rest: Int64
    tenure: npt.NDArray[np.uint64] | None
    dated: bool

    def take(self, rows: Bool) -> Exposure:
        """Of these rows."""
        seen = None if self.seen is None else self.seen[rows]
        tenure = None if self.tenure is None else self.tenure[rows]
        return Exposure(seen, self.edges, self.rest[rows], tenure, self.dated)


@dataclass(frozen=True, eq=False)
class RowStrata:
    """The stratum of every row. Made by `row_strata`.

    Attributes
    ----------
    code : (n_rows,) int32
        From 0 to ``n_strata - 1``; every number occurs. Ordered by activity, tenure, date and the columns' values.
    names
        What the rows of each stratum share, in words, (n_strata,).
    sentence
        What is held equal, in words.
    rule
        The edges.
    held
        What is held equal and has more than one class, in a word each.
    exposure
        For second looks.
    """

    code: npt.NDArray[np.int32]
    names: tuple[str, ...]
    sentence: str
    rule: StrataRule
    held: tuple[str, ...]
    exposure: Exposure

    @property
    def n_strata(self) -> int:
        """Number of strata that have rows."""
        return len(self.names)


def row_strata(
    log: EventLog,
    labels: Labels,
    bound: BoundRows,
    discovery: Bool,
    *,
    adjust: Sequence[str] = DEFAULT_KINDS,
    columns: Sequence[str] = (),
    threads: int = 0,
) -> RowStrata:
    """Put every row into a stratum, by edges that the discovery rows alone decide.

    ``activity`` is the number of events that the row may see, excluded event types apart, in classes cut at S = n /
    2,000 quantiles of the discovery rows (n is twice their number; S at least 20 and at most 100); equal numbers stay
    together, and a number that fills a class by itself is one, so there may be fewer or a few more. ``tenure`` is the
    time from the entity's start (declared, else its first event) to the index, in two classes cut at the median, or at
    the next longer tenure where half of the rows have the shortest; entities that the log lacks, and starts after the
    index, have none. ``calendar`` is the date of the index, in ten classes of equal size (equal dates stay together),
    for outcomes that go with the season. Nothing at or after the index is looked at.

    Parameters
    ----------
    log
        The events.
    labels, bound
        The rows, and ``labels.bind(log)`` of them.
    discovery : (n_rows,) bool
        The rows that decide the edges.
    adjust
        Which of ``"activity"``, ``"tenure"`` and ``"calendar"`` to hold equal.
    columns
        Further columns of the labels; where the labels have no such column, text attributes of the log. An attribute
        counts as of the index: its last value that is not null among the events that the row may see (of simultaneous
        ones, the last in the order of the log). Null is a value of its own.
    threads
        0 = all cores. The result does not depend on it.

    Returns
    -------
    RowStrata

    Raises
    ------
    ParameterError
        An unknown kind or column, a column of numbers that are not whole, or a numeric attribute.
    """
    for kind in column_names("adjust", adjust):
        if kind not in KINDS:
            near = did_you_mean(kind, KINDS)
            raise ParameterError(
                f"adjust: nothing is called {kind!r}",
                hint=f"did you mean {near!r}?" if near else f"take some of {', '.join(KINDS)}; name columns in columns",
            )
    names = column_names("columns", columns)
    for name in names:
        check_column(log, labels, name, "strata")
    seen = _activity(log, bound, threads) if "activity" in adjust else None
    tenure = _tenure(log, bound) if "tenure" in adjust else None
    rule = StrataRule(
        None if seen is None else _quantile_edges(seen[discovery]),
        None if tenure is None else _median_edge(tenure[discovery]),
        _edges(bound.index_time[discovery], CALENDAR_CLASSES) if "calendar" in adjust else None,
        names,
    )
    return _assign(log, labels, bound, rule, seen, tenure, threads)


def _assign(
    log: EventLog,
    labels: Labels,
    bound: BoundRows,
    rule: StrataRule,
    seen: Int64 | None,
    tenure: npt.NDArray[np.uint64] | None,
    threads: int,
) -> RowStrata:
    parts: list[tuple[Int64, Sequence[str]]] = []
    held: list[str] = []
    if rule.activity is not None and seen is not None:
        parts.append((_classes(rule.activity, seen), _activity_names(rule.activity)))
        held.append(f"the number of events seen before the index ({_classes_text(len(rule.activity) + 1)})")
    if rule.tenure is not None and tenure is not None:
        parts.append((_classes(rule.tenure, tenure), _tenure_names(rule.tenure)))
        cut = f", under {rounded_duration(int(rule.tenure[0]))} or not" if len(rule.tenure) else ""
        held.append(f"the time since the entity's start ({_classes_text(len(rule.tenure) + 1)}{cut})")
    if rule.calendar is not None:
        parts.append((_classes(rule.calendar, bound.index_time), _calendar_names(rule.calendar)))
        held.append(f"the date of the index ({_classes_text(len(rule.calendar) + 1)})")
    for column in row_columns(log, labels, bound, rule.columns, "strata", threads):
        parts.append((column.code, [f"{column.name} {value}" for value in column.values]))
        held.append(f"{column.name} ({column.origin})")

    key, first = _dense(parts, len(bound.entity))
    adjusted = bool(parts)
    rest, _ = _dense(parts[1:] if rule.activity is not None else parts, len(bound.entity))
    exposure = Exposure(
        seen,
        np.zeros(0, dtype=np.int64) if rule.activity is None else rule.activity,
        rest,
        tenure,
        adjusted and rule.calendar is None,
    )
    words = ["; ".join(values[codes[row]] for codes, values in parts) or "all rows" for row in first.tolist()]
    edges = {"activity": rule.activity, "tenure": rule.tenure, "calendar": rule.calendar}
    matter = [name for name, cuts in edges.items() if cuts is not None and len(cuts)]
    return RowStrata(key.astype(np.int32), tuple(words), _sentence(held), rule, (*matter, *rule.columns), exposure)


def _dense(parts: Sequence[tuple[Int64, Sequence[str]]], n_rows: int) -> tuple[Int64, Int64]:
    """One code for each combination that occurs, in order, and the first row of each."""
    key = np.zeros(n_rows, dtype=np.int64)
    first = np.zeros(min(n_rows, 1), dtype=np.int64)
    for codes, values in parts:
        # Both factors count rows or values, so the product fits; renumbering keeps it so for the next part.
        _, first, dense = np.unique(key * max(len(values), 1) + codes, return_index=True, return_inverse=True)
        key = np.asarray(dense.reshape(-1), dtype=np.int64)
    return key, np.asarray(first, dtype=np.int64)


def finer(code: npt.NDArray[Any], classes: Int64) -> tuple[npt.NDArray[np.int32], int]:
    """Strata cut by further classes: dense codes, and their number."""
    whole = code.astype(np.int64) * (int(classes.max(initial=0)) + 1) + classes
    values, dense = np.unique(whole, return_inverse=True)
    return dense.reshape(-1).astype(np.int32), len(values)


def quantile_classes(values: Int64, n_classes: int) -> Int64:
    """Classes of about equal size of these values, (n,); equal ones stay together."""
    return _classes(_edges(values, n_classes), values)


def _sentence(held: Sequence[str]) -> str:
    if not held:
        return "Rows are compared with all other rows; nothing is held equal."
    listed = held[0] if len(held) == 1 else f"{', '.join(held[:-1])} and {held[-1]}"
    return f"Rows are compared with rows that are alike in {listed}."


# --- activity and tenure ----------------------------------------------------------------------------------------------


def _activity(log: EventLog, bound: BoundRows, threads: int) -> Int64:
    counts = _native.window_stats(log.native, any_event(log), bound.rows, threads)["count"]
    return np.asarray(counts, dtype=np.int64)


def _tenure(log: EventLog, bound: BoundRows) -> npt.NDArray[np.uint64]:
    """Microseconds from start to index; two int64 instants always differ by a uint64."""
    if log.n_entities == 0:
        return np.zeros(len(bound.entity), dtype=np.uint64)
    start = np.asarray(log.start_times, dtype=np.int64)[np.maximum(bound.entity, 0)]
    there = (bound.entity >= 0) & (start <= bound.index_time)
    return np.where(there, bound.index_time.view(np.uint64) - start.view(np.uint64), np.uint64(0))


def _quantile_edges(values: Int64) -> Int64:
    n = len(values)
    return _edges(values, min(max(2 * n // ROWS_PER_CLASS, FEWEST_CLASSES), MOST_CLASSES))


def _edges(values: Int64, n_classes: int) -> Int64:
    n = len(values)
    if n == 0:
        return np.zeros(0, dtype=np.int64)
    # A number that fills a class by itself is one: those that did nothing must not stand for those that did little.
    distinct, counts = np.unique(values, return_counts=True)
    heavy = np.flatnonzero(counts * n_classes >= n)
    after = heavy[heavy + 1 < len(distinct)] + 1
    ordered = np.sort(values)
    cuts = ordered[np.arange(1, n_classes, dtype=np.int64) * n // n_classes]
    edges = np.unique(np.concatenate([cuts, distinct[heavy], distinct[after]]))
    return np.asarray(edges[edges > ordered[0]], dtype=np.int64)


def _median_edge(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    if len(values) == 0:
        return np.zeros(0, dtype=np.uint64)
    ordered = np.sort(values)
    longer = ordered[ordered > ordered[0]]
    return longer[:0] if len(longer) == 0 else np.array([max(ordered[len(ordered) // 2], longer[0])], dtype=np.uint64)


def _classes(edges: npt.NDArray[Any], values: npt.NDArray[Any]) -> Int64:
    return np.asarray(np.searchsorted(edges, values, side="right"), dtype=np.int64)


def _classes_text(n: int) -> str:
    return "one class" if n == 1 else f"{n} classes"


def _activity_names(edges: Int64) -> list[str]:
    if len(edges) == 0:
        return ["any number of events"]
    least = [0, *edges.tolist()]
    most = [edge - 1 for edge in edges.tolist()]
    between = [f"{a} events" if a == b else f"{a} to {b} events" for a, b in zip(least, most, strict=False)]
    return [*between, f"{least[-1]} events or more"]


def _calendar_names(edges: Int64) -> list[str]:
    dates = [format_instant(edge) for edge in edges.tolist()]
    if not dates:
        return ["any date"]
    return [f"index before {dates[0]}", *(f"index from {date}" for date in dates)]


def _tenure_names(edges: npt.NDArray[np.uint64]) -> list[str]:
    if len(edges) == 0:
        return ["any tenure"]
    return [f"tenure under {rounded_duration(int(edges[0]))}", f"tenure of {rounded_duration(int(edges[0]))} or more"]
