"""``label``: from a log and a study to rows with labels, with every exclusion counted."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqmine import _native
from seqmine._text import parse_duration
from seqmine._validate import check_threads, check_type
from seqmine.errors import InsufficientDataError, InvalidOutcome, ValueRangeError
from seqmine.events.checked import check_log
from seqmine.events.selectors import compile_selector
from seqmine.labels import outcome as outcomes
from seqmine.labels._columns import take
from seqmine.labels._instants import MIN_TIME, Bool, Int64, earlier, later
from seqmine.labels.index import candidates, parse_index
from seqmine.labels.labels import Labels, assemble, excluded_types
from seqmine.labels.outcome import Outcome
from seqmine.labels.split import DISCOVERY, split_halves
from seqmine.labels.study import Study

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

_COMPARE = {
    ">": np.greater,
    ">=": np.greater_equal,
    "<": np.less,
    "<=": np.less_equal,
    "=": np.equal,
    "!=": np.not_equal,
}
Numbers = npt.NDArray[np.int64] | npt.NDArray[np.float64]


def label(log: EventLog, study: Study, threads: int = 0) -> Labels:
    """The rows of a study on a log, with their labels; those of `Study.from_labels` as they were given.

    A row is (entity, index). It observes ``[index - lookback, index)``; its outcome lies in
    ``[index + lead, index + lead + horizon)``. A row is left out for the first of these reasons, and counted:

    ``unknown_entity``
        The index table names an entity that the log lacks.
    ``no_index``
        The anchor does not exist: the entity has no such event.
    ``not_born``
        The entity's start (declared, else its first event) lies after the index.
    ``not_followed``
        The log is not observed until the end of the outcome interval (which may also be beyond all int64 times).
        With an outcome table: the end lies after both the log's end and the table's latest time, or the table says
        so: label 0 known only up to a time before the end; a value measured after the end.
    ``short_tenure``
        The start lies less than ``min_tenure`` before the index.
    ``inactive``
        ``no S``: no S in ``[index - horizon, index)``, so there is nothing that could stop.
    ``already``
        Incident: the condition holds for all that the entity did before the index, however long ago. Outcome table:
        it happened (or was measured) before the index.
    ``outcome_in_lead``
        Incident: what happens in ``[index, index + lead)`` alone makes the condition hold. Outcome table: it
        happened (or was measured) there.
    ``no_outcome_row``
        The outcome table lacks the entity.

    Whether a row is asked never depends on what happens at or after ``index + lead``, save through what an outcome
    table says.

    ``top p%``: with the eligible rows of the discovery half (`split_halves` with the study's seed), n of them, and
    k = floor(p / 100 * n), the threshold is their (k + 1)-th largest number; label 1 means above it, so ties at the
    threshold are negative. Rows of the estimation half are held against the same threshold.

    Parameters
    ----------
    log, study
        What was seen, and what is asked.
    threads
        0 = all cores. The result does not depend on it.

    Returns
    -------
    Labels
        Ordered by (entity bytes, index time). Other columns of an index table are kept.

    Raises
    ------
    ParameterError
        An excluded event type that the log lacks, index times that cannot be used, or an argument of another type.
    InvalidOutcome
        The outcome does not fit the log: an unknown attribute, or a sum without a value column.
    DataError, TimestampError
        An index or outcome table that cannot be used.
    InsufficientDataError
        ``top p%``, and there are eligible rows, but none of them in the discovery half. (Without any eligible row the
        result has no rows.)

    Warns
    -----
    UnknownEventWarning
        The outcome or an anchor names an event type that the log does not have.

    Examples
    --------
    >>> import seqmine as sm
    >>> events = {
    ...     "entity": ["ann", "ann", "bob", "bob"],
    ...     "time": ["2017-09-01", "2017-10-20", "2017-09-01", "2018-01-10"],
    ...     "event": ["purchase"] * 4,
    ... }
    >>> log = sm.EventLog.from_arrow(events, timezone="UTC")
    >>> labels = sm.label(log, sm.Study("no purchase within 90d", at="2017-10-01"))
    >>> labels.column("label").to_pylist(), labels.excluded["inactive"]
    ([0, 1], 0)
    """
    check_log(log)
    check_type(study, Study, "study", 'write sm.Study("no purchase within 90d", at="2017-10-01")')
    check_threads(threads)
    excluded_types(log, study.exclude_events)  # a typo must show here, not when the labels are first used
    if study.labels is not None:
        return study.labels
    assert study.outcome is not None and study.at is not None, "a study without labels has both"
    found = candidates(log, parse_index(study.at), threads)
    rows = _Rows(log, study, study.outcome, threads, found.entity, found.time, dict(found.excluded))

    rows.leave_out("not_born", np.asarray(log.start_times)[rows.entity] > rows.time)
    answer = _from_events(rows) if study.outcome.table is None else _from_table(rows)
    # Rows whose index itself fits no int64 never became rows here; they are the first that nobody could follow.
    rows.excluded["not_followed"] += found.beyond

    extras = {name: take(column, rows.position) for name, column in found.extras.items()}
    table = assemble(take(log.entities, rows.entity), rows.time, answer.label, extras)
    lookback = None if study.lookback is None else parse_duration(study.lookback, "lookback")
    return Labels(
        table,
        MappingProxyType(rows.excluded),
        study.exclude_events,
        lookback,
        str(study.outcome),
        MappingProxyType(answer.details),
    )


class _Answer(NamedTuple):
    label: pa.Array[Any]
    details: dict[str, float]


class _Rows:
    """The rows that are still eligible, and the count of those that are not."""

    def __init__(
        self,
        log: EventLog,
        study: Study,
        outcome: Outcome,
        threads: int,
        entity: Int64,
        time: Int64,
        excluded: dict[str, int],
    ) -> None:
        self.log = log
        self.outcome = outcome
        self.incident = study.incident
        self.min_tenure = parse_duration(study.min_tenure, "min_tenure")
        self.lead = parse_duration(study.lead, "lead")
        self.seed = study.seed
        self.threads = threads
        self.entity = entity
        self.time = time
        self.position = np.arange(len(entity), dtype=np.int64)
        self.excluded = excluded

    def leave_out(self, reason: str, mask: Bool) -> Bool:
        """Counts and drops the rows of `mask`; returns the mask of those that stay."""
        self.excluded[reason] = int(np.count_nonzero(mask))
        stay = ~mask
        if self.excluded[reason]:
            self.entity, self.time, self.position = self.entity[stay], self.time[stay], self.position[stay]
        return stay

    def leave_out_young(self) -> Bool:
        if not self.min_tenure:
            return np.ones(len(self.time), dtype=np.bool_)
        # A tenure that would reach back before the first instant is longer than any entity has.
        fits = self.time >= MIN_TIME + self.min_tenure
        young = np.asarray(self.log.start_times)[self.entity] > earlier(self.time, self.min_tenure)
        return self.leave_out("short_tenure", young | ~fits)

    def interval(self) -> tuple[Int64, Int64 | None, Bool]:
        """Outcome interval [first, end) (end None = unbounded), and where all of it fits."""
        begin = later(self.time, self.lead)
        if self.outcome.horizon is None:
            return begin.time, None, begin.fits
        finish = later(self.time, self.lead + self.outcome.horizon)
        return begin.time, finish.time, finish.fits

    def stats(self, predicate: _native.Predicate, lo: Int64, end: Int64) -> dict[str, Any]:
        """Native statistics of the events in ``[lo, end)`` of each row, whatever the study excludes."""
        spans = _native.Rows(entity=np.ascontiguousarray(self.entity), lo=np.ascontiguousarray(lo), last=end - 1)
        return _native.window_stats(self.log.native, predicate, spans, self.threads)


def _from_events(rows: _Rows) -> _Answer:
    outcome = rows.outcome
    predicate = compile_outcome(rows.log, outcome)
    _, end, fits = rows.interval()
    assert end is not None and outcome.horizon is not None, "outcomes over events have a horizon"
    rows.leave_out("not_followed", ~fits | (end > rows.log.observed_until))
    rows.leave_out_young()
    if outcome.measure == "no":
        seen = rows.stats(predicate, earlier(rows.time, outcome.horizon), rows.time)
        rows.leave_out("inactive", np.asarray(np.asarray(seen["count"]) == 0))
    elif rows.incident:
        life = np.full(len(rows.time), MIN_TIME, dtype=np.int64)
        before = outcome_number(outcome, rows.stats(predicate, life, rows.time))
        rows.leave_out("already", outcome_holds(outcome, before))
        in_lead = rows.stats(predicate, rows.time, rows.interval()[0])
        rows.leave_out("outcome_in_lead", outcome_holds(outcome, outcome_number(outcome, in_lead)))

    begin, end, _ = rows.interval()
    assert end is not None
    found = rows.stats(predicate, begin, end)
    number = outcome_number(outcome, found)
    details: dict[str, float] = {}
    if outcome.measure == "sum":
        details["n_null_values"] = int(found["n_null"].sum())
    if outcome.is_numeric:
        return _Answer(pa.array(number), details)
    top = outcome.percent is not None
    positive = _top(rows, number, details) if top else outcome_holds(outcome, number)
    return _Answer(pa.array(positive.astype(np.int8)), details)


def _from_table(rows: _Rows) -> _Answer:
    known = outcomes.read_table(rows.outcome, rows.log.zone)
    of_row = np.asarray(rows.log.entity_index(known.entity), dtype=np.int64)
    in_log = of_row >= 0
    n_rows = len(of_row)
    row_of = np.full(rows.log.n_entities + 1, -1, dtype=np.int64)
    row_of[of_row[in_log]] = np.flatnonzero(in_log)

    row = row_of[rows.entity]
    there = row >= 0
    # One more entry, never read for a row that is `there`, so that a table without rows can be indexed too.
    time = np.append(known.time, np.int64(0))[row]
    happened = np.ones(len(row), dtype=np.bool_)
    if known.happened is not None:
        happened = np.append(known.happened, np.uint8(0))[row].astype(np.bool_)
    begin, end, fits = rows.interval()
    after = np.zeros(len(row), dtype=np.bool_) if end is None else time >= end
    # A value that is measured too late says nothing of the interval.
    unfollowed = after if known.happened is None else ~happened & (time < (begin if end is None else end))
    out_of_sight = np.zeros(len(row), dtype=np.bool_)
    if end is not None:
        # Whoever wrote the table watched at least until its latest time; what lies beyond is unknown whatever the
        # outcome. Keeping early positives there and dropping the unknown rest would inflate the base rate.
        watched = max(rows.log.observed_until, int(known.time.max(initial=MIN_TIME)))
        out_of_sight = end > watched

    # The masks are cut down together with the rows, reason by reason.
    masks = {
        "not_followed": ~fits | out_of_sight | (there & unfollowed),
        "already": there & happened & (time < rows.time),
        "outcome_in_lead": there & happened & (time >= rows.time) & (time < begin),
        "no_outcome_row": ~there,
    }
    for reason in ("not_followed", "short_tenure", "already", "outcome_in_lead", "no_outcome_row"):
        stay = rows.leave_out_young() if reason == "short_tenure" else rows.leave_out(reason, masks[reason])
        masks = {name: mask[stay] for name, mask in masks.items()}
        row, happened, after = row[stay], happened[stay], after[stay]
    details: dict[str, float] = {"n_outcome_rows_unused": n_rows - int(np.count_nonzero(in_log))}
    if known.value is not None:
        return _Answer(pa.array(known.value[row]), details)
    return _Answer(pa.array((happened & ~after).astype(np.int8)), details)


def compile_outcome(log: EventLog, outcome: Outcome) -> _native.Predicate:
    if outcome.measure == "sum" and not log.has_value:
        raise InvalidOutcome(
            f"'{outcome}' sums values, but the log has none",
            hint="read the log with value='amount', or count events instead",
        )
    assert outcome.selector is not None, "outcomes over events have a selector"
    return compile_selector(log, outcome.selector, InvalidOutcome)


def outcome_number(outcome: Outcome, stats: dict[str, Any]) -> Numbers:
    """The count, or for sums the sum; sums run natively in row order, so they do not depend on the threads."""
    if outcome.measure != "sum":
        return np.asarray(stats["count"], dtype=np.int64)
    total = np.asarray(stats["sum"], dtype=np.float64)
    if not np.isfinite(total).all():
        raise ValueRangeError(
            f"'{outcome}': a sum of values does not fit a float", column="value", hint="use a smaller unit of value"
        )
    return total


def outcome_holds(outcome: Outcome, number: Numbers) -> Bool:
    if outcome.measure == "exists":
        return np.asarray(number > 0)
    if outcome.measure == "no":
        return np.asarray(number == 0)
    assert outcome.comparison is not None and outcome.threshold is not None, "yes/no outcomes have a comparison"
    return np.asarray(_COMPARE[outcome.comparison](number, outcome.threshold), dtype=np.bool_)


def _top(rows: _Rows, number: Numbers, details: dict[str, float]) -> Bool:
    entities, of_row = np.unique(rows.entity, return_inverse=True)
    half = split_halves(take(rows.log.entities, entities), rows.seed)[of_row]
    found = number[half == DISCOVERY]
    n = len(found)
    details["n_discovery"] = n
    if n == 0:
        if len(number):
            raise InsufficientDataError(
                f"'{rows.outcome}': none of the {len(number)} eligible rows is in the discovery half",
                hint="a top share needs more entities",
            )
        return np.zeros(0, dtype=np.bool_)
    assert rows.outcome.percent is not None
    share = outcomes.share(rows.outcome.percent)
    k = share.numerator * n // share.denominator
    threshold = np.partition(found, n - 1 - k)[n - 1 - k]
    details["threshold"] = threshold.item()
    return np.asarray(number > threshold)
