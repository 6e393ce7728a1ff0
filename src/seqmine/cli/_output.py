"""Result tables on their way out: for a person, a program, or a file. Data go to stdout and nothing else does."""

from __future__ import annotations

import io
import json
import math
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import click
import pyarrow as pa
import pyarrow.compute as pc

from seqmine._text import format_duration
from seqmine.cli._spreadsheet import formula_safe
from seqmine.cli._text_safety import printable

__all__ = ["FORMATS", "emit", "format_of", "refuse_terminal", "rows_table", "write_table"]

FORMATS = ("table", "json", "csv", "parquet")
_SUFFIXES = {".csv": "csv", ".json": "json", ".parquet": "parquet", ".txt": "table"}
_BATCH_ROWS = 65_536


def rows_table(rows: Sequence[tuple[str, int]]) -> pa.Table:
    """Return counts and what they count as a table."""
    return pa.table({"what": [name for name, _ in rows], "rows": [count for _, count in rows]})


def format_of(name: str | None, output: str | os.PathLike[str] | None) -> str:
    """Return the format that was asked for, else the one that the output's name says, else ``table``."""
    if name is not None:
        return name
    if output is None:
        return "table"
    suffix = Path(output).suffix.lower()
    if suffix not in _SUFFIXES:
        raise click.UsageError(
            f"cannot tell a format from the name {str(output)!r}: end it in .csv, .json or .parquet, or give --format"
        )
    return _SUFFIXES[suffix]


def emit(table: pa.Table, name: str, *, raw_csv: bool = False, limit: int | None = None) -> None:
    """Write ``table`` to stdout in the format ``name``; a person's table stops after ``limit`` rows and says so."""
    if name == "table":
        _print_table(table, limit)
        return
    refuse_terminal(name)
    sys.stdout.flush()
    write_table(table, name, sys.stdout.buffer, raw_csv=raw_csv)
    sys.stdout.buffer.flush()


def refuse_terminal(name: str) -> None:
    """Raise where ``name`` is no format for a terminal and stdout is one."""
    if name == "parquet" and sys.stdout.isatty():
        raise click.UsageError("Parquet is not for a terminal: give --output FILE.parquet, or pipe it")


def write_table(table: pa.Table, name: str, stream: BinaryIO, *, raw_csv: bool = False) -> None:
    """Write ``table`` to a binary stream: the same table gives the same bytes."""
    if name == "csv":
        _write_csv(table, stream, raw=raw_csv)
    elif name == "json":
        _write_json(table, stream)
    elif name == "parquet":
        from seqmine.pipeline.outputs import write_parquet

        write_parquet(table, stream)
    else:
        text = io.StringIO()
        _console(text, colour=False).print(_rich_table(table))
        stream.write(text.getvalue().encode("utf-8"))


def _plain(table: pa.Table) -> pa.Table:
    """Dictionaries as text, instants as ISO text in UTC, durations as ``19h``; lists stay lists."""
    return pa.table([_plain_column(column) for column in table.columns], names=table.column_names)


def _plain_column(column: Any) -> Any:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_duration(column.type):
        us = column.cast(pa.duration("us")).cast(pa.int64()).to_pylist()
        return pa.array([None if delay is None else format_duration(delay) for delay in us], pa.string())
    return _iso(column) if pa.types.is_timestamp(column.type) else column


def _flat(table: pa.Table) -> pa.Table:
    """`_plain`, and lists as JSON text, for formats whose cells are text."""
    plain = _plain(table)
    for at, column in enumerate(plain.columns):
        if pa.types.is_nested(column.type):
            cells = [None if cell is None else json.dumps(cell, ensure_ascii=False) for cell in column.to_pylist()]
            plain = plain.set_column(at, plain.column_names[at], pa.array(cells, pa.string()))
    return plain


def _iso(column: Any) -> Any:
    # Seconds print with six digits after the point; whole seconds are by far the most common and read better without.
    text: Any = pc.strftime(column.cast(pa.timestamp("us", "UTC")), format="%Y-%m-%dT%H:%M:%SZ")
    return pc.replace_substring(text, ".000000Z", "Z")


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _write_csv(table: pa.Table, stream: BinaryIO, *, raw: bool) -> None:
    import pyarrow.csv

    table = _flat(table)
    if not raw:
        columns = [formula_safe(column) if _is_text(column.type) else column for column in table.columns]
        names: list[str] = formula_safe(pa.array(table.column_names, pa.string())).to_pylist()
        table = pa.table(columns, names=names)
    pyarrow.csv.write_csv(table, stream, pyarrow.csv.WriteOptions(quoting_style="needed"))


def _write_json(table: pa.Table, stream: BinaryIO) -> None:
    separator = b"[\n"
    for row in _records(table):
        stream.write(separator + json.dumps(row, ensure_ascii=False, allow_nan=False).encode("utf-8"))
        separator = b",\n"
    stream.write(b"[]\n" if separator == b"[\n" else b"\n]\n")


def _records(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in _plain(table).to_batches(max_chunksize=_BATCH_ROWS):
        for row in batch.to_pylist():
            yield {name: _json_cell(cell) for name, cell in row.items()}


def _json_cell(cell: Any) -> Any:
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


def _print_table(table: pa.Table, limit: int | None) -> None:
    shown = table if limit is None else table.slice(0, limit)
    _console(sys.stdout, colour=None).print(_rich_table(shown))
    if shown.num_rows < table.num_rows:
        hidden = table.num_rows - shown.num_rows
        click.echo(f"{hidden:,} more rows: --rows 0 shows all, --format csv or --output FILE keeps them", err=True)


def _console(stream: Any, *, colour: bool | None) -> Any:
    from rich.console import Console

    terminal = stream.isatty()
    # Off a terminal nothing wraps: one row is one line, for grep and diff.
    width = None if terminal else 100_000
    return Console(file=stream, width=width, no_color=None if colour is None else not colour, highlight=False)


def _rich_table(table: pa.Table) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    plain = _plain(table)
    out = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for field in plain.schema:
        right = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
        out.add_column(Text(printable(field.name)), justify="right" if right else "left", overflow="fold")
    for row in plain.to_pylist():
        out.add_row(*(Text(_human(cell)) for cell in row.values()))
    return out


def _human(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.4g}"
    if isinstance(cell, list):
        return printable(", ".join(map(str, cell)))
    return printable(str(cell))
