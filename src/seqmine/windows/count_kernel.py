"""Counts of treated and controls per stratum and delay bin, without a row for each bin.

Between two changes (own events, outcome, the refresh grid) a row adds the same to every bin, so it is added to
differences at both ends; sums along the bins then give the counts. All sums are of whole numbers: outcomes and their
expectations are multiples of 1 / scale, so the order in which rows, threads or partitions are added up cannot show.

Each kernel walks a row's pieces and steps by itself: a shared walk, called once a span, took two to three times as long
(numba counts references to the arrays that are handed over).
"""

# numba infers the types of kernels from how they are called.
# mypy: allow-untyped-defs, allow-untyped-calls

from __future__ import annotations

import numpy as np

from seqmine._kernels import kernel

__all__ = [
    "add_controls",
    "add_moments",
    "add_treated",
    "control_influence",
    "control_weight",
    "outcome_at",
    "weighted_near",
]


@kernel
def add_controls(first, last, stop, pieces, bins, stratum, expected, steps, step, table):
    """Add rows [first, last) as controls in the bins below their ``stop``.

    ``pieces`` and ``steps`` are offsets; ``step`` is (3, n): first bin, outcome, at risk. ``table`` is
    (strata, bins + 1, 4): differences of the number, the outcomes, and the residuals and their squares.
    """
    for i in range(first, last):
        p, p_end = pieces[i], pieces[i + 1]
        q, q_end = steps[i], steps[i + 1]
        k = 0
        while k < stop[i] and p < p_end and q < q_end:
            end = stop[i]
            if p + 1 < p_end:
                end = min(end, bins[p + 1])
            if q + 1 < q_end:
                end = min(end, step[0, q + 1])
            if step[2, q] != 0 and end > k:
                y = step[1, q]
                r = y - expected[p]
                s = stratum[p]
                table[s, k, 0] += 1
                table[s, k, 1] += y
                table[s, k, 2] += r
                table[s, k, 3] += r * r
                table[s, end, 0] -= 1
                table[s, end, 1] -= y
                table[s, end, 2] -= r
                table[s, end, 3] -= r * r
            k = end
            while p + 1 < p_end and bins[p + 1] <= k:
                p += 1
            while q + 1 < q_end and step[0, q + 1] <= k:
                q += 1


@kernel
def outcome_at(steps, step, row, bins, y, risk):
    """Look up the outcome of row ``row[j]`` in bin ``bins[j]``, and whether it is at risk there."""
    for j in range(row.size):
        q = steps[row[j] + 1] - 1
        while q > steps[row[j]] and step[0, q] > bins[j]:
            q -= 1
        y[j], risk[j] = step[1, q], step[2, q]


@kernel
def add_treated(bins, stratum, expected, y, risk, table):
    """Add treated rows that are at risk to ``table`` (strata, bins, 4)."""
    for j in range(bins.size):
        if risk[j] != 0:
            r = y[j] - expected[j]
            table[stratum[j], bins[j], 0] += 1
            table[stratum[j], bins[j], 1] += y[j]
            table[stratum[j], bins[j], 2] += r
            table[stratum[j], bins[j], 3] += r * r


@kernel
def control_influence(first, last, stop, pieces, bins, stratum, expected, steps, step, weight, offset, scale, out):
    """Add to ``out[i]`` what row i contributes as a control: its weighted residuals beyond those of its cells.

    ``weight`` and ``offset`` are (strata, bins + 1): sums along the bins of the cells' weights, and of weight times
    mean residual.
    """
    for i in range(first, last):
        p, p_end = pieces[i], pieces[i + 1]
        q, q_end = steps[i], steps[i + 1]
        k = 0
        total = 0.0
        while k < stop[i] and p < p_end and q < q_end:
            end = stop[i]
            if p + 1 < p_end:
                end = min(end, bins[p + 1])
            if q + 1 < q_end:
                end = min(end, step[0, q + 1])
            if step[2, q] != 0 and end > k:
                s = stratum[p]
                r = (step[1, q] - expected[p]) / scale
                total += r * (weight[s, end] - weight[s, k]) - (offset[s, end] - offset[s, k])
            k = end
            while p + 1 < p_end and bins[p + 1] <= k:
                p += 1
            while q + 1 < q_end and step[0, q + 1] <= k:
                q += 1
        out[i] -= total


@kernel
def control_weight(first, last, stop, pieces, bins, stratum, steps, step, weight, out):
    """Set ``out[p]`` to the weight that piece p has as a control, summed over its bins."""
    for i in range(first, last):
        p, p_end = pieces[i], pieces[i + 1]
        q, q_end = steps[i], steps[i + 1]
        k = 0
        while k < stop[i] and p < p_end and q < q_end:
            end = stop[i]
            if p + 1 < p_end:
                end = min(end, bins[p + 1])
            if q + 1 < q_end:
                end = min(end, step[0, q + 1])
            if step[2, q] != 0 and end > k:
                out[p] += weight[stratum[p], end] - weight[stratum[p], k]
            k = end
            while p + 1 < p_end and bins[p + 1] <= k:
                p += 1
            while q + 1 < q_end and step[0, q + 1] <= k:
                q += 1


@kernel
def weighted_near(
    first, last, stop, pieces, bins, stratum, steps, step, weight, offsets, time, entity, t0, width, look, reach, out
):
    """Add up control weight, all of it and that of bins with a time of the stream within ``reach`` of their look."""
    for i in range(first, last):
        p, p_end = pieces[i], pieces[i + 1]
        q, q_end = steps[i], steps[i + 1]
        at, at_end = offsets[entity[i]], offsets[entity[i] + 1]
        for k in range(stop[i]):
            while p + 1 < p_end and bins[p + 1] <= k:
                p += 1
            while q + 1 < q_end and step[0, q + 1] <= k:
                q += 1
            if p >= p_end or q >= q_end or step[2, q] == 0:
                continue
            w = weight[stratum[p], k + 1] - weight[stratum[p], k]
            if w <= 0.0:
                continue
            when = t0[i] + k * width + look
            while at < at_end and time[at] < when - reach:
                at += 1
            out[0] += w
            if at < at_end and time[at] <= when + reach:
                out[1] += w


@kernel
def add_moments(x, static, row, weight, sums):
    """Add weighted columns of points, and their squares, to ``sums`` (2, columns): dynamic ones ``x``, then static.

    Point by point, so that the runs in which points come do not show.
    """
    n_dynamic = x.shape[1]
    for p in range(row.size):
        for j in range(n_dynamic):
            value = np.float64(x[p, j])
            sums[0, j] += weight[p] * value
            sums[1, j] += weight[p] * value * value
        for j in range(static.shape[1]):
            value = static[row[p], j]
            sums[0, n_dynamic + j] += weight[p] * value
            sums[1, n_dynamic + j] += weight[p] * value * value
