"""`find` and `count` against the brute-force matcher.

Each example is one log with four patterns. Compared: the rows of `find(occurrences="all")` and `"first"` (entity,
start, moment and ready time, in order), `count` over the whole log, `count` over labelled rows with a lookback,
and that the pattern's text comes back from its parsed form. 1,000 examples = 4,000 patterns by default.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import pyarrow as pa
from hypothesis import strategies as st

import seqmine as sm
from reference import matching
from reference.labels import seen_rows
from reference.language import Log, Pattern, duration_text, to_text
from seqmine.errors import UnknownEventWarning

from .strategies import CLOCKS, HIGHEST, Clock, logs, microseconds, patterns, prove, to_seqmine

NUMERIC = frozenset({"size"})


@dataclass(frozen=True)
class FindCase:
    log: Log
    patterns: tuple[Pattern, ...]


@st.composite
def find_cases(draw: st.DrawFn) -> FindCase:
    clock = draw(st.sampled_from(CLOCKS))
    log = draw(logs(clock))
    return FindCase(log, tuple(draw(patterns(clock, log)) for _ in range(4)))


def parse(pattern: Pattern) -> sm.Pattern:
    parsed = sm.parse_pattern(to_text(pattern))
    assert sm.parse_pattern(str(parsed)) == parsed
    return parsed


def found(log: sm.EventLog, pattern: sm.Pattern, occurrences: str) -> list[tuple[str, int, int, int]]:
    result = sm.find(log, pattern, occurrences=occurrences, threads=1)
    assert result.column_names == ["entity", "start_time", "moment_time", "ready_time"]
    times = [microseconds(result[name]) for name in result.column_names[1:]]
    return list(zip(result["entity"].to_pylist(), *times, strict=True))


def check_find(case: FindCase) -> None:
    log = to_seqmine(case.log)
    rows = matching.whole_log_rows(case.log)
    with warnings.catch_warnings():
        # A generated log need not have every type that a generated pattern names.
        warnings.simplefilter("ignore", UnknownEventWarning)
        parsed = [parse(pattern) for pattern in case.patterns]
        counted = sm.count(log, parsed)
        for i, (pattern, text) in enumerate(zip(case.patterns, map(to_text, case.patterns), strict=True)):
            assert found(log, parsed[i], "all") == matching.find(pattern, case.log, every=True), text
            assert found(log, parsed[i], "first") == matching.find(pattern, case.log, every=False), text
            expected = matching.count(pattern, case.log, rows)[:2]
            assert (counted["n_matched"][i].as_py(), counted["n_undecided"][i].as_py()) == expected, text


test_find, test_find_long = prove(check_find, find_cases(), examples=600)


@dataclass(frozen=True)
class CountCase:
    log: Log
    patterns: tuple[Pattern, ...]
    rows: list[tuple[str, int, int]]
    lookback: int | None
    excluded: tuple[str, ...]


@st.composite
def label_rows(draw: st.DrawFn, log: Log, clock: Clock) -> list[tuple[str, int, int]]:
    """Some (entity, index, label), one for each entity and index; the index may lie anywhere."""
    indexes = sorted({min(t + d, HIGHEST) for t in clock.times for d in (0, 1)})
    pairs = [(entity, index) for entity in log.entities for index in indexes]
    chosen = draw(st.lists(st.sampled_from(pairs), min_size=1, max_size=8, unique=True))
    return [(*pair, draw(st.integers(0, 1))) for pair in sorted(chosen, key=lambda p: (p[0].encode(), p[1]))]


@st.composite
def count_cases(draw: st.DrawFn) -> CountCase:
    clock = draw(st.sampled_from(CLOCKS))
    log = draw(logs(clock))
    present = sorted({e.type for e in log.events})
    lookbacks = [None, *(d for d in clock.durations if 0 < d <= HIGHEST)]
    return CountCase(
        log,
        tuple(draw(patterns(clock, log)) for _ in range(4)),
        draw(label_rows(log, clock)),
        draw(st.sampled_from(lookbacks)),
        tuple(draw(st.lists(st.sampled_from(present), max_size=1))),
    )


def label_table(rows: list[tuple[str, int, int]]) -> pa.Table:
    return pa.table(
        {
            "entity": pa.array([r[0] for r in rows], pa.string()),
            "index_time": pa.array([r[1] for r in rows], pa.timestamp("us", "UTC")),
            "label": pa.array([r[2] for r in rows], pa.int8()),
        }
    )


def to_labels(rows: list[tuple[str, int, int]], lookback: int | None, excluded: tuple[str, ...] = ()) -> sm.Labels:
    text = None if lookback is None else duration_text(lookback)
    options = {"exclude_events": list(excluded)} if excluded else {}
    return sm.Labels.from_arrow(label_table(rows), lookback=text, **options)


def check_count(case: CountCase) -> None:
    log = to_seqmine(case.log)
    labels = to_labels(case.rows, case.lookback, case.excluded)
    rows = seen_rows(case.rows, case.log.declared_end, case.lookback, case.excluded, case.log.starts)
    marks = [label for *_, label in case.rows]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnknownEventWarning)
        counted = sm.count(log, [parse(pattern) for pattern in case.patterns], labels=labels)
    for i, pattern in enumerate(case.patterns):
        seen = tuple(counted[name][i].as_py() for name in ("n_matched", "n_undecided", "n_positive"))
        assert seen == matching.count(pattern, case.log, rows, marks), to_text(pattern)


test_count, test_count_long = prove(check_count, count_cases(), examples=600)
