"""Verdicts in words: what may be said of a pattern, and no more."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from seqmine.mining.flags import flags_of

if TYPE_CHECKING:
    from seqmine.mining.generalise import Generalisation
    from seqmine.mining.judged import Judged
    from seqmine.patterns import Pattern

__all__ = ["beyond", "sentence"]


SECOND_LOOKS: Final = {
    "own_events": "when its own events do not count as activity",
    "main_type": "when the most frequent type, by itself or with its own events, does not count as activity",
    "tenure": "among customers who are known for about as long (ten classes)",
    "calendar": "among customers with an index at about the same date",
    "busiest": "without the one percent of customers with the most events",
    "exposure": "beyond its simpler forms, among customers with as many of their events",
}


CAUTIONS: Final = {
    "names_the_outcome": "One of its steps is of a type that the outcome counts: who did it may do it again.",
    "silence_before_silence": "The outcome is a silence, and so is a part of this: it may have begun before the index.",
    "needed_for_the_outcome": "Nearly nobody without it has the outcome: it may be what makes that possible at all.",
    "all_but_the_outcome": "Nearly everybody with it has the outcome: it may say the same in other words.",
}


def sentence(judged: Judged, i: int) -> str:
    """What the rows that judged pattern i say of it."""
    verdict = judged.verdict[i]
    stand_in = _stand_in(judged.stands_for[i]) + _cautions(judged, i)
    if judged.certificate is None:
        return _small(judged, i, verdict) + stand_in
    if verdict == "untested":
        return "Not tested: too few customers have it, or too few of those like them do not, for any answer."
    certificate = judged.certificate
    shown = _effect(judged, i)
    if verdict == "validated":
        said = f"{shown}."
        if judged.explained[i] is not None:
            other = judged.chosen.patterns[judged.explained[i]]  # type: ignore[index]
            said += (
                f" It is not told apart from better patterns, {other} before all: beside those nothing more is shown."
            )
        return said + stand_in
    allowed = f"allowing for the {len(certificate.verdict)} patterns that were looked at"
    if certificate.effects.z[i] * judged.chosen.direction[i] < 0:
        return f"{shown}: it does not point the way it did where it was found."
    least, adds = certificate.least[i], certificate.p_productive[i] > certificate.p_effect[i]
    if least is not None and certificate.alone[i] and adds:
        lacking = f"Among customers with {least.pattern} nobody alike is known to lack this"
        return f"{lacking}, so what it adds cannot be told. {shown}."
    if least is not None and adds and certificate.p_productive[i] > judged.alpha:
        return f"It adds nothing beyond {beyond(judged.chosen.patterns[i], least)}. {shown}."
    guard = certificate.guard[i]
    if (
        verdict != "exploratory"
        and guard is not None
        and certificate.p_guards[i] > max(certificate.p_effect[i], certificate.p_productive[i])
    ):
        return f"{shown}; {SECOND_LOOKS[guard]}, it is not shown to be more than was asked for, {allowed}."
    if verdict == "exploratory":
        return (
            f"{shown}; that stands out (q = {certificate.q[i]:.2g}), but among {len(certificate.verdict)} patterns one "
            f"or more would stand out so far by chance too often (Holm p = {certificate.p_holm[i]:.2g}).{stand_in}"
        )
    if least is not None and adds:
        more = beyond(judged.chosen.patterns[i], least)
        return f"{shown}: not shown to add to {more}, {allowed}."
    return f"{shown}: not shown to be more than the smallest effect that was asked for, {allowed}."


def beyond(pattern: Pattern, simpler: Generalisation) -> str:
    """What a pattern adds nothing to."""
    if (
        len(simpler.pattern.steps) == 1
        and simpler.pattern.steps[0] == pattern.steps[0]
        and not simpler.pattern.absences
    ):
        return f"its first event, {simpler.pattern}"
    if simpler.merged:  # the sum of two gaps is exact, and no reading
        return f"what is left without {simpler.without}"
    return f"{simpler.pattern} (the same without {simpler.without})"


def _effect(judged: Judged, i: int) -> str:
    assert judged.certificate is not None
    effects = judged.certificate.effects
    where = "on customers never used to find it"
    held = f"Adjusted for {judged.held_equal}, this" if judged.held_equal else "This"
    if _is_numeric(judged, i):
        low, high = effects.difference.low[i], effects.difference.high[i]
        mean = f"{effects.difference.value[i]:+.3g} ({low:+.3g} to {high:+.3g})"
        return f"{held} pattern's mean difference is {mean} {where}"
    if math.isnan(effects.ratio.value[i]):
        return f"{held} pattern's effect cannot be estimated {where}"
    ratio = effects.ratio
    return f"{held} pattern's O/E is {ratio.value[i]:.2f} ({ratio.low[i]:.2f} to {ratio.high[i]:.2f}) {where}"


def _stand_in(column: str | None) -> str:
    if column is None:
        return ""
    return f" Among customers with the same {column} less than half of it is left, if any: it may only stand for that."


def _cautions(judged: Judged, i: int) -> str:
    flags = flags_of(judged, i)
    return "".join(f" {said}" for name, said in CAUTIONS.items() if name in flags)


def _is_numeric(judged: Judged, i: int) -> bool:
    assert judged.certificate is not None
    effects = judged.certificate.effects
    return math.isnan(effects.relative.value[i]) and not math.isnan(effects.difference.value[i])


def _small(judged: Judged, i: int, verdict: str) -> str:
    p = judged.p_family[i]
    if verdict == "untested":
        return "Not tested: it is not one of the untuned patterns that the permutations cover."
    ratio = judged.discovery.ratio
    found = f"O/E {ratio.value[i]:.2f} on the customers that it was found on, which flatter it"
    if judged.small is not None and (adds := judged.small.adds_nothing_to[i]) is not None:
        return f"It adds nothing beyond {beyond(judged.chosen.patterns[i], adds)}; {found}."
    if judged.small is not None and (guard := judged.small.guard[i]) is not None:
        return f"More than chance, but {SECOND_LOOKS[guard]} it is not; {found}."
    chance = f"the best of all patterns is as far from chance in {p:.2g} of the permutations"
    if verdict == "validated":
        alone = "and no others are left to estimate it on"
        return f"More than chance (Westfall-Young p = {p:.2g}: {chance}); {found}, {alone}."
    return f"Not more than chance (Westfall-Young p = {p:.2g}: {chance}); {found}."
