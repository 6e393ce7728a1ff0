"""What could make an estimate wrong, looked at one by one."""

# mypy: allow-untyped-calls

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from seqmine.events.selectors import Selector
from seqmine.events.spans import span_positions
from seqmine.significance.tails import standard_normal_quantile
from seqmine.windows.effects import Z95, Estimate, Judge, two_sided
from seqmine.windows.findings import SRM_LEVEL
from seqmine.windows.outcome_bins import outcome_steps
from seqmine.windows.pair import Pair
from seqmine.windows.strata import fit_models
from seqmine.windows.streams import Stream, stream_of

__all__ = [
    "Balance",
    "balance_of",
    "carried_by_the_silent",
    "clock_contrast",
    "co_intervention_of",
    "follows_at_once",
    "leaves_it_out",
    "turns_when_blanked",
    "what_decides",
]

Int64 = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

_DAY: Final = 86_400_000_000
BLANKS: Final = (_DAY, 3 * _DAY, 7 * _DAY)
NEAR: Final = _DAY
_BLOCK: Final = 4
_GROUPS: Final = 3
_SAME: Final = 0.9
_AT_ONCE: Final = _DAY // 24
_MANY: Final = 0.1
_FEW: Final = 50
_MANY_POINTS: Final = 30_000


@dataclass(frozen=True)
class Balance:
    """The column in which treated and controls of the same cells differ most, in standard deviations.

    ``chance`` is what the largest difference of so many columns stays below in 95 % of fair trials of this size; where
    chance decided, in 99.9 %.
    """

    name: str
    difference: float
    chance: float


def _control_weights(judge: Judge, bins: Bool) -> Float64:
    """What each piece counts as a control of the treated of some bins."""
    from seqmine.windows.count_kernel import control_weight

    weight, _ = judge.weights(bins)
    out = np.zeros(len(judge.pieces.bins))
    stop = np.where(judge.chosen, judge.arms.stop, 0)
    pieces, steps = judge.pieces, judge.steps
    control_weight(
        0, len(stop), stop, pieces.offsets, pieces.bins, pieces.stratum, steps.offsets, steps.step, weight, out
    )  # fmt: skip
    return out


def balance_of(pair: Pair, judge: Judge, bins: Bool) -> Balance | None:
    """Compare every column of the treated of some bins with that of their controls, cell by cell.

    The difference of means, treated-weighted over cells, over the root of the mean variance of both (Austin 2009, Stat.
    Med. 28). Time since the moment is left out: it is equal by design.
    """
    from seqmine.windows.count_kernel import add_moments

    knowledge = pair.knowledge
    weight = _control_weights(judge, bins)
    used = np.flatnonzero(weight > 0)
    at, _, _, _ = judge.treated_in(bins)
    if len(at) == 0 or len(used) == 0:
        return None
    row = np.repeat(np.arange(len(pair.design.rows)), np.diff(judge.pieces.offsets))[used]
    begin = pair.design.rows.time[row] + judge.pieces.bins[used].astype(np.int64) * pair.width
    w = weight[used]

    def moments(rows: Int64, time: Int64, w: Float64) -> tuple[Float64, Float64]:
        sums = np.zeros((2, len(knowledge.columns)))

        def part(points: slice, x: npt.NDArray[np.float32]) -> None:
            add_moments(x, knowledge.static, rows[points], w[points], sums)

        knowledge.in_parts(rows, time, part)
        mean, square = sums / float(w.sum())
        return mean, np.maximum(square - mean**2, 0.0)

    treated = judge.arms.treated[at]
    rows = pair.design.rows
    # Where chance decided moment by moment rows count, else whole entities: their columns go together.
    by_row = pair.design.single and not pair.design.drawn
    unit = np.arange(len(rows)) if by_row else rows.entity
    size = math.sqrt(_crowding(unit[treated], np.ones(len(treated))) + _crowding(unit[row], w))
    mean1, variance1 = moments(treated, pair.action_time[at], np.ones(len(at)))
    mean0, variance0 = moments(row, begin + knowledge.look, w)
    spread = np.sqrt(0.5 * (variance1 + variance0))
    varies = spread > 1e-6 * np.maximum(np.abs(mean1), np.abs(mean0))
    difference = np.divide(mean1 - mean0, spread, out=np.zeros_like(spread), where=varies)
    columns = knowledge.columns
    for i, column in enumerate(columns):
        if column.group == "delay":
            difference[i] = 0.0
    worst = int(np.argmax(np.abs(difference)))
    n = int(np.count_nonzero(varies))
    level = SRM_LEVEL if pair.design.randomised else 0.05
    chance = float(standard_normal_quantile(1.0 - level / max(n, 1))) * size
    return Balance(columns[worst].name, float(difference[worst]), chance)


