"""``seqmine capacity``: what a log of any size will take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from seqmine.cli._numbers import Bytes, Size
from seqmine.cli._options import common, progress_of
from seqmine.cli._output import FORMATS, emit, refuse_terminal

if TYPE_CHECKING:
    from seqmine.capacity import CapacityPlan

__all__ = ["command"]


@click.command("capacity")
@click.option("--events", type=Size(), required=True, help="Events of the log, as 2e9.")
@click.option("--entities", type=Size(), required=True, help="Its entities, as 4e7.")
@click.option("--types", type=Size(), default="100", show_default=True, help="Its different event types.")
@click.option("--window", metavar="DURATION", default="7d", show_default=True, help="Steps follow within less.")
@click.option("--span", metavar="DURATION", default="365d", show_default=True, help="From the first event to the last.")
@click.option("--max-length", type=int, default=3, show_default=True, help="Most steps of a pattern.")
@click.option("--top-k", type=int, default=100, show_default=True, help="How many patterns.")
@click.option("--min-support", type=float, default=0.01, show_default=True, help="Share of the rows that must match.")
@click.option("--learn-gaps", is_flag=True, help="Search for each step's best gap.")
@click.option(
    "--memory", type=Bytes(), metavar="BYTES", help="Memory of one machine, as 64GB.  [default: this machine's]"
)
@click.option("--within", metavar="DURATION", help="The time that it may take: how many cores does that need?")
@click.option("--level", type=float, default=0.9, show_default=True, help="Share of cases that the intervals hold.")
@click.option("--max-events", type=Size(), default="3e6", show_default=True, help="Events of the largest run measured.")
@click.option(
    "--repeat", "rounds", type=click.IntRange(min=1), default=3, show_default=True, help="Rounds of each run."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the simulated logs.")
@click.option(
    "--runs", type=click.Path(path_type=Path), metavar="FILE", help="Plan from runs kept by --save; measure none."
)
@click.option(
    "--save", type=click.Path(path_type=Path), metavar="FILE", help="Keep the runs (pytest-benchmark's JSON)."
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="table", show_default=True, help="Form of the result."
)
@common
def command(runs: Path | None, save: Path | None, force: bool, form: str, **given: Any) -> int:
    """Predict the time, memory and machines that a log of any size will take.

    Measures small logs of the same shape on this machine (one or two minutes), fits what drives the cost, and tells how
    far that may be off, and where the plan reaches beyond what was measured. Needs pytest-benchmark:
    pip install 'seqmine[bench]'.

    \b
        seqmine capacity --events 2e9 --entities 4e7 --types 300 --window 4h
    """
    from seqmine._files import prepare_output, write_bytes
    from seqmine.capacity import CapacitySpec, plan_capacity

    progress = progress_of(given)
    refuse_terminal(form)
    spec = CapacitySpec(**given)
    if save is not None:
        prepare_output(save, force=force)
    with progress.stage("measure" if runs is None else "plan"):
        plan = plan_capacity(spec, runs=runs)
    if save is not None:
        write_bytes(save, plan.runs.to_json().encode("utf-8"), force=force)
        click.echo(f"wrote {save}", err=True)
    if form == "json":
        click.echo(json.dumps(plan.to_dict(), indent=2))
        return 0
    emit(plan.to_arrow(), form)
    if form == "table" or not progress.quiet:  # the answer is in no row: a table for programs leaves it to stderr
        for line in _answer(plan):
            click.echo(line, err=form != "table")
    return 0


def _answer(plan: CapacityPlan) -> list[str]:
    hours, gb = plan.hours, plan.peak_gb
    threads = "1 thread" if plan.threads == 1 else f"{plan.threads} threads"
    lines = [
        f"time: {_hours(hours.expected)} ({_hours(hours.low)} to {_hours(hours.high)}) with {threads}",
        f"memory: {gb.expected:.3g} GB at the peak ({gb.low:.3g} to {gb.high:.3g})",
    ]
    if plan.partitions is None:
        lines.append(f"partitions: none are small enough for {plan.memory / 1e9:.3g} GB")
    elif plan.partitions == 1:
        lines.append(f"partitions: 1, it fits {plan.memory / 1e9:.3g} GB whole")
    else:
        lines.append(f"partitions: {plan.partitions}, by entity, for each to fit {plan.memory / 1e9:.3g} GB")
    if plan.cores is not None:
        lines.append(f"cores: {plan.cores} finish within {plan.spec.within}, by the upper bounds")
    lines.append(f"bounds hold {plan.spec.level:.0%} of cases")
    lines += [f"extrapolating in {line}" for line in plan.extrapolating]
    return [*lines, *(f"note: {line}" for line in plan.notes)]


def _hours(hours: float) -> str:
    return f"{hours:.3g} h" if hours >= 1.0 else f"{hours * 60:.3g} min" if hours >= 1 / 60 else f"{hours * 3600:.3g} s"
