"""``seqmine windows``: what it prints, writes and refuses."""

from __future__ import annotations

import csv
import io
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from tests.windows_log import OBSERVED_UNTIL, OUTCOME, START, write_log

import seqmine as sm
from seqmine.cli import app

Seqmine = Callable[..., Any]
ASKED = ("--moment", "ticket", "--action", "csm_call")
SEARCH = ("--max-delay", "7d", "--bin-width", "6h", "--max-windows", "1", "--threads", "1")
ALL_COLUMNS = {"status", "reason", "statement", "flags", "lo", "hi", "effect_low", "p_holm", "e_value", "naive_effect"}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("windows")
    write_log(folder / "events.parquet", 5_000)
    asked = ("--attributes", "channel,plan,chance", "--observed-until", OBSERVED_UNTIL, "--quiet")
    assert app.run(["ingest", str(folder / "events.parquet"), "--output", str(folder / "log"), *asked]) == 0
    return folder / "log"


@pytest.fixture
def windows(seqmine: Seqmine, log: Path) -> Seqmine:
    return lambda *options: seqmine("windows", log, *ASKED, "--outcome", OUTCOME, *SEARCH, *options)


def test_what_people_are_told(windows: Seqmine) -> None:
    done = windows()
    assert done.code == 0, done.err
    heading = next(line for line in done.out.splitlines() if "status" in line)
    assert heading.split()[:4] == ["moment", "action", "status", "window"]
    assert "effect (95 %)" in heading
    row = next(line for line in done.out.splitlines() if line.strip().startswith("ticket"))
    assert "24h to 72h" in row
    assert " pp (-" in row
    assert "ticket: 2,557 moments" in done.err
    assert "csm_call between 24h and 72h" in done.err
    assert "Naive and misleading: treated less never treated would say -" in done.err


def test_quiet_says_nothing_besides_the_result(windows: Seqmine) -> None:
    done = windows("--quiet")
    assert done.err == ""
    assert "24h to 72h" in done.out


def test_every_format_has_every_column(windows: Seqmine, tmp_path: Path) -> None:
    as_json = json.loads(windows("--quiet", "--format", "json").out)
    rows = list(csv.DictReader(io.StringIO(windows("--quiet", "--format", "csv").out)))
    assert windows("--quiet", "--output", tmp_path / "a.parquet").code == 0
    table = pq.read_table(tmp_path / "a.parquet")
    for columns in (as_json[0].keys(), rows[0].keys(), set(table.column_names)):
        assert set(columns) >= ALL_COLUMNS
    assert (as_json[0]["lo"], as_json[0]["hi"]) == (rows[0]["lo"], rows[0]["hi"]) == ("1d", "3d")
    assert table["lo"].to_pylist()[0].total_seconds() == 86_400
    assert as_json[0]["effect"] == float(rows[0]["effect"]) == table["effect"].to_pylist()[0]
    record = json.loads((tmp_path / "a.parquet.manifest.json").read_bytes())
    assert record["command"] == "windows"
    assert record["result"]["n_timing"] == 1
    assert record["options"]["windows"]["bin_width"] == "6h"
    assert record["options"]["study"]["outcome"] == OUTCOME


def test_what_it_prints_is_what_the_library_says(windows: Seqmine, log: Path) -> None:
    said = json.loads(windows("--quiet", "--format", "json").out)[0]
    study = sm.Study(OUTCOME, at="start + 0d")
    options = sm.WindowOptions(max_delay="7d", bin_width="6h", max_windows=1, threads=1)
    result = sm.scan_windows(sm.EventLog.open(log), "ticket", "csm_call", study, options)
    row = result.to_arrow().to_pylist()[0]
    for name in ("status", "effect", "p_holm", "statement", "naive_effect", "n_treated"):
        assert said[name] == row[name], name


