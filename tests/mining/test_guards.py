"""Second looks: logs in which strata are wrong in one way each, and nothing that they make look true may be claimed."""

from __future__ import annotations

import math
from collections import Counter
from itertools import compress, pairwise

import numpy as np
import pyarrow as pa
import pytest

import seqmine as sm
from evidence_runs import SEED_STEP, opened, wrong_strata_run
from evidence_strata import CASES, DAY, INDEX, LOOKBACK, campaign, newcomers, often
from reference.evidence import LOWERS, RAISES, Judged, cells, exact_minimum_effect_p, wald_minimum_effect_p
from reference.language import parse_mined
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
    p = max(wald_minimum_effect_p(table, RAISES), exact_minimum_effect_p(table, RAISES))
    assert row["p_guards"] == pytest.approx(p, rel=1e-3)


def cut(values: list[int], deciding: list[int], n_classes: int) -> tuple[list[int], int]:
    """Classes of equal size of the deciding values, each number that fills one by itself apart; and how many."""
    ordered, distinct = sorted(deciding), sorted(set(deciding))
    full = {v for v, n in Counter(deciding).items() if n * n_classes >= len(deciding)}
    after = {later for v, later in pairwise(distinct) if v in full}
    edges = {ordered[k * len(ordered) // n_classes] for k in range(1, n_classes)} | full | after
    edges.discard(ordered[0])
    return [sum(v >= edge for edge in edges) for v in values], len(edges) + 1


@pytest.mark.parametrize(
    ("guard", "suspect"),
    [("own_events", "mail"), ("main_type", "type_3"), ("calendar", "banner"), ("busiest", "scrape")],
)
def test_other_looks_are_those_of_the_oracle(guard: str, suspect: str) -> None:
    """Activity (of the season: tenure) held equal, and once more as the look says, counted in pure Python."""
    made = CASES[guard].make(np.random.default_rng(1))
    log, study = opened(made)
    held = "tenure" if guard == "calendar" else "activity"
    only = sm.EvidenceOptions(clock=False, westfall_young=False, adjust=[held])
    result = sm.mine(log, study, OPTIONS, evidence=only)
    row = next(row for row in result.to_arrow().to_pylist() if row["pattern"] == suspect)
    assert row["guard"] == guard
    labels = result.labels.to_arrow()
    index = dict(zip(labels["entity"].to_pylist(), labels["index_time"].cast(pa.int64()).to_pylist(), strict=True))
    names = list(index)
    times = made.events["time"].cast(pa.int64()).to_pylist()
    told = list(zip(made.events["entity"].to_pylist(), times, made.events["event"].to_pylist(), strict=True))
    reach = LOOKBACK * DAY if guard != "calendar" else 10**18
    seen: dict[str, Counter[str]] = {name: Counter() for name in names}
    for name, time, event in told:
        if name in index and index[name] - reach <= time < index[name] and event != "cancel":
            seen[name][event] += 1
    judging = [half == ESTIMATION for half in split_halves(labels["entity"], 0)]
    finding = [not each for each in judging]
    total = [sum(seen[name].values()) for name in names]
    stratum, n_classes = cut(total, list(compress(total, finding)), 20)
    half, looks = {i for i, each in enumerate(judging) if each}, [stratum]
    if guard in ("own_events", "main_type"):
        left_out = [{suspect}] if guard == "own_events" else [{"heartbeat"}, {"heartbeat", suspect}]
        rest = [
            [n - sum(seen[name][k] for k in kinds) for n, name in zip(total, names, strict=True)] for kinds in left_out
        ]
        looks = [cut(others, list(compress(others, judging)), n_classes)[0] for others in rest]
    elif guard == "calendar":
        dates = [index[name] for name in names]
        looks = [cut(dates, list(compress(dates, judging)), 10)[0]]
    else:
        size = Counter(name for name, _, _ in told)
        largest = sorted((size[names[i]] for i in half), reverse=True)
        least = largest[math.ceil(len(half) / 100) - 1]
        assert sum(n >= least for n in largest) <= 2 * math.ceil(len(half) / 100)
        half = {i for i in half if size[names[i]] < least}
    matched = {i for i, name in enumerate(names) if seen[name][suspect]}
    direction = RAISES if row["direction"] == "raises" else LOWERS
    p = 0.0
    for look in looks:
        answers = zip(names, labels["label"].to_pylist(), look, strict=True)
        table = cells([Judged(name, label, str(code), "") for name, label, code in answers], half, matched)
        p = max(p, wald_minimum_effect_p(table, direction), exact_minimum_effect_p(table, direction))
    assert row["p_guards"] == pytest.approx(p, rel=1e-3)


def test_the_look_at_exposure_is_that_of_the_oracle() -> None:
    """A gap against the same pair with any gap, and against ``a`` alone, among rows with as many chances."""
    made = often(np.random.default_rng(0))
    log, study = opened(made)
    options = sm.MinerOptions(max_length=2, min_support=100, max_gap="30d")
    only = sm.EvidenceOptions(clock=False, westfall_young=False, adjust=["activity"])
    result = sm.mine(log, study, options, evidence=only)
    found = []
    for row in result.to_arrow().to_pylist():
        pattern = parse_mined(row["pattern"])
        if row["guard"] == "exposure" and [step.types for step in pattern.steps] == [("a",)] * 2:
            found += [
                (row, link.lo, link.hi) for link in pattern.links[1:] if link and (link.lo, link.hi) != (1, 30 * DAY)
            ]
    assert found
    labels = result.labels.to_arrow()
    names = labels["entity"].to_pylist()
    when: dict[str, list[int]] = {name: [] for name in names}
    total = dict.fromkeys(names, 0)
    times = made.events["time"].cast(pa.int64()).to_pylist()
    for name, time, event in zip(
        made.events["entity"].to_pylist(), times, made.events["event"].to_pylist(), strict=True
    ):
        if (INDEX - LOOKBACK) * DAY <= time < INDEX * DAY and event != "cancel":
            total[name] += 1
            if event == "a":
                when[name].append(time)
    judging = [half == ESTIMATION for half in split_halves(labels["entity"], 0)]
    seen = [total[name] for name in names]
    activity, _ = cut(seen, [n for n, judges in zip(seen, judging, strict=True) if not judges], 20)

    def with_gap(lo: int, hi: int) -> set[int]:
        return {
            i
            for i, name in enumerate(names)
            if judging[i] and any(lo <= late - early < hi for early in when[name] for late in when[name])
        }

    for row, lo, hi in found:
        inner, direction = with_gap(lo, hi), RAISES if row["direction"] == "raises" else LOWERS
        p = 0.0
        for outer in (with_gap(1, 30 * DAY), {i for i, name in enumerate(names) if judging[i] and when[name]}):
            chances = [len(when[name]) for name in names]
            classes, _ = cut(chances, [chances[i] for i in outer], 10)
            rows = [
                Judged(name, label, f"{activity[i]} {classes[i]}", "")
                for i, (name, label) in enumerate(zip(names, labels["label"].to_pylist(), strict=True))
            ]
            table = cells(rows, outer, inner)
            p = max(p, wald_minimum_effect_p(table, direction, 0.0), exact_minimum_effect_p(table, direction, 0.0))
        assert row["p_guards"] == pytest.approx(p, rel=1e-3)
