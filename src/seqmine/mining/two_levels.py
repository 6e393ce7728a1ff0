"""Where inside a parent pattern the outcome departs from what it is there: one choice among many intervals.

Leverage over all rows is right for pruning and poor for edges: among the rows that match the parent all may be above
(or below) the rest, so an interval that takes in more of them loses nothing, and its ends wander. Gaps and clock
conditions are therefore chosen *inside* their parent, by the fit of two levels, and kept only where the data pay for
the choice (STATISTICS D).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from seqmine.mining.parts import Part

__all__ = ["SIGNS", "Choice", "best_interval", "price", "weights"]

SIGNS: Final[dict[str, tuple[int, ...]]] = {"both": (1, -1), "raises": (1,), "lowers": (-1,)}
"""What each `MinerOptions.direction` looks for."""

_WEIGHT_BITS: Final = 48  # sums are exact as doubles too

Float64 = npt.NDArray[np.float64]


class Choice(NamedTuple):
    """The position of an interval, and by how much two levels fit better than one: a sum of squares of weights."""

    at: int
    gain: float


def weights(part: Part) -> npt.NDArray[np.int64]:
    """Outcomes less stratum means, ``(n_rows,)``, as integers whose sums are exact in any order."""
    residual = part.outcome - (part.total / np.maximum(part.n, 1))[part.stratum]
    total = float(np.abs(residual).sum())
    scale = min(2.0**30, 2.0**_WEIGHT_BITS / max(total + len(residual), 1.0))
    return np.rint(residual * scale).astype(np.int64)


def price(n_rows: Float64, n_choices: int) -> Float64:
    """What z^2 inside a parent of `n_rows` must exceed: one more rate, and one of `n_choices` chosen (STATISTICS D)."""
    return np.asarray(np.log(n_rows) + 2 * math.log(n_choices))


def best_interval(
    n_rows: Float64,
    weight: Float64,
    usable: npt.NDArray[np.bool_],
    n_all: float,
    weight_all: float,
    signs: Sequence[int],
) -> Choice | None:
    """The interval that departs most from the rest of its parent; None where none does.

    One mean inside and one outside fit the weights best with it: between them lies the largest sum of squares.

    Parameters
    ----------
    n_rows, weight
        Of each interval, ``(n_intervals,)``: rows of the parent that are in it, and the sum of their weights. Ties go
        to the first.
    usable
        Which may be chosen.
    n_all, weight_all
        The same of the parent.
    signs
        1 to look for high weights, -1 for low ones.
    """
    outside = n_all - n_rows
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = weight - weight_all * n_rows / n_all
        gain = np.where(usable & (outside >= 1), excess**2 * n_all / (n_rows * outside), 0.0)
    found = []
    for sign in signs:
        fit = np.where(sign * excess > 0, gain, 0.0)
        most = float(fit.max(initial=0.0))
        if most > 0:
            # Equal rows in another interval are the same fit, whatever rounding makes of it.
            at = int(np.argmax(fit >= most * (1 - 1e-12)))
            found.append((sign * float(weight[at]), Choice(at, most)))
    # An interval and what it leaves out differ from the parent alike: the one that departs from all rows is meant.
    best = max(found, key=lambda pair: pair[0], default=None)
    return None if best is None else best[1]
