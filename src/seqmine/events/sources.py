"""Where events come from: files, directories, globs, standard input and Arrow objects, as one stream of batches."""

from __future__ import annotations

import contextlib
import glob
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Literal, Protocol

import numpy as np
import numpy.typing as npt

from seqmine._text import did_you_mean
from seqmine.errors import (
    CorruptFileError,
    DataError,
    EmptyInputError,
    InputLimitError,
    MemoryBudgetExceeded,
    MissingInputError,
    ParameterError,
    SchemaError,
    SeqmineError,
    SeqmineWarning,
)
from seqmine.events.arrow import pa

__all__ = ["Chunk", "Format", "Source", "arrow_source", "open_paths", "reading", "require_columns"]

Format = Literal["parquet", "csv", "arrow"]
Paths = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

BATCH_ROWS: Final = 1 << 17
MAX_COLUMNS: Final = 10_000
_EXTENSIONS: Final[dict[str, Format]] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".parq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
}
_AMBIGUOUS: Final = ".txt"  # in a directory of data more often a note than a table
_SAVED_LOG: Final = {"manifest.json", "entity_offsets.i64"}
_FORMAT_NAMES: Final[dict[Format, str]] = {"parquet": "Parquet", "csv": "CSV", "arrow": "Arrow"}
_GZIP: Final = b"\x1f\x8b"
_MAGIC: Final[tuple[tuple[bytes, Format], ...]] = (
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"\xff\xff\xff\xff", "arrow"),
)


@dataclass(frozen=True)
class Misfit:
    """A row that could not even be split into fields."""

    row: int
    text: str


