"""The made logs are what they say: confounded where nothing matters, with effects as large as planted elsewhere."""

from __future__ import annotations

import math

import numpy as np
import pytest

import evidence_logs as logs
import seqmine as sm
from evidence_truth import Matcher, interval_iou, says, says_twin, score, strata, true_effect
from reference.language import Event, Log, parse_mined
from reference.matching import MATCHED, Row, examine

SMALL = 3_000


def owners(made: logs.Made, event: str) -> np.ndarray:
    """Who has the event before the index."""
    table = made.events
    time = table["time"].cast("int64").to_numpy()
    hit = (table["event"].to_numpy(zero_copy_only=False) == event) & (time < logs.INDEX)
    found = {name for name, h in zip(table["entity"].to_pylist(), hit, strict=True) if h}
    return np.array([name in found for name in made.labels["entity"].to_pylist()])


def fine_strata(truth: logs.Truth) -> np.ndarray:
    """One stratum for each number of events, as far as there are many such entities."""
    return np.minimum(truth.n_events, np.quantile(truth.n_events, 0.98)).astype(np.int64)


def crude_ratio(label: np.ndarray, matched: np.ndarray) -> float:
    return float(label[matched].mean() / label[~matched].mean())


@pytest.mark.parametrize("seed", range(3))
def test_null_is_confounded_and_nothing_else(seed: int) -> None:
    made = logs.null_log(6_000, seed)
    label = made.labels["label"].to_numpy()
    scores = []
    for name in made.truth.background[:12]:
        matched = owners(made, name)
        # Everything frequent seems to keep people from leaving ...
        assert crude_ratio(label, matched) < 0.75
        # ... and among equally busy people nothing does, for the chances themselves and for what came of them.
        assert true_effect(made.truth.risk, matched, fine_strata(made.truth)).ratio == pytest.approx(1, abs=0.03)
        effect = true_effect(label.astype(float), matched, fine_strata(made.truth))
        expected = label[matched].sum() / effect.o_over_e
        scores.append((effect.o_over_e - 1) * math.sqrt(expected))
    assert np.abs(scores).max() < 3.5


def test_who_matches_is_told_of_entities_by_the_ten_thousand() -> None:
    """Entity and time share one number, which must have room for both."""
    made = logs.planted_log(40_000, 1, logs.PLANS[:1])
    first, second = (owners(made, name) for name in ("open", "help"))
    assert made.truth.moments[0].matched.sum() > 1_000
    assert not (made.truth.moments[0].matched & ~(first & second)).any()


def test_planted_effects_are_as_large_as_planned() -> None:
    made = logs.planted_log(60_000, 1)
    stratum = fine_strata(made.truth)
    assert len(made.truth.moments) == len(logs.PLANS)
    for moment in made.truth.moments:
        others = np.prod([np.where(m.matched, m.plan.ratio, 1) for m in made.truth.moments if m is not moment], axis=0)
        alone = np.minimum(made.truth.risk / others, 1)
        effect = true_effect(alone, moment.matched, stratum)
        assert effect.ratio == pytest.approx(moment.plan.ratio, rel=0.04), moment.text
        assert effect.o_over_e >= 1.5
        for decoy in (moment.twin, moment.reversed):
            if decoy.sum():
                rest = ~moment.matched
                twin = true_effect(alone[rest], decoy[rest], stratum[rest])
                assert twin.ratio == pytest.approx(1, abs=0.04), moment.text


@pytest.mark.parametrize("make", [logs.null_log, logs.planted_log, logs.numeric_log])
def test_what_was_planted_makes_nobody_busier(make) -> None:
    made = make(SMALL, 12)
    time = made.events["time"].cast("int64").to_numpy()
    seen = (
        made.events.filter((time >= logs.BEGIN) & (time < logs.INDEX)).group_by("entity").aggregate([([], "count_all")])
    )
    counted = dict(zip(seen["entity"].to_pylist(), seen["count_all"].to_pylist(), strict=True))
    assert [counted[name] for name in made.labels["entity"].to_pylist()] == made.truth.n_events.tolist()


