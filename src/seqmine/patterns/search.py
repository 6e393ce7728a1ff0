"""Where patterns match a log, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqmine import _native
from seqmine._text import Cursor, did_you_mean
from seqmine._validate import check_threads
from seqmine.errors import ParameterError
from seqmine.events.checked import check_log
from seqmine.events.selectors import Selector, compile_selector
from seqmine.patterns.model import Pattern
from seqmine.patterns.parser import read_pattern

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

__all__ = ["LabelRows", "RowLabels", "compile_pattern", "count", "find"]

_CHUNK = 1 << 20


class RowLabels(Protocol):
    """Labelled rows bound to a log: the part of each entity's life that may be seen, and its outcome."""

    @property
    def rows(self) -> _native.Rows:
        """Entity, span and excluded event types of every row."""

    @property
    def label(self) -> npt.NDArray[np.uint8]:
        """0 or 1, ``(n_rows,)``."""


class LabelRows(Protocol):
    """What `count` needs of labels."""

    def bind(self, log: EventLog) -> RowLabels:
        """The rows in terms of `log`."""


def compile_pattern(log: EventLog, pattern: Pattern, cursor: Cursor | None = None) -> _native.Pattern:
    """The native form of `pattern` for the types and attributes of `log`; equal tests become one predicate.

    Parameters
    ----------
    log, pattern
        What will be matched.
    cursor
        What the pattern was read with, if it came as text: errors then name the place.

    Raises
    ------
    InvalidPattern
        When the log has no such attribute, or it is compared with the wrong type.

    Warns
    -----
    UnknownEventWarning
        When the log has no event of a named type or with a named attribute text: nothing matches it.
    """
    indexes: dict[Selector, int] = {}
    predicates: list[_native.Predicate] = []

    def index_of(selector: Selector) -> int:
        if selector not in indexes:
            indexes[selector] = len(predicates)
            predicates.append(compile_selector(log, selector, cursor=cursor))
        return indexes[selector]

    steps: list[tuple[int, int, int, int]] = []
    for step in pattern.steps:
        predicate = index_of(step.selector)
        guard = -1 if step.guard is None else index_of(step.guard)
        lo, hi = (1, None) if step.gap is None else (step.gap.lo, step.gap.hi)
        steps.append((predicate, lo, _native.UNBOUNDED if hi is None else hi, guard))
    return _native.Pattern(
        steps=steps,
        absences=[(index_of(absence.selector), absence.within) for absence in pattern.absences],
        predicates=predicates,
        span=_native.UNBOUNDED if pattern.span is None else pattern.span,
        anchored=pattern.anchored,
    )


def find(
    log: EventLog,
    pattern: Pattern | str,
    occurrences: str = "first",
    threads: int = 0,
) -> pa.Table:
    """Matches of a pattern in the whole log.

    Parameters
    ----------
    log
        The events.
    pattern
        A pattern or its text.
    occurrences
        ``"first"``: per entity the match with the smallest ready time. ``"all"``: one row per distinct moment time,
        with the latest start that leads to it.
    threads
        0 = all cores. The result does not depend on it.

    Returns
    -------
    pyarrow.Table
        ``entity`` (string), ``start_time``, ``moment_time`` (times of the first and last step) and ``ready_time``
        (when the trailing absences are known too), each ``timestamp[us, UTC]``; ordered by entity (bytes), then
        moment time. Only matches with ``ready_time <= log.observed_until``.

    Raises
    ------
    InvalidPattern
        When the text cannot be read, or the pattern does not fit the log.
    ParameterError
        For other values of `occurrences` or `threads`, or a `log` that is none.

    Warns
    -----
    UnknownEventWarning
        When the log has no event of a named type or with a named attribute text: nothing equals it.

    Examples
    --------
    >>> import seqmine as sm
    >>> events = {"entity": ["ann", "ann", "bob"], "time": [0, 60, 0], "event": ["visit", "order", "visit"]}
    >>> log = sm.EventLog.from_arrow(events, time_unit="s", plausible_years=None)
    >>> matches = sm.find(log, "visit -[0s,1h)-> order")
    >>> matches.column("entity").to_pylist()
    ['ann']
    >>> matches.column("moment_time").to_pylist()[0].isoformat()
    '1970-01-01T00:01:00+00:00'
    """
    check_log(log)
    if occurrences not in ("first", "all"):
        nearest = did_you_mean(str(occurrences), ["first", "all"])
        raise ParameterError(
            "occurrences must be 'first' or 'all'", hint=f"did you mean '{nearest}'?" if nearest else None
        )
    check_threads(threads)
    native = compile_pattern(log, *_as_pattern(pattern))
    row, start, moment, ready = _native.find(log.native, native, _whole_log(log), occurrences == "all", threads)
    return pa.table(
        {
            "entity": _names(log.entities, row),
            "start_time": _timestamps(start),
            "moment_time": _timestamps(moment),
            "ready_time": _timestamps(ready),
        }
    )


