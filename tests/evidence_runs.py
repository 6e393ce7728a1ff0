"""One run each of the simulations that hold `mine(log, study)` to its statistics.

A run makes a log, mines it as a user would, and returns measures: name -> list of numbers that are pooled over runs.
`tests/mining/test_statistical_acceptance.py` makes a few runs, `tools/validate_statistics.py` as many as are asked for.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

import evidence_logs as logs
import evidence_rows as several
import evidence_strata as wrong
import seqmine as sm
from evidence_logs import Made, Plan
from evidence_rows import Rows
from evidence_truth import Effect, Matcher, claims, score, strata, true_effect, true_z
from reference.evidence import holm
from reference.language import Pattern, parse_mined
from seqmine.errors import LeakAlarm
from seqmine.labels import ESTIMATION, split_halves

Measures = dict[str, list[float]]
GAPS = tuple(plan for plan in logs.PLANS if plan.kind == "gap")
CHURN = f"exists({logs.CHURN}) within {logs.HORIZON}"
SPENT = f"sum(value of {logs.PURCHASE}) within {logs.HORIZON}"
SEED_STEP = 1_000_003


def mined(
    made: Made, seed: int, *, outcome: str = CHURN, evidence: dict[str, Any] | None = None, **options: Any
) -> list[dict[str, Any]]:
    """Rows of the result, through the public door: a log, a dated study, options."""
    log = sm.EventLog.from_arrow(made.events, value="value", timezone="UTC", observed_until=logs.UNTIL_TEXT)
    study = sm.Study(outcome, at=logs.INDEX_TEXT, lookback=logs.LOOKBACK, seed=seed)
    wanted = sm.MinerOptions(**{"max_length": 2, "threads": 1, **options})
    return sm.mine(log, study, wanted, evidence=sm.EvidenceOptions(**(evidence or {}))).to_arrow().to_pylist()


def n_validated(rows: list[dict[str, Any]]) -> int:
    return sum(row["verdict"] == "validated" for row in rows)


# --- nothing matters --------------------------------------------------------------------------------------------------


def null_run(seed: int, n: int = 8_000, adjusted: bool = True, **options: Any) -> Measures:
    """Any validated pattern is an error. `adjusted=False`: without the default strata."""
    rows = mined(logs.null_log(n, seed), seed, evidence={} if adjusted else {"adjust": ()}, **options)
    n_tested = sum(row["verdict"] != "untested" for row in rows)
    return {"false": [n_validated(rows) > 0], "n_false": [n_validated(rows)], "n_tested": [n_tested]}


def small_null_run(seed: int, n: int = 1_600) -> Measures:
    """Too few positive rows to split: permutations judge, on all rows."""
    made = logs.null_log(n, seed, mean_events=15)
    rows = mined(made, seed, max_length=2, min_support=40)
    assert sum(made.labels["label"].to_pylist()) < 400
    tested = [row["p_wy"] for row in rows if row["p_wy"] is not None]
    return {"false": [n_validated(rows) > 0], "smallest_p": [min(tested, default=1.0)]}


def numeric_run(seed: int, n: int = 8_000, shift: float = 0.0) -> Measures:
    """Money spent, with heavy tails. With a shift the planted gap must be found."""
    made = logs.numeric_log(n, seed, shift=shift)
    rows = mined(made, seed, outcome=SPENT)
    found = {s for row in claims(rows) for s in [tuple(step.types[0] for step in parse_mined(row["pattern"]).steps)]}
    return {"false": [n_validated(rows) > 0], "found": [("open", "help") in found]}


# --- several rows an entity -------------------------------------------------------------------------------------------


def rows_mined(made: Rows, seed: int, evidence: dict[str, Any] | None = None, **options: Any) -> list[dict[str, Any]]:
    """Rolling dates; the latest is kept for the out-of-time test. What came true before is no predictor here."""
    log = sm.EventLog.from_arrow(made.events, timezone="UTC", observed_until=made.until)
    study = sm.Study(CHURN, at=made.at, lookback=logs.LOOKBACK, exclude_events=[logs.CHURN, logs.START], seed=seed)
    wanted = sm.MinerOptions(**{"max_length": 2, "threads": 1, **options})
    return sm.mine(log, study, wanted, evidence=sm.EvidenceOptions(**(evidence or {}))).to_arrow().to_pylist()


def null_rows_run(seed: int, n: int = 3_000, min_effect: float = 0.10) -> Measures:
    """Any validated pattern is an error. Eight dates five days apart: seven rows, six of them nearly the one before."""
    rows = rows_mined(several.rows_log(n, seed, n_dates=8, spacing=5), seed, {"min_effect": min_effect})
    small = any("selected_no_independent_estimate" in row["flags"] for row in rows)
    n_tested = sum(row["verdict"] != "untested" for row in rows)
    return {"false": [n_validated(rows) > 0], "n_tested": [n_tested], "small": [small]}


def held_by(asked: list[dict[str, Any]], true: Effect) -> Measures:
    """Which intervals of the one pattern that was asked for hold the truth."""
    row = next((row for row in asked if row["verdict"] != "untested"), None)
    if row is None:
        return {"missed": [1.0]}
    measures: Measures = {"missed": [0.0]}
    for name, value in (("rr", true.ratio), ("rd", true.difference), ("o_over_e", true.o_over_e)):
        measures[name] = [float(row[f"{name}_low"] <= value <= row[f"{name}_high"])]
    return measures


def rows_coverage_run(seed: int, n: int = 3_000) -> Measures:
    """`coverage_run` with several rows an entity; the truth is what activity and pattern give, frailty at its mean."""
    plan = replace(GAPS[0], ratio=2.0)
    made = several.rows_log(n, seed, n_dates=7, plan=plan, n_types=10, mean_events=12)
    gap = {"min_gap": f"{plan.lo}h", "max_gap": f"{plan.hi}h", "learn_gaps": False}
    found = [row for row in rows_mined(made, seed, {"shortlist": 1}, **gap) if row["pattern"] == made.text]
    judged = split_halves(made.names, seed) == ESTIMATION
    n_events, tenure, risk, matched = (  # the latest date is the out-of-time test's
        each[:, :-1].ravel() for each in (made.n_events, made.tenure, made.risk, made.matched)
    )
    inside = np.repeat(judged, made.risk.shape[1] - 1)
    stratum = strata(n_events, tenure, ~inside, int(np.clip(len(inside) / 2_000, 20, 100)))
    return held_by(found, true_effect(risk[inside], matched[inside], stratum[inside]))


# --- strata are wrong -------------------------------------------------------------------------------------------------


def opened(made: wrong.Asked, seed: int = 0) -> tuple[sm.EventLog, sm.Study]:
    """The log and the study of a made log in which strata are wrong."""
    log = sm.EventLog.from_arrow(made.events, timezone="UTC", observed_until=wrong.UNTIL_TEXT)
    return log, sm.Study(wrong.OUTCOME, seed=seed, **made.study)


def wrong_strata_run(seed: int, case: str, **options: Any) -> Measures:
    """Whether a suspect pattern is claimed, and whether the certificate would have claimed one without second looks.

    What it says without them follows from the columns of the table: Holm over the larger of `p_effect` and
    `p_productive`.
    """
    log, study = opened(wrong.CASES[case].make(np.random.default_rng(seed)), seed)
    wanted = sm.MinerOptions(**{"max_length": 2, "threads": 1, **options})
    rows = [row for row in sm.mine(log, study, wanted).to_arrow().to_pylist() if row["verdict"] != "untested"]
    suspect = [is_suspect(parse_mined(row["pattern"]), case) for row in rows]
    claimed = [row["verdict"] in ("validated", "exploratory") for row in rows]
    without = [p <= 0.05 for p in holm([max(row["p_effect"], row["p_productive"] or 0.0) for row in rows])]
    return {
        "suspect": [any(one and yes for one, yes in zip(suspect, claimed, strict=True))],
        "without": [any(one and yes for one, yes in zip(suspect, without, strict=True))],
        "any": [any(claimed)],
    }


def is_suspect(pattern: Pattern, case: str) -> bool:
    """A pattern of nothing but types that strata make look true; without such types, one with a gap or an hour."""
    types = wrong.CASES[case].suspects
    if types:
        return all(set(step.types) <= set(types) for step in pattern.steps)
    gaps = [(link.lo, link.hi) for link in pattern.links if link is not None]
    return any(gap != (1, wrong.MAX_GAP_DAYS * wrong.DAY) for gap in gaps) or any(s.conditions for s in pattern.steps)


# --- something does ---------------------------------------------------------------------------------------------------


def planted_run(
    seed: int,
    n: int = 20_000,
    plans: tuple[Plan, ...] = logs.PLANS,
    log: dict[str, Any] | None = None,
    **options: Any,
) -> Measures:
    """Moments of all kinds with their decoys: what is claimed, what is missed, and whether the intervals hold.

    `log`: further arguments of `planted_log`.
    """
    made = logs.planted_log(n, seed, plans, **(log or {}))
    rows = mined(made, seed, **{"absence": ("3d",), "context": ("hour",), **options})
    result = score(rows, made)
    held, wrongly = judged_by_truth(made, rows, seed)
    judged = split_halves(made.labels["entity"], seed) == ESTIMATION
    stratum = default_strata(made, judged)[judged]
    return {
        "right": [1.0] * result.n_right + [0.0] * (result.n_claims - result.n_right),
        "found": [1.0] * result.n_found + [0.0] * (result.n_planted - result.n_found),
        "twin_rejected": [0.0] * result.n_twins_accepted + [1.0] * (result.n_twins - result.n_twins_accepted),
        "background": [result.n_background > 0],
        "interval_holds": held,
        "below_minimum": [wrongly],
        "z": [true_z(made.truth.risk[judged], one.matched[judged], stratum) for one in made.truth.moments],
    }


def judged_by_truth(made: Made, rows: list[dict[str, Any]], seed: int) -> tuple[list[float], bool]:
    """(whether each validated interval holds the true ratio; whether any validated ratio is not beyond 1.10).

    The intervals are those at the level for the patterns selected (false coverage rate).
    """
    inside = split_halves(made.labels["entity"], seed) == ESTIMATION
    stratum, matcher = default_strata(made, inside), Matcher(made)
    held, wrongly = [], False
    for row in (row for row in rows if row["verdict"] == "validated"):
        hit = matcher.matched(parse_mined(row["pattern"]))[inside]
        assert int(hit.sum()) == row["n_matched"], row["pattern"]
        ratio = true_effect(made.truth.risk[inside], hit, stratum[inside]).ratio
        held.append(float(row["rr_fcr_low"] <= ratio <= row["rr_fcr_high"]))
        wrongly |= ratio <= 1.10 if row["o_over_e"] > 1 else ratio >= 1 / 1.10
    return held, wrongly


def default_strata(made: Made, inside: logs.Bools) -> logs.Ints:
    truth = made.truth
    return strata(truth.n_events, truth.tenure, ~inside, int(np.clip(len(inside) / 2_000, 20, 100)))


def gap_run(seed: int, n: int = 50_000) -> Measures:
    """How well the learned interval of each planted gap covers it (intersection over union)."""
    made = logs.planted_log(n, seed, GAPS)
    result = score(mined(made, seed), made)
    return {"iou": list(result.ious), "found": [1.0] * result.n_found + [0.0] * (result.n_planted - result.n_found)}


def coverage_run(seed: int, n: int = 6_000) -> Measures:
    """One pattern is asked for, so that its intervals are plain 95 % ones; the truth is that of the rows judged."""
    plan = replace(GAPS[0], ratio=1.8)
    made = logs.planted_log(n, seed, (plan,), share=0.15, twin_share=0.05, mean_events=20)
    gap = {"min_gap": f"{plan.lo}h", "max_gap": f"{plan.hi}h", "learn_gaps": False}
    rows = mined(made, seed, evidence={"shortlist": 1}, **gap)
    moment = made.truth.moments[0]
    asked = [row for row in rows if row["pattern"] == moment.text]
    inside = split_halves(made.labels["entity"], seed) == ESTIMATION
    true = true_effect(made.truth.risk[inside], moment.matched[inside], default_strata(made, inside)[inside])
    return held_by(asked, true)


def leak_run(seed: int, n: int = 6_000) -> Measures:
    """Half of those that leave say so before: the run is refused; it goes on when the event is taken out or named."""
    made = logs.planted_log(n, seed, GAPS[:1], proxy=0.5)
    try:
        mined(made, seed)
    except LeakAlarm as alarm:
        refused = logs.PROXY in str(alarm)
    else:
        refused = False
    acknowledged = mined(made, seed, evidence={"acknowledge": (logs.PROXY,)})
    clean = mined(logs.planted_log(n, seed, GAPS[:1]), seed)
    return {"refused": [float(refused)], "went_on": [float(bool(acknowledged) and bool(clean))]}


def timed(run: Any, seed: int, arguments: dict[str, Any]) -> tuple[Measures, float]:
    """A run and the processor seconds that it took."""
    began = time.process_time()
    measures = run(seed * SEED_STEP % 2**31, **arguments)
    return {name: [float(x) for x in values] for name, values in measures.items()}, time.process_time() - began
