"""The check of the argument that nearly every public function takes."""

from __future__ import annotations

from seqmine._validate import check_type
from seqmine.events.log import EventLog

__all__ = ["check_log"]


def check_log(log: object) -> None:
    """ParameterError unless `log` is an `EventLog`."""
    check_type(log, EventLog, "log", "make one with sm.EventLog.read(path) or sm.EventLog.from_arrow(table)")