def test_planted_outcomes_follow_the_chances() -> None:
    made = logs.planted_log(40_000, 2)
    label, referrals = made.labels["label"].to_numpy(), made.labels["n_referrals"].to_numpy()
    expected = made.truth.risk.sum()
    assert abs(label.sum() - expected) < 4 * math.sqrt((made.truth.risk * (1 - made.truth.risk)).sum())
    stratum = fine_strata(made.truth)
    for moment in made.truth.moments:
        hit = moment.matched
        assert abs(label[hit].sum() - made.truth.risk[hit].sum()) < 4 * math.sqrt(made.truth.risk[hit].sum())
        assert true_effect(referrals.astype(float), hit, stratum).ratio == pytest.approx(2.2, rel=0.25)


@pytest.mark.parametrize("make", [logs.null_log, logs.planted_log, logs.numeric_log])
def test_a_study_of_the_log_has_the_labels_of_the_table(make) -> None:
    made = make(SMALL, 4)
    log = sm.EventLog.from_arrow(made.events, value="value", timezone="UTC", observed_until=logs.UNTIL_TEXT)
    at = {"at": logs.INDEX_TEXT, "lookback": logs.LOOKBACK}
    dated = sm.label(log, sm.Study(f"exists({logs.CHURN}) within {logs.HORIZON}", **at))
    given = sm.Labels.from_arrow(made.labels, lookback=logs.LOOKBACK)
    assert dated.n_rows == SMALL
    assert dated.to_arrow()["label"].to_pylist() == given.to_arrow()["label"].to_pylist()
    friends = sm.label(log, sm.Study(f"count({logs.REFERRAL}) within {logs.HORIZON}", **at))
    assert friends.to_arrow()["label"].to_pylist() == made.labels["n_referrals"].to_pylist()
    if made.truth.moments:
        counted = sm.count(log, [m.text for m in made.truth.moments], labels=given)
        assert counted["n_matched"].to_pylist() == [int(m.matched.sum()) for m in made.truth.moments]
    if make is logs.numeric_log:
        spent = sm.label(log, sm.Study(f"sum(value of {logs.PURCHASE}) within {logs.HORIZON}", **at))
        assert spent.to_arrow()["label"].to_pylist() == made.labels["spent"].to_pylist()


def test_matches_of_the_truth_against_brute_force() -> None:
    made = logs.planted_log(60, 5, share=0.2, twin_share=0.2)
    rows = zip(*(made.events[c].to_pylist() for c in ("entity", "event")), strict=True)
    times = made.events["time"].cast("int64").to_pylist()
    log = Log([Event(entity, t, event) for (entity, event), t in zip(rows, times, strict=True)])
    spans = [Row(e, logs.INDEX - logs.LOOKBACK_DAYS * logs.DAY, logs.INDEX - 1) for e in log.entities]
    for moment in made.truth.moments:
        found = [examine(parse_mined(moment.text), log, span)[0] == MATCHED for span in spans]
        assert found == moment.matched.tolist(), moment.text
        assert any(found)


def test_spending_is_shifted_where_planted() -> None:
    made = logs.numeric_log(60_000, 3, shift=50.0)
    plain = logs.numeric_log(60_000, 3)
    added = made.labels["spent"].to_numpy() - plain.labels["spent"].to_numpy()
    hit = made.truth.moments[0].matched
    assert np.allclose(added[hit], 50)
    assert not added[~hit].any()
    spent = plain.labels["spent"].to_numpy()
    assert spent.max() > 20 * np.median(spent)


def test_proxies_come_before_the_index_and_from_leavers_only() -> None:
    made = logs.planted_log(SMALL, 6, proxy=0.5)
    asked, label = owners(made, logs.PROXY), made.labels["label"].to_numpy()
    assert label[asked].all()
    assert asked.sum() == pytest.approx(label.sum() / 2, rel=0.15)


def test_logs_are_fast_and_the_same_again() -> None:
    again = [logs.planted_log(2_000, 8) for _ in range(2)]
    assert again[0].events.equals(again[1].events)
    assert not again[0].events.equals(logs.planted_log(2_000, 9).events)