def _crowding(unit: Int64, weight: Float64) -> float:
    """One over the number of units that a weighted mean rests on."""
    total = np.bincount(unit, weight)
    return float((total * total).sum() / total.sum() ** 2)


def turns_when_blanked(pair: Pair, rows: Bool, bins: Bool, effect: float) -> int | None:
    """The shortest blanked time (of 1, 3 and 7 days) at which the effect changes its sign; None where it never does.

    Outcomes soon after the action may have been under way before it. For the blanked time after each landmark they are
    dropped, for both arms; blanks longer than a third of the follow-up are not tried.
    """
    for blank in BLANKS:
        if 3 * blank > pair.follow:
            break
        design = pair.design.rows
        steps = outcome_steps(
            pair.source,
            design.entity,
            design.time,
            width=pair.width,
            n_bins=pair.n_bins,
            follow=pair.follow,
            blank=blank,
            threads=pair.threads,
        )
        found = pair.judge(rows, steps=steps).estimate(bins).effect
        if found * effect < 0:
            return blank
    return None


def leaves_it_out(pair: Pair, rows: Bool, bins: Bool, ratio: float) -> tuple[str, float] | None:
    """The measured matter without which the risk ratio changes most, and by which factor: a scale for E-values.

    The three matters that models lean on most are left out of them in turn, with all columns that say the same (a
    correlation of 0.9 or more: a score may be an attribute and a column of the index table). Every third point is
    enough to fit those.
    """
    model = pair.models[2]
    points, x, cases, of_cases = pair.points, pair.x, pair.cases, pair.of_cases
    if len(x) > _MANY_POINTS:
        third = slice(None, None, 3)
        points, x, cases, of_cases = points.part(third), x[third], cases.part(third), of_cases[third]
    columns, n_dynamic = pair.knowledge.columns, pair.knowledge.n_dynamic
    whole = np.concatenate([pair.x.astype(np.float64), pair.knowledge.static[pair.points.row]], axis=1)
    spread = whole.std(axis=0)
    whole = np.divide(whole - whole.mean(axis=0), spread, out=np.zeros_like(whole), where=spread > 1e-9)
    weight = np.abs(np.concatenate([model.outcome.slope, model.outcome.static])) * spread
    if model.treatment is not None:
        weight *= np.abs(np.concatenate([model.treatment.slope, model.treatment.static])) * spread
    groups: dict[str, float] = {}
    for column, one in zip(columns, weight.tolist(), strict=True):
        if column.group != "delay":
            groups[column.group] = groups.get(column.group, 0.0) + one
    best: tuple[str, float] | None = None
    for name in sorted(groups, key=lambda name: (-groups[name], name))[:_GROUPS]:
        if groups[name] <= 0 or not ratio > 0:
            continue
        own = [i for i, column in enumerate(columns) if column.group == name]
        alike = np.abs(whole[:, own].T @ whole).max(axis=0) >= _SAME * len(whole)
        left_out = [(i - n_dynamic, True) if i >= n_dynamic else (i, False) for i in np.flatnonzero(alike).tolist()]
        fitted = fit_models(
            pair.knowledge, points, x, cases, of_cases, pair.grid, link=pair.link,
            propensity=not pair.design.randomised, without=left_out,
        )  # fmt: skip
        pieces, _ = pair.place([fitted], np.zeros(len(pair.which), np.int64), rows)
        other = pair.judge(rows, pieces=pieces).estimate(bins).ratio[0]
        if other > 0:
            factor = max(other / ratio, ratio / other)
            if best is None or factor > best[1]:
                best = (name, factor)
    return best


