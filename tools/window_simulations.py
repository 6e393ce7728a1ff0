"""The simulations of windows: what is run, how often, and the targets."""

from __future__ import annotations

import sys

from gates import ROOT, Gate, Simulation

sys.path.insert(0, str(ROOT / "tests"))

import window_runs as runs

WORLD = (
    "calls after a second purchase go to those at risk and to those who complained; half of all leave within "
    "a week, so "
    "that whoever is called late has stayed (immortal time)"
)
EXACT = (
    Gate("bias", "mean error of the effect in the window found", "within", 0.0, width=0.01),
    Gate("covered", "95 % intervals that hold the truth", "within", 0.95, width=0.02),
)
FOUND = Gate("iou", "intersection over union with the true window, median over runs with discovery z of 5 or more",
             ">=", 0.80, median=True)  # fmt: skip
CLAIMED = Gate("claimed", "runs with the three-part claim (effect, timing, scan)", "<=", 0.05)
TIMING = Gate("timing", "runs in which timing is claimed", "<=", 0.05)

WINDOWS = (
    Simulation(
        "windows, planted",
        f"50,000 entities: {WORLD}. A call between 19 and 37 hours takes 12 points off the churn of the 30 days after "
        "it.",
        runs.planted_run,
        1_000,
        (
            Gate("iou", "intersection over union with the true window (median)", ">=", 0.95, median=True),
            *EXACT,
            # A placebo test at 5 % rejects in one run of twenty by chance, and nothing is claimed then.
            Gate("claimed", "runs with the three-part claim", ">=", 0.90),
            Gate("edges", "edge intervals that hold the true edge", ">=", 0.85),
            Gate("naive", "intersection over union of the naive answer (median)", "<=", 0.10, median=True),
        ),
    ),
    Simulation(
        "windows, planted in a smaller log",
        f"20,000 entities: {WORLD}. The same window.",
        runs.planted_run,
        200,
        (FOUND, *EXACT, Gate("edges", "edge intervals that hold the true edge", ">=", 0.85)),
        {"n": 20_000},
    ),
    Simulation(
        "windows, a weak one",
        f"20,000 entities: {WORLD}. The window takes 7 points off.",
        runs.planted_run,
        200,
        (FOUND, *EXACT),
        {"n": 20_000, "size": -0.25},
    ),
    Simulation(
        "windows, null",
        f"20,000 entities: {WORLD}. The call does nothing at any delay.",
        runs.null_run,
        200,
        (CLAIMED, TIMING, Gate("effective", "runs in which any effect is claimed", "<=", 0.05)),
        {"effect": "none"},
    ),
    Simulation(
        "windows, equal at all delays",
        f"20,000 entities: {WORLD}. The call does the same at every delay.",
        runs.null_run,
        200,
        (TIMING, Gate("effective", "runs in which the effect is claimed", ">=", 0.80)),
        {"effect": "constant"},
    ),
    Simulation(
        "windows, office hours",
        f"20,000 entities: {WORLD}. Calls come at working hours, and who purchases in the evening leaves "
        "sooner. The call "
        "does nothing.",
        runs.null_run,
        100,
        (CLAIMED, TIMING),
        {"effect": "none", "office_hours": True},
    ),
    Simulation(
        "windows, hidden confounder",
        f"20,000 entities: {WORLD}. A trait that nothing tells raises calls and leaving; an old event goes "
        "with it and is "
        "declared as a placebo. The call does nothing.",
        runs.hidden_run,
        100,
        (Gate("identified", "runs that call it identified", "<=", 0.10), CLAIMED),
    ),
    Simulation(
        "windows, everybody at 24 hours",
        "8,000 entities, all of which are called exactly 24 hours after the purchase.",
        runs.automation_run,
        60,
        (
            Gate("refused", "runs that say not_identified", ">=", 1.0),
            Gate("reason", "runs that name the rule", ">=", 1.0),
        ),
    ),
    *(
        Simulation(
            f"windows, randomised {design}",
            f"20,000 entities whose {design} was drawn by lot and is declared; the window is there all the same.",
            runs.randomised_run,
            60,
            (Gate("randomised", "runs that say randomised", ">=", 0.95), *EXACT),
            {"design": design},
        )
        for design in ("arm", "delay")
    ),
)
