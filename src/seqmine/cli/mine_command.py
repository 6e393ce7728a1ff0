"""``seqmine mine``: the patterns that come before an outcome, or those that many have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from seqmine.cli._options import (
    Answer,
    comma_list,
    common,
    log_options,
    log_section,
    output_options,
    progress_of,
    set_aside,
    status,
)
from seqmine.cli._progress import StderrProgress
from seqmine.cli._text_safety import printable

if TYPE_CHECKING:
    import pyarrow as pa

    from seqmine.events.log import EventLog
    from seqmine.labels import Labels
    from seqmine.pipeline.config import LogSection

__all__ = ["command"]

_STUDY = ("outcome", "at", "lookback", "lead", "exclude_events", "incident", "min_tenure", "seed")
_MOMENTS = ("learn_gaps", "top_k", "measure", "strata", "direction", "redundancy", "context", "absence", "gap_bins")
_SHARED = ("max_length", "min_gap", "max_gap", "max_span", "min_support", "max_seconds", "max_memory")
_FREQUENT = ("closed", "max_patterns")


@click.command("mine")
@click.argument("source")
@click.option("--outcome", metavar="TEXT", help="What is to be predicted, as 'no purchase within 90d'.")
@click.option(
    "--at", metavar="TIMES", help="Index times: dates with commas between, 'first(signup)', 'start + 14d', ..."
)
@click.option(
    "--lookback", metavar="DURATION", help="How far before the index patterns may reach.  [default: the start]"
)
@click.option("--lead", metavar="DURATION", help="Time between the index and the outcome.  [default: 0d]")
@click.option("--exclude-events", metavar="NAMES", help="Event types that say the outcome in other words.")
@click.option("--incident/--no-incident", default=None, help="Ask only those for whom it has not come true before.")
@click.option("--min-tenure", metavar="DURATION", help="Ask only those who began so long before the index.")
@click.option("--seed", type=int, help="Of the split of top shares.  [default: 0]")
@click.option("--labels", metavar="FILE", help="Parquet or CSV with entity, index_time, label, in place of --outcome.")
@click.option("--max-length", type=int, help="Most steps of a pattern.  [default: 4; none with --frequent]")
@click.option("--min-gap", metavar="DURATION", help="Least time between steps.  [default: 1us]")
@click.option("--max-gap", metavar="DURATION", help="Steps follow within less.  [default: 14d; none with --frequent]")
@click.option("--max-span", metavar="DURATION", help="A match is shorter than this.  [default: none]")
@click.option("--learn-gaps/--fixed-gaps", default=None, help="Search for each step's best gap.  [default: learn]")
@click.option("--gap-bins", metavar="DURATIONS", help="Where learned gaps may begin and end.")
@click.option("--min-support", type=float, help="Rows (entities) that must match.  [default: 100; 500 with --frequent]")
@click.option("--top-k", type=int, help="How many patterns.  [default: 100]")
@click.option("--measure", help="leverage, wracc, chi2, log_odds, info_gain or lift.  [default: leverage]")
@click.option("--strata", metavar="NAMES", help="Further columns of --labels to stratify by.")
@click.option("--direction", help="raises, lowers or both.  [default: both]")
@click.option("--redundancy", help="Largest overlap with a better pattern, or none.  [default: 0.9]")
@click.option("--context", metavar="NAMES", help="Conditions to try: weekday, hour, value, or attributes.")
@click.option("--absence", metavar="DURATIONS", help="Windows of a trailing 'no X within' to try.")
@click.option("--max-seconds", type=float, help="Stop then, with what is there (exit code 3).")
@click.option("--max-memory", type=int, metavar="BYTES", help="Keep the search below this (exit code 3).")
@click.option("--frequent", is_flag=True, help="No outcome: the patterns that many entities have.")
@click.option("--closed", is_flag=True, default=None, help="With --frequent: leave out what a longer pattern says too.")
@click.option("--max-patterns", type=int, help="With --frequent: keep the most frequent so many.")
@click.option("--rows", type=click.IntRange(min=0), default=50, show_default=True, help="Rows on a terminal; 0 = all.")
@output_options
@log_options
@common
def command(source: str, frequent: bool, labels: str | None, rows: int, threads: int, **given: Any) -> int:
    """Search for the patterns that come before an outcome.

    SOURCE is a saved log or anything that `seqmine ingest` reads. Everything found is exploratory: searched for and
    counted on the same rows. --help of `seqmine run` tells how to keep a whole study.

    \b
        seqmine mine shop.log --outcome 'no purchase within 90d' --at 2026-06-01 --lookback 180d
        seqmine mine shop.log --frequent --min-support 500 --max-gap 7d
    """
    answer, progress = Answer.checked(given), progress_of(given)
    chosen = {name: given.pop(name) for name in (*_STUDY, *_MOMENTS, *_SHARED, *_FREQUENT)}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    section = log_section(source, given)
    work = _Frequent(chosen) if frequent else _Labelled(chosen, labels)
    log, result, record = work.run(section, threads, progress)
    table = result.to_arrow()
    shown = table
    if isinstance(work, _Labelled) and answer.output is None and answer.form == "table":
        shown = work.with_effect(table)
        if shown.num_rows < table.num_rows and not progress.quiet:
            hidden = table.num_rows - shown.num_rows
            click.echo(f"{hidden:,} patterns without any effect are not shown; --format csv keeps them", err=True)
    answer.give(
        shown,
        limit=rows,
        record=lambda: {
            "command": "mine",
            "log": log,
            "options": {"log": section.for_manifest(), **work.described},
            "inputs": work.inputs(section),
            "result": {"n_patterns": table.num_rows, "complete": result.complete},
            **record,
        },
    )
    if not result.complete:
        click.echo("incomplete: a budget ran out; counts are exact, but better patterns may exist", err=True)
    return status(complete=result.complete, quarantined=set_aside(section, log))


class _Labelled:
    """`mine` on a study or on given labels."""

    def __init__(self, chosen: dict[str, Any], labels: str | None) -> None:
        from seqmine.pipeline.config import parse_moments, parse_study

        _refuse(chosen, _FREQUENT, "--frequent")
        asked = {name: chosen.pop(name) for name in _STUDY if name in chosen}
        for name in ("exclude_events", "gap_bins", "context", "absence", "strata"):
            for part in (asked, chosen):
                if name in part:
                    part[name] = comma_list(part[name])
        self.labels = labels
        self.moments = parse_moments(_whole_support(chosen))
        self.study = None
        self.asked = asked
        if labels is None:
            if "outcome" not in asked or "at" not in asked:
                raise click.UsageError("give --outcome and --at, or --labels FILE, or --frequent")
            self.study = parse_study(asked | {"at": _instants(asked["at"])})
            self.study.study()
        elif set(asked) - {"lookback", "exclude_events"}:
            raise click.UsageError(
                "--labels brings outcome and index times: only --lookback and --exclude-events go with it"
            )
        self.moments.options(0)
        self.described: dict[str, Any] = {
            "study": asked if self.study is None else self.study.model_dump(mode="json"),
            "moments": self.moments.model_dump(mode="json"),
        }

    def run(self, section: LogSection, threads: int, progress: StderrProgress) -> tuple[EventLog, Any, dict[str, Any]]:
        from seqmine.labels import label
        from seqmine.mining import mine
        from seqmine.pipeline.source import open_log, read_labels
        from seqmine.pipeline.summary import labels_lines

        with progress.stage("read the log"):
            log = open_log(section, threads=threads)
        with progress.stage("label"):
            rows: Labels
            if self.study is not None:
                rows = label(log, self.study.study(), threads=threads)
            else:
                rows = read_labels(str(self.labels), timezone=log.timezone, **self.asked)
        if not progress.quiet:
            for line in labels_lines(rows):
                click.echo(printable(line), err=True)
        with progress.stage("mine"):
            result = mine(log, rows, self.moments.options(threads))
        return log, result, {"labels": rows.summary()}

    def with_effect(self, table: pa.Table) -> pa.Table:
        import pyarrow as pa

        from seqmine.pipeline.summary import has_effect

        stratified = bool(self.moments.strata)
        return table.filter(pa.array([has_effect(row, stratified=stratified) for row in table.to_pylist()], pa.bool_()))

    def inputs(self, section: LogSection) -> list[dict[str, Any]]:
        from seqmine.pipeline.source import fingerprints

        return fingerprints(section, *([self.labels] if self.labels else []))


class _Frequent:
    """`mine_frequent` on the whole log."""

    def __init__(self, chosen: dict[str, Any]) -> None:
        from seqmine.mining import FrequentOptions

        _refuse(chosen, (*_STUDY, *_MOMENTS), None)
        self.chosen = _whole_support(chosen)
        FrequentOptions(**self.chosen)
        self.described: dict[str, Any] = {"frequent": self.chosen}

    def run(self, section: LogSection, threads: int, progress: StderrProgress) -> tuple[EventLog, Any, dict[str, Any]]:
        from seqmine.mining import FrequentOptions, mine_frequent
        from seqmine.pipeline.source import open_log

        with progress.stage("read the log"):
            log = open_log(section, threads=threads)
        with progress.stage("mine"):
            result = mine_frequent(log, FrequentOptions(**self.chosen, threads=threads))
        return log, result, {}

    def inputs(self, section: LogSection) -> list[dict[str, Any]]:
        from seqmine.pipeline.source import fingerprints

        return fingerprints(section)


def _refuse(chosen: dict[str, Any], names: tuple[str, ...], needs: str | None) -> None:
    for name in names:
        if name in chosen:
            flag = "--" + name.replace("_", "-")
            raise click.UsageError(f"{flag} goes with {needs}" if needs else f"{flag} does not go with --frequent")


def _whole_support(chosen: dict[str, Any]) -> dict[str, Any]:
    support = chosen.get("min_support")
    return chosen if support is None or support != int(support) else chosen | {"min_support": int(support)}


def _instants(text: str) -> str | list[str]:
    # Dates may be several; an anchor such as nth(purchase, 2) has a comma of its own.
    parts = comma_list(text)
    return parts if len(parts) > 1 and all(part[:1].isdigit() for part in parts) else text