def co_intervention_of(
    pair: Pair, judge: Judge, bins: Bool, others: Sequence[tuple[str, Stream]]
) -> tuple[str, float] | None:
    """Another action of the company that goes with this one: its name, and in how much larger a share of the treated.

    Shares of the treated, and of their controls in the same bins, with one within a day before or after.
    """
    weight, _ = judge.weights(bins)
    at, _, _, _ = judge.treated_in(bins)
    rows = pair.design.rows
    best: tuple[str, float] | None = None
    for name, stream in others:
        treated = judge.arms.treated[at]
        time = pair.action_time[at]
        first, there = stream.first_from(rows.entity[treated], time - NEAR)
        share = float(np.mean(there & (first <= time + NEAR))) if len(at) else 0.0
        excess = share - _near_share(pair, judge, weight, stream, NEAR)
        if best is None or excess > best[1]:
            best = (name, excess)
    return best


def what_decides(pair: Pair) -> str | None:
    """The covariate that all but tells who is ever treated: its part of the score parts 90 % of both sorts of rows."""
    model = pair.models[2].treatment
    if model is None:
        return None
    ever = np.zeros(len(pair.design.rows), np.bool_)
    ever[pair.arms.treated] = True
    best = (0.9, "")
    for name in pair.covariates:
        at = [i for i, column in enumerate(pair.knowledge.static_columns) if column.group == name]
        if not at or not ever.any() or ever.all():
            continue
        score = np.sum([pair.knowledge.static[:, i] * model.static[i] for i in at], axis=0)
        cuts = np.unique(score)
        below = [np.searchsorted(np.sort(score[rows]), cuts, side="right") / rows.sum() for rows in (ever, ~ever)]
        best = max(best, (float(np.abs(below[0] - below[1]).max()), name))
    return best[1] or None


def follows_at_once(
    pair: Pair, judge: Judge, rows: Bool, bins: Bool, effect: float, own: Sequence[int]
) -> tuple[str, float, float] | None:
    """An event that comes with the action or right after it and carries its effect: name, share of the treated, of
    controls.

    A desk that opens a case when the customer's answer arrives logs the action first and the answer a minute later: the
    action is how the answer came to be recorded, not its cause. A log of dates tells no order within a day: a complaint
    may have brought the call about. Looked at are types that come at the time of the action, or within an hour after
    it, in 10 % more of the treated than of their controls in the same bins. One carries the effect if less than half of
    it is left without the treated that have it; the one that leaves least is told. What all the treated have tells
    nothing: 50 of them must be without it. A true effect may work that way, too (a letter and its answer), which the
    log cannot tell.
    """
    log, design = pair.log, pair.design.rows
    at, _, _, _ = judge.treated_in(bins)
    row, time = judge.arms.treated[at], pair.action_time[at]
    entity, since = design.entity[row], np.maximum(time, design.time[row] + 1)  # what comes with the moment is no sign
    begin, end = span_positions(log, entity, since, time + _AT_ONCE, pair.threads)
    length, n_types = end - begin, len(log.event_types)
    who = np.repeat(np.arange(len(at)), length)
    code = log.code[np.arange(len(who)) + np.repeat(begin - np.cumsum(length) + length, length)].astype(np.int64)
    shares = np.bincount(np.unique(who * n_types + code) % n_types, minlength=n_types) / max(len(at), 1)
    shares[list(own)] = 0.0
    shares[pair.knowledge.hidden[:n_types] != 0] = 0.0
    weight, _ = judge.weights(bins)
    half = _AT_ONCE // 2
    least, found = 0.5, None
    for c in np.flatnonzero(shares > _MANY).tolist():
        name, share = log.event_types[c], float(shares[c])
        stream = stream_of(log, Selector((name,)), threads=pair.threads)
        # Within half an hour of half an hour later is within the hour after.
        expected = _near_share(pair, judge, weight, stream, half, later=half)
        first, there = stream.first_from(entity, since)
        others = np.ones(len(judge.arms.treated), np.bool_)
        others[at[there & (first <= time + _AT_ONCE)]] = False
        left = pair.judge(rows, treated=others).estimate(bins)
        if share - expected > _MANY and left.n >= _FEW and left.effect / effect < least:
            least, found = left.effect / effect, (name, share, expected)
    return found


def _near_share(pair: Pair, judge: Judge, weight: Float64, stream: Stream, reach: int, *, later: int = 0) -> float:
    """Share of the controls with a time of the stream within ``reach`` of when they are looked at, or of ``later``."""
    from seqmine.windows.count_kernel import weighted_near

    total, rows, look = np.zeros(2), pair.design.rows, pair.knowledge.look + later
    pieces, steps, stop = judge.pieces, judge.steps, np.where(judge.chosen, judge.arms.stop, 0)
    weighted_near(
        0, len(stop), stop, pieces.offsets, pieces.bins, pieces.stratum, steps.offsets, steps.step, weight,
        stream.offsets, stream.time, rows.entity, rows.time, pair.width, look, reach, total,
    )  # fmt: skip
    return float(total[1] / total[0]) if total[0] > 0 else 0.0


