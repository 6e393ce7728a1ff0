"""Patterns that stand for a plan: named where that is what they are, and only there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import seqmine as sm
from seqmine.mining.remainder import remainder
from seqmine.mining.stands_for import Rival, _share, stands_for
from seqmine.pipeline.judged import judged_lines

DAY = 86_400_000_000
N = 8_000
OPTIONS = sm.MinerOptions(max_length=1, min_support=50)
PLAIN = sm.EvidenceOptions(clock=False)


def shop(seed: int = 3, *, plan: float = 2.5, own: float = 1.0) -> sm.EventLog:
    """Plan ``pro`` has ``report`` and is lost `plan` times as often; ``complaint`` is bad for all.

    Everybody signs up on one of 200 days, and is asked 30 days later. ``banner`` and ``colour`` mean nothing. Who has
    ``report`` is lost `own` times as often as the others of the plan.
    """
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 200, N)
    pro, blue = rng.random(N) < 0.4, rng.random(N) < 0.5
    report = pro & (rng.random(N) < 0.7)
    complaint = rng.random(N) < 0.25
    late = start >= 100
    banner = late & (rng.random(N) < 0.8)
    risk = np.full(N, 0.1) * np.where(complaint, 2.5, 1.0) * np.where(pro, plan, 1.0)
    risk *= np.where(report, own, 1.0)
    lost = rng.random(N) < risk
    rows: list[tuple[Any, Any, str]] = [(np.arange(N), np.zeros(N, dtype=np.int64), "signup")]
    for who, name in ((report, "report"), (complaint, "complaint"), (banner, "banner"), (rng.poisson(15, N), "visit")):
        chosen = np.repeat(np.arange(N), who)
        rows.append((chosen, rng.integers(1, 30 * 24, len(chosen)) * (DAY // 24), name))
    chosen = np.flatnonzero(lost)
    rows.append((chosen, 30 * DAY + rng.integers(0, 29 * 24, len(chosen)) * (DAY // 24), "cancel"))
    entity = np.concatenate([who for who, _, _ in rows])
    time = np.concatenate([when for _, when, _ in rows]) + start[entity] * DAY
    table = {
        "entity": pa.array([f"c{i:05}" for i in entity]),
        "time": pa.array(time, pa.timestamp("us", "UTC")),
        "event": pa.array([name for who, _, name in rows for _ in who]),
        "plan": pa.array(np.where(pro, "pro", "free")[entity]),
        "colour": pa.array(np.where(blue, "blue", "red")[entity]),
        "page": pa.array([f"/{i}" for i in rng.integers(0, 400, len(entity))]),
    }
    return sm.EventLog.from_arrow(
        table, attributes=["plan", "colour", "page"], timezone="UTC", observed_until="1971-01-01"
    )


STUDY = sm.Study("exists(cancel) within 30d", at="first(signup) + 30d", exclude_events=["cancel"])


def claims(result: sm.StudyResult) -> dict[str, str | None]:
    rows = result.to_arrow().to_pylist()
    for row in rows:
        assert (row["stands_for"] is not None) == ("stands_for_a_column" in row["flags"])
        if row["verdict"] in ("not_supported", "untested"):
            assert row["stands_for"] is None
    return {row["pattern"]: row["stands_for"] for row in rows if row["verdict"] == "validated"}


def test_a_pattern_that_stands_for_a_plan_is_named_and_a_real_one_is_not() -> None:
    result = sm.mine(shop(), STUDY, OPTIONS, evidence=PLAIN)
    assert claims(result) == {"complaint": None, "report": "plan"}
    report = next(row for row in result.to_arrow().to_pylist() if row["pattern"] == "report")
    assert report["statement"].endswith(
        "Among customers with the same plan less than half of it is left, if any: it may only stand for that."
    )
    assert (
        "1 of the 2 validated or exploratory ones may only stand for plan: hold it equal, too (strata = plan)"
        in judged_lines(result, None)
    )


def test_held_equal_it_is_no_finding() -> None:
    options = sm.MinerOptions(max_length=1, min_support=50, strata=["plan"])
    assert claims(sm.mine(shop(), STUDY, options, evidence=PLAIN)) == {"complaint": None}


def test_columns_of_the_labels_are_looked_at_too() -> None:
    log = shop()
    labels = sm.label(log, STUDY).to_arrow()
    plan = dict(zip(log.entities.to_pylist(), log_plans(log), strict=True))
    again = labels.append_column("tier", pa.array([plan[e] for e in labels["entity"].to_pylist()]))
    given = sm.Labels.from_arrow(again, exclude_events=["cancel"])
    bare = sm.EventLog.from_arrow(log.to_arrow().select(["entity", "time", "event"]), timezone="UTC")
    found = claims(sm.mine(bare, sm.Study.from_labels(given), OPTIONS, evidence=PLAIN))
    assert found == {"complaint": None, "report": "tier"}


def log_plans(log: sm.EventLog) -> list[str]:
    first = log.to_arrow().take(pa.array(np.asarray(log.entity_offsets)[:-1]))
    return [str(value) for value in first["plan"].to_pylist()]


def test_numbers_have_stand_ins_too() -> None:
    number = sm.Study("count(cancel) within 30d", at="first(signup) + 30d", exclude_events=["cancel"])
    assert claims(sm.mine(shop(), number, OPTIONS, evidence=PLAIN)) == {"complaint": None, "report": "plan"}


@pytest.mark.parametrize("seed", range(6))
def test_a_column_that_means_nothing_is_not_named(seed: int) -> None:
    found = claims(sm.mine(shop(seed + 20), STUDY, OPTIONS, evidence=PLAIN))
    assert found["complaint"] is None
    assert set(found.values()) <= {None, "plan"}


def test_a_column_that_explains_half_of_it_does_not_explain_the_rest_away() -> None:
    """Less than half of the effect is left, but what is left is beyond the minimum effect for certain."""
    found = sm.mine(shop(plan=3.2, own=1.6), STUDY, OPTIONS, evidence=PLAIN)
    assert claims(found)["report"] is None
    equal = sm.mine(shop(plan=3.2, own=1.6), STUDY, sm.MinerOptions(max_length=1, strata=["plan"]), evidence=PLAIN)
    crude, held = (
        next(np.log(row["rr"]) for row in result.to_arrow().to_pylist() if row["pattern"] == "report")
        for result in (found, equal)
    )
    assert 0.2 * crude < held < 0.5 * crude


def test_finer_strata_alone_cost_power_and_name_nothing() -> None:
    result = sm.mine(shop(), STUDY, OPTIONS, evidence=PLAIN)
    part, patterns = result._judge, result.patterns
    fine = np.random.default_rng(1).integers(0, 900, part.n_rows).astype(np.int32)
    rival = Rival("noise", fine, 900)
    direction = np.ones(len(patterns), dtype=np.int64)
    claimed = [str(pattern) == "complaint" for pattern in patterns]
    [which] = [i for i, one in enumerate(claimed) if one]
    matched = part.matched(patterns[which])
    # At a level that this loses, it is still no stand-in: the effect is what it was.
    level = remainder(part, matched, 1, 0.1, strata=(fine, 900)).p / 2
    assert level > 0
    assert stands_for(part, patterns, direction, claimed, [rival], level, 0.1)[which] is None
    # Where no two rows of a stratum differ, nobody can tell.
    lone = Rival("lone", np.arange(part.n_rows, dtype=np.int32), part.n_rows)
    assert stands_for(part, patterns, direction, claimed, [rival, lone], 0.05, 0.1)[which] == "lone"


def test_who_never_has_the_outcome_stands_for_nothing() -> None:
    """No positive row matches: the ratio is 0 in any strata, and finer ones that cost power take nothing of it away."""
    result = sm.mine(shop(), STUDY, OPTIONS, evidence=PLAIN)
    part, patterns = result._judge, result.patterns
    [which] = [i for i, pattern in enumerate(patterns) if str(pattern) == "complaint"]
    lucky = part.matched(patterns[which]) & (part.outcome == 0)
    assert remainder(part, lucky, -1, 0.1).effect == -np.inf
    rng = np.random.default_rng(2)
    few = np.flatnonzero(lucky)[rng.permutation(int(lucky.sum()))[:40]]
    only = np.isin(np.arange(part.n_rows), few)
    fine = Rival("noise", rng.integers(0, 50, part.n_rows).astype(np.int32), 50)
    p = remainder(part, only, -1, 0.1, strata=(fine.strata, 50)).p
    assert 0 < p < 1
    assert _share(-np.inf, -np.inf) == 1.0 and _share(np.nan, -1.0) == 0.0 and _share(-0.2, -1.0) == 0.2
