"""Index times: dates, rolling dates, anchors, tables; and the instants they mean."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise

import pyarrow as pa
import pytest
from small_logs import make_log

from seqmine.errors import (
    DataError,
    ParameterError,
    SchemaError,
    TimestampAmbiguous,
    TimestampError,
    TimestampNonexistent,
    TimestampOutOfRange,
    TimestampUnparsable,
    UnknownEventWarning,
)
from seqmine.labels import Outcome, Study, label

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
ALWAYS = Outcome("count(x) >= 0 within 1us")


def us(text: str) -> int:
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def index_times(at: object, *, timezone: str = "UTC") -> list[int]:
    """The index times of one entity that is always there."""
    log = make_log([("e", -(10**17), "x"), ("e", 10**17, "x")], timezone=timezone)
    labels = label(log, Study(ALWAYS, at=at))
    assert sum(labels.excluded.values()) == 0
    return labels.to_arrow()["index_time"].cast(pa.int64()).to_pylist()


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2017-10-01", "2017-10-01T00:00+02:00"),
        (date(2017, 10, 1), "2017-10-01T00:00+02:00"),
        (datetime(2017, 10, 1, 12), "2017-10-01T12:00+02:00"),
        ("2017-12-01 12:30:00.000001", "2017-12-01T12:30:00.000001+01:00"),
        ("2017-10-01T12:00Z", "2017-10-01T12:00+00:00"),
        ("2017-10-01T12:00-05:00", "2017-10-01T17:00+00:00"),
        (datetime(2017, 10, 1, tzinfo=timezone(timedelta(hours=-3))), "2017-10-01T03:00+00:00"),
        # An ambiguous hour is fine when it says which one it is.
        ("2017-10-29T02:30:00+01:00", "2017-10-29T02:30:00+01:00"),
    ],
)
def test_dates_are_wall_clock_of_the_log_unless_they_have_an_offset(at: object, expected: str) -> None:
    assert index_times(at, timezone="Europe/Berlin") == [us(expected)]


def test_lists_are_sorted() -> None:
    assert index_times(["2017-11-01", date(2017, 10, 1)]) == [us("2017-10-01T00:00Z"), us("2017-11-01T00:00Z")]


def test_rolling_includes_both_ends_when_hit() -> None:
    days = index_times("every 10d from 2017-01-01 to 2017-01-21")
    assert days == [us(f"2017-01-{day:02}T00:00Z") for day in (1, 11, 21)]
    assert index_times("every 10d from 2017-01-01 to 2017-01-20 23:59:59") == days[:2]
    assert index_times("every 10d from 2017-01-01 to 2017-01-01") == days[:1]


def test_rolling_steps_are_exact_durations_across_a_clock_change() -> None:
    found = index_times("every 1d from 2017-10-28 to 2017-10-31", timezone="Europe/Berlin")
    assert found[0] == us("2017-10-28T00:00+02:00")
    assert [b - a for a, b in pairwise(found)] == [DAY] * 3
    assert found[-1] == us("2017-10-30T23:00+01:00")


@pytest.mark.parametrize(
    ("at", "error", "part"),
    [
        ("2017-10-29T02:30:00", TimestampAmbiguous, "offset"),
        ("2017-03-26T02:30:00", TimestampNonexistent, "offset"),
        (["2017-10-01", "2017-10-01T00:00+02:00"], ParameterError, "same instant"),
        ("every 1d from 2017-02-01 to 2017-01-01", ParameterError, "swap"),
        ("every 1us from 2017-01-01 to 2017-01-02", ParameterError, "widen"),
        ("first(x{channel=mail})", ParameterError, "channel"),
    ],
)
def test_index_times_that_do_not_fit_the_log(at: object, error: type[Exception], part: str) -> None:
    log = make_log([("e", 0, "x")], timezone="Europe/Berlin")
    with pytest.raises(error, match=part):
        label(log, Study(ALWAYS, at=at))


def test_digits_below_a_microsecond_are_refused() -> None:
    import pandas

    assert index_times(pandas.Timestamp("2017-10-01T00:00:00.000001")) == [us("2017-10-01T00:00:00.000001Z")]
    with pytest.raises(TimestampOutOfRange):
        Study(ALWAYS, at=pandas.Timestamp("2017-10-01T00:00:00.000000001"))


@pytest.mark.parametrize(
    ("at", "error", "part"),
    [
        ("2017-13-01", TimestampUnparsable, "ISO form"),
        ("2017-01-01T00:00:00.1234567", TimestampOutOfRange, "microsecond"),
        ("frist(a)", ParameterError, "did you mean 'first'"),
        ("first(a", ParameterError, "character 7"),
        ("nth(a)", ParameterError, "nth(purchase, 2)"),
        ("nth(a, 0)", ParameterError, "from 1"),
        ("nth(a, 2.5)", ParameterError, "whole number"),
        ("first(a) b", ParameterError, "unexpected 'b'"),
        ("start + 1month", ParameterError, "no fixed length"),
        ("start + 14", ParameterError, "no unit"),
        ("first(x) - 1d", ParameterError, "an offset is + only"),
        ("start -7d", ParameterError, "an offset is + only"),
        ("first(x) + 2d - 1d", ParameterError, "an offset is + only"),
        ("first(x) + 1d + 1d", ParameterError, "an anchor takes one offset - add them up"),
        ("first(x{y=a-3})", ParameterError, "after a condition"),
        ("every 0d from 2017-01-01 to 2017-02-01", ParameterError, "never gets on"),
        ("every 30d from 2017-01-01", ParameterError, "every 30d from"),
        ("every 30d from 2017-01-01 to never", TimestampError, "ISO form"),
        ("", ParameterError, "expected a date"),
        ([], ParameterError, "empty"),
        (["2017-10-01", "2017-10-01"], ParameterError, "twice"),
        ([17], ParameterError, "int"),
        (17, ParameterError, "int"),
        (b"2017-10-01", ParameterError, "bytes"),
        (pa.table({"entity": ["a"], "when": [1]}), SchemaError, "index_time"),
        (pa.table({"time": [1]}), SchemaError, "entity"),
    ],
)
def test_index_times_that_cannot_be_read(at: object, error: type[Exception], part: str) -> None:
    with pytest.raises(error) as caught:
        Study(ALWAYS, at=at)
    assert part in str(caught.value)


EVENTS = [("a", 1, "x"), ("a", 3, "y"), ("a", 3, "y"), ("a", 5, "x"), ("b", 2, "x"), ("b", 100, "z")]


@pytest.mark.parametrize(
    ("at", "rows", "no_index"),
    [
        ("first(y)", [("a", 3)], 1),
        ("nth(y, 2)", [("a", 3)], 1),  # two rows at one time are two events
        ("nth(y, 3)", [], 2),
        ("nth(x|y, 4)", [("a", 5)], 1),
        ("first(x)", [("a", 1), ("b", 2)], 0),
        ("first(x) + 7us", [("a", 8), ("b", 9)], 0),
        ("nth(*, 2) +10us", [("a", 13), ("b", 110)], 0),
    ],
)
def test_anchors(at: str, rows: list[tuple[str, int]], no_index: int) -> None:
    labels = label(make_log(EVENTS, observed_until=1000), Study(ALWAYS, at=at))
    found = labels.to_arrow()
    assert list(zip(found["entity"].to_pylist(), found["index_time"].cast(pa.int64()).to_pylist(), strict=True)) == rows
    assert labels.excluded["no_index"] == no_index


def test_start_is_the_declared_start() -> None:
    log = make_log(EVENTS, starts={"b": -4}, observed_until=1000)
    found = label(log, Study(ALWAYS, at="start + 14us"))
    assert found.to_arrow()["index_time"].cast(pa.int64()).to_pylist() == [15, 10]
    assert "no_index" not in found.excluded


def test_an_anchor_that_no_event_can_be_warns() -> None:
    with pytest.warns(UnknownEventWarning):
        labels = label(make_log(EVENTS), Study(ALWAYS, at="first(nothing)"))
    assert labels.excluded["no_index"] == 2


def test_a_table_keeps_its_other_columns_and_counts_strangers() -> None:
    table = pa.table(
        {
            "plan": ["p1", "p2", "p3", "p4"],
            "time": pa.array([4, 50, 2, 9], pa.timestamp("us", "UTC")),
            "entity": pa.array(["b", "a", "a", "stranger"]).dictionary_encode(),
        }
    )
    labels = label(make_log(EVENTS), Study(ALWAYS, at=table))
    assert labels.to_arrow().column_names == ["entity", "index_time", "label", "plan"]
    assert labels.column("plan").to_pylist() == ["p3", "p2", "p1"]
    assert labels.excluded == {"unknown_entity": 1, "not_born": 0, "not_followed": 0}


def test_a_table_with_labels_is_refused() -> None:
    before = label(make_log(EVENTS), Study(ALWAYS, at="first(x)")).to_arrow()
    with pytest.raises(SchemaError, match=r"column 'label': the index table has labels.*Labels.from_arrow\(table\)"):
        Study(ALWAYS, at=before)
    again = label(make_log(EVENTS), Study(ALWAYS, at=before.drop_columns(["label"]))).to_arrow()
    assert again.equals(before)


def test_naive_times_of_a_table_are_wall_clock_of_the_log() -> None:
    log = make_log([("e", -(10**17), "x"), ("e", 10**17, "x")], timezone="Europe/Berlin")
    local = pa.table({"entity": ["e"], "index_time": pa.array([datetime(2017, 10, 1)], pa.timestamp("ms"))})
    text = pa.table({"entity": ["e"], "index_time": ["2017-10-01T00:00:00"]})
    for table in (local, text):
        found = label(log, Study(ALWAYS, at=table)).to_arrow()["index_time"].cast(pa.int64()).to_pylist()
        assert found == [us("2017-10-01T00:00+02:00")]


def test_a_table_with_a_row_twice_is_refused() -> None:
    time = pa.array([4, 50, 4], pa.timestamp("us", "UTC"))
    with pytest.raises(DataError, match="row 2: the same entity and index time as in row 0"):
        label(make_log(EVENTS), Study(ALWAYS, at=pa.table({"entity": ["a", "a", "a"], "index_time": time})))
