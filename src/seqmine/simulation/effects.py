"""The true effect of an action by delay: counts over the worlds of those upon whom it was taken."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqmine._text import parse_duration
from seqmine.errors import ParameterError
from seqmine.simulation.actions import PlantedAction
from seqmine.simulation.moments import OUTCOMES
from seqmine.simulation.world import FACTUAL, N_OUTCOMES, UNTREATED, USUAL, VIP

__all__ = ["COUNTS", "ActionEffect", "ActionTruth", "Rows", "tally"]

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

CONTRASTS: Final = ("vs_usual", "vs_none")
_PAIRED: Final = ("n_free", "n_events", "n_both", "n_both_events", "n_both_other_events", "n_both_twice_events")
COUNTS: Final = ("n_treated", "n_events", *(f"{name}_{contrast}" for contrast in CONTRASTS for name in _PAIRED))
"""What is counted in each bin of delays.

``n_treated`` are outcome-free at the bin's end, and ``n_events`` of them have the outcome in the follow-up. In the
other world ``n_free`` and ``n_events`` are the same; ``n_both`` are free in both, and of these the outcome follows
here, there, and in both worlds.
"""
_DURATION: Any = pa.duration("us")


@dataclass(frozen=True)
class ActionEffect:
    """The true effect of the first action within a window, on those upon whom it was taken there.

    Attributes
    ----------
    vs_usual
        Risk of the outcome in the follow-up after the action's bin, less that in the world in which the bin passes
        without it and usual care goes on.
    vs_none
        The same, less that in the world in which no action ever follows.
    se_vs_usual, se_vs_none
        Their standard errors, as the worlds are those of a sample.
    n_treated
        How many were treated, and outcome-free at their bin's end.
    """

    vs_usual: float
    vs_none: float
    se_vs_usual: float
    se_vs_none: float
    n_treated: int


@dataclass(frozen=True, eq=False)
class ActionTruth:
    """One action, and what it does.

    Attributes
    ----------
    name, moment
        Its event type, and the planted moment that it follows.
    bin_width, max_delay, follow_up
        Microseconds; those of its `PlantedAction`.
    n_treated
        Instances upon which it was taken.
    counts
        Outcome -> counts by bin, (n_bins, 14), in the order of `COUNTS`.
    """

    name: str
    moment: str
    bin_width: int
    max_delay: int
    follow_up: int
    n_treated: int
    counts: Mapping[str, Int64]

    def curve(self, outcome: str) -> pa.Table:
        """Return the true effect by delay, one row a bin; see `Truth.effect_curve`."""
        counts = self.counts[outcome]
        edges = np.arange(len(counts) + 1) * self.bin_width
        columns: dict[str, Any] = {
            "lo": pa.array(edges[:-1], _DURATION),
            "hi": pa.array(edges[1:], _DURATION),
            "n_treated": counts[:, 0],
            "risk": _shares(counts[:, 1], counts[:, 0]),
        }
        for contrast in CONTRASTS:
            effect, error = _contrast(counts, contrast)
            columns |= {f"att_{contrast}": effect, f"se_{contrast}": error}
        return pa.table({name: pa.array(column, from_pandas=True) for name, column in columns.items()})

    def effect(self, outcome: str, lo: int, hi: int) -> ActionEffect:
        """Return the mean over the bins of ``[lo, hi)``, weighted with the treated."""
        if not 0 <= lo < hi <= self.max_delay or lo % self.bin_width or hi % self.bin_width:
            raise ParameterError(
                f"[lo, hi) are whole bins of {self.bin_width / 3.6e9:g}h up to {self.max_delay / 3.6e9:g}h",
                hint='as in truth.att("csm_call", "19h", "37h")',
            )
        counts = self.counts[outcome][lo // self.bin_width : hi // self.bin_width]
        n = counts[:, 0]
        found: dict[str, float] = {}
        for contrast in CONTRASTS:
            effect, error = _contrast(counts, contrast)
            known = np.isfinite(effect)
            total = n[known].sum()
            found[contrast] = float((n * effect)[known].sum() / total) if total else math.nan
            found[f"se_{contrast}"] = float(np.sqrt(((n * error)[known] ** 2).sum()) / total) if total else math.nan
        return ActionEffect(**found, n_treated=int(n.sum()))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON: counts, and for a reader the effects, too."""
        effects = {}
        for outcome, counts in self.counts.items():
            columns = {name: counts[:, i].tolist() for i, name in enumerate(COUNTS)}
            for contrast in CONTRASTS:
                for name, values in zip(("att", "se"), _contrast(counts, contrast), strict=True):
                    columns[f"{name}_{contrast}"] = [float(x) if math.isfinite(x) else None for x in values]
            effects[outcome] = columns
        return {
            "name": self.name,
            "moment": self.moment,
            "bin_width": self.bin_width,
            "max_delay": self.max_delay,
            "follow_up": self.follow_up,
            "n_treated": self.n_treated,
            "effects": effects,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ActionTruth:
        """Rebuild from `to_dict`: from the counts alone."""
        counts = {
            outcome: np.array([columns[name] for name in COUNTS], np.int64).T.reshape(-1, len(COUNTS))
            for outcome, columns in values["effects"].items()
        }
        rest = {name: int(values[name]) for name in ("bin_width", "max_delay", "follow_up", "n_treated")}
        return cls(values["name"], values["moment"], counts=counts, **rest)

    @classmethod
    def of(cls, action: PlantedAction, n_treated: int, counts: Int64) -> ActionTruth:
        """Put the counts (3, n_bins, 14) of an action together with what it is."""
        return cls(
            action.name,
            action.moment,
            parse_duration(action.bin_width),
            parse_duration(action.max_delay),
            parse_duration(action.follow_up),
            n_treated,
            {outcome: counts[k] for k, outcome in enumerate(OUTCOMES)},
        )


class Rows(NamedTuple):
    """Instances upon which one action was taken: microseconds each, ``worlds`` (n, 3 worlds, 3 outcomes)."""

    ready: Int64
    time: Int64
    worlds: Int64
    followed: Int64


def tally(action: PlantedAction, rows: Rows) -> Int64:
    """Count the worlds of an action: (3 outcomes, n_bins, 14).

    Only instances that are followed to the end of the last bin's follow-up count, so that those of all bins are alike.
    """
    width, follow_up = parse_duration(action.bin_width), parse_duration(action.follow_up)
    cohort = rows.ready + parse_duration(action.max_delay) + follow_up <= rows.followed
    ready, time, worlds, _ = (column[cohort] for column in rows)
    bins = (time - ready) // width
    landmark = ready + (bins + 1) * width
    found = np.zeros((N_OUTCOMES, action.n_bins, len(COUNTS)), np.int64)
    for k in range(N_OUTCOMES):
        times = worlds[:, :, k]
        asked = times[:, FACTUAL] >= ready if k == VIP else np.ones(len(ready), np.bool_)
        free = (times >= landmark[:, None]) & asked[:, None]
        event = free & (times < (landmark + follow_up)[:, None])
        columns = [free[:, FACTUAL], event[:, FACTUAL]]
        for other in (USUAL, UNTREATED):
            both = free[:, FACTUAL] & free[:, other]
            here, there = both & event[:, FACTUAL], both & event[:, other]
            columns += [free[:, other], event[:, other], both, here, there, here & there]
        for i, chosen in enumerate(columns):
            found[k, :, i] = np.bincount(bins[chosen], minlength=action.n_bins)
    return found


def _contrast(counts: Int64, contrast: str) -> tuple[Float64, Float64]:
    """Return effect and standard error by bin; NaN where one of the worlds has nobody.

    The two means are over nearly the same instances. The error is that of the difference of two ratios: the root of the
    sum of squares of what each instance adds to it.
    """
    n1, e1 = counts[:, 0], counts[:, 1]
    n0, e0, n, here, there, twice = counts[:, 2 + 6 * CONTRASTS.index(contrast) :][:, :6].T
    m1, m0 = _shares(e1, n1), _shares(e0, n0)
    with np.errstate(divide="ignore", invalid="ignore"):
        own = n1 * m1 * (1 - m1) / n1**2 + n0 * m0 * (1 - m0) / n0**2
        shared = (twice - m0 * here - m1 * there + n * m1 * m0) / (n1 * n0)
        # Equal worlds give an exact 0, and rounding must not take it below.
        error = np.sqrt(np.maximum(own - 2 * shared, 0.0))
    same = (n1 == n0) & (n == n1) & (e1 == e0) & (twice == e1)
    return np.where(same & (n1 > 0), 0.0, m1 - m0), np.where(same & (n1 > 0), 0.0, error)


def _shares(events: Int64, n: Int64) -> Float64:
    shares: Float64 = np.full(len(n), np.nan)
    np.divide(events, n, out=shares, where=n > 0)
    return shares
