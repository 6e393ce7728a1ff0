"""A study, judged, in plain text and plain values: for the command line, a run's summary and its manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from seqmine.errors import InsufficientDataError

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import Labels, LeadLoss, Study
    from seqmine.mining import EvidenceOptions, MinerOptions, StudyResult

__all__ = [
    "NO_CAUSE",
    "counted_verdicts",
    "counts_of",
    "finding_lines",
    "how_to_read",
    "judge",
    "judged_lines",
    "judged_record",
    "labels_lines",
    "loss_of",
    "sentences",
]

VERDICTS = {
    "validated": "validated",
    "exploratory": "exploratory",
    "not_supported": "not supported",
    "untested": "untested",
}
"""In the words of a summary, best first."""

NO_CAUSE = (
    "None of this says what causes the outcome: a verdict is about what comes before it, among rows that are alike in "
    "what was held equal, and in nothing else."
)


def how_to_read(result: StudyResult, evidence: EvidenceOptions) -> list[str]:
    """Return what verdicts and numbers mean, a line each."""
    alpha, ratio = f"{evidence.alpha:.3g}", f"{1 + evidence.min_effect:.3g}"
    if result.small:
        return [
            f"validated: the best of all patterns is so far from chance in at most {alpha} of the permutations "
            "(Westfall-Young). Counts and O/E are of the rows that found the pattern, and flatter it.",
            "not supported: not shown; that is no proof of its opposite. untested: not covered by the permutations.",
            NO_CAUSE,
        ]
    least = f"a risk ratio of {ratio}, or 1/{ratio},"
    if result.labels.is_numeric:
        least = f"{evidence.min_effect:.3g} of the mean of others"
    return [
        f"validated: more than {least} and more than every simpler pattern in it, with a family-wise error of {alpha} "
        "over all patterns judged (Holm).",
        f"exploratory: the same, but only the share of false ones is held to {alpha} (q), so expect some.",
        "not supported: not shown; that is no proof of its opposite. untested: too few rows for any answer.",
        "expected, O/E: rows with the outcome that rows alike in what was held equal let expect, and the ratio to it, "
        "with a 95 % interval. The crude lift holds nothing equal.",
        NO_CAUSE,
    ]


def judge(log: EventLog, study: Study, options: MinerOptions, evidence: EvidenceOptions) -> StudyResult:
    """`mine` of a study; when there is too little data, the error says who was left out and why.

    Raises
    ------
    InsufficientDataError, LeakAlarm, ParameterError, MemoryBudgetExceeded
        As `mine`.
    """
    from seqmine import mining
    from seqmine.labels import label, lead_loss

    try:
        found = mining.mine(log, study, options, evidence=evidence)
    except InsufficientDataError as error:
        # Of a study whoever asks has no labels to look at.
        if error.hint is not None and "labels.excluded" in error.hint:
            labels = label(log, study, threads=options.threads)
            loss = lead_loss(log, study, labels, options.threads)
            error.hint = "; ".join([*labels_lines(labels), *([] if loss is None else [loss.sentence.rstrip(".")])])
        raise
    assert isinstance(found, mining.StudyResult)
    return found


def labels_lines(labels: Labels) -> list[str]:
    """Return how many rows there are, with which base rate, and which were left out and why."""
    said = labels.summary()
    lines = [f"{said['n_rows']:,} of {said['n_candidates']:,} candidate rows (entity and index time)"]
    if said.get("base_rate") is not None:
        lines[0] += f"; {said['n_positive']:,} with the outcome: base rate {said['base_rate']:.1%}"
    lines += [f"left out: {count:,} {reason}" for reason, count in said["excluded"].items() if count]
    return lines


def loss_of(log: EventLog, result: StudyResult, threads: int = 0) -> LeadLoss | None:
    """Return the outcomes that the lead gap loses; None where there is no gap, or nothing to know of it."""
    from seqmine.labels import lead_loss

    return lead_loss(log, result.study, result.labels, threads)


def judged_lines(result: StudyResult, loss: LeadLoss | None) -> list[str]:
    """Return what was compared with what, on how many rows, what was lost and acknowledged, and counts of verdicts."""
    stats, numeric = result.stats, result.labels.is_numeric

    def rows(n: str, positive: str) -> str:
        return f"{stats[n]:,} rows" + ("" if numeric else f" ({stats[positive]:,} with the outcome)")

    if result.small:
        lines = [
            f"too few rows of the rarer class for two halves: found and judged on the same "
            f"{rows('n_rows', 'n_positive')}, by permutation"
        ]
    else:
        lines = [
            f"found on {rows('n_discovery_rows', 'n_discovery_positive')} of one half of the entities, judged on "
            f"{rows('n_rows', 'n_positive')} of the other half, which found nothing"
        ]
    if result.out_of_time is not None:
        lines.append(result.out_of_time)
    lines.append(result.held_equal)
    if loss is not None:
        lines.append(loss.sentence)
    lines += [f"acknowledged leak alarm: {alarm.sentence}" for alarm in result.alarms]
    noun = "pattern" if len(result) == 1 else "patterns"
    lines.append(f"{len(result):,} {noun} judged: {_verdict_words(result)}")
    return lines + _stand_in_lines(result)


def _stand_in_lines(result: StudyResult) -> list[str]:
    """What the claimed patterns may only stand for, and how to find out."""
    named = [column for column in result.to_arrow()["stands_for"].to_pylist() if column is not None]
    claimed = sum(n for verdict, n in counted_verdicts(result).items() if verdict in ("validated", "exploratory"))
    return [
        f"{named.count(column):,} of the {claimed:,} validated or exploratory ones may only stand for {column}: "
        f"hold it equal, too (strata = {column})"
        for column in dict.fromkeys(named)
    ]


def counted_verdicts(result: StudyResult) -> dict[str, int]:
    """Return how many patterns have each verdict, best verdict first, also those that none has."""
    verdicts = result.to_arrow().column("verdict").to_pylist()
    return {verdict: verdicts.count(verdict) for verdict in VERDICTS}


def _verdict_words(result: StudyResult) -> str:
    return ", ".join(f"{n:,} {VERDICTS[verdict]}" for verdict, n in counted_verdicts(result).items() if n) or "none"


def judged_record(result: StudyResult) -> dict[str, Any]:
    """Return what a manifest says of the result."""
    return {
        "complete": result.complete,
        "evidence": "westfall_young" if result.small else "estimation_half",
        "verdicts": counted_verdicts(result),
        "held_equal": result.held_equal,
        "acknowledged_alarms": [alarm.event for alarm in result.alarms],
        "n_rows_judging": result.stats["n_rows"],
        "n_rows_finding": result.stats["n_discovery_rows"],
        "n_rows_out_of_time": result.stats["n_out_of_time_rows"],
    }


def sentences(result: StudyResult, limit: int) -> Iterator[str]:
    """Yield the best patterns that say something of their own, each with its verdict and what may be said of it."""
    rows = [row for row in result.to_arrow().to_pylist() if row["verdict"] in ("validated", "exploratory")]
    own = [row for row in rows if row["explained_by"] is None]
    for row in own[:limit]:
        yield f"{row['verdict']}: {row['pattern']}: {row['statement']}"
    if len(rows) > len(own):
        more = len(rows) - len(own)
        yield f"{more:,} more are validated, but not told apart from others: flag explained_by_another."
    if not rows:
        yield "No pattern is validated, and none stands out."


def finding_lines(result: StudyResult, limit: int) -> Iterator[str]:
    """Yield the best patterns with their numbers; no effect of the rows that found them without saying so."""
    rows = [row for row in result.to_arrow().to_pylist() if row["verdict"] != "untested"]
    if not any(row["verdict"] in ("validated", "exploratory") for row in rows):
        yield "  none is validated, and none stands out"
    numeric = result.labels.is_numeric
    for rank, row in enumerate(rows[:limit], start=1):
        yield f"  {rank:2}. {row['pattern']}"
        yield f"      {VERDICTS[row['verdict']]}, {row['direction']}: {counts_of(row, numeric=numeric)}"
        yield f"      {row['statement']}"
        yield from _later_lines(row, "mean_difference" if numeric else "o_over_e")
        tests = {"Holm p": row["p_holm"], "q": row["q_bh"]}
        said = [", ".join(f"{name} = {p:.2g}" for name, p in tests.items() if p is not None)]
        said.append("flags: " + ", ".join(row["flags"]) if row["flags"] else "")
        if any(said):
            yield f"      {'; '.join(filter(None, said))}"
    if len(rows) > limit:
        yield f"  and {len(rows) - limit:,} more in moments.parquet"


def _later_lines(row: Mapping[str, Any], effect: str) -> Iterator[str]:
    low, high = row[f"out_of_time_{effect}_low"], row[f"out_of_time_{effect}_high"]
    if low is None or row[effect] is None:
        return
    name = "O/E" if effect == "o_over_e" else "mean difference"
    found, judged, later = (f"{row[prefix + effect]:.3g}" for prefix in ("discovery_", "", "out_of_time_"))
    interval = f"({low:.3g} to {high:.3g})"
    yield f"      {name} {found} where it was found, {judged} where it was judged, {later} {interval} later"


def counts_of(row: Mapping[str, Any], *, numeric: bool) -> str:
    """Return the counts of one row of the table: of what judged it, else of what found it, and then it says so."""
    found = row["n_matched"] is None
    of, where = ("discovery_", " that it was found on") if found else ("", "")
    n, share, base, expected = (row[of + name] for name in ("n_matched", "confidence", "base_rate", "expected"))
    if numeric:
        mean = "" if share is None else f", mean {share:.4g} against {base:.4g} of all"
        return f"{n:,} rows{where}{mean}"
    if share is None:
        return f"no rows{where}"
    lift = "" if row[of + "lift"] is None else f"; crude lift {row[of + 'lift']:.2f}"
    return (
        f"{row[of + 'n_positive']:,} of {n:,} rows{where} ({share:.1%}), {expected:,.1f} expected within strata{lift}"
    )
