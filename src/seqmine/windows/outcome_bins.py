"""What becomes of each row, delay bin by delay bin: its outcome and whether it is at risk, as steps."""

# mypy: allow-untyped-calls

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from seqmine.errors import ParameterError
from seqmine.labels import NEVER, Outcome
from seqmine.labels.build import compile_outcome
from seqmine.labels.outcome import read_table
from seqmine.windows.chunks import over_chunks
from seqmine.windows.streams import Stream, stream_of_predicate

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

__all__ = [
    "BINARY_SCALE",
    "EVER_AFTER",
    "OutcomeSource",
    "OutcomeSteps",
    "most_expected",
    "outcome_source",
    "outcome_steps",
]

Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

BINARY_SCALE = 65_536.0
EVER_AFTER = 36_500 * 86_400_000_000
"""Follow-up of a table without a horizon: its labels are what became of the entities, whenever that was."""
_COMPARISONS = (">=", ">", "<=", "<", "=", "!=")


@dataclass(frozen=True, eq=False)
class OutcomeSource:
    """The events of an outcome, and how it is read off them.

    Attributes
    ----------
    stream
        When its events happened, with their number or sum.
    mode
        0 it comes true, and what came true is no longer at risk; 1 it is a state, and who is in it is not at risk; 2 it
        is a number.
    comparison, threshold
        Of the number with what; unused for numbers.
    known_until : (n_entities,) int64, or None
        Of an outcome table: until when an entity without the outcome was followed (int64 maximum for those with it);
        INT64_MIN where the table lacks the entity.
    watched
        Until when the outcomes are known in general.
    """

    stream: Stream
    mode: int
    comparison: int
    threshold: float
    known_until: Int64 | None
    watched: int

    @property
    def is_numeric(self) -> bool:
        """Whether it is a number instead of yes or no."""
        return self.mode == 2

    @property
    def is_state(self) -> bool:
        """Whether it must have been false in the horizon before: ``no X`` asks for an X there."""
        return self.mode == 1

    def came_true_before(self, entity: Int64, time: Int64) -> Bool:
        """Whether what entities did before some times, ever, is enough: of events, counts and tables."""
        number = self.stream.number_before(entity, time)
        return np.asarray(number > self.threshold if self.comparison == 1 else number >= self.threshold)


@dataclass(frozen=True, eq=False)
class OutcomeSteps:
    """Steps of each row.

    Attributes
    ----------
    offsets : (n_rows + 1,) int64
        Row i has the steps ``[offsets[i], offsets[i + 1])``.
    step : (3, n) int64
        First bin, outcome times scale, at risk.
    scale
        A power of two.
    """

    offsets: Int64
    step: Int64
    scale: float

    def constant(self, value: npt.NDArray[np.float64]) -> OutcomeSteps:
        """The same rows at risk in the same bins, with one outcome of each row throughout: for placebos.

        Its scale is that of the value.
        """
        scale = scale_of(float(np.abs(value).max(initial=0.0)), len(value))
        step = self.step.copy()
        step[1] = np.rint(np.repeat(value, np.diff(self.offsets)) * scale).astype(np.int64)
        return OutcomeSteps(self.offsets, step, scale)

    def at(self, row: Int64, bins: Int64) -> tuple[Int64, Bool]:
        """Outcome (times scale) of rows in bins, and whether they are at risk there."""
        from seqmine.windows.count_kernel import outcome_at

        y, risk = np.zeros(len(row), np.int64), np.zeros(len(row), np.int64)
        outcome_at(self.offsets, self.step, row, bins, y, risk)
        return y, risk != 0


def outcome_source(log: EventLog, outcome: Outcome, threads: int = 0) -> OutcomeSource:
    """Where the outcomes of a log come from.

    Raises
    ------
    ParameterError
        A top share, which depends on whom it is compared with, or a table of numbers.
    InvalidOutcome
        The outcome does not fit the log.
    """
    if outcome.table is not None:
        if outcome.is_numeric:
            raise ParameterError(
                "windows follow outcomes in time, and a table of numbers has one time for each entity",
                hint="read the numbers as events with a value: Outcome('sum(value of steps) within 1h')",
            )
        return _from_table(log, outcome)
    if outcome.percent is not None:
        raise ParameterError(
            "windows need an outcome that a row has by itself, not a top share",
            hint="write a threshold: 'sum(value of purchase) >= 500 within 180d'",
        )
    stream = stream_of_predicate(log, compile_outcome(log, outcome), sums=outcome.measure == "sum", threads=threads)
    until = log.observed_until
    if outcome.is_numeric:
        return OutcomeSource(stream, 2, 0, 0.0, None, until)
    sign, threshold = {"exists": (">=", 1), "no": ("=", 0)}.get(
        outcome.measure, (outcome.comparison, outcome.threshold)
    )
    assert sign is not None and threshold is not None, "yes/no outcomes have a comparison"
    holds_at_once = {
        ">=": threshold <= 0, ">": threshold < 0, "<=": threshold >= 0, "<": threshold > 0, "=": threshold == 0,
        "!=": threshold != 0,
    }[sign]  # fmt: skip
    return OutcomeSource(stream, int(holds_at_once), _COMPARISONS.index(sign), float(threshold), None, until)


