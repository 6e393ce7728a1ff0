"""``seqmine simulate``: a log whose truth is known, as files."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import click
import pyarrow as pa

from seqmine._files import prepare_output
from seqmine.cli._numbers import Size
from seqmine.cli._options import common, name_list, progress_of
from seqmine.cli._output import emit
from seqmine.errors import ConfigError, MissingInputError

__all__ = ["command"]


_NOT_PLANTED = ("activity", "leak")


@click.command("simulate")
@click.option("--output", required=True, metavar="DIR", type=click.Path(path_type=Path), help="Directory of the files.")
@click.option(
    "--preset",
    type=click.Choice(["windows"]),
    help="A world that is ready: windows, calls that help from 19 to 37 hours after a second order.",
)
@click.option("--spec", metavar="FILE", type=click.Path(path_type=Path), help="TOML with keys of SimulationSpec.")
@click.option("--entities", "n_entities", type=Size(), help="How many entities.  [default: 10,000]")
@click.option("--events", "n_events", type=Size(), help="About how many events, instead of --entities.")
@click.option("--mean-events", type=float, help="Mean background events of an entity.  [default: 100]")
@click.option("--types", "n_types", type=int, help="Background event types.  [default: 60]")
@click.option("--zipf", type=float, help="Exponent of the types' rates.  [default: 1]")
@click.option("--days", type=int, help="Length of the log.  [default: 365]")
@click.option("--start", help="First day.  [default: 2025-01-01]")
@click.option("--seed", type=int, help="Seed of everything.  [default: 0]")
@click.option("--resolution", help="All times are multiples of it.  [default: 1ms]")
@click.option("--branching", type=float, help="Hawkes process: events that an event brings about.  [default: 0]")
@click.option("--late-share", type=float, help="Share of events that reach the log late.  [default: 0.02]")
@click.option("--duplicate-share", type=float, help="Share of events that are there twice.  [default: 0]")
@click.option("--label-noise", type=float, help="Share of wrong labels, at most 0.05.  [default: 0]")
@click.option("--horizon", help="Length of the outcome interval at the log's end.  [default: 90d]")
@name_list("--columns", help="Of value, channel, ingested_at, with commas; '' for none.  [default: all]")
@click.option("--no-moments", is_flag=True, help="Plant nothing.")
@click.option(
    "--order",
    type=click.Choice(["entity", "arrival"]),
    default="entity",
    show_default=True,
    help="Rows by entity and time, or as they arrived.",
)
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
@click.option("--force", is_flag=True, help="Replace the simulation that is there.")
@common
def command(
    output: Path,
    preset: str | None,
    spec: Path | None,
    no_moments: bool,
    order: str,
    form: str,
    force: bool,
    threads: int,
    **given: Any,
) -> int:
    """Simulate an event log whose truth is known.

    Writes DIR with events.parquet, entities.parquet, outcomes.parquet, instances.parquet and truth.json: which moments
    were planted into whom and when, which of them are decoys, and what came of it. With actions also treated.parquet,
    who was reached and when in three worlds, and in truth.json the true effect by delay; with an experiment its arm
    log, assignments.parquet. Needs memory for a few blocks of half a million events, however many there are.
    """
    from seqmine.simulation import SimulationSpec, window_world, write_simulation

    progress = progress_of(given)
    columns = given.pop("columns")
    values = {} if preset is None else window_world().to_dict()
    if spec is not None:
        read = _read(spec)
        if "n_events" in read and "n_entities" not in read:
            values.pop("n_entities", None)
        values |= read
    values |= {name: value for name, value in given.items() if value is not None}
    # A size given here replaces the file's or the preset's, whichever of the two it is.
    for name, other in (("n_entities", "n_events"), ("n_events", "n_entities")):
        if given[name] is not None and given[other] is None:
            values.pop(other, None)
    if columns is not None:
        values["columns"] = columns
    if no_moments:
        values["moments"] = []
    wanted = SimulationSpec.from_dict(values)
    prepare_output(output, force=force, directory=True)
    with progress.stage("simulate"):
        truth = write_simulation(wanted, output, order=order, force=force, threads=threads)
    rows = [("events", truth.n_events), ("entities", truth.n_entities), ("event types", len(truth.event_types))]
    rows += [
        (f"planted: {moment.name}", moment.n_planted) for moment in truth.moments if moment.kind not in _NOT_PLANTED
    ]
    rows += [(f"treated: {action.name}", action.n_treated) for action in truth.actions]
    if truth.experiment is not None:
        rows.append((f"assigned: {truth.experiment.action}", truth.experiment.n_treated + truth.experiment.n_control))
    emit(pa.table({"what": [name for name, _ in rows], "rows": [count for _, count in rows]}), form)
    if not progress.quiet:
        click.echo(f"wrote {output}", err=True)
    return 0


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MissingInputError(f"cannot read the specification: {error.strerror}", file=str(path)) from error
    except ValueError as error:
        raise ConfigError(f"the specification is no TOML: {error}", file=str(path)) from error
