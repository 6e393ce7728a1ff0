"""The rows that a study keeps for its out-of-time test: what was found earlier is held against a later date."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqmine._validate import check_type
from seqmine.events.checked import check_log
from seqmine.labels import _columns
from seqmine.labels._instants import Bool
from seqmine.labels.index import FixedDates, Rolling, parse_index, point
from seqmine.labels.labels import Labels, index_times
from seqmine.labels.study import Study

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

__all__ = ["out_of_time_rows"]


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


def _instant(log: EventLog, written: object) -> int:
    read = point(written, "out_of_time")
    time = np.array([read.time], dtype=np.int64)
    if read.naive:
        time = _columns.to_utc(time, log.zone, lambda row: {"column": "out_of_time"})
    return int(time[0])