def _from_table(log: EventLog, outcome: Outcome) -> OutcomeSource:
    known = read_table(outcome, log.zone)
    assert known.happened is not None, "tables of numbers were refused"
    row = np.asarray(log.entity_index(known.entity), dtype=np.int64)
    there = row >= 0
    occurred = known.happened != 0
    entity, time = row[there & occurred], known.time[there & occurred]
    order = np.argsort(entity, kind="stable")
    offsets = np.zeros(log.n_entities + 1, np.int64)
    np.cumsum(np.bincount(entity, minlength=log.n_entities), out=offsets[1:])
    until = np.full(log.n_entities, NEVER, np.int64)
    until[row[there]] = np.where(occurred[there], np.iinfo(np.int64).max, known.time[there])
    watched = max(log.observed_until, int(known.time.max(initial=NEVER)))
    return OutcomeSource(Stream(offsets, time[order], np.ones(len(entity))), 0, 0, 1.0, until, watched)


def outcome_steps(
    source: OutcomeSource,
    entity: Int64,
    t0: Int64,
    *,
    width: int,
    n_bins: int,
    follow: int,
    blank: int = 0,
    threads: int = 0,
) -> OutcomeSteps:
    """The steps of rows; outcomes are those of ``[tau + blank, tau + follow)``, tau the end of a delay bin.

    Parameters
    ----------
    source
        The outcome.
    entity, t0 : (n,) int64
        Rows, ordered by both.
    width, n_bins, follow, blank
        Delay bins, follow-up and blanked time, in microseconds; one bin of width 0 asks at the moment itself.
    threads
        0 = all cores. The result does not depend on it.
    """
    from seqmine.windows import walk_kernel

    walk: Any = walk_kernel.outcome_steps

    stream = source.stream
    scale = _scale(source, len(entity))

    def part(first: int, last: int) -> tuple[Int64, Int64]:
        given: tuple[Any, ...] = (stream.offsets, stream.time, stream.number, entity[first:last], t0[first:last])
        given += (width, n_bins, follow, blank, source.mode, source.comparison, source.threshold, scale)
        start = np.zeros(last - first + 1, np.int64)
        walk(*given, start, np.empty((3, 0), np.int64))
        np.cumsum(start, out=start)
        step = np.empty((3, int(start[-1])), np.int64)
        if step.shape[1]:
            walk(*given, start, step)
        return np.diff(start), step

    parts = over_chunks(len(entity), part, threads)
    offsets = np.zeros(len(entity) + 1, np.int64)
    if parts:
        np.cumsum(np.concatenate([n for n, _ in parts]), out=offsets[1:])
    step = np.concatenate([step for _, step in parts], axis=1) if parts else np.empty((3, 0), np.int64)
    return OutcomeSteps(offsets, step, scale)


def _scale(source: OutcomeSource, n_rows: int) -> float:
    if not source.is_numeric:
        return BINARY_SCALE
    # No sum over an interval is larger than all of an entity's numbers together.
    total = np.add.reduceat(np.append(np.abs(source.stream.number), 0.0), source.stream.offsets[:-1])
    total[np.diff(source.stream.offsets) == 0] = 0.0
    return scale_of(float(total.max(initial=0.0)), n_rows)


def scale_of(most: float, n_rows: int) -> float:
    """The scale of numbers up to ``most``: a power of two, whose squares over all rows fit 63 bits.

    Numbers count as multiples of 1 / scale. It follows their size, so that their unit does not show in any result.
    """
    return 2.0 ** (_bits(n_rows) - (math.ceil(math.log2(most)) if most > 0 else 0))


def most_expected(n_rows: int) -> float:
    """What is expected, times scale, is cut to this size: a line may leave the range of what it was fitted to."""
    return 2.0 ** (_bits(n_rows) + 1)


def _bits(n_rows: int) -> int:
    # A residual is below 3 * 2**bits, so all squares together stay below 9 * 2**59.
    return (61 - math.ceil(math.log2(max(n_rows, 2)))) // 2 - 1
