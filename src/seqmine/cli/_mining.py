"""What `seqmine mine` can be asked: a study, labels in sample, or what is frequent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import click
import pyarrow as pa

from seqmine.cli._options import Answer
from seqmine.cli._progress import StderrProgress
from seqmine.cli._text_safety import printable

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import Study
    from seqmine.mining import MiningResult, StudyResult
    from seqmine.pipeline.config import EvidenceSection, LogSection, MomentsSection, StudySection

__all__ = ["Asked", "Done", "work"]

_STUDY = (
    "outcome", "at", "lookback", "lead", "exclude_events", "incident", "min_tenure", "seed", "out_of_time",
)  # fmt: skip
_OF_LABELS = {"lookback", "exclude_events", "seed", "out_of_time"}
_MOMENTS = ("learn_gaps", "top_k", "measure", "strata", "direction", "redundancy", "context", "absence", "gap_bins")
_SHARED = ("max_length", "min_gap", "max_gap", "max_span", "min_support", "max_seconds", "max_memory")
_FREQUENT = ("closed", "max_patterns")
_EVIDENCE = (
    "alpha", "min_effect", "shortlist", "adjust", "segments", "correction", "permutations", "westfall_young",
    "small_data", "clock", "acknowledge",
)  # fmt: skip
_SENTENCES = 5


@dataclass(frozen=True)
class Asked:
    """The options that were given, by what they belong to."""

    study: dict[str, Any]
    moments: dict[str, Any]
    shared: dict[str, Any]
    frequent: dict[str, Any]
    evidence: dict[str, Any]
    labels: str | None
    explain: str | None

    @classmethod
    def taken_from(cls, given: dict[str, Any]) -> Asked:
        """Take the options of `mine` out of ``given``."""

        def take(names: tuple[str, ...]) -> dict[str, Any]:
            return {name: value for name in names if (value := given.pop(name)) is not None}

        return cls(
            study=take(_STUDY),
            moments=take(_MOMENTS),
            shared=take(_SHARED),
            frequent=take(_FREQUENT),
            evidence=take(_EVIDENCE),
            labels=given.pop("labels"),
            explain=given.pop("explain"),
        )


@dataclass(frozen=True)
class Done:
    """What came of it: ``shown`` is the table to print or write, unless there is a ``text`` to print."""

    log: EventLog
    shown: pa.Table
    complete: bool
    record: dict[str, Any]
    text: str | None = None


def work(asked: Asked, answer: Answer, *, frequent: bool, in_sample: bool) -> _Judged | _InSample | _Frequent:
    """Return what does it; every option is checked before any data are read."""
    if frequent:
        return _Frequent(asked, in_sample=in_sample)
    return _InSample(asked, answer) if in_sample else _Judged(asked, answer)


class _Question:
    """A study of an outcome, or of a file of labels."""

    def __init__(self, asked: Asked) -> None:
        from seqmine.pipeline.config import parse_moments, parse_study

        _refuse(asked.frequent, "goes with --frequent")
        self.labels = asked.labels
        self.moments: MomentsSection = parse_moments(_whole_support({**asked.moments, **asked.shared}))
        self.asked = asked.study
        self.study: StudySection | None = None
        if asked.labels is None:
            if "outcome" not in asked.study or "at" not in asked.study:
                raise click.UsageError("give --outcome and --at, or --labels FILE, or --frequent")
            self.study = parse_study(asked.study | {"at": _instants(asked.study["at"])})
            self.study.study()
        elif set(asked.study) - _OF_LABELS:
            raise click.UsageError(
                "--labels brings outcome and index times: only --lookback, --exclude-events, --seed and --out-of-time "
                "go with it"
            )
        self.moments.options(0)
        self.described: dict[str, Any] = {
            "study": asked.study if self.study is None else self.study.model_dump(mode="json"),
            "moments": self.moments.model_dump(mode="json"),
        }

    def ask(self, log: EventLog) -> Study:
        """Return the study that `mine` takes."""
        from seqmine.labels import Study
        from seqmine.pipeline.source import read_labels

        if self.study is not None:
            return self.study.study()
        of_rows = {name: self.asked[name] for name in ("lookback", "exclude_events") if name in self.asked}
        rows = read_labels(str(self.labels), timezone=log.timezone, **of_rows)
        later = self.asked.get("out_of_time", "auto")
        return Study.from_labels(rows, self.asked.get("seed", 0), out_of_time=None if later == "none" else later)

    def inputs(self, section: LogSection) -> list[dict[str, Any]]:
        from seqmine.pipeline.source import fingerprints

        return fingerprints(section, *([self.labels] if self.labels else []))


class _Judged(_Question):
    """Found on one half of the entities, judged on the other."""

    def __init__(self, asked: Asked, answer: Answer) -> None:
        from seqmine.patterns import parse_pattern
        from seqmine.pipeline.config import check_for_study, parse_evidence

        super().__init__(asked)
        check_for_study(self.moments)
        given = asked.evidence | ({"adjust": []} if asked.evidence.get("adjust") == ["none"] else {})
        self.evidence: EvidenceSection = parse_evidence(given)
        self.evidence.options()
        self.described["evidence"] = self.evidence.model_dump(mode="json")
        self.answer = answer
        self.explain = asked.explain
        if asked.explain is not None:
            parse_pattern(asked.explain)
            if answer.output is not None or answer.form not in ("table", "json"):
                raise click.UsageError("--explain prints text, or an object with --format json; not to a file")
            if asked.evidence.get("segments"):
                raise click.UsageError("--explain and --segments print different things: give one of them")

    def run(self, section: LogSection, threads: int, progress: StderrProgress) -> Done:
        from seqmine.pipeline.judged import judge, judged_record, loss_of
        from seqmine.pipeline.source import open_log

        with progress.stage("read the log"):
            log = open_log(section, threads=threads)
        with progress.stage("label and mine"):
            result = judge(log, self.ask(log), self.moments.options(threads), self.evidence.options())
        if not progress.quiet:
            loss = loss_of(log, result, threads)
            for line in self._summary(result, loss):
                click.echo(printable(line), err=True)
        table = result.segments() if self.evidence.segments else result.to_arrow()
        record = {
            "labels": result.labels.summary(),
            "result": {"n_patterns": len(result), **judged_record(result)},
        }
        if self.explain is not None:
            from seqmine.cli._study_table import explained

            text = explained(result.explain(self.explain), as_json=self.answer.form == "json")
            return Done(log, table, result.complete, record, text)
        if self.answer.form == "table" and not self.evidence.segments:
            from seqmine.cli._study_table import for_people

            table = for_people(result)
        return Done(log, table, result.complete, record)

    def _summary(self, result: StudyResult, loss: Any) -> list[str]:
        from seqmine.pipeline.judged import NO_CAUSE, judged_lines, labels_lines, sentences

        return [*labels_lines(result.labels), *judged_lines(result, loss), *sentences(result, _SENTENCES), NO_CAUSE]


class _InSample(_Question):
    """Found and counted on the same rows."""

    def __init__(self, asked: Asked, answer: Answer) -> None:
        _refuse(asked.evidence, "does not go with --in-sample: nothing is judged there")
        _refuse({"explain": asked.explain} if asked.explain else {}, "does not go with --in-sample")
        super().__init__(asked)
        self.for_people = answer.output is None and answer.form == "table"

    def run(self, section: LogSection, threads: int, progress: StderrProgress) -> Done:
        from seqmine.labels import label
        from seqmine.mining import mine
        from seqmine.pipeline.judged import labels_lines
        from seqmine.pipeline.source import open_log
        from seqmine.pipeline.summary import EXPLORATORY

        with progress.stage("read the log"):
            log = open_log(section, threads=threads)
        with progress.stage("label"):
            rows = label(log, self.ask(log), threads=threads)
        if not progress.quiet:
            for line in (*labels_lines(rows), EXPLORATORY):
                click.echo(printable(line), err=True)
        with progress.stage("mine"):
            result = mine(log, rows, self.moments.options(threads))
        shown = self._with_effect(result) if self.for_people else result.to_arrow()
        if shown.num_rows < len(result) and not progress.quiet:
            hidden = len(result) - shown.num_rows
            click.echo(f"{hidden:,} patterns without any effect are not shown; --format csv keeps them", err=True)
        said = {"n_patterns": len(result), "complete": result.complete, "evidence": "exploratory"}
        return Done(log, shown, result.complete, {"labels": rows.summary(), "result": said})

    def _with_effect(self, result: MiningResult) -> pa.Table:
        from seqmine.pipeline.summary import has_effect

        table, stratified = result.to_arrow(), bool(self.moments.strata)
        return table.filter(pa.array([has_effect(row, stratified=stratified) for row in table.to_pylist()], pa.bool_()))


class _Frequent:
    """`mine_frequent` on the whole log."""

    _other: ClassVar[str] = "does not go with --frequent"

    def __init__(self, asked: Asked, *, in_sample: bool) -> None:
        from seqmine.mining import FrequentOptions

        further = {"labels": asked.labels, "explain": asked.explain, "in_sample": in_sample or None}
        _refuse({name: value for name, value in further.items() if value is not None}, self._other)
        _refuse({**asked.study, **asked.moments, **asked.evidence}, self._other)
        self.chosen = _whole_support({**asked.shared, **asked.frequent})
        FrequentOptions(**self.chosen)
        self.described: dict[str, Any] = {"frequent": self.chosen}

    def run(self, section: LogSection, threads: int, progress: StderrProgress) -> Done:
        from seqmine.mining import FrequentOptions, mine_frequent
        from seqmine.pipeline.source import open_log

        with progress.stage("read the log"):
            log = open_log(section, threads=threads)
        with progress.stage("mine"):
            result = mine_frequent(log, FrequentOptions(**self.chosen, threads=threads))
        table = result.to_arrow()
        return Done(
            log, table, result.complete, {"result": {"n_patterns": table.num_rows, "complete": result.complete}}
        )

    def inputs(self, section: LogSection) -> list[dict[str, Any]]:
        from seqmine.pipeline.source import fingerprints

        return fingerprints(section)


def _refuse(chosen: dict[str, Any], why: str) -> None:
    for name in chosen:
        raise click.UsageError(f"--{name.replace('_', '-')} {why}")


def _whole_support(chosen: dict[str, Any]) -> dict[str, Any]:
    support = chosen.get("min_support")
    return chosen if support is None or support != int(support) else chosen | {"min_support": int(support)}


def _instants(text: str) -> str | list[str]:
    # Dates may be several; an anchor such as nth(purchase, 2) has a comma of its own.
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return parts if len(parts) > 1 and all(part[:1].isdigit() for part in parts) else text
