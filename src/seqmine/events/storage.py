"""A log on disk: one raw little-endian file for each column, memory-mapped when opened.

A saved log is a directory. ``manifest.json`` is written last and names every file with its size and SHA-256; without
a manifest there is no log. Dictionaries (entities, event types, categories) are Arrow IPC files. The directory is built
under a temporary name and renamed as a whole.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from seqmine._files import atomic_directory, file_digest, json_bytes
from seqmine.errors import CorruptFileError, MissingInputError, OutputExists, ParameterError, UnsafePath
from seqmine.events.accounting import Accounting
from seqmine.events.arrow import ArrowArray, pa
from seqmine.events.data import AttributeColumn, DeclaredStarts, LogData, content_digest
from seqmine.events.recipe import Recipe
from seqmine.events.sources import reading
from seqmine.events.zones import zone

__all__ = ["MANIFEST", "SEGMENT_FORMAT", "Stored", "is_saved", "load_log", "save_log", "write_log"]

FORMAT: Final = "seqmine-log"
SEGMENT_FORMAT: Final = "seqmine-log-segment"
VERSION: Final = 2
_READABLE: Final = (1, VERSION)  # the first one did not keep how the log was read
MANIFEST: Final = "manifest.json"
_MAX_MANIFEST: Final = 64 << 20
_DTYPES: Final = {
    "entity_offsets": ("<i8",),
    "time": ("<i8",),
    "code": ("<u2", "<u4"),
    "value": ("<f8",),
    "start": ("<i8",),
    "joining_starts": ("<i8",),
}


@dataclass(frozen=True)
class Stored:
    """Columns that were mapped, and the manifest that they were found by."""

    data: LogData
    digest: str
    manifest: Mapping[str, Any]
    manifest_bytes: bytes


def save_log(data: LogData, path: str | os.PathLike[str], digest: str, *, overwrite: bool) -> None:
    """Write a log as the new directory ``path``; see `EventLog.save`."""
    with _said_as_overwrite(), atomic_directory(path, force=overwrite, check=_refuse_foreign) as folder:
        write_log(folder, data, digest)


def write_log(
    folder: Path, data: LogData, digest: str, *, format: str = FORMAT, extra: Mapping[str, Any] | None = None
) -> None:
    """Write columns and manifest into an empty directory; ``extra`` are further entries of the manifest."""
    files: dict[str, dict[str, Any]] = {}
    columns: dict[str, dict[str, Any]] = {}
    for name, array in data.arrays().items():
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        file = f"{name}.{little.dtype.kind}{little.dtype.itemsize * 8}"
        with (folder / file).open("wb") as stream:
            stream.write(little.data if little.size else b"")
        columns[name] = {"file": file, "dtype": _dtype_text(little.dtype), "rows": len(little)}
    for name, names in data.names().items():
        file = f"{name}.arrow"
        table = pa.table({"name": names})
        with pa.ipc.new_file(str(folder / file), table.schema) as writer:
            writer.write_table(table)
        columns[name] = {"file": file, "dtype": str(names.type), "rows": len(names)}
    for column in columns.values():
        sha256, size = file_digest(folder / column["file"])
        files[column["file"]] = {"bytes": size, "sha256": sha256}
    manifest = {
        **(extra or {}),
        "format": format,
        "version": VERSION,
        "digest": digest,
        "n_events": data.n_events,
        "n_entities": data.n_entities,
        "timezone": data.timezone,
        "observed_until": data.declared_until,
        "last_event": data.last_event,
        "recipe": None if data.recipe is None else data.recipe.to_dict(),
        "attributes": [{"name": name, "kind": column.kind} for name, column in data.attributes.items()],
        "accounting": data.accounting.to_dict(),
        "columns": columns,
        "files": files,
    }
    (folder / MANIFEST).write_bytes(json_bytes(manifest))


def is_saved(path: str | os.PathLike[str]) -> bool:
    """Whether ``path`` is a directory that looks like a saved log."""
    return (Path(path) / MANIFEST).is_file()


def load_log(folder: Path, *, verify: bool, format: str = FORMAT) -> Stored:
    """Map the columns that `write_log` wrote; with ``verify``, read them all and compare the digests."""
    manifest, content = _manifest(folder, format)
    try:
        files: Mapping[str, Any] = manifest["files"]
        columns: Mapping[str, Any] = manifest["columns"]
        for file, expected in files.items():
            _check_file(folder, file, expected, verify=verify)
        if not {column["file"] for column in columns.values()} <= set(files):
            raise _damaged(folder, "the manifest names a column without its file")
        data, digest = _assemble(folder, manifest, columns), str(manifest["digest"])
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, (CorruptFileError, MissingInputError)):
            raise
        raise _damaged(folder, "the manifest is damaged") from error
    if verify and content_digest(data) != digest:
        raise _damaged(folder, "the content does not match the manifest's digest")
    return Stored(data, digest, manifest, content)


def _manifest(folder: Path, format: str) -> tuple[dict[str, Any], bytes]:
    path = folder / MANIFEST
    try:  # asked once: a writer may replace the log between two questions
        mode = folder.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise MissingInputError("there is no such saved log", file=str(folder), hint="check the path") from error
    if not stat.S_ISDIR(mode):
        raise ParameterError(
            "a saved log is a directory, and this is a file", file=str(folder), hint="use EventLog.read for files"
        )
    if not path.is_file():
        raise _damaged(folder, f"the directory holds no {MANIFEST}, so it is no finished log")
    with reading(str(path)):
        if path.stat().st_size > _MAX_MANIFEST:
            raise _damaged(path, "the manifest is too large to be one")
        content = path.read_bytes()
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "the manifest is damaged") from error
    if not isinstance(manifest, dict) or manifest.get("format") != format:
        raise _damaged(path, "the manifest is not that of a saved log")
    if manifest.get("version") not in _READABLE:
        raise CorruptFileError(
            f"the log was saved in version {manifest.get('version')!r} of the format; this seqmine reads {VERSION}",
            file=str(folder),
            hint="read it with the version of seqmine that wrote it, and save it again",
        )
    return manifest, content


def _check_file(folder: Path, file: str, expected: Mapping[str, Any], *, verify: bool) -> None:
    path = folder / file
    # The manifest may come from anywhere: it must not lead out of its own directory.
    if Path(file).name != file or file in {"", ".", ".."} or path.is_symlink():
        raise UnsafePath("the manifest names a file outside of the log's directory", file=str(folder))
    if not path.is_file():
        raise _damaged(path, "a file of the log is missing")
    if path.stat().st_size != int(expected["bytes"]):
        raise _damaged(path, "a file of the log has another size than the manifest says")
    if verify:
        with reading(str(path)):
            if file_digest(path)[0] != expected["sha256"]:
                raise _damaged(path, "a file of the log has another content than the manifest says")


def _assemble(folder: Path, manifest: Mapping[str, Any], columns: Mapping[str, Any]) -> LogData:
    n_events, n_entities = int(manifest["n_events"]), int(manifest["n_entities"])
    rows = {"entity_offsets": n_entities + 1, "start": n_entities}

    def column(name: str, dtypes: tuple[str, ...]) -> npt.NDArray[Any]:
        entry = columns[name]
        expected = rows.get(name, n_events)
        if entry["dtype"] not in dtypes or entry["rows"] != expected:
            raise _damaged(folder, f"the column {name} does not fit the log")
        return _map(folder / entry["file"], np.dtype(entry["dtype"]), expected)

    def names(name: str) -> ArrowArray:
        entry = columns[name]
        path = folder / entry["file"]
        with reading(str(path)), pa.memory_map(str(path)) as source:
            table = pa.ipc.open_file(source).read_all()
            if len(table) != entry["rows"] or table.schema.names != ["name"] or table["name"].null_count:
                raise _damaged(path, "the names do not fit the log")
            table.validate()
            array = table["name"].combine_chunks()
        return array if isinstance(array, pa.Array) else array.chunk(0)

    attributes: dict[str, AttributeColumn] = {}
    for i, item in enumerate(manifest["attributes"]):
        if item["kind"] == "number":
            attributes[item["name"]] = AttributeColumn("number", numbers=column(f"attribute_{i}", ("<f8",)))
        else:
            codes = column(f"attribute_{i}", ("<i4",))
            attributes[item["name"]] = AttributeColumn("dictionary", codes=codes, names=names(f"categories_{i}"))
    entities = names("entities")
    offsets = column("entity_offsets", _DTYPES["entity_offsets"])
    if len(entities) != n_entities or int(offsets[0]) != 0 or int(offsets[-1]) != n_events:
        raise _damaged(folder, "the entities do not fit the events")
    until, last, recipe = manifest["observed_until"], manifest.get("last_event"), manifest.get("recipe")
    joining = None
    if "joining_starts" in columns:
        declared = names("joining_entities")
        rows["joining_starts"] = len(declared)
        joining = DeclaredStarts(declared.cast(pa.large_string()), column("joining_starts", _DTYPES["joining_starts"]))
    kept = None if recipe is None else Recipe.from_dict(recipe)
    has_value = "value" in columns
    if kept is not None and (list(kept.kinds) != list(attributes) or (kept.value is not None) != has_value):
        raise _damaged(folder, "the columns are not those that the log remembers")
    return LogData(
        entity_offsets=offsets,
        time=column("time", _DTYPES["time"]),
        code=column("code", _DTYPES["code"]),
        value=column("value", _DTYPES["value"]) if has_value else None,
        attributes=attributes,
        entities=entities,
        event_types=_texts(names("event_types"), folder),
        timezone=zone(manifest["timezone"]).name,
        declared_until=None if until is None else int(until),
        declared_start=column("start", _DTYPES["start"]) if "start" in columns else None,
        accounting=Accounting.from_dict(manifest["accounting"]),
        recipe=kept,
        joining_starts=joining,
        known_last=None if last is None else int(last),
        origin=str(folder),
    )


def _map(path: Path, dtype: np.dtype[Any], rows: int) -> npt.NDArray[Any]:
    if path.stat().st_size != rows * dtype.itemsize:
        raise _damaged(path, "a column has another length than the manifest says")
    if rows == 0:  # nothing cannot be mapped
        return np.empty(0, dtype)
    with reading(str(path)):
        mapped = np.memmap(path, dtype, mode="r", shape=(rows,))
    if sys.byteorder == "big":
        return mapped.astype(dtype.newbyteorder("="))
    # A plain array over the same memory: the subclass would turn up in every result.
    return np.asarray(mapped)


def _texts(array: ArrowArray, folder: Path) -> tuple[str, ...]:
    try:
        array.validate(full=True)
    except pa.ArrowInvalid as error:
        raise _damaged(folder, "the names are damaged") from error
    return tuple(array.to_pylist())


def _dtype_text(dtype: np.dtype[Any]) -> str:
    return f"<{dtype.kind}{dtype.itemsize}"


@contextlib.contextmanager
def _said_as_overwrite() -> Iterator[None]:
    try:
        yield
    except OutputExists as error:
        error.hint = (error.hint or "").replace("force=", "overwrite=") or None
        raise


def _refuse_foreign(folder: Path) -> None:
    """Only a saved log is replaced, so that a mistyped path never deletes somebody's files."""
    try:
        known = json.loads((folder / MANIFEST).read_bytes()).get("format") == FORMAT
    except (OSError, ValueError, AttributeError):
        known = False
    if not known and any(folder.iterdir()):
        raise UnsafePath(
            "the directory exists and is no saved log, so it is not replaced", file=str(folder), hint="use a new path"
        )


def _damaged(path: Path, message: str) -> CorruptFileError:
    return CorruptFileError(message, file=str(path), hint="save or copy the log again")
