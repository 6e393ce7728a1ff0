"""Second looks: logs in which strata are wrong in one way each, and nothing that they make look true may be claimed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import seqmine as sm
from evidence_runs import SEED_STEP, opened, wrong_strata_run
from evidence_strata import CASES, DAY, INDEX, LOOKBACK, campaign, newcomers, often
from reference.evidence import RAISES, Judged, cells, score_minimum_effect_p, wald_minimum_effect_p
from seqmine.labels import ESTIMATION, split_halves

OPTIONS = sm.MinerOptions(max_length=1, min_support=50)
PLAIN = sm.EvidenceOptions(clock=False, westfall_young=False)


@pytest.mark.parametrize("guard", [name for name, case in CASES.items() if case.suspects])
def test_what_strata_make_look_true_is_not_claimed(guard: str) -> None:
    """3 runs each; without the second look every one of them claims it."""
    case = CASES[guard]
    for seed in range(3):
        log, study = opened(case.make(np.random.default_rng(seed)))
        rows = sm.mine(log, study, OPTIONS, evidence=PLAIN).to_arrow().to_pylist()
        found = [row for row in rows if row["pattern"] in case.suspects and row["guard"] is not None]
        assert found, "nothing would have been claimed, so nothing was shown"
        assert any(row["guard"] == guard and row["p_effect"] < 1e-3 for row in found)
        assert all(row["verdict"] == "not_supported" for row in found), found
        worst = next(row for row in found if row["guard"] == guard)
        assert worst["p"] == worst["p_guards"] > 0.01
        assert "it is not shown to be more than was asked for" in worst["statement"]


def test_a_main_type_is_left_out_by_itself_too() -> None:
    """2 runs: without a pattern's own types as well, too little is left to tell active people from others."""
    for seed in (10, 15):
        found = wrong_strata_run(seed * SEED_STEP, "main_type", min_support=50)
        assert (found["suspect"], found["without"]) == ([False], [True])


def test_a_type_drowns_others_from_a_quarter_of_all_events_on() -> None:
    """2 runs: mail to anybody is a third of what is seen, and makes everything else look as if it mattered."""
    for seed in (4, 8):
        found = wrong_strata_run(seed * SEED_STEP, "own_events", min_support=50)
        assert (found["any"], found["without"]) == ([False], [True])


def test_the_main_type_is_that_of_what_rows_see() -> None:
    """Another type may flood the log after the index, and be the most frequent one of all."""
    log, study = opened(CASES["main_type"].make(np.random.default_rng(0)))
    names = np.repeat(log.entities.to_numpy(zero_copy_only=False), 200)
    later = pa.array(np.full(len(names), (INDEX + 90) * DAY), pa.timestamp("us", "UTC"))
    flooded = log.append({"entity": names.tolist(), "time": later, "event": ["flood"] * len(names)})
    rows = [sm.mine(each, study, OPTIONS, evidence=PLAIN).to_arrow().to_pylist() for each in (log, flooded)]
    assert rows[0] == rows[1]
    assert any(row["guard"] == "main_type" for row in rows[0])


def test_a_gap_is_not_how_often() -> None:
    """The more often ``a``, the more likely any gap between two: no bounded gap says more than that."""
    options = sm.MinerOptions(max_length=2, min_support=100, max_gap="30d")
    guarded = 0
    for seed in range(3):
        log, study = opened(often(np.random.default_rng(seed)))
        rows = sm.mine(log, study, options, evidence=PLAIN).to_arrow().to_pylist()
        claimed = [row["pattern"] for row in rows if row["verdict"] in ("validated", "exploratory")]
        assert not any("[" in pattern and "[1us,30d)" not in pattern for pattern in claimed), claimed
        guarded += sum(row["guard"] == "exposure" and row["verdict"] == "not_supported" for row in rows)
    assert guarded > 0


def test_without_strata_there_is_nothing_to_look_at_twice() -> None:
    log, study = opened(campaign(np.random.default_rng(1)))
    free = sm.EvidenceOptions(clock=False, westfall_young=False, adjust=())
    rows = sm.mine(log, study, OPTIONS, evidence=free).to_arrow()
    assert rows["p_guards"].null_count == rows["guard"].null_count == rows.num_rows > 0


def test_the_p_of_a_second_look_is_that_of_the_oracle() -> None:
    """Tenure in ten classes within the strata, with other code for strata and test."""
    log, study = opened(newcomers(np.random.default_rng(0)))
    only = sm.EvidenceOptions(clock=False, westfall_young=False, adjust=["tenure"])
    result = sm.mine(log, study, OPTIONS, evidence=only)
    row = next(row for row in result.to_arrow().to_pylist() if row["pattern"] == "welcome")
    assert row["guard"] == "tenure"
    labels = result.labels.to_arrow()
    start = dict(zip(log.entities.to_pylist(), np.asarray(log.start_times).tolist(), strict=True))
    tenure = [INDEX * DAY - start[name] for name in labels["entity"].to_pylist()]
    judging = [i for i, half in enumerate(split_halves(labels["entity"], 0)) if half == ESTIMATION]
    finding = sorted(t for i, t in enumerate(tenure) if i not in set(judging))
    median, ordered = finding[len(finding) // 2], sorted(tenure[i] for i in judging)
    cuts = sorted({ordered[k * len(ordered) // 10] for k in range(1, 10)})
    rows = [
        Judged(name, label, f"{t >= median} {sum(t >= cut for cut in cuts)}", "")
        for name, label, t in zip(labels["entity"].to_pylist(), labels["label"].to_pylist(), tenure, strict=True)
    ]
    matched = {i for i, t in enumerate(tenure) if t <= (LOOKBACK + 5) * DAY}  # welcomed on the fifth day
    table = cells(rows, set(judging), matched)
    p = max(wald_minimum_effect_p(table, RAISES), score_minimum_effect_p(table, RAISES))
    assert row["p_guards"] == pytest.approx(p, rel=0.02)
