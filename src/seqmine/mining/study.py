"""`mine` on a study: found on one half of the entities, judged on the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from seqmine import _native
from seqmine.errors import InsufficientDataError, ParameterError
from seqmine.labels import DISCOVERY, ESTIMATION, BoundRows, Labels, label, out_of_time_rows, split_halves
from seqmine.mining.certificate import certify, effects_of
from seqmine.mining.columns import check_column
from seqmine.mining.deadline import Deadline
from seqmine.mining.evidence import EvidenceOptions
from seqmine.mining.explained import explained_by
from seqmine.mining.family import Family
from seqmine.mining.items import Item, make_items
from seqmine.mining.judged import Judged, verdicts
from seqmine.mining.later import later_part, said_of
from seqmine.mining.leaks import check_leaks, leak_alarms
from seqmine.mining.parts import Part, check_numbers
from seqmine.mining.search import Target, search
from seqmine.mining.sensitivity import hangs_on_busiest, hangs_on_ties
from seqmine.mining.shortlist import POOL, choose
from seqmine.mining.small_data import small_verdicts
from seqmine.mining.stands_for import rivals, stands_for
from seqmine.mining.step_leaks import Steps
from seqmine.mining.strata import row_strata
from seqmine.mining.study_result import StudyResult
from seqmine.mining.study_table import study_table
from seqmine.patterns.model import Gap

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import Study
    from seqmine.mining.options import MinerOptions

__all__ = ["mine_study"]

Bool = npt.NDArray[np.bool_]

_SEARCH_SHARE = 0.5
"""Of ``max_seconds``. What comes after the search takes about two thirds of its time on large logs."""


@dataclass(frozen=True)
class Rows:
    """All rows of a study, and which part each belongs to."""

    labels: Labels
    bound: BoundRows
    discovery: Bool
    estimation: Bool
    later: Bool


def mine_study(log: EventLog, study: Study, options: MinerOptions, evidence: EvidenceOptions) -> StudyResult:
    """The work of `mine` on a study; arguments are checked."""
    deadline = Deadline(options.max_seconds)
    if options.measure != "leverage":
        raise ParameterError(
            f"a study is searched by stratified leverage, not by {options.measure}",
            hint="leave measure out, or mine the labels themselves: sm.mine(log, sm.label(log, study))",
        )
    labels = label(log, study, threads=options.threads)
    rows = _parts(log, study, labels)
    check_numbers(rows.bound)
    _check_classes(rows.bound, "the study")
    everyone = rows.discovery | rows.estimation
    if rows.later.any():
        _check_classes(rows.bound.take(everyone), "the study without the rows of its out-of-time test")
    small = _is_small(rows.bound.take(everyone), evidence)
    if small:
        rows = Rows(labels, rows.bound, everyone, np.zeros_like(everyone), rows.later)
    strata = row_strata(
        log,
        labels,
        rows.bound,
        rows.discovery,
        adjust=evidence.adjust,
        columns=options.strata or (),
        threads=options.threads,
    )

    def part(chosen: Bool) -> Part:
        bound, exposure = rows.bound.take(chosen), strata.exposure.take(chosen)
        return Part(log, bound, strata.code[chosen], strata.n_strata, exposure, options.threads)

    discovery = part(rows.discovery)
    if not small:
        _check_classes(discovery.bound, "the discovery half")
        _check_classes(rows.bound.take(rows.estimation), "the estimation half")
    for name in evidence.segments:
        check_column(log, labels, name, "segments")
    items = make_items(log, discovery.bound, tuple(options.context), options.min_support)
    findings = leak_alarms(
        log,
        labels,
        rows.bound,
        study,
        discovery=rows.discovery,
        stratum=strata.code,
        min_support=options.min_support,
        steps=Steps(items, () if small else options.limits().absences),
        threads=options.threads,
    )
    alarms = check_leaks(log, findings, evidence.acknowledge)
    found = _search(log, discovery, options, items, deadline.left(_SEARCH_SHARE), small=small)
    limits = options.limits()
    full = Gap(limits.min_gap, None if limits.max_gap == _native.UNBOUNDED else limits.max_gap)
    searched = deadline.elapsed
    chosen = choose(
        discovery,
        found,
        options,
        full=full,
        learn_gaps=options.learn_gaps and not small,
        wanted=min(options.top_k, evidence.shortlist),
        clock=evidence.clock and not small,
        deadline=deadline,
    )
    family = Family(log, options, evidence, full, study.seed, deadline, small=small)
    found_effects = effects_of(discovery, chosen.patterns)
    judge, certificate = discovery, None
    if not small:
        judge = part(rows.estimation)
        certificate = certify(judge, chosen.patterns, chosen.direction, evidence, full=full, seed=study.seed)
    later = later_part(log, study, labels, rows.bound, rows.later, options, evidence, small=small)
    if later is not None:
        later.match(chosen.patterns)
    effects = found_effects if certificate is None else certificate.effects
    p_family = family.p_values(judge, chosen.patterns)
    if certificate is not None and judge.is_numeric:
        p_family = certificate.p_permutation
    few = small_verdicts(judge, chosen.patterns, chosen.direction, p_family, full, evidence.alpha) if small else None
    claimed = [one in ("validated", "exploratory") for one in verdicts(certificate, few)]
    judging = rows.discovery if small else rows.estimation
    rival = rivals(log, labels, rows.bound, judging, judge, strata.rule, options.threads) if any(claimed) else []
    named = stands_for(judge, chosen.patterns, chosen.direction, claimed, rival, evidence.alpha, evidence.min_effect)
    judged = Judged(
        chosen=chosen,
        discovery=found_effects,
        certificate=certificate,
        small=few,
        later=None if later is None else effects_of(later, chosen.patterns),
        p_family=p_family,
        explained=[None] * len(chosen.patterns)
        if certificate is None
        else explained_by(judge, chosen.patterns, chosen.direction, certificate, evidence),
        stands_for=named,
        on_ties=hangs_on_ties(judge, chosen.patterns),
        on_busiest=hangs_on_busiest(judge, chosen.patterns, effects),
        outcome=study.outcome,
        n_rows=judge.n_rows,
        n_positive=judge.n_positive,
        utc=log.timezone in ("UTC", "Etc/UTC"),
        alpha=evidence.alpha,
        held_equal=_listed(strata.held),
    )
    stats = {
        "n_rows": judge.n_rows,
        "n_positive": judge.n_positive,
        "n_discovery_rows": discovery.n_rows,
        "n_discovery_positive": discovery.n_positive,
        "n_out_of_time_rows": 0 if later is None else later.n_rows,
        "n_strata": strata.n_strata,
        "n_examined": chosen.n_examined,
        "n_gaps_bounded": chosen.n_gaps_bounded,
        "n_clock_conditions": chosen.n_clocked,
        "n_shortlisted": len(chosen.patterns),
        **family.stats,
        **found["stats"],
        "mine_seconds": searched,
        "seconds": deadline.elapsed,
    }
    return StudyResult(
        study_table(judged, judge),
        bool(found["complete"]) and chosen.complete and family.complete,
        MappingProxyType(stats),
        study=study,
        labels=labels,
        held_equal=strata.sentence,
        out_of_time=said_of(
            later, max(int(np.count_nonzero(rows.later)) - (0 if later is None else later.n_rows), 0), small=small
        ),
        alarms=alarms,
        small=small,
        _evidence=evidence,
        _strata=strata,
        _judge=judge,
        _judge_rows=np.flatnonzero(judging),
    )


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} and {names[-1]}"


def _parts(log: EventLog, study: Study, labels: Labels) -> Rows:
    bound = labels.bind(log, numbers=True)
    later = np.asarray(out_of_time_rows(log, study, labels))
    half = split_halves(labels.column("entity"), study.seed)
    return Rows(labels, bound, (half == DISCOVERY) & ~later, (half == ESTIMATION) & ~later, later)


def _check_classes(bound: BoundRows, where: str) -> None:
    n = len(bound.label)
    if bound.number is not None:
        if n and np.ptp(bound.number) > 0:
            return
        what = "has no rows" if n == 0 else f"has the same number in all {n:,} rows"
        raise InsufficientDataError(f"{where} {what}; there is nothing to explain", hint="see labels.excluded")
    n_positive = int(np.count_nonzero(bound.label))
    if n_positive not in (0, n):
        return
    what = "has no rows" if n == 0 else f"has {n:,} rows, all of them with the label {0 if n_positive == 0 else 1}"
    raise InsufficientDataError(
        f"{where} {what}; mining needs rows of both classes",
        hint="see labels.excluded, or change the outcome or horizon",
    )


def _is_small(bound: BoundRows, evidence: EvidenceOptions) -> bool:
    n = len(bound.label)
    if bound.number is not None:
        if n < evidence.small_data:
            raise InsufficientDataError(
                f"{n:,} rows with numbers are too few to split; {evidence.small_data:,} are asked for",
                hint="more entities, or a yes/no outcome: small data with labels are judged by permutations",
            )
        return False
    n_positive = int(np.count_nonzero(bound.label))
    fewest = min(n_positive, n - n_positive)
    if fewest >= evidence.small_data:
        return False
    if evidence.westfall_young is False:
        raise InsufficientDataError(
            f"{fewest:,} rows of the rarer class are too few to split; {evidence.small_data:,} are asked for",
            hint="allow westfall_young, which judges small data without a split",
        )
    return True


def _search(
    log: EventLog, part: Part, options: MinerOptions, items: Sequence[Item], seconds: float, *, small: bool
) -> dict[str, Any]:
    labels = Target(part.bound.label, part.stratum, part.n_strata)
    target = Target.numbers(part.outcome) if part.is_numeric else labels
    return search(
        log,
        part.bound,
        target,
        options,
        items,
        # With learned gaps the miner's own pool is four times what it is asked for, and all of it is refined.
        top_k=POOL // 4 if options.learn_gaps and not small else POOL,
        redundancy=None,
        # Intervals chosen by the labels would have to be chosen anew in every permutation.
        learn_gaps=options.learn_gaps and not small,
        absences=not small,
        seconds=seconds,
    )
