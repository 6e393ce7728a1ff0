"""What was found at one date, held against a later one: which rows, and what they say of a pattern that fades."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import seqmine as sm
from seqmine.labels import ESTIMATION, later_landmark, split_halves

DAY = 86_400_000_000
INDEX, LATER, UNTIL, LOOKBACK, HORIZON = 60, 130, 160, 30, 30  # days
N, TYPES = 9_000, ("fading", "steady", "noise", "other")
OUTCOME = "exists(cancel) within 30d"
PLAIN = sm.EvidenceOptions(adjust=())
ONE_STEP = sm.MinerOptions(max_length=1, min_support=50, redundancy=None)


def at(day: float) -> str:
    return str(np.datetime64(int(day * DAY), "us"))


def two_periods(seed: int = 7, until: int = UNTIL) -> tuple[sm.EventLog, dict[str, Any]]:
    """``fading`` raises the risk of the first period alone, ``steady`` of both. Returns the log and who saw what."""
    rng = np.random.default_rng(seed)
    entity: list[Any] = [np.arange(N)]
    time: list[Any] = [rng.integers(0, DAY, N)]
    code: list[Any] = [np.full(N, len(TYPES) + 1)]  # signup
    truth: dict[str, Any] = {}
    for begin, ratios in ((INDEX, (2.5, 2.5)), (LATER, (1.0, 2.5))):
        seen = rng.random((len(TYPES), N)) < 0.3
        for kind, who in enumerate(seen):
            rows = np.flatnonzero(who)
            entity.append(rows)
            time.append((begin - LOOKBACK) * DAY + rng.integers(0, LOOKBACK * DAY, len(rows)))
            code.append(np.full(len(rows), kind))
        risk = 0.12 * np.where(seen[0], ratios[0], 1) * np.where(seen[1], ratios[1], 1)
        lost = np.flatnonzero(rng.random(N) < risk)
        entity.append(lost)
        time.append(begin * DAY + rng.integers(0, HORIZON * DAY, len(lost)))
        code.append(np.full(len(lost), len(TYPES)))
        truth[str(begin)] = (seen, np.isin(np.arange(N), lost))
    names = pa.array([*TYPES, "cancel", "signup"])
    when = np.concatenate(time)
    there = np.flatnonzero(when < until * DAY)
    table = {
        "entity": pa.array([f"c{i:05}" for i in np.concatenate(entity)[there]]),
        "time": pa.array(when[there], pa.timestamp("us", "UTC")),
        "event": names.take(pa.array(np.concatenate(code)[there])),
    }
    return sm.EventLog.from_arrow(table, timezone="UTC", observed_until=at(until)), truth


@pytest.fixture(scope="module")
def made() -> tuple[sm.EventLog, dict[str, Any]]:
    return two_periods()


def ask(**changed: Any) -> sm.Study:
    return sm.Study(
        changed.pop("outcome", OUTCOME),
        **({"at": at(INDEX), "lookback": "30d", "exclude_events": ["cancel"]} | changed),
    )


def rows_of(result: sm.StudyResult) -> dict[str, dict[str, Any]]:
    return {row["pattern"]: row for row in result.to_arrow().to_pylist()}


@pytest.mark.parametrize(
    ("until", "changed", "expected"),
    [
        (160, {}, 130),
        (120, {}, 90),  # just a horizon after the index
        (119, {}, None),
        (160, {"lead": "2d"}, 128),
        (160, {"out_of_time": None}, None),
        (160, {"out_of_time": at(70)}, None),
        (160, {"at": [at(60), at(90)]}, None),
        (160, {"at": [at(60)]}, 130),
        (160, {"at": "first(signup) + 14d"}, None),
    ],
)
def test_the_later_landmark(until: int, changed: dict[str, Any], expected: int | None) -> None:
    log, _ = two_periods(until=until)
    found = later_landmark(log, ask(**changed))
    if expected is None:
        assert found is None
        return
    assert found is not None and found.out_of_time is None
    labels = sm.label(log, found)
    assert set(labels.column("index_time").cast(pa.int64()).to_pylist()) == {expected * DAY}
    assert labels.excluded["not_followed"] == 0


def test_given_labels_have_no_later_landmark(made: tuple[sm.EventLog, dict[str, Any]]) -> None:
    log, _ = made
    assert later_landmark(log, sm.Study.from_labels(sm.label(log, ask()))) is None


def test_the_columns_count_the_judging_entities_at_the_later_date(made: tuple[sm.EventLog, dict[str, Any]]) -> None:
    log, truth = made
    found = sm.mine(log, ask(), ONE_STEP, evidence=PLAIN)
    rows = rows_of(found)
    seen, lost = truth[str(LATER)]
    judging = split_halves(pa.array([f"c{i:05}" for i in range(N)]), 0) == ESTIMATION
    assert found.stats["n_out_of_time_rows"] == np.count_nonzero(judging)
    for kind, name in enumerate(TYPES[:2]):
        row, who = rows[name], seen[kind] & judging
        expected = np.count_nonzero(who) * lost[judging].mean()
        assert row["out_of_time_n_matched"] == np.count_nonzero(who)
        assert row["out_of_time_n_positive"] == np.count_nonzero(who & lost)
        assert row["out_of_time_o_over_e"] == pytest.approx(np.count_nonzero(who & lost) / expected)
    assert rows["fading"]["verdict"] == rows["steady"]["verdict"] == "validated"
    assert "changes_out_of_time" in rows["fading"]["flags"]
    assert "changes_out_of_time" not in rows["steady"]["flags"]
    assert rows["fading"]["out_of_time_o_over_e_low"] < 1.1
    assert rows["steady"]["out_of_time_o_over_e_low"] > 1.3


def test_a_listed_date_says_the_same_as_the_landmark(made: tuple[sm.EventLog, dict[str, Any]]) -> None:
    log, _ = made
    by_itself = rows_of(sm.mine(log, ask(), ONE_STEP))
    listed = rows_of(sm.mine(log, ask(at=[at(INDEX), at(LATER)]), ONE_STEP))
    assert len(by_itself) > 3
    assert by_itself == listed
    without = rows_of(sm.mine(log, ask(out_of_time=None), ONE_STEP))
    for name, row in without.items():
        assert row["out_of_time_n_matched"] is None and row["out_of_time_o_over_e"] is None
        assert row["o_over_e"] == by_itself[name]["o_over_e"]


def test_numbers_have_their_mean_difference_there(made: tuple[sm.EventLog, dict[str, Any]]) -> None:
    log, truth = made
    found = rows_of(sm.mine(log, ask(outcome="count(cancel) within 30d"), ONE_STEP, evidence=PLAIN))
    seen, lost = truth[str(LATER)]
    judging = split_halves(pa.array([f"c{i:05}" for i in range(N)]), 0) == ESTIMATION
    row = found["fading"]
    with_it, without = (lost[judging & (seen[0] == which)].mean() for which in (True, False))
    assert row["out_of_time_mean_difference"] == pytest.approx(with_it - without)
    assert row["mean_difference"] > 0.1 > row["out_of_time_mean_difference_high"]
    assert "changes_out_of_time" in row["flags"]
    assert "changes_out_of_time" not in found["steady"]["flags"]


def test_small_data_are_held_against_all_later_rows(made: tuple[sm.EventLog, dict[str, Any]]) -> None:
    log, truth = made
    found = sm.mine(log, ask(), ONE_STEP, evidence=sm.EvidenceOptions(small_data=100_000, permutations=99))
    seen, _ = truth[str(LATER)]
    row = rows_of(found)["fading"]
    assert found.small and found.stats["n_out_of_time_rows"] == N
    assert row["out_of_time_n_matched"] == np.count_nonzero(seen[0])
    assert row["flags"] == ["selected_no_independent_estimate", "changes_out_of_time"]
