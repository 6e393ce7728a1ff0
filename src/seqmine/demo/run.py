"""``seqmine demo``: two questions to a year of simulated shopping, answered for a reader who has never seen seqmine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seqmine._files import atomic_directory, file_digest, json_bytes
from seqmine.demo import data
from seqmine.demo.questions import MINER, QUESTIONS, Answered, answer
from seqmine.demo.report import LOG, files_lines, next_steps, report
from seqmine.pipeline.judged import judged_record
from seqmine.pipeline.manifest import host_record, manifest, output_digests
from seqmine.pipeline.outputs import write_parquet
from seqmine.pipeline.progress import Progress
from seqmine.pipeline.run import check_run_directory

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

__all__ = ["DemoResult", "run_demo"]


@dataclass(frozen=True)
class DemoResult:
    """The text for the reader, the directory with the files, and whether the search was complete."""

    text: str
    directory: Path
    complete: bool


def run_demo(
    output: str | os.PathLike[str], *, force: bool = False, threads: int = 0, progress: Progress | None = None
) -> DemoResult:
    """Answer both questions and write log, moments, labels, summary and manifest into the directory ``output``.

    Raises
    ------
    MissingDependencyError
        The package with the data is not installed.
    OutputExists
        Something is there, and ``force`` is false or it is no earlier result.
    """
    progress = progress or Progress()
    target = Path(output)
    with atomic_directory(target, force=force, check=check_run_directory) as folder:
        with progress.stage("load a year of shopping"):
            shopping = data.load()
        with progress.stage("make the log"):
            log = _log(shopping, threads)
            log.save(folder / LOG)
        answers = []
        for question in QUESTIONS:
            with progress.stage(question.title):
                answers.append(answer(log, shopping, question, threads))
        text = "\n".join([*report(log, shopping, answers), *files_lines(answers)]) + "\n"
        _write(folder, log, answers, text, progress, target, threads)
    return DemoResult(
        text + "\n" + "\n".join(next_steps(target, answers)) + "\n",
        target,
        all(one.moments.complete for one in answers),
    )


def _log(shopping: data.Shopping, threads: int) -> EventLog:
    from seqmine.events.log import EventLog

    return EventLog.from_arrow(
        shopping.events,
        value="value",
        attributes=["trip"],
        timezone=data.TIMEZONE,
        observed_until=data.OBSERVED_UNTIL,
        threads=threads,
    )


def _write(
    folder: Path,
    log: EventLog,
    answers: list[Answered],
    text: str,
    progress: Progress,
    target: Path,
    threads: int,
) -> None:
    for one in answers:
        for kind, table in (("moments", one.moments.to_arrow()), ("labels", one.table)):
            with (folder / f"{kind}_{one.question.name}.parquet").open("wb") as stream:
                write_parquet(table, stream)
    (folder / "summary.txt").write_text(text, encoding="utf-8")
    inputs = []
    for file in data.files():
        digest, size = file_digest(file)
        inputs.append({"name": file.name, "sha256": digest, "size": size})
    record = manifest(
        "demo",
        options={"moments": {name: list(x) if isinstance(x, tuple) else x for name, x in MINER.items()}},
        inputs=inputs,
        log=log,
        labels={one.question.name: one.labels.summary() for one in answers},
        result={
            one.question.name: {
                "n_moments": len(one.moments),
                "strata": list(one.question.strata),
                **judged_record(one.moments),
            }
            for one in answers
        },
        outputs=output_digests(folder),
    )
    (folder / "run.json").write_bytes(json_bytes(host_record(progress, paths={"output": str(target)}, threads=threads)))
    (folder / "manifest.json").write_bytes(json_bytes(record))
