"""The main job: a configuration in, a run directory out, whole or not at all."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqmine._files import atomic_directory, json_bytes
from seqmine._text import quote_text
from seqmine.errors import ConfigError, OutputExists, UnsafePath
from seqmine.pipeline.config import RunConfig, check_for_study, load_config
from seqmine.pipeline.judged import judge, judged_record, loss_of
from seqmine.pipeline.manifest import host_record, manifest, output_digests, run_identity
from seqmine.pipeline.outputs import write_parquet
from seqmine.pipeline.progress import Progress
from seqmine.pipeline.source import fingerprints, is_saved_log, open_log
from seqmine.pipeline.summary import summary_text
from seqmine.pipeline.windowed import Windowed, figures_if_any, scan_run, windows_record, windows_tables

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import Labels
    from seqmine.mining import StudyResult
    from seqmine.windows import WindowResult

__all__ = ["RunResult", "check_run_directory", "check_run_id", "run_config", "run_study"]

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass(frozen=True)
class RunResult:
    """A finished run.

    Attributes
    ----------
    directory
        The run directory: ``moments.parquet``, ``labels.parquet``, ``summary.txt``, ``run.json``, ``manifest.json``;
        ``segments.parquet`` when segments were declared; with ``[windows]`` also ``windows.parquet``,
        ``window_curves.parquet``, ``window_segments.parquet`` (with segments or a variant) and ``figures/*.svg``.
    run_id
        The directory's name: given, or made from the configuration and the inputs.
    log, labels, moments
        What was read, asked and found.
    windows
        What came of ``[windows]``; None without that section, or without any moment.
    from_saved_log
        The log was saved earlier, and its bad rows were set aside then.
    """

    directory: Path
    run_id: str
    log: EventLog
    labels: Labels
    moments: StudyResult
    windows: WindowResult | None = None
    from_saved_log: bool = False

    @property
    def complete(self) -> bool:
        """False when a budget cut the search."""
        return self.moments.complete

    @property
    def n_quarantined(self) -> int:
        """Input rows that this run set aside; none when it read a saved log."""
        return 0 if self.from_saved_log else self.log.accounting.quarantined


def run_config(
    path: str | os.PathLike[str],
    *,
    output: str | os.PathLike[str] = "runs",
    run_id: str | None = None,
    force: bool = False,
    threads: int = 0,
    progress: Progress | None = None,
) -> RunResult:
    """Read a log, label it, mine it, and keep everything in ``output/<run id>/``.

    Parameters
    ----------
    path
        A TOML file with the sections ``[log]``, ``[study]``, ``[moments]``, ``[evidence]`` and ``[windows]``. Its
        relative paths start at its folder.
    output
        Directory of runs.
    run_id
        Name of the run directory; None makes one from the configuration and the inputs.
    force
        Replace the run of that name.
    threads
        0 = all cores. The result does not depend on it.
    progress
        Is told of the stages.

    Returns
    -------
    RunResult
        The same inputs and configuration give the same bytes in every file but ``run.json``.

    Raises
    ------
    ConfigError, DataError, InsufficientDataError, LeakAlarm, OutputError
        Nothing is written, and a run of that name stays as it was.
    """
    config = load_config(path)
    try:
        config.study.study()
        config.moments.options(threads)
        config.evidence.options()
        check_for_study(config.moments)
        if config.windows is not None:
            config.windows.options(threads)
    except ConfigError as error:
        error.file = error.file or os.fspath(path)
        raise
    folder = Path(path).parent
    placed = {name: _below(folder, getattr(config.log, name)) for name in ("path", "identity", "starts")}
    config = config.model_copy(update={"log": config.log.model_copy(update=placed)})
    return run_study(
        config, output=output, run_id=run_id, force=force, threads=threads, progress=progress, source=os.fspath(path)
    )


def run_study(
    config: RunConfig,
    *,
    output: str | os.PathLike[str],
    run_id: str | None = None,
    force: bool = False,
    threads: int = 0,
    progress: Progress | None = None,
    source: str | None = None,
) -> RunResult:
    """Do the work of `run_config` on a checked configuration; ``source`` names it in ``run.json``."""
    progress = progress or Progress()
    if run_id is not None:
        check_run_id(run_id)
    with progress.stage("fingerprint the inputs"):
        inputs = fingerprints(config.log)
    options = _options(config)
    name = run_id or run_identity(options, inputs)
    target = Path(output) / name
    with atomic_directory(target, force=force, check=check_run_directory) as folder:
        log, moments, windowed = _work(config, folder, threads, progress)
        labels = moments.labels
        with progress.stage("write the results"):
            windowed = _write(folder, config, moments, windowed)
            loss = loss_of(log, moments, threads)
            text = summary_text(config, log, moments, loss, windowed)
            (folder / "summary.txt").write_text(text, encoding="utf-8")
            of_windows = {} if windowed is None else {"windows": windows_record(windowed)}
            record = manifest(
                "run",
                options=options,
                inputs=inputs,
                log=log,
                labels=labels.summary(),
                result={"n_moments": len(moments), **judged_record(moments), **of_windows},
                outputs=output_digests(folder),
            )
        paths = {"configuration": source, "log": config.log.path, "run": str(target)}
        (folder / "run.json").write_bytes(json_bytes(host_record(progress, paths=paths, threads=threads)))
        # Last: a directory without it is no result.
        (folder / "manifest.json").write_bytes(json_bytes(record))
    windows = None if windowed is None else windowed.result
    return RunResult(target, name, log, labels, moments, windows, is_saved_log(config.log.path))


def _work(
    config: RunConfig, folder: Path, threads: int, progress: Progress
) -> tuple[EventLog, StudyResult, Windowed | None]:
    from seqmine.windows.scanning import asked

    # All are checked before the log is read, which may take long.
    study, options, evidence = config.study.study(), config.moments.options(threads), config.evidence.options()
    with progress.stage("read the log"):
        log = open_log(config.log, threads=threads, quarantine=str(folder / "quarantine.parquet"))
    if config.windows is not None:
        # What the log lacks is told before the search, which may take longer still.
        asked(log, config.windows.actions, study, config.windows.options(threads))
    with progress.stage("label and mine"):
        moments = judge(log, study, options, evidence)
    if config.windows is None:
        return log, moments, None
    with progress.stage("look for windows"):
        return log, moments, scan_run(log, config.windows, study, moments, threads)


def _write(folder: Path, config: RunConfig, moments: StudyResult, windowed: Windowed | None) -> Windowed | None:
    """Write tables and pictures; return the windows with the number of these."""
    tables = {"moments": moments.to_arrow(), "labels": moments.labels.to_arrow()}
    if config.evidence.segments:
        tables["segments"] = moments.segments()
    if windowed is not None and windowed.result is not None:
        tables |= windows_tables(windowed.result)
        windowed = replace(windowed, n_figures=figures_if_any(folder / "figures", windowed.result))
    for name, table in tables.items():
        with (folder / f"{name}.parquet").open("wb") as stream:
            write_parquet(table, stream)
    return windowed


def _options(config: RunConfig) -> dict[str, Any]:
    options = {
        "log": config.log.for_manifest(),
        "study": config.study.model_dump(mode="json"),
        "moments": config.moments.model_dump(mode="json"),
        "evidence": config.evidence.model_dump(mode="json"),
    }
    # A configuration without the section keeps its run id.
    return options if config.windows is None else options | {"windows": config.windows.model_dump(mode="json")}


def _below(folder: Path, path: str | None) -> str | None:
    return None if path is None else path if path == "-" else str(folder / path)


def check_run_id(run_id: str) -> None:
    """Raise `UnsafePath` when ``run_id`` is no plain name."""
    if not _RUN_ID.fullmatch(run_id):
        raise UnsafePath(
            f"the run id {quote_text(run_id[:80])} is no plain name",
            hint="use up to 80 letters, digits, '.', '_' and '-', not starting with '.' or '-'",
        )


def check_run_directory(path: Path) -> None:
    """Raise `OutputExists` when ``path`` holds something that is no result of seqmine."""
    if any(path.iterdir()) and not (path / "manifest.json").is_file():
        raise OutputExists(
            "the directory is there and holds no manifest.json, so it is no earlier result",
            file=str(path),
            hint="name another directory; --force replaces results only",
        )
