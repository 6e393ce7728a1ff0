"""Frequent sequences: what many entities have in common, without an outcome."""

from __future__ import annotations

import html
import math
import operator
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
import pyarrow as pa

from seqmine import _native
from seqmine._text import format_duration, parse_duration, quote_name
from seqmine._validate import check_threads
from seqmine.errors import ParameterError
from seqmine.events.checked import check_log

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

__all__ = ["FrequentOptions", "FrequentResult", "mine_frequent"]

_SHOWN_ROWS = 20
_CHUNK_ROWS = 1 << 18
_CHUNK_BYTES = 2**31 - 1


@dataclass(frozen=True, kw_only=True)
class FrequentOptions:
    """What `mine_frequent` looks for.

    Parameters
    ----------
    min_support
        Entities that must have a pattern: a number of them, or a share in (0, 1) of all entities, rounded up.
    max_length
        Most steps of a pattern; None for no limit.
    min_gap, max_gap
        Time from each step to the next, ``[min_gap, max_gap)``; by default any time later, at least 1us.
    max_span
        The whole match is shorter than this.
    closed
        Keep a pattern only if no other pattern within the same limits contains it as a subsequence (its steps
        anywhere, in order) and has the same support. Under gap limits this counts those with an inner step more too,
        if they are themselves frequent under the limits.
    threads
        0 for all cores. The result does not depend on it.
    max_seconds, max_memory
        Budgets: seconds of the whole call, bytes held by the search. A search that uses one up stops growing patterns
        and returns what it has, with exact supports and ``complete=False``. With ``closed=True`` patterns are then
        compared with those found, and some may only seem closed.
    max_patterns
        Keep at most so many, the first in the result's order, found without listing all others. The same ones for any
        number of threads; with ``closed=True`` there may be fewer.

    Raises
    ------
    ParameterError
        An option has a value that cannot be used.

    Examples
    --------
    >>> FrequentOptions(min_support=0.05, max_gap="14d", closed=True).max_length is None
    True
    """

    min_support: int | float = 500
    max_length: int | None = None
    min_gap: str | timedelta | None = None
    max_gap: str | timedelta | None = None
    max_span: str | timedelta | None = None
    closed: bool = False
    threads: int = 0
    max_seconds: float | None = None
    max_memory: int | None = None
    max_patterns: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.min_support, (float, np.floating)):
            if not 0.0 < self.min_support < 1.0:
                raise ParameterError(
                    f"min_support as a share must lie between 0 and 1, not {self.min_support!r}",
                    hint="give a whole number for a number of entities",
                )
        else:
            _whole("min_support", self.min_support, least=1)
        for name in ("max_length", "max_memory", "max_patterns"):
            if getattr(self, name) is not None:
                _whole(name, getattr(self, name), least=1)
        check_threads(self.threads)
        if not isinstance(self.closed, (bool, np.bool_)):
            raise ParameterError(f"closed must be True or False, not {self.closed!r}")
        if self.max_seconds is not None and not (
            isinstance(self.max_seconds, (int, float)) and 0 < self.max_seconds < math.inf
        ):
            raise ParameterError(f"max_seconds must be a positive number of seconds, not {self.max_seconds!r}")
        lo, hi, span = self._limits()
        if lo < 1:
            raise ParameterError(
                "min_gap must be at least 1us", hint="a step of a mined pattern is strictly later than the one before"
            )
        if lo >= hi:
            raise ParameterError(
                f"the gap [{format_duration(lo)},{format_duration(hi)}) is empty",
                hint="max_gap is exclusive and must lie above min_gap",
            )
        if span < 1:
            raise ParameterError("max_span must be at least 1us")

    def _limits(self) -> tuple[int, int, int]:
        def microseconds(value: str | timedelta | None, default: int) -> int:
            return default if value is None else parse_duration(value)

        unbounded = _native.UNBOUNDED
        return (
            microseconds(self.min_gap, 1),
            microseconds(self.max_gap, unbounded),
            microseconds(self.max_span, unbounded),
        )

    def _min_entities(self, n_entities: int) -> int:
        if isinstance(self.min_support, (float, np.floating)):
            # The share that was written, not the nearest binary fraction: 0.1 of 730 is 73.
            return max(1, math.ceil(Fraction(repr(float(self.min_support))) * n_entities))
        return operator.index(self.min_support)


def _whole(name: str, value: SupportsIndex, least: int) -> None:
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or not least <= number < 2**31 * (2**31 if name == "max_memory" else 1):
        raise ParameterError(f"{name} must be a whole number of at least {least}, not {value!r}")


