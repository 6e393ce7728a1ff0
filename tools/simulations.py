"""The simulations of tools/validate_statistics.py: what is run, how often, and the targets.

The made logs, their truth and one run of each are in tests/evidence_*.py.
"""

from __future__ import annotations

import sys

from gates import ROOT, Gate, Simulation

sys.path.insert(0, str(ROOT / "tests"))

from window_simulations import WINDOWS

import evidence_runs as runs

FALSE = "runs with a validated pattern"
SEVERAL = (
    "Rolling dates: what an entity is stays with it over all its rows. Its taste for event types makes it match the "
    "same patterns every time, its frailty (three in ten have the outcome at all) makes the same outcome come every "
    "time, and neither has to do with the other. "
)
WRONG = (
    "Strata are wrong in one way, so that something that means nothing looks true within them; patterns of up to two "
    "steps with learned gaps and hours. Beside what is claimed, validated or exploratory, stands what the certificate "
    "alone would have validated, without its second looks (Holm over the larger of `p_effect` and `p_productive`). "
)


def wrong_strata(case: str, words: str, *more: Gate) -> Simulation:
    """The second look that is called `case`, on logs that need it."""
    return Simulation(
        f"second look, {case}",
        WRONG + words,
        runs.wrong_strata_run,
        60,
        (
            Gate("suspect", "runs in which something suspect is claimed", "<=", 0.05),
            *more,
            Gate("without", "runs in which it would be validated without second looks", ">=", 0.50),
        ),
        {"case": case, "min_support": 50},
    )


