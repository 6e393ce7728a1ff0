"""Leak alarms of numeric outcomes: event types that all but tell the number.

A number has no positive rows, so two questions take their place. Is it *nearly all of the variance*: would whoever
knows who saw the event know the numbers? And is it *nearly always the same kind of number*: the rule of yes/no labels,
asked of what the number answers with yes or no. The first finds what splits all rows in two, the second what only few
rows see, of which a share of the variance says little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from seqmine.events.spans import span_positions
from seqmine.labels import NEVER, first_true
from seqmine.mining.leak_counts import almost_positive, counts_of, looked_at, median_leads, sights
from seqmine.mining.leak_findings import LEAD_PARTS, LEAST_Z, LeakAlarmFinding, LeakKind
from seqmine.mining.step_leaks import Steps, step_alarms

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import BoundRows, Labels, Study

__all__ = ["number_alarms"]

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

MOST_EXPLAINED: Final = 0.8
"""Of the variance within strata. At a base rate of one half the least leak of a yes/no outcome that all positive rows
see, at P(Y | event) = 0.9, explains 0.8 of it; at lower base rates such a leak explains up to 0.9."""
EXTREME_SHARE: Final = 0.3
"""The largest numbers are those of at most this share of rows: 0.9 of the rows that see an event being among them is
then a lift of 3, as the rule of yes/no labels asks."""
MOST_COMMON: Final = 0.6
"""Beyond this share of rows a kind of number is the rule, and events with which it is 0.9 of all are no surprise."""
LEAST_COMPARED: Final = 10.0
"""Rows' worth of comparison, the sum of ``m (n - m) / n`` over strata: with less a single outlier is most of what
there is to explain. An event that 20 of many rows see has 20."""


def number_alarms(
    log: EventLog,
    labels: Labels,
    bound: BoundRows,
    study: Study | None,
    *,
    discovery: Bool,
    stratum: npt.NDArray[np.int32],
    min_support: int,
    steps: Steps,
    threads: int = 0,
) -> tuple[LeakAlarmFinding, ...]:
    """The work of `leak_alarms` on numbers; arguments as there."""
    row = np.flatnonzero(discovery)
    assert bound.number is not None, "labels have alarms of their own"
    number = np.asarray(bound.number[row], dtype=np.float64)
    if len(row) == 0 or np.ptp(number) == 0:
        return ()
    begin, end = span_positions(log, bound.entity[row], bound.lo[row], bound.last[row], threads)
    kinds = _kinds(number)
    above = ("above 0", number > 0)
    matched, found = counts_of(log, begin, end, [rows for _, rows in (*kinds, above)])
    seen = looked_at(log, labels, matched, min_support)
    told: dict[int, tuple[LeakKind, str, int, float]] = {}
    for (about, rows), n_found in zip(kinds, found, strict=False):
        base = np.count_nonzero(rows) / len(row)
        for code in np.flatnonzero(seen & almost_positive(matched, n_found, rows)).tolist():
            told.setdefault(code, ("almost_the_outcome", about, int(n_found[code]), base))

    codes = np.flatnonzero(seen)
    explained, z = _variance(log, begin, end, number, stratum[row], codes)
    leads, horizon = _leads(log, labels, study, row, begin, end, seen, threads)
    base = np.count_nonzero(above[1]) / len(row)
    for code, part, score in zip(codes.tolist(), explained.tolist(), z.tolist(), strict=True):
        soon = horizon is not None and code in leads and leads[code] * LEAD_PARTS < horizon and score >= LEAST_Z
        if part > MOST_EXPLAINED:
            told.setdefault(code, ("explains_the_number", above[0], int(found[-1, code]), base))
        elif soon:
            told.setdefault(code, ("just_before_the_outcome", above[0], int(found[-1, code]), base))
    parts = dict(zip(codes.tolist(), explained.tolist(), strict=True))
    findings = tuple(
        LeakAlarmFinding(
            log.event_types[code],
            kind,
            int(matched[code]),
            n,
            n / int(matched[code]),
            n / int(matched[code]) / base if base else 0.0,
            leads.get(code),
            horizon,
            about,
            parts[code],
        )
        for code, (kind, about, n, base) in sorted(told.items())
    )
    # Of steps only the first question is asked.
    more = step_alarms(
        log,
        bound.take(row),
        kinds,
        None,
        None,
        stratum=stratum[row],
        steps=steps,
        told=findings,
        min_support=min_support,
        threads=threads,
    )
    return (*findings, *more)


def _kinds(number: Float64) -> list[tuple[str, Bool]]:
    """What a number may be, in words, and the rows for which it is: what is rule rather than exception left out."""
    ordered = np.sort(number)
    n_extreme = int(EXTREME_SHARE * len(ordered))
    # With ties at the edge fewer are beyond it.
    high, low = ordered[len(ordered) - 1 - n_extreme], ordered[n_extreme]
    distinct, counts = np.unique(ordered, return_counts=True)
    commonest = distinct[np.argmax(counts)]
    kinds = [(f"above {high:.6g}", number > high), (f"below {low:.6g}", number < low)]
    if counts.max() > n_extreme:
        kinds += [(f"{commonest:.6g} exactly", number == commonest), (f"not {commonest:.6g}", number != commonest)]
    return [(about, rows) for about, rows in kinds if 0 < np.count_nonzero(rows) <= MOST_COMMON * len(number)]


def _variance(
    log: EventLog, begin: Int64, end: Int64, number: Float64, stratum: npt.NDArray[np.int32], codes: Int64
) -> tuple[Float64, Float64]:
    """Of each event type the share of the variance within strata that seeing it explains, and its z.

    The squared correlation, within strata, of "sees it" and the number: one difference for all strata, so that many
    small strata explain nothing by themselves; 0 where less than `LEAST_COMPARED` is compared. z is that of `mean_z`.
    """
    n_strata = int(stratum.max()) + 1
    n = np.bincount(stratum, minlength=n_strata)
    mean = np.bincount(stratum, number, minlength=n_strata) / np.maximum(n, 1)
    rest = number - mean[stratum]
    squares = np.bincount(stratum, rest**2, minlength=n_strata)
    place = np.full(len(log.event_types), -1, dtype=np.int64)
    place[codes] = np.arange(len(codes))
    matched = np.zeros(len(codes) * n_strata, dtype=np.int64)
    pull = np.zeros(len(codes))
    for who, code in sights(log, begin, end):
        kept = place[code] >= 0
        rows, at = who[kept], place[code[kept]]
        matched += np.bincount(at * n_strata + stratum[rows], minlength=len(matched))
        pull += np.bincount(at, rest[rows], minlength=len(codes))
    m = matched.reshape(len(codes), n_strata)
    compared = m * (n - m) / np.maximum(n, 1)
    room, variance = compared.sum(axis=1), (compared * squares / np.maximum(n - 1, 1)).sum(axis=1)
    enough = (room >= LEAST_COMPARED) & (squares.sum() > 0)
    explained = np.where(enough, pull**2 / np.where(enough, room * squares.sum(), 1.0), 0.0)
    return explained, np.where(variance > 0, pull / np.sqrt(np.where(variance > 0, variance, 1.0)), 0.0)


def _leads(
    log: EventLog,
    labels: Labels,
    study: Study | None,
    row: Int64,
    begin: Int64,
    end: Int64,
    seen: Bool,
    threads: int,
) -> tuple[dict[int, int], int | None]:
    """Median leads to the first counted event, and the horizon; none where the number has no moment."""
    moment = None if study is None else first_true(log, study, labels, threads)
    if moment is None or study is None or study.outcome is None or study.outcome.horizon is None:
        return {}, None
    known = moment[row] != NEVER
    return median_leads(log, begin[known], end[known], moment[row][known], seen), study.outcome.horizon
