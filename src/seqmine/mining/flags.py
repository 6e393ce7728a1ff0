"""What a reader of a pattern must know besides its verdict."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from seqmine.mining.leak_findings import MOST_CONFIDENCE, MOST_LIFT

if TYPE_CHECKING:
    from seqmine.mining.judged import Judged

__all__ = ["flags_of"]

_FEW_OUTSIDE: Final = 0.02
_MANY_OUTSIDE: Final = 0.20


def flags_of(judged: Judged, i: int) -> list[str]:
    """Of pattern i, in a fixed order."""
    return [name for name, holds in _FLAGS.items() if holds(judged, i)]


def _small(judged: Judged, i: int) -> bool:
    return judged.certificate is None


def _explained(judged: Judged, i: int) -> bool:
    return judged.explained[i] is not None


def _stands_for(judged: Judged, i: int) -> bool:
    return judged.stands_for[i] is not None


def _names_the_outcome(judged: Judged, i: int) -> bool:
    """A step is of an event type that the outcome counts: who did it once may do it again."""
    outcome = judged.outcome
    if outcome is None or outcome.selector is None or outcome.measure == "no":
        return False
    return any(set(step.selector.types) & set(outcome.selector.types) for step in judged.chosen.patterns[i].steps)


def _silence(judged: Judged, i: int) -> bool:
    """The outcome is a silence and so is a part of the pattern: it may have begun before the index."""
    return judged.outcome is not None and judged.outcome.measure == "no" and bool(judged.chosen.patterns[i].absences)


def _needed(judged: Judged, i: int) -> bool:
    """Nearly nobody without it has the outcome, though many rows lack it: it may be what makes that possible."""
    effects = judged.effects
    outside = judged.n_rows - int(effects.n_matched[i])
    if outside < _MANY_OUTSIDE * judged.n_rows or not judged.n_positive or effects.total[i] <= 0:
        return False
    return bool(judged.n_positive - effects.total[i] <= _FEW_OUTSIDE * judged.n_positive)


def _all_but_the_outcome(judged: Judged, i: int) -> bool:
    """By the rule of leak alarms, which look at single events."""
    effects = judged.effects
    if not judged.n_positive or math.isnan(effects.confidence[i]):
        return False
    return bool(
        effects.confidence[i] > MOST_CONFIDENCE
        and effects.lift[i] > min(MOST_LIFT, MOST_CONFIDENCE / effects.base_rate)
    )


def _vanishes(judged: Judged, i: int) -> bool:
    """The crude rates differ by a tenth or more where, within strata, nothing is left."""
    relative, crude = judged.effects.relative, float(judged.effects.lift[i])
    if math.isnan(relative.value[i]) or math.isnan(relative.low[i]):
        return False
    inside = relative.low[i] <= 1.0 <= relative.high[i]
    return bool(inside and not math.isnan(crude) and abs(math.log(max(crude, 1e-9))) > math.log(1.1))


def _turns(judged: Judged, i: int) -> bool:
    """The crude rate lies on the other side of the base rate than the whole interval within strata."""
    relative, crude = judged.effects.relative, float(judged.effects.lift[i])
    return bool((relative.low[i] > 1.0 and crude < 1.0) or (relative.high[i] < 1.0 and crude > 1.0))


def _changes_later(judged: Judged, i: int) -> bool:
    """The intervals of the effect at the later index and in the rows that judged have no common point."""
    if judged.later is None:
        return False
    now, then = judged.effects.ratio, judged.later.ratio
    if math.isnan(now.low[i]):
        now, then = judged.effects.difference, judged.later.difference
    # False where an end is NaN: nothing is known of the later rows.
    return bool(then.high[i] < now.low[i] or then.low[i] > now.high[i])


def _clock_in_utc(judged: Judged, i: int) -> bool:
    conditions = judged.chosen.patterns[i].steps[-1].selector.conditions
    return judged.utc and any(c.field in ("hour", "weekday") and not c.attribute for c in conditions)


_FLAGS: Final[dict[str, Callable[[Judged, int], bool]]] = {
    "selected_no_independent_estimate": _small,
    "explained_by_another": _explained,
    "stands_for_a_column": _stands_for,
    "names_the_outcome": _names_the_outcome,
    "silence_before_silence": _silence,
    "needed_for_the_outcome": _needed,
    "all_but_the_outcome": _all_but_the_outcome,
    "tie_sensitive": lambda judged, i: judged.on_ties[i],
    "identity_sensitive": lambda judged, i: judged.on_busiest[i],
    "vanishes_within_strata": _vanishes,
    "turns_within_strata": _turns,
    "changes_out_of_time": _changes_later,
    "clock_in_utc": _clock_in_utc,
}
