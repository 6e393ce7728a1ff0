"""Sources that already have typed columns: Parquet, Arrow IPC, datasets and anything that streams Arrow."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from seqmine.events.arrow import pa
from seqmine.events.columns import is_text
from seqmine.events.sources import BATCH_ROWS, Chunk, batches_of, check_readable, reading

__all__ = ["DatasetSource", "IpcSource", "ParquetSource", "StreamSource"]


@dataclass
class ParquetSource:
    """One Parquet file, read a batch at a time; page checksums are verified where the file has them."""

    name: str
    is_text: bool = False

    def schema(self) -> pa.Schema:
        return self._outline[0]

    def chunks(self, columns: Sequence[str]) -> Iterator[Chunk]:
        import pyarrow.parquet as pq

        schema, repeating = self._outline
        with reading(self.name):
            # Columns that the writer kept as dictionaries come six times faster when they stay so (10.9 M rows of
            # repeated names: 0.2 s against 1.1 s); the others are slower that way.
            kept = [name for name in columns if name in repeating and is_text(schema.field(name).type)]
            file = pq.ParquetFile(self.name, read_dictionary=kept, page_checksum_verification=True)
        with file:
            yield from batches_of(file.iter_batches(batch_size=BATCH_ROWS, columns=list(columns)), self.name)

    @functools.cached_property
    def _outline(self) -> tuple[pa.Schema, frozenset[str]]:
        """Return the schema and the columns that repeat. The file is closed again: there may be thousands of them."""
        import pyarrow.parquet as pq

        with reading(self.name), pq.ParquetFile(self.name) as file:
            return file.schema_arrow, _repeating(file.metadata)


def _repeating(metadata: Any) -> frozenset[str]:
    """Return the columns that the first row group keeps as dictionaries, in few bytes a row."""
    if metadata.num_row_groups == 0:
        return frozenset()
    group = metadata.row_group(0)
    columns = [group.column(i) for i in range(group.num_columns)]
    return frozenset(
        column.path_in_schema
        for column in columns
        if column.total_uncompressed_size < 4 * max(group.num_rows, 1)
        and any("DICTIONARY" in encoding for encoding in column.encodings)
    )


@dataclass
class IpcSource:
    """One Arrow IPC file (read from a memory map) or IPC stream."""

    name: str
    stream: IO[bytes] | None
    is_text: bool = False

    def schema(self) -> pa.Schema:
        return self._outline[0]

    def chunks(self, columns: Sequence[str]) -> Iterator[Chunk]:
        with contextlib.ExitStack() as stack:
            with reading(self.name):
                reader = self._outline[1] or stack.enter_context(self._opened())
            batches = (
                (reader.get_batch(i) for i in range(reader.num_record_batches))
                if isinstance(reader, pa.ipc.RecordBatchFileReader)
                else reader
            )
            for chunk in batches_of(batches, self.name):
                yield Chunk(chunk.batch.select(list(columns)), chunk.first_row)

    @functools.cached_property
    def _outline(self) -> tuple[pa.Schema, Any]:
        """Return the schema and, for a stream that can be read only once, its reader."""
        with reading(self.name):
            if self.stream is not None:
                check_readable(self.stream)
                reader = pa.ipc.open_stream(pa.PythonFile(self.stream, mode="r"))
                return reader.schema, reader
            with self._opened() as opened:
                return opened.schema, None

    @contextlib.contextmanager
    def _opened(self) -> Iterator[Any]:
        with pa.memory_map(self.name) as source:
            is_file = source.read(6) == b"ARROW1"
            source.seek(0)
            with (pa.ipc.open_file if is_file else pa.ipc.open_stream)(source) as reader:
                yield reader


@dataclass
class DatasetSource:
    """A pyarrow dataset: files behind one schema. Rows count over the whole dataset."""

    data: Any
    name: None = None
    is_text: bool = False

    def schema(self) -> pa.Schema:
        return self.data.schema

    def chunks(self, columns: Sequence[str]) -> Iterator[Chunk]:
        with reading(None):
            batches = self.data.scanner(columns=list(columns), batch_size=BATCH_ROWS).to_batches()
        yield from batches_of(batches, None)


@dataclass
class StreamSource:
    """Any object with ``__arrow_c_stream__``; tables can be read again, streams once."""

    data: Any
    name: None = None
    is_text: bool = False

    def schema(self) -> pa.Schema:
        with reading(None):
            return self._reader.schema

    def chunks(self, columns: Sequence[str]) -> Iterator[Chunk]:
        self.schema()
        for chunk in batches_of(self._reader, None):
            yield Chunk(chunk.batch.select(list(columns)), chunk.first_row)

    @functools.cached_property
    def _reader(self) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_stream(self.data)
