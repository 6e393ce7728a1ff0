"""Which rows see which event types before the index, and how long before the outcome."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from seqmine.events.spans import chunks, expand
from seqmine.labels.labels import excluded_types
from seqmine.mining.leak_findings import FEWEST_ROWS, LEAST_Z, MOST_CONFIDENCE, MOST_LIFT
from seqmine.significance import StratifiedTables, cmh

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import Labels

__all__ = [
    "EVENTS_AT_ONCE",
    "almost_positive",
    "counts_of",
    "fewest_rows",
    "looked_at",
    "median_leads",
    "sights",
    "stratified_z",
]

Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

EVENTS_AT_ONCE: Final = 1 << 22


def fewest_rows(min_support: int) -> int:
    """Rows that must see a step for it to be judged."""
    return max(FEWEST_ROWS, min_support // 10)


def looked_at(log: EventLog, labels: Labels, matched: Int64, min_support: int) -> Bool:
    """The event types that enough rows see to be judged, and that patterns may see."""
    hidden = excluded_types(log, labels.exclude_events)
    enough = matched >= fewest_rows(min_support)
    return enough if hidden is None else enough & (hidden == 0)


def almost_positive(matched: Int64, found: Int64, positive: Bool, least_z: float = LEAST_Z) -> Bool:
    """Which event types, or steps, nearly all rows that see them are positive for, and more than by chance."""
    base = np.count_nonzero(positive) / len(positive)
    tables = StratifiedTables(
        n=np.array([len(positive)]),
        positive=np.array([np.count_nonzero(positive)]),
        matched=matched[:, None],
        matched_positive=found[:, None],
    )
    share = found / np.maximum(matched, 1)
    almost = (share > MOST_CONFIDENCE) & (share / base > min(MOST_LIFT, MOST_CONFIDENCE / base))
    return np.asarray(almost & (np.nan_to_num(cmh(tables).z) >= least_z))


def stratified_z(seen: Iterable[Bool], positive: Bool, stratum: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    """z of Cochran, Mantel and Haenszel, one for each mask of the rows that see something; 0 where undefined."""
    n_strata = int(stratum.max()) + 1

    def per_stratum(mask: Bool) -> Int64:
        return np.bincount(stratum[mask], minlength=n_strata)

    counts = [(per_stratum(mask), per_stratum(mask & positive)) for mask in seen]
    if not counts:
        return np.zeros(0)
    tables = StratifiedTables(
        n=per_stratum(np.ones(len(stratum), dtype=np.bool_)),
        positive=per_stratum(positive),
        matched=np.array([matched for matched, _ in counts]),
        matched_positive=np.array([found for _, found in counts]),
    )
    return np.nan_to_num(cmh(tables).z)


def sights(log: EventLog, begin: Int64, end: Int64) -> Iterator[tuple[Int64, Int64]]:
    """Rows and event types such that the row has such an event in ``[begin, end)``: each pair once, rows ascending."""
    n_types, n_before = len(log.event_types), 0
    for part in chunks(begin, end, EVENTS_AT_ONCE):
        row, position = expand(begin[part], end[part])
        key = np.sort(row * n_types + log.code[position])
        key = key[np.concatenate(([True], key[1:] != key[:-1]))] if len(key) else key
        row, code = np.divmod(key, n_types)
        yield row + n_before, code
        n_before += len(begin[part])


def counts_of(log: EventLog, begin: Int64, end: Int64, positive: Sequence[Bool]) -> tuple[Int64, Int64]:
    """For each event type the rows that see it, ``(n_types,)``, and of each kind of positive rows how many do.

    The second is of shape ``(len(positive), n_types)``.
    """
    n_types = len(log.event_types)
    matched, found = np.zeros(n_types, dtype=np.int64), np.zeros((len(positive), n_types), dtype=np.int64)
    for row, code in sights(log, begin, end):
        matched += np.bincount(code, minlength=n_types)
        for kind, rows in enumerate(positive):
            found[kind] += np.bincount(code[rows[row]], minlength=n_types)
    return matched, found


def median_leads(log: EventLog, begin: Int64, end: Int64, moment: Int64, looked_at: Bool) -> dict[int, int]:
    """For each event type: lower median of the time from its last event in ``[begin, end)`` to the moment."""
    n_types = len(log.event_types)
    codes, leads = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.uint64)]
    for part in chunks(begin, end, EVENTS_AT_ONCE):
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
