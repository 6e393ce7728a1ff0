"""`run_config`: the run directory, its bytes, and what stays when it fails."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqmine._files import file_digest
from seqmine.cli.app import run
from seqmine.errors import ConfigError, InsufficientDataError, MissingInputError, OutputExists, UnsafePath
from seqmine.pipeline import run_config

DAY = 86_400_000_000
START = 1_700_000_000_000_000
TOML = """
[log]
path = "events-*.parquet"
entity = "customer_id"
time = "ts"
event = "type"

[study]
outcome = "exists(purchase) within 10d"
at = "start + 11d"
seed = 3

[moments]
max_gap = "2d"
min_support = 5
top_k = 20
learn_gaps = false
"""


def shop(n: int) -> list[tuple[str, int, str]]:
    rows = []
    for customer in range(n):
        rows += [(f"c{customer:02}", START + day * DAY + customer, "visit") for day in range(10)]
        if customer % 2:
            rows += [(f"c{customer:02}", START + 3 * DAY + 3_600_000_000, "mail")]
            rows += [(f"c{customer:02}", START + 12 * DAY, "purchase")]
        rows += [(f"c{customer:02}", START + 40 * DAY, "bye")]
    return rows


def write(path: Path, rows: list[tuple[str, int, str]]) -> None:
    names, times, types = map(list, zip(*rows, strict=True))
    pq.write_table(
        pa.table({"customer_id": names, "ts": pa.array(times, pa.timestamp("us", "UTC")), "type": types}), path
    )


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    folder.mkdir()
    rows = shop(40)
    write(folder / "events-1.parquet", rows[: len(rows) // 2])
    write(folder / "events-2.parquet", rows[len(rows) // 2 :])
    (folder / "study.toml").write_text(TOML, encoding="utf-8")
    return folder / "study.toml"


def results(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "run.json"}


def test_a_run_leaves_everything(study: Path, tmp_path: Path) -> None:
    done = run_config(study, output=tmp_path / "runs")
    assert done.directory.parent == tmp_path / "runs"
    assert {path.name for path in done.directory.iterdir()} == {
        "moments.parquet",
        "labels.parquet",
        "summary.txt",
        "run.json",
        "manifest.json",
    }
    record = json.loads((done.directory / "manifest.json").read_bytes())
    assert record["run_id"] == done.run_id == done.directory.name
    for output in record["outputs"]:
        assert file_digest(done.directory / output["name"]) == (output["sha256"], output["size"])
    assert [entry["name"] for entry in record["inputs"]] == ["events-1.parquet", "events-2.parquet"]
    assert record["labels"]["n_rows"] == 40
    assert record["labels"]["n_positive"] == 20
    assert record["log"]["accounting"]["rows_in"] == 480
    assert record["options"]["study"]["seed"] == 3
    moments = pq.read_table(done.directory / "moments.parquet")
    assert moments["pattern"][0].as_py() in {"mail", "mail -[1us,2d)-> visit", "visit -[1us,2d)-> mail"}
    assert set(moments["evidence"].to_pylist()) == {"exploratory"}
    host = json.loads((done.directory / "run.json").read_bytes())
    assert set(host["seconds"]) >= {"read the log", "label", "mine"}


@pytest.mark.threaded
def test_same_inputs_same_bytes_for_any_threads_and_place(study: Path, tmp_path: Path) -> None:
    first = run_config(study, output=tmp_path / "one", threads=1)
    moved = tmp_path / "moved"
    study.parent.rename(moved)
    second = run_config(moved / "study.toml", output=tmp_path / "two", threads=4)
    assert first.run_id == second.run_id
    assert results(first.directory) == results(second.directory)


def test_nothing_of_the_place_is_in_the_results(study: Path, tmp_path: Path) -> None:
    done = run_config(study, output=tmp_path / "runs")
    for name, content in results(done.directory).items():
        assert str(tmp_path).encode() not in content, name
    assert str(tmp_path).encode() in (done.directory / "run.json").read_bytes()


def test_other_data_other_id(study: Path, tmp_path: Path) -> None:
    first = run_config(study, output=tmp_path / "runs")
    write(study.parent / "events-1.parquet", shop(10))
    assert run_config(study, output=tmp_path / "runs").run_id != first.run_id


def test_file_split_changes_the_inputs_but_not_the_moments(study: Path, tmp_path: Path) -> None:
    first = run_config(study, output=tmp_path / "runs")
    write(study.parent / "events-1.parquet", list(reversed(shop(40))))
    (study.parent / "events-2.parquet").unlink()
    second = run_config(study, output=tmp_path / "runs")
    assert first.run_id != second.run_id
    for name in ("moments.parquet", "labels.parquet", "summary.txt"):
        assert (first.directory / name).read_bytes() == (second.directory / name).read_bytes()


def test_existing_run_needs_force(study: Path, tmp_path: Path) -> None:
    run_config(study, output=tmp_path / "runs", run_id="mine")
    with pytest.raises(OutputExists, match="force"):
        run_config(study, output=tmp_path / "runs", run_id="mine")
    run_config(study, output=tmp_path / "runs", run_id="mine", force=True)


def test_force_replaces_results_only(study: Path, tmp_path: Path) -> None:
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    (tmp_path / "runs" / "mine" / "precious.txt").write_text("x")
    with pytest.raises(OutputExists, match="no earlier result"):
        run_config(study, output=tmp_path / "runs", run_id="mine", force=True)
    assert (tmp_path / "runs" / "mine" / "precious.txt").exists()


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "/abs", ".hidden", "-x", "a\0b", "a b", "x" * 81, "ä"])
def test_unsafe_run_ids(study: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsafePath):
        run_config(study, output=tmp_path / "runs", run_id=name)
    assert not (tmp_path / "runs").exists()


def test_a_linked_run_directory_is_refused(study: Path, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "victim").mkdir()
    (tmp_path / "runs" / "mine").symlink_to(tmp_path / "victim")
    with pytest.raises(UnsafePath):
        run_config(study, output=tmp_path / "runs", run_id="mine", force=True)


def test_a_failing_run_leaves_the_older_one(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run_config(study, output=tmp_path / "runs", run_id="mine")
    before = results(done.directory)

    def fail(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("seqmine.mining.mine", fail)
    with pytest.raises(KeyboardInterrupt):
        run_config(study, output=tmp_path / "runs", run_id="mine", force=True)
    assert results(done.directory) == before
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("old", "new", "error", "said"),
    [
        ("events-*", "none-*", MissingInputError, "none-"),
        ('"2d"', '"0d"', ConfigError, "max_gap"),
        ("exists(purchase)", "exists(purchase", ConfigError, "study.toml"),
        ("top_k = 20", 'measure = "leverag"', ConfigError, "leverage"),
        ("start + 11d", "start + 1000d", InsufficientDataError, "rows"),
    ],
)
def test_what_cannot_work(study: Path, tmp_path: Path, old: str, new: str, error: type[Exception], said: str) -> None:
    study.write_text(TOML.replace(old, new), encoding="utf-8")
    with pytest.raises(error, match=said):
        run_config(study, output=tmp_path / "runs")
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())


def test_bad_rows_land_in_the_run(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study.write_text(TOML.replace("[study]", 'on_bad_row = "quarantine"\n[study]'), encoding="utf-8")
    rows = [*shop(40), ("", START, "visit")]
    write(study.parent / "events-1.parquet", rows)
    (study.parent / "events-2.parquet").unlink()
    code = run(["run", str(study), "--output", str(tmp_path / "runs"), "--run-id", "q"])
    assert code == 4
    assert pq.read_table(tmp_path / "runs" / "q" / "quarantine.parquet").num_rows == 1
    assert "quarantined" in capsys.readouterr().out


def test_a_spent_budget_is_flagged(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqmine import mining

    real = mining.mine
    monkeypatch.setattr(mining, "mine", lambda *given: dataclasses.replace(real(*given), complete=False))
    code = run(["run", str(study), "--output", str(tmp_path / "runs"), "--run-id", "b"])
    assert code == 3
    assert "INCOMPLETE" in capsys.readouterr().out
    record = json.loads((tmp_path / "runs" / "b" / "manifest.json").read_bytes())
    assert record["result"]["complete"] is False


def test_the_command_prints_the_summary(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", str(study), "--output", str(tmp_path / "runs"), "--run-id", "r"]) == 0
    captured = capsys.readouterr()
    assert captured.out == (tmp_path / "runs" / "r" / "summary.txt").read_text(encoding="utf-8")
    assert "mine: " in captured.err
    assert (
        run(["run", str(study), "--output", str(tmp_path / "runs"), "--run-id", "r", "--force", "--format", "json"])
        == 0
    )
    assert json.loads(capsys.readouterr().out)["command"] == "run"


def test_config_fields_are_those_of_the_classes() -> None:
    from seqmine.labels import Study
    from seqmine.mining import MinerOptions
    from seqmine.pipeline.config import MomentsSection, StudySection

    assert set(StudySection.model_fields) == {field.name for field in dataclasses.fields(Study)} - {"labels"}
    assert set(MomentsSection.model_fields) == {field.name for field in dataclasses.fields(MinerOptions)} - {"threads"}
    assert MomentsSection().options(0) == MinerOptions()
