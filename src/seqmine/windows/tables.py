"""Observed minus expected: what the treated of each delay bin did beyond untreated rows of the same bin and stratum."""

# mypy: allow-untyped-calls

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from seqmine.windows.chunks import over_chunks
from seqmine.windows.outcome_bins import OutcomeSteps
from seqmine.windows.strata import Pieces

__all__ = ["ALWAYS", "FEWEST_CONTROLS", "Arms", "Cells", "CountTables", "Curve", "count_tables"]

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

FEWEST_CONTROLS: Final = 5
"""Cells with fewer are dropped, and their treated are counted as lost."""

ALWAYS: Final = 0.9
"""A bin in which a larger share of those at risk is treated has nobody to compare with."""


@dataclass(frozen=True, eq=False)
class Arms:
    """Who is treated when.

    Attributes
    ----------
    stop : (n_rows,) int64
        First bin in which a row is no control any more: that of its action, or the number of bins.
    treated, bins : (n_treated,) int64
        Positions of the treated rows, ascending, and the bins of their actions.
    """

    stop: Int64
    treated: Int64
    bins: Int64


@dataclass(frozen=True, eq=False)
class CountTables:
    """Whole-number sums, which parts of a log add up to: (strata, bins, 4) of number, y, r and r squared.

    ``y`` is the outcome and ``r = y - expected``, both times scale. ``controlled``: chance chose the controls, so that
    few of them are no rule by which all but everyone is treated.
    """

    treated: Int64
    control: Int64
    scale: float
    controlled: bool = False

    def __add__(self, other: CountTables) -> CountTables:
        return CountTables(self.treated + other.treated, self.control + other.control, self.scale, self.controlled)

    def cells(self) -> Cells:
        """Statistics of the cells."""
        n1, n0 = self.treated[:, :, 0], self.control[:, :, 0]
        at_risk = n1.sum(axis=0) + n0.sum(axis=0)
        always = (n1.sum(axis=0) > ALWAYS * at_risk) & (not self.controlled)
        kept = (n0 >= FEWEST_CONTROLS) & ~always
        n = np.where(kept, n0, 1).astype(np.float64)
        s, s2 = self.scale, self.scale * self.scale
        mean = np.where(kept, self.control[:, :, 2] / s / n, 0.0)
        spread = np.maximum(self.control[:, :, 3] / s2 - n * mean**2, 0.0)
        variance = np.where(kept, spread / np.maximum(n - 1.0, 1.0), 0.0)
        return Cells(kept, always, n1, n0, mean, variance)

    def curve(self, cells: Cells | None = None) -> Curve:
        """Observed minus expected by bin."""
        cells = self.cells() if cells is None else cells
        n1 = np.where(cells.kept, cells.n1, 0).astype(np.float64)
        observed = np.where(cells.kept, self.treated[:, :, 1] / self.scale, 0.0)
        residual = np.where(cells.kept, self.treated[:, :, 2] / self.scale, 0.0)
        controls = np.where(cells.kept, cells.n0, 1)
        return Curve(
            n=n1.sum(axis=0),
            lost=cells.n1.sum(axis=0) - n1.sum(axis=0),
            n_controls=np.where(cells.kept, cells.n0, 0).sum(axis=0),
            observed=observed.sum(axis=0),
            u=(residual - n1 * cells.mean).sum(axis=0),
            v=(n1 * cells.variance * (1.0 + n1 / controls)).sum(axis=0),
            always=cells.always,
        )


@dataclass(frozen=True, eq=False)
class Cells:
    """By stratum and bin: whether it is kept, its numbers, mean and variance of the controls' residuals.

    ``always`` (bins,) marks bins in which all but everyone is treated.
    """

    kept: Bool
    always: Bool
    n1: Int64
    n0: Int64
    mean: Float64
    variance: Float64


@dataclass(frozen=True, eq=False)
class Curve:
    """By delay bin: kept and lost treated rows, controls, outcomes observed, observed minus expected, its variance."""

    n: Float64
    lost: Float64
    n_controls: Int64
    observed: Float64
    u: Float64
    v: Float64
    always: Bool


def count_tables(
    steps: OutcomeSteps,
    pieces: Pieces,
    arms: Arms,
    n_bins: int,
    chosen: Bool,
    threads: int,
    *,
    treated: Bool | None = None,
    controlled: bool = False,
) -> CountTables:
    """Count the chosen rows.

    Parameters
    ----------
    steps, pieces, arms
        Of all rows.
    n_bins
        Number of delay bins.
    chosen : (n_rows,) bool
        The rows to count: a half, a segment.
    threads
        0 = all cores. The result does not depend on it.
    treated : (n_treated,) bool, or None
        Which of the treated count as such; the others are controls until their action.
    controlled
        Whether chance saw to it that there are controls.
    """
    from seqmine.windows.count_kernel import add_controls, add_treated

    stop = np.where(chosen, arms.stop, 0)

    def part(first: int, last: int) -> Int64:
        table = np.zeros((pieces.n_strata, n_bins + 1, 4), np.int64)
        add_controls(
            first, last, stop, pieces.offsets, pieces.bins, pieces.stratum, pieces.expected, steps.offsets, steps.step,
            table,
        )  # fmt: skip
        return table

    control = np.zeros((pieces.n_strata, n_bins + 1, 4), np.int64)
    for table in over_chunks(len(stop), part, threads):
        control += table
    control = np.cumsum(control, axis=1)[:, :-1]
    mine = chosen[arms.treated] if treated is None else chosen[arms.treated] & treated
    row, bins = arms.treated[mine], arms.bins[mine]
    y, risk = steps.at(row, bins)
    table = np.zeros((pieces.n_strata, n_bins, 4), np.int64)
    add_treated(bins, pieces.treated_stratum[mine], pieces.treated_expected[mine], y, risk.astype(np.int64), table)
    return CountTables(table, control, steps.scale, controlled)