@dataclass(frozen=True)
class FrequentResult:
    """Frequent patterns, the most frequent first.

    Attributes
    ----------
    options
        What was asked for.
    complete
        Whether this is every pattern asked for; False when a budget cut the search.
    truncated_by
        The budget that did: ``"seconds"``, ``"memory"``, ``"patterns"``, or None.
    stats
        ``n_rows`` (entities), ``n_scanned`` (events read), ``n_entries`` (distinct times and types that are frequent),
        ``n_items`` (frequent types), ``n_nodes`` (patterns whose extensions were counted), ``n_frequent`` (patterns
        before ``closed`` and ``max_patterns``), ``min_support`` (entities) and ``seconds``. Counts of work and
        seconds vary from run to run and with the threads.
    """

    options: FrequentOptions
    complete: bool
    truncated_by: str | None
    stats: Mapping[str, int | float]
    _patterns: _native.FrequentPatterns = field(repr=False, compare=False)

    def __len__(self) -> int:
        return len(self._patterns)

    @cached_property
    def _table(self) -> pa.Table:
        return self._slice(0, len(self))

    def to_arrow(self) -> pa.Table:
        """The patterns as a table.

        Returns
        -------
        pyarrow.Table
            ``pattern`` (string, in the pattern language) and ``support`` (int64, entities), by support descending,
            then number of steps, then text. The same bytes for any number of threads and any order of the input.
        """
        return self._table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Stream `to_arrow` to any library that takes Arrow data."""
        table: Any = self.to_arrow()
        return table.__arrow_c_stream__(requested_schema)

    def __deepcopy__(self, memo: object) -> FrequentResult:
        return self  # nothing in it ever changes

    def _slice(self, begin: int, end: int) -> pa.Table:
        chunks = list(_text_chunks(self._patterns, begin, end))
        supports = pa.array(self._patterns.supports()[begin:end], pa.int64())
        return pa.table({"pattern": pa.chunked_array(chunks, pa.string()), "support": supports})

    def _repr_html_(self) -> str:
        rows = self._slice(0, min(len(self), _SHOWN_ROWS)).to_pylist()
        body = "".join(f"<tr><td>{html.escape(row['pattern'])}</td><td>{row['support']:,}</td></tr>" for row in rows)
        caption = (
            f"{len(self):,} patterns of at least {self.stats['min_support']:,} of {self.stats['n_rows']:,} entities"
        )
        if not self.complete:
            caption += f"; not complete: stopped by max_{self.truncated_by}"
        return (
            f"<table><caption>{caption}</caption><thead><tr><th>pattern</th><th>support</th></tr></thead>"
            f"<tbody>{body}</tbody></table>"
        )


def _text_chunks(patterns: _native.FrequentPatterns, begin: int, end: int) -> Iterator[pa.Array[Any]]:
    for at in range(begin, end, _CHUNK_ROWS):
        until = min(end, at + _CHUNK_ROWS)
        offsets, data = patterns.texts(at, until)
        if offsets[-1] > _CHUNK_BYTES and until - at > 1:  # a string column's chunk holds less than 2 GiB
            middle = (at + until) // 2
            yield from _text_chunks(patterns, at, middle)
            yield from _text_chunks(patterns, middle, until)
        else:
            narrow: Any = offsets.astype(np.int32)
            raw: Any = data
            yield pa.Array.from_buffers(pa.string(), until - at, [None, pa.py_buffer(narrow), pa.py_buffer(raw)])


def mine_frequent(log: EventLog, options: FrequentOptions | None = None) -> FrequentResult:
    """Every sequence of event types that enough entities have.

    A pattern is one event type or several, each strictly later than the one before: events of one entity at the same
    time are simultaneous and never follow each other. An entity supports it when at least one match lies in its whole
    life in the log.

    Parameters
    ----------
    log
        The events.
    options
        Support, limits and budgets; see `FrequentOptions`.

    Returns
    -------
    FrequentResult
        Its table holds ``pattern`` and ``support``. Patterns print the gap that they were searched with
        (``a -[1us,15m)-> b``, a bare ``->`` without limits) and, from two steps on, the span, so that `find` and
        `count` mean the same by them.

    Raises
    ------
    ParameterError
        `log` is no `EventLog`, or `options` is not a `FrequentOptions`.
    MemoryBudgetExceeded
        The machine has no more memory to give. (``max_memory`` returns a result that is flagged instead.)

    References
    ----------
    Pei et al., "PrefixSpan: mining sequential patterns efficiently by prefix-projected pattern growth", ICDE 2001;
    Ayres et al., "Sequential pattern mining using a bitmap representation", KDD 2002; Zaki, "Sequence mining in
    categorical domains: incorporating constraints", CIKM 2000.

    Examples
    --------
    >>> import pyarrow as pa
    >>> import seqmine as sm
    >>> table = pa.table({"entity": ["x", "x", "y", "y"], "time": [0, 60, 0, 30], "event": ["a", "b", "a", "b"]})
    >>> log = sm.EventLog.from_arrow(table, time_unit="s", plausible_years=None)
    >>> sm.mine_frequent(log, sm.FrequentOptions(min_support=2, max_gap="2m")).to_arrow().to_pydict()
    {'pattern': ['a', 'b', 'a -[1us,2m)-> b'], 'support': [2, 2, 2]}
    """
    check_log(log)
    if options is None:
        options = FrequentOptions()
    if not isinstance(options, FrequentOptions):
        raise ParameterError(
            f"options must be a FrequentOptions, not {type(options).__name__}",
            hint="for example mine_frequent(log, FrequentOptions(min_support=100))",
        )
    began = time.perf_counter()
    texts = [quote_name(name) for name in log.event_types]
    by_text = sorted(range(len(texts)), key=lambda i: texts[i].encode())
    n_entities = log.n_entities
    rows = _native.Rows(entity=np.arange(n_entities, dtype=np.int64))
    min_support = options._min_entities(n_entities)
    min_gap, max_gap, max_span = options._limits()
    found = _native.mine_frequent(
        log.native,
        rows,
        types=np.array(by_text, dtype=np.uint32),
        names=[texts[i] for i in by_text],
        min_support=min_support,
        max_length=options.max_length or 0,
        min_gap=min_gap,
        max_gap=max_gap,
        max_span=max_span,
        closed=bool(options.closed),
        threads=options.threads,
        max_seconds=options.max_seconds or 0.0,
        max_memory=options.max_memory or 0,
        max_patterns=options.max_patterns or 0,
    )
    stats = {**found.stats, "min_support": min_support, "seconds": time.perf_counter() - began}
    return FrequentResult(options, found.complete, found.truncated_by or None, MappingProxyType(stats), found)
