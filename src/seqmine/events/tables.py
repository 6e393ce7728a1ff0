"""Sources that already have typed columns: Parquet, Arrow IPC, datasets and anything that streams Arrow."""

from __future__ import annotations

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
        with reading(self.name):
            return self._file.schema_arrow

    def chunks(self, columns: Sequence[str]) -> Iterator[Chunk]:
        import pyarrow.parquet as pq

        schema = self.schema()
        with reading(self.name):
            # Columns that the writer kept as dictionaries come six times faster when they stay so (10.9 M rows of
            # repeated names: 0.2 s against 1.1 s); the others are slower that way.
            kept = [name for name in columns if is_text(schema.field(name).type) and self._is_dictionary(name)]
            file = pq.ParquetFile(self.name, read_dictionary=kept, page_checksum_verification=True)
        with file:
            yield from batches_of(file.iter_batches(batch_size=BATCH_ROWS, columns=list(columns)), self.name)

    @functools.cached_property
    def _file(self) -> Any:
        import pyarrow.parquet as pq

        return pq.ParquetFile(self.name, page_checksum_verification=True)

    def _is_dictionary(self, name: str) -> bool:
        """Whether the first row group keeps a column as a dictionary that repeats."""
        metadata = self._file.metadata
        if metadata.num_row_groups == 0:
            return False
        group = metadata.row_group(0)
        for i in range(group.num_columns):
            column = group.column(i)
            if column.path_in_schema == name:
                small = column.total_uncompressed_size < 4 * max(group.num_rows, 1)
                return small and any("DICTIONARY" in encoding for encoding in column.encodings)
        return False


@dataclass
class IpcSource:
    """One Arrow IPC file (read from a memory map) or IPC stream."""

    name: str
    stream: IO[bytes] | None
    is_text: bool = False

    def schema(self) -> pa.Schema:
        with reading(self.name):
            return self._reader.schema

    def chunks(self, columns: Sequence[str]) -> Iterator[Chunk]:
        self.schema()
        reader = self._reader
        batches = (
            (reader.get_batch(i) for i in range(reader.num_record_batches))
            if isinstance(reader, pa.ipc.RecordBatchFileReader)
            else reader
        )
        for chunk in batches_of(batches, self.name):
            yield Chunk(chunk.batch.select(list(columns)), chunk.first_row)

    @functools.cached_property
    def _reader(self) -> Any:
        check_readable(self.stream)
        if self.stream is not None:
            return pa.ipc.open_stream(pa.PythonFile(self.stream, mode="r"))
        source = pa.memory_map(self.name)
        if source.read(6) == b"ARROW1":
            source.seek(0)
            return pa.ipc.open_file(source)
        source.seek(0)
        return pa.ipc.open_stream(source)


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
