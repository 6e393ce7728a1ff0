"""The rows of one part of a study (discovery, estimation, later in time), and what patterns they match.

Every pattern is matched once a part; what is kept of it are its counts by stratum and two bits a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from seqmine import _native
from seqmine.errors import ValueRangeError
from seqmine.patterns.search import compile_pattern
from seqmine.significance import MeanTables, StratifiedTables, clustered_factors

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import BoundRows
    from seqmine.mining.strata import Exposure
    from seqmine.patterns import Pattern

__all__ = ["Counts", "Part", "check_numbers", "count_tables"]

LARGEST: Final = 1e140

_MATCHED, _UNDECIDED = 1, 2
# Bytes of verdicts (and clocks) at a time: a fraction of what a log with so many rows takes.
_BATCH_BYTES = 1 << 26
_LEAST_BATCH = 16

Bool = npt.NDArray[np.bool_]
Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]


class Counts(NamedTuple):
    """Of one pattern, by stratum: rows, and the sum of their outcomes (positives, or numbers less stratum means)."""

    matched: Int64
    matched_total: Float64
    matched_square: Float64
    undecided: Int64
    undecided_total: Float64
    undecided_square: Float64


@dataclass(frozen=True)
class _Known:
    counts: Counts
    matched: npt.NDArray[np.uint8]
    undecided: npt.NDArray[np.uint8] | None


class Part:
    """Rows with outcomes and strata. Not thread-safe.

    Parameters
    ----------
    log, bound
        The rows as the matcher sees them; ``bound.label`` or ``bound.number`` is the outcome.
    stratum
        int32, ``(n_rows,)``, below `n_strata`.
    exposure
        Of these rows, from their strata.
    """

    def __init__(
        self,
        log: EventLog,
        bound: BoundRows,
        stratum: npt.NDArray[np.int32],
        n_strata: int,
        exposure: Exposure,
        threads: int,
    ) -> None:
        self.log = log
        self.bound = bound
        self.stratum = stratum
        self.n_strata = n_strata
        self.exposure = exposure
        self.threads = threads
        self.n = np.bincount(stratum, minlength=n_strata).astype(np.int64)
        if bound.number is None:
            self.outcome: Float64 = bound.label.astype(np.float64)
            self.mean = self._by_stratum(self.outcome) / np.maximum(self.n, 1)
        else:
            # Sums of squares about a far mean would lose their digits.
            self.mean = self._by_stratum(bound.number) / np.maximum(self.n, 1)
            self.outcome = bound.number - self.mean[stratum]
        self.total = self._by_stratum(self.outcome)
        self.square = self._by_stratum(self.outcome**2)
        # Entities that the log lacks have -1 in common, and are not one entity.
        entity = bound.entity
        self.cluster: Int64 = np.where(entity >= 0, entity, -1 - np.arange(len(entity), dtype=np.int64))
        self._known: dict[Pattern, _Known] = {}

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.stratum)

    @property
    def is_numeric(self) -> bool:
        """Whether the outcome is a number."""
        return self.bound.number is not None

    @property
    def n_positive(self) -> int:
        """Rows with label 1."""
        return int(np.count_nonzero(self.bound.label))

    @cached_property
    def seen_types(self) -> Int64:
        """How many events of each type the rows see, ``(n_event_types,)``; one that several rows see counts once."""
        seen = _native.seen_events(self.log.native, self.bound.rows).astype(np.bool_)
        counts = np.bincount(np.asarray(self.log.code)[seen], minlength=len(self.log.event_types))
        return np.asarray(counts, dtype=np.int64)

    @cached_property
    def repeats(self) -> bool:
        """Whether some entity has several rows."""
        return len(np.unique(self.cluster)) < self.n_rows

    def _by_stratum(self, weights: Float64, rows: Int64 | None = None) -> Float64:
        chosen = self.stratum if rows is None else self.stratum[rows]
        summed = np.bincount(chosen, weights if rows is None else weights[rows], minlength=self.n_strata)
        return np.asarray(summed, dtype=np.float64)

    def _count(self, rows: Int64) -> Int64:
        return np.asarray(np.bincount(self.stratum[rows], minlength=self.n_strata), dtype=np.int64)

    def match(self, patterns: Iterable[Pattern]) -> None:
        """Matches those patterns that have not been matched yet."""
        fresh = [pattern for pattern in dict.fromkeys(patterns) if pattern not in self._known]
        for pattern, verdict, _ in self._verdicts(fresh, with_clock=False):
            self._known[pattern] = self._keep(pattern, verdict)

    def clocks(self, patterns: Sequence[Pattern]) -> Iterator[tuple[Int64, npt.NDArray[np.uint32]]]:
        """Of each pattern, which then has been matched: its rows, and when it completes in them.

        Bits 0..23 are hours, 24..30 weekdays from Monday, of the log's time zone.
        """
        for pattern, verdict, clock in self._verdicts(patterns, with_clock=True):
            assert clock is not None, "clocks were asked for"
            if pattern not in self._known:
                self._known[pattern] = self._keep(pattern, verdict)
            rows = np.flatnonzero(verdict == _MATCHED)
            yield rows, clock[rows]

    def _verdicts(
        self, patterns: Sequence[Pattern], *, with_clock: bool
    ) -> Iterator[tuple[Pattern, npt.NDArray[np.uint8], npt.NDArray[np.uint32] | None]]:
        row_bytes = 5 if with_clock else 1
        step = max(_LEAST_BATCH, _BATCH_BYTES // max(self.n_rows * row_bytes, 1))
        for begin in range(0, len(patterns), step):
            batch = patterns[begin : begin + step]
            native = [compile_pattern(self.log, pattern) for pattern in batch]
            verdicts, clocks = _native.match_many(self.log.native, native, self.bound.rows, with_clock, self.threads)
            for k, pattern in enumerate(batch):
                yield pattern, verdicts[k], None if clocks is None else clocks[k]

    def _keep(self, pattern: Pattern, verdict: npt.NDArray[np.uint8]) -> _Known:
        rows = np.flatnonzero(verdict == _MATCHED)
        open_rows = np.flatnonzero(verdict == _UNDECIDED) if pattern.absences else np.zeros(0, dtype=np.int64)
        counts = Counts(
            self._count(rows),
            self._by_stratum(self.outcome, rows),
            self._by_stratum(self.outcome**2, rows) if self.is_numeric else self._by_stratum(self.outcome, rows),
            self._count(open_rows),
            self._by_stratum(self.outcome, open_rows),
            self._by_stratum(self.outcome**2, open_rows),
        )
        undecided = np.packbits(verdict == _UNDECIDED) if len(open_rows) else None
        return _Known(counts, np.packbits(verdict == _MATCHED), undecided)

    def counts(self, pattern: Pattern) -> Counts:
        """Of a pattern that has been matched."""
        return self._known[pattern].counts

    def matched(self, pattern: Pattern) -> Bool:
        """Which rows match, ``(n_rows,)``."""
        return np.unpackbits(self._known[pattern].matched, count=self.n_rows).astype(np.bool_)

    def packed(self, pattern: Pattern) -> npt.NDArray[np.uint8]:
        """`matched`, eight rows to a byte."""
        return self._known[pattern].matched

    def undecided(self, pattern: Pattern) -> Bool:
        """Which rows cannot be decided yet, ``(n_rows,)``."""
        bits = self._known[pattern].undecided
        if bits is None:
            return np.zeros(self.n_rows, dtype=np.bool_)
        return np.unpackbits(bits, count=self.n_rows).astype(np.bool_)

    def tables(self, patterns: Sequence[Pattern]) -> StratifiedTables:
        """The patterns against all rows, by stratum."""
        found = [self._known[pattern].counts for pattern in patterns]
        return StratifiedTables(
            n=self.n,
            positive=_whole(self.total),
            matched=_stack([c.matched for c in found], self.n_strata),
            matched_positive=_whole(_stack([c.matched_total for c in found], self.n_strata)),
        )

    def nested_tables(
        self, patterns: Sequence[Pattern], wider: Sequence[Pattern], decided: Sequence[bool]
    ) -> StratifiedTables:
        """Each pattern against the rest of the rows that match its generalisation; `decided`: less those undecided."""
        inner, outer = self._nested(patterns, wider, decided)
        return StratifiedTables(
            n=_stack([c.matched for c in outer], self.n_strata),
            positive=_whole(_stack([c.matched_total for c in outer], self.n_strata)),
            matched=_stack([c.matched for c in inner], self.n_strata),
            matched_positive=_whole(_stack([c.matched_total for c in inner], self.n_strata)),
        )

    def nested_mean_tables(
        self, patterns: Sequence[Pattern], wider: Sequence[Pattern], decided: Sequence[bool]
    ) -> MeanTables:
        """The same as `nested_tables` for numbers."""
        inner, outer = self._nested(patterns, wider, decided)
        return MeanTables(
            n=_stack([c.matched for c in outer], self.n_strata),
            total=_stack([c.matched_total for c in outer], self.n_strata),
            total_sq=_stack([c.matched_square for c in outer], self.n_strata),
            matched=_stack([c.matched for c in inner], self.n_strata),
            matched_total=_stack([c.matched_total for c in inner], self.n_strata),
            matched_total_sq=_stack([c.matched_square for c in inner], self.n_strata),
        )

    def _nested(
        self, patterns: Sequence[Pattern], wider: Sequence[Pattern], decided: Sequence[bool]
    ) -> tuple[list[Counts], list[Counts]]:
        inner = [self._known[pattern].counts for pattern in patterns]
        outer = [self._known[pattern].counts for pattern in wider]
        for i, less in enumerate(decided):
            if less:
                p, q = inner[i], outer[i]
                outer[i] = q._replace(
                    matched=q.matched - p.undecided,
                    matched_total=q.matched_total - p.undecided_total,
                    matched_square=q.matched_square - p.undecided_square,
                )
        return inner, outer

    def nested_design(
        self, patterns: Sequence[Pattern], wider: Sequence[Pattern], decided: Sequence[bool]
    ) -> Float64 | float:
        """What the variances of `nested_tables` are to be multiplied by where entities have several rows."""
        if not self.repeats:
            return 1.0
        factors = np.ones(len(patterns))
        for i, (pattern, wide, less) in enumerate(zip(patterns, wider, decided, strict=True)):
            rows = self.matched(wide)
            if less:
                rows &= ~self.undecided(pattern)
            if rows.any():
                matched = self.matched(pattern)[rows].astype(np.uint8)[None, :]
                effect = clustered_factors(
                    matched, self.outcome[rows], self.stratum[rows], self.n_strata, self.cluster[rows]
                )
                factors[i] = float(effect.cmh[0])
        return factors

    def mean_tables(self, patterns: Sequence[Pattern]) -> MeanTables:
        """The same as `tables` for numbers."""
        found = [self._known[pattern].counts for pattern in patterns]
        return MeanTables(
            n=self.n,
            total=self.total,
            total_sq=self.square,
            matched=_stack([c.matched for c in found], self.n_strata),
            matched_total=_stack([c.matched_total for c in found], self.n_strata),
            matched_total_sq=_stack([c.matched_square for c in found], self.n_strata),
        )


def check_numbers(bound: BoundRows) -> None:
    """ValueRangeError for numbers whose squares do not fit a float."""
    if bound.number is not None and len(bound.number) and float(np.abs(bound.number).max()) > LARGEST:
        raise ValueRangeError(
            f"the outcome has numbers beyond {LARGEST:.0e}, whose squares do not fit a float",
            column="label",
            hint="use a larger unit of value, or leave out what cannot be true",
        )


def count_tables(
    stratum: npt.NDArray[np.int32], n_strata: int, positive: Bool, matched: Sequence[Bool]
) -> StratifiedTables:
    """Tables of rows at hand, where what is kept of a pattern does not do: fewer rows, or other strata."""

    def by_stratum(rows: Bool) -> Int64:
        return np.asarray(np.bincount(stratum[rows], minlength=n_strata), dtype=np.int64)

    return StratifiedTables(
        n=np.asarray(np.bincount(stratum, minlength=n_strata), dtype=np.int64),
        positive=by_stratum(positive),
        matched=_stack([by_stratum(rows) for rows in matched], n_strata),
        matched_positive=_stack([by_stratum(rows & positive) for rows in matched], n_strata),
    )


def _whole(sums: Any) -> Int64:
    return np.asarray(np.rint(sums), dtype=np.int64)


def _stack(rows: Sequence[Any], width: int) -> Any:
    return np.stack(rows) if rows else np.zeros((0, width), dtype=np.int64)
