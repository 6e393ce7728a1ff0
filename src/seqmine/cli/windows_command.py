"""``seqmine windows``: the delays after a moment in which an action changes the outcome."""

from __future__ import annotations

from pathlib import Path
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

_FILE = click.Path(path_type=Path)


@click.command("windows")
@click.argument("source")
@click.option(
    "--moment", "moments", multiple=True, metavar="PATTERN", help="What the delay counts from; may be repeated."
)
@click.option("--action", "actions", multiple=True, metavar="TEST", help="What the company does; may be repeated.")
@click.option("--outcome", metavar="TEXT", help="What the action may change, as 'no purchase within 90d'.")
@click.option(
    "--outcome-table",
    metavar="FILE",
    help="Parquet or CSV with entity, time, and label or value, in place of --outcome.",
)
@click.option("--horizon", metavar="DURATION", help="With --outcome-table: length of the outcome.  [default: no end]")
@click.option(
    "--index-table", metavar="FILE", help="Parquet or CSV with entity, index_time and further columns of the entities."
)
@click.option("--lookback", metavar="DURATION", help="How old an attribute may be.  [default: any age]")
@name_list("--exclude-events", help="Event types that say the outcome in other words.")
@click.option("--incident/--no-incident", default=None, help="Ask only those for whom it has not come true before.")
@click.option("--min-tenure", metavar="DURATION", help="Ask only those who began so long before the moment.")
@click.option("--seed", type=int, help="Of the split into halves, and of all draws.  [default: 0]")
@click.option("--max-delay", metavar="DURATION", help="Delays up to this are looked at.  [default: 14d]")
@click.option("--follow-up", metavar="DURATION", help="Count the outcome so long.  [default: its horizon]")
@click.option("--bin-width", metavar="DURATION", help="Width of the bins of delay.  [default: as fine as counts allow]")
@click.option("--direction", help="lowers, raises or both.  [default: auto: lowers where the outcome begins with 'no']")
@click.option(
    "--washout", metavar="DURATION", help="No action so long before the moment.  [default: --max-delay, at most 7d]"
)
@click.option("--repeats", help="first or all moments of an entity.  [default: first]")
@name_list("--covariates", help="Columns to hold equal besides the events; auto is all there are.  [default: auto]")
@click.option(
    "--placebo", "placebos", multiple=True, metavar="TEST", help="What the action cannot have changed; may be repeated."
)
@name_list("--segments", help="Columns by whose values the effect is shown apart.")
@click.option("--variant", metavar="NAME", help="Attribute of the action by whose values it is shown apart.")
@name_list("--company", help="Event types that the company causes, besides the actions.")
@name_list("--inbound", help="Event types that the customer causes.")
@click.option("--actor", metavar="NAME", help="Attribute that says who acted: company, in the action's events.")
@click.option("--randomised-arm", "arm", metavar="NAME", help="Column of the arm that chance decided about.")
@click.option("--control", metavar="VALUE", help="With --randomised-arm: the arm that means no action.")
@click.option("--treated", metavar="VALUE", help="With --randomised-arm: the arm that gets it.  [default: all others]")
@click.option("--randomised-delay", "delay", metavar="NAME", help="Column of a delay that was drawn.")
@click.option(
    "--randomised-probability", "probability", metavar="NAME", help="Attribute of the moment: the chance of the action."
)
@click.option("--alpha", type=float, help="Error rate of what is called effective.  [default: 0.05]")
@click.option("--max-windows", type=int, help="1 or 2 windows for each moment and action.  [default: 2]")
@click.option("--n-null", type=int, help="Draws for the p of the search.  [default: 1000]")
@click.option("--n-bootstrap", type=int, help="Draws for the intervals of the edges.  [default: 200]")
@click.option("--curve", metavar="FILE", type=_FILE, help="Write the effect by delay there, too.")
@click.option("--segment-effects", metavar="FILE", type=_FILE, help="Write the effects by segment and variant there.")
@click.option("--figures", metavar="DIR", type=_FILE, help="Draw a picture (SVG) of each moment and action there.")
@click.option("--rows", type=click.IntRange(min=0), default=50, show_default=True, help="Rows on a terminal; 0 = all.")
@output_options
@log_options
@common
def command(source: str, rows: int, threads: int, **given: Any) -> int:
    """Find the delays after a moment in which an action changes the outcome, or say why the log cannot tell.

    SOURCE is a saved log or anything that `seqmine ingest` reads. Those who are treated at a delay are compared with
    those who are still untreated then, at risk and of the same kind. The window is found on one half of the entities
    and judged on the other. On stderr each row is put in words, with what a naive comparison would have said.

    \b
        seqmine windows shop.log --moment second_purchase --action csm_call \\
            --outcome 'no purchase within 30d' --max-delay 7d --figures pictures
    """
    from seqmine.cli import _windows

    answer, progress = Answer.checked(given), progress_of(given)
    files = _windows.Files.checked(given, answer)
    asked = _windows.Asked.taken_from(given, files)
    section = log_section(source, given)
    done = asked.run(section, threads, progress)
    if not progress.quiet:
        done.tell()

    def record() -> dict[str, Any]:
        return {
            "command": "windows",
            "log": done.log,
            "options": {"log": section.for_manifest(), **asked.described},
            "inputs": asked.inputs(section),
            "result": done.record(),
        }

    for_people = answer.form == "table"
    answer.give(done.for_people() if for_people else done.result.to_arrow(), limit=rows, record=record)
    files.write(done.result, record)
    return status(quarantined=set_aside(section, done.log))