def test_further_files(windows: Seqmine, tmp_path: Path) -> None:
    done = windows(
        "--segments", "plan", "--variant", "channel", "--curve", tmp_path / "curve.csv", "--segment-effects",
        tmp_path / "by.json", "--figures", tmp_path / "figures",
    )  # fmt: skip
    assert done.code == 0, done.err
    curve = list(csv.DictReader(io.StringIO((tmp_path / "curve.csv").read_text(encoding="utf-8"))))
    assert len(curve) == 28
    assert [row["lo"] for row in curve if row["window"] == "1"][::7] == ["1d", "66h"]
    effects = json.loads((tmp_path / "by.json").read_bytes())
    assert {(row["value"], row["variant"]) for row in effects} >= {("plus", None), (None, "phone")}
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert names == {"01-csm_call-after-ticket.svg", "manifest.json"}
    picture = (tmp_path / "figures" / "01-csm_call-after-ticket.svg").read_text(encoding="utf-8")
    assert "csm_call after ticket" in picture
    assert "naive and misleading" in picture
    record = json.loads((tmp_path / "figures" / "manifest.json").read_bytes())
    assert [output["name"] for output in record["outputs"]] == ["01-csm_call-after-ticket.svg"]
    again = windows("--figures", tmp_path / "figures")
    assert again.code == 73
    assert "read the log" not in again.err
    assert windows("--figures", tmp_path / "figures", "--force", "--quiet").code == 0