ANYTHING = Gate("any", "runs in which anything is claimed; nothing matters", "<=", 0.05)
SECOND_LOOKS = (
    wrong_strata(
        "own_events",
        "6,000 entities: ten mails to a random half, a third of all events, count as activity. Suspect is the mail.",
        ANYTHING,
    ),
    wrong_strata(
        "main_type",
        "6,000 entities: heartbeats without meaning, three quarters of all events, drown the activity. Suspect is "
        "everything else.",
        ANYTHING,
    ),
    wrong_strata(
        "tenure",
        "8,000 entities, the risk falls with tenure, and only newcomers are welcomed within the lookback. Suspect are "
        "the sign-up and the welcome.",
        ANYTHING,
    ),
    wrong_strata(
        "calendar",
        "8,000 entities, each asked a month after signing up; the later, the higher the risk, and late ones see a "
        "banner. Suspect is the banner.",
        ANYTHING,
    ),
    wrong_strata(
        "busiest",
        "8,000 entities, 60 of which are robots that do everything all the time and are always lost: fewer than the "
        "one percent that the look leaves out. Suspect is everything.",
    ),
    wrong_strata(
        "exposure",
        "9,000 entities: who does one thing often is lost more often, whatever the gaps and the hours. Suspect is any "
        "bounded gap and any hour.",
    ),
)
LITTLE = (
    Gate("found", "moments that are found (recall)", ">=", 0.90),
    Gate("right", "claims that are right (precision)", ">=", 0.95),
    Gate("below_minimum", "runs with a validated pattern whose true ratio is not beyond 1.10", "<=", 0.05),
    Gate("z", "median true Wald z of the moments against a ratio of 1.10", ">=", 6.0, median=True),
)
WITNESS = (
    "The true z is that of the judging half with chances in place of outcomes. What decides which moments are found is "
    "less that than the test of a gap against its simpler forms, which has about half of that z. "
)
SIMULATIONS = (
    Simulation(
        "null",
        "8,000 entities, 30 event types, gamma activity (shape 1) that drives both the number of events and the churn: "
        "every frequent pattern goes with staying, and none matters. Default options, patterns of up to three steps "
        "with learned gaps.",
        runs.null_run,
        200,
        (Gate("false", FALSE + " (family-wise error)", "<=", 0.05),),
        {"max_length": 3},
    ),
    Simulation(
        "null, unstratified",
        "The same logs with `adjust=()`: nothing is held equal. The certificate then has to fail in every run; if it "
        "did not, the simulation above would show nothing.",
        runs.null_run,
        50,
        (Gate("false", FALSE, ">=", 1.0),),
        {"adjusted": False},
    ),
    Simulation(
        "null, larger",
        "The null with 40,000 entities, patterns of up to two steps: small differences left inside the strata would "
        "show here first.",
        runs.null_run,
        60,
        (Gate("false", FALSE + " (family-wise error)", "<=", 0.05),),
        {"n": 40_000},
    ),
    Simulation(
        "null, small",
        "1,600 entities, fewer than 400 positive: no split, Westfall-Young with 1,023 permutations within strata.",
        runs.small_null_run,
        200,
        (Gate("false", FALSE + " (family-wise error)", "<=", 0.05),),
    ),
    Simulation(
        "null, numeric",
        "8,000 entities and what they spend after the index: log-normal (sigma 1), more of it from the active. No "
        "pattern changes it.",
        runs.numeric_run,
        200,
        (Gate("false", FALSE + " (family-wise error)", "<=", 0.05),),
    ),
    Simulation(
        "null, several rows an entity",
        SEVERAL
        + "3,000 entities at eight dates five days apart (the latest is the out-of-time test's), so that rows of "
        "an entity see nearly the same events and share outcomes; activity confounds as above. With variances of rows "
        "in place of entities nearly every run would fail.",
        runs.null_rows_run,
        120,
        (
            Gate("false", FALSE + " (family-wise error)", "<=", 0.05),
            Gate("small", "runs that were judged without a split", "<=", 0.0),
        ),
    ),
    Simulation(
        "null, several rows an entity, any effect",
        "The same logs with `min_effect=0`: the minimum effect hides none of the error of the variances.",
        runs.null_rows_run,
        120,
        (Gate("false", FALSE + " (family-wise error)", "<=", 0.05),),
        {"min_effect": 0.0},
    ),
    Simulation(
        "null, several rows an entity, small",
        "450 such entities: fewer than 400 positive rows, judged by permutations of whole entities.",
        runs.null_rows_run,
        200,
        (
            Gate("false", FALSE + " (family-wise error)", "<=", 0.05),
            Gate("small", "runs that were judged without a split", ">=", 1.0),
        ),
        {"n": 450},
    ),
    *SECOND_LOOKS,
    Simulation(
        "numeric",
        "20,000 entities; those who match one planted gap spend 60 more (the mean is about 100).",
        runs.numeric_run,
        20,
        (Gate("found", "runs in which the planted pattern is found", ">=", 0.9),),
        {"n": 20_000, "shift": 60.0},
    ),
    Simulation(
        "planted",
        "20,000 entities and six planted moments, each with risk ratio 2.2 (O/E above 1.5): three gaps, one pair for "
        "which any gap does, an absence, an hour of the day. Beside each gap, twins (the same events at another gap) "
        "and reversals, which do nothing; 20 types that mean nothing. A claim is a validated pattern that no better "
        "one explains; it is right when it names a moment with most of its gap and less than half of its twins.",
        runs.planted_run,
        40,
        (
            Gate("right", "claims that are right (precision)", ">=", 0.95),
            Gate("found", "moments that are found (recall)", ">=", 0.90),
            Gate("twin_rejected", "twins not claimed", ">=", 0.95),
            Gate("background", "runs that claim something about meaningless types alone", "<=", 0.05),
            Gate("below_minimum", "runs with a validated pattern whose true ratio is not beyond 1.10", "<=", 0.05),
            Gate("interval_holds", "intervals of validated patterns that hold the true ratio", ">=", 0.95),
        ),
    ),
    Simulation(
        "planted, three steps",
        "The three gaps alone, patterns of up to three steps: half of the carriers go on to the most frequent type, "
        "which adds nothing, so that a longer pattern must not be claimed.",
        runs.planted_run,
        20,
        (
            Gate("right", "claims that are right (precision)", ">=", 0.95),
            Gate("found", "moments that are found (recall)", ">=", 0.90),
        ),
        {"plans": runs.GAPS, "max_length": 3, "absence": (), "context": ()},
    ),
    Simulation(
        "planted, sparse",
        "16,000 entities with about 8 events each, strong confounding by activity (risks from 0.30 down to 0.04) and "
        "the six moments of ratio 2.2, each matched by some 5 %: where so little is seen, more events of one kind are "
        "less of another, and the second looks have little left to count. " + WITNESS,
        runs.planted_run,
        20,
        LITTLE,
        {"n": 16_000, "log": {"mean_events": 8, "least_events": 2}},
    ),
    Simulation(
        "planted, with a dominant type",
        "The same with 30 events each, 60 % of the background of one type: the second looks count activity by what "
        "is left. " + WITNESS,
        runs.planted_run,
        20,
        LITTLE,
        {"n": 16_000, "log": {"dominant": 0.6}},
    ),
    Simulation(
        "learned gaps",
        "50,000 entities, planted gaps [19h,37h), [3h,6h) and [2d,4d) with twins on both sides: intersection over "
        "union of the claimed interval and the planted one.",
        runs.gap_run,
        12,
        (
            Gate("iou", "median intersection over union", ">=", 0.8, median=True),
            Gate("found", "gaps that are found", ">=", 0.90),
        ),
    ),
    Simulation(
        "coverage",
        "6,000 entities and one planted pattern (ratio 1.8) that is the only one certified, so that its intervals are "
        "plain 95 % ones. The truth is what the chances of the judged rows give in the same strata.",
        runs.coverage_run,
        1_000,
        (
            Gate("rr", "risk ratio intervals that hold the truth", "within", 0.95, width=0.02),
            Gate("rd", "risk difference intervals that hold the truth", "within", 0.95, width=0.02),
            Gate("o_over_e", "O/E intervals that hold the truth", "within", 0.95, width=0.02),
            Gate("missed", "runs without the pattern", "<=", 0.05),
        ),
    ),
    Simulation(
        "coverage, several rows an entity",
        SEVERAL + "3,000 entities at seven dates 30 days apart and one planted pattern (ratio 2) that is the only one "
        "certified. The truth is what the chances of the judged rows give, frailty at its mean.",
        runs.rows_coverage_run,
        300,
        (
            Gate("rr", "risk ratio intervals that hold the truth", "within", 0.95, width=0.02),
            Gate("rd", "risk difference intervals that hold the truth", "within", 0.95, width=0.02),
            Gate("o_over_e", "O/E intervals that hold the truth", "within", 0.95, width=0.02),
            Gate("missed", "runs without the pattern", "<=", 0.05),
        ),
    ),
    Simulation(
        "leak",
        "6,000 entities; half of those that leave say so in the three days before the index.",
        runs.leak_run,
        10,
        (
            Gate("refused", "runs refused by name", ">=", 1.0),
            Gate("went_on", "runs that go on when the event is acknowledged, or absent", ">=", 1.0),
        ),
    ),
    *WINDOWS,
)
