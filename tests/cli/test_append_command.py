"""`seqmine append` and `seqmine compact`: the log of all files, however they came."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqmine.errors import ParameterError
from seqmine.events import EventLog
from seqmine.events.segments import writer_lock

Seqmine = Callable[..., Any]
WEEKS = (
    "ann,2026-01-01T10:00:00,visit\nbob,2026-01-02T10:00:00,order\n,2026-01-02T10:00:00,order\n",
    "ann,2026-01-08T10:00:00,visit\nann,n/a,visit\n",
    "eve,2025-12-08T10:00:00,visit\n",
)
OPTIONS = ("--timezone", "Europe/Berlin", "--on-bad-row", "quarantine", "--quiet")


@pytest.fixture
def weeks(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"week{i}.csv" for i in range(len(WEEKS))]
    for path, week in zip(paths, WEEKS, strict=True):
        path.write_text("entity,time,event\n" + week)
    return paths


@pytest.fixture
def saved(seqmine: Seqmine, weeks: list[Path], tmp_path: Path) -> Path:
    assert seqmine("ingest", weeks[0], "--output", tmp_path / "log", *OPTIONS).code == 4
    return tmp_path / "log"


def counts(text: str) -> dict[str, int]:
    return {row["what"]: row["rows"] for row in json.loads(text)}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_weeks_are_appended_and_compacted(seqmine: Seqmine, saved: Path, weeks: list[Path], tmp_path: Path) -> None:
    done = seqmine("append", saved, weeks[1], "--no-compact", "--format", "json")
    assert done.code == 4
    shown = counts(done.out)
    assert (shown["rows_in"], shown["used"], shown["quarantined"], shown["segments of the log"]) == (2, 1, 1, 1)
    assert f"1 bad rows are in {saved}.quarantine-2.parquet" in done.err
    assert (tmp_path / "log.quarantine-2.parquet").is_file()
    done = seqmine("append", saved, weeks[2], "--no-compact", "--quiet")
    assert done.code == 0
    assert done.err == ""
    assert "segments of the log" in done.out
    found = json.loads(seqmine("find", saved, "visit", "--format", "json", "--quiet").out)
    assert [row["entity"] for row in found] == ["ann", "eve"]
    done = seqmine("compact", saved, "--format", "json")
    assert done.code == 0
    shown = counts(done.out)
    assert (shown["segments merged"], shown["rows_in"], shown["used"], shown["entities"]) == (2, 6, 4, 3)
    EventLog.read(weeks, timezone="Europe/Berlin", on_bad_row="quarantine").save(tmp_path / "whole")
    assert files(saved) == files(tmp_path / "whole")
    assert counts(seqmine("compact", saved, "--format", "json").out)["segments merged"] == 0


def test_several_files_are_one_append(seqmine: Seqmine, saved: Path, weeks: list[Path]) -> None:
    assert seqmine("append", saved, *weeks[1:], "--compact", "--quiet", "--quarantine", saved.with_name("q")).code == 4
    assert EventLog.open(saved, verify=True).n_events == 4


def test_a_run_knows_a_log_by_its_appends(seqmine: Seqmine, saved: Path, weeks: list[Path]) -> None:
    def inputs() -> list[str]:
        out = saved.with_name("found.json")
        assert seqmine("find", saved, "visit", "--output", out, "--force", "--quiet").code == 0
        return [entry["name"] for entry in json.loads(out.with_name("found.json.manifest.json").read_text())["inputs"]]

    assert inputs() == ["manifest.json"]
    assert seqmine("append", saved, weeks[2], "--no-compact").code == 0
    assert inputs() == ["manifest.json", "segment-000001/manifest.json"]


def test_failures(seqmine: Seqmine, saved: Path, weeks: list[Path], tmp_path: Path) -> None:
    before = files(saved)
    with writer_lock(saved):
        for arguments in (("append", saved, weeks[1]), ("compact", saved)):
            done = seqmine(*arguments)
            assert done.code == 75
            assert "another process is changing the saved log" in done.err
    assert seqmine("append", tmp_path / "none", weeks[1]).code == 66
    assert seqmine("compact", tmp_path / "none").code == 66
    assert seqmine("append", saved, tmp_path / "none.csv").code == 66
    assert seqmine("append", saved).code == 2
    done = seqmine("append", saved, weeks[1], "--observed-until", "2020-01-01")
    assert done.code == 2
    assert "--observed-until lies before the last event" in done.err
    (tmp_path / "other.csv").write_text("who,time,event\n")
    done = seqmine("append", saved, tmp_path / "other.csv")
    assert done.code == 65
    assert "there is no column" in done.err
    assert files(saved) == before
    assert seqmine("inspect", saved).code == 0


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("ann,2026-01-08T10:00:00,visit", "or read all inputs anew: pass --timezone Europe/Berlin"),
        ("ann,1772300000,visit", "or read all inputs anew: pass --time-unit s"),
        ("ann,n/a,visit", "or set such rows aside with --on-bad-row quarantine"),
    ],
)
def test_hints_name_what_an_append_can_do(seqmine: Seqmine, tmp_path: Path, row: str, said: str) -> None:
    for name, line in (("first", "ann,2026-01-01T10:00:00Z,visit"), ("next", row)):
        (tmp_path / f"{name}.csv").write_text(f"entity,time,event\n{line}\n")
    assert seqmine("ingest", tmp_path / "first.csv", "--output", tmp_path / "log").code == 0
    done = seqmine("append", tmp_path / "log", tmp_path / "next.csv")
    assert done.code == 65
    assert "change the rows, as an append reads what the log reads" in done.err
    assert said in done.err


def test_a_quarantine_that_exists_is_not_to_be_forced(seqmine: Seqmine, saved: Path, weeks: list[Path]) -> None:
    done = seqmine("append", saved, weeks[1], "--quarantine", weeks[0])
    assert done.code == 73
    assert "the output exists - name another file for the bad rows" in done.err


def test_rows_in_another_unit_are_refused(seqmine: Seqmine, tmp_path: Path) -> None:
    for name, factor in (("s", 1), ("ms", 1000)):
        rows = "".join(f"ann,{(1_767_225_600 + i) * factor},visit\n" for i in range(3))
        (tmp_path / f"{name}.csv").write_text("entity,time,event\n" + rows)
    assert seqmine("ingest", tmp_path / "s.csv", "--time-unit", "s", "--output", tmp_path / "log").code == 0
    before = files(tmp_path / "log")
    done = seqmine("append", tmp_path / "log", tmp_path / "ms.csv")
    assert done.code == 65
    assert "read as milliseconds in the year 2026" in done.err
    assert "convert those times to seconds" in done.err
    assert files(tmp_path / "log") == before
    done = seqmine("ingest", f"{tmp_path}/*s.csv", "--time-unit", "s", "--output", tmp_path / "other")
    assert done.code == 65
    assert "SM-2105" in done.err


def test_hints_name_commands_and_not_python(seqmine: Seqmine, saved: Path, weeks: list[Path], tmp_path: Path) -> None:
    assert "make one of files: seqmine ingest" in seqmine("compact", weeks[0]).err
    assert "name the event files that it was made of" in seqmine("append", saved, saved).err
    done = seqmine("ingest", weeks[0], "--attributes", "p", "--output", tmp_path / "other", *OPTIONS)
    assert (
        "there is no column for the attribute 'p' - pass in --attributes the columns that are there: 'ent" in done.err
    )


def test_compact_is_yes_or_no(saved: Path, weeks: list[Path]) -> None:
    with pytest.raises(ParameterError, match="compact must be True, False or None, not 'yes'"):
        EventLog.open(saved).append(weeks[1], compact="yes")  # type: ignore[arg-type]
