"""Intervention windows in a run and on the command line: what is asked, what is written, and what is said of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqmine._text import format_number
from seqmine.errors import MissingDependencyError
from seqmine.pipeline.config import WindowsSection

if TYPE_CHECKING:
    import pyarrow as pa

    from seqmine.events.log import EventLog
    from seqmine.labels import Study
    from seqmine.mining import StudyResult
    from seqmine.windows import WindowResult

__all__ = [
    "HOW_TO_READ_WINDOWS",
    "MOST_MOMENTS",
    "NO_PICTURES",
    "Windowed",
    "effect_text",
    "excluded_lines",
    "figure_names",
    "figures_if_any",
    "is_numeric",
    "naive_sentence",
    "scan_run",
    "status_text",
    "window_text",
    "windows_lines",
    "windows_record",
    "windows_tables",
    "write_figures",
]

MOST_MOMENTS = 20
"""So many validated patterns of a run are taken for moments, best first, where none are named."""

NO_PICTURES = "none: matplotlib is not installed (pip install 'seqmine[report]')"

HOW_TO_READ_WINDOWS = (
    "effect: what the treated did beyond untreated rows of the same kind at the same delay, who got usual care later, "
    "with a 95 % interval; of the half of the entities that did not choose the window.",
    "effective: the effect is not 0, with a family-wise error over all rows (Holm). timing: moreover these delays "
    "differ from all others, on both halves.",
    "randomised: chance decided. identified: passed every check of what is measured; what nobody measured is not held "
    "equal. weak: something spoke against it. associational: no effect to count on. not_identified: the log cannot "
    "tell, and no number is given.",
)


@dataclass(frozen=True)
class Windowed:
    """The windows of a run.

    Attributes
    ----------
    result
        None where no moment was named and no pattern was validated.
    n_left_out
        Validated patterns beyond the first 20.
    n_figures
        Pictures written; None without matplotlib.
    """

    result: WindowResult | None
    n_left_out: int = 0
    n_figures: int | None = None


def scan_run(log: EventLog, section: WindowsSection, study: Study, found: StudyResult, threads: int) -> Windowed:
    """Scan the moments that the section names, else the best validated patterns of the run."""
    from seqmine.windows import scan_windows

    moments, n_left_out = section.moments, 0
    if moments is None:
        rows = found.to_arrow().select(["pattern", "verdict"]).to_pylist()
        validated = [row["pattern"] for row in rows if row["verdict"] == "validated"]
        moments, n_left_out = validated[:MOST_MOMENTS], max(len(validated) - MOST_MOMENTS, 0)
    if not moments:
        return Windowed(None)
    return Windowed(scan_windows(log, moments, section.actions, study, section.options(threads)), n_left_out)


def windows_tables(result: WindowResult) -> dict[str, pa.Table]:
    """The tables of a run directory, by the names of their files without suffix."""
    tables = {"windows": result.to_arrow(), "window_curves": result.curve()}
    if result.options.segments or result.options.variant is not None:
        tables["window_segments"] = result.segments()
    return tables


def figure_names(pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """A file name for the picture of each pair (moment, action), in their order.

    Made of a number, and of what any file system takes of the names: ``01-csm_call-after-second_purchase.svg``.
    """
    given = list(pairs)
    digits = max(2, len(str(len(given))))
    return {
        (moment, action): f"{number:0{digits}}-{_safe(action, 30)}-after-{_safe(moment, 60)}.svg"
        for number, (moment, action) in enumerate(given, start=1)
    }


def _safe(text: str, most: int) -> str:
    kept = "".join(char if char.isascii() and (char.isalnum() or char in "_.") else "-" for char in text)
    short = "-".join(part for part in kept.split("-") if part)[:most]
    return short.strip("-.") or "x"


def write_figures(folder: Path, result: WindowResult) -> int:
    """Write a picture of each pair into ``folder``, which is made; return how many.

    The same result gives the same bytes, for one version of matplotlib.

    Raises
    ------
    MissingDependencyError
        Without matplotlib; nothing is written.
    """
    from seqmine.windows.plot import svg_bytes

    names = figure_names(result.excluded)
    for number, (pair, name) in enumerate(names.items()):
        picture = svg_bytes(result.plot(*pair))
        if number == 0:
            folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(picture)
    return len(names)


def figures_if_any(folder: Path, result: WindowResult) -> int | None:
    """`write_figures`; None without matplotlib, which a run can do without."""
    try:
        return write_figures(folder, result)
    except MissingDependencyError:
        return None


def window_text(row: Mapping[str, Any]) -> str:
    """The delays that a row is about, in words."""
    if row["lo"] is None:
        return ""
    if "intention_to_treat" in row["flags"]:
        return "as drawn"
    # A pair without a window of its own is about all delays, or about the only one at which the action comes.
    return f"{_short(row['lo'])} to {_short(row['hi'])}"


def _short(delay: Any) -> str:
    from seqmine.windows.sentences import delay_text

    return delay_text(round(delay.total_seconds() * 1e6))


def status_text(row: Mapping[str, Any]) -> str:
    """``weak``, ``not_identified (too_few)``."""
    return str(row["status"]) if row["reason"] is None else f"{row['status']} ({row['reason']})"


def effect_text(row: Mapping[str, Any], *, numeric: bool) -> str | None:
    """An effect with its interval, in percentage points or as a number."""
    if row["effect"] is None:
        return None
    values = (row["effect"], row["effect_low"], row["effect_high"])
    if numeric:
        return "{} ({} to {})".format(*(format_number(value, signed=True) for value in values))
    return "{:+.1f} pp ({:+.1f} to {:+.1f})".format(*(100 * value for value in values))


def naive_sentence(row: Mapping[str, Any], *, numeric: bool) -> str | None:
    """What comparing the treated of each delay with the never treated would say, and why that is no effect."""
    if row["naive_effect"] is None:
        return None
    size = format_number(row["naive_effect"], signed=True) if numeric else f"{100 * row['naive_effect']:+.1f} pp"
    return (
        f"Naive and misleading: treated less never treated would say {size} between {_short(row['naive_lo'])} and "
        f"{_short(row['naive_hi'])}. Who is treated late has stayed until then, and who is treated was chosen."
    )


def excluded_lines(result: WindowResult) -> list[str]:
    """How many moments there are, and which were left out why, a line for each moment and action that differ."""
    said: dict[str, dict[str, str]] = {}
    for (moment, action), counts in result.excluded.items():
        left = [f"{n:,} {reason}" for reason, n in counts.items() if n and reason != "n_moments"]
        words = f"{counts.get('n_moments', 0):,} moments" + (f"; left out: {', '.join(left)}" if left else "")
        said.setdefault(moment, {})[action] = words
    lines = []
    for moment, by_action in said.items():
        if len(set(by_action.values())) == 1:
            lines.append(f"{moment}: {next(iter(by_action.values()))}")
        else:
            lines += [f"{moment}, {action}: {words}" for action, words in by_action.items()]
    return lines


def windows_lines(section: WindowsSection, windowed: Windowed) -> Iterator[str]:
    """What a run's summary says of its windows."""
    if windowed.result is None:
        yield "  no pattern was validated, so there is no moment to look at; name some: moments = [...] in [windows]"
        return
    result, numeric = windowed.result, is_numeric(windowed.result)
    yield f"  actions      {', '.join(section.actions)}; delays up to {result.options.max_delay}"
    source = "as named" if section.moments is not None else "the validated patterns"
    if windowed.n_left_out:
        source = f"the first {MOST_MOMENTS} validated patterns; {windowed.n_left_out:,} more were not looked at"
    yield f"  moments      {source}"
    yield from (f"               {line}" for line in excluded_lines(result))
    pictures = NO_PICTURES if windowed.n_figures is None else f"{windowed.n_figures:,} in figures/, one for each pair"
    yield f"  pictures     {pictures}"
    for number, row in enumerate(result.to_arrow().to_pylist(), start=1):
        yield f"  {number:2}. {row['action']} after {row['moment']}"
        claims = [name for name in ("effective", "timing") if row[name]]
        about = [status_text(row), window_text(row), effect_text(row, numeric=numeric), *claims]
        yield f"      {', '.join(filter(None, about))}"
        yield f"      {row['statement']}"
        naive = naive_sentence(row, numeric=numeric)
        if naive is not None:
            yield f"      {naive}"


def windows_record(windowed: Windowed) -> dict[str, Any]:
    """What a manifest says of the windows."""
    from seqmine.windows.findings import STATUSES

    rows = [] if windowed.result is None else windowed.result.to_arrow().to_pylist()
    statuses = [row["status"] for row in rows]
    return {
        "n_pairs": len({(row["moment"], row["action"]) for row in rows}),
        "n_moments": len({row["moment"] for row in rows}),
        "n_moments_left_out": windowed.n_left_out,
        "n_effective": sum(row["effective"] for row in rows),
        "n_timing": sum(row["timing"] for row in rows),
        "statuses": {status: statuses.count(status) for status in STATUSES},
        "n_figures": windowed.n_figures or 0,
    }


def is_numeric(result: WindowResult) -> bool:
    """Whether effects are differences of means, not of risks."""
    return result.study.outcome is not None and result.study.outcome.is_numeric
