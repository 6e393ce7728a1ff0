"""``seqmine bench``: what this machine does, step by step."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click
import pyarrow as pa

from seqmine.cli._numbers import Size, Sizes
from seqmine.cli._options import common, name_list, progress_of
from seqmine.cli._output import FORMATS, emit, refuse_terminal
from seqmine.cli.exit_codes import COMPLETE, SLOWER

__all__ = ["command"]


@click.command("bench")
@click.option("--events", type=Sizes(), default="1e6", show_default=True, help="Events; several with commas between.")
@click.option("--entities", type=Size(), help="Entities, of the largest log.  [default: one for 50 events]")
@click.option("--types", type=Size(), default="100", show_default=True, help="Different event types.")
@click.option("--window", metavar="DURATION", default="7d", show_default=True, help="Steps follow within less.")
@click.option("--span", metavar="DURATION", default="365d", show_default=True, help="From the first event to the last.")
@click.option("--max-length", type=int, default=3, show_default=True, help="Most steps of a pattern.")
@click.option("--top-k", type=int, default=100, show_default=True, help="How many patterns.")
@click.option("--min-support", type=float, default=0.01, show_default=True, help="Share of the rows that must match.")
@click.option("--learn-gaps", is_flag=True, help="Search for each step's best gap.")
@name_list("--steps", default=["ingest", "label", "mine"], show_default="ingest,label,mine", help="What to measure.")
@click.option("--repeat", type=click.IntRange(min=1), default=3, show_default=True, help="Rounds of each.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the simulated logs.")
@click.option(
    "--save", type=click.Path(path_type=Path), metavar="FILE", help="Keep the runs (pytest-benchmark's JSON)."
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option(
    "--compare", type=click.Path(path_type=Path), metavar="FILE", help="Say what is faster or slower than there."
)
@click.option(
    "--fail-above",
    type=click.FloatRange(min=0, max=1e6),
    metavar="PERCENT",
    help="With --compare: exit with 5 if a step is slower by more, and by more than the noise.",
)
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="Form of the result."
)
@common
def command(
    save: Path | None,
    force: bool,
    compare: Path | None,
    fail_above: float | None,
    form: str,
    threads: int,
    **given: Any,
) -> int:
    """Measure reading, labelling and mining on this machine, on simulated logs of any size.

    Every round is a process of its own; times are of the step alone, memory is of the whole process. The answers of
    all rounds must be equal. Needs pytest-benchmark: pip install 'seqmine[bench]'.

    \b
        seqmine bench --events 1e6 --entities 2e4 --types 100 --repeat 5 --save before.json
        seqmine bench --events 1e6 --entities 2e4 --types 100 --repeat 5 --compare before.json --fail-above 10
    """
    from seqmine._files import prepare_output, write_bytes
    from seqmine.capacity.bench import BenchSpec, bench
    from seqmine.capacity.runs import compare_runs, read_runs
    from seqmine.errors import InsufficientDataError

    progress = progress_of(given)
    if fail_above is not None and compare is None:
        raise click.UsageError("--fail-above needs --compare FILE: slower than what?")
    if fail_above is not None and math.isnan(fail_above):  # above which nothing is
        raise click.UsageError("--fail-above is a number of percent")
    refuse_terminal(form)
    if save is not None:
        prepare_output(save, force=force)
    before = None if compare is None else read_runs(compare)
    spec = BenchSpec(steps=tuple(given.pop("steps")), threads=threads, rounds=given.pop("repeat"), **given)
    with progress.stage("measure"):
        runs = bench(spec)
    if save is not None:
        write_bytes(save, runs.to_json().encode("utf-8"), force=force)
        click.echo(f"wrote {save}", err=True)
    if before is None:
        emit(runs.to_arrow(), form)
        return 0
    compared = compare_runs(before, runs)
    if not compared.num_rows:  # an empty comparison would look like one without a slower case
        raise InsufficientDataError(
            "no run has the sizes, options and threads of one that is kept there",
            file=str(compare),
            hint="give those that it was made with; --save keeps these runs",
        )
    emit(compared, form)
    if not progress.quiet:
        if compared.num_rows < len(runs.runs):
            click.echo(
                f"{len(runs.runs) - compared.num_rows} runs are not in {compare}: other sizes or options", err=True
            )
        if before.machine != runs.machine:
            click.echo(f"other machines: {before.machine} then, {runs.machine} now", err=True)
    return COMPLETE if fail_above is None else _judged(compared, fail_above)


def _judged(compared: pa.Table, percent: float) -> int:
    rows = [row for row in compared.to_pylist() if row["verdict"] == "slower" and row["ratio"] > 1 + percent / 100]
    for row in rows:
        click.echo(f"{row['case']} is {100 * (row['ratio'] - 1):.3g} % slower, which is above {percent:g} %", err=True)
    return SLOWER if rows else COMPLETE
