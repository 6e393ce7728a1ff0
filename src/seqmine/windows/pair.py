"""One moment and one action: who is compared with whom, counted on both halves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from seqmine.labels import DISCOVERY, ESTIMATION
from seqmine.windows.columns import RowValues
from seqmine.windows.design import Design
from seqmine.windows.effects import Judge
from seqmine.windows.knowledge import Knowledge, Landmarks, choose_types, static_columns
from seqmine.windows.models import Link, Model, link_of
from seqmine.windows.moments import MomentRows
from seqmine.windows.outcome_bins import OutcomeSource, OutcomeSteps, outcome_steps
from seqmine.windows.strata import Grid, Pieces, RiskModels, fit_models, place
from seqmine.windows.streams import Stream
from seqmine.windows.tables import Arms, count_tables

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

__all__ = ["FEWEST_LOOKS", "Pair", "build_pair"]

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

_DAY = 86_400_000_000
_REFRESHES = 14
_LOOK = 4 * 3_600_000_000
_POINTS_A_ROW = 4
_MOST_POINTS = 60_000
FEWEST_LOOKS = 20


@dataclass(frozen=True, eq=False)
class Pair:
    """A moment, an action, and everything that estimates need.

    Attributes
    ----------
    design
        Rows and delays.
    width, n_bins, follow
        Delay bins and follow-up, microseconds.
    steps, pieces, arms
        Outcomes, strata and treatment of all rows.
    knowledge, points, x, cases, of_cases, models
        What the strata were made of: points and actions of the discovery half with their columns, and the models.
    grid
        Number of classes.
    action_time : (n_treated,) int64
        When the treated rows were.
    """

    log: EventLog
    design: Design
    source: OutcomeSource
    width: int
    n_bins: int
    follow: int
    steps: OutcomeSteps
    pieces: Pieces
    arms: Arms
    action_time: Int64
    knowledge: Knowledge
    points: Landmarks
    x: npt.NDArray[np.float32]
    cases: Landmarks
    of_cases: npt.NDArray[np.float32]
    models: tuple[RiskModels, ...]
    which: Int64
    grid: Grid
    covariates: tuple[str, ...]
    threads: int

    @property
    def link(self) -> Link:
        """Of the outcome's model."""
        return link_of(self.points.y, binary=not self.source.is_numeric)

    @property
    def discovery(self) -> Bool:
        """The rows that find windows."""
        return np.asarray(self.design.rows.half == DISCOVERY)

    @property
    def estimation(self) -> Bool:
        """The rows that judge them; all rows of a randomised design where all are treated in one delay bin.

        There is nothing to find then, and no row's strata come from a model that saw its outcome.
        """
        return np.asarray(self.design.rows.half == ESTIMATION) | (not self.searched)

    @property
    def searched(self) -> bool:
        """Whether a window is looked for, so that what finds it may not judge it."""
        return not self.design.randomised or len(self.arms.bins) == 0 or int(np.ptp(self.arms.bins)) > 0

    def judge(
        self,
        rows: Bool,
        *,
        steps: OutcomeSteps | None = None,
        pieces: Pieces | None = None,
        treated: Bool | None = None,
    ) -> Judge:
        """Count some rows; with other outcomes or strata, or only some of the treated, where these are given."""
        steps = self.steps if steps is None else steps
        pieces = self.pieces if pieces is None else pieces
        every = np.ones(len(self.arms.treated), np.bool_)
        mine = every if treated is None else treated
        tables = count_tables(
            steps, pieces, self.arms, self.n_bins, rows, self.threads, treated=mine, controlled=self.design.controlled
        )
        entity = self.design.rows.entity
        return Judge(steps, pieces, self.arms, entity, rows, mine, tables, tables.cells(), self.threads)

    def place(
        self,
        models: Sequence[RiskModels],
        which: Int64,
        rows: Bool,
        *,
        outcome_too: Sequence[tuple[Model, float]] = (),
    ) -> tuple[Pieces, list[Pieces]]:
        """Strata of some rows by other models; see `seqmine.windows.strata.place`."""
        return place(
            self.knowledge,
            models,
            which,
            stop=np.where(rows, self.arms.stop, 0),
            treated=self.arms.treated,
            action_time=self.action_time,
            scale=self.steps.scale,
            base=self.design.base,
            n_base=self.design.n_base,
            outcome_too=outcome_too,
            threads=self.threads,
        )


