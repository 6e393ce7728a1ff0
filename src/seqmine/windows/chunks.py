"""Work on runs of rows, by several threads; what comes back does not tell how many there were."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from seqmine import _native

__all__ = ["ROWS", "over_chunks"]

ROWS = 1 << 14
"""Rows of a run. Sums of runs are whole numbers, or have one entry for each row, so it does not show in any result."""

T = TypeVar("T")


def over_chunks(n_rows: int, work: Callable[[int, int], T], threads: int) -> list[T]:
    """Results of ``work(first, last)`` over all runs of rows, in their order. The work must release the GIL to gain."""
    spans = [(first, min(first + ROWS, n_rows)) for first in range(0, n_rows, ROWS)]
    n_threads = min(_native.resolve_threads(threads), len(spans))
    if n_threads <= 1:
        return [work(first, last) for first, last in spans]
    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(lambda span: work(*span), spans))
