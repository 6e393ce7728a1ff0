"""The commands end to end: what they print where, what they write, and how they fail."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from seqmine.cli.app import COMMANDS

Seqmine = Callable[..., Any]
PATTERN = "mail -[0s,1d)-> visit"


def start(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "seqmine", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


@pytest.fixture
def saved(seqmine: Seqmine, shop_file: Path, columns: tuple[str, ...], tmp_path: Path) -> Path:
    target = tmp_path / "shop.log"
    assert seqmine("ingest", shop_file, "--output", target, *columns).code == 0
    return target


# --- help and usage ---------------------------------------------------------------------------------------------------


def test_help_lists_commands_and_exit_codes(seqmine: Seqmine) -> None:
    done = seqmine("--help")
    assert done.code == 0
    assert all(f"  {name} " in done.out for name in COMMANDS)
    assert "130" in done.out
    assert done.err == ""


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_help(seqmine: Seqmine, name: str) -> None:
    done = seqmine(name, "--help")
    assert done.code == 0
    assert "Usage: seqmine" in done.out


@pytest.mark.timing
def test_help_is_fast() -> None:
    code = "import resource\nfrom seqmine.cli.app import run\nrun(['--help'])\n"
    code += "use = resource.getrusage(resource.RUSAGE_SELF)\nimport sys\n"
    code += "print(use.ru_utime + use.ru_stime, file=sys.stderr)"
    used = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
        used.append(float(done.stderr))
    assert min(used) < 0.15


def test_help_imports_no_heavy_package() -> None:
    code = "import sys\nfrom seqmine.cli.app import run\nrun(['--help'])\n"
    code += "print([m for m in ('pyarrow', 'numpy', 'rich', 'pydantic') if m in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == "[]\n"


def test_version(seqmine: Seqmine) -> None:
    assert seqmine("--version").out.startswith("seqmine, version 0.")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("fnd",), "did you mean 'find'?"),
        (("find",), "Missing argument"),
        (("find", "x", "a", "--nope"), "--nope"),
        (("find", "x", "a", "b"), "--count"),
        (("find", "x", "a -[1,2)-> b"), "no unit"),
        (("find", "x", "a", "--output", "x.xlsx"), "--format"),
        (("ingest", "x"), "--output"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(seqmine: Seqmine, arguments: tuple[str, ...], said: str) -> None:
    done = seqmine(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert said in done.err
    assert done.err.count("\n") == 1


# --- ingest and inspect -----------------------------------------------------------------------------------------------


def test_ingest_accounts_for_every_row(
    seqmine: Seqmine, shop_file: Path, columns: tuple[str, ...], tmp_path: Path
) -> None:
    done = seqmine("ingest", shop_file, "--output", tmp_path / "a.log", *columns, "--format", "json")
    assert done.code == 0
    counts = {row["what"]: row["rows"] for row in json.loads(done.out)}
    assert counts["rows_in"] == counts["used"] == 440
    assert counts["entities"] == 40
    assert (tmp_path / "a.log" / "manifest.json").is_file()
    assert "wrote" in done.err


def test_existing_output_needs_force(seqmine: Seqmine, saved: Path, shop_file: Path, columns: tuple[str, ...]) -> None:
    before = (saved / "manifest.json").read_bytes()
    done = seqmine("ingest", shop_file, "--output", saved, *columns)
    assert done.code == 73
    assert "--force" in done.err
    assert (saved / "manifest.json").read_bytes() == before
    assert seqmine("ingest", shop_file, "--output", saved, *columns, "--force").code == 0


def test_bad_rows_are_refused_by_place_or_set_aside(seqmine: Seqmine, tmp_path: Path) -> None:
    source = tmp_path / "bad.csv"
    source.write_text(
        "entity,time,event\na,2020-01-01T00:00:00Z,x\n,2020-01-02T00:00:00Z,x\nb,2020-01-03T00:00:00Z,y\n"
    )
    refused = seqmine("ingest", source, "--output", tmp_path / "a.log")
    assert refused.code == 65
    assert "bad.csv" in refused.err
    assert "row 1" in refused.err
    assert "entity" in refused.err
    assert not (tmp_path / "a.log").exists()
    done = seqmine("ingest", source, "--output", tmp_path / "a.log", "--on-bad-row", "quarantine")
    assert done.code == 4
    assert pq.read_table(tmp_path / "a.log.quarantine.parquet").num_rows == 1


def test_inspect_suggests_a_command_that_works(seqmine: Seqmine, shop_file: Path, tmp_path: Path) -> None:
    done = seqmine("inspect", shop_file, "--format", "json")
    assert done.code == 0
    seen = json.loads(done.out)
    assert seen["mapping"] == {
        "entity": "customer_id",
        "time": "ts",
        "event": "type",
        "value": "amount",
        "attributes": ["channel"],
    }
    assert seen["log"]["n_events"] == 440
    assert seen["event_types"][0] == {"event": "visit", "n_events": 400, "share": 0.9091}
    words = seen["command"].split()
    assert words[:2] == ["seqmine", "ingest"]
    words[words.index("--output") + 1] = str(tmp_path / "b.log")
    assert seqmine(*words[1:]).code == 0


def test_inspect_reads_csv_without_zone_and_numbers_as_times(seqmine: Seqmine, tmp_path: Path) -> None:
    source = tmp_path / "x.csv"
    source.write_text("user,when,created_at,action\nu1,1,1700000000,a\nu1,2,1700000000,b\nu2,3,1700000100,a\n")
    seen = json.loads(seqmine("inspect", source, "--format", "json").out)
    assert seen["mapping"]["time_unit"] == "s"
    assert seen["log"]["ties_share"] == pytest.approx(2 / 3, abs=1e-4)
    source.write_text("user,time,action\nu1,2024-01-01 10:00:00,a\n")
    seen = json.loads(seqmine("inspect", source, "--format", "json").out)
    assert seen["mapping"]["timezone"] == "UTC"
    assert "UTC is assumed" in " ".join(seen["notes"])


def test_inspect_says_which_column_it_misses(seqmine: Seqmine, tmp_path: Path) -> None:
    pyarrow.csv.write_csv(pa.table({"x": [1], "y": ["a"]}), tmp_path / "x.csv")
    done = seqmine("inspect", tmp_path / "x.csv")
    assert done.code == 65
    assert "--entity" in done.err


def test_inspect_toml_is_a_log_section(seqmine: Seqmine, shop_file: Path) -> None:
    import tomllib

    done = seqmine("inspect", shop_file, "--format", "toml")
    assert tomllib.loads(done.out)["log"]["entity"] == "customer_id"


# --- find -------------------------------------------------------------------------------------------------------------


def test_find_on_a_saved_log_and_on_the_file_is_the_same(
    seqmine: Seqmine, saved: Path, shop_file: Path, columns: tuple[str, ...]
) -> None:
    opened = seqmine("find", saved, PATTERN, "--format", "csv")
    read = seqmine("find", shop_file, PATTERN, "--format", "csv", *columns)
    assert opened.code == read.code == 0
    assert opened.out == read.out
    rows = list(csv.DictReader(io.StringIO(opened.out)))
    assert len(rows) == 20
    assert list(rows[0]) == ["entity", "start_time", "moment_time", "ready_time"]


def test_find_writes_a_file_with_its_manifest(seqmine: Seqmine, saved: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.parquet"
    done = seqmine("find", saved, PATTERN, "--output", target)
    assert done.code == 0
    assert done.out == ""
    assert pq.read_table(target).num_rows == 20
    record = json.loads((tmp_path / "out.parquet.manifest.json").read_bytes())
    assert record["command"] == "find"
    assert record["outputs"][0]["name"] == "out.parquet"
    assert record["outputs"][0]["size"] == target.stat().st_size
    assert str(tmp_path) not in json.dumps(record)
    assert seqmine("find", saved, PATTERN, "--output", target).code == 73


def test_count_takes_several_patterns(seqmine: Seqmine, saved: Path) -> None:
    rows = json.loads(
        seqmine("find", saved, "mail", "purchase -> no visit within 1d", "--count", "--format", "json").out
    )
    assert [row["n_matched"] for row in rows] == [20, 0]


def test_saved_log_refuses_column_options(seqmine: Seqmine, saved: Path) -> None:
    done = seqmine("find", saved, "mail", "--entity", "x")
    assert done.code == 2
    assert "saved already" in done.err


def test_unknown_event_warns_with_the_nearest(seqmine: Seqmine, saved: Path) -> None:
    done = seqmine("find", saved, "mial", "--format", "json")
    assert done.code == 0
    assert json.loads(done.out) == []
    assert "did you mean 'mail'" in done.err


def test_quiet_leaves_stderr_empty(seqmine: Seqmine, saved: Path) -> None:
    assert seqmine("find", saved, "mail", "--quiet").err == ""


# --- errors -----------------------------------------------------------------------------------------------------------


def test_missing_input(seqmine: Seqmine, tmp_path: Path) -> None:
    done = seqmine("find", tmp_path / "none.parquet", "a")
    assert done.code == 66
    assert "none.parquet" in done.err
    assert "Traceback" not in done.err


def test_json_errors(seqmine: Seqmine, tmp_path: Path) -> None:
    done = seqmine("find", tmp_path / "none.parquet", "a", "--json-errors")
    said = json.loads(done.err)
    assert said["exit_code"] == done.code == 66
    assert said["error"]["code"] == "SM-2008"
    assert said["error"]["file"].endswith("none.parquet")


def test_debug_shows_the_traceback(seqmine: Seqmine, tmp_path: Path) -> None:
    assert "Traceback" in seqmine("find", tmp_path / "none.parquet", "a", "--debug").err


def test_a_fault_of_ours_shows_its_place_and_no_data(
    seqmine: Seqmine, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("customer c01 has a secret")

    monkeypatch.setattr("seqmine.pipeline.source.open_log", fail)
    done = seqmine("find", saved, "mail")
    assert done.code == 70
    assert "ZeroDivisionError" in done.err
    assert "secret" not in done.err


def test_control_characters_in_an_error_are_escaped(seqmine: Seqmine) -> None:
    done = seqmine("find", "no\x1b[2Jsuch", "a")
    assert "\x1b" not in done.err


def test_output_that_cannot_be_written(seqmine: Seqmine, saved: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    done = seqmine("find", saved, "mail", "--output", tmp_path / "file" / "a.csv")
    assert done.code in {73, 77}
    link = tmp_path / "link.csv"
    link.symlink_to(tmp_path / "elsewhere.csv")
    assert seqmine("find", saved, "mail", "--output", link).code == 77


def test_a_reader_that_goes_away_is_no_error_message(saved: Path) -> None:
    with start("find", str(saved), "visit", "--occurrences", "all", "--format", "csv", "--quiet") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
        code = process.wait(timeout=60)
    assert said == b""
    assert code in {0, 141}


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_the_command_and_leave_nothing(tmp_path: Path, sent: signal.Signals, code: int) -> None:
    with start("find", "-", "a", "--output", str(tmp_path / "out.csv"), stdin=subprocess.PIPE) as process:
        time.sleep(2.0)  # it waits for input now
        process.send_signal(sent)
        assert process.stderr is not None
        said = process.stderr.read().decode()
        assert process.wait(timeout=60) == code
    assert "outputs are as before" in said
    assert "Traceback" not in said
    assert sorted(path.name for path in tmp_path.iterdir()) == []
