"""One moment and one action: from the log to findings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from seqmine._text import parse_duration, rounded_duration
from seqmine.errors import ParameterError
from seqmine.events.selectors import Selector
from seqmine.labels import DISCOVERY, Study
from seqmine.patterns import Pattern
from seqmine.windows import checks
from seqmine.windows.columns import EntityColumns, RowValues
from seqmine.windows.design import Design, as_it_happened, as_randomised, bin_width, step_of
from seqmine.windows.effects import Estimate, Judge, two_sided
from seqmine.windows.findings import FEWEST_EXPECTED, FEWEST_TREATED, LEAST_OVERLAP, Finding
from seqmine.windows.moments import MomentRows, hidden_types, moment_rows
from seqmine.windows.naive import Naive, naive_comparison
from seqmine.windows.options import WindowOptions
from seqmine.windows.outcome_bins import EVER_AFTER, OutcomeSource, outcome_steps
from seqmine.windows.pair import Pair, build_pair
from seqmine.windows.placebos import Placebo, declared_placebos, found_placebos, placebo_test
from seqmine.windows.refusals import at_risk, inbound_reason, known_until
from seqmine.windows.scan import edge_intervals, find_windows
from seqmine.windows.streams import Stream, joined, stream_of
from seqmine.windows.tables import ALWAYS, Curve

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

__all__ = ["Analysis", "Question", "analyse"]

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

_CENSORED: Final = 0.1
_ALWAYS_SHARE: Final = 0.3
_SPECIAL: Final = 1e-9


@dataclass(frozen=True, eq=False)
class Question:
    """What all pairs of one call share."""

    log: EventLog
    study: Study
    options: WindowOptions
    source: OutcomeSource
    follow: int
    entities: EntityColumns
    outcome: str
    lowers: bool
    raises: bool


@dataclass(frozen=True, eq=False)
class Analysis:
    """What came of a pair: findings (one for each window), and what curves and segments are made from.

    ``inside`` has the bins of each finding; everything but ``findings`` is None where nothing could be estimated.
    """

    findings: tuple[Finding, ...]
    rows: MomentRows
    pair: Pair | None = None
    judge: Judge | None = None
    curve: Curve | None = None
    discovery_curve: Curve | None = None
    naive: Naive | None = None
    inside: tuple[Bool, ...] = ()


def rows_of(question: Question, moment: Pattern) -> MomentRows:
    """The rows of a moment, for all actions."""
    options, source = question.options, question.source
    # Chance that decides at the moment itself asks for no longer delays: see `_followed`.
    at_once = options.randomised is not None and options.randomised.probability is not None
    longest = 0 if at_once else options.max_delay_us
    reach = longest + (0 if question.follow == EVER_AFTER else question.follow)
    rows = moment_rows(
        question.log, moment, question.study, repeats=options.repeats, reach=reach,
        watched=source.watched, next_too=at_once, threads=options.threads,
    )  # fmt: skip
    if source.watched > question.log.observed_until:  # outcomes are known for longer than actions
        rows = rows.without("not_followed", rows.time > question.log.observed_until - longest)
    if source.known_until is not None:
        until = source.known_until[rows.entity]
        rows = rows.without("no_outcome_row", until == np.iinfo(np.int64).min)
        until = source.known_until[rows.entity]
        rows = rows.without("censored", until < rows.time + reach)
    if question.study.incident or source.known_until is not None:
        rows = rows.without("already", source.came_true_before(rows.entity, rows.time))
    return rows


def analyse(
    question: Question, moment: Pattern, action: Selector, rows: MomentRows, others: Sequence[tuple[str, Stream]]
) -> Analysis:
    """Estimate a pair; `others` are the company's other actions by name."""
    log, options = question.log, question.options
    base = Finding(
        moment=str(moment), action=str(action), outcome=question.outcome, numeric=question.source.is_numeric,
        randomised=options.randomised is not None, follow=question.follow, n_discovery_rows=0,
    )  # fmt: skip

    def refused(reason: str, detail: str, at: MomentRows) -> Analysis:
        base.reason, base.detail = reason, detail
        return Analysis((base,), at)

    why = inbound_reason(log, action, options, options.threads)
    if why is not None:
        base.n_rows = int(np.count_nonzero(rows.half != DISCOVERY))
        return refused("inbound_action", why, rows)
    stream, after = stream_of(log, action, threads=options.threads), _is_action(moment, action)
    if options.randomised is None:
        design = as_it_happened(rows, stream, options, after=after)
    else:
        declared = RowValues(log, question.study, question.entities, rows, options.threads)
        span = options.max_delay_us
        steps = outcome_steps(question.source, rows.entity, rows.time, width=span, n_bins=1, follow=question.follow)
        _, stayed = steps.at(np.arange(len(rows)), np.zeros(len(rows), np.int64))
        design = as_randomised(rows, stream, options, options.randomised, declared, stayed, after=after)
    n_kept = len(rows)
    width = bin_width(design, design.rows.half == DISCOVERY, options)
    if design.single:
        design = _followed(question, design, width)
    rows = design.rows
    discovery = rows.half == DISCOVERY
    base.n_rows, base.n_discovery_rows = int(np.count_nonzero(~discovery)), int(np.count_nonzero(discovery))
    if design.note:
        base.flags.append(design.note)
    base.drawn = design.drawn
    n_bins = 1 if design.single else options.max_delay_us // width
    base.width = width
    longest = n_bins * width
    happened = (design.delay < longest) & design.may_treat
    refusal = _early(question, n_kept, design, width, n_bins, happened)
    _experiment(base, question, design, width)
    if refusal is not None:
        return refused(*refusal, rows)
    values = RowValues(log, question.study, question.entities, rows, options.threads)
    placebos, placebo_names = declared_placebos(log, options, question.entities, values, rows)
    hidden = hidden_types(log, question.study).copy()
    own = [code for name in action.types if (code := log.type_index(name)) is not None]
    # What is held back as a placebo no model may know. Nor the action's own past where chance decided: a row whose
    # action came before the delay that was drawn for it would be told by it. An arm that one is in from the first
    # moment on has a hand in all that comes before the next ones.
    unseen = [code for name in placebo_names if (code := log.type_index(name)) is not None]
    if options.randomised is not None:
        unseen += own
        hidden[own] = 1
        if options.randomised.arm is not None and options.repeats == "all":
            hidden[:] = 1
    at_once = own if action.types else range(len(log.event_types))
    pair = build_pair(
        log, design, question.source, values, width=width, n_bins=n_bins, follow=question.follow,
        covariates=_covariates(question, values), hidden=hidden, own=at_once, unseen=unseen,
        other=joined([one for _, one in others], log.n_entities), threads=options.threads,
    )  # fmt: skip
    if isinstance(pair, str):
        return refused("too_few", pair, rows)
    base.searched = pair.searched
    base.n_rows = int(np.count_nonzero(pair.estimation))
    finder, judge = pair.judge(pair.discovery), pair.judge(pair.estimation)
    curve, found_curve = judge.tables.curve(judge.cells), finder.tables.curve(finder.cells)
    windows = find_windows(
        found_curve.u, found_curve.v, found_curve.n, lowers=question.lowers, raises=question.raises,
        most=options.max_windows, n_null=options.n_null, alpha=options.alpha,
        seed=(question.study.seed, base.moment, base.action),
    )  # fmt: skip
    usable = ~(judge.cells.always | finder.cells.always)
    base.step = step = step_of(_local_delays(question, design, happened), width)

    def edge(k: int) -> int:
        """Of a bin, where it begins on the clock that delays keep."""
        return min(-(-k * width // step) * step, longest)

    naive = naive_comparison(pair, lowers=question.lowers, raises=question.raises)
    if naive.lo >= 0 and pair.searched:  # of arms at one delay it is the truth
        base.naive = (edge(naive.lo), edge(naive.hi), naive.inside)
    special, masks = [], []
    for one in windows:
        if one.p > options.alpha:
            continue
        mask = usable.copy()
        mask[: one.lo] = mask[one.hi :] = False
        why = _too_few(pair, finder.estimate(mask), judge.estimate(mask))
        if why is None:
            special.append(one)
            masks.append(mask)
        else:  # it takes nothing from what can be said of all delays
            base.thin = base.thin or (edge(one.lo), edge(one.hi), why)
    every = np.ones(n_bins, np.bool_) & usable
    outside = every & ~np.any(masks, axis=0) if masks else np.zeros(n_bins, np.bool_)
    findings, inside = [], []
    for number, mask in enumerate(masks or [every]):
        finding = Finding(**{**vars(base), "flags": list(base.flags), "window": number + 1})
        finding.has_window = bool(masks)
        if windows:
            one = special[number] if masks else windows[0]
            finding.p_scan, finding.scan = one.p, (edge(one.lo), edge(one.hi))
        treated_bins = np.flatnonzero(found_curve.n + curve.n)
        if masks:
            finding.lo, finding.hi = edge(one.lo), edge(one.hi)
            lo_low, lo_high, hi_low, hi_high = edge_intervals(
                found_curve.u, found_curve.v, found_curve.n, one, n_draws=options.n_bootstrap,
                seed=(question.study.seed, base.moment, base.action, number),
            )  # fmt: skip
            finding.edges = (edge(lo_low), edge(lo_high), edge(hi_low), edge(hi_high))
        elif finding.drawn:
            finding.lo, finding.hi = 0, options.max_delay_us
        elif len(treated_bins) == 1:
            k = int(treated_bins[0])
            finding.at_once = k * width
            finding.lo, finding.hi = k * width, (k + 1) * width
        else:
            finding.lo, finding.hi = 0, longest
        _estimate(pair, finder, judge, finding, mask, outside if masks else None, every)
        findings.append(finding)
        inside.append(mask)
    analysis = Analysis(tuple(findings), rows, pair, judge, curve, found_curve, naive, tuple(inside))
    for finding, mask in zip(findings, inside, strict=True):
        if finding.reason is None:
            _check(question, analysis, finding, mask, outside, own, others, placebos)
    return analysis


def _is_action(moment: Pattern, action: Selector) -> bool:
    """Whether any event that completes the moment is such an action itself; then the next one is meant."""
    if moment.absences:
        return False
    last = moment.steps[-1].selector
    fits = not action.types or (bool(last.types) and set(last.types) <= set(action.types))
    return fits and set(action.conditions) <= set(last.conditions)


def _local_delays(question: Question, design: Design, happened: Bool) -> Int64:
    """Delays on local clocks: a day is a day when clocks are changed."""
    zone, begin, delay = question.log.zone, design.rows.time[happened], design.delay[happened]
    return delay + zone.offset_at(begin + delay) - zone.offset_at(begin)


def _followed(question: Question, design: Design, width: int) -> Design:
    """Leave out moments whose one delay bin and its follow-up end after what is known."""
    rows, source = design.rows, question.source
    end = rows.time + width + (0 if question.follow == EVER_AFTER else question.follow)
    late = (end > source.watched) | (rows.time + width > question.log.observed_until)
    if source.known_until is not None:
        late |= source.known_until[rows.entity] < end
    return design.take(~late, "not_followed")


def _early(
    question: Question, n_kept: int, design: Design, width: int, n_bins: int, happened: Bool
) -> tuple[str, str] | None:
    """Reasons that need no estimate; `n_kept` rows of the moment, treated or not, were not lost from sight."""
    rows, counts = design.rows, design.rows.excluded
    share = counts.get("censored", 0) / max(counts.get("censored", 0) + n_kept, 1)
    if share > _CENSORED:
        end = "the last delay" if question.follow == EVER_AFTER else "the end of their follow-up"
        return "censored", f"{share:.0%} of the rows were lost from sight before {end}"
    if len(rows) == 0:
        left = ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in counts.items() if n and name != "n_moments")
        why = f" (left out: {left})" if left else ""
        if counts.get("not_followed"):
            why += f"; {known_until(question.log, question.options, question.source, question.follow)}"
        return "too_few", f"there is no moment that can be followed{why}"
    if not happened.any():
        arms = question.options.randomised is not None and question.options.randomised.arm is not None
        never = "no arm got it more often than the control arm" if arms else "it never follows the moment"
        return "no_variation", f"{never} within the delays looked at"
    steps = outcome_steps(
        question.source, rows.entity, rows.time, width=width, n_bins=n_bins, follow=question.follow,
        threads=question.options.threads,
    )  # fmt: skip
    bins = np.minimum(design.delay // width, n_bins)
    treated = np.flatnonzero(happened)
    _, risk = steps.at(treated, bins[treated])
    n1 = np.bincount(bins[treated][risk], minlength=n_bins)
    there = at_risk((steps.offsets, steps.step), np.where(design.may_control, bins, -1), n_bins)
    there = there + np.where(design.may_control.all(), 0, n1)
    always = (n1 > ALWAYS * there) & (n1 > 0) & (not design.controlled)
    if n1[always].sum() > _ALWAYS_SHARE * max(n1.sum(), 1):
        k = int(np.flatnonzero(always)[np.argmax(n1[always])])
        # Bins may be wide where hardly anybody else is treated; the rule is as sharp as the delays themselves.
        delays = np.sort(design.delay[treated[(bins[treated] == k) & risk]])
        early, late = (int(delays[int(share * (len(delays) - 1))]) for share in (0.05, 0.95))
        when = rounded_duration(early) + (f" to {rounded_duration(late)}" if late > early else "")
        return "deterministic_rule", (
            f"nearly everybody still there gets it {when} after the moment ({n1[k]:,} of {there[k]:,}), "
            "so there is nobody to compare with"
        )
    y = steps.step[1][steps.step[2] != 0]
    why = " ('no X' asks for an X in as long a time before)" if question.source.is_state else ""
    if len(y) == 0:
        return "no_variation", f"no row is at risk of {question.outcome}{why}"
    if np.ptp(y) == 0:
        return "no_variation", f"all rows at risk of {question.outcome} have the same outcome{why}"
    return None


def _experiment(finding: Finding, question: Question, design: Design, width: int) -> None:
    """How many rows an experiment needs: to show a change by a fifth of the base rate, at least 2 pp, in 80 %."""
    rows = design.rows
    if len(rows) == 0 or question.source.is_numeric:
        return
    # At the delay at which it is usually done: an outcome may be out of reach from the moment itself.
    longest = question.options.max_delay_us
    done = design.delay[design.may_treat & (design.delay < longest)]
    usual = int(np.sort(done)[len(done) // 2]) // width if len(done) else 0
    steps = outcome_steps(
        question.source, rows.entity, rows.time, width=width, n_bins=usual + 1, follow=question.follow,
        threads=question.options.threads,
    )  # fmt: skip
    y, risk = steps.at(np.arange(len(rows)), np.full(len(rows), usual))
    rate = float(y[risk].mean() / steps.scale) if risk.any() else 0.0
    if not 0.0 < rate < 1.0:
        return
    finding.detectable = max(0.02, 0.2 * rate)
    finding.n_per_arm = per_arm(rate, finding.detectable)


def per_arm(rate: float, effect: float) -> int:
    """Rows in each of two arms that show a difference of risks in 80 % of trials, at the 5 % level."""
    return max(1, math.ceil(2.0 * rate * (1.0 - rate) * (1.96 + 0.84) ** 2 / effect**2))


def _covariates(question: Question, values: RowValues) -> list[str]:
    options = question.options
    if options.covariates != "auto":
        for name in options.covariates:
            values.check(name, "covariates")
        return list(options.covariates)
    if options.randomised is not None:
        return []  # chance needs no help, and another column of the draw would be the arm in other words
    named = {options.variant, options.actor, *options.placebos}
    return [name for name in values.names() if name not in named]


def _estimate(
    pair: Pair,
    finder: Judge,
    judge: Judge,
    finding: Finding,
    mask: Bool,
    outside: Bool | None,
    every: Bool,
) -> None:
    """Estimates of the rows that judge, or the reason why there are none."""
    finding.found, finding.estimate = finder.estimate(mask), judge.estimate(mask)
    finding.whole = judge.estimate(every)
    estimate = finding.estimate
    total = estimate.n + estimate.lost
    always = judge.cells.n1[:, judge.cells.always].sum()
    finding.overlap = estimate.n / total if total else 0.0
    if outside is None and total + always > 0:
        finding.overlap = estimate.n / (total + int(always))
    if finding.overlap < LEAST_OVERLAP:
        finding.reason = "no_overlap"
        finding.detail = (
            f"only {finding.overlap:.0%} of the treated have untreated rows of their kind at the same delay to be "
            "compared with"
        )
        if decides := checks.what_decides(pair):
            finding.detail += f", for {decides} all but decides who gets it"
        return
    why = _too_few(pair, finding.found, estimate)
    if why is not None:
        finding.reason, finding.detail = "too_few", why
        return
    if outside is not None and outside.any():
        finding.outside = judge.estimate(outside)
        finding.delta, finding.delta_se = judge.contrast(mask, outside)
        z = finding.delta / finding.delta_se if finding.delta_se > 0 else math.nan
        finding.p_delta = two_sided(z)
    finding.resolution = _resolution(pair, finder, finding, mask)


def _too_few(pair: Pair, found: Estimate, estimate: Estimate) -> str | None:
    """Why there are too few treated rows, or outcomes, for the normal approximation."""
    parts = (estimate, found) if pair.searched else (estimate,)
    fewest, expected = min(one.n for one in parts), min(one.expected for one in parts)
    contrary = min(one.n - one.expected for one in parts)
    numeric = pair.source.is_numeric
    if fewest >= FEWEST_TREATED and (numeric or min(expected, contrary) >= FEWEST_EXPECTED):
        return None
    return (
        f"{fewest:,} treated rows{' in a half' if pair.searched else ''}"
        + ("" if numeric else f" with {expected:,.0f} expected outcomes")
        + f" are too few ({FEWEST_TREATED} and {FEWEST_EXPECTED:.0f} are asked for)"
    )


def _resolution(pair: Pair, finder: Judge, finding: Finding, mask: Bool) -> int | None:
    """How closely edges can be told: 15 times v / (jump^2 rate) (variance and rate of the treated), at least a step."""
    if not finding.has_window or finding.found is None or finding.found.n == 0 or math.isnan(finding.delta):
        return None
    curve = finder.tables.curve(finder.cells)
    variance = float(curve.v[mask].sum()) / finding.found.n
    rate = finding.found.n / max(int(mask.sum()) * pair.width, 1)
    jump = max(abs(finding.delta), _SPECIAL)
    hours = min(15 * variance / (jump * jump * rate), float(pair.n_bins * pair.width))
    return max(finding.step, int(-(-hours // pair.width)) * pair.width)


def _check(
    question: Question,
    analysis: Analysis,
    finding: Finding,
    mask: Bool,
    outside: Bool,
    own: Sequence[int],
    others: Sequence[tuple[str, Stream]],
    placebos: Sequence[Placebo],
) -> None:
    pair, judge, estimate = analysis.pair, analysis.judge, finding.estimate
    assert pair is not None and judge is not None and estimate is not None
    found = checks.balance_of(pair, judge, mask)
    if found is not None:
        finding.balance, finding.fair = (found.name, found.difference), found.chance
    finding.co_intervention = checks.co_intervention_of(pair, judge, mask, others)
    if analysis.findings[0].placebo is not None:
        finding.placebo = analysis.findings[0].placebo
    else:
        tried = list(placebos) if question.options.placebos else found_placebos(pair)
        finding.placebo = placebo_test(pair, tried, pair.estimation)
    if finding.has_window and not math.isnan(finding.delta):
        finding.clock = checks.clock_contrast(pair, judge, mask, outside)
    if estimate.p <= question.options.alpha:
        finding.looked_protopathic = True
        finding.protopathic = checks.turns_when_blanked(pair, pair.estimation, mask, estimate.effect)
        finding.silent = checks.carried_by_the_silent(pair, judge, pair.estimation, mask, estimate.effect)
        if not finding.randomised:
            finding.follows = checks.follows_at_once(pair, judge, pair.estimation, mask, estimate.effect, own)
        if not finding.numeric:
            finding.benchmark = checks.leaves_it_out(pair, pair.estimation, mask, estimate.ratio[0])


def settle(analyses: Sequence[Analysis], alpha: float) -> None:
    """Holm over all windows of all pairs that were estimated; then what may be claimed."""
    from seqmine.significance import holm
    from seqmine.windows.findings import status_of

    findings = [finding for one in analyses for finding in one.findings]
    judged = [finding for finding in findings if finding.reason is None and finding.estimate is not None]
    adjusted = holm(np.array([one.estimate.p for one in judged if one.estimate is not None]))
    for finding, p in zip(judged, adjusted, strict=True):
        assert finding.estimate is not None and finding.found is not None
        finding.p_holm = float(p)
        agrees = not finding.searched or finding.estimate.effect * finding.found.effect > 0
        finding.effective = bool(p <= alpha and agrees)
        finding.timing = bool(
            finding.effective
            and finding.has_window
            and finding.p_scan <= alpha
            and finding.p_delta <= alpha
            and finding.delta * finding.estimate.effect > 0
            and not finding.clock_bound
        )
    for finding in findings:
        finding.status, finding.flags = status_of(finding, alpha)
        # What a placebo rejects is no window, however sharp: those treated at such delays were others to begin with.
        finding.timing &= finding.status != "associational"


def follow_up_of(study: Study, options: WindowOptions) -> int:
    """The follow-up: given, or the horizon of the outcome; a table without a horizon is for ever."""
    if options.follow_up is not None:
        return parse_duration(options.follow_up)
    horizon = None if study.outcome is None else study.outcome.horizon
    if horizon is None and study.outcome is not None and study.outcome.table is not None:
        return EVER_AFTER
    if horizon is None:
        raise ParameterError("the outcome has no horizon, so windows need a follow_up", hint='write follow_up="30d"')
    return horizon
