"""`mine(log, study)` as a user meets it: reproducible, explained, and refusing where it must."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import evidence_logs as logs
import seqmine as sm
from seqmine.errors import InsufficientDataError, ParameterError, ValueRangeError
from seqmine.patterns.model import Gap

OUTCOME = f"exists({logs.CHURN}) within {logs.HORIZON}"
GAPS = tuple(plan for plan in logs.PLANS if plan.kind == "gap")
OPTIONS = sm.MinerOptions(max_length=2, top_k=60, absence=("3d",))


def read(made: logs.Made, events: pa.Table | None = None) -> sm.EventLog:
    table = made.events if events is None else events
    return sm.EventLog.from_arrow(table, value="value", timezone="UTC", observed_until=logs.UNTIL_TEXT)


def ask(**changed: Any) -> sm.Study:
    return sm.Study(changed.pop("outcome", OUTCOME), at=logs.INDEX_TEXT, lookback=logs.LOOKBACK, **changed)


@pytest.fixture(scope="module")
def made() -> logs.Made:
    return logs.planted_log(8_000, 5, GAPS, share=0.1)


@pytest.fixture(scope="module")
def result(made: logs.Made) -> sm.StudyResult:
    return sm.mine(read(made), ask(), OPTIONS)


def test_the_same_bytes_for_any_number_of_threads_and_order_of_rows(made: logs.Made, result: sm.StudyResult) -> None:
    shuffled = made.events.take(np.random.default_rng(1).permutation(made.events.num_rows))
    options = sm.MinerOptions(max_length=2, top_k=60, absence=("3d",), threads=3)
    again = sm.mine(read(made, shuffled), ask(), options)
    assert again.to_arrow().equals(result.to_arrow())


def test_another_seed_is_another_split(made: logs.Made, result: sm.StudyResult) -> None:
    other = sm.mine(read(made), ask(seed=1), OPTIONS)
    assert other.to_arrow()["n_matched"].to_pylist() != result.to_arrow()["n_matched"].to_pylist()


def test_nothing_is_nan_and_no_p_is_zero(result: sm.StudyResult) -> None:
    table = result.to_arrow()
    assert table.num_rows > 20
    for name in table.column_names:
        if pa.types.is_floating(table.schema.field(name).type):
            assert not any(math.isnan(x) for x in table[name].to_pylist() if x is not None), name
    for name in ("p_effect", "p_productive", "p", "p_holm", "q_bh", "p_wy"):
        assert all(0 < p <= 1 for p in table[name].to_pylist() if p is not None), name


def test_counts_are_those_of_the_estimation_half_alone(made: logs.Made, result: sm.StudyResult) -> None:
    from seqmine.labels import ESTIMATION, split_halves

    table = result.labels.to_arrow()
    half = split_halves(table["entity"], 0)
    log = read(made)
    for wanted, prefix in ((ESTIMATION, ""), (1 - ESTIMATION, "discovery_")):
        part = sm.Labels.from_arrow(table.filter(pa.array(half == wanted)), lookback=logs.LOOKBACK)
        counted = sm.count(log, list(result.patterns), part)
        for name in ("n_matched", "n_positive", "n_undecided"):
            assert counted[name].to_pylist() == result.to_arrow()[prefix + name].to_pylist(), prefix + name


def test_an_explanation_adds_up(result: sm.StudyResult) -> None:
    row = result.to_arrow().slice(0, 1).to_pylist()[0]
    told = result.explain(row["pattern"])
    strata = told.strata.to_pylist()
    assert sum(s["n_matched"] for s in strata) == row["n_matched"]
    assert sum(s["n_positive"] for s in strata) == row["n_positive"]
    assert row["statement"] in str(told)
    assert "activity" in row["statement"] and "never used to find it" in row["statement"]
    ids = set(result.labels.column("entity").to_pylist())
    assert told.examples.num_rows > 0 and not ids & set(told.examples["row"].to_pylist())
    with pytest.raises(ParameterError, match="no pattern"):
        result.explain("nothing_like_it")


def test_a_pattern_that_adds_nothing_is_told_so(result: sm.StudyResult) -> None:
    said = [row["statement"] for row in result.to_arrow().to_pylist() if row["verdict"] == "not_supported"]
    assert any(text.startswith("It adds nothing beyond its first event") for text in said)


def test_small_data_are_judged_by_permutation_or_refused(made: logs.Made) -> None:
    few = logs.null_log(1_500, 3, mean_events=12)
    found = sm.mine(read(few), ask(), sm.MinerOptions(max_length=2, min_support=50))
    table = found.to_arrow()
    assert found.small and set(table["evidence"].to_pylist()) == {"westfall_young"}
    assert table["rr"].null_count == table["p_holm"].null_count == table.num_rows > 0
    assert all("selected_no_independent_estimate" in flags for flags in table["flags"].to_pylist())
    assert min(p for p in table["p_wy"].to_pylist() if p is not None) >= 1 / 1024
    with pytest.raises(InsufficientDataError, match="too few to split"):
        sm.mine(read(few), ask(), evidence=sm.EvidenceOptions(westfall_young=False))


def test_one_class_is_refused() -> None:
    made = logs.null_log(500, 1)
    with pytest.raises(InsufficientDataError, match="label 0"):
        sm.mine(read(made), ask(outcome=f"count({logs.CHURN}) > 5 within 30d"))


def test_rows_of_one_entity_count_together_and_the_latest_date_is_kept(made: logs.Made) -> None:
    log = read(made)
    asked: dict[str, Any] = {"at": ["2024-02-10", "2024-02-25", "2024-03-10"], "lookback": "30d"}
    later = sm.mine(log, sm.Study("exists(type_03) within 10d", **asked), OPTIONS)
    assert later.stats["n_out_of_time_rows"] > 0
    assert later.to_arrow()["out_of_time_n_matched"].null_count == 0
    # Every row twice, a microsecond apart: twice the rows say no more than they did once.
    labels = sm.label(log, sm.Study("exists(type_03) within 10d", at="2024-02-25", lookback="30d")).to_arrow()
    again = pa.array(np.asarray(labels["index_time"].cast(pa.int64())) + 1).cast(pa.timestamp("us", "UTC"))
    twice = pa.concat_tables([labels, labels.set_column(1, "index_time", again)])
    options = sm.MinerOptions(max_length=1, top_k=20, redundancy=None)
    once, doubled = (
        {
            row["pattern"]: row
            for row in sm.mine(
                log, sm.Study.from_labels(sm.Labels.from_arrow(table, lookback="30d")), options, evidence=plain
            )
            .to_arrow()
            .to_pylist()
        }
        for table in (labels, twice)
        for plain in [sm.EvidenceOptions(adjust=(), clock=False)]
    )
    shared = [name for name in once if name in doubled and once[name]["rr_high"] and doubled[name]["rr_high"]]
    assert len(shared) >= 5
    for name in shared:
        assert doubled[name]["n_matched"] == 2 * once[name]["n_matched"]
        width = [math.log(row["rr_high"] / row["rr_low"]) for row in (once[name], doubled[name])]
        assert width[1] == pytest.approx(width[0], rel=0.1), name


def test_entities_that_the_log_lacks_are_not_one_entity(made: logs.Made) -> None:
    labels = sm.label(read(made), ask()).to_arrow()
    strangers = {"entity": [f"stranger{i}" for i in range(400)], "index_time": [logs.INDEX_TEXT] * 400}
    known = sm.Labels.from_arrow(labels, lookback=logs.LOOKBACK)
    table = pa.table(strangers | {"label": [i % 2 for i in range(400)]})
    more = sm.Labels.from_arrow(table, lookback=logs.LOOKBACK, timezone="UTC").to_arrow()
    both = sm.Labels.from_arrow(pa.concat_tables([known.to_arrow(), more]), lookback=logs.LOOKBACK)
    found = sm.mine(read(made), sm.Study.from_labels(both), OPTIONS)
    assert found.stats["n_rows"] > 4_000 and not found._judge.repeats


def test_numbers_have_the_same_certificate() -> None:
    spent = logs.numeric_log(8_000, 7, shift=80.0)
    outcome = f"sum(value of {logs.PURCHASE}) within {logs.HORIZON}"
    found = sm.mine(read(spent), ask(outcome=outcome), sm.MinerOptions(max_length=2, top_k=40))
    best = found.to_arrow().slice(0, 1).to_pylist()[0]
    assert best["verdict"] == "validated" and best["rr"] is None and best["n_positive"] is None
    assert best["mean_difference_low"] > 0 and "mean difference" in best["statement"]
    assert 0 < best["p_wy"] <= 0.05 and best["p_holm"] >= best["p_wy"]
    assert str(found.explain(best["pattern"]))


def test_segments_need_to_be_declared_and_known(made: logs.Made, result: sm.StudyResult) -> None:
    with pytest.raises(ParameterError, match="no segments were declared"):
        result.segments()
    labels = sm.label(read(made), ask()).to_arrow()
    plan = pa.array(["basic" if i % 3 else "pro" for i in range(labels.num_rows)])
    study = sm.Study.from_labels(sm.Labels.from_arrow(labels.append_column("plan", plan), lookback=logs.LOOKBACK))
    with pytest.raises(ParameterError, match="did you mean 'plan'"):
        sm.mine(read(made), study, OPTIONS, evidence=sm.EvidenceOptions(segments=["plam"]))
    found = sm.mine(read(made), study, OPTIONS, evidence=sm.EvidenceOptions(segments=["plan"]))
    table = found.segments()
    first = [row for row in table.to_pylist() if row["pattern"] == str(found.patterns[0])]
    assert sum(row["n_matched"] for row in first) == found.to_arrow()["n_matched"][0].as_py()
    assert all(0 < p <= 1 for p in table["p_interaction_holm"].to_pylist() if p is not None)


def test_after_the_deadline_gaps_stay_wide_and_no_hour_is_tried(made: logs.Made, result: sm.StudyResult) -> None:
    from seqmine.mining.deadline import Deadline
    from seqmine.mining.items import make_items
    from seqmine.mining.search import Target, search
    from seqmine.mining.shortlist import choose

    part, full = result._judge, Gap(1, 14 * logs.DAY)
    label = Target(part.bound.label, part.stratum, part.n_strata)
    items = make_items(part.log, part.bound, (), OPTIONS.min_support)
    found = search(
        part.log, part.bound, label, OPTIONS, items, top_k=500, redundancy=None, learn_gaps=True, seconds=0.0
    )
    asked: dict[str, Any] = {"full": full, "learn_gaps": True, "wanted": 60, "clock": True}
    late = choose(part, found, OPTIONS, deadline=Deadline(1e-9), **asked)
    ever = choose(part, found, OPTIONS, deadline=Deadline(None), **asked)
    assert (late.complete, late.n_gaps_bounded, late.n_clocked, ever.complete) == (False, 0, 0, True)
    assert len(late.patterns) > 20
    assert all(step.gap == full for pattern in late.patterns for step in pattern.steps[1:])
    assert ever.n_gaps_bounded > 0


def test_small_data_out_of_time_are_untested_and_incomplete() -> None:
    few = logs.null_log(1_500, 3, mean_events=12)
    short = sm.mine(read(few), ask(), sm.MinerOptions(max_length=3, min_support=5, max_seconds=1e-3))
    assert short.small and not short.complete
    assert set(short.to_arrow()["verdict"].to_pylist()) <= {"untested"}


def test_numbers_that_cannot_be_squared_are_refused(made: logs.Made) -> None:
    entity = made.labels["entity"]
    number = np.random.default_rng(1).normal(size=len(entity)) * 1e300
    table = pa.table({"entity": entity, "time": ["2024-04-10"] * len(entity), "value": number})
    with pytest.raises(ValueRangeError, match=r"beyond 1e\+140"):
        sm.mine(read(made), ask(outcome=sm.Outcome.from_table(table, horizon="30d")), OPTIONS)


def test_rows_that_play_no_part_are_told(result: sm.StudyResult) -> None:
    text = result.to_arrow()["pattern"].to_pylist()[0]
    explained = result.explain(text)
    there = sum(explained.strata["n"].to_pylist())
    total = result.stats["n_rows"]
    assert (f"their {total - there:,} rows play no part" in explained.comparison) == (there < total)
    alone = sum(r["n_matched"] for r in explained.strata.to_pylist() if r["n_matched"] == r["n"])
    assert (f"{alone:,} rows that match have none like them" in explained.comparison) == (alone > 0)


def test_numbers_have_segments(made: logs.Made) -> None:
    plan = pa.array(["plus" if i % 3 else "basic" for i in range(made.labels.num_rows)])
    names = dict(zip(made.labels["entity"].to_pylist(), plan.to_pylist(), strict=True))
    events = made.events.append_column("plan", pa.array([names[e] for e in made.events["entity"].to_pylist()]))
    log = sm.EventLog.from_arrow(
        events, value="value", attributes=["plan"], timezone="UTC", observed_until=logs.UNTIL_TEXT
    )
    study = sm.Study("count(type_03) within 10d", at="2024-02-25", lookback="30d")
    found = sm.mine(log, study, OPTIONS, evidence=sm.EvidenceOptions(segments=["plan"]))
    table = found.segments()
    assert set(table["value"].to_pylist()) >= {"plus", "basic"} and set(table["pattern"].to_pylist()) == {
        str(pattern) for pattern in found.patterns
    }
    assert table["rr"].null_count == table.num_rows
    shown = [row for row in table.to_pylist() if not row["suppressed"]]
    assert shown and all(row["mean_difference"] is not None for row in shown)