@dataclass(frozen=True)
class Chunk:
    """One batch and where it stands.

    Attributes
    ----------
    batch
    first_row
        0-based data row of the batch's first row in its file or table.
    misfits
        Rows that stood between the rows of this batch and are not in it, ascending; all other rows count on.
    """

    batch: pa.RecordBatch
    first_row: int
    misfits: tuple[Misfit, ...] = ()

    def rows(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the data rows of some positions in the batch."""
        rows: npt.NDArray[np.int64] = positions + self.first_row
        for misfit in self.misfits:
            rows = rows + (rows >= misfit.row)
        return rows

    def row(self, position: int) -> int:
        """Return the data row of one position in the batch."""
        return int(self.rows(np.array([position], np.int64))[0])


class Source(Protocol):
    """One file, stream or table."""

    @property
    def name(self) -> str | None:
        """The path as given; None for objects."""

    @property
    def is_text(self) -> bool:
        """Whether every column comes as text, as in CSV."""

    def schema(self) -> pa.Schema:
        """Return the columns without reading the rows."""

    def chunks(self, columns: Sequence[str]) -> Iterator[Chunk]:
        """Yield the rows of some columns in order."""


def open_paths(paths: Paths, format: str | None, max_expansion: float, *, warn: bool = True) -> list[Source]:
    """Find the files behind a path, directory, glob, list of these, or ``"-"`` for standard input.

    With ``warn``, a `SeqmineWarning` names what a directory holds beside event files; switch it off where the same
    paths are opened for another purpose as well.

    Raises
    ------
    MissingInputError
        Nothing is there, or it may not be read.
    ParameterError
        The format is unknown, or a file is named twice.
    """
    formats = ("parquet", "csv", "arrow")
    if format is not None and format not in formats:
        near = did_you_mean(format, formats)
        raise ParameterError(
            f"there is no format {format!r}", hint=f"did you mean {near!r}?" if near else f"use one of {formats}"
        )
    chosen: Format | None = format  # type: ignore[assignment]
    if isinstance(paths, (str, os.PathLike)):
        given: list[str | os.PathLike[str]] = [paths]
    elif isinstance(paths, Sequence) and not isinstance(paths, bytes):
        given = list(paths)
    else:
        raise ParameterError(
            f"path is a path or a list of paths, not {type(paths).__name__}",
            hint="use EventLog.from_arrow for tables and streams",
        )
    files: list[str] = []
    left_out: list[str] = []
    for item in given:
        if not isinstance(item, (str, os.PathLike)):
            raise ParameterError(f"path holds a {type(item).__name__}, not a path", hint="give texts or pathlib paths")
        with _finding(os.fspath(item)):
            files += _expand(os.fspath(item), chosen, left_out)
    if not files:
        raise ParameterError("the list of paths is empty", hint="give at least one file")
    seen: set[str] = set()
    for file in files:
        real = file if file == "-" else os.path.realpath(file)
        if real in seen:
            raise ParameterError("the file is named twice, so its events would count twice", file=file)
        seen.add(real)
    if warn:
        for text in left_out:
            warnings.warn(text, SeqmineWarning, stacklevel=3)
    return [_source(file, chosen, max_expansion) for file in files]


def require_columns(schema: pa.Schema, wanted: Mapping[str, str], file: str | None) -> None:
    """Check that the wanted columns (keyword -> column name) are there once, before any row is read."""
    names = schema.names
    if len(names) > MAX_COLUMNS:
        raise InputLimitError(
            f"{len(names):,} columns; at most {MAX_COLUMNS:,} are read", file=file, hint="select the columns first"
        )
    if len(set(names)) != len(names):
        doubled = next(name for name in names if names.count(name) > 1)
        raise SchemaError(
            "two columns have the same name", file=file, column=doubled, hint="rename one of them where it is made"
        )
    for keyword, name in wanted.items():
        if name in names:
            continue
        near = did_you_mean(name, names)
        shown = ", ".join(repr(column) for column in names[:10]) + (", ..." if len(names) > 10 else "")
        hint = f"did you mean {near!r}? " if near else ""
        role, _, attribute = keyword.partition(":")
        wanted_as = f"in {role}= the columns that are there" if attribute else f"one of the columns as {role}="
        hint += f"pass {wanted_as}: {shown}" if names else "the input has no columns"
        if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
            hint = "the fields look separated by another mark than a comma; convert the file to commas"
        lacking = f"the attribute {attribute!r}" if attribute else f"{role}="
        raise SchemaError(f"there is no column for {lacking}", file=file, column=name, hint=hint)


@contextlib.contextmanager
def reading(file: str | None, row: int | None = None) -> Iterator[None]:
    """Turn what goes wrong while reading into typed errors that name the file and hold no data."""
    try:
        yield
    except SeqmineError:
        raise
    except MemoryError as error:
        raise MemoryBudgetExceeded(
            "the memory does not suffice to read the input", file=file, hint="free memory or read a part of the data"
        ) from error
    except (FileNotFoundError, PermissionError, NotADirectoryError, IsADirectoryError) as error:
        raise MissingInputError(
            f"cannot read the input: {error.strerror or 'the system refused'}", file=file, hint="check the path"
        ) from error
    except (pa.ArrowException, OSError, EOFError, UnicodeDecodeError) as error:
        # The Parquet reader reports encodings that it does not know as failed input.
        if isinstance(error, pa.ArrowNotImplementedError) or "Not yet implemented" in str(error):
            raise SchemaError(
                f"the input uses what this pyarrow cannot read: {str(error).splitlines()[0][:200]}",
                file=file,
                hint="write it again with common types, encodings and compression",
            ) from error
        raise CorruptFileError(
            "the file is torn or damaged" if file else "the stream failed or is damaged",
            file=file,
            row=row,
            hint="fetch or write it again",
        ) from error


def arrow_source(data: Any) -> Source:
    """Wrap an Arrow table, reader, batch, list of batches, dataset, dataframe, or mapping of arrays.

    Raises
    ------
    ParameterError
        The object does not speak Arrow.
    """
    from seqmine.events.tables import DatasetSource, StreamSource

    if isinstance(data, pa.RecordBatch):
        data = pa.Table.from_batches([data])
    elif isinstance(data, Mapping):
        with reading(None):
            data = _columns_table(data)
    elif isinstance(data, (list, tuple)) and all(isinstance(item, pa.RecordBatch) for item in data):
        if not data:
            raise EmptyInputError("the list of batches is empty", hint="pass a table, which has columns without rows")
        with reading(None):
            data = pa.Table.from_batches(data)
    module = type(data).__module__.split(".")[0]
    if module == "polars" and type(data).__name__ == "LazyFrame":
        data = data.collect()
    if module == "pyarrow" and hasattr(data, "scanner"):
        return DatasetSource(data)
    if hasattr(data, "__arrow_c_stream__"):
        return StreamSource(data)
    if hasattr(data, "__arrow_c_array__"):
        return StreamSource(pa.Table.from_batches([pa.record_batch(data)]))
    raise ParameterError(
        f"a {type(data).__name__} does not give Arrow data",
        hint="pass a pyarrow, polars, pandas or duckdb table, or use EventLog.read for paths",
    )


def _columns_table(data: Mapping[Any, Any]) -> Any:
    lengths = {name: len(column) if hasattr(column, "__len__") else None for name, column in data.items()}
    wrong = [name for name, length in lengths.items() if not isinstance(name, str) or length is None]
    if wrong or any(isinstance(column, (str, bytes)) for column in data.values()):
        raise ParameterError("a mapping is read as columns: names and arrays", hint="give each name an array or a list")
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name!r} {length:,}" for name, length in lengths.items())
        raise ParameterError(f"the columns have different lengths: {listed}", hint="give every column the same rows")
    table: dict[str, Any] = {}
    for name, column in data.items():
        try:
            table |= {name: column if isinstance(column, (pa.Array, pa.ChunkedArray)) else pa.array(column)}
        except MemoryError:
            raise
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise SchemaError(
                "the column holds values of several types, or of one that Arrow does not have",
                column=name,
                hint="give values of one type",
            ) from error
    return pa.table(table)


def readable(schema: pa.Schema) -> pa.Schema:
    """Return the schema; raise (inside `reading`) where its names are no UTF-8."""
    _ = schema.names  # decodes them
    for kind in schema.types:  # and so do the names of zones
        _ = getattr(getattr(kind, "value_type", kind), "tz", None)
    return schema


# --- finding files ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _finding(path: str) -> Iterator[None]:
    try:
        yield
    except SeqmineError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "the system refused"
        raise MissingInputError(f"cannot look for the input: {reason}", file=path, hint="check the path") from error


def _refuse(error: OSError) -> None:
    raise error


def _expand(path: str, format: Format | None, left_out: list[str]) -> list[str]:
    """Return the files behind a path; what a directory holds beside them is told in ``left_out``."""
    if path == "-":
        return [path]
    if not path or "\0" in path:
        raise ParameterError("the path is empty or holds a NUL character")
    if Path(path).is_dir():
        return _directory(path, format, left_out)
    if Path(path).exists() or not glob.has_magic(path):
        _require_file(path)
        return [path]
    files = sorted(item for item in glob.glob(path, recursive=True) if not Path(item).is_dir())  # noqa: PTH207
    if not files:
        raise MissingInputError("no file matches the pattern", file=path, hint="check the pattern")
    for file in files:
        _require_file(file)
    return files


def _require_file(path: str) -> None:
    if Path(path).exists():
        return
    if Path(path).is_symlink():
        raise MissingInputError("the link leads to no file", file=path, hint="correct or remove the link")
    parent = Path(path).parent
    names = [item.name for item in parent.iterdir()] if parent.is_dir() else []
    near = did_you_mean(Path(path).name, sorted(names))
    raise MissingInputError(
        "there is no such file", file=path, hint=f"did you mean {near!r}?" if near else "check the path"
    )


def _directory(path: str, format: Format | None, left_out: list[str]) -> list[str]:
    """Return the event files of a directory in depth, through links as through anything else."""
    files: list[str] = []
    others: list[str] = []
    seen: set[str] = set()
    for folder, folders, names in os.walk(path, onerror=_refuse, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            raise ParameterError("links lead to this directory twice, so its events would count twice", file=folder)
        seen.add(real)
        if set(names) >= _SAVED_LOG:
            raise MissingInputError(
                "this is a saved log, not a directory of event files", file=folder, hint="use EventLog.open for it"
            )
        folders[:] = sorted(name for name in folders if not name.startswith((".", "_")))
        for name in sorted(names):
            if name.startswith((".", "_")):
                continue
            extension = _extension(name)
            kind = _EXTENSIONS.get(extension)
            wanted = kind is not None and (extension != _AMBIGUOUS if format is None else kind == format)
            (files if wanted else others).append(str(Path(folder, name)))
    others.sort()
    some = ", ".join(repr(os.path.relpath(other, path)) for other in others[:3]) + (", ..." if len(others) > 3 else "")
    if not files:
        found = f" (it holds {some})" if others else ""
        raise MissingInputError(
            f"the directory holds no event files{found}",
            file=path,
            hint="expected .parquet, .csv, .csv.gz, .tsv or .arrow files",
        )
    if others:
        left_out.append(
            f"{path}: left out, because the names are not those of event files: {some} ({len(others):,} in all)"
        )
    for file in files:
        _require_file(file)
    return sorted(files)


def _extension(name: str) -> str:
    lower = name.lower()
    return Path(lower.removesuffix(".gz")).suffix


def _source(file: str, format: Format | None, max_expansion: float) -> Source:
    from seqmine.events.csvfile import CsvSource
    from seqmine.events.tables import IpcSource, ParquetSource

    if file == "-":
        stream = sys.stdin.buffer
        head = stream.peek(8)[:8] if hasattr(stream, "peek") else b""
        kind = format or _format_of("-", head)
        if kind == "parquet":
            raise ParameterError(
                "Parquet cannot be read from standard input, because its index is at the end of the file",
                hint="save it to a file first",
            )
        return IpcSource(file, stream) if kind == "arrow" else CsvSource(file, stream, max_expansion)
    if not Path(file).is_file():
        raise ParameterError(
            "this is a pipe or a device, which cannot be read from its start again",
            file=file,
            hint='pipe it into the command and pass "-", with format= if it is CSV',
        )
    with reading(file), Path(file).open("rb") as opened:
        head = opened.read(8)
    if not head:
        raise EmptyInputError("the file is empty", file=file, hint="a header without rows would be a valid, empty log")
    kind = format or _format_of(file, head)
    found = next((known for magic, known in _MAGIC if head.startswith(magic)), None)
    if found is not None and found != kind:
        raise CorruptFileError(
            f"this is no {_FORMAT_NAMES[kind]} file but {_FORMAT_NAMES[found]}",
            file=file,
            hint=f'leave format= out, or pass format="{found}"',
        )
    if kind == "csv":
        return CsvSource(file, None, max_expansion)
    if head.startswith(_GZIP):
        raise CorruptFileError("the file is compressed as a whole", file=file, hint="decompress it first")
    if kind == "parquet" and found is None:
        raise CorruptFileError(
            "this is no Parquet file, which would begin with PAR1",
            file=file,
            hint='check what wrote it; for text pass format="csv"',
        )
    return ParquetSource(file) if kind == "parquet" else IpcSource(file, None)


def _format_of(file: str, head: bytes) -> Format:
    """Return the format by the first bytes, else by the name; the name decides what a damaged file should have been."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    named = _EXTENSIONS.get(_extension(Path(file).name))
    if named is not None:
        return named
    if file == "-" or head.startswith(_GZIP):
        return "csv"
    raise ParameterError(
        "the name does not tell the format", file=file, hint='pass format="csv" (or "parquet", "arrow")'
    )


def batches_of(reader: Iterable[pa.RecordBatch], file: str | None) -> Iterator[Chunk]:
    """Number the rows of a reader's batches and cut batches that are too large to convert at once."""
    row = 0
    iterator = iter(reader)
    while True:
        with reading(file, row):
            try:
                batch = next(iterator)
            except StopIteration:
                return
            batch.validate()  # buffers as long as their arrays: what is read below trusts that
        for start in range(0, batch.num_rows, BATCH_ROWS):
            yield Chunk(batch.slice(start, BATCH_ROWS), row + start)
        row += batch.num_rows


def check_readable(stream: IO[bytes] | None) -> None:
    """Raise where a stream was already used up by an earlier reading."""
    if stream is not None and stream.closed:
        raise DataError("standard input is closed", file="-", hint="pipe the data into the command")
