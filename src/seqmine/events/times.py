"""The time column: any accepted Arrow type to UTC microseconds, with the reason for every row that cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from seqmine.errors import SchemaError, TimestampUnitError, TimestampUnparsable
from seqmine.events import reasons
from seqmine.events.arrow import ArrowArray, pa, pc
from seqmine.events.columns import is_text
from seqmine.events.isotext import parse_iso, text_bytes
from seqmine.events.zones import Zone

__all__ = ["MAX_TIME", "MIN_TIME", "TIME_UNITS", "TimeReader", "TimeUnit"]

TimeUnit = Literal["s", "ms", "us", "ns"]
Int64 = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

TIME_UNITS: Final[tuple[TimeUnit, ...]] = ("s", "ms", "us", "ns")
MIN_TIME: Final = -(2**63) + 1
MAX_TIME: Final = 2**63 - 1

_PER_SECOND: Final = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_TO_MICROSECONDS: Final = {"s": 10**6, "ms": 10**3, "us": 1}
_WORDS: Final = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
_PLAUSIBLE_READING: Final = (1990, 2100)
_SUSPICIOUS_BEFORE: Final = 1980


@dataclass
class TimeReader:
    """Reads the time column of all batches of one input.

    Parameters
    ----------
    column
        The column's name, for messages.
    zone
        The zone of times without an offset; None when the caller declared none.
    unit
        The unit of integer times.
    plausible_years
        Inclusive years outside of which integer times raise suspicion of a wrong unit; None switches that off.
    seen
        Lowest and highest integer of the inputs before; afterwards, with those read since.
    """

    column: str
    zone: Zone | None = None
    unit: TimeUnit | None = None
    plausible_years: tuple[int, int] | None = (1970, 2100)
    seen: tuple[int, int] | None = None
    _low: int | None = field(default=None, init=False)
    _high: int | None = field(default=None, init=False)
    # Lowest and highest integer that 64-bit microseconds can hold, of each input; the earlier ones are one.
    _inputs: list[list[int]] = field(default_factory=list, init=False)
    _file_has_offset: bool | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.seen is not None:
            self._low, self._high = self.seen
            self._inputs.append([value for value in self.seen if self._holds(value)])

    def start_file(self) -> None:
        """Forget whether times have offsets: that is one rule per file."""
        self._file_has_offset = None
        self._inputs.append([])

    def read(
        self, array: ArrowArray, *, file: str | None = None, row_of: Callable[[int], int] = int
    ) -> tuple[Int64, Bytes]:
        """Convert one batch.

        Parameters
        ----------
        array
            The column's part in the batch.
        file
            The file's name, for messages.
        row_of
            Gives the data row of a position in the batch, for messages.

        Returns
        -------
        time : (n,) int64
            UTC microseconds; 0 where flagged.
        flags : (n,) uint8
            0, or the number of the `Reason` why the row cannot be used.

        Raises
        ------
        SchemaError
            The type cannot hold times.
        TimestampUnitError
            Integers without a unit.
        TimestampUnparsable
            Times without an offset and no zone declared, or times with and without an offset in one file.
        """
        return self._read(array, _Place(file, row_of))

    def _read(self, array: ArrowArray, place: _Place) -> tuple[Int64, Bytes]:
        kind = array.type
        if pa.types.is_dictionary(kind):
            return self._dictionary(array, place)
        if pa.types.is_null(kind):
            return np.zeros(len(array), np.int64), np.full(len(array), reasons.NULL_TIME.number, np.uint8)
        if pa.types.is_timestamp(kind):
            time, flags = self._timestamp(array, place)
        elif pa.types.is_date(kind):
            days = array.cast(pa.date32())
            time, flags = _scale(np.asarray(days.cast(pa.int32()).fill_null(0)).astype(np.int64) * 86_400, "s")
            time, flags = self._localise(time, flags, np.asarray(array.is_valid()), place)
        elif pa.types.is_integer(kind):
            time, flags = self._integers(array, place)
        elif is_text(kind):
            text = _characters(array)
            time, flags = self._integer_text(text) if self.unit else self._text(text, place)
        else:
            raise SchemaError(
                f"a column of type {kind} cannot hold times",
                file=place.file,
                column=self.column,
                hint="use a timestamp, a date, ISO 8601 text, or integers with time_unit=",
            )
        if array.null_count:
            null = np.asarray(array.is_null())
            flags[null] = reasons.NULL_TIME.number
        time[flags != 0] = 0
        return time, flags

    def check_units(self) -> None:
        """Raise `TimestampUnitError` when integers seen so far make more sense in another unit.

        Notes
        -----
        Each end of the range is judged by itself, because files of two units may have been joined. What lies after the
        plausible years was written in a finer unit if that gives years of this age. Before them the same holds only of
        whole inputs: one honest event of January 1970 is no sign of a coarser unit, inputs without any later year are.
        """
        if self.unit is None or self.plausible_years is None or self._low is None or self._high is None:
            return
        self._judge(self._low, self._high)
        # Integers beyond 64-bit microseconds are bad rows, which may be set aside: of these only the rest counts.
        inputs = [ends for ends in self._inputs if ends]
        latest = max((ends[-1] for ends in inputs), default=0)
        if _year(latest, self.unit) > self.plausible_years[1]:
            self._judge(latest, latest)
        early = [ends for ends in inputs if _year(ends[-1], self.unit) < _SUSPICIOUS_BEFORE]
        if early:
            self._judge(min(ends[0] for ends in early), max(ends[-1] for ends in early))

    def _judge(self, lowest: int, highest: int) -> None:
        """Raise `TimestampUnitError` when these integers are implausible in the declared unit, and not in another."""
        assert self.unit is not None and self.plausible_years is not None
        low, high = (_year(value, self.unit) for value in (lowest, highest))
        first, last = self.plausible_years
        if low >= first and high <= last and high >= _SUSPICIOUS_BEFORE:
            return
        for other in TIME_UNITS:
            years = _year(lowest, other), _year(highest, other)
            if other == self.unit or years[0] < _PLAUSIBLE_READING[0] or years[1] > _PLAUSIBLE_READING[1]:
                continue
            some = (lowest, highest) != (self._low, self._high)
            raise TimestampUnitError(
                f"read as {_WORDS[self.unit]} {'some' if some else 'the'} times lie in {_span(low, high)}, "
                f"read as {_WORDS[other]} in {_span(*years)}",
                column=self.column,
                hint=(
                    f'convert those times to {_WORDS[self.unit]}, or pass time_unit="{other}" for inputs that are '
                    f"all in {_WORDS[other]}, or plausible_years=None if the declared unit is right"
                    if some
                    else f'pass time_unit="{other}", or plausible_years=None if the declared unit is right'
                ),
            )

    # --- the kinds of columns -----------------------------------------------------------------------------------------

    def _dictionary(self, array: ArrowArray, place: _Place) -> tuple[Int64, Bytes]:
        """Convert each used dictionary value once. Unused values may be anything, so they are left out."""
        indices = array.indices
        used = pc.unique(indices.drop_null())
        compact = pa.array(np.asarray(pc.index_in(indices, used).fill_null(-1)), pa.int32())
        rows = np.asarray(compact)
        first = np.full(len(used), len(rows), np.int64)
        present = rows >= 0
        np.minimum.at(first, rows[present], np.flatnonzero(present))
        time, flags = self._read(
            array.dictionary.take(used), _Place(place.file, lambda position: place.row(first[position]))
        )
        out_time, out_flags = np.zeros(len(rows), np.int64), np.full(len(rows), reasons.NULL_TIME.number, np.uint8)
        out_time[present], out_flags[present] = time[rows[present]], flags[rows[present]]
        return out_time, out_flags

    def _timestamp(self, array: ArrowArray, place: _Place) -> tuple[Int64, Bytes]:
        kind = array.type
        if self.unit is not None and self.unit != kind.unit:
            raise SchemaError(
                f'the column has type {kind}, but time_unit="{self.unit}" was declared',
                file=place.file,
                column=self.column,
                hint="drop time_unit=: it is for integers",
            )
        raw = _int64(array)
        time, flags = _scale(raw, kind.unit)
        if kind.tz is not None:
            return time, flags
        return self._localise(time, flags, np.asarray(array.is_valid()), place)

    def _integers(self, array: ArrowArray, place: _Place) -> tuple[Int64, Bytes]:
        if self.unit is None:
            raise TimestampUnitError(
                "the times are integers and no unit was declared",
                file=place.file,
                column=self.column,
                hint='pass time_unit="s" (or "ms", "us", "ns")',
            )
        valid = np.asarray(array.is_valid())
        if pa.types.is_uint64(array.type):
            wide = np.asarray(array.fill_null(0))
            self._see_range(wide[valid])
            too_large = wide > np.uint64(MAX_TIME)
            raw = np.where(too_large, np.uint64(0), wide).astype(np.int64)
            time, flags = _scale(raw, self.unit)
            flags[too_large] = reasons.TIME_OUT_OF_RANGE.number
            return time, flags
        raw = _int64(array.cast(pa.int64()))
        self._see(raw[valid])
        return _scale(raw, self.unit)

    def _integer_text(self, array: ArrowArray) -> tuple[Int64, Bytes]:
        assert self.unit is not None
        whole = pc.match_substring_regex(array, "^-?[0-9]{1,38}$")
        good = np.asarray(whole.fill_null(False))
        numbers = pc.if_else(whole.fill_null(False), array, pa.scalar(None, array.type))
        wide = numbers.cast(pa.decimal128(38, 0))
        limit = pa.scalar(2**63, pa.decimal128(38, 0))
        fits = pc.and_(pc.less(wide, limit), pc.greater_equal(wide, pc.negate(limit))).fill_null(False)
        raw = _int64(pc.if_else(fits, wide, pa.scalar(None, wide.type)).cast(pa.int64()))
        inside = np.asarray(fits)
        self._see(raw[inside])
        time, flags = _scale(raw, self.unit)
        flags[good & ~inside] = reasons.TIME_OUT_OF_RANGE.number
        flags[~good] = reasons.INTEGER_UNPARSABLE.number
        return time, flags

    def _text(self, array: ArrowArray, place: _Place) -> tuple[Int64, Bytes]:
        parsed = parse_iso(array)
        valid = np.asarray(array.is_valid())
        readable = valid & (parsed.flags != reasons.TIME_UNPARSABLE.number)
        if not readable.any() and valid.any():
            self._refuse_integers_without_unit(array, place, valid)
        kinds = parsed.has_offset[readable]
        if kinds.size == 0:
            return parsed.time, parsed.flags
        if self._file_has_offset is None:
            self._file_has_offset = bool(kinds[0])
        odd = np.flatnonzero(readable & (parsed.has_offset != self._file_has_offset))
        if odd.size:
            raise TimestampUnparsable(
                "times with and without a UTC offset are mixed in this column",
                file=place.file,
                row=place.row(odd[0]),
                column=self.column,
                hint="write all times with an offset, or none and pass timezone=",
            )
        if self._file_has_offset:
            return parsed.time, parsed.flags
        return self._localise(parsed.time, parsed.flags, readable, place)

    def _refuse_integers_without_unit(self, array: ArrowArray, place: _Place, valid: npt.NDArray[np.bool_]) -> None:
        first = np.flatnonzero(valid)[0]
        data, starts, lengths = text_bytes(array)
        text = bytes(data[int(starts[first]) : int(starts[first] + lengths[first])])
        if text.removeprefix(b"-").isdigit():
            raise TimestampUnitError(
                "the times are integers and no unit was declared",
                file=place.file,
                row=place.row(first),
                column=self.column,
                hint='pass time_unit="s" (or "ms", "us", "ns")',
            )

    def _localise(self, time: Int64, flags: Bytes, valid: npt.NDArray[np.bool_], place: _Place) -> tuple[Int64, Bytes]:
        if self.zone is None:
            if not valid.any():
                return time, flags
            raise TimestampUnparsable(
                "the times have no UTC offset and no zone was declared",
                file=place.file,
                row=place.row(np.flatnonzero(valid)[0]),
                column=self.column,
                hint='pass timezone="Europe/Berlin" or another IANA name (timezone="UTC" if they are UTC)',
            )
        good = np.flatnonzero(valid & (flags == 0))
        utc, ambiguous, nonexistent = self.zone.to_utc(time[good])
        time[good] = utc
        flags[good[ambiguous]] = reasons.TIME_AMBIGUOUS.number
        flags[good[nonexistent]] = reasons.TIME_NONEXISTENT.number
        return time, flags

    def _see(self, raw: Int64) -> None:
        """Widen the range of integers seen. INT64_MIN is what a missing time looks like, so it says nothing."""
        self._see_range(raw[raw >= MIN_TIME])

    def _see_range(self, raw: npt.NDArray[Any]) -> None:
        if not raw.size:
            return
        low, high = int(raw.min()), int(raw.max())
        self._widen(low, high)
        if not (self._holds(low) and self._holds(high)):
            raw = raw[(raw >= -self._most) & (raw <= self._most)]
            if not raw.size:
                return
            low, high = int(raw.min()), int(raw.max())
        if not self._inputs:
            self._inputs.append([])
        ends = [low, high, *self._inputs[-1]]
        self._inputs[-1] = [min(ends), max(ends)]

    @property
    def _most(self) -> int:
        """The largest integer of the unit that 64-bit microseconds hold."""
        return MAX_TIME if self.unit in {None, "ns"} else MAX_TIME // _TO_MICROSECONDS[str(self.unit)]

    def _holds(self, value: int) -> bool:
        return -self._most <= value <= self._most

    def _widen(self, low: int, high: int) -> None:
        self._low = low if self._low is None else min(self._low, low)
        self._high = high if self._high is None else max(self._high, high)
        self.seen = self._low, self._high


@dataclass(frozen=True)
class _Place:
    """Where a batch stands in its file."""

    file: str | None
    row_of: Callable[[int], int]

    def row(self, position: np.integer[Any]) -> int:
        return self.row_of(int(position))


def _characters(array: ArrowArray) -> ArrowArray:
    """Return text of any layout, or bytes, as string or large_string; what is no time is found later, byte by byte."""
    kind = array.type
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        array = array.cast(pa.large_binary())
    wide = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    return array.view(pa.large_string() if wide else pa.string())


def _int64(array: ArrowArray) -> Int64:
    """Return the raw 64-bit integers of an array as a fresh copy; nulls read as 0."""
    raw = array.view(pa.int64()) if array.type.bit_width == 64 else array.cast(pa.int64())
    return np.array(raw.fill_null(0) if raw.null_count else raw, np.int64)


def _scale(raw: Int64, unit: str) -> tuple[Int64, Bytes]:
    """Convert integers of a unit to microseconds, exactly or not at all."""
    flags = np.zeros(raw.shape, np.uint8)
    if unit == "ns":
        time = raw // 1000
        flags[time * 1000 != raw] = reasons.TIME_LOSES_DIGITS.number
        flags[raw < MIN_TIME] = reasons.TIME_OUT_OF_RANGE.number
        return time, flags
    factor = _TO_MICROSECONDS[unit]
    outside = (raw < MIN_TIME) if factor == 1 else (raw > MAX_TIME // factor) | (raw < -(MAX_TIME // factor))
    if factor == 1 and not outside.any():  # the usual case of every batch
        return raw, flags
    flags[outside] = reasons.TIME_OUT_OF_RANGE.number
    return np.where(outside, 0, raw) * factor, flags


def _span(first: int, last: int) -> str:
    return f"the years {first} to {last}" if first != last else f"the year {first}"


def _year(value: int, unit: str) -> int:
    """Return the calendar year of an integer time, in Python integers: it may be far outside what dates can hold."""
    days = value // (_PER_SECOND[unit] * 86_400)
    cycles, rest = divmod(days, 146_097)
    return 400 * cycles + int(np.datetime64(rest, "D").astype("datetime64[Y]").astype(np.int64)) + 1970
