"""ISO 8601 text to microseconds, a whole batch at a time.

Rows are grouped by length and by the length of their zone suffix, so that each group is a byte matrix whose columns
mean the same in every row. Accepted: ``2026-03-01``, ``2026-03-01T09:30``, ``...:15``, ``...:15.123456`` (1 to 9
digits; those below a microsecond must be zero), a space instead of ``T``, a comma instead of the point, and then
nothing, ``Z``, ``UTC``, ``+01``, ``+0100`` or ``+01:00``. Refused, because they hide faults: ``24:00``, ``:60``,
surrounding blanks, other orders of day and month.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqmine.events import reasons
from seqmine.events.arrow import ArrowArray, pa

__all__ = ["Parsed", "parse_iso", "text_bytes"]

Int64 = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

_SECOND = 1_000_000
_SHORTEST, _LONGEST = 10, 36
_ZERO, _NINE = ord("0"), ord("9")


@dataclass(frozen=True)
class Parsed:
    """Parsed times of one batch.

    Attributes
    ----------
    time : (n,) int64
        Microseconds; UTC where ``has_offset`` is set, else wall clock. 0 where flagged.
    has_offset : (n,) bool
    flags : (n,) uint8
        0 or the number of a `seqmine.events.reasons.Reason`. Null rows are not flagged.
    """

    time: Int64
    has_offset: Mask
    flags: Bytes


def text_bytes(array: ArrowArray) -> tuple[Bytes, Int64, Int64]:
    """Return ``(data, starts, lengths)`` of a string or large_string array without copying its bytes."""
    large = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    _, offsets_buffer, data_buffer = array.buffers()
    if len(array) == 0 or offsets_buffer is None:
        empty = np.zeros(len(array), np.int64)
        return np.empty(0, np.uint8), empty, empty
    raw = np.frombuffer(offsets_buffer, np.int64 if large else np.int32, len(array) + 1 + array.offset)
    offsets: Int64 = raw[array.offset :].astype(np.int64)
    data = np.empty(0, np.uint8) if data_buffer is None else np.frombuffer(data_buffer, np.uint8)
    return data, offsets[:-1], np.diff(offsets)


def parse_iso(array: ArrowArray) -> Parsed:
    """Parse a string or large_string array. Null rows give time 0 and no flag."""
    n = len(array)
    data, starts, lengths = text_bytes(array)
    valid = np.ones(n, np.bool_) if array.null_count == 0 else np.asarray(array.is_valid())
    time, has_offset = np.zeros(n, np.int64), np.zeros(n, np.bool_)
    flags = np.where(valid, np.uint8(reasons.TIME_UNPARSABLE.number), np.uint8(0))
    sizes = lengths[valid]
    # Mostly all texts have one length, and looking for distinct lengths would cost as much as parsing.
    one_length = sizes.size > 0 and int(sizes.min()) == int(sizes.max())
    for length in sizes[:1].tolist() if one_length else np.unique(sizes).tolist():
        if not _SHORTEST <= length <= _LONGEST:
            continue
        rows = np.flatnonzero(valid & (lengths == length))
        first = int(starts[rows[0]])
        if rows.size == n and int(starts[-1]) == first + length * (n - 1):
            matrix = data[first : first + n * length].reshape(n, length)
        else:
            matrix = data[starts[rows][:, None] + np.arange(length)]
        _parse_group(np.ascontiguousarray(matrix.T), rows, time, has_offset, flags)
    return Parsed(time, has_offset, flags)


def _parse_group(columns: Bytes, rows: Int64, time: Int64, has_offset: Mask, flags: Bytes) -> None:
    """Parse texts of one length; ``columns[j]`` holds their j-th bytes."""
    length = columns.shape[0]
    suffix = np.zeros(rows.size, np.int64)
    for size in (6, 5, 4, 3, 1):
        at = length - size
        if at >= 16:
            suffix[_has_suffix(columns, at, size)] = size
    for size in np.unique(suffix).tolist():
        chosen = np.flatnonzero(suffix == size)
        group = columns if chosen.size == rows.size else columns[:, chosen]
        spaced = (group[length - size - 1] == ord(" ")) if size in {3, 5, 6} else np.zeros(chosen.size, np.bool_)
        for blank in (False, True):
            part = np.flatnonzero(spaced == blank)
            if part.size == 0:
                continue
            sub = group if part.size == chosen.size else group[:, part]
            body, offset = sub[: length - size - int(blank)], sub[length - size :]
            micros, ok, exact = _wall(body, allow_date=size == 0)
            shift, shift_ok = _offset(offset)
            target = rows[chosen[part]]
            ok &= shift_ok
            time[target] = np.where(ok & exact, micros - shift, 0)
            has_offset[target] = size > 0
            flags[target] = np.where(
                ok, np.where(exact, 0, reasons.TIME_LOSES_DIGITS.number), reasons.TIME_UNPARSABLE.number
            ).astype(np.uint8)


def _has_suffix(columns: Bytes, at: int, size: int) -> Mask:
    head = columns[at]
    if size == 1:
        found: Mask = (head == ord("Z")) | (head == ord("z"))
    elif size == 4:  # " UTC"
        found = (head == 32) & (columns[at + 1] == 85) & (columns[at + 2] == 84) & (columns[at + 3] == 67)
    else:
        found = (head == ord("+")) | (head == ord("-"))
        if size == 6:
            found &= columns[at + 3] == ord(":")
    return found


def _wall(body: Bytes, *, allow_date: bool) -> tuple[Int64, Mask, Mask]:
    """Return wall-clock microseconds, whether the text is a time, and whether no digit is lost."""
    length, n = body.shape
    nothing = np.zeros(n, np.int64), np.zeros(n, np.bool_), np.ones(n, np.bool_)
    digits_after = length - 20
    if length == 10:
        if not allow_date:
            return nothing
    elif not (length in {16, 19} or 1 <= digits_after <= 9):
        return nothing
    year, ok = _number(body, (0, 1, 2, 3))
    month, good = _number(body, (5, 6))
    ok &= good & (body[4] == ord("-")) & (body[7] == ord("-"))
    day, good = _number(body, (8, 9))
    ok &= good & (year >= 1) & (month >= 1) & (month <= 12)
    months = (year - 1970) * 12 + np.clip(month, 1, 12) - 1
    start = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    end = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    ok &= (day >= 1) & (day <= end - start)
    seconds = (start + day - 1) * 86_400
    fraction, exact = np.zeros(n, np.int64), np.ones(n, np.bool_)
    if length >= 16:
        hour, good = _number(body, (11, 12))
        ok &= good & (hour <= 23) & ((body[10] == ord("T")) | (body[10] == ord(" ")) | (body[10] == ord("t")))
        minute, good = _number(body, (14, 15))
        ok &= good & (minute <= 59) & (body[13] == ord(":"))
        seconds += hour * 3600 + minute * 60
    if length >= 19:
        second, good = _number(body, (17, 18))
        ok &= good & (second <= 59) & (body[16] == ord(":"))
        seconds += second
    if digits_after >= 1:
        used = min(digits_after, 6)
        fraction, good = _number(body, tuple(range(20, 20 + used)))
        fraction *= 10 ** (6 - used)
        ok &= good & ((body[19] == ord(".")) | (body[19] == ord(",")))
        if digits_after > 6:
            lost, good = _number(body, tuple(range(26, length)))
            ok &= good
            exact = lost == 0
    return seconds * _SECOND + fraction, ok, exact


def _offset(text: Bytes) -> tuple[Int64, Mask]:
    """Return the microseconds east of UTC that a suffix says; 0 for none, Z and UTC."""
    size, n = text.shape
    if size not in {3, 5, 6}:
        return np.zeros(n, np.int64), np.ones(n, np.bool_)
    hours, ok = _number(text, (1, 2))
    minutes = np.zeros(n, np.int64)
    if size > 3:
        minutes, good = _number(text, (size - 2, size - 1))
        ok &= good & (minutes <= 59)
    ok &= hours <= 23
    shift = (hours * 3600 + minutes * 60) * _SECOND
    return np.where(text[0] == ord("-"), -shift, shift), ok


def _number(columns: Bytes, positions: tuple[int, ...]) -> tuple[Int64, Mask]:
    total = np.zeros(columns.shape[1], np.int64)
    ok = np.ones(columns.shape[1], np.bool_)
    for position in positions:
        column = columns[position]
        ok &= (column >= _ZERO) & (column <= _NINE)
        total = total * 10 + (column.astype(np.int64) - _ZERO)
    return total, ok
