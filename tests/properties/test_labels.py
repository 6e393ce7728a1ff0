"""`label` against every outcome, index kind and reason of exclusion, judged event by event.

Compared: the rows (entity, index time, label) in order and the number of rows left out for each reason. Outcomes:
exists, no, count, sum, top share, plain numbers and tables; indexes: dates, rolling dates, first, nth, start plus
an offset, tables with unknown entities.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import strategies as st

import seqmine as sm
from reference import labels as oracle
from reference.language import EPOCH, UNITS, Log, duration_text, number_text, step_text
from seqmine.errors import InsufficientDataError, UnknownEventWarning

from .strategies import CLOCKS, HIGHEST, SMALL, Clock, iso, logs, microseconds, prove, steps, to_seqmine

PERCENTS = (1, 10, 25, 40, 50, 75, 99)


@dataclass(frozen=True)
class LabelCase:
    log: Log
    study: oracle.Study
    outcome_text: str
    at: object


@st.composite
def outcomes(draw: st.DrawFn, clock: Clock, log: Log) -> tuple[oracle.Outcome, str]:
    horizon = draw(st.sampled_from([d for d in clock.durations if d > 0]))
    step = draw(steps())
    tail = f"within {duration_text(horizon)}"
    kind = draw(st.sampled_from(("exists", "no", "no", "count", "sum", "table", "values")))
    if kind in ("table", "values"):
        known = draw(st.lists(st.sampled_from([*log.entities, "nobody"]), unique=True))
        marks = st.integers(0, 1) if kind == "table" else st.sampled_from((-1.5, 0.0, 2.0))
        told = {e: (draw(st.sampled_from(clock.times)), draw(marks)) for e in known}
        return oracle.Outcome(kind, step, draw(st.sampled_from((horizon, None))), table=told), ""
    if kind in ("exists", "no"):
        text = f"exists({step_text(step)})" if kind == "exists" else f"no {step_text(step)}"
        return oracle.Outcome(kind, step, horizon), f"{text} {tail}"
    text = f"count({step_text(step)})" if kind == "count" else f"sum(value of {step_text(step)})"
    how = draw(st.integers(0, 5))
    if how == 0:
        percent = draw(st.sampled_from(PERCENTS))
        return oracle.Outcome(kind, step, horizon, share=Fraction(percent, 100)), f"{text} top {percent}% {tail}"
    if how == 1:
        return oracle.Outcome(kind, step, horizon), f"{text} {tail}"
    op = draw(st.sampled_from((">", ">=", "<=", "<", "=", "!=")))
    threshold = draw(st.sampled_from((0, 1, 2) if kind == "count" else (-2, 0, 0.5, 1)))
    return oracle.Outcome(kind, step, horizon, op, threshold), f"{text} {op} {number_text(threshold)} {tail}"


def table_of(rows: list[tuple[str, int]]) -> pa.Table:
    return pa.table(
        {
            "entity": pa.array([e for e, _ in rows], pa.string()),
            "index_time": pa.array([t for _, t in rows], pa.timestamp("us", "UTC")),
        }
    )


@st.composite
def indexes(draw: st.DrawFn, clock: Clock, log: Log) -> tuple[oracle.Index, object]:
    """An index and how it is written."""
    dated = clock.times[0] >= 0
    kind = draw(st.sampled_from(("dates", "local", "rolling", "first", "nth", "start", "table")))
    if kind == "dates" and dated:
        dates = draw(st.lists(st.sampled_from(clock.times), min_size=1, max_size=3, unique=True))
        texts = [iso(t) for t in dates]
        return oracle.Index("dates", dates=tuple(dates)), texts[0] if len(texts) == 1 else texts
    if kind == "local" and dated and clock is not SMALL:
        day = datetime(2021, 3, 26, tzinfo=ZoneInfo(log.zone)) + timedelta(days=draw(st.integers(0, 4)))
        midnight = (day.astimezone(UTC) - EPOCH) // timedelta(microseconds=1)
        return oracle.Index("dates", dates=(midnight,)), day.date().isoformat()
    if kind == "rolling" and dated:
        first, last = sorted(draw(st.lists(st.sampled_from(clock.times), min_size=2, max_size=2, unique=True)))
        every = draw(st.sampled_from([d for d in clock.durations if d > (0 if clock is SMALL else UNITS["h"])]))
        dates = tuple(range(first, last + 1, every))
        return oracle.Index("dates", dates=dates), f"every {duration_text(every)} from {iso(first)} to {iso(last)}"
    if kind == "table" or not dated:
        known = [*log.entities, "nobody"]
        times = sorted(set(clock.times) | {min(t + 1, HIGHEST) for t in clock.times})
        pairs = st.tuples(st.sampled_from(known), st.sampled_from(times))
        rows = draw(st.lists(pairs, min_size=1, max_size=8, unique=True))
        return oracle.Index("table", table=tuple(rows)), table_of(rows)
    if kind == "start":
        offset = draw(st.sampled_from(clock.durations))
        return oracle.Index("start", offset=offset), f"start + {duration_text(offset)}"
    step = draw(steps())
    n = 1 if kind == "first" else draw(st.integers(1, 3))
    text = f"first({step_text(step)})" if kind == "first" else f"nth({step_text(step)}, {n})"
    return oracle.Index("nth", step=step, n=n), text


@st.composite
def label_cases(draw: st.DrawFn) -> LabelCase:
    clock = draw(st.sampled_from(CLOCKS))
    log = draw(logs(clock))
    outcome, text = draw(outcomes(clock, log))
    index, at = draw(indexes(clock, log))
    present = sorted({e.type for e in log.events})
    study = oracle.Study(
        outcome,
        index,
        lookback=draw(st.sampled_from([None, *(d for d in clock.durations if d > 0)])),
        lead=draw(st.sampled_from((0, 0, *clock.durations))),
        exclude_events=tuple(draw(st.lists(st.sampled_from(present), max_size=1))),
        incident=may_be_incident(outcome) and draw(st.booleans()),
        min_tenure=draw(st.sampled_from((0, 0, 0, *clock.durations))),
        seed=draw(st.integers(0, 3)),
    )
    return LabelCase(log, study, text, at)


def may_be_incident(outcome: oracle.Outcome) -> bool:
    """Whether the outcome comes true at one moment: not before anything happened, and never undone."""
    return outcome.kind in ("exists", "no") or (
        outcome.kind == "count" and (outcome.op == ">" or (outcome.op == ">=" and outcome.threshold > 0))
    )


def outcome_of(case: LabelCase) -> sm.Outcome:
    told = case.study.outcome.table
    kind = case.study.outcome.kind
    if kind not in ("table", "values"):
        return sm.Outcome(case.outcome_text)
    table = pa.table(
        {
            "entity": pa.array(list(told), pa.string()),
            "time": pa.array([t for t, _ in told.values()], pa.timestamp("us", "UTC")),
            kind.replace("table", "label").replace("values", "value"): pa.array(
                [y for _, y in told.values()], pa.int8() if kind == "table" else pa.float64()
            ),
        }
    )
    horizon = case.study.outcome.horizon
    return sm.Outcome.from_table(table, horizon=None if horizon is None else duration_text(horizon))


def study_of(case: LabelCase) -> sm.Study:
    study = case.study
    return sm.Study(
        outcome_of(case),
        at=case.at,
        lookback=None if study.lookback is None else duration_text(study.lookback),
        lead=duration_text(study.lead),
        exclude_events=study.exclude_events,
        incident=study.incident,
        min_tenure=duration_text(study.min_tenure),
        seed=study.seed,
    )


def check_labels(case: LabelCase) -> None:
    log = to_seqmine(case.log)
    expected = oracle.label(case.study, case.log)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnknownEventWarning)
        if (
            case.study.outcome.share is not None
            and expected.rows
            and not any(oracle.in_discovery(entity, case.study.seed) for entity, *_ in expected.rows)
        ):
            with pytest.raises(InsufficientDataError):
                sm.label(log, study_of(case))
            return
        labels = sm.label(log, study_of(case))
    table = labels.to_arrow()
    rows = zip(table["entity"].to_pylist(), microseconds(table["index_time"]), table["label"].to_pylist(), strict=True)
    assert list(rows) == expected.rows
    assert {reason: n for reason, n in labels.excluded.items() if n} == expected.excluded
    assert list(labels.excluded) == [reason for reason in oracle.REASONS if reason in labels.excluded]


test_labels, test_labels_long = prove(check_labels, label_cases(), examples=600)
