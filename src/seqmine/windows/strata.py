"""Who is compared with whom: classes of expected outcome and of the chance to be treated, anew at every change."""

# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from seqmine.windows.chunks import over_chunks
from seqmine.windows.knowledge import Knowledge, Landmarks
from seqmine.windows.models import Link, Model, fit_model
from seqmine.windows.outcome_bins import most_expected

__all__ = ["Grid", "Pieces", "RiskModels", "fit_models", "place"]

Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
Float64 = npt.NDArray[np.float64]

_LOWEST: Final = 4


@dataclass(frozen=True)
class Grid:
    """How many classes of expected outcome, and of the chance to be treated within the next days."""

    outcome: int
    treatment: int

    @classmethod
    def of(cls, n_rows: int) -> Grid:
        """For so many rows of one half: 8 x 8, fewer where cells would be empty, more where there are many rows.

        More classes of treatment than of outcome is what balances single columns: the outcome's model takes care of
        what is left of the outcome within a class, and nothing does of the chance to be treated.
        """
        for least, grid in ((250_000, cls(12, 16)), (10_000, cls(8, 8)), (4_000, cls(6, 5)), (1_500, cls(4, 4))):
            if n_rows >= least:
                return grid
        return cls(3, 3)


@dataclass(frozen=True, eq=False)
class RiskModels:
    """Two models and the edges of their classes.

    Attributes
    ----------
    outcome, treatment
        The models; without `treatment` there is one class of it.
    outcome_edges, treatment_edges
        Quantiles of their scores at the points that they were fitted on.
    """

    outcome: Model
    treatment: Model | None
    outcome_edges: Float64
    treatment_edges: Float64

    def stratum(self, of_outcome: Float64, of_treatment: Float64 | None) -> Int64:
        """The class of points from their scores."""
        code = np.searchsorted(self.outcome_edges, of_outcome, side="right")
        if of_treatment is None:
            return np.asarray(code, dtype=np.int64)
        other = np.searchsorted(self.treatment_edges, of_treatment, side="right")
        return np.asarray(code * (len(self.treatment_edges) + 1) + other, dtype=np.int64)

    @property
    def n_strata(self) -> int:
        """Number of classes."""
        return (len(self.outcome_edges) + 1) * (len(self.treatment_edges) + 1)


@dataclass(frozen=True, eq=False)
class Pieces:
    """The stratum and expected outcome of rows, piece by piece, and of the treated at the time of the action.

    Attributes
    ----------
    offsets : (n_rows + 1,) int64
        Row i has the pieces ``[offsets[i], offsets[i + 1])``, in order.
    bins : (n,) int32
        First delay bin of a piece.
    stratum : (n,) int32
        Its stratum.
    expected : (n,) int64
        Its expected outcome, times scale.
    treated_stratum, treated_expected : (n_treated,)
        The same of treated rows, just before the action.
    n_strata
        Number of strata.
    """

    offsets: Int64
    bins: Int32
    stratum: Int32
    expected: Int64
    treated_stratum: Int32
    treated_expected: Int64
    n_strata: int


def fit_models(
    knowledge: Knowledge,
    points: Landmarks,
    x: npt.NDArray[np.float32],
    cases: Landmarks,
    of_cases: npt.NDArray[np.float32],
    grid: Grid,
    *,
    link: Link,
    propensity: bool,
    without: Sequence[tuple[int, bool]] = (),
) -> RiskModels:
    """Fit the outcome at points, the treatment at cases against points, and cut the scores into classes.

    ``x`` and ``of_cases`` are the dynamic columns of both. Points are times at which rows are at risk and untreated,
    cases the actions themselves: cases against a sample of the time at risk show what multiplies the chance of the
    action at an instant, down to its hour and to what happened just before, and that is all that classes need
    (incidence density sampling; Prentice & Breslow 1978, Biometrika 65).
    """
    static = knowledge.static[points.row]
    outcome = fit_model(x, static, points.y, link=link, without=without)

    def scores(model: Model, x: npt.NDArray[np.float32], static: Float64) -> Float64:
        return model.scores(x, np.arange(len(x)), model.of_rows(static))

    def edges(score: Float64, n: int) -> Float64:
        return np.unique(np.quantile(score, np.arange(1, n) / n)) if len(score) else np.zeros(0)

    of_outcome = edges(scores(outcome, x, static), grid.outcome)
    if not propensity:
        return RiskModels(outcome, None, of_outcome, np.zeros(0))
    theirs = knowledge.static[cases.row]
    both, taken = np.concatenate([x, of_cases]), np.repeat((0.0, 1.0), (len(x), len(of_cases)))
    treatment = fit_model(both, np.concatenate([static, theirs]), taken, link="logit", without=without)
    # Classes that the treated fill evenly: their effect is asked for, and they crowd where few others are. The lowest
    # takes in all times at which hardly anybody is treated, nights and weekends: it is cut once more, by those times.
    classes = edges(scores(treatment, of_cases, theirs), grid.treatment)
    rest = scores(treatment, x, static)
    lowest = rest[rest < classes[0]] if len(classes) else rest[:0]
    return RiskModels(outcome, treatment, of_outcome, np.concatenate([edges(lowest, _LOWEST), classes]))