def count(
    log: EventLog,
    patterns: Pattern | str | Sequence[Pattern | str],
    labels: LabelRows | None = None,
    threads: int = 0,
) -> pa.Table:
    """How many entities, or labelled rows, match each pattern.

    Parameters
    ----------
    log
        The events.
    patterns
        Patterns or their texts; one alone is fine.
    labels
        Labels: rows, spans and excluded event types come from them. None: each entity is one row, seen whole.
    threads
        0 = all cores. The result does not depend on it.

    Returns
    -------
    pyarrow.Table
        One row per pattern, in the order given: ``pattern`` (canonical text), ``n_matched``, ``n_undecided`` (not
        matched, but a trailing absence is not over yet), and with labels ``n_positive`` (matched with label 1).

    Raises
    ------
    InvalidPattern
        When a text cannot be read, or a pattern does not fit the log.
    ParameterError
        For other types of `log`, `patterns` or `labels` (a study is not labelled yet), or a bad `threads`.

    Warns
    -----
    UnknownEventWarning
        As in `find`.

    Examples
    --------
    >>> import seqmine as sm
    >>> events = {"entity": ["ann", "ann", "bob"], "time": [0, 60, 0], "event": ["visit", "order", "visit"]}
    >>> log = sm.EventLog.from_arrow(events, time_unit="s", plausible_years=None)
    >>> sm.count(log, ["visit", "visit -> order"]).column("n_matched").to_pylist()
    [2, 1]
    """
    check_log(log)
    check_threads(threads)
    if isinstance(patterns, (Pattern, str)):
        patterns = [patterns]
    elif not isinstance(patterns, Sequence):
        raise ParameterError(f"patterns must be patterns or texts, not {type(patterns).__name__}")
    parsed = [_as_pattern(pattern) for pattern in patterns]
    _check_labels(labels)
    bound = None if labels is None else labels.bind(log)
    rows = _whole_log(log) if bound is None else bound.rows
    label = None if bound is None else bound.label
    counts = [_native.count(log.native, compile_pattern(log, *given), rows, label, threads) for given in parsed]
    names = ["n_matched", "n_undecided", "n_positive"][: 2 if bound is None else 3]
    columns: dict[str, Any] = {"pattern": pa.array([str(p) for p, _ in parsed], pa.string())}
    for i, name in enumerate(names):
        columns[name] = pa.array([counted[i] for counted in counts], pa.int64())
    return pa.table(columns)


def _as_pattern(pattern: object) -> tuple[Pattern, Cursor | None]:
    """The pattern, and what it was read with if it came as text."""
    if isinstance(pattern, Pattern):
        return pattern, None
    if isinstance(pattern, str):
        cursor = Cursor(pattern)
        return read_pattern(cursor), cursor
    raise ParameterError(f"a pattern is a Pattern or its text, not {type(pattern).__name__}")


def _check_labels(labels: object) -> None:
    """Anything that can `bind` will do; a study or a table, which cannot, is what people try first."""
    if labels is None or (callable(getattr(labels, "bind", None)) and not isinstance(labels, type)):
        return
    raise ParameterError(
        f"labels must be Labels, not {type(labels).__name__}",
        hint="make them with sm.label(log, study) or sm.Labels.from_arrow(table)",
    )


def _whole_log(log: EventLog) -> _native.Rows:
    """Every entity once, seen from the beginning of time to the end of observation."""
    return _native.Rows(entity=np.arange(log.n_entities, dtype=np.int64), until=log.observed_until)


def _names(entities: pa.Array[Any], index: npt.NDArray[np.int64]) -> pa.ChunkedArray[Any]:
    """Entity ids as ``string``, in chunks: one array of that type holds 2 GiB of text at most."""
    starts = range(0, max(len(index), 1), _CHUNK)
    chunks = [entities.take(index[i : i + _CHUNK]).cast(pa.string()) for i in starts]
    return pa.chunked_array(chunks, pa.string())


def _timestamps(us: npt.NDArray[np.int64]) -> pa.Array[Any]:
    return pa.array(us, pa.int64()).view(pa.timestamp("us", tz="UTC"))
