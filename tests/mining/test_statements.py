"""Verdicts in words say what the numbers say: which test a pattern failed, and what it was not told apart from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import evidence_logs as logs
import seqmine as sm
from seqmine.pipeline.judged import sentences

Row = dict[str, Any]
SMALLEST = "not shown to be more than the smallest effect"


@pytest.fixture(scope="module")
def result() -> sm.StudyResult:
    made = logs.planted_log(8_000, 5, tuple(plan for plan in logs.PLANS if plan.kind == "gap"), share=0.1)
    log = sm.EventLog.from_arrow(made.events, value="value", timezone="UTC", observed_until=logs.UNTIL_TEXT)
    study = sm.Study(f"exists({logs.CHURN}) within {logs.HORIZON}", at=logs.INDEX_TEXT, lookback=logs.LOOKBACK)
    return sm.mine(log, study, sm.MinerOptions(max_length=2, top_k=100, threads=1))


def of_verdict(result: sm.StudyResult, verdict: str) -> list[Row]:
    return [row for row in result.to_arrow().to_pylist() if row["verdict"] == verdict]


def test_the_test_that_failed_is_named(result: sm.StudyResult) -> None:
    kinds = set()
    for row in of_verdict(result, "not_supported"):
        turned = row["z"] * (1 if row["direction"] == "raises" else -1) < 0
        failed_productive = row["p_productive"] is not None and row["p_productive"] > row["p_effect"]
        said = row["statement"]
        assert ("does not point the way" in said) == turned, row
        guarded = row["p_guards"] is not None and row["p_guards"] > max(row["p_effect"], row["p_productive"] or 0)
        if turned:
            kinds.add("turned")
        elif guarded:
            assert "it is not shown to be more than was asked for" in said, row
        elif failed_productive:
            assert "It adds nothing beyond" in said or "not shown to add to" in said, row
            assert ("It adds nothing beyond" in said) == (row["p_productive"] > 0.05), row
            kinds.add("adds nothing" if row["p_productive"] > 0.05 else "adds too little")
        else:
            assert SMALLEST in said, row
            kinds.add("too small")
    assert kinds == {"turned", "adds nothing", "adds too little", "too small"}


def test_a_shadow_is_not_told_apart_and_comes_after_what_explains_it(result: sm.StudyResult) -> None:
    rows = of_verdict(result, "validated")
    shadows = [row for row in rows if row["explained_by"]]
    assert shadows and len(shadows) < len(rows)
    for row in shadows:
        assert f"It is not told apart from better patterns, {row['explained_by']} before all" in row["statement"]
    *said, last = sentences(result, 100)
    assert not any("not told apart" in line for line in said)
    assert last.startswith(f"{len(shadows)} more are validated, but not told apart")


def test_an_absence_that_nobody_is_known_to_lack_is_not_said_to_add_nothing() -> None:
    """After everybody's last visit there is none: it is over a week ago, or not decided. Nobody is left to compare."""
    rng = np.random.default_rng(4)
    day, n = 86_400, 3_000
    quiet = rng.random(n) < 0.4
    rows = []
    for i in range(n):
        name = f"c{i:04}"
        rows += [(name, d * day + i, "visit") for d in range(10 if quiet[i] else 28) if d == 0 or rng.random() < 0.5]
        if rng.random() < (0.15 if quiet[i] else 0.5):
            rows.append((name, 35 * day + i, "buy"))
        rows.append((name, 50 * day, "invoice"))
    columns = {
        name: list(column) for name, column in zip(("entity", "time", "event"), zip(*rows, strict=True), strict=True)
    }
    log = sm.EventLog.from_arrow(pa.table(columns), time_unit="s", timezone="UTC", plausible_years=None)
    options = sm.MinerOptions(max_length=1, absence=("8d",), threads=1)
    study, plain = sm.Study("exists(buy) within 14d", at="1970-01-29"), sm.EvidenceOptions(adjust=())
    found = sm.mine(log, study, options, evidence=plain).to_arrow().to_pylist()
    row = next(row for row in found if row["pattern"] == "visit -> no visit within 8d")
    assert (row["direction"], row["p_productive"]) == ("lowers", 1) and row["p_effect"] < 1e-9
    assert "Among customers with visit nobody alike is known to lack this" in row["statement"]


@pytest.mark.parametrize(("slope", "turned"), [(0.35, True), (0.0, False)])
def test_a_rate_that_turns_within_strata_is_flagged(slope: float, turned: bool) -> None:
    """Busy customers have the pattern more often and leave less; among equally busy ones it goes with leaving."""
    rng = np.random.default_rng(9)
    day, rows = 86_400, []
    for i in range(4_000):
        busy = int(rng.integers(1, 11))
        has = rng.random() < busy / 12
        rows += [(f"c{i:04}", d * day + i, "visit") for d in range(busy + 1 - has)]
        rows += [(f"c{i:04}", 12 * day + i, "quiz")] * has
        if rng.random() < 0.5 * np.exp(-slope * busy) * (1.6 if has else 1.0):
            rows.append((f"c{i:04}", 35 * day, "leave"))
        rows.append((f"c{i:04}", 50 * day, "invoice"))
    columns = dict(zip(("entity", "time", "event"), map(list, zip(*rows, strict=True)), strict=True))
    log = sm.EventLog.from_arrow(pa.table(columns), time_unit="s", timezone="UTC", plausible_years=None)
    study = sm.Study("exists(leave) within 14d", at="1970-01-29")
    found = sm.mine(log, study, sm.MinerOptions(max_length=1, threads=1)).to_arrow().to_pylist()
    row = next(row for row in found if row["pattern"] == "quiz")
    assert (row["verdict"], row["direction"], row["lift"] < 1) == ("validated", "raises", turned)
    assert ("turns_within_strata" in row["flags"]) == turned