def test_foreign_directories_are_not_replaced(windows: Seqmine, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    assert windows("--figures", tmp_path / "mine", "--force").code == 73
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def test_without_matplotlib_pictures_are_refused_before_any_work(
    windows: Seqmine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = windows("--figures", tmp_path / "figures")
    assert done.code == 2
    assert "pip install 'seqmine[report]'" in done.err
    assert "read the log" not in done.err
    assert windows("--quiet").code == 0


def known_outcomes(log: Path) -> dict[str, Any]:
    """The same outcome as a table: when they cancelled, or until when they were seen without it."""
    opened = sm.EventLog.open(log)
    cancels = sm.find(opened, "cancel").to_pylist()
    time = {row["entity"]: row["moment_time"] for row in cancels}
    names = [f"c{number:05}" for number in range(5_000)]
    until = "2026-03-22T00:00:00Z"
    stamps = [time[name].isoformat().replace("+00:00", "Z") if name in time else until for name in names]
    return {"entity": names, "time": stamps, "label": [int(name in time) for name in names]}


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_outcome_tables(seqmine: Seqmine, windows: Seqmine, log: Path, tmp_path: Path, form: str) -> None:
    table = pa.table(known_outcomes(log))
    path = tmp_path / f"outcomes.{form}"
    (pq.write_table if form == "parquet" else pa_csv.write_csv)(table, path)
    asked = ("--outcome-table", path, "--horizon", "30d", "--direction", "lowers", "--quiet", "--format", "json")
    done = seqmine("windows", log, *ASKED, *SEARCH, *asked, "--output", tmp_path / "found.json")
    assert done.code == 0, done.err
    row = json.loads((tmp_path / "found.json").read_bytes())[0]
    event = json.loads(windows("--quiet", "--format", "json").out)[0]
    assert (row["lo"], row["hi"], row["n_treated"]) == (event["lo"], event["hi"], event["n_treated"])
    assert row["effect"] == pytest.approx(event["effect"], abs=0.02)
    record = json.loads((tmp_path / "found.json.manifest.json").read_bytes())
    assert path.name in [Path(entry["name"]).name for entry in record["inputs"]]


def test_numbers_have_no_percentage_points(seqmine: Seqmine, log: Path) -> None:
    done = seqmine("windows", log, *ASKED, *SEARCH, "--outcome", "count(cancel) within 30d", "--direction", "lowers")
    assert done.code == 0, done.err
    row = next(line for line in done.out.splitlines() if line.strip().startswith("ticket"))
    assert "-0.2" in row
    assert " pp" not in row + done.err


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_randomised_arm_of_an_index_table(seqmine: Seqmine, log: Path, tmp_path: Path, form: str) -> None:
    """Who was called stands in a table beside the log; its numbers are numbers, in CSV as well."""
    called = {row["entity"] for row in sm.find(sm.EventLog.open(log), "csm_call").to_pylist()}
    names = [f"c{number:05}" for number in range(5_000)]
    rng = random.Random(0)
    table = {
        "entity": names,
        "index_time": ["2026-01-01T00:00:00Z"] * 5_000,
        "arm": ["call" if name in called else "none" for name in names],
        "score": [rng.random() for _ in names],
    }
    path = tmp_path / f"arms.{form}"
    (pq.write_table if form == "parquet" else pa_csv.write_csv)(pa.table(table), path)
    asked = ("--outcome", OUTCOME, "--index-table", path, "--format", "json", "--quiet", "--placebo", "score")
    done = seqmine("windows", log, *ASKED, *SEARCH, *asked, "--randomised-arm", "arm", "--control", "none")
    assert done.code == 0, done.err
    row = json.loads(done.out)[0]
    assert (row["placebo"], row["effective"]) == ("score", True)
    assert "than acting later or not at all" not in row["statement"]  # which is said where chance did not decide
    unknown = seqmine("windows", log, *ASKED, *SEARCH, *asked, "--randomised-arm", "amr", "--control", "none")
    assert unknown.code == 2
    assert "did you mean 'arm'" in unknown.err


def test_a_refusal_is_an_answer(windows: Seqmine) -> None:
    done = windows("--inbound", "csm_call")
    assert done.code == 0, done.err
    assert "not_identified (inbound_action)" in done.out
    assert "csm_call is declared to come from the customer" in done.err
    assert "Naive" not in done.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--randomised-arm", "plan"), "give --randomised-arm NAME and --control VALUE"),
        (("--control", "none"), "--control and --treated go with --randomised-arm"),
        (("--direction", "down"), "--direction: 'down' is none of those known"),
        (("--bin-width", "5h"), "--max-delay 14d, --bin-width 1h"),
        (("--max-delay", "soon"), "--max-delay"),
        (("--alpha", "2"), "--alpha must be a number above 0"),
        (("--segments", "pla"), "--segments: neither the study's index table nor the log has a column 'pla'"),
        (("--company", "csm_cal"), "--company: the log has no event type 'csm_cal' - did you mean 'csm_call'?"),
        (("--action", "cancel"), "the action cancel is an event of the outcome"),
        (("--moment", "ticket ->"), "expected"),
        (("--segment-effects", "x.csv"), "give one of them"),
        (("--horizon", "3d"), "--horizon goes with --outcome-table"),
        (("--outcome-table", "x.parquet"), "give --outcome TEXT, or --outcome-table FILE"),
    ],
)
def test_what_an_error_says(windows: Seqmine, options: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = windows(*options)
    assert done.code in (2, 77), done.err
    assert done.out == ""
    assert said in done.err


def test_what_must_be_given(seqmine: Seqmine, log: Path) -> None:
    assert "give --moment PATTERN and --action TEST" in seqmine("windows", log, "--action", "csm_call").err
    assert seqmine("windows", log, *ASKED).code == 2
    assert seqmine("windows", log.parent / "none.parquet", *ASKED, "--outcome", OUTCOME).code == 66
    missing = seqmine("windows", log, *ASKED, "--outcome-table", log.parent / "none.parquet")
    assert missing.code == 66


def test_an_output_that_is_there_is_refused_before_any_work(windows: Seqmine, tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("mine")
    done = windows("--curve", tmp_path / "c.csv")
    assert done.code == 73
    assert "read the log" not in done.err
    assert (tmp_path / "c.csv").read_text() == "mine"
    assert windows("--curve", tmp_path / "c.ods").code == 2


def test_outcome_tables_that_cannot_be_read(seqmine: Seqmine, log: Path, tmp_path: Path) -> None:
    path = tmp_path / "outcomes.csv"
    path.write_text("entity,time,label\nc00001,2026-01-09T00:00:00Z,maybe\n")
    done = seqmine("windows", log, *ASKED, "--outcome-table", path, "--horizon", "30d")
    assert done.code == 65
    assert "outcomes.csv" in done.err
    assert "the labels are not all 0 or 1" in done.err


def test_rows_set_aside(seqmine: Seqmine, tmp_path: Path) -> None:
    rows = "".join(f"c{i},{START // 1_000_000 + day * 86_400},visit\n" for i in range(40) for day in range(3))
    (tmp_path / "a.csv").write_text("entity,time,event\n" + rows + ",1,visit\n")
    asked = ("--time-unit", "s", "--on-bad-row", "quarantine", "--outcome", "no visit within 1d", "--max-delay", "1d")
    done = seqmine("windows", tmp_path / "a.csv", "--moment", "visit", "--action", "call", *asked)
    assert done.code == 4, done.err
    assert "no event type 'call'" in done.err
    assert "not_identified" in done.out
