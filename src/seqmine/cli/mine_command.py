"""``seqmine mine``: the patterns that come before an outcome, or those that many have."""

from __future__ import annotations

from typing import Any

import click

from seqmine.cli._options import (
    Answer,
    common,
    log_options,
    log_section,
    name_list,
    output_options,
    progress_of,
    set_aside,
    status,
)

__all__ = ["command"]


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
@name_list("--exclude-events", help="Event types that say the outcome in other words.")
@click.option("--incident/--no-incident", default=None, help="Ask only those for whom it has not come true before.")
@click.option("--min-tenure", metavar="DURATION", help="Ask only those who began so long before the index.")
@click.option("--seed", type=int, help="Of the split into halves, and of permutations.  [default: 0]")
@click.option(
    "--out-of-time",
    metavar="DATE",
    help="Keep rows from this index on for a later test; or none.  [default: auto]",
)
@click.option("--labels", metavar="FILE", help="Parquet or CSV with entity, index_time, label, in place of --outcome.")
@click.option("--max-length", type=int, help="Most steps of a pattern.  [default: 4; none with --frequent]")
@click.option("--min-gap", metavar="DURATION", help="Least time between steps.  [default: 1us]")
@click.option("--max-gap", metavar="DURATION", help="Steps follow within less.  [default: 14d; none with --frequent]")
@click.option("--max-span", metavar="DURATION", help="A match is shorter than this.  [default: none]")
@click.option("--learn-gaps/--fixed-gaps", default=None, help="Search for each step's best gap.  [default: learn]")
@name_list("--gap-bins", metavar="DURATIONS", help="Where learned gaps may begin and end.")
@click.option("--min-support", type=float, help="Rows (entities) that must match.  [default: 100; 500 with --frequent]")
@click.option("--top-k", type=int, help="How many patterns.  [default: 100]")
@name_list("--strata", help="Columns of the labels, or attributes, to hold equal besides --adjust.")
@click.option("--direction", help="raises, lowers or both.  [default: both]")
@click.option("--redundancy", help="Largest overlap with a better pattern, or none.  [default: 0.9]")
@name_list("--context", help="Conditions to try: weekday, hour, value, or attributes.")
@name_list("--absence", metavar="DURATIONS", help="Windows of a trailing 'no X within' to try.")
@click.option("--alpha", type=float, help="Error rate of what is called validated (and of q).  [default: 0.05]")
@click.option("--min-effect", type=float, help="The risk ratio to beat is 1 + this.  [default: 0.1]")
@click.option("--shortlist", type=int, help="Most patterns that are judged.  [default: 200]")
@name_list("--adjust", help="What to hold equal: activity, tenure, calendar, or none.  [default: activity,tenure]")
@name_list("--segments", help="Print each pattern's effect by these columns or attributes instead.")
@click.option("--correction", help="Of q: bh, or by (any dependence).  [default: bh]")
@click.option("--permutations", type=int, help="Of the Westfall-Young test.  [default: 1023]")
@click.option(
    "--westfall-young/--no-westfall-young", default=None, help="Always, never.  [default: where it costs little]"
)
@click.option("--small-data", type=int, help="Fewer rows of a class than this: no split, permutations.  [default: 400]")
@click.option("--clock/--no-clock", default=None, help="Look for hours and weekdays that count.  [default: look]")
@name_list("--acknowledge", help="Names whose leak alarm is known and accepted.")
@click.option("--explain", metavar="PATTERN", help="Print where the numbers of one pattern come from instead.")
@click.option("--in-sample", is_flag=True, help="No halves, no verdicts: find and count on the same rows.")
@click.option("--measure", help="With --in-sample: leverage, wracc, chi2, log_odds, info_gain or lift.")
@click.option("--max-seconds", type=float, help="Stop then, with what is there (exit code 3).")
@click.option("--max-memory", type=int, metavar="BYTES", help="Keep the search below this (exit code 3).")
@click.option("--frequent", is_flag=True, help="No outcome: the patterns that many entities have.")
@click.option("--closed", is_flag=True, default=None, help="With --frequent: leave out what a longer pattern says too.")
@click.option("--max-patterns", type=int, help="With --frequent: keep the most frequent so many.")
@click.option("--rows", type=click.IntRange(min=0), default=50, show_default=True, help="Rows on a terminal; 0 = all.")
@output_options
@log_options
@common
def command(source: str, frequent: bool, in_sample: bool, rows: int, threads: int, **given: Any) -> int:
    """Search for the patterns that come before an outcome, and judge them.

    SOURCE is a saved log or anything that `seqmine ingest` reads. Patterns are found on one half of the entities and
    judged on the other, which found nothing; a table for people shows the main columns, the other formats all. A step
    that all but is the outcome ends with exit code 6 until it is left out or acknowledged. A list of NAMES has
    commas between, or the option is given once a name; a name that holds a comma is put in double quotes: '"a, b",c'.

    \b
        seqmine mine shop.log --outcome 'no purchase within 90d' --at 2026-06-01 --lookback 180d
        seqmine mine shop.log --frequent --min-support 500 --max-gap 7d
    """
    from seqmine.cli import _mining

    answer, progress = Answer.checked(given), progress_of(given)
    asked = _mining.Asked.taken_from(given)
    section = log_section(source, given)
    work = _mining.work(asked, answer, frequent=frequent, in_sample=in_sample)
    done = work.run(section, threads, progress)
    if done.text is not None:
        click.echo(done.text)
    else:
        answer.give(
            done.shown,
            limit=rows,
            record=lambda: {
                "command": "mine",
                "log": done.log,
                "options": {"log": section.for_manifest(), **work.described},
                "inputs": work.inputs(section),
                **done.record,
            },
        )
    if not done.complete:
        click.echo("incomplete: a budget ran out; counts are exact, but better patterns may exist", err=True)
    return status(complete=done.complete, quarantined=set_aside(section, done.log))
