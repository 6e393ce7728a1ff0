"""seqmine's side of the questions that `mine_frequent` answers: an opened log in, a pyarrow table out."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa

import seqmine as sm
from peers import answer

__all__ = ["compare", "load", "work"]


def load(job: dict[str, Any]) -> sm.EventLog:
    """Open the prepared log. What is start-up is done now: our lazy imports, and pyarrow's look for pandas."""
    pa.array(np.zeros(1))
    assert sm.mine_frequent
    return sm.EventLog.open(f"{job['folder']}/log")


def work(job: dict[str, Any], log: sm.EventLog) -> pa.Table:
    """Mine, and leave the result as a table."""
    options = sm.FrequentOptions(min_support=job["min_support"], threads=job["threads"], **_limits(job))
    return sm.mine_frequent(log, options).to_arrow()


def compare(job: dict[str, Any], table: pa.Table) -> dict[str, Any]:
    """Item numbers and supports: types are named e1, e2, ..., and nothing else in a pattern reads so."""
    items = re.compile(r"\be(\d+)").findall
    texts, supports = table["pattern"].to_pylist(), table["support"].to_pylist()
    return answer.of_supports((tuple(map(int, items(text))), n) for text, n in zip(texts, supports, strict=True))


def _limits(job: dict[str, Any]) -> dict[str, timedelta]:
    """A job's inclusive bounds in whole seconds as options: ours are half open, so the upper end is 1us further."""
    options = {}
    if "gap" in job:
        options["min_gap"] = timedelta(seconds=job["gap"][0])
        options["max_gap"] = timedelta(seconds=job["gap"][1], microseconds=1)
    if "span" in job:
        options["max_span"] = timedelta(seconds=job["span"][1], microseconds=1)
    return options
