"""What is known of one moment, action and window, and the status that follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from seqmine.windows.effects import Estimate, e_value

__all__ = ["REASONS", "STATUSES", "Finding", "status_of"]

STATUSES = ("randomised", "identified", "weak", "associational", "not_identified")
REASONS = ("no_overlap", "too_few", "no_variation", "censored", "inbound_action", "deterministic_rule")

FEWEST_TREATED = 100
FEWEST_EXPECTED = 20.0
GOOD_OVERLAP, LEAST_OVERLAP = 0.9, 0.7
MOST_IMBALANCE, LARGE_IMBALANCE = 0.1, 0.25
MOST_CO_INTERVENTION = 0.3
FRAGILE = 1.25
SRM_LEVEL = 0.001


@dataclass(kw_only=True)
class Finding:
    """One row of the result; what was not looked at is None. Durations in microseconds."""

    moment: str
    action: str
    window: int = 1
    reason: str | None = None
    detail: str = ""
    randomised: bool = False
    numeric: bool = False
    outcome: str = ""
    n_rows: int = 0
    n_discovery_rows: int = 0
    searched: bool = True
    drawn: str = ""
    width: int | None = None
    step: int = 1
    follow: int | None = None
    lo: int | None = None
    hi: int | None = None
    has_window: bool = False
    estimate: Estimate | None = None
    found: Estimate | None = None
    outside: Estimate | None = None
    whole: Estimate | None = None
    delta: float = math.nan
    delta_se: float = math.nan
    p_delta: float = math.nan
    p_holm: float = math.nan
    p_scan: float = math.nan
    scan: tuple[int, int] | None = None
    thin: tuple[int, int, str] | None = None
    edges: tuple[int, int, int, int] | None = None
    resolution: int | None = None
    overlap: float = math.nan
    balance: tuple[str, float] | None = None
    fair: float = 0.0
    placebo: tuple[str, float] | None = None
    protopathic: int | None = None
    looked_protopathic: bool = False
    benchmark: tuple[str, float] | None = None
    co_intervention: tuple[str, float] | None = None
    clock: tuple[float, float, float] | None = None
    follows: tuple[str, float, float] | None = None
    silent: tuple[float, Estimate, Estimate] | None = None
    at_once: int | None = None
    naive: tuple[int, int, float] | None = None
    n_per_arm: int | None = None
    detectable: float = math.nan
    status: str = "not_identified"
    effective: bool = False
    timing: bool = False
    flags: list[str] = field(default_factory=list)

    @property
    def clock_bound(self) -> bool:
        """Whether the window may be hours of the day rather than delays: no contrast is left among equal hours."""
        if self.clock is None or math.isnan(self.delta):
            return False
        delta, p, share = self.clock
        return share < 0.5 or math.isnan(p) or p > 0.1 or delta * self.delta <= 0


def status_of(finding: Finding, alpha: float) -> tuple[str, list[str]]:
    """The status, and flags that say what spoke against a better one.

    ``not_identified`` with a reason; ``associational`` where a placebo fails, or an effect on a silence is that of
    those who were silent already, or the effect turns when the first days are blanked; ``weak`` where fewer than 90 %
    of the treated have controls, a column differs by 0.1 standard deviations or more (and beyond chance, or by 0.25),
    another action goes with this one, an event right after the action carries its effect, no placebo could be looked
    at, or the hours of the day cannot be told from the delay; ``randomised`` where chance decided; else ``identified``.
    """
    flags = list(finding.flags)
    if finding.reason is not None:
        return "not_identified", flags
    associational, weak = False, False
    # Chance that decided is doubted only where a placebo would hardly ever fail by itself.
    doubt = min(alpha, SRM_LEVEL) if finding.randomised else alpha
    if finding.placebo is None and not finding.randomised:
        flags.append("no_placebo")
        weak = True
    if finding.placebo is not None and finding.placebo[1] <= doubt:
        flags.append(f"placebo:{finding.placebo[0]}")
        associational = True
    if finding.silent is not None:
        flags.append("carried_by_the_silent")
        associational = True
    if finding.protopathic is not None and finding.p_holm <= alpha:
        flags.append("turns_when_blanked")
        associational = True
    if finding.overlap < GOOD_OVERLAP:
        flags.append("little_overlap")
        weak = True
    # Of few rows the worst of many columns differs by more than 0.1 by chance alone.
    most = max(MOST_IMBALANCE, finding.fair)
    if not finding.randomised:
        most = min(most, LARGE_IMBALANCE)
    if finding.balance is not None and abs(finding.balance[1]) >= most:
        flags.append(f"imbalance:{finding.balance[0]}")
        weak = True
    if finding.co_intervention is not None and finding.co_intervention[1] > MOST_CO_INTERVENTION:
        flags.append(f"co_intervention:{finding.co_intervention[0]}")
        weak = True
    if finding.follows is not None:
        flags.append(f"follows_at_once:{finding.follows[0]}")
        weak = True
    if finding.has_window and finding.clock_bound:
        flags.append("office_hours")
        weak = True
    if finding.effective and not finding.randomised and finding.estimate is not None and not finding.numeric:
        limit = e_of_interval(finding.estimate)
        if limit < FRAGILE:
            flags.append("fragile")
    if finding.drawn:
        flags.append("intention_to_treat")
    if finding.thin is not None and not finding.has_window:
        flags.append("thin_window")
    if associational:
        return "associational", flags
    if weak:
        return "weak", flags
    return ("randomised" if finding.randomised else "identified"), flags


def e_of_interval(estimate: Estimate) -> float:
    """The E-value of the limit nearer to no effect; 1 where the interval has no effect in it."""
    ratio, low, high = estimate.ratio
    if math.isnan(ratio):
        return math.nan
    if low <= 1.0 <= high:
        return 1.0
    return e_value(low if ratio > 1.0 else high)
