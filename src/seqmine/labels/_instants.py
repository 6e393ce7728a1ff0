"""Instants as int64: sums that can never wrap, and words."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

MAX_TIME = 2**63 - 1
MIN_TIME = -(2**63) + 1  # INT64_MIN itself never is an instant

Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]


class Shifted(NamedTuple):
    """Instants moved by a duration; ``time`` means nothing where ``fits`` is False."""

    time: Int64
    fits: Bool


def later(time: Int64, by: int) -> Shifted:
    """``time + by`` (microseconds, ``by >= 0`` of any size) and where that is an int64 instant.

    The addition is made modulo 2**64 on the unsigned view, which is exact wherever the true sum fits.
    """
    highest = MAX_TIME - by
    if highest < MIN_TIME:
        return Shifted(np.zeros_like(time), np.zeros(time.shape, dtype=np.bool_))
    moved = (time.view(np.uint64) + np.uint64(by)).view(np.int64)
    return Shifted(moved, time <= highest)


def earlier(time: Int64, by: int) -> Int64:
    """``time - by`` (``by >= 0`` of any size), clamped to the first instant: for lower ends of intervals."""
    lowest = MIN_TIME + by
    if lowest > MAX_TIME:
        return np.full_like(time, MIN_TIME)
    moved = (time.view(np.uint64) - np.uint64(by)).view(np.int64)
    return np.where(time >= lowest, moved, np.int64(MIN_TIME))


def lasting(begin: Int64, end: Int64, most: int) -> Int64:
    """``end - begin`` where ``end >= begin``, at most ``most``: lives can be longer than an int64 can count."""
    return np.minimum(end.view(np.uint64) - begin.view(np.uint64), np.uint64(most)).astype(np.int64)


def format_instant(us: int) -> str:
    """UTC microseconds in ISO form, any year, without the parts that are zero: ``2017-10-01T12:30Z``."""
    day, rest = divmod(us, 86_400_000_000)
    text = str(np.datetime64(day, "D"))
    if rest == 0:
        return f"{text}Z"
    second, micro = divmod(rest, 1_000_000)
    minute, second = divmod(second, 60)
    clock = f"{minute // 60:02}:{minute % 60:02}"
    clock += f":{second:02}" if second or micro else ""
    return f"{text}T{clock}" + (f".{micro:06}".rstrip("0") if micro else "") + "Z"
