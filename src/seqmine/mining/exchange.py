"""Which entities may change places under the null hypothesis: those whose rows lie in the same strata, in order.

An entity with one row changes with all of its stratum. Of entities with several rows the whole vector of outcomes
moves: they change with those that have as many rows, at the same index times, and whose first row is in the same
stratum, and rows are then compared with those at the same place of the vector. That holds the outcomes of one entity
together, at the price of coarser strata for its later rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from seqmine.mining.parts import Part

__all__ = ["Exchangeable", "exchangeable"]

Int64 = npt.NDArray[np.int64]


class Exchangeable(NamedTuple):
    """Units and the groups in which they change places.

    ``unit`` numbers the unit of every row, ``stratum`` (int32) the cells within which rows are compared. ``rows`` lists
    rows by group, unit and time; unit u has ``rows[unit_offsets[u]:unit_offsets[u + 1]]``, group g the units
    ``[group_offsets[g], group_offsets[g + 1])``.
    """

    unit: Int64
    stratum: npt.NDArray[np.int32]
    n_strata: int
    rows: Int64
    unit_offsets: Int64
    group_offsets: Int64


def exchangeable(part: Part) -> Exchangeable:
    """The units of a part."""
    alone, time = part.cluster, part.bound.index_time
    order = np.lexsort((time, alone))
    fresh = np.empty(len(order), dtype=np.bool_)
    fresh[:1] = True
    fresh[1:] = alone[order][1:] != alone[order][:-1]
    first = np.flatnonzero(fresh)
    size = np.diff(np.append(first, len(order)))
    place = np.arange(len(order)) - np.repeat(first, size)
    if (size <= 1).all():
        key = part.stratum[order].astype(np.int64)
    else:
        key = _signatures(part.stratum[order][first], time[order], first, size)
    group, of_unit = np.unique(key, return_inverse=True)
    by_group = np.argsort(of_unit, kind="stable")
    unit_sizes = size[by_group]
    unit_offsets = np.concatenate(([0], np.cumsum(unit_sizes))).astype(np.int64)
    starts = first[by_group]
    places = np.arange(len(order)) - np.repeat(unit_offsets[:-1], unit_sizes)
    rows = order[np.repeat(starts, unit_sizes) + places]
    group_offsets = np.concatenate(([0], np.cumsum(np.bincount(of_unit, minlength=len(group))))).astype(np.int64)
    cell = np.repeat(of_unit, size) * (int(size.max(initial=1)) + 1) + place
    cells, code = np.unique(cell, return_inverse=True)
    stratum = np.empty(len(order), dtype=np.int32)
    stratum[order] = code.astype(np.int32)
    unit = np.empty(len(order), dtype=np.int64)
    unit[order] = np.repeat(np.arange(len(first), dtype=np.int64), size)
    return Exchangeable(unit, stratum, len(cells), rows.astype(np.int64), unit_offsets, group_offsets)


def _signatures(stratum: npt.NDArray[np.int32], time: Int64, first: Int64, size: Int64) -> Int64:
    """One number for each distinct (stratum of the first row, index times)."""
    key = stratum.astype(np.int64)
    for place in range(int(size.max())):
        there = size > place
        at = np.full(len(first), np.iinfo(np.int64).min, dtype=np.int64)
        at[there] = time[first[there] + place]
        _, code = np.unique(at, return_inverse=True)
        _, key = np.unique(key * (int(code.max()) + 1) + code, return_inverse=True)
    return np.asarray(key, dtype=np.int64)
