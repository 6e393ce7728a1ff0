"""What `seqmine windows` is asked, what it writes, and what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pyarrow as pa

from seqmine._files import atomic_directory, json_bytes, prepare_output
from seqmine.cli._options import Answer
from seqmine.cli._progress import StderrProgress
from seqmine.cli._text_safety import printable
from seqmine.pipeline.manifest import manifest, output_digests
from seqmine.pipeline.run import check_run_directory
from seqmine.pipeline.windowed import (
    Windowed,
    effect_text,
    excluded_lines,
    is_numeric,
    naive_sentence,
    status_text,
    window_text,
    windows_record,
    write_figures,
)

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import Study
    from seqmine.pipeline.config import LogSection, WindowsSection
    from seqmine.windows import WindowResult

__all__ = ["Asked", "Done", "Files"]

_STUDY = ("lookback", "exclude_events", "incident", "min_tenure", "seed")
_CHANCE = ("arm", "control", "treated", "delay", "probability")
_SENTENCES = 20

Record = Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class Files:
    """Further outputs; checked before the work, so that a wrong one costs none."""

    curve: Answer | None
    segment_effects: Answer | None
    figures: Path | None
    force: bool

    @classmethod
    def checked(cls, given: dict[str, Any], answer: Answer) -> Files:
        """Take their options out of ``given``."""
        curve, effects = (
            None if path is None else answer.beside(path) for path in (given.pop("curve"), given.pop("segment_effects"))
        )
        figures = given.pop("figures")
        if figures is not None:
            from seqmine.windows.plot import check_drawing

            check_drawing()
            prepare_output(figures, force=answer.force, directory=True)
        return cls(curve, effects, figures, answer.force)

    def write(self, result: WindowResult, record: Record) -> None:
        """Write what is wanted, each with a manifest of its own."""
        if self.curve is not None:
            self.curve.give(result.curve(), limit=None, record=record)
        if self.segment_effects is not None:
            self.segment_effects.give(result.segments(), limit=None, record=record)
        if self.figures is None:
            return
        with atomic_directory(self.figures, force=self.force, check=check_run_directory) as folder:
            count = write_figures(folder, result)
            said = manifest(**record(), outputs=output_digests(folder))
            (folder / "manifest.json").write_bytes(json_bytes(said))
        click.echo(f"wrote {self.figures} ({count:,} {'picture' if count == 1 else 'pictures'})", err=True)


@dataclass(frozen=True)
class Asked:
    """The question; every option is checked before the log is read."""

    section: WindowsSection
    study: Study
    described: dict[str, Any]
    tables: tuple[str, ...]

    @classmethod
    def taken_from(cls, given: dict[str, Any], files: Files) -> Asked:
        """Take the options of `windows` out of ``given``."""
        from seqmine.pipeline.config import WindowsSection, parse_windows

        if not given["moments"] or not given["actions"]:
            raise click.UsageError("give --moment PATTERN and --action TEST")
        if files.segment_effects is not None and not given["segments"] and given["variant"] is None:
            raise click.UsageError("--segment-effects shows the effect by --segments or --variant: give one of them")
        chance = {name: value for name in _CHANCE if (value := given.pop(name)) is not None}
        if chance.keys() & {"control", "treated"} and "arm" not in chance:
            raise click.UsageError("--control and --treated go with --randomised-arm")
        study, about_study, tables = _study(given)
        keys = {name: _plain(given.pop(name)) for name in WindowsSection.model_fields if name in given}
        keys = {name: value for name, value in keys.items() if value is not None and value != []}
        if keys.get("covariates") == ["auto"]:
            keys["covariates"] = "auto"
        section = parse_windows(keys | ({"randomised": chance} if chance else {}))
        section.options(0)
        described = {"study": about_study, "windows": section.model_dump(mode="json")}
        return cls(section, study, described, tables)

    def run(self, section: LogSection, threads: int, progress: StderrProgress) -> Done:
        """Read the log and scan it."""
        from seqmine.pipeline.source import open_log
        from seqmine.windows import scan_windows

        with progress.stage("read the log"):
            log = open_log(section, threads=threads)
        with progress.stage("look for windows"):
            options = self.section.options(threads)
            result = scan_windows(log, self.section.moments or (), self.section.actions, self.study, options)
        return Done(log, result)

    def inputs(self, section: LogSection) -> list[dict[str, Any]]:
        """Fingerprints of all that was read."""
        from seqmine.pipeline.source import fingerprints

        return fingerprints(section, *self.tables)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _study(given: dict[str, Any]) -> tuple[Study, dict[str, Any], tuple[str, ...]]:
    """The study, what a manifest says of it, and the files that it is read from."""
    from seqmine.labels import Outcome, Study
    from seqmine.pipeline.source import read_index, read_outcome

    text, table, horizon, index = (given.pop(name) for name in ("outcome", "outcome_table", "horizon", "index_table"))
    if (text is None) == (table is None):
        raise click.UsageError("give --outcome TEXT, or --outcome-table FILE")
    if horizon is not None and table is None:
        raise click.UsageError("--horizon goes with --outcome-table; an --outcome has its own: 'no x within 30d'")
    further = {name: value for name in _STUDY if (value := given.pop(name)) is not None}
    outcome = Outcome(text) if table is None else read_outcome(table, horizon)
    # Moments decide when it is asked; the index table only brings columns of the entities.
    study = Study(outcome, at="start + 0d" if index is None else read_index(index), **further)
    about = {"outcome": str(outcome), "horizon": horizon, "outcome_table": table is not None} | further
    about = about if index is None else about | {"index_table": True}
    return study, about, tuple(path for path in (table, index) if path is not None)


@dataclass(frozen=True)
class Done:
    """What came of it."""

    log: EventLog
    result: WindowResult

    def for_people(self) -> pa.Table:
        """The main columns; a window and an effect with its interval are one text each."""
        table = self.result.to_arrow()
        rows, numeric = table.to_pylist(), is_numeric(self.result)
        words: dict[str, list[str | None]] = {
            "status": [status_text(row) for row in rows],
            "window": [window_text(row) for row in rows],
            "effect (95 %)": [effect_text(row, numeric=numeric) for row in rows],
        }
        columns: dict[str, Any] = {name: table[name] for name in ("moment", "action")}
        columns |= {name: pa.array(cells, pa.string()) for name, cells in words.items()}
        columns |= {name: table[name] for name in ("n_treated", "effective", "timing", "p_holm", "flags")}
        return pa.table(columns)

    def tell(self) -> None:
        """Say on stderr who was asked, what each row says, and what a naive comparison would."""
        numeric = is_numeric(self.result)
        for line in excluded_lines(self.result):
            click.echo(printable(line), err=True)
        rows = self.result.to_arrow().to_pylist()
        for row in rows[:_SENTENCES]:
            click.echo(printable(f"{status_text(row)}: {row['statement']}"), err=True)
            naive = naive_sentence(row, numeric=numeric)
            if naive is not None:
                click.echo(printable(f"  {naive}"), err=True)
        if len(rows) > _SENTENCES:
            click.echo(f"{len(rows) - _SENTENCES:,} more: --format json has every statement", err=True)

    def record(self) -> dict[str, Any]:
        """What a manifest says of it."""
        said = windows_record(Windowed(self.result))
        return {name: said[name] for name in said if name not in ("n_figures", "n_moments_left_out")}
