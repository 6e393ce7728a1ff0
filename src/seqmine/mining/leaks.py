"""Leak alarms: event types that tell the outcome in other words, before anything is mined with them.

A cancellation form all but is the churn that follows. Patterns with it are true, strong and useless: whoever files it
has left. So such event types are named, and nothing goes on until they are excluded or acknowledged.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from seqmine import _native
from seqmine._text import did_you_mean, shorten
from seqmine.errors import LeakAlarm, ParameterError
from seqmine.events.spans import span_positions
from seqmine.labels import NEVER, first_true
from seqmine.mining.leak_counts import almost_positive, counts_of, looked_at, median_leads
from seqmine.mining.leak_findings import LEAD_PARTS, LEAST_Z, LeakAlarmFinding, LeakKind
from seqmine.mining.number_leaks import number_alarms
from seqmine.significance import StratifiedTables, cmh

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import BoundRows, Labels, Study

__all__ = ["LeakAlarmFinding", "LeakKind", "check_leaks", "leak_alarms"]

Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
_SHOWN: Final = 5


def leak_alarms(
    log: EventLog,
    labels: Labels,
    bound: BoundRows,
    study: Study | None,
    *,
    discovery: Bool,
    stratum: npt.NDArray[np.int32],
    min_support: int,
    threads: int = 0,
) -> tuple[LeakAlarmFinding, ...]:
    """Find the single event types that all but are the outcome, on the discovery rows alone.

    An event type is looked at when at least ``max(20, min_support // 10)`` discovery rows see it: fewer than 20 rows
    say little, and one that a tenth of ``min_support`` does not see is far from being part of any pattern; between that
    and ``min_support`` it may still stand for a family of proxies, each too rare by itself.

    ``almost_the_outcome``: P(Y | event) > 0.9 and lift > min(3, 0.9 / base rate), and it goes with more positive rows
    than chance would give (z >= 3 without strata). The last condition holds by itself up to base rates of 0.6; with
    very many positive rows the others would hold for any event. Of numbers the same is asked of what a number may be:
    among the largest 30 % of the rows, among the smallest, the commonest number or another one (where over 30 % of the
    rows have it); of these only what at most 60 % of the rows are.

    ``explains_the_number``: whether a row sees the event explains more than 0.8 of the variance of the number within
    strata. Where z is positive or not, and however rare: at least ten rows' worth of comparison are asked for.

    ``just_before_the_outcome``: the stratified z of the event is at least 3, and the median lead, from its last
    occurrence before the index to the time of the outcome (`first_true`), is under 2 % of the horizon. A number that
    counts events has the time of the first of them; a sum has none.

    Parameters
    ----------
    log
        The events.
    labels, bound
        Labels, yes/no or numbers, and ``labels.bind(log)`` (of numbers ``numbers=True``) of them.
    study
        Where the labels come from; None, or a study of given labels, leaves out the second kind.
    discovery : (n_rows,) bool
        The rows to count.
    stratum : (n_rows,) int32
        Strata from 0, see `row_strata`.
    min_support
        Of the search.
    threads
        0 = all cores. The result does not depend on it.

    Returns
    -------
    tuple of LeakAlarmFinding
        In UTF-8 byte order of the event types, at most one for each.
    """
    if bound.number is not None:
        return number_alarms(
            log,
            labels,
            bound,
            study,
            discovery=discovery,
            stratum=stratum,
            min_support=min_support,
            threads=threads,
        )
    row = np.flatnonzero(discovery)
    positive = bound.label[row] != 0
    n_rows, n_positive = len(row), int(np.count_nonzero(positive))
    if n_positive in (0, n_rows):
        return ()
    begin, end = span_positions(log, bound.entity[row], bound.lo[row], bound.last[row], threads)
    matched, (found,) = counts_of(log, begin, end, [positive])
    seen = looked_at(log, labels, matched, min_support)
    almost = seen & almost_positive(matched, found, positive)
    share = found / np.maximum(matched, 1)

    moment = None if study is None else first_true(log, study, labels, threads)
    horizon = None if study is None or study.outcome is None else study.outcome.horizon
    leads: dict[int, int] = {}
    just_before = np.zeros(len(matched), dtype=np.bool_)
    if moment is not None and horizon is not None:
        known = positive & (moment[row] != NEVER)
        leads = median_leads(log, begin[known], end[known], moment[row][known], seen)
        short = [code for code, lead in leads.items() if lead * LEAD_PARTS < horizon and not almost[code]]
        z = _stratified_z(log, bound, row, positive, stratum[row], short, threads)
        just_before[[code for code, score in zip(short, z, strict=True) if score >= LEAST_Z]] = True
    else:
        horizon = None
    return tuple(
        LeakAlarmFinding(
            log.event_types[code],
            "almost_the_outcome" if almost[code] else "just_before_the_outcome",
            int(matched[code]),
            int(found[code]),
            float(share[code]),
            float(share[code] / (n_positive / n_rows)),
            leads.get(code),
            horizon,
        )
        for code in np.flatnonzero(almost | just_before).tolist()
    )


def check_leaks(
    log: EventLog, findings: Iterable[LeakAlarmFinding], acknowledged: Iterable[str] = ()
) -> tuple[LeakAlarmFinding, ...]:
    """Let nothing go on while an alarm is not acknowledged.

    Parameters
    ----------
    log
        Whose event types can be acknowledged.
    findings
        From `leak_alarms`.
    acknowledged
        Names of event types whose alarm is known and accepted; those without an alarm change nothing.

    Returns
    -------
    tuple of LeakAlarmFinding
        The findings, all of them acknowledged: to be printed with the result.

    Raises
    ------
    LeakAlarm
        An event type is not acknowledged.
    ParameterError
        A name that the log does not have, or something that is no list of names.
    """
    if isinstance(acknowledged, str):
        raise ParameterError(
            "acknowledged leaks must be a list of event types, not one text", hint=f"write [{acknowledged!r}]"
        )
    names = tuple(acknowledged)
    for name in names:
        if not isinstance(name, str):
            raise ParameterError(f"acknowledged leaks must be names of event types, not {type(name).__name__}")
        if log.type_index(name) is None:
            near = did_you_mean(name, log.event_types)
            raise ParameterError(
                f"acknowledged leaks: the log has no event type {shorten(name)!r}",
                hint=f"did you mean {near!r}?" if near else "see log.event_types",
            )
    every = tuple(findings)
    alarms = [finding for finding in every if finding.event not in names]
    if alarms:
        shown = [f"{shorten(alarm.event)!r} ({alarm.figures})" for alarm in alarms[:_SHOWN]]
        more = f" and {len(alarms) - _SHOWN} more" if len(alarms) > _SHOWN else ""
        listed = ", ".join(repr(shorten(alarm.event)) for alarm in alarms[:_SHOWN]) + (", ..." if more else "")
        types = "1 event type" if len(alarms) == 1 else f"{len(alarms)} event types"
        error = LeakAlarm(
            f"{types} of the log may be the outcome in other words: {'; '.join(shown)}{more}",
            hint=f"leave them out with exclude_events=[{listed}], or acknowledge them by name",
        )
        error.events = tuple(alarm.event for alarm in alarms)
        raise error
    return every


def _stratified_z(
    log: EventLog,
    bound: BoundRows,
    row: Int64,
    positive: Bool,
    stratum: npt.NDArray[np.int32],
    codes: list[int],
    threads: int,
) -> npt.NDArray[np.float64]:
    """z of Cochran, Mantel and Haenszel for "sees such an event", one for each event type; 0 where undefined."""
    if not codes:
        return np.zeros(0)
    n_strata = int(stratum.max()) + 1
    rows = _native.Rows(
        entity=np.ascontiguousarray(bound.entity[row]),
        lo=np.ascontiguousarray(bound.lo[row]),
        last=np.ascontiguousarray(bound.last[row]),
    )

    def per_stratum(mask: Bool) -> Int64:
        return np.bincount(stratum[mask], minlength=n_strata)

    matched, found = [], []
    for code in codes:
        flags = np.zeros(len(log.event_types), dtype=np.uint8)
        flags[code] = 1
        seen = np.asarray(_native.window_stats(log.native, _native.Predicate(flags), rows, threads)["count"]) > 0
        matched.append(per_stratum(seen))
        found.append(per_stratum(seen & positive))
    tables = StratifiedTables(
        n=per_stratum(np.ones(len(row), dtype=np.bool_)),
        positive=per_stratum(positive),
        matched=np.array(matched),
        matched_positive=np.array(found),
    )
    return np.nan_to_num(cmh(tables).z)
