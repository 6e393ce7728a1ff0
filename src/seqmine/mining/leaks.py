"""Leak alarms: event types that tell the outcome in other words, before anything is mined with them.

A cancellation form all but is the churn that follows. Patterns with it are true, strong and useless: whoever files it
has left. So such event types are named, and nothing goes on until they are excluded or acknowledged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import numpy.typing as npt

from seqmine import _native
from seqmine._text import did_you_mean, format_duration, rounded_duration, shorten
from seqmine.errors import LeakAlarm, ParameterError
from seqmine.events.spans import chunks, expand, span_positions
from seqmine.labels import NEVER, first_true
from seqmine.labels.labels import excluded_types
from seqmine.significance import StratifiedTables, cmh

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import BoundRows, Labels, Study

__all__ = ["LeakAlarmFinding", "LeakKind", "check_leaks", "leak_alarms"]

Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
LeakKind = Literal["almost_the_outcome", "just_before_the_outcome"]

MOST_CONFIDENCE: Final = 0.9
MOST_LIFT: Final = 3.0
LEAST_Z: Final = 3.0
LEAD_PARTS: Final = 50
"""A median lead under one of so many parts of the horizon (2 %) is no notice."""
FEWEST_ROWS: Final = 20
_EVENTS_AT_ONCE: Final = 1 << 22
_SHOWN: Final = 5


@dataclass(frozen=True)
class LeakAlarmFinding:
    """An event type that all but is the outcome, counted on discovery rows.

    Attributes
    ----------
    event
        The event type.
    kind
        ``"almost_the_outcome"``: nearly every row that sees it is positive. ``"just_before_the_outcome"``: it goes with
        the outcome, and half of the positive rows that see it see it right before the outcome. What is both is the
        first.
    n_matched, n_positive
        Rows that see it, and positive rows among them.
    share
        ``n_positive / n_matched``.
    lift
        ``share`` over the share of positive rows among all.
    median_lead
        Microseconds from its last occurrence before the index to the outcome, the lower median over the positive rows
        that see it; None where the outcome has no moment or the horizon no end.
    horizon
        Microseconds; None as above.
    """

    event: str
    kind: LeakKind
    n_matched: int
    n_positive: int
    share: float
    lift: float
    median_lead: int | None
    horizon: int | None

    @property
    def figures(self) -> str:
        """The counts that raised the alarm."""
        if self.kind == "just_before_the_outcome" and self.median_lead is not None and self.horizon is not None:
            part = 100 * self.median_lead / self.horizon
            return (
                f"median lead {part:.2g} % of the horizon over {self.n_positive:,} positive rows, lift {self.lift:.3g}"
            )
        return f"{100 * self.share:.1f} % of {self.n_matched:,} rows positive, lift {self.lift:.3g}"

    @property
    def sentence(self) -> str:
        """The alarm in words."""
        name = repr(shorten(self.event))
        if self.kind == "just_before_the_outcome" and self.median_lead is not None and self.horizon is not None:
            return (
                f"Half of the {self.n_positive:,} positive rows that see {name} see it within "
                f"{rounded_duration(self.median_lead)} of the outcome, less than 2 % of the horizon of "
                f"{format_duration(self.horizon)} (lift {self.lift:.3g})."
            )
        return (
            f"Of {self.n_matched:,} rows that see {name} before the index {100 * self.share:.1f} % are positive, "
            f"{self.lift:.3g} times the share of all rows."
        )


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
    very many positive rows the others would hold for any event.

    ``just_before_the_outcome``: the stratified z of the event is at least 3, and the median lead, from its last
    occurrence before the index to the time of the outcome (`first_true`), is under 2 % of the horizon.

    Parameters
    ----------
    log
        The events.
    labels, bound
        Yes/no labels, and ``labels.bind(log)`` of them.
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
    row = np.flatnonzero(discovery)
    positive = bound.label[row] != 0
    n_rows, n_positive = len(row), int(np.count_nonzero(positive))
    if n_positive in (0, n_rows):
        return ()
    begin, end = span_positions(log, bound.entity[row], bound.lo[row], bound.last[row], threads)
    matched, found = _counts(log, begin, end, positive)
    looked_at = matched >= max(FEWEST_ROWS, min_support // 10)
    hidden = excluded_types(log, labels.exclude_events)
    if hidden is not None:
        looked_at &= hidden == 0

    one_table = StratifiedTables(
        n=np.array([n_rows]), positive=np.array([n_positive]), matched=matched[:, None], matched_positive=found[:, None]
    )
    share = found / np.maximum(matched, 1)
    base = n_positive / n_rows
    lift = share / base
    almost = looked_at & (share > MOST_CONFIDENCE) & (lift > min(MOST_LIFT, MOST_CONFIDENCE / base))
    almost &= np.nan_to_num(cmh(one_table).z) >= LEAST_Z

    moment = None if study is None else first_true(log, study, labels, threads)
    horizon = None if study is None or study.outcome is None else study.outcome.horizon
    leads: dict[int, int] = {}
    just_before = np.zeros(len(matched), dtype=np.bool_)
    if moment is not None and horizon is not None:
        known = positive & (moment[row] != NEVER)
        leads = _median_leads(log, begin[known], end[known], moment[row][known], looked_at)
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
            float(lift[code]),
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


def _counts(log: EventLog, begin: Int64, end: Int64, positive: Bool) -> tuple[Int64, Int64]:
    """For each event type: rows with such an event in ``[begin, end)``, and positive ones among them."""
    n_types = len(log.event_types)
    matched, found = np.zeros(n_types, dtype=np.int64), np.zeros(n_types, dtype=np.int64)
    for part in chunks(begin, end, _EVENTS_AT_ONCE):
        row, position = expand(begin[part], end[part])
        key = np.sort(row * n_types + log.code[position])
        key = key[np.concatenate(([True], key[1:] != key[:-1]))] if len(key) else key
        row, code = np.divmod(key, n_types)
        matched += np.bincount(code, minlength=n_types)
        found += np.bincount(code[positive[part][row]], minlength=n_types)
    return matched, found


def _median_leads(log: EventLog, begin: Int64, end: Int64, moment: Int64, looked_at: Bool) -> dict[int, int]:
    """For each event type: lower median of the time from its last event in ``[begin, end)`` to the moment."""
    n_types = len(log.event_types)
    codes, leads = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.uint64)]
    for part in chunks(begin, end, _EVENTS_AT_ONCE):
        row, position = expand(begin[part], end[part])
        wanted = looked_at[log.code[position]]
        row, position = row[wanted][::-1], position[wanted][::-1]
        # Backwards, so that the first of equal keys is the latest event of its type.
        key, first = np.unique(row * n_types + log.code[position], return_index=True)
        row, code = np.divmod(key, n_types)
        codes.append(code)
        leads.append(moment[part][row].view(np.uint64) - log.time[position[first]].view(np.uint64))
    code, lead = np.concatenate(codes), np.concatenate(leads)
    order = np.lexsort((lead, code))
    code, lead = code[order], lead[order]
    types, at, n = np.unique(code, return_index=True, return_counts=True)
    return {int(t): int(lead[i + (k - 1) // 2]) for t, i, k in zip(types, at, n, strict=True)}


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
