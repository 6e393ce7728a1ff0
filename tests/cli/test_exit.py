"""The process ends: no thread that still reads a CSV file keeps it from its exit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seqmine.events import csvfile
from seqmine.events.csvfile import CsvSource

HEADER = "user,time,event\n"
BAD_ROW = "u3,n/a,login\n"
ROW = "u1,2026-01-01T00:00:00Z,login\n"
LONG = 400_000  # rows: three blocks of the reader
RUNS = 4

FIRST_BATCH = """
import sys
from seqmine.events.csvfile import CsvSource
source = CsvSource(sys.argv[1], None, 200.0)
chunks = source.chunks(source.schema().names)
next(chunks)
chunks.close()
"""
INGEST = """
import sys
from seqmine.cli.app import run
sys.exit(run(["ingest", sys.argv[1], "--output", sys.argv[1] + ".log", "--entity", "user"]))
"""
INSPECT = """
import sys
from seqmine.cli.app import run
sys.exit(run(["inspect", sys.argv[1], "--timezone", "Mars/Olympus"]))
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    (folder / "short.csv").write_text(HEADER + 3 * ROW + BAD_ROW)
    (folder / "long.csv").write_text(HEADER + BAD_ROW + LONG * ROW)
    return folder


@pytest.mark.parametrize("name", ["short.csv", "long.csv"])
@pytest.mark.parametrize(("code", "status"), [(FIRST_BATCH, 0), (INGEST, 65), (INSPECT, 2)])
def test_a_reader_that_is_left_does_not_hold_up_the_exit(files: Path, name: str, code: str, status: int) -> None:
    for _ in range(RUNS):
        done = subprocess.run([sys.executable, "-c", code, files / name], capture_output=True, timeout=60, check=False)
        assert done.returncode == status, done.stderr


def test_an_error_does_not_wait_for_the_rest_of_a_pipe(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "seqmine", "ingest", "-", "--output", str(tmp_path / "a.log"), "--entity", "user"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write((HEADER + BAD_ROW + LONG * ROW).encode())
        process.stdin.flush()  # and not closed: there might be more
        assert process.wait(timeout=60) == 65
        assert b"row 0" in process.stderr.read()


def test_a_reader_reads_a_few_blocks_ahead_and_stops_when_it_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.csv").write_text(HEADER + 20_000 * ROW)
    monkeypatch.setattr(csvfile, "_BLOCK", 4096)
    monkeypatch.setattr(csvfile, "_MAX_HEADER", 4096)
    monkeypatch.setattr(csvfile, "_PATIENCE", 30.0)
    readings = []
    make = csvfile._Reading.__init__

    def kept(self: csvfile._Reading, body: csvfile._Body, options: dict[str, Any]) -> None:
        readings.append(self)
        make(self, body, options)

    monkeypatch.setattr(csvfile._Reading, "__init__", kept)
    source = CsvSource(str(tmp_path / "a.csv"), None, 200.0)
    chunks = source.chunks(source.schema().names)
    assert next(chunks).batch.num_rows > 0
    chunks.close()  # type: ignore[attr-defined]
    assert all(lent() is None for lent in readings[0]._lent)
    assert readings[0]._body._sentinel, "the file was read to its end"
    assert sum(chunk.batch.num_rows for chunk in source.chunks(source.schema().names)) == 20_000
