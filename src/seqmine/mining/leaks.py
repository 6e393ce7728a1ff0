"""Leak alarms: events that tell the outcome in other words, before anything is mined with them.

A cancellation form all but is the churn that follows. Patterns with it are true, strong and useless: whoever files it
has left. So such event types, and steps with conditions, are named, and nothing goes on until they are left out or
acknowledged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from seqmine import _native
from seqmine._text import shorten
from seqmine.errors import LeakAlarm, ParameterError
from seqmine.events.spans import span_positions
from seqmine.labels import NEVER, first_true
from seqmine.mining.leak_counts import almost_positive, counts_of, looked_at, median_leads, stratified_z
from seqmine.mining.leak_findings import LEAD_PARTS, LEAST_Z, MOST_SHOWN, LeakAlarmFinding, LeakKind
from seqmine.mining.leak_names import accepted, folded, read_names
from seqmine.mining.number_leaks import number_alarms
from seqmine.mining.step_leaks import Steps, step_alarms

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
    steps: Steps | None = None,
    threads: int = 0,
) -> tuple[LeakAlarmFinding, ...]:
    """Find the event types and single steps that all but are the outcome, on the discovery rows alone.

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

    What `steps` hold besides is judged by the first and, of labels, the third rule: see `step_alarms`.

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
    steps
        What the search tries as a step; by default nothing but event types.
    threads
        0 = all cores. The result does not depend on it.

    Returns
    -------
    tuple of LeakAlarmFinding
        In UTF-8 byte order of the names, at most one for each event type and step (`check_leaks` folds what says the
        same thing).
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
            steps=steps or Steps(),
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
        z = stratified_z(_seen(log, bound.take(row), short, threads), positive, stratum[row])
        just_before[[code for code, score in zip(short, z, strict=True) if score >= LEAST_Z]] = True
    else:
        horizon = None
    told = tuple(
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
    more = step_alarms(
        log,
        bound.take(row),
        [("positive", positive)],
        None if moment is None else moment[row],
        horizon,
        stratum=stratum[row],
        steps=steps or Steps(),
        told=told,
        min_support=min_support,
        threads=threads,
    )
    return (*told, *more)


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
        Names of event types whose alarm is known and accepted, and those of alarms about steps: each accepts all steps
        that it stands for, ``*{plan=gone}`` that of every event type. Names without an alarm change nothing.

    Returns
    -------
    tuple of LeakAlarmFinding
        The findings, all of them acknowledged: to be printed with the result. Steps that say the same thing are one
        (`folded`).

    Raises
    ------
    LeakAlarm
        An event type or step is not acknowledged.
    ParameterError
        A name that the log does not have, or something that is no list of names.
    """
    if isinstance(acknowledged, str):
        raise ParameterError(
            "acknowledged leaks must be a list of event types, not one text", hint=f"write [{acknowledged!r}]"
        )
    names = tuple(acknowledged)
    patterns = read_names(log, names)
    every = tuple(findings)
    alarms = folded(finding for finding in every if not accepted(finding, names, patterns))
    if alarms:
        raise _alarm(alarms)
    return folded(every)


def _alarm(alarms: tuple[LeakAlarmFinding, ...]) -> LeakAlarm:
    """The error that names the first of them, and says what to do."""
    shown = [f"{_name(alarm)} ({alarm.figures})" for alarm in alarms[:_SHOWN]]
    more = f" and {len(alarms) - _SHOWN} more" if len(alarms) > _SHOWN else ""
    exclude = [alarm for alarm in alarms if not alarm.is_step]
    one, many = ("event type", "event types") if len(exclude) == len(alarms) else ("kind of step", "kinds of steps")
    error = LeakAlarm(
        f"{len(alarms)} {one if len(alarms) == 1 else many} of the log may be the outcome in other words: "
        f"{'; '.join(shown)}{more}"
    )
    error.events = tuple(alarm.event for alarm in alarms)
    error.exclude = tuple(alarm.event for alarm in exclude)
    error.context = tuple(sorted({alarm.context for alarm in alarms if alarm.context is not None}, key=str.encode))
    error.absence = any(alarm.absent for alarm in alarms)
    out = [f"leave them out with exclude_events=[{_listed(exclude)}]"] if exclude else []
    out += [f"leave {shorten(name)!r} out of context" for name in error.context]
    out += ["leave out absence"] if error.absence else []
    named = "" if len(exclude) == len(alarms) else f": acknowledge=[{_listed(alarms)}]"
    error.hint = f"{', '.join(out)}, or acknowledge them by name{named}"
    return error


def _listed(alarms: Sequence[LeakAlarmFinding]) -> str:
    return ", ".join(map(_name, alarms[:_SHOWN])) + (", ..." if len(alarms) > _SHOWN else "")


def _name(alarm: LeakAlarmFinding) -> str:
    return repr(shorten(alarm.event, MOST_SHOWN) if alarm.is_step else shorten(alarm.event))


def _seen(log: EventLog, bound: BoundRows, codes: Iterable[int], threads: int) -> Iterator[Bool]:
    """Which rows see an event of each type."""
    for code in codes:
        flags = np.zeros(len(log.event_types), dtype=np.uint8)
        flags[code] = 1
        found = _native.window_stats(log.native, _native.Predicate(flags), bound.rows, threads)
        yield np.asarray(found["count"]) > 0
