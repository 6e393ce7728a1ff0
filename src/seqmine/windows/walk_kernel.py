"""Walks along the events of each row: outcomes bin by bin, where its pieces begin, and what is known at a time.

A row is one moment of one entity, at time ``t0``. Delay bin k is ``[t0 + k width, t0 + (k + 1) width)``; its landmark
is its end. Rows come ordered by (entity, t0), so what was walked for one moment of an entity serves the next.
"""

# numba infers the types of kernels from how they are called.
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import math

import numpy as np

from seqmine._kernels import kernel

__all__ = [
    "EVENT",
    "NUMBER",
    "N_BASE",
    "N_PER_TYPE",
    "STATE",
    "features_at",
    "first_from",
    "look_times",
    "outcome_steps",
    "piece_bins",
    "screen_types",
]

EVENT, STATE, NUMBER = 0, 1, 2
N_BASE, N_PER_TYPE = 7, 5
_MIN = -(2**63) + 1
_NEVER = -(2**63)  # no event has it
_HOUR = 3_600_000_000
_DAY = 24 * _HOUR


@kernel
def _lower(time, begin, end, value):
    """Return the first position in [begin, end) whose time is not below ``value``."""
    while begin < end:
        middle = (begin + end) // 2
        if time[middle] < value:
            begin = middle + 1
        else:
            end = middle
    return begin


@kernel
def _back(time, by):
    """Return ``time - by``, not below the first instant."""
    return time - by if time >= _MIN + by else _MIN


@kernel
def first_from(offsets, time, entity, since, found):
    """Set ``found`` to the position of each entity's first time at or after ``since``; -1 where there is none."""
    for i in range(entity.size):
        end = offsets[entity[i] + 1]
        at = _lower(time, offsets[entity[i]], end, since[i])
        found[i] = at if at < end else -1


@kernel
def _holds(number, comparison, threshold):
    if comparison == 0:
        return number >= threshold
    if comparison == 1:
        return number > threshold
    if comparison == 2:
        return number <= threshold
    if comparison == 3:
        return number < threshold
    if comparison == 4:
        return number == threshold
    return number != threshold


@kernel
def _sum(number, begin, end):
    total = 0.0
    for j in range(begin, end):
        total += number[j]
    return total