def place(
    knowledge: Knowledge,
    models: Sequence[RiskModels],
    which: npt.NDArray[np.int64],
    *,
    stop: Int64,
    treated: Int64,
    action_time: Int64,
    scale: float,
    base: Int64 | None = None,
    n_base: int = 1,
    outcome_too: Sequence[tuple[Model, float]] = (),
    threads: int = 0,
) -> tuple[Pieces, list[Pieces]]:
    """Look at every row after each of its own events, and at the treated just before the action.

    Parameters
    ----------
    knowledge
        What is known.
    models, which
        Models, and which of them each row has, (n_rows,); nobody gets models that were fitted on their own half or
        fold.
    stop : (n_rows,) int64
        First bin in which the row is no control any more.
    treated, action_time
        Positions of the treated rows, ascending, and when they were treated.
    scale
        Of the expected outcome.
    base, n_base
        Strata that are given: randomisation strata.
    outcome_too
        Other outcome models (placebos) with their scales: for each pieces that differ in what is expected alone.
    threads
        0 = all cores. The result does not depend on it.

    Returns
    -------
    Pieces, list of Pieces
    """
    from seqmine.windows.walk_kernel import piece_bins

    log, rows, width, look = knowledge.log, knowledge.rows, knowledge.width, knowledge.look
    n_strata = max(model.n_strata for model in models)
    static = knowledge.static
    static_y = [model.outcome.of_rows(static) for model in models]
    static_a = [static_y[m] if x.treatment is None else x.treatment.of_rows(static) for m, x in enumerate(models)]
    static_too = [model.of_rows(static) for model, _ in outcome_too]
    most = most_expected(len(rows))

    def whole(values: Float64, scale: float) -> Int64:
        return np.floor(np.clip(values * scale, -most, most) + 0.5).astype(np.int64)

    # Controls count only in bins in which somebody is treated: the first such bin from each bin on.
    n_bins = int(stop.max(initial=0))
    needed = np.full(n_bins + 1, n_bins, np.int64)
    treated_bins = (action_time - rows.time[treated]) // width
    needed[treated_bins[treated_bins < n_bins]] = treated_bins[treated_bins < n_bins]
    needed = np.minimum.accumulate(needed[::-1])[::-1].copy()

    def score(row: Int64, time: Int64) -> tuple[Int32, list[Int64]]:
        """Stratum, and what is expected by the row's own model and by each further one, of points in order."""
        stratum = np.zeros(len(row), np.int64)
        expected = [np.zeros(len(row), np.int64) for _ in range(1 + len(outcome_too))]

        def part(points: slice, x: npt.NDArray[np.float32]) -> None:
            r = row[points]
            for m, model in enumerate(models):
                mine = np.flatnonzero(which[r] == m)
                if len(mine) == 0:
                    continue
                xm, rm = x[mine], r[mine]
                of_outcome = model.outcome.scores(xm, rm, static_y[m])
                of_treatment = None if model.treatment is None else model.treatment.scores(xm, rm, static_a[m])
                at = mine + points.start
                stratum[at] = model.stratum(of_outcome, of_treatment)
                expected[0][at] = whole(model.outcome.expected(of_outcome), scale)
            for j, (other, own) in enumerate(outcome_too):
                expected[1 + j][points] = whole(other.expected(other.scores(x, r, static_too[j])), own)

        knowledge.in_parts(row, time, part)
        if base is not None:
            stratum += base[row] * n_strata
        return stratum.astype(np.int32), expected

    def run(first: int, last: int) -> tuple[Int64, Int32, Int32, list[Int64]]:
        entity, t0 = rows.entity[first:last], rows.time[first:last]
        start = np.zeros(last - first + 1, np.int64)
        given = (
            log.entity_offsets, log.time, log.code, knowledge.hidden, entity, t0, width, look, stop[first:last],
            knowledge.refresh,
            knowledge.phase[first:last], needed,
        )  # fmt: skip
        piece_bins(*given, start, np.empty(0, np.int32))
        n = start[1:].copy()
        np.cumsum(start, out=start)
        bins = np.empty(int(start[-1]), np.int32)
        if len(bins):
            piece_bins(*given, start, bins)
        row = np.repeat(np.arange(first, last), n)
        stratum, expected = score(row, rows.time[row] + bins.astype(np.int64) * width + look)
        return n, bins, stratum, expected

    parts = over_chunks(len(rows), run, threads)
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(np.concatenate([part[0] for part in parts]) if parts else np.zeros(0, np.int64), out=offsets[1:])
    bins = np.concatenate([part[1] for part in parts]) if parts else np.zeros(0, np.int32)
    stratum = np.concatenate([part[2] for part in parts]) if parts else np.zeros(0, np.int32)
    of_treated, expected_treated = score(treated, action_time)

    def pieces(j: int) -> Pieces:
        expected = np.concatenate([part[3][j] for part in parts]) if parts else np.zeros(0, np.int64)
        return Pieces(offsets, bins, stratum, expected, of_treated, expected_treated[j], n_strata * n_base)

    return pieces(0), [pieces(1 + j) for j in range(len(outcome_too))]
