"""Studies of labels that are known already, and the rows that a study keeps for its out-of-time test."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pytest
from small_logs import instants, make_log

from seqmine import EventLog
from seqmine.errors import ParameterError, TimestampAmbiguous, TimestampUnparsable
from seqmine.labels import Labels, Study, label, out_of_time_rows

DAY = 86_400_000_000
ROWS = pa.table({"entity": ["a", "b", "c"], "index_time": instants(5 * DAY, 5 * DAY, 9 * DAY), "label": [1, 0, 0]})
OUTCOME = "exists(x) within 1d"


def given(**keywords: object) -> Labels:
    return Labels.from_arrow(ROWS, **keywords)


def twenty_days(**keywords: object) -> EventLog:
    return make_log([(e, t * DAY, "x") for e in "abc" for t in range(20)], **keywords)


def test_a_study_of_given_labels_gives_them_back() -> None:
    labels = given(lookback="3d", exclude_events=["x"])
    study = Study.from_labels(labels, seed=7)
    assert label(twenty_days(), study) is labels
    assert (study.outcome, study.at, study.lookback, study.exclude_events) == (None, None, "3d", ("x",))
    assert (study.seed, study.lead, study.min_tenure, study.incident) == (7, "0s", "0s", False)


def test_numeric_labels_do_too() -> None:
    log = twenty_days()
    numbers = label(log, Study("count(x) within 3d", at="1970-01-05"))
    assert numbers.is_numeric
    assert label(log, Study.from_labels(numbers)) is numbers


def test_a_typo_in_the_excluded_events_of_given_labels_shows_when_they_meet_the_log() -> None:
    with pytest.raises(ParameterError, match="no event type 'xx' - did you mean 'x'"):
        label(twenty_days(), Study.from_labels(given(exclude_events=["xx"])))


def test_equality_hash_and_copies() -> None:
    labels = given(lookback="3d")
    study = Study.from_labels(labels)
    assert study == Study.from_labels(labels)
    assert hash(study) == hash(Study.from_labels(labels))
    assert study != Study.from_labels(given(lookback="3d"))  # labels are compared by identity, as they always are
    assert dataclasses.replace(study, seed=3) == Study.from_labels(labels, seed=3)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"outcome": OUTCOME}, "already - leave out outcome and at, or labels"),
        ({"at": "start + 1d"}, "already - leave out outcome and at, or labels"),
        ({"lookback": "4d"}, "lookback cannot be changed"),
        ({"lead": "1d"}, "lead cannot be changed"),
        ({"exclude_events": ["y"]}, "exclude_events cannot be changed"),
        ({"incident": True}, "incident cannot be changed"),
        ({"min_tenure": "1d"}, "min_tenure cannot be changed"),
        ({"labels": ROWS}, "labels must be Labels, not Table"),
        ({"labels": None}, "a study needs an outcome and index times"),
        ({"seed": "x"}, "seed must be an integer"),
    ],
)
def test_what_contradicts_given_labels(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        Study(**({"outcome": None, "at": None, "labels": given(lookback="3d")} | fields))


def kept(at: object, out_of_time: object, log: EventLog | None = None) -> list[int]:
    """Days of the index dates that have rows, a minus before those that are kept."""
    log = log or twenty_days(observed_until=20 * DAY)
    study = Study(OUTCOME, at=at, out_of_time=out_of_time)
    labels = label(log, study)
    mask = out_of_time_rows(log, study, labels)
    assert mask.dtype == np.bool_ and mask.shape == (labels.n_rows,)
    days = labels.column("index_time").cast(pa.int64()).to_numpy() // DAY
    return sorted({int(-day if keep else day) for day, keep in zip(days, mask, strict=True)})


@pytest.mark.parametrize(
    ("at", "out_of_time", "expected"),
    [
        ("1970-01-05", "auto", [4]),
        (["1970-01-05"], "auto", [4]),
        (["1970-01-08", "1970-01-05"], "auto", [-7, 4]),
        ("every 3d from 1970-01-05 to 1970-01-11", "auto", [-10, 4, 7]),
        ("every 3d from 1970-01-05 to 1970-01-05", "auto", [4]),
        # The 20th and 21st cannot be followed for a day, so the latest date with rows is the 12th.
        (["1970-01-05", "1970-01-12", "1970-01-21"], "auto", [-11, 4]),
        ("start + 3d", "auto", [3]),
        (ROWS.select(["entity", "index_time"]), "auto", [5, 9]),
        (["1970-01-08", "1970-01-05"], None, [4, 7]),
        (["1970-01-08", "1970-01-05"], "1970-01-08", [-7, 4]),
        (["1970-01-08", "1970-01-05"], date(1970, 1, 6), [-7, 4]),
        (["1970-01-08", "1970-01-05"], datetime(1970, 1, 8, 0, 0, 1), [4, 7]),
        (["1970-01-08", "1970-01-05"], "1970-01-01", [-7, -4]),
        (ROWS.select(["entity", "index_time"]), "1970-01-07", [-9, 5]),
    ],
)
def test_which_rows_are_kept(at: object, out_of_time: object, expected: list[int]) -> None:
    assert kept(at, out_of_time) == expected


def test_given_labels_keep_rows_by_date_only() -> None:
    log, labels = twenty_days(), given()
    assert not out_of_time_rows(log, Study.from_labels(labels), labels).any()
    dated = Study.from_labels(labels, out_of_time="1970-01-10")
    assert out_of_time_rows(log, dated, labels).tolist() == [False, False, True]


def test_no_rows_keep_none() -> None:
    log = twenty_days(observed_until=20 * DAY)
    study = Study(OUTCOME, at=["1971-01-01", "1971-02-01"])
    assert out_of_time_rows(log, study, label(log, study)).tolist() == []


def test_a_date_without_a_zone_is_wall_clock_of_the_log() -> None:
    berlin = twenty_days(timezone="Europe/Berlin", observed_until=20 * DAY)  # an hour ahead of UTC
    at = ["1970-01-04T23:00Z", "1970-01-07T22:59:59Z"]
    assert kept(at, "1970-01-08", berlin) == [3, 6]
    assert kept(at, "1970-01-07T22:59:59Z", berlin) == [-6, 3]
    study = Study.from_labels(given(), out_of_time="2017-10-29T02:30")
    with pytest.raises(TimestampAmbiguous, match="out_of_time"):
        out_of_time_rows(berlin, study, given())


@pytest.mark.parametrize("value", ["atuo", "", "start + 3d", 5, 1.5, ["1970-01-01"], True])
def test_what_is_no_date(value: object) -> None:
    with pytest.raises(ParameterError, match="out_of_time"):
        Study(OUTCOME, at="1970-01-05", out_of_time=value)


def test_text_that_is_no_time() -> None:
    with pytest.raises(TimestampUnparsable, match="out_of_time: '1970-13-01' is not a date"):
        Study(OUTCOME, at="1970-01-05", out_of_time="1970-13-01")


def test_what_is_no_study_or_labels() -> None:
    log, labels = twenty_days(), given()
    with pytest.raises(ParameterError, match="study must be of type Study"):
        out_of_time_rows(log, "x", labels)
    with pytest.raises(ParameterError, match="labels must be of type Labels"):
        out_of_time_rows(log, Study.from_labels(labels), ROWS)
