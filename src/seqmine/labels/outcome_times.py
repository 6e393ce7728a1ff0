"""When the outcome of a row came true, and how many rows it came too early for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from seqmine import _native
from seqmine._text import format_duration, parse_duration
from seqmine._validate import check_type
from seqmine.events.checked import check_log
from seqmine.events.spans import chunks, expand, span_positions
from seqmine.labels import outcome as outcomes
from seqmine.labels._instants import Int64, later
from seqmine.labels.build import Numbers, compile_outcome, outcome_holds, outcome_number
from seqmine.labels.labels import Labels, index_times
from seqmine.labels.outcome import Outcome
from seqmine.labels.study import Study

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

__all__ = ["NEVER", "LeadLoss", "first_true", "lead_loss"]

NEVER: Final = -(2**63)
"""The time of what did not come true; no event has it."""

_EVENTS_AT_ONCE: Final = 1 << 22


@dataclass(frozen=True)
class LeadLoss:
    """Rows whose outcome came true between the index and the outcome interval: too late to act, and not positive.

    Attributes
    ----------
    n_lost
        Those rows.
    n_positive
        Rows with label 1.
    share
        ``n_lost / (n_lost + n_positive)``; None where both are 0.
    lead
        Microseconds between the index and the outcome interval.
    """

    n_lost: int
    n_positive: int
    share: float | None
    lead: int

    @property
    def sentence(self) -> str:
        """The loss in words."""
        gap = f"within {format_duration(self.lead)} of the index"
        if self.share is None:
            return f"No outcome came true, neither {gap} nor after it."
        n = self.n_lost + self.n_positive
        return f"Of {n:,} outcomes {self.n_lost:,} ({100 * self.share:.1f} %) came true {gap}: too late to act on."


def first_true(log: EventLog, study: Study, labels: Labels, threads: int = 0) -> Int64 | None:
    """When the outcome of each positive row came true.

    ``exists``: the first such event of the outcome interval. ``count >= k`` and ``> k``: the k-th, or the one after
    it; simultaneous events count together. ``sum >= x`` and ``> x``: the first time at which the sum of all values up
    to it is enough, although later refunds may undo that and later values restore it. A count that is itself the label:
    the first such event. Outcome table: its time.

    Parameters
    ----------
    log, study
        What was labelled.
    labels
        Rows of ``label(log, study)``, all or some of them.
    threads
        0 = all cores. The result does not depend on it.

    Returns
    -------
    numpy.ndarray or None
        int64 UTC microseconds, (n_rows,), `NEVER` where the label is 0. None where an outcome has no moment at which
        it comes true: ``no ...``, top shares, sums that are the label, tables of numbers, other comparisons, thresholds
        that nothing at all satisfies, and given labels.
    """
    _check(log, study, labels)
    outcome = study.outcome
    if outcome is None or not (_comes_true(outcome) or _counts(outcome)):
        return None
    result = np.full(labels.n_rows, NEVER, dtype=np.int64)
    row = np.flatnonzero(np.asarray(labels.column("label").to_numpy(zero_copy_only=False)) > 0)
    if len(row) == 0:
        return result
    entity = np.asarray(log.entity_index(labels.column("entity")), dtype=np.int64)[row]
    if outcome.table is not None:
        known = outcomes.read_table(outcome, log.zone)
        place = np.full(log.n_entities + 1, -1, dtype=np.int64)
        place[np.asarray(log.entity_index(known.entity), dtype=np.int64)] = np.arange(len(known.time))
        result[row] = known.time[place[entity]]
        return result
    time = index_times(labels.to_arrow())[row]
    assert outcome.horizon is not None, "outcomes over events have a horizon"
    lead = parse_duration(study.lead, "lead")
    begin, end = later(time, lead).time, later(time, lead + outcome.horizon).time
    result[row] = _moments(log, outcome, entity, begin, end - 1, threads)
    return result


def lead_loss(log: EventLog, study: Study, labels: Labels, threads: int = 0) -> LeadLoss | None:
    """How many outcomes came true in ``[index, index + lead)``, where nobody can act on them any more.

    With ``incident`` and with outcome tables `label` left those rows out (``outcome_in_lead``). Otherwise they are the
    rows with label 0 for which what happened in the gap alone would have made the outcome true.

    Parameters
    ----------
    log, study, labels, threads
        As `first_true`; `labels` are all rows of the study.

    Returns
    -------
    LeadLoss or None
        None where there is no lead, or where the outcome has no moment at which it comes true, see `first_true`.
    """
    _check(log, study, labels)
    lead, outcome = parse_duration(study.lead, "lead"), study.outcome
    if lead == 0 or outcome is None or not _comes_true(outcome):
        return None
    n_lost = labels.excluded.get("outcome_in_lead")
    if n_lost is None:
        time = index_times(labels.to_arrow())
        entity = np.asarray(log.entity_index(labels.column("entity")), dtype=np.int64)
        rows = _native.Rows(entity=entity, lo=time, last=later(time, lead).time - 1)
        stats = _native.window_stats(log.native, compile_outcome(log, outcome), rows, threads)
        negative = np.asarray(labels.column("label").to_numpy(zero_copy_only=False)) == 0
        n_lost = int(np.count_nonzero(outcome_holds(outcome, outcome_number(outcome, stats)) & negative))
    n = n_lost + labels.n_positive
    return LeadLoss(n_lost, labels.n_positive, n_lost / n if n else None, lead)


def _check(log: EventLog, study: Study, labels: Labels) -> None:
    check_log(log)
    check_type(study, Study, "study", 'write sm.Study("no purchase within 90d", at="2017-10-01")')
    check_type(labels, Labels, "labels", "make them with sm.label(log, study)")


def _comes_true(outcome: Outcome) -> bool:
    """Whether the outcome is false at first and becomes true with an event."""
    if outcome.table is not None:
        return not outcome.is_numeric
    if outcome.measure == "exists":
        return True
    if outcome.comparison not in (">", ">=") or outcome.threshold is None:
        return False
    return outcome.threshold > 0 or (outcome.comparison == ">" and outcome.threshold == 0)


def _counts(outcome: Outcome) -> bool:
    """Whether the outcome is the number of some events."""
    return outcome.measure == "count" and outcome.is_numeric


def _moments(log: EventLog, outcome: Outcome, entity: Int64, lo: Int64, last: Int64, threads: int) -> Int64:
    """For rows whose outcome comes true in ``[lo, last]``: when."""
    predicate = compile_outcome(log, outcome)
    if outcome.measure == "exists" or _counts(outcome):
        rows = _native.Rows(entity=entity, lo=lo, last=last)
        return np.asarray(_native.window_stats(log.native, predicate, rows, threads)["first_time"], dtype=np.int64)
    begin, end = span_positions(log, entity, lo, last, threads)
    times = np.asarray(log.time, dtype=np.int64)
    result = np.full(len(entity), NEVER, dtype=np.int64)
    for part in chunks(begin, end, _EVENTS_AT_ONCE):
        row, position = expand(begin[part], end[part])
        time = times[position]
        # One entry for each row and time: simultaneous events have no order.
        new = np.concatenate(([True], (row[1:] != row[:-1]) | (time[1:] != time[:-1])))
        row, time = row[new], time[new]
        at = _native.Rows(entity=np.ascontiguousarray(entity[part][row]), lo=time, last=time)
        stats = _native.window_stats(log.native, predicate, at, threads)
        counted = np.asarray(stats["count"]) > 0
        row, time = row[counted], time[counted]
        number = outcome_number(outcome, stats)[counted]
        running = _running(row, number)
        enough = np.flatnonzero(outcome_holds(outcome, running))
        # Sums are rounded in another order here than over the whole interval at once: the last event stands in for a
        # sum that misses the threshold by that alone. Backwards, so that the first entry of a row is what remains.
        found = result[part]
        found[row] = time
        found[row[enough][::-1]] = time[enough][::-1]
    return result


def _running(row: Int64, number: Numbers) -> Numbers:
    """Sums of the numbers of each row up to and with every entry; `row` ascends."""
    running = number.copy()
    begin = np.flatnonzero(np.concatenate(([True], row[1:] != row[:-1]))) if len(row) else row
    length = np.diff(np.append(begin, len(row)))
    # Entry by entry over all rows at once: one sum over everything would carry the rounding of one row into the next.
    for step in range(1, int(length.max(initial=0))):
        begin, length = begin[length > step], length[length > step]
        running[begin + step] += running[begin + step - 1]
    return running