def carried_by_the_silent(
    pair: Pair, judge: Judge, rows: Bool, bins: Bool, effect: float
) -> tuple[float, Estimate, Estimate] | None:
    """Is an effect on a silence that of those who were silent already: for how long, theirs, the others'; or None.

    Against ``no X``, those who left without a word are at risk until it is over. If an action needs somebody who is
    still there, the treated are there and some of their controls are not, whatever is known of both: immortal time that
    no column shows. It shows in whom: of those who did something a moment ago hardly anybody has left. The treated of
    these bins are cut at their median silence, in hours, and compared with controls of the same side. Told is what
    leaves less than half of the effect to those seen lately, where both differ beyond chance. An action that brings
    back the silent looks the same, which the log cannot tell.
    """
    knowledge, design = pair.knowledge, pair.design.rows
    at, _, _, _ = judge.treated_in(bins)
    if not pair.source.is_state or pair.design.randomised or len(at) == 0:
        return None

    def silences(row: Int64, time: Int64) -> Float32:
        out = np.zeros(len(row), np.float32)

        def part(points: slice, x: Float32) -> None:
            out[points] = x[:, 0]

        knowledge.in_parts(row, time, part)
        return out

    pieces = judge.pieces
    row = np.repeat(np.arange(len(design)), np.diff(pieces.offsets))
    begin = design.time[row] + pieces.bins.astype(np.int64) * pair.width
    of_treated = silences(pair.arms.treated, pair.action_time)
    middle = float(np.median(of_treated[at]))
    long = of_treated > middle
    split = replace(
        pieces,
        stratum=pieces.stratum + pieces.n_strata * (silences(row, begin + knowledge.look) > middle),
        treated_stratum=pieces.treated_stratum + pieces.n_strata * long,
        n_strata=2 * pieces.n_strata,
    )
    silent, seen = (pair.judge(rows, pieces=split, treated=part).estimate(bins) for part in (long, ~long))
    differ = (silent.effect - seen.effect) / math.hypot(silent.se, seen.se) * math.copysign(1.0, effect)
    if min(silent.n, seen.n) < _FEW or not (seen.effect / effect < 0.5 and differ > Z95):
        return None
    return math.expm1(middle), silent, seen


def clock_contrast(pair: Pair, judge: Judge, inside: Bool, outside: Bool) -> tuple[float, float, float]:
    """Effect inside less effect outside among actions at the same hours, its p, and the share of the treated it rests
    on.

    A delay is a time of day as soon as moments have their hours: a window may be nothing but the hours at which actions
    work. Actions are compared within blocks of four hours, workdays and weekends apart.
    """
    log = pair.log
    local = pair.action_time + log.zone.offset_at(pair.action_time)
    block = local // 3_600_000_000 % 24 // _BLOCK + 6 * ((local // _DAY + 3) % 7 >= 5)
    parts = []
    for bins in (inside, outside):
        at, k, s, residual = judge.treated_in(bins)
        beyond = residual - judge.cells.mean[s, k]
        n = np.bincount(block[at], minlength=12).astype(np.float64)
        total = np.bincount(block[at], beyond, minlength=12)
        square = np.bincount(block[at], beyond**2, minlength=12)
        parts.append((n, np.asarray(total, np.float64), np.asarray(square, np.float64)))
    (n1, t1, s1), (n0, t0, s0) = parts
    used = (n1 >= 5) & (n0 >= 5)
    if not used.any():
        return math.nan, math.nan, 0.0
    n1, t1, s1, n0, t0, s0 = (array[used] for array in (n1, t1, s1, n0, t0, s0))
    weight = n1 * n0 / (n1 + n0)
    difference = t1 / n1 - t0 / n0
    variance = (s1 / n1 - (t1 / n1) ** 2) / n1 + (s0 / n0 - (t0 / n0) ** 2) / n0
    delta = float((weight * difference).sum() / weight.sum())
    se = math.sqrt(float((weight**2 * variance).sum())) / float(weight.sum())
    return delta, two_sided(delta / se) if se > 0 else math.nan, float(n1.sum() / parts[0][0].sum())
