"""From a configured source (files, a glob, a saved log, standard input) to a log, and fingerprints of what was read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqmine._files import file_digest
from seqmine.errors import ConfigError, MissingInputError
from seqmine.pipeline.config import LogSection

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

__all__ = ["fingerprints", "input_files", "is_saved_log", "open_log"]


def is_saved_log(path: str | os.PathLike[str]) -> bool:
    """Whether ``path`` is a directory that `EventLog.save` wrote."""
    return (Path(path) / "manifest.json").is_file()


def input_files(section: LogSection) -> list[str]:
    """Return the paths of every file that ``section`` reads, its small tables too; empty for standard input."""
    from seqmine.events.sources import open_paths

    if is_saved_log(section.path):
        files = [str(Path(section.path) / "manifest.json")]
    else:
        files = [
            name for name in _names(open_paths(section.path, section.format, section.max_expansion)) if name != "-"
        ]
    return files + [path for path in (section.identity, section.starts) if path is not None]


def _names(sources: list[Any]) -> list[str]:
    return [source.name for source in sources if source.name is not None]


def fingerprints(section: LogSection) -> list[dict[str, Any]]:
    """Return name, size and SHA-256 of every input file, by name; the names say nothing of where the files lie.

    A saved log is known by its manifest, which holds the digests of its columns.
    """
    files = input_files(section)
    base = os.path.commonpath([str(Path(file).parent) for file in files]) if files else ""
    found = []
    for file in files:
        try:
            digest, size = file_digest(file)
        except OSError as error:
            raise MissingInputError(f"cannot read the input: {error.strerror}", file=file) from None
        found.append({"name": Path(os.path.relpath(file, base)).as_posix(), "sha256": digest, "size": size})
    return sorted(found, key=lambda entry: str(entry["name"]))


def open_log(section: LogSection, *, threads: int = 0, quarantine: str | None = None) -> EventLog:
    """Read the log that ``section`` names, or open it when it is a saved one.

    ``quarantine`` is the Parquet file for bad rows when ``on_bad_row`` is ``"quarantine"``.
    """
    from seqmine.events.log import EventLog

    if is_saved_log(section.path):
        chosen = sorted(section.model_fields_set - {"path", "on_bad_row"})
        if chosen:
            raise ConfigError(
                f"{chosen[0]} cannot be chosen any more: the log is saved already",
                file=section.path,
                hint="leave it out, or ingest the files again",
            )
        return EventLog.open(section.path)
    if section.on_bad_row != "quarantine":
        quarantine = None
    keywords = section.model_dump(exclude={"path"})
    return EventLog.read(section.path, **keywords, quarantine=quarantine, threads=threads)
