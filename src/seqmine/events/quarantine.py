"""Rows that cannot be used: raised as an error, or set aside, counted, and kept with the reason."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from seqmine._files import atomic_file, prepare_output
from seqmine.errors import InputLimitError
from seqmine.events.accounting import MAX_EXAMPLES
from seqmine.events.arrow import ArrowArray, pa
from seqmine.events.reasons import RAGGED_ROW, REASONS
from seqmine.events.sources import Chunk

__all__ = ["MAX_IN_MEMORY", "Quarantine", "joined_tables"]

MAX_IN_MEMORY: Final = 1_000_000
_ADDED: Final = (("reason", pa.string()), ("file", pa.string()), ("row", pa.int64()), ("raw", pa.string()))


class Quarantine:
    """Collects bad rows with their original columns, into a Parquet file or, without a path, in memory.

    The added columns are ``reason``, ``file``, ``row`` (0-based data row) and, for CSV rows that could not be split
    into the header's fields, ``raw``. An input column of such a name is kept as ``<name>_original``.

    Parameters
    ----------
    path
        A new Parquet file, which appears when the ingest succeeds; None keeps the rows in memory.
    schemas
        The columns of every source, so that one file can hold rows of all.
    """

    def __init__(self, path: str | os.PathLike[str] | None, schemas: Sequence[pa.Schema]) -> None:
        self.path = path
        self.count = 0
        self.reasons: Counter[str] = Counter()
        self.examples: dict[str, list[tuple[str | None, int]]] = {}
        self._schema = _unified(schemas)
        self._tables: list[pa.Table] = []
        self._writer: Any = None
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Quarantine:
        if self.path is not None:
            import pyarrow.parquet as pq

            prepare_output(self.path, force=False)
            stream = self._stack.enter_context(atomic_file(self.path))
            self._writer = pq.ParquetWriter(stream, self._schema, write_page_checksum=True, compression="zstd")
        return self

    def __exit__(self, *exception: Any) -> bool | None:
        if self._writer is not None:
            with contextlib.suppress(Exception) if exception[0] is not None else contextlib.nullcontext():
                self._writer.close()
        return self._stack.__exit__(*exception)

    def add(
        self, chunk: Chunk, file: str | None, positions: npt.NDArray[np.int64], numbers: npt.NDArray[np.uint8]
    ) -> None:
        """Set aside the rows of a chunk at ``positions``, each with the number of its reason, and its misfits."""
        rows = chunk.rows(positions)
        for number in np.unique(numbers).tolist():
            self._count(REASONS[number].name, file, rows[numbers == number])
        if positions.size:
            original = chunk.batch.take(pa.array(positions))
            columns: dict[str, Any] = {_kept(name): _text(original.column(name)) for name in original.schema.names}
            names = [REASONS[number].name for number in numbers.tolist()]
            self._write(columns | {"reason": pa.array(names, pa.string())}, rows, file)
        if chunk.misfits:
            rows = np.array([misfit.row for misfit in chunk.misfits], np.int64)
            self._count(RAGGED_ROW.name, file, rows)
            raw = pa.array([misfit.text for misfit in chunk.misfits], pa.string())
            self._write({"reason": pa.array([RAGGED_ROW.name] * rows.size), "raw": raw}, rows, file)

    def table(self) -> pa.Table | None:
        """Return the rows kept in memory; None when they went to a file."""
        if self.path is not None:
            return None
        return pa.concat_tables(self._tables) if self._tables else self._schema.empty_table()

    def _count(self, reason: str, file: str | None, rows: npt.NDArray[np.int64]) -> None:
        self.count += rows.size
        self.reasons[reason] += rows.size
        places = self.examples.setdefault(reason, [])
        places += [(file, row) for row in rows[: MAX_EXAMPLES - len(places)].tolist()]

    def _write(self, columns: dict[str, Any], rows: npt.NDArray[np.int64], file: str | None) -> None:
        n = rows.size
        columns |= {"row": pa.array(rows), "file": pa.array([file] * n, pa.string())}
        table = pa.Table.from_arrays(
            [
                columns[item.name].cast(item.type) if item.name in columns else pa.nulls(n, item.type)
                for item in self._schema
            ],
            schema=self._schema,
        )
        if self._writer is not None:
            self._writer.write_table(table)
            return
        self._tables.append(table)
        if self.count > MAX_IN_MEMORY:
            raise InputLimitError(
                f"more than {MAX_IN_MEMORY:,} rows cannot be used",
                hint='check the columns and options, or pass quarantine="file.parquet" to set them all aside',
            )


def joined_tables(first: pa.Table | None, second: pa.Table | None) -> pa.Table | None:
    """Return the rows of two quarantines in memory, as one quarantine of both inputs would hold them."""
    tables = [table for table in (first, second) if table is not None]
    if len(tables) < 2:
        return tables[0] if tables else None
    added = {name for name, _ in _ADDED}
    schema = _unified([pa.schema([item for item in table.schema if item.name not in added]) for table in tables])
    return pa.concat_tables(
        pa.Table.from_arrays(
            [
                table[item.name].cast(item.type)
                if item.name in table.column_names
                else pa.chunked_array([pa.nulls(len(table), item.type)])
                for item in schema
            ],
            schema=schema,
        )
        for table in tables
    )


def _kept(name: str) -> str:
    return f"{name}_original" if name in {added for added, _ in _ADDED} else name


def _text(array: ArrowArray) -> ArrowArray:
    """Return CSV bytes as text, with escapes for what is not UTF-8; other columns as they are."""
    if not pa.types.is_binary(array.type):
        return array
    try:
        return array.cast(pa.string())
    except pa.ArrowInvalid:
        # Few rows come here: those of a file in another encoding that are bad for that very reason.
        texts = [None if item is None else item.decode(errors="backslashreplace") for item in array.to_pylist()]
        return pa.array(texts, pa.string())


def _unified(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """Return one schema for all sources: the common type where there is one, else text."""
    types: dict[str, pa.DataType] = {}
    for schema in schemas:
        for item in schema:
            name, kind = _kept(item.name), item.type
            kind = kind.value_type if pa.types.is_dictionary(kind) else kind
            kind = pa.string() if pa.types.is_binary(kind) else kind
            kind = pa.large_string() if pa.types.is_string_view(kind) else kind
            if name in types and types[name] != kind:
                kind = types[name] if pa.types.is_null(kind) else kind if pa.types.is_null(types[name]) else pa.string()
            types[name] = kind
    return pa.schema([*types.items(), *_ADDED])
