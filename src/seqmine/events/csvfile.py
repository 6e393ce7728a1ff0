"""CSV and CSV.gz: every column as text, never type-inferred, streamed, with row numbers for whatever is wrong.

Arrow parses; this module strips the header itself, so that Arrow's row numbers are data rows, and lets a sentinel row
follow the file. The sentinel does not fit the header, so Arrow reports it - unless an unterminated quote swallowed it.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import functools
import gzip
import io
import re
import select
import threading
import time
import weakref
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from seqmine.errors import CorruptFileError, EmptyInputError, EncodingError, InputLimitError, SeqmineError
from seqmine.events.arrow import pa
from seqmine.events.sources import Chunk, Misfit, check_readable, reading

__all__ = ["CsvSource"]

_BLOCK: Final = 4 << 20
_MAX_HEADER: Final = 1 << 20
_FREE_EXPANSION: Final = 16 << 20  # what any machine can hold: smaller outputs are no bombs, whatever their ratio
_LOOK: Final = 1000
_AHEAD: Final = 4  # blocks that may be read and not yet parsed
_PATIENCE: Final = 0.05  # seconds between two looks at whether a waiting read is still wanted
_LONGEST_WAIT: Final = 0.5
_GZIP: Final = b"\x1f\x8b"
_SENTINEL: Final = "seqmine: end of file"
_HEADER: Final = re.compile(rb'[\r\n]*((?:[^"\r\n]++|"[^"]*+")*+)(\r\n|\n|\r|\Z)')
_WIDE_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


@dataclass
class CsvSource:
    """One CSV file, plain or gzip, or standard input. An unquoted empty field is null, a quoted one is ``""``."""

    name: str
    stream: IO[bytes] | None
    max_expansion: float
    is_text: bool = True
    _misfits: list[Misfit] = field(default_factory=list, init=False)
    _ended: bool = field(default=False, init=False)
    _next_row: int = field(default=0, init=False)
    _head: tuple[list[str], bytes, IO[bytes]] | None = field(default=None, init=False)
    _pipe: _Pipe | None = field(default=None, init=False)

    def schema(self) -> pa.Schema:
        return pa.schema([(name, pa.string()) for name in self._names])

    def chunks(self, columns: Sequence[str]) -> Iterator[Chunk]:
        import pyarrow.csv

        arrow_csv: Any = pyarrow.csv

        names = self._names
        sentinel = f"\n{_SENTINEL}" + (",x\n" if len(names) == 1 else "\n")
        _, rest, body = self._head if self._head is not None else self._open()
        joined = _Body(rest, body, sentinel.encode(), owned=self.stream is None)
        self._misfits.clear()
        self._ended = False
        self._next_row = 0
        with self._errors(), contextlib.closing(joined):
            options = {
                "read_options": arrow_csv.ReadOptions(use_threads=False, block_size=_BLOCK, column_names=names),
                "parse_options": arrow_csv.ParseOptions(
                    delimiter=self._delimiter, newlines_in_values=True, invalid_row_handler=self._misfit
                ),
                "convert_options": arrow_csv.ConvertOptions(
                    # Bytes, so that text in another encoding is found row by row.
                    column_types=dict.fromkeys(names, pa.binary()),
                    include_columns=list(columns),
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            }
            arrow = _Reading(joined, options)
            try:
                yield from self._numbered(arrow)
            finally:
                if self._pipe is not None:
                    self._pipe.stop()
                arrow.close()

    def _numbered(self, arrow: _Reading) -> Iterator[Chunk]:
        row = taken = 0
        last: int | None = None
        for batch in arrow.batches():
            if batch.num_rows == 0:
                continue
            end = row + batch.num_rows
            stop = taken
            while stop < len(self._misfits) and self._misfits[stop].row < end:
                end += 1
                stop += 1
            self._next_row = end
            yield Chunk(batch, row, tuple(self._misfits[taken:stop]))
            row, taken, last = end, stop, end - 1
        if not self._ended:
            # The open quote is in the last row, which Arrow found too short where it opened before the last field.
            last = self._misfits[-1].row if taken < len(self._misfits) else last
            raise CorruptFileError(
                "a quoted field is not closed", file=self.name, row=last, hint='double every quote inside a field ("")'
            )
        if taken < len(self._misfits):
            empty = pa.RecordBatch.from_pylist([], schema=arrow.schema)
            yield Chunk(empty, row, tuple(self._misfits[taken:]))

    def _misfit(self, row: Any) -> str:
        """Remember a row with a wrong number of fields. Called by Arrow while it parses, in order of rows."""
        if row.text.startswith(_SENTINEL):
            self._ended = True
        else:
            self._misfits.append(Misfit(row.number - 1, row.text))
        return "skip"

    @property
    def _delimiter(self) -> str:
        return "\t" if Path(self.name.lower().removesuffix(".gz")).suffix == ".tsv" else ","

    @functools.cached_property
    def _names(self) -> list[str]:
        """The column names. A file is closed again (there may be thousands of them); a stream is kept open."""
        head = self._open()
        if self.stream is not None:
            self._head = head
        else:
            head[2].close()
        return head[0]

    def _open(self) -> tuple[list[str], bytes, IO[bytes]]:
        """Return the column names, the bytes read beyond the header, and the stream that goes on after them."""
        check_readable(self.stream)
        with self._errors():
            if self.stream is not None:
                self._pipe = _Pipe(self.stream)
            raw: Any = self._pipe or Path(self.name).open("rb")  # noqa: SIM115
            try:
                raw = raw if hasattr(raw, "peek") else io.BufferedReader(raw)
                body: Any = _Gunzip(raw, self.name, self.max_expansion) if raw.peek(2)[:2] == _GZIP else raw
                return self._header(body)
            except BaseException:
                if self.stream is None:
                    raw.close()
                raise

    def _header(self, body: IO[bytes]) -> tuple[list[str], bytes, IO[bytes]]:
        start = b""
        while len(start) < _MAX_HEADER and (block := body.read(_MAX_HEADER - len(start))):
            start += block
            if b"\n" in block and _HEADER.match(start):
                break
        if start.startswith(_WIDE_MARKS) or 4 * start[:_LOOK].count(0) >= len(start[:_LOOK]) > 0:
            raise EncodingError(
                "the file is UTF-16 or UTF-32, or binary", file=self.name, row=0, hint="convert it to UTF-8"
            )
        start = start.removeprefix(codecs.BOM_UTF8)
        found = _HEADER.match(start)
        if not start.strip():
            raise EmptyInputError(
                "the file is empty", file=self.name, hint="a header without rows would be a valid, empty log"
            )
        if found is None or (found.end() == len(start) and len(start) >= _MAX_HEADER):
            raise CorruptFileError("the header line does not end", file=self.name, hint="check the quotes in it")
        if b"\0" in found[1]:
            raise EncodingError(
                "the header holds a NUL character", file=self.name, hint="remove it or convert the file to UTF-8"
            )
        try:
            text = found[1].decode()
        except UnicodeDecodeError as error:
            raise EncodingError(
                "the header is not UTF-8", file=self.name, row=0, hint="convert the file to UTF-8"
            ) from error
        return (
            next(csv.reader(io.StringIO(text, newline=""), delimiter=self._delimiter), []),
            start[found.end() :],
            body,
        )

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with reading(self.name):
                yield
        except (zlib.error, gzip.BadGzipFile) as error:
            raise CorruptFileError(
                "the compressed file is damaged", file=self.name, hint="fetch or write it again"
            ) from error
        except CorruptFileError as error:
            cause = error.__cause__
            if not isinstance(cause, pa.ArrowInvalid):
                raise
            if "straddl" in str(cause):
                raise InputLimitError(
                    f"a row is longer than {_BLOCK >> 20} MiB",
                    file=self.name,
                    row=max([self._next_row, *(misfit.row + 1 for misfit in self._misfits[-1:])]),
                    hint="check the quotes: an unclosed one makes the rest of the file one field",
                ) from cause
            # Arrow cannot hand over a row of the wrong length that is not UTF-8.
            row = self._undecodable_line()
            if row is None:
                raise
            raise EncodingError(
                "a row with a wrong number of fields is not UTF-8",
                file=self.name,
                row=row,
                hint="convert the file to UTF-8",
            ) from cause

    def _undecodable_line(self) -> int | None:
        """Return the first line below the header that is not UTF-8; the data row, where no field holds line breaks."""
        if self.stream is not None:
            return None
        opener: Any = gzip.open if self.name.lower().endswith(".gz") else io.open
        with opener(self.name, "rb") as lines:
            for number, line in enumerate(lines):
                try:
                    line.decode()
                except UnicodeDecodeError:
                    return number - 1
        return None


class _Reading:
    """Arrow's reader of a body, and the end of the thread in which it reads ahead.

    A thread that still waits for Python when the process ends never gets it, and then the exit waits for that thread
    for ever, or aborts. Arrow waits for no such thread, so `close` does: it reads to the (early) end, lets go of the
    reader, and waits until Arrow's threads have let go of all that is Python's: the file and its blocks.
    """

    def __init__(self, body: _Body, options: dict[str, Any]) -> None:
        import pyarrow.csv

        arrow_csv: Any = pyarrow.csv
        self._body = body
        self._lent: list[weakref.ref[Any]] = []
        self._reader: Any = None
        try:
            self._reader = arrow_csv.open_csv(pa.PythonFile(_Lent(body, self._lent), mode="r"), **options)
            self.schema = self._reader.schema
        except BaseException:
            self.close()
            raise

    def batches(self) -> Iterator[Any]:
        while True:
            try:
                batch = self._reader.read_next_batch()
            except StopIteration:
                return
            self._body.one_taken()
            yield batch

    def close(self) -> None:
        self._body.stop()
        with contextlib.suppress(pa.ArrowException, OSError, EOFError, zlib.error, SeqmineError):
            while self._reader is not None:
                try:
                    self._reader.read_next_batch()
                except StopIteration:
                    break
        self._reader = None
        until = time.monotonic() + _LONGEST_WAIT
        while any(lent() is not None for lent in self._lent) and time.monotonic() < until:
            time.sleep(0.0005)


class _Lent:
    """A body as Arrow sees it. Nobody else holds it, nor its blocks; ``lent`` tells which of them are still held."""

    closed = False

    def __init__(self, body: _Body, lent: list[weakref.ref[Any]]) -> None:
        self._body = body
        self._lent = lent
        lent.append(weakref.ref(self))

    def readable(self) -> bool:
        return True

    def read_buffer(self, size: int) -> Any:
        block = self._body.read(size)
        buffer = pa.py_buffer(block)
        self._lent[1:] = [*(lent for lent in self._lent[1:] if lent() is not None), weakref.ref(buffer)]
        return buffer

    def close(self) -> None:
        pass


class _Gunzip(io.RawIOBase):
    """Decompress while watching how much comes out of how little."""

    def __init__(self, raw: IO[bytes], name: str, max_expansion: float) -> None:
        self._raw = _Counter(raw)
        self._inner = gzip.GzipFile(fileobj=io.BufferedReader(self._raw, 1 << 16))
        self._name = name
        self._limit = max_expansion
        self._out = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block = self._inner.read(_BLOCK if size < 0 else min(size, _BLOCK))
        self._out += len(block)
        if self._out > _FREE_EXPANSION and self._out > self._limit * self._raw.count:
            raise InputLimitError(
                f"the file expands more than {self._limit:g} times",
                file=self._name,
                hint="pass a higher max_expansion= if you trust it",
            )
        return block

    def close(self) -> None:
        self._inner.close()
        self._raw.close()
        super().close()


class _Counter(io.RawIOBase):
    """Count the bytes that are read through it."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        block = self._raw.read(len(buffer))
        buffer[: len(block)] = block
        self.count += len(block)
        return len(block)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Pipe(io.RawIOBase):
    """A stream of the caller's, whose next bytes may never come."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._stopped = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._stopped and not self._ready():
            pass
        if self._stopped:
            return 0
        block = self._stream.read1(len(buffer)) if hasattr(self._stream, "read1") else self._stream.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)

    def _ready(self) -> bool:
        try:
            return bool(select.select([self._stream], [], [], _PATIENCE)[0])
        except (OSError, ValueError):
            return True  # no file of the system's: a buffer in memory

    def stop(self) -> None:
        """End a waiting read as if the stream had ended."""
        self._stopped = True


class _Body(io.RawIOBase):
    """The rest of the header's block, the stream, and the sentinel, one after the other. Arrow reads it in a thread."""

    def __init__(self, rest: bytes, stream: IO[bytes], sentinel: bytes, *, owned: bool) -> None:
        self._rest = rest
        self._stream = stream
        self._sentinel = sentinel
        self._owned = owned
        self._stopped = False
        self._ahead = threading.Semaphore(_AHEAD)

    def readable(self) -> bool:
        return True

    def one_taken(self) -> None:
        """Let Arrow read one more block ahead. Left to itself it holds 35, and all must be parsed to end its thread."""
        self._ahead.release()

    def stop(self) -> None:
        """Seem to end here: nobody wants the rest."""
        self._stopped = True
        self._ahead.release()

    def read(self, size: int = -1) -> bytes:
        if not self._stopped:
            self._ahead.acquire(timeout=_PATIENCE)  # not for ever: a block can go without giving a batch
        return b"" if self._stopped else self._next(_BLOCK if size < 0 else size)

    def _next(self, size: int) -> bytes:
        if self._rest:
            block, self._rest = self._rest[:size], self._rest[size:]
            return block
        if block := self._stream.read(size):
            return block
        block, self._sentinel = self._sentinel[:size], self._sentinel[size:]
        return block

    def close(self) -> None:
        if self._owned:
            self._stream.close()
        super().close()
