"""Nothing crosses the index: predictors end before it, outcomes do not. And both by their plain definition."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_logs import make_log

from seqmine import _native
from seqmine.labels import Labels, Outcome, Study, label

INDEX = 50
ENTITIES = ("a", "b", "c")
STARTS = dict.fromkeys(ENTITIES, -1)
OUTCOMES = ("exists(x) within 9us", "count(x) >= 2 within 9us", "count(x|y) < 1 within 9us", "count(x) within 9us")

events = st.lists(
    st.tuples(st.sampled_from(ENTITIES), st.integers(0, 2 * INDEX), st.sampled_from(["x", "y"])), max_size=30
)
leads = st.sampled_from([0, 1, 7])
lookbacks = st.sampled_from([None, 1, 10])

# Every entity has one event that all logs share, so that the logs have the same entities, types and starts.
ANCHORS = [(entity, 0, kind) for entity in ENTITIES for kind in ("x", "y", "z")]


def log_of(found: list[tuple[str, int, str]]) -> object:
    return make_log([*ANCHORS, *found], starts=STARTS, observed_until=1000)


def at_index() -> pa.Table:
    time = pa.array([INDEX] * len(ENTITIES), pa.timestamp("us", "UTC"))
    return pa.table({"entity": list(ENTITIES), "index_time": time})


def study(outcome: str, lead: int = 0, lookback: int | None = None, **options: object) -> Study:
    back = None if lookback is None else f"{lookback}us"
    return Study(Outcome(outcome), at=at_index(), lead=f"{lead}us", lookback=back, **options)


def visible(labels: Labels, log: object) -> list[tuple[object, ...]]:
    """Everything that native code can tell of the events of each row, by type."""
    bound = labels.bind(log)
    told = []
    for code in range(len(log.event_types)):
        flags = np.zeros(len(log.event_types), dtype=np.uint8)
        flags[code] = 1
        stats = _native.window_stats(log.native, _native.Predicate(flags), bound.rows, 1)
        told.append([stats[key].tolist() for key in ("count", "first_time", "last_time")])
    return told


@settings(deadline=None, max_examples=60)
@given(events, events, leads, lookbacks)
def test_what_happens_from_the_index_on_never_reaches_a_matcher(
    found: list[tuple[str, int, str]], others: list[tuple[str, int, str]], lead: int, lookback: int | None
) -> None:
    past = [event for event in found if event[1] < INDEX]
    future = [event for event in found if event[1] >= INDEX]
    changed = [event for event in others if event[1] >= INDEX]
    asked = study("count(x) >= 0 within 9us", lead, lookback)
    seen = [visible(label(log, asked), log) for log in map(log_of, (past, [*past, *future], [*past, *changed]))]
    assert seen[0] == seen[1] == seen[2]


@settings(deadline=None, max_examples=60)
@given(events, events, leads, st.sampled_from(OUTCOMES))
def test_what_happens_before_the_outcome_interval_never_changes_a_label(
    found: list[tuple[str, int, str]], others: list[tuple[str, int, str]], lead: int, outcome: str
) -> None:
    begin, end = INDEX + lead, INDEX + lead + 9
    inside = [event for event in found if begin <= event[1] < end]
    outside = [event for event in others if not begin <= event[1] < end]
    asked = study(outcome, lead)
    assert label(log_of(inside), asked).to_arrow().equals(label(log_of([*inside, *outside]), asked).to_arrow())


@settings(deadline=None, max_examples=60)
@given(events, events, leads, st.sampled_from(["exists(x) within 9us", "count(x) > 1 within 9us", "no x within 9us"]))
def test_who_is_asked_never_hangs_on_the_outcome_interval(
    found: list[tuple[str, int, str]], others: list[tuple[str, int, str]], lead: int, outcome: str
) -> None:
    before = [event for event in found if event[1] < INDEX + lead]
    after = [event for event in others if event[1] >= INDEX + lead]
    incident = not outcome.startswith("no")
    first, second = (label(log_of(log), study(outcome, lead, incident=incident)) for log in (before, [*before, *after]))
    assert first.excluded == second.excluded
    assert first.column("entity").equals(second.column("entity"))


@pytest.mark.parametrize(("time", "is_predictor"), [(INDEX - 1, True), (INDEX, False), (INDEX + 1, False)])
def test_an_event_is_a_predictor_or_an_outcome_and_never_both(time: int, is_predictor: bool) -> None:
    log = log_of([("a", time, "x")])
    labels = label(log, study("exists(x) within 9us"))
    counts = visible(labels, log)[0][0]
    assert (counts[0] - counts[1] == 1) == is_predictor
    assert (labels.column("label")[0].as_py() == 1) == (not is_predictor)


def test_excluded_events_make_labels_and_are_invisible() -> None:
    log = log_of([("a", INDEX - 1, "y"), ("a", INDEX + 1, "y")])
    labels = label(log, study("exists(y) within 9us", exclude_events=["y"]))
    assert labels.column("label").to_pylist() == [1, 0, 0]
    seen_x, seen_y, _ = visible(labels, log)
    assert seen_y[0] == [0, 0, 0] and seen_x[0] == [1, 1, 1]


# --- the definition, event by event ---------------------------------------------------------------------------------

kinds = st.sampled_from(["exists", "no", "count >= 2", "count = 1"])


def expected(
    found: list[tuple[str, int, str]],
    starts: dict[str, int],
    until: int,
    rows: list[tuple[str, int]],
    kind: str,
    lead: int,
    horizon: int,
    incident: bool,
) -> tuple[list[tuple[str, int, int]], dict[str, int]]:
    def count(entity: str, lo: float, hi: float) -> int:
        return sum(e == entity and lo <= t < hi and s == "x" for e, t, s in found)

    def holds(n: int) -> bool:
        return {"exists": n > 0, "no": n == 0, "count >= 2": n >= 2, "count = 1": n == 1}[kind]

    labelled, excluded = [], {}
    for entity, index in sorted(rows):
        times = [t for e, t, _ in found if e == entity]
        begin, end = index + lead, index + lead + horizon
        if not times:
            reason = "unknown_entity"
        elif starts.get(entity, min(times)) > index:
            reason = "not_born"
        elif until < end:
            reason = "not_followed"
        elif kind == "no" and count(entity, index - horizon, index) == 0:
            reason = "inactive"
        elif incident and kind != "no" and holds(count(entity, float("-inf"), index)):
            reason = "already"
        elif incident and kind != "no" and holds(count(entity, index, begin)):
            reason = "outcome_in_lead"
        else:
            labelled.append((entity, index, int(holds(count(entity, begin, end)))))
            continue
        excluded[reason] = excluded.get(reason, 0) + 1
    return labelled, excluded


@settings(deadline=None, max_examples=60)
@given(
    events,
    st.dictionaries(st.sampled_from(ENTITIES), st.integers(-5, 40)),
    st.lists(st.tuples(st.sampled_from([*ENTITIES, "q"]), st.integers(0, 60)), unique=True, max_size=12),
    kinds, st.sampled_from([0, 1, 5]), st.sampled_from([1, 10, 2**63 - 1]), st.integers(50, 110), st.booleans(),
)  # fmt: skip
def test_labels_equal_their_definition(
    found: list[tuple[str, int, str]],
    starts: dict[str, int],
    rows: list[tuple[str, int]],
    kind: str,
    lead: int,
    horizon: int,
    until: int,
    incident: bool,
) -> None:
    found = [*found, ("c", 3, "x")]
    until = max(until, *(time for _, time, _ in found))  # a log is never complete before its last event
    here = {entity for entity, _, _ in found}
    starts = {entity: start for entity, start in starts.items() if entity in here}
    incident = incident and kind != "count = 1"
    text = f"{kind}(x)" if kind == "exists" else "no x" if kind == "no" else kind.replace("count", "count(x)")
    time = pa.array([t for _, t in rows], pa.timestamp("us", "UTC"))
    at = pa.table({"entity": pa.array([e for e, _ in rows], pa.string()), "index_time": time})
    log = make_log(found, starts=starts, observed_until=until)
    labels = label(log, Study(Outcome(f"{text} within {horizon}us"), at=at, lead=f"{lead}us", incident=incident))
    table = labels.to_arrow()
    got = list(
        zip(
            table["entity"].to_pylist(),
            table["index_time"].cast(pa.int64()).to_pylist(),
            table["label"].to_pylist(),
            strict=True,
        )
    )
    assert (got, {reason: n for reason, n in labels.excluded.items() if n}) == expected(
        found, starts, until, rows, kind, lead, horizon, incident
    )
    assert labels.n_rows + sum(labels.excluded.values()) == len(rows)
