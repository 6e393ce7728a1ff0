"""One run each of the simulations that hold `scan_windows` to its statistics.

A run makes a world of known truth (tests/windows/worlds.py, which shares no code with seqmine), scans it through the
public door, and returns measures: name -> numbers that are pooled over runs. `tests/windows/test_acceptance.py` makes a
few runs, `tools/validate_statistics.py` as many as are asked for.
"""

from __future__ import annotations

from typing import Any

import seqmine as sm
from windows.worlds import ACTION, MOMENT, World, world

Measures = dict[str, list[float]]
LO, HI = 19.0, 37.0


def scanned(made: World, seed: int, **options: Any) -> list[dict[str, Any]]:
    """Rows of the result: a week of delays, 30 days of follow-up, everything else by default."""
    log = sm.EventLog.from_arrow(made.events, value="value", **made.reading)
    outcome = sm.Outcome.from_table(made.outcomes, horizon="30d")
    study = sm.Study(outcome, at="2024-01-01T00:00:00Z", seed=seed)
    wanted = sm.WindowOptions(**{"max_delay": "7d", "threads": 1, **options})
    return sm.scan_windows(log, MOMENT, ACTION, study, wanted).to_arrow().to_pylist()


def hours(row: dict[str, Any], lo: str = "lo", hi: str = "hi") -> tuple[float, float]:
    return tuple(row[name].total_seconds() / 3600 for name in (lo, hi))  # type: ignore[return-value]


def overlap(found: tuple[float, float], lo: float = LO, hi: float = HI) -> float:
    """Intersection over union."""
    return max(0.0, min(found[1], hi) - max(found[0], lo)) / (max(found[1], hi) - min(found[0], lo))


def claim(rows: list[dict[str, Any]]) -> bool:
    """The three-part claim: an effect, inside unlike outside, and a scan beyond chance."""
    return any(row["effective"] and row["timing"] for row in rows)


def planted_run(seed: int, n: int = 50_000, **recipe: Any) -> Measures:
    """A window of 19 to 37 hours. The first row's window, its effect against the truth of that window, its edges."""
    made = world(n, seed, **recipe)
    rows = scanned(made, seed)
    row = rows[0]
    measures: Measures = {"claimed": [claim(rows)], "identified": [row["status"] == "identified"]}
    if row["effect"] is None:
        return measures
    scan = hours(row, "scan_lo", "scan_hi") if row["scan_lo"] is not None else hours(row)
    truth = made.truth.att(*hours(row))
    measures |= {
        "bias": [row["effect"] - truth],
        "covered": [row["effect_low"] <= truth <= row["effect_high"]],
    }
    if abs(row["discovery_z"]) >= 5:
        measures["iou"] = [overlap(scan)]
    if row["naive_lo"] is not None:
        measures["naive"] = [overlap(hours(row, "naive_lo", "naive_hi"))]
    if row["lo_low"] is not None:
        for edge, true in (("lo", LO), ("hi", HI)):
            low, high = hours(row, f"{edge}_low", f"{edge}_high")
            measures.setdefault("edges", []).append(low <= true <= high)
    return measures


def null_run(seed: int, n: int = 20_000, **recipe: Any) -> Measures:
    """Nothing works (or the same at every delay). Any claim of a special window is an error."""
    made = world(n, seed, **recipe)
    rows = scanned(made, seed)
    return {
        "claimed": [claim(rows)],
        "timing": [any(row["timing"] for row in rows)],
        "effective": [any(row["effective"] for row in rows)],
    }


def hidden_run(seed: int, n: int = 20_000, hidden: float = 0.5, placebos: tuple[str, ...] = ("old_issue",)) -> Measures:
    """A trait that the log does not tell raises both; an old event goes with it. The action does nothing."""
    rows = scanned(world(n, seed, effect="none", hidden=hidden), seed, placebos=placebos)
    return {"identified": [row["status"] == "identified" for row in rows], "claimed": [claim(rows)]}


def automation_run(seed: int, n: int = 8_000, at: float = 24.0) -> Measures:
    """Everybody gets it at one delay."""
    rows = scanned(world(n, seed, automation=at), seed)
    return {
        "refused": [row["status"] == "not_identified" for row in rows],
        "reason": [row["reason"] == "deterministic_rule" for row in rows],
    }


def randomised_run(seed: int, n: int = 20_000, design: str = "delay") -> Measures:
    """Chance decided, by arm or by delay; the window is there all the same."""
    made = world(n, seed, randomised=design)
    given = sm.Randomised(delay="delay") if design == "delay" else sm.Randomised(arm="arm", control="none")
    row = scanned(made, seed, randomised=given)[0]
    truth = made.truth.att(*hours(row))
    return {
        "randomised": [row["status"] == "randomised"],
        "iou": [overlap(hours(row))],
        "bias": [row["effect"] - truth],
        "covered": [row["effect_low"] <= truth <= row["effect_high"]],
    }
