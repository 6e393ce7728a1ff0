"""Findings in words that a reader can act on, or is kept from acting on."""

from __future__ import annotations

import math

from seqmine._text import format_duration, format_number
from seqmine.windows.effects import e_value
from seqmine.windows.findings import Finding, e_of_interval

__all__ = ["delay_text", "statement"]

_HOUR = 3_600_000_000


def delay_text(us: int) -> str:
    """A delay in hours up to a week, then in the largest exact unit."""
    if us % _HOUR == 0 and us < 169 * _HOUR:
        return f"{us // _HOUR}h"
    return format_duration(us)


def statement(finding: Finding) -> str:
    """One or two sentences; see STATUSES for how strong their verbs may be."""
    if finding.reason is not None:
        return _cannot(finding)
    parts = [_effect(finding)]
    if "thin_window" in finding.flags and finding.thin is not None:
        lo, hi, why = finding.thin
        parts.append(f"Delays between {delay_text(lo)} and {delay_text(hi)} stand out, but {why}.")
    if not finding.effective:
        return " ".join(parts)
    if finding.status == "associational":
        parts.append(_doubt(finding))
    elif not finding.timing:
        parts.append(_no_timing(finding))
    if not finding.randomised and not finding.numeric and finding.estimate is not None:
        parts.append(_strength(finding))
    if finding.follows is not None:
        name, share, expected = finding.follows
        parts.append(
            f"{name} comes at the time of {share:.0%} of them or within the hour after ({expected:.0%} of the others), "
            f"and they carry the effect: {finding.action} may be how {name} came to be recorded, or what {name} "
            "brought about, not its cause."
        )
    if finding.status == "weak":
        parts.append(f"Weak: {', '.join(_plain(flag) for flag in finding.flags if flag != 'thin_window')}.")
    elif "fragile" in finding.flags:
        parts.append(f"Fragile: {_plain('fragile')}.")
    return " ".join(part for part in parts if part)


def _cannot(finding: Finding) -> str:
    if finding.reason == "inbound_action":
        return f"Cannot be learned from this log because the action is not the company's own: {finding.detail}."
    text = f"Cannot be learned from this log because {finding.detail}."
    if finding.n_per_arm is not None:
        drawn = "Arms of" if finding.randomised else "A randomised delay (or arm) with"
        rows = f"{finding.n_per_arm:,} rows" + ("" if finding.randomised else " in each arm")
        text += f" {drawn} {rows} would show a change of {_size(finding, finding.detectable)}."
    return text


def _size(finding: Finding, effect: float) -> str:
    return format_number(abs(effect)) if finding.numeric else f"{100 * abs(effect):.1f} pp"


def _when(finding: Finding) -> str:
    if finding.drawn:
        return f"as drawn ({finding.drawn})"
    if finding.at_once == 0 and finding.width is not None:
        return f"within {delay_text(finding.width)} of the moment"
    if finding.at_once is not None:
        return f"{delay_text(finding.at_once)} after the moment"
    if not finding.has_window or finding.lo is None or finding.hi is None:
        return "at any delay looked at"
    near = "" if finding.resolution is None else f" (edges about ±{delay_text(finding.resolution)})"
    return f"between {delay_text(finding.lo)} and {delay_text(finding.hi)}{near}"


def _effect(finding: Finding) -> str:
    estimate = finding.estimate
    assert estimate is not None
    low, high = estimate.interval
    interval = f"{100 * low:+.1f} to {100 * high:+.1f} pp"
    if finding.numeric:
        interval = f"{format_number(low, signed=True)} to {format_number(high, signed=True)}"
    counts = (
        f"n={estimate.n:,}, mean {format_number(estimate.observed / estimate.n)}, "
        f"expected {format_number(estimate.expected / estimate.n)}"
        if finding.numeric
        else f"n={estimate.n:,}, {estimate.observed:,.0f} observed, {estimate.expected:,.0f} expected of rows of "
        f"the same kind {'in the control arm' if finding.drawn else 'at the same delay without it'}"
    )
    if not finding.effective:
        text = (
            f"No effect of {finding.action} {_when(finding)} is shown: {_signed(finding, estimate.effect)} "
            f"({interval}; {counts})."
        )
        if low <= 0.0 <= high:
            return text
        if finding.searched and finding.found is not None and finding.found.effect * estimate.effect < 0:
            return text + " The half that searched shows the opposite."
        return text + " By itself it would be beyond chance; among all that was looked at it is not."
    side = "less" if estimate.effect < 0 else "more"
    verb = {
        "randomised": "made for",
        "identified": "went with",
        "weak": "went with",
        "associational": "went along with",
    }
    rest = "" if finding.randomised else " than acting later or not at all"
    return (
        f"{finding.action} {_when(finding)} {verb[finding.status]} {_size(finding, estimate.effect)} {side} of "
        f"{finding.outcome}{rest} ({interval}; {counts})."
    )


def _signed(finding: Finding, effect: float) -> str:
    return format_number(effect, signed=True) if finding.numeric else f"{100 * effect:+.1f} pp"


def _no_timing(finding: Finding) -> str:
    if finding.drawn:
        return "It is the effect of the draw, whenever the action came; of single delays nothing is known."
    if finding.at_once is not None:
        return "It always came at one delay, so nothing is known of others."
    if not finding.has_window:
        return "That its timing matters is not shown."
    if finding.clock_bound:
        return "The delay cannot be told from the hours of the day at which it was done."
    return "That this delay is special is not shown."


def _doubt(finding: Finding) -> str:
    for flag in finding.flags:
        if flag.startswith("placebo:"):
            return (
                f"This is no effect to count on: the action also seems to change {flag[8:]}, which it cannot have "
                "changed, so those who got it were others to begin with."
            )
    if finding.silent is not None:
        hours, silent, seen = finding.silent
        return (
            f"This is no effect to count on: it is {_signed(finding, silent.effect)} for those of whom nothing had "
            f"been seen for {hours:.0f} hours, and {_signed(finding, seen.effect)} for the others. It may need those "
            "who are still there, while some of those it is compared with have left unseen."
        )
    return "This is no effect to count on: it turns round when the first days after the action are left out."


def _strength(finding: Finding) -> str:
    estimate = finding.estimate
    assert estimate is not None
    ratio = estimate.ratio[0]
    if math.isnan(ratio):
        return ""
    text = f"Observational, E-value {e_value(ratio):.2f} ({e_of_interval(estimate):.2f} for the interval)"
    if finding.benchmark is not None:
        text += (
            f"; leaving out {finding.benchmark[0]}, which is measured, moves the ratio by {finding.benchmark[1]:.2f}"
        )
    return text + "."


def _plain(flag: str) -> str:
    name, _, what = flag.partition(":")
    return {
        "little_overlap": "some of the treated have nobody to be compared with",
        "imbalance": f"treated and controls differ in {what}",
        "co_intervention": f"{what} goes with it",
        "no_placebo": "there was nothing to try it on that it cannot have changed",
        "follows_at_once": f"{what} with it or right after it carries the effect",
        "office_hours": "its delay cannot be told from the hours of the day",
        "fragile": "a weak hidden confounder could make it up",
    }.get(name, flag.replace("_", " "))