def build_pair(
    log: EventLog,
    design: Design,
    source: OutcomeSource,
    values: RowValues,
    *,
    width: int,
    n_bins: int,
    follow: int,
    covariates: Sequence[str],
    hidden: npt.NDArray[np.uint8],
    own: Sequence[int],
    unseen: Sequence[int],
    other: Stream,
    threads: int,
) -> Pair | str:
    """Fit, place and count; or why not, where the discovery half has too little of anything to fit a model."""
    rows = design.rows
    discovery = rows.half == DISCOVERY
    steps = outcome_steps(source, rows.entity, rows.time, width=width, n_bins=n_bins, follow=follow, threads=threads)
    longest = n_bins * width
    happened = design.delay < longest
    stop = np.where(happened, design.delay // width, n_bins)
    stop = np.where(design.may_control, stop, 0)
    treated = np.flatnonzero(happened & design.may_treat)
    arms = Arms(stop, treated, design.delay[treated] // width)
    action_time = rows.time[treated] + design.delay[treated]
    points = _landmarks(design, steps, discovery, width, n_bins)
    began = np.asarray(log.start_times, dtype=np.int64)[rows.entity] if len(rows) else np.zeros(0, np.int64)
    static, static_names = static_columns(values, rows, covariates, discovery, skip=unseen)
    types = choose_types(log, rows, hidden, points, skip=unseen)
    look = _look(design.delay[treated], width)
    refresh, phase = _looks(log, rows, width, n_bins)
    of_action = np.zeros(len(hidden), np.uint8)
    of_action[list(own)] = 1
    knowledge = Knowledge(
        log, rows, hidden, of_action, types, other, began, static, static_names, width, look, refresh, phase
    )
    x = knowledge.at(points.row, points.time)
    cases = _cases(arms, action_time, steps, discovery)
    of_cases = knowledge.at(cases.row, cases.time)
    n_events = points.y.sum() if not source.is_numeric else len(points.y)
    n_without = len(points.y) - n_events if not source.is_numeric else n_events
    counts = {"with the outcome": n_events, "without the outcome": n_without}
    if not design.randomised:
        counts["that are treated"] = len(of_cases)
    for what, n in counts.items():
        if n < FEWEST_LOOKS:
            return f"a model needs {FEWEST_LOOKS} looks at rows {what}, and the discovery half has {int(n):,}"
    grid = Grid.of(int(np.count_nonzero(discovery)))
    if design.randomised:
        grid = Grid(max(grid.outcome // 2, 2), 1)
    every = np.ones(len(rows), np.bool_)
    link = link_of(points.y, binary=not source.is_numeric)

    def fitted(without: Sequence[tuple[int, bool]] = ()) -> tuple[RiskModels, ...]:
        """Rows of one fold of the discovery half get what the other fold says; the estimation half what both say."""
        found = []
        for of in (rows.fold == 1, rows.fold == 0, every):
            one, two = of[points.row], of[cases.row]
            found.append(fit_models(
                knowledge, points.part(one), x[one], cases.part(two), of_cases[two], grid, link=link,
                propensity=not design.randomised, without=without,
            ))  # fmt: skip
        return tuple(found)

    models = fitted()
    if design.randomised and not _foretells(models, points, x, static, rows.fold):
        dynamic = [(i, False) for i in range(x.shape[1])]
        models = fitted([*dynamic, *((i, True) for i in range(static.shape[1]))])
    which = np.where(discovery, rows.fold, 2).astype(np.int64)
    pieces, _ = place(
        knowledge, models, which, stop=stop, treated=treated, action_time=action_time,
        scale=steps.scale, base=design.base, n_base=design.n_base, threads=threads,
    )  # fmt: skip
    return Pair(
        log,
        design,
        source,
        width,
        n_bins,
        follow,
        steps,
        pieces,
        arms,
        action_time,
        knowledge,
        points,
        x,
        cases,
        of_cases,
        models,
        which,
        grid,
        tuple(covariates),
        threads,
    )


def _foretells(
    models: Sequence[RiskModels],
    points: Landmarks,
    x: npt.NDArray[np.float32],
    static: Float64,
    fold: npt.NDArray[np.uint8],
) -> bool:
    """Whether the outcome's models are nearer to the other fold's outcomes, in squares, than the mean is.

    Where chance decided no model is needed, and one that knows nothing only adds to the error.
    """
    by_model, by_mean = 0.0, 0.0
    for number, model in enumerate(models[:2]):
        mine = fold[points.row] == number
        scores = model.outcome.scores(x[mine], points.row[mine], model.outcome.of_rows(static))
        y, mean = points.y[mine], points.y[~mine].mean() if (~mine).any() else 0.0
        by_model += float(np.sum((y - model.outcome.expected(scores)) ** 2))
        by_mean += float(np.sum((y - mean) ** 2))
    return by_model < by_mean


def _look(delays: Int64, width: int) -> int:
    """How long after a bin begins its controls are looked at: its middle, or at once where most actions come then.

    In a log of dates all that is of the day of an action comes at its very time. Of the treated it is not known, and of
    their controls it must not be.
    """
    return 0 if np.count_nonzero(delays % width == 0) > len(delays) // 2 else width // 2


def _looks(log: EventLog, rows: MomentRows, width: int, n_bins: int) -> tuple[int, Int64]:
    """After how many bins rows are looked at anew, and each row's first such bin.

    Every four hours of the local clock, where bins fit into them: actions keep office hours, so the treated of a bin
    are those for whom it is day, and only who knows the hour now compares them with others of that hour. Else at every
    fourteenth of the delays, four hours or a bin, whatever is shortest, and no bin is cut.
    """
    refresh = max(1, min(n_bins // _REFRESHES, _LOOK // width))
    if refresh * width != _LOOK:
        return refresh, np.zeros(len(rows), np.int64)
    local = rows.time + log.zone.offset_at(rows.time)
    return refresh, (-local % _LOOK + width - 1) // width


def _cases(arms: Arms, action_time: Int64, steps: OutcomeSteps, discovery: Bool) -> Landmarks:
    """The actions of the discovery rows that are at risk in their bin."""
    y, risk = steps.at(arms.treated, arms.bins)
    used = np.flatnonzero(discovery[arms.treated] & risk)
    row = arms.treated[used]
    return Landmarks(row, action_time[used], y[used] / steps.scale, np.ones(len(used)))


def _landmarks(design: Design, steps: OutcomeSteps, discovery: Bool, width: int, n_bins: int) -> Landmarks:
    """Points of the discovery rows, spread evenly over the delays however wide bins are: at risk and untreated.

    Each row is looked at in every fourth of the delays, at a place in it that depends on the row's number; of many rows
    every so many are taken: the more rows, the fewer points need each.
    """
    row = np.flatnonzero(discovery)
    n_points = 1 if design.single else _POINTS_A_ROW
    stride = max(1, -(-len(row) * n_points // _MOST_POINTS))
    row = row[::stride]
    longest = width * n_bins
    step = longest // n_points
    mixed = (np.arange(len(row), dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)
    place_in = (mixed.astype(np.float64) / 2.0**24 * step).astype(np.int64)
    every = np.repeat(row, n_points)
    delay = (np.arange(n_points) * step + place_in[:, None]).ravel()
    if design.single:
        delay = np.zeros(len(every), np.int64)
    y, risk = steps.at(every, delay // width)
    used = risk & (design.delay[every] >= delay)
    every, delay, y = every[used], delay[used], y[used]
    soon = min(max(step, width), _DAY)
    a = (design.delay[every] < np.minimum(delay + soon, longest)) & design.may_treat[every]
    return Landmarks(every, design.rows.time[every] + delay, y / steps.scale, a.astype(np.float64))
