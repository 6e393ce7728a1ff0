"""The time column: every accepted type, every refusal."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqmine import errors
from seqmine.events import EventLog
from seqmine.events.isotext import parse_iso
from seqmine.events.times import TimeReader
from seqmine.events.zones import zone

LOWEST, HIGHEST = -(2**63) + 1, 2**63 - 1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read(values: Any, kind: pa.DataType | None = None, **keywords: Any) -> list[int]:
    """Times of a log with one entity for each row."""
    times = values if isinstance(values, pa.Array) else pa.array(values, kind)
    n = len(times)
    data = pa.table({"entity": [f"{i:05}" for i in range(n)], "time": times, "event": ["e"] * n})
    return [int(t) for t in EventLog.from_arrow(data, **keywords).time]


def micros(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


# --- accepted -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("unit", "factor"), [("s", 10**6), ("ms", 10**3), ("us", 1)])
def test_timestamps_with_zone_are_utc_instants(unit: str, factor: int) -> None:
    kind = pa.timestamp(unit, "Asia/Tokyo")
    assert read([-3, 0, 1_600_000_000], kind) == [-3 * factor, 0, 1_600_000_000 * factor]


def test_nanoseconds_that_fit() -> None:
    assert read([1_600_000_000_123_456_000, -1000], pa.timestamp("ns", "UTC")) == [1_600_000_000_123_456, -1]
    assert read([5000], pa.int64(), time_unit="ns", plausible_years=None) == [5]


def test_naive_timestamps_and_dates_are_wall_times() -> None:
    wall = datetime(2026, 7, 1, 12)
    assert read([wall], pa.timestamp("us"), timezone="Europe/Berlin") == [micros("2026-07-01T12:00+02:00")]
    assert read([date(2026, 7, 1)], pa.date32(), timezone="Europe/Berlin") == [micros("2026-07-01T00:00+02:00")]
    assert read([date(2026, 1, 1)], pa.date64(), timezone="UTC") == [micros("2026-01-01T00:00+00:00")]


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64(), pa.int32()])
def test_integers_need_and_take_a_unit(kind: pa.DataType) -> None:
    assert read([1_600_000_000], kind, time_unit="s") == [1_600_000_000_000_000]
    with pytest.raises(errors.TimestampUnitError, match="time_unit"):
        read([1_600_000_000], kind)


def test_integers_as_text() -> None:
    assert read(["1600000000000", "-5"], pa.string(), time_unit="ms", plausible_years=None) == [1600000000000000, -5000]
    with pytest.raises(errors.TimestampUnitError, match="time_unit"):
        read(["1600000000000"], pa.string())
    for text in ("1e5", "0x10", " 5", "5.0", "", "+5", "2026-01-01T00:00:00Z"):
        with pytest.raises(errors.TimestampUnparsable, match="whole number"):
            read([text], pa.string(), time_unit="s")
    for text in ("9223372036854775808", "-9223372036854775809", "-9223372036854775808", "9" * 38):
        with pytest.raises(errors.TimestampOutOfRange):
            read([text], pa.string(), time_unit="us", plausible_years=None)


def test_extreme_microseconds_load() -> None:
    assert read([LOWEST, HIGHEST, 0, -1], pa.int64(), time_unit="us") == [LOWEST, HIGHEST, 0, -1]
    assert read([LOWEST, HIGHEST], pa.timestamp("us", "UTC")) == [LOWEST, HIGHEST]
    log = EventLog.from_arrow(
        {"entity": ["a", "a"], "time": pa.array([LOWEST, HIGHEST]), "event": ["e", "e"]},
        time_unit="us",
        timezone="Europe/Berlin",
    )
    assert log.native.n_events == 2
    assert "us since 1970" in log._repr_html_()


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2026-03-01T09:30:15Z", "2026-03-01T09:30:15+00:00"),
        ("2026-03-01t09:30:15z", "2026-03-01T09:30:15+00:00"),
        ("2026-03-01 09:30:15+01:00", "2026-03-01T09:30:15+01:00"),
        ("2026-03-01 09:30:15 +01:00", "2026-03-01T09:30:15+01:00"),
        ("2026-03-01 09:30:15.5+0530", "2026-03-01T09:30:15.5+05:30"),
        ("2026-03-01 09:30:15,25-03", "2026-03-01T09:30:15.25-03:00"),
        ("2026-03-01 09:30:15 UTC", "2026-03-01T09:30:15+00:00"),
        ("2026-03-01 09:30:15.123456 UTC", "2026-03-01T09:30:15.123456+00:00"),
        ("2026-03-01T09:30Z", "2026-03-01T09:30+00:00"),
        ("2026-03-01T09:30-23:59", "2026-03-01T09:30-23:59"),
        ("2024-02-29T23:59:59.999999000Z", "2024-02-29T23:59:59.999999+00:00"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59+00:00"),
    ],
)
def test_text_with_offset(text: str, iso: str) -> None:
    for kind in (pa.string(), pa.large_string(), pa.string_view(), pa.binary()):
        assert read([text], kind) == [micros(iso)]


@pytest.mark.parametrize(
    "text",
    ["2026-03-01", "2026-03-01T00:00", "2026-03-01 00:00:00", "2026-03-01T00:00:00.000", "2026-03-01 00:00:00,0"],
)
def test_text_without_offset_needs_a_zone(text: str) -> None:
    assert read([text], timezone="America/New_York") == [micros("2026-03-01T00:00-05:00")]
    with pytest.raises(errors.TimestampUnparsable, match=r"row 0.*timezone="):
        read([text])


@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),
    st.integers(-86_340, 86_340).map(lambda s: s // 60 * 60),
    st.sampled_from(["T", " "]),
    st.sampled_from(["seconds", "milliseconds", "microseconds"]),
)
def test_any_instant_as_written_by_the_standard_library(when: datetime, shift: int, mark: str, precision: str) -> None:
    from datetime import timezone

    aware = when.replace(tzinfo=timezone(timedelta(seconds=shift)))
    text = aware.isoformat(mark, precision)
    parsed = parse_iso(pa.array([text, None, text + "x"]))
    truth = (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)
    assert parsed.time[0] == truth
    assert parsed.has_offset[0]
    assert parsed.flags.tolist() == [0, 0, 11]


def test_a_batch_of_mixed_forms_with_offsets() -> None:
    texts = ["2026-01-01T00:00:00Z", "2026-01-01T00:00Z", "2026-01-01 00:00:00.1+01:00", "2026-01-01T00:00:00.000001Z"]
    start = micros("2026-01-01T00:00+00:00")
    assert read(texts * 3) == [start, start, start - 3_600_000_000 + 100_000, start + 1] * 3
    sliced = pa.array(["junk", *texts, "junk"]).slice(1, 4)
    assert read(sliced) == [start, start, start - 3_600_000_000 + 100_000, start + 1]


def test_dictionaries_of_times_ignore_what_they_do_not_use() -> None:
    text = pa.DictionaryArray.from_arrays(
        pa.array([2, 1, 2], pa.int8()), ["junk", "2026-01-01T00:00Z", "1970-01-01T00:00Z"]
    )
    assert read(text) == [0, micros("2026-01-01T00:00+00:00"), 0]
    stamps = pa.array([1, 2, 1], pa.timestamp("us", "UTC")).dictionary_encode()
    assert read(stamps) == [1, 2, 1]


# --- refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-01T24:00:00Z",
        "2026-03-01T23:59:60Z",
        "2026-03-01T23:60:00Z",
        "2026-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "01/02/2026 00:00:00Z",
        "2026/01/02T00:00:00Z",
        " 2026-01-02T00:00:00Z",
        "2026-01-02T00:00:00Z ",
        "2026-01-02T00:00:00+24:00",
        "2026-01-02T00:00:00+01:60",
        "2026-01-02T00:00:00+1:00",
        "2026-01-02T00:00:00.Z",
        "2026-01-02T00:00:00.1234567890Z",
        "2026-01-02T00Z",
        "2026-01-02Z",
        "2026-01-02+01:00",
        "2026-01-0\u0662T00:00:00Z",
        "2026-W01-1",
        "20260102T000000Z",
        "2026-01-02X00:00:00Z",
        "tomorrow",
        "",
        "-",
        "NaT",
    ],
)
def test_text_that_is_no_time(text: str) -> None:
    with pytest.raises(errors.TimestampUnparsable, match=r"row 1.*column 'time'") as caught:
        read(["2026-01-01T00:00:00Z", text], timezone="UTC")
    assert not text or len(text) < 3 or text not in str(caught.value)  # no data in messages


def test_offsets_are_all_or_none_in_a_file() -> None:
    for first, second in (("2026-01-01T00:00:00Z", "2026-01-01T00:00:00"), ("2026-01-01", "2026-01-01T00:00Z")):
        with pytest.raises(errors.TimestampUnparsable, match=r"row 2.*mixed"):
            read([first, first, second], timezone="UTC")


def test_local_times_that_happen_twice_or_never() -> None:
    with pytest.raises(errors.TimestampAmbiguous, match="row 1"):
        read(["2026-10-25T01:59:59", "2026-10-25T02:30:00"], timezone="Europe/Berlin")
    with pytest.raises(errors.TimestampNonexistent, match="row 0"):
        read(["2026-03-29T02:00:00"], timezone="Europe/Berlin")
    with pytest.raises(errors.TimestampNonexistent):
        read([datetime(2026, 3, 29, 2, 30)], pa.timestamp("ms"), timezone="Europe/Berlin")
    with pytest.raises(errors.TimestampNonexistent):  # midnight is skipped there
        read([date(2018, 11, 4)], pa.date32(), timezone="America/Sao_Paulo")


def test_lost_digits_and_range() -> None:
    with pytest.raises(errors.TimestampOutOfRange, match="below one microsecond"):
        read([1_600_000_000_000_000_001], pa.timestamp("ns", "UTC"))
    with pytest.raises(errors.TimestampOutOfRange, match="below one microsecond"):
        read(["2026-01-01T00:00:00.0000001Z"])
    for kind, value in ((pa.timestamp("s", "UTC"), 2**62), (pa.timestamp("ms", "UTC"), -(2**60))):
        with pytest.raises(errors.TimestampOutOfRange, match="row 0"):
            read(pa.array([value]).cast(kind))
    for value in (-(2**63),):  # what NaT looks like as an integer
        for unit in ("s", "ms", "us", "ns"):
            with pytest.raises(errors.TimestampOutOfRange):
                read([value], pa.int64(), time_unit=unit)
    with pytest.raises(errors.TimestampOutOfRange):
        read(pa.array([-(2**63)]).cast(pa.timestamp("us", "UTC")))
    with pytest.raises(errors.TimestampOutOfRange):
        read([2**63], pa.uint64(), time_unit="us")


def test_null_times() -> None:
    for array in (
        pa.array([None, None], pa.null()),
        pa.array([1, None], pa.timestamp("us", "UTC")),
        pa.array(["2026-01-01T00:00Z", None]),
        pa.array(["2026-01-01T00:00Z", None]).dictionary_encode(),
    ):
        with pytest.raises(errors.NullKeyError, match="time is null"):
            read(array)


@pytest.mark.parametrize("kind", [pa.float64(), pa.bool_(), pa.list_(pa.int64()), pa.duration("s"), pa.time64("us")])
def test_types_that_hold_no_times(kind: pa.DataType) -> None:
    with pytest.raises(errors.SchemaError, match="cannot hold times"):
        read(pa.nulls(2, kind))


def test_a_unit_that_contradicts_the_type() -> None:
    with pytest.raises(errors.SchemaError, match="time_unit"):
        read([1], pa.timestamp("us", "UTC"), time_unit="ms")


# --- unit mix-ups ---------------------------------------------------------------------------------------------------

UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@pytest.mark.parametrize("declared", UNITS)
@pytest.mark.parametrize("actual", UNITS)
def test_unit_matrix(declared: str, actual: str) -> None:
    seconds = [1_500_000_000, 1_700_000_001]
    raw = [second * UNITS[actual] + (7 if actual != "s" else 0) * UNITS[actual] // 1000 for second in seconds]
    if declared == actual:
        assert [t // 10**6 for t in read(raw, pa.int64(), time_unit=declared)] == seconds
        return
    with pytest.raises(errors.TimestampUnitError) as caught:
        read(raw, pa.int64(), time_unit=declared)
    words = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
    assert f"read as {words[declared]}" in str(caught.value)
    assert f"read as {words[actual]}" in str(caught.value)


def test_unit_is_judged_over_the_whole_input_and_can_be_overruled() -> None:
    # One honest old event makes "all before 1980" false, whatever batch it stands in.
    assert read([0, 1_600_000_000], pa.int64(), time_unit="s")[0] == 0
    assert read([5, 1_700_000_000], pa.int64(), time_unit="us") == [5, 1_700_000_000]
    assert read([1_700_000_000], pa.int64(), time_unit="us", plausible_years=None) == [1_700_000_000]
    with pytest.raises(errors.TimestampUnitError):
        read([1_700_000_000], pa.int64(), time_unit="us")


SECONDS = [1_500_000_000, 1_700_000_001]
MIXED = [(a, b) for a in UNITS for b in UNITS if a != b and {a, b} != {"s", "ns"}]


def table(raw: list[int], kind: pa.DataType) -> pa.Table:
    return pa.table({"entity": ["a"] * len(raw), "time": pa.array(raw, kind), "event": ["e"] * len(raw)})


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64(), pa.string()])
@pytest.mark.parametrize(("declared", "actual"), MIXED)
def test_one_input_in_another_unit_among_others(declared: str, actual: str, kind: pa.DataType, tmp_path: Path) -> None:
    right, wrong = ([second * UNITS[unit] for second in SECONDS] for unit in (declared, actual))
    if kind == pa.string():
        right, wrong = [str(value) for value in right], [str(value) for value in wrong]
    for name, raw in (("right", right), ("wrong", wrong)):
        pq.write_table(table(raw, kind), tmp_path / f"{name}.parquet")
    fits = SECONDS[-1] * UNITS[actual] * 10**6 // UNITS[declared] < 2**63
    expected = errors.TimestampUnitError if fits else errors.DataError  # what fits no log is refused row by row
    for order in (("right", "wrong"), ("wrong", "right")):
        with pytest.raises(expected) as caught:
            EventLog.read([tmp_path / f"{name}.parquet" for name in order], time_unit=declared)
    if fits:
        words = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}
        assert f"read as {words[declared]} some times lie in the year" in str(caught.value)
        assert (
            f"read as {words[actual]} in the years 2017 to 2023" in str(caught.value) or UNITS[actual] > UNITS[declared]
        )
        assert "plausible_years=None" in str(caught.value.hint)
    log = EventLog.read(tmp_path / "right.parquet", time_unit=declared)
    with pytest.raises(expected):
        log.append(tmp_path / "wrong.parquet")
    if fits:
        meant = EventLog.read(tmp_path / "right.parquet", time_unit=declared, plausible_years=None)
        assert meant.append(tmp_path / "wrong.parquet").n_events == 4


@pytest.mark.parametrize("unit", UNITS)
def test_honest_years_raise_no_suspicion(unit: str, tmp_path: Path) -> None:
    years = [1900, 1969, 1970, 1979, 1990, 2024, 2200, *([] if unit == "ns" else [9999])]
    days = [(date(year, month, 20) - date(1970, 1, 1)).days for year in years for month in (1, 2, 12)]
    raw = [day * 86_400 * UNITS[unit] for day in days]
    assert len(read(raw, pa.int64(), time_unit=unit)) == len(raw)
    # One file for each day, as exports are cut: that of 20 January 1970 alone could be of another unit.
    paths = []
    for i, value in enumerate(raw):
        paths.append(tmp_path / f"{i}.parquet")
        pq.write_table(table([value], pa.int64()), paths[-1])
    assert EventLog.read(paths, time_unit=unit).n_events == len(raw)


def test_times_that_no_log_holds_are_bad_rows_and_not_a_unit() -> None:
    rows = table([1_700_000_000, 1_700_000_000_000_000], pa.int64())  # the second is out of range as seconds
    log = EventLog.from_arrow(rows, time_unit="s", on_bad_row="quarantine")
    assert dict(log.accounting.reasons) == {"time_out_of_range": 1}
    assert log.append(table([1_700_000_001], pa.int64())).n_events == 2


def test_reader_keeps_no_reference_and_flags_only_what_is_bad() -> None:
    reader = TimeReader("time", zone("Europe/Berlin"))
    array = pa.array(["2026-10-25T02:30:00", "2026-10-25T04:00:00", None, "x", "2026-03-29T02:30:00"])
    time, flags = reader.read(array)
    assert flags.tolist() == [14, 0, 10, 11, 15]
    assert time[1] == micros("2026-10-25T04:00:00+01:00")
    assert time[flags != 0].tolist() == [0, 0, 0, 0]
    assert time.dtype == np.int64


@pytest.mark.parametrize("kind", [pa.int64(), pa.timestamp("us"), pa.timestamp("us", "UTC")])
def test_the_least_integer_is_no_time(kind: pa.DataType) -> None:
    """It has no opposite, so no distance from it can be told; every other microsecond has a place."""
    keywords: dict[str, Any] = {"plausible_years": None}
    if kind == pa.int64():
        keywords["time_unit"] = "us"
    elif kind.tz is None:
        keywords["timezone"] = "UTC"
    times = pa.array([5, -(2**63), -(2**63) + 1], pa.int64())
    rows = pa.table({"entity": ["a"] * 3, "time": times.cast(kind), "event": ["x"] * 3})
    with pytest.raises(errors.DataError, match="row 1"):
        EventLog.from_arrow(rows, **keywords)
    if kind == pa.int64() or kind.tz is not None:
        kept = EventLog.from_arrow(rows.take([0, 2]), **keywords, observed_until="2026-01-01T00:00:00Z")
        assert kept.time.tolist() == [-(2**63) + 1, 5]
