"""What the library says with keywords, a command says with its flags and a configuration with its keys."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import seqmine as sm
from seqmine.cli import _output
from seqmine.errors import OutputExists, TimestampUnparsable

Seqmine = Callable[..., Any]
NAIVE = "user,time,event,amount\nu1,2026-01-01 00:00:00,login,1\nu1,2026-01-02 00:00:00,buy,7\nu2,2026-01-02,buy,2\n"
DIRTY = NAIVE + "u3,n/a,login,\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.csv"
    path.write_text(DIRTY)
    return path


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "there is no column for --entity - pass one of the columns as --entity:"),
        (("--entity", "user"), "pass --timezone Europe/Berlin or another"),
        (("--entity", "user", "--timezone", "UTC"), "with --on-bad-row quarantine"),
        (
            ("--entity", "user", "--duplicates", "id"),
            "--duplicates id tells events apart by their id - pass --event-id",
        ),
        (("--entity", "user", "--time", "amount"), 'pass --time-unit s (or "ms", "us", "ns")'),
        (("--entity", "user", "--quarantine", "q"), "add --on-bad-row quarantine"),
    ],
)
def test_errors_name_flags(seqmine: Seqmine, source: Path, options: tuple[str, ...], said: str) -> None:
    done = seqmine("ingest", source, "--output", source.with_name("a.log"), *options)
    assert done.code in {2, 65}
    assert said in done.err
    assert "=" not in done.err.split(" - ")[-1]


def test_json_errors_name_flags_too(seqmine: Seqmine, source: Path) -> None:
    done = seqmine("find", source, "login", "--entity", "user", "--json-errors", "--quiet")
    assert "--timezone UTC" in json.loads(done.err)["error"]["hint"]


def test_an_option_of_configurations_only_is_said_to_be_one(seqmine: Seqmine, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("entity,time,event\na,1767225600,x\n")
    done = seqmine("find", path, "x", "--time-unit", "us")
    assert "pass --time-unit s, or plausible_years = None (of [log], with `seqmine run`)" in done.err


def test_a_run_names_keys(seqmine: Seqmine, source: Path, tmp_path: Path) -> None:
    study = tmp_path / "study.toml"
    study.write_text(
        f'[log]\npath = "{source.name}"\nentity = "user"\n[study]\noutcome = "no buy within 1d"\nat = "2026-01-02"\n'
    )
    done = seqmine("run", study, "--output", tmp_path / "runs")
    assert done.code == 65
    assert 'pass timezone = "Europe/Berlin" or another' in done.err


def test_the_library_names_keywords(source: Path, tmp_path: Path) -> None:
    with pytest.raises(TimestampUnparsable) as error:
        sm.EventLog.read(source, entity="user")
    assert 'timezone="Europe/Berlin"' in str(error.value)
    log = sm.EventLog.read(source, entity="user", timezone="UTC", on_bad_row="quarantine")
    log.save(tmp_path / "a.log")
    with pytest.raises(OutputExists) as there:
        log.save(tmp_path / "a.log")
    assert "overwrite=True" in str(there.value)


def test_a_pattern_keeps_its_words(seqmine: Seqmine, source: Path) -> None:
    done = seqmine("find", source, "login{value=1", "--entity", "user", "--timezone", "UTC")
    assert done.code == 2
    assert "--value" not in done.err


def test_the_value_is_called_value(seqmine: Seqmine, source: Path) -> None:
    source.write_text(NAIVE)
    options = ("--entity", "user", "--timezone", "UTC", "--value", "amount")
    done = seqmine("find", source, "buy{amount>=5}", *options)
    assert done.code == 2
    assert "--value makes amount the value of an event" in done.err
    assert len(json.loads(seqmine("find", source, "buy{value>=5}", *options, "--format", "json").out)) == 1


def test_parquet_is_refused_on_a_terminal_before_any_work(
    seqmine: Seqmine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_output.sys.stdout, "isatty", lambda: True)
    done = seqmine("find", tmp_path / "none.parquet", "a", "--format", "parquet")
    assert done.code == 2
    assert "--output FILE.parquet" in done.err


# --- dirty files ------------------------------------------------------------------------------------------------------


def test_inspect_reads_a_column_of_times_with_a_few_odd_ones(seqmine: Seqmine, source: Path) -> None:
    done = seqmine("inspect", source, "--format", "json")
    assert done.code == 0
    seen = json.loads(done.out)
    assert {column["name"]: column["type"] for column in seen["columns"]}["time"] == "time"
    assert seen["mapping"]["timezone"] == "UTC"
    assert "1 of 4 rows (25.0%) cannot be used (1 unparsable_time; for example row 3)" in " ".join(seen["notes"])
    assert "n/a" not in done.out


def test_inspect_shows_the_columns_of_what_cannot_be_read(seqmine: Seqmine, source: Path) -> None:
    source.write_text(NAIVE + "u3,2026-01-02T00:00:00Z,login,\n")  # one time with an offset among those without
    done = seqmine("inspect", source)
    assert done.code == 65
    assert "mixed" in done.err
    assert "entity" in done.out
    assert "amount" in done.out
    assert seqmine("inspect", source, "--format", "json").out == ""


def test_inspect_guesses_the_unit_in_spite_of_odd_times(seqmine: Seqmine, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("user,time,event\na,1767225600,x\nb,1767225601,x\nc,never,x\n")
    assert json.loads(seqmine("inspect", path, "--format", "json").out)["mapping"]["time_unit"] == "s"


def test_rows_set_aside_are_the_business_of_the_call_that_read_them(
    seqmine: Seqmine, source: Path, tmp_path: Path
) -> None:
    options = ("--entity", "user", "--timezone", "UTC", "--on-bad-row", "quarantine")
    assert seqmine("find", source, "login", *options).code == 4
    assert seqmine("ingest", source, "--output", tmp_path / "a.log", *options).code == 4
    assert seqmine("find", tmp_path / "a.log", "login").code == 0
    assert seqmine("mine", tmp_path / "a.log", "--frequent", "--min-support", "1").code == 0
    notes = json.loads(seqmine("inspect", tmp_path / "a.log", "--format", "json").out)["notes"]
    assert "set aside when the log was saved" in notes[1]
    assert "--on-bad-row" not in notes[1]


def test_inspect_of_a_saved_log_suggests_nothing_that_cannot_be_done(seqmine: Seqmine, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("entity,time,event\n" + 2 * "a,2026-01-01T00:00:00Z,x\n")
    assert seqmine("ingest", path, "--output", tmp_path / "a.log").code == 0
    for file, words in ((path, "see --duplicates exact"), (tmp_path / "a.log", "ingest the files again")):
        assert words in seqmine("inspect", file).out
