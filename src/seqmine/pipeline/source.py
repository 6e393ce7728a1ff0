"""From a configured source (files, a glob, a saved log, standard input) to a log, and fingerprints of what was read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqmine._files import file_digest
from seqmine.errors import ConfigError, DataError, MissingInputError, SchemaError
from seqmine.pipeline.config import LogSection

if TYPE_CHECKING:
    import pyarrow as pa

    from seqmine.events.log import EventLog
    from seqmine.labels import Labels, Outcome

__all__ = ["fingerprints", "input_files", "is_saved_log", "open_log", "read_index", "read_labels", "read_outcome"]


def is_saved_log(path: str | os.PathLike[str]) -> bool:
    """Whether ``path`` is a directory that `EventLog.save` wrote."""
    from seqmine.events.storage import is_saved

    return is_saved(path)


def input_files(section: LogSection) -> list[str]:
    """Return the paths of every file that ``section`` reads, its small tables too; empty for standard input."""
    from seqmine.events.segments import saved_manifests
    from seqmine.events.sources import open_paths

    if is_saved_log(section.path):
        files = [str(manifest) for manifest in saved_manifests(section.path)]
    else:
        sources = open_paths(section.path, section.format, section.max_expansion, warn=False)  # reading them warns
        files = [name for name in _names(sources) if name != "-"]
    return files + [path for path in (section.identity, section.starts) if path is not None]


def _names(sources: list[Any]) -> list[str]:
    return [source.name for source in sources if source.name is not None]


def fingerprints(section: LogSection, *further: str) -> list[dict[str, Any]]:
    """Return name, size and SHA-256 of every input file, by name; the names say nothing of where the files lie.

    ``further`` are paths of other input files.

    A saved log is known by its manifests (its own and one for each append), which hold the digests of its columns.
    """
    files = [*input_files(section), *further]
    base = os.path.commonpath([str(Path(file).parent) for file in files]) if files else ""
    found = []
    for file in files:
        try:
            digest, size = file_digest(file)
        except OSError as error:
            raise MissingInputError(f"cannot read the input: {error.strerror}", file=file) from None
        found.append({"name": Path(os.path.relpath(file, base)).as_posix(), "sha256": digest, "size": size})
    return sorted(found, key=lambda entry: str(entry["name"]))


def read_labels(
    path: str, *, timezone: str, lookback: str | None = None, exclude_events: list[str] | None = None
) -> Labels:
    """Read a Parquet, CSV or Arrow file of entity, index_time and label; times without zone are in ``timezone``."""
    import pyarrow as pa

    from seqmine.labels import Labels

    table = _read_table(path)
    if "label" in table.column_names and pa.types.is_binary(table.schema.field("label").type):
        table = _from_text(table, path, {"label": pa.int8()})
    return Labels.from_arrow(table, lookback, exclude_events or (), timezone=timezone)


def read_outcome(path: str, horizon: str | None) -> Outcome:
    """Read a Parquet, CSV or Arrow file of entity, time, and label or value, as an outcome known from elsewhere."""
    import pyarrow as pa

    from seqmine.labels import Outcome

    table = _from_text(_read_table(path), path, {"label": pa.int8(), "value": pa.float64()})
    try:
        return Outcome.from_table(table, horizon)
    except DataError as error:
        error.file = error.file or path
        raise


def read_index(path: str) -> pa.Table:
    """Read a Parquet, CSV or Arrow file of entity, index_time (or time) and further columns of the entities.

    In a CSV file a column with nothing but numbers is one of numbers.
    """
    import pyarrow as pa

    table = _read_table(path)
    further = [name for name in table.column_names if name not in ("entity", "index_time", "time")]
    return _from_text(table, path, dict.fromkeys(further, pa.float64()), strict=False)


def _read_table(path: str) -> pa.Table:
    import pyarrow as pa

    from seqmine.events.sources import open_paths

    tables = []
    for source in open_paths(path, None, 200.0):
        schema = source.schema()
        batches = [chunk.batch for chunk in source.chunks(schema.names)]
        tables.append(pa.Table.from_batches(batches) if batches else schema.empty_table())
    return pa.concat_tables(tables)


def _from_text(table: pa.Table, path: str, kinds: dict[str, pa.DataType], *, strict: bool = True) -> pa.Table:
    """CSV columns come as bytes: make them text, and those of ``kinds`` that; unless strict, where it can be done."""
    import pyarrow as pa

    columns: dict[str, Any] = {}
    for name, kind in zip(table.column_names, table.schema.types, strict=True):
        columns[name] = table[name]
        if not pa.types.is_binary(kind):
            continue
        columns[name] = table[name].cast(pa.large_string())
        try:
            columns[name] = columns[name].cast(kinds.get(name, pa.large_string()))
        except pa.ArrowInvalid:
            if strict:
                what = "all 0 or 1" if name == "label" else "all numbers"
                raise SchemaError(f"the {name}s are not {what}", file=path, column=name) from None
    return pa.table(columns)


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