def test_strata_by_hand() -> None:
    n_events, tenure = np.array([1, 2, 3, 4]), np.array([1, 9, 1, 9])
    assert strata(n_events, tenure, np.ones(4, bool), 2).tolist() == [0, 1, 2, 3]


def test_true_effect_by_hand() -> None:
    """Chances 0.4 and 0.2 beside 0.2 and 0.1: ratio 2, differences 0.2 and 0.1, weights 1 and 3/4."""
    risk = np.array([0.4, 0.4, 0.2, 0.2, 0.2, 0.1, 0.1, 0.1])
    matched = np.array([1, 1, 0, 0, 1, 0, 0, 0], dtype=bool)
    effect = true_effect(risk, matched, np.array([0] * 4 + [7] * 4))
    assert effect.ratio == pytest.approx(2)
    assert effect.difference == pytest.approx((0.2 + 0.75 * 0.1) / 1.75)
    assert effect.o_over_e == pytest.approx(1.0 / (2 * 1.2 / 4 + 0.5 / 4))


def row(pattern: str, verdict: str = "validated", explained_by: str | None = None, o_over_e: float = 2.0) -> dict:
    return {"pattern": pattern, "verdict": verdict, "explained_by": explained_by, "o_over_e": o_over_e}


def test_scoring_by_hand() -> None:
    made = logs.planted_log(SMALL, 7)
    gap, _, _, timeless, absence, clock = made.truth.moments
    assert says(parse_mined("open -[18h,36h)-> help"), gap)
    assert not says(parse_mined("open -[1us,2w)-> help"), gap)
    assert not says(parse_mined("help -[18h,36h)-> open"), gap)
    assert says_twin(parse_mined("open -[1us,2w)-> help"), gap)
    assert not says_twin(parse_mined("open -[18h,2d)-> help"), gap)
    assert says(parse_mined("downgrade -[1us,2w)-> survey"), timeless)
    assert not says(parse_mined("downgrade -[1d,4d)-> survey"), timeless)
    assert says(parse_mined("complaint -> no answer within 3d"), absence)
    assert not says(parse_mined("complaint"), absence)
    assert says(parse_mined("visit{hour=6..12}"), clock)
    assert not says(parse_mined("visit{hour=12..6}"), clock)
    assert not says(parse_mined("visit"), clock)
    assert says_twin(parse_mined("visit"), clock)
    result = score(
        [
            row("open -[18h,36h)-> help"),
            row("open", explained_by="open -[18h,36h)-> help"),
            row("invoice -[1us,2w)-> login", verdict="exploratory"),
            row("ticket -[1us,2w)-> export"),
            row("complaint -> no answer within 3d", o_over_e=0.5),
            row("type_00 -[1us,2w)-> type_01"),
            row("visit{hour=9..12}"),
        ],
        made,
    )
    assert (result.n_claims, result.n_right, result.n_planted, result.n_found) == (5, 2, 6, 2)
    assert (result.n_twins, result.n_twins_accepted, result.n_background) == (5, 1, 1)
    assert result.ious == (interval_iou((18, 36), (19, 37)),)
    assert len(result.wrong) == 3


def test_matches_of_any_mined_pattern_against_the_engine() -> None:
    made = logs.planted_log(2_000, 13)
    log = sm.EventLog.from_arrow(made.events, value="value", timezone="UTC", observed_until=logs.UNTIL_TEXT)
    given = sm.Labels.from_arrow(made.labels, lookback=logs.LOOKBACK)
    texts = [
        *(moment.text for moment in made.truth.moments),
        "type_00 -[1d,3d)-> type_00 -[1us,2w)-> type_01",
        "type_00 -[12w,inf)-> type_01",
        "type_02{hour=22..6} -[2h,4d)-> type_01 -> no type_00 within 2d",
    ]
    matcher = Matcher(made)
    found = [int(matcher.matched(parse_mined(text)).sum()) for text in texts]
    assert min(found) > 0
    assert sm.count(log, texts, labels=given)["n_matched"].to_pylist() == found
