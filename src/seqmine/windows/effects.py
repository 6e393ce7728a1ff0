"""Effects of the treated in sets of delay bins, with the errors of whole entities."""

# mypy: allow-untyped-calls

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from seqmine.significance import normal_tail
from seqmine.significance.tails import SMALLEST_P
from seqmine.windows.chunks import over_chunks
from seqmine.windows.outcome_bins import OutcomeSteps
from seqmine.windows.strata import Pieces
from seqmine.windows.tables import Arms, Cells, CountTables

__all__ = ["Estimate", "Judge", "e_value", "two_sided"]

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

Z95 = 1.959963984540054


@dataclass(frozen=True)
class Estimate:
    """The mean effect on the treated of some bins.

    Attributes
    ----------
    n
        Treated rows that are compared.
    observed, expected
        Their outcomes, and those expected of them untreated.
    effect, se
        ``(observed - expected) / n`` and its standard error over entities; NaN without treated rows.
    lost
        Treated rows at risk without anybody to compare them with.
    df
        Degrees of freedom: the treated entities less one. Errors of few entities (people in an experiment who are asked
        again and again) are themselves uncertain.
    """

    n: int
    observed: float
    expected: float
    effect: float
    se: float
    lost: int
    df: float = math.inf

    @property
    def z(self) -> float:
        """Effect in standard errors; NaN where there is no error."""
        return self.effect / self.se if self.se > 0 else math.nan

    @property
    def p(self) -> float:
        """Two-sided p of no effect, by Student's t."""
        if math.isinf(self.df) or math.isnan(self.z):
            return two_sided(self.z)
        return float(min(max(2.0 * special.stdtr(self.df, -abs(self.z)), SMALLEST_P), 1.0))

    @property
    def reach(self) -> float:
        """How many standard errors a 95 % interval reaches to either side."""
        return Z95 if math.isinf(self.df) else float(special.stdtrit(self.df, 0.975))

    @property
    def interval(self) -> tuple[float, float]:
        """95 %."""
        return self.effect - self.reach * self.se, self.effect + self.reach * self.se

    @property
    def ratio(self) -> tuple[float, float, float]:
        """Observed over expected and its 95 % interval; NaN where either is not above 0."""
        if not (self.observed > 0 and self.expected > 0):
            return math.nan, math.nan, math.nan
        rr, reach = self.observed / self.expected, self.reach * self.se * self.n / self.observed
        return rr, rr * math.exp(-min(reach, 700.0)), rr * math.exp(min(reach, 700.0))


@dataclass(frozen=True, eq=False)
class Judge:
    """One set of rows, counted, ready for estimates of any bins.

    Attributes
    ----------
    steps, pieces, arms
        Of all rows.
    entity : (n_rows,) int64
        Whose row it is; ascending.
    chosen : (n_rows,) bool
        The rows counted.
    treated : (n_treated,) bool
        The treated that count as such.
    tables, cells
        The counts.
    threads
        0 = all cores.
    """

    steps: OutcomeSteps
    pieces: Pieces
    arms: Arms
    entity: Int64
    chosen: Bool
    treated: Bool
    tables: CountTables
    cells: Cells
    threads: int

    def weights(self, bins: Bool) -> tuple[Float64, Float64]:
        """Sums along the bins of what a control counts in each cell, and of that times the cell's mean residual."""
        cells = self.cells
        w = np.where(cells.kept & bins, cells.n1 / np.where(cells.kept, cells.n0, 1), 0.0)
        shape = (w.shape[0], w.shape[1] + 1)
        weight, offset = np.zeros(shape), np.zeros(shape)
        np.cumsum(w, axis=1, out=weight[:, 1:])
        np.cumsum(w * cells.mean, axis=1, out=offset[:, 1:])
        return weight, offset

    def treated_in(self, bins: Bool) -> tuple[Int64, Int64, Int64, Float64]:
        """Treated rows that are compared in some bins: positions among the treated, bins, strata, residuals."""
        arms, pieces = self.arms, self.pieces
        y, risk = self.steps.at(arms.treated, arms.bins)
        stratum = pieces.treated_stratum.astype(np.int64)
        used = self.chosen[arms.treated] & self.treated & risk & bins[arms.bins]
        used &= self.cells.kept[stratum, arms.bins]
        at = np.flatnonzero(used)
        residual = (y[at] - pieces.treated_expected[at]) / self.steps.scale
        return at, arms.bins[at], stratum[at], residual

    def estimate(self, bins: Bool) -> Estimate:
        """The effect on those treated in some bins."""
        return self._estimate(bins)[0]

    def contrast(self, inside: Bool, outside: Bool) -> tuple[float, float]:
        """Effect inside less effect outside, and its standard error; rows that serve both are accounted for."""
        one, influence = self._estimate(inside)
        two, other = self._estimate(outside)
        if one.n == 0 or two.n == 0:
            return math.nan, math.nan
        return one.effect - two.effect, self._error(influence / one.n - other / two.n)

    def _estimate(self, bins: Bool) -> tuple[Estimate, Float64]:
        from seqmine.windows.count_kernel import control_influence

        kept = self.cells.kept & bins
        n = int(self.cells.n1[kept].sum())
        lost = int(self.cells.n1[:, bins].sum()) - n
        influence = np.zeros(len(self.entity))
        if n == 0:
            return Estimate(0, 0.0, 0.0, math.nan, math.nan, lost), influence
        observed = float(self.tables.treated[:, :, 1][kept].sum()) / self.steps.scale
        at, k, s, residual = self.treated_in(bins)
        beyond = residual - self.cells.mean[s, k]
        effect = float(np.sum(beyond)) / n
        influence[self.arms.treated[at]] = beyond - effect
        weight, offset = self.weights(bins)
        stop = np.where(self.chosen, self.arms.stop, 0)
        pieces, steps = self.pieces, self.steps

        def part(first: int, last: int) -> None:
            control_influence(
                first,
                last,
                stop,
                pieces.offsets,
                pieces.bins,
                pieces.stratum,
                pieces.expected,
                steps.offsets,
                steps.step,
                weight,
                offset,
                steps.scale,
                influence,
            )

        over_chunks(len(stop), part, self.threads)
        error = self._error(influence) / n
        people = self.entity[self.arms.treated[at]]
        df = max(int(np.count_nonzero(people[1:] != people[:-1])), 1)
        return Estimate(n, observed, observed - effect * n, effect, error, lost, df), influence

    def _error(self, influence: Float64) -> float:
        """Square root of the sum of squares over entities."""
        if len(influence) == 0:
            return 0.0
        first = np.flatnonzero(np.concatenate(([True], self.entity[1:] != self.entity[:-1])))
        total = np.add.reduceat(influence, first)
        return math.sqrt(float(np.sum(total * total)))


def two_sided(z: float) -> float:
    """p of a normal z; NaN for NaN."""
    return math.nan if math.isnan(z) else float(min(2.0 * float(normal_tail(abs(z), 1)), 1.0))


def e_value(ratio: float) -> float:
    """How strongly an unmeasured confounder would have to go with action and outcome to make up a risk ratio.

    Source: VanderWeele & Ding 2017, Ann. Intern. Med. 167.
    """
    if not ratio > 0:
        return math.nan
    r = max(ratio, 1.0 / ratio)
    return r + math.sqrt(r * (r - 1.0))
