"""The rows of a study's out-of-time test: what was found earlier is held against a later date."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from seqmine._text import parse_duration
from seqmine._validate import check_type
from seqmine.events.checked import check_log
from seqmine.labels import _columns
from seqmine.labels._instants import Bool
from seqmine.labels.index import FixedDates, Point, Rolling, parse_index, point
from seqmine.labels.labels import Labels, index_times
from seqmine.labels.study import Study

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

__all__ = ["later_landmark", "out_of_time_rows"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def out_of_time_rows(log: EventLog, study: Study, labels: Labels) -> Bool:
    """Which rows of a study's labels are kept for the out-of-time test.

    Parameters
    ----------
    log
        For the zone of a date that carries none.
    study
        Its `Study.out_of_time` decides.
    labels
        The rows of the study, from `label`.

    Returns
    -------
    numpy.ndarray
        bool, shape ``(n_rows,)``: True where the index lies at or after the date. With ``"auto"`` that is the latest
        index date that has rows, where `Study.at` lists dates or is rolling; dates that nobody can be followed from
        have none. Never all rows with ``"auto"``: without an earlier date that has rows, none is kept.

    Raises
    ------
    ParameterError
        An argument of another type.
    TimestampAmbiguous, TimestampNonexistent
        The date is a time that the clocks of the log's zone show twice or never.
    """
    check_log(log)
    check_type(study, Study, "study", 'write sm.Study("no purchase within 90d", at="2017-10-01")')
    check_type(labels, Labels, "labels", "make them with sm.label(log, study)")
    time = index_times(labels.to_arrow())
    if study.out_of_time is None:
        return np.zeros(len(time), dtype=np.bool_)
    if study.out_of_time != "auto":
        return np.asarray(time >= _instant(log, study.out_of_time), dtype=np.bool_)
    dated = study.at is not None and isinstance(parse_index(study.at), (FixedDates, Rolling))
    if not dated or len(time) == 0 or time.min() == time.max():
        return np.zeros(len(time), dtype=np.bool_)
    return np.asarray(time == time.max(), dtype=np.bool_)


def later_landmark(log: EventLog, study: Study) -> Study | None:
    """The study asked again at the latest index that the log can follow, where it has only one date of its own.

    With ``out_of_time="auto"`` and a single date in `Study.at`: the index is where the outcome interval ends with the
    log (``log.observed_until - lead - horizon``), if that is a horizon or more after the study's own date, so that no
    outcome counts twice (landmarks as in van Houwelingen 2007). Its rows are the log's own, labelled anew: a threshold
    ``top p%`` is that of the later date.

    Returns
    -------
    Study or None
        None: the log is not long enough, the outcome has no horizon, or the study says itself which rows are kept.

    Raises
    ------
    ParameterError
        An argument of another type.
    TimestampAmbiguous, TimestampNonexistent
        The study's date is a time that the clocks of the log's zone show twice or never.
    """
    check_log(log)
    check_type(study, Study, "study", 'write sm.Study("no purchase within 90d", at="2017-10-01")')
    if study.out_of_time != "auto" or study.at is None or study.outcome is None or study.outcome.horizon is None:
        return None
    dates = parse_index(study.at)
    if not isinstance(dates, FixedDates) or len(dates.points) != 1:
        return None
    first = _utc(log, dates.points[0], "at")
    latest = log.observed_until - parse_duration(study.lead, "lead") - study.outcome.horizon
    if latest < first + study.outcome.horizon:
        return None
    try:
        at = _EPOCH + timedelta(microseconds=latest)
    except OverflowError:  # after the year 9999, which no study can name either
        return None
    return replace(study, at=at, out_of_time=None)


def _instant(log: EventLog, written: object) -> int:
    return _utc(log, point(written, "out_of_time"), "out_of_time")


def _utc(log: EventLog, read: Point, name: str) -> int:
    time = np.array([read.time], dtype=np.int64)
    if read.naive:
        time = _columns.to_utc(time, log.zone, lambda row: {"column": name})
    return int(time[0])