@kernel
def outcome_steps(
    offsets, time, number, entity, t0, width, n_bins, follow, blank, mode, comparison, threshold, scale, start, out
):
    """Find the bins at which a row's outcome, or whether it is at risk, changes.

    The outcome of bin k is that of ``[tau + blank, tau + follow)`` with tau the bin's end; a row is at risk in it while
    the outcome has at no time come true since t0, before ``tau + blank`` (EVENT), or is not true of the ``follow``
    before that (STATE), or always (NUMBER). A ``width`` of 0 with one bin asks at t0 itself. ``start[i + 1]`` becomes
    the number of steps of row i; where ``out`` has room, it is (3, n): first bin, outcome times ``scale``, at risk,
    at positions ``start[i]`` on.
    """
    fill = out.shape[1] > 0
    for i in range(entity.size):
        first, last = offsets[entity[i]], offsets[entity[i] + 1]
        begun = _lower(time, first, last, t0[i])
        tau = t0[i] + width
        low = _lower(time, first, last, tau + blank)
        high = _lower(time, first, last, tau + follow)
        back = _lower(time, first, last, _back(tau + blank, follow))
        k, n = 0, 0
        shown_y, shown_risk = np.int64(0), -1
        so_far, true = 0.0, False
        while k < n_bins:
            total = _sum(number, low, high)
            if mode == 2:
                risk = 1
                y = np.int64(math.floor(total * scale + 0.5))
            else:
                while mode == 0 and not true and begun < low:
                    so_far += number[begun]
                    true = _holds(so_far, comparison, threshold)
                    begun += 1
                if mode == 1:
                    true = _holds(_sum(number, back, low), comparison, threshold)
                risk = 0 if true else 1
                y = np.int64(scale) if risk == 1 and _holds(total, comparison, threshold) else np.int64(0)
            if risk != shown_risk or y != shown_y:
                if fill:
                    at = start[i] + n
                    out[0, at], out[1, at], out[2, at] = k, y, risk
                shown_y, shown_risk = y, risk
                n += 1
            if (mode == 0 and risk == 0) or k + 1 == n_bins:
                break
            # The next bin in which anything is different.
            after = n_bins
            if low < last:
                after = min(after, (time[low] - blank - t0[i]) // width)
            if high < last:
                after = min(after, (time[high] - follow - t0[i]) // width)
            if mode == 1 and back < low:
                after = min(after, (time[back] - blank + follow - t0[i]) // width)
            k = max(after, k + 1)
            tau = t0[i] + (k + 1) * width
            while low < last and time[low] < tau + blank:
                low += 1
            while high < last and time[high] < tau + follow:
                high += 1
            if mode == 1:
                since = _back(tau + blank, follow)
                while back < low and time[back] < since:
                    back += 1
        if not fill:
            start[i + 1] = n


@kernel
def piece_bins(
    log_offsets, log_time, log_code, hidden, entity, t0, width, look, stop, refresh, phase, needed, start, out
):
    """Find the bins in which a row should be looked at anew: after own events, and every ``refresh`` bins.

    A row is looked at ``look`` after a bin began; the latter from the row's ``phase`` on. Only bins below ``stop`` of
    the row, and only looks that hold in a bin that is needed: ``needed[k]`` is the first such bin from k on.
    ``start[i + 1]`` becomes their number; ``out`` is filled where it has room.
    """
    fill = out.size > 0
    for i in range(entity.size):
        last = log_offsets[entity[i] + 1]
        at = _lower(log_time, log_offsets[entity[i]], last, t0[i] + max(look, 1))
        n, k = 0, 0
        while k < stop[i]:
            after = phase[i] if k < phase[i] else phase[i] + ((k - phase[i]) // refresh + 1) * refresh
            # Events before the look of bin k are known there, at t0 what came with it; the next shows in a later bin.
            when = t0[i] + max(k * width + look, 1)
            while at < last and (log_time[at] < when or hidden[log_code[at]] != 0):
                at += 1
            if at < last:
                after = min(after, (log_time[at] - t0[i] - look) // width + 1)
            after = max(after, k + 1)
            if needed[k] < min(after, stop[i]):
                if fill:
                    out[start[i] + n] = k
                n += 1
            k = after
        if not fill:
            start[i + 1] = n


@kernel
def _unseen(time, code, hidden, own, t0):
    """Tell whether an event is not looked at: of a hidden type, or an action at the very time of the moment."""
    return hidden[code] != 0 or (time == t0 and own[code] != 0)


@kernel
def look_times(log_offsets, log_time, log_code, hidden, own, entity, t0, width, refresh, phase, row, at, out):
    """Set ``out[p]`` to when row ``row[p]`` was last looked at before ``at[p]``; at t0 itself, just after it.

    That is just after its last visible event, or at the last point of the grid (the beginning of every ``refresh``-th
    bin from the row's ``phase`` on), whichever is later. What was known then is a function of the row's past alone, the
    same one for treated rows and controls: if the treated were looked at when they are treated, and controls at some
    other time of the same piece, what passes with time alone would set them apart. Actions at t0 itself (types ``own``)
    are not seen: they are what is asked about, and the moment, of the same time, is.
    """
    for p in range(row.size):
        i = row[p]
        x = max(at[p], t0[i] + 1)
        begin = log_offsets[entity[i]]
        j = _lower(log_time, begin, log_offsets[entity[i] + 1], x) - 1
        while j >= begin and _unseen(log_time[j], log_code[j], hidden, own, t0[i]):
            j -= 1
        k = (at[p] - t0[i]) // width
        k = phase[i] + (k - phase[i]) // refresh * refresh if k >= phase[i] else np.int64(0)
        grid = t0[i] + k * width
        out[p] = max(log_time[j] + 1, grid) if j >= begin else grid


@kernel
def features_at(
    log_offsets,
    log_time,
    log_code,
    hidden,
    own,
    slot,
    n_types,
    other_offsets,
    other_time,
    began,
    entity,
    t0,
    row,
    at,
    out,
):
    """Write what is known of row ``row[p]`` strictly before ``at[p]`` into ``out[p]``, but for actions at its t0.

    Points come ordered by row, then time; none lies before the row's t0. Columns: log of hours since the last event,
    logs of events in the last 1, 7 and 28 days, log of days since the start, another company action in the last day,
    log of hours since t0; then for each of ``n_types`` types (``slot`` numbers them, -1 is none): seen since t0, in the
    last day, in the last 28 days, ever, and the log of how often so far.
    """
    seen = np.empty(n_types, np.int64)
    base_seen = np.empty(n_types, np.int64)
    often = np.zeros(n_types, np.int64)
    base_often = np.zeros(n_types, np.int64)
    base = np.zeros(4, np.int64)
    counts = np.zeros(3, np.int64)
    base_counts = np.zeros(3, np.int64)
    pointer = np.zeros(4, np.int64)
    base_last = np.int64(_NEVER)
    last_time = np.int64(_NEVER)
    current, whose = -1, -1
    spans = (_DAY, 7 * _DAY, 28 * _DAY)
    for p in range(row.size):
        i = row[p]
        if i != current:
            e = entity[i]
            begin, end = log_offsets[e], log_offsets[e + 1]
            if e != whose:
                whose = e
                base_last = np.int64(_NEVER)
                for j in range(4):
                    base[j] = begin
                for j in range(3):
                    base_counts[j] = 0
                for j in range(n_types):
                    base_seen[j] = _NEVER
                    base_often[j] = 0
            # On to this moment, once for all points of the row.
            base_last = _walk(
                log_time,
                log_code,
                hidden,
                own,
                t0[i],
                slot,
                end,
                t0[i],
                spans,
                base,
                base_counts,
                base_seen,
                base_often,
                base_last,
            )
            for j in range(4):
                pointer[j] = base[j]
            for j in range(3):
                counts[j] = base_counts[j]
            for j in range(n_types):
                seen[j] = base_seen[j]
                often[j] = base_often[j]
            last_time = base_last
            current = i
        x = at[p]
        last_time = _walk(
            log_time, log_code, hidden, own, t0[i], slot, end, x, spans, pointer, counts, seen, often, last_time
        )
        known = last_time != _NEVER
        ago = np.float64(x) - np.float64(last_time) if known else 365.0 * _DAY
        out[p, 0] = math.log1p(min(ago, 365.0 * _DAY) / _HOUR)
        for j in range(3):
            out[p, 1 + j] = math.log1p(np.float64(counts[j]))
        out[p, 4] = math.log1p(max(np.float64(x) - np.float64(began[i]), 0.0) / _DAY)
        other = _lower(other_time, other_offsets[e], other_offsets[e + 1], x)
        recent = other > other_offsets[e] and other_time[other - 1] >= _back(x, _DAY)
        out[p, 5] = 1.0 if recent else 0.0
        out[p, 6] = math.log1p(np.float64(x - t0[i]) / _HOUR)
        for j in range(n_types):
            when = seen[j]
            column = N_BASE + j * N_PER_TYPE
            out[p, column] = 1.0 if when >= t0[i] else 0.0
            out[p, column + 1] = 1.0 if when >= _back(x, _DAY) else 0.0
            out[p, column + 2] = 1.0 if when >= _back(x, 28 * _DAY) else 0.0
            out[p, column + 3] = 1.0 if when != _NEVER else 0.0
            out[p, column + 4] = math.log1p(np.float64(often[j]))


@kernel
def _walk(log_time, log_code, hidden, own, t0, slot, end, x, spans, pointer, counts, seen, often, last_time):
    """Take in the events before ``x``, and let go of those that leave the three spans; return the last event's time."""
    while pointer[0] < end and log_time[pointer[0]] < x:
        code = log_code[pointer[0]]
        if not _unseen(log_time[pointer[0]], code, hidden, own, t0):
            last_time = log_time[pointer[0]]
            for j in range(3):
                counts[j] += 1
            if slot[code] >= 0:
                seen[slot[code]] = last_time
                often[slot[code]] += 1
        pointer[0] += 1
    for j in range(3):
        since = _back(x, spans[j])
        while pointer[1 + j] < pointer[0] and log_time[pointer[1 + j]] < since:
            if not _unseen(log_time[pointer[1 + j]], log_code[pointer[1 + j]], hidden, own, t0):
                counts[j] -= 1
            pointer[1 + j] += 1
    return last_time


@kernel
def screen_types(log_offsets, log_time, log_code, hidden, entity, t0, at, y, a, most, tables):
    """Add up, for each type, how many points saw it since t0, in the last 28 days or ever, and what came of these.

    ``tables`` is (n_types, 3, 3): points, sum of ``y``, sum of ``a``. One point for each row; at most the last ``most``
    events before a point are looked at.
    """
    n_types = tables.shape[0]
    last = np.full(n_types, _NEVER, np.int64)
    touched = np.empty(n_types, np.int64)
    for i in range(entity.size):
        begin = log_offsets[entity[i]]
        end = _lower(log_time, begin, log_offsets[entity[i] + 1], at[i])
        n = 0
        for j in range(end - 1, max(begin, end - most) - 1, -1):
            code = log_code[j]
            if hidden[code] == 0 and last[code] == _NEVER:
                last[code] = log_time[j]
                touched[n] = code
                n += 1
        month = _back(at[i], 28 * _DAY)
        for j in range(n):
            code = touched[j]
            for kind in range(3):
                if kind == 2 or (kind == 1 and last[code] >= month) or (kind == 0 and last[code] >= t0[i]):
                    tables[code, kind, 0] += 1
                    tables[code, kind, 1] += y[i]
                    tables[code, kind, 2] += a[i]
            last[code] = _NEVER
