"""How the patterns of a study are judged: options, checked once at the public door."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from seqmine._text import did_you_mean
from seqmine.errors import ParameterError
from seqmine.mining.strata import DEFAULT_KINDS, KINDS

__all__ = ["ADJUSTMENTS", "EvidenceOptions"]

ADJUSTMENTS: Final = DEFAULT_KINDS
MAX_SHORTLIST: Final = 200
MAX_PERMUTATIONS: Final = 65_535


@dataclass(frozen=True, kw_only=True)
class EvidenceOptions:
    """How `mine` judges the patterns of a study.

    Parameters
    ----------
    alpha
        Family-wise error rate of ``validated`` (Holm), and false discovery rate of ``exploratory``.
    min_effect
        The risk ratio that a pattern must beat is 1 + this (raising) or 1 / (1 + this) (lowering). With millions of
        entities every difference is "significant": this is what makes a finding worth having.
    shortlist
        Patterns that are taken to the estimation half, at most 200.
    adjust
        What every comparison holds equal, besides the ``strata`` of `MinerOptions`: ``activity`` (how many events the
        row may see) and ``tenure`` by default, and ``calendar`` (the date of the index). ``()`` compares with all, and
        then busy entities make every pattern a finding.
    segments
        Columns of the labels, or text attributes as of the index, by which effects are shown apart
        (`StudyResult.segments`).
    correction
        Of the q-values: ``bh`` (Benjamini & Hochberg 1995) or ``by`` (Benjamini & Yekutieli 2001, any dependence).
    permutations
        Of the Westfall-Young test.
    westfall_young
        ``"auto"``: the certificate of small data, and beside the split a diagnostic where it costs little; True:
        always; False: never (small data are then refused).
    small_data
        With fewer positive, or negative, rows than this there is no split: Westfall-Young judges all rows.
    clock
        Look for the hours and weekdays at which a pattern's completion counts.
    acknowledge
        Event types, and steps such as ``*{plan=gone}``, whose leak alarm is known and accepted: the names that the
        alarm prints.

    Raises
    ------
    ParameterError
        An option has a value that cannot be used.

    Examples
    --------
    >>> EvidenceOptions(min_effect=0.2).alpha
    0.05
    """

    alpha: float = 0.05
    min_effect: float = 0.10
    shortlist: int = MAX_SHORTLIST
    adjust: Sequence[str] = ADJUSTMENTS
    segments: Sequence[str] = ()
    correction: str = "bh"
    permutations: int = 1023
    westfall_young: bool | str = "auto"
    small_data: int = 400
    clock: bool = True
    acknowledge: Sequence[str] = ()

    def __post_init__(self) -> None:
        _check_number("alpha", self.alpha, above=0.0, below=1.0)
        _check_number("min_effect", self.min_effect, above=-1e-300, below=math.inf)
        _check_count("shortlist", self.shortlist, 1, MAX_SHORTLIST)
        _check_count("permutations", self.permutations, 19, MAX_PERMUTATIONS)
        _check_count("small_data", self.small_data, 0, 2**31 - 1)
        for name in ("adjust", "segments", "acknowledge"):
            object.__setattr__(self, name, _names(name, getattr(self, name)))
        for name in self.adjust:
            _check_word("adjust", name, KINDS)
        _check_word("correction", self.correction, ("bh", "by"))
        if self.westfall_young not in ("auto", True, False):
            raise ParameterError(f"westfall_young is 'auto', True or False, not {self.westfall_young!r}")
        if not isinstance(self.clock, bool):
            raise ParameterError(f"clock is True or False, not {self.clock!r}")


def _check_number(name: str, value: object, *, above: float, below: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not above < value < below:
        upper = "" if math.isinf(below) else f" and below {below:g}"
        raise ParameterError(f"{name} must be a number {'from 0' if above < 0 else 'above 0'}{upper}, not {value!r}")


def _check_count(name: str, value: object, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ParameterError(f"{name} is a whole number from {least} to {most}, not {value!r}")


def _check_word(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        near = did_you_mean(value, known)
        raise ParameterError(
            f"{name}: {value!r} is none of those known",
            hint=f"did you mean {near!r}?" if near else "one of " + ", ".join(known),
        )


def _names(name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ParameterError(f"{name} is a list of names, not {value!r}", hint=f"write {name}=('plan',)")
    if not all(isinstance(item, str) and item for item in value):
        raise ParameterError(f"{name} is a list of names, not {value!r}")
    return tuple(dict.fromkeys(value))
