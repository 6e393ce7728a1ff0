"""`run_config`: the run directory, its bytes, and what stays when it fails."""

from __future__ import annotations

import dataclasses
import json
import random
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
SIZE = 2_000
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

lead = "12h"

[moments]
max_gap = "2d"
max_length = 2
min_support = 20
top_k = 20
learn_gaps = false
"""


def shop(n: int) -> list[tuple[str, int, str]]:
    """Half get a mail, after which twice as many make a purchase; a few of these too early for the lead."""
    rng, rows = random.Random(0), []
    for customer in range(n):
        name = f"c{customer:04}"
        rows += [(name, START + day * DAY + customer, "visit") for day in range(10) if day == 0 or rng.random() < 0.8]
        mailed = rng.random() < 0.5
        if mailed:
            rows += [(name, START + 3 * DAY + 3_600_000_000, "mail")]
        if rng.random() < (0.6 if mailed else 0.3):
            rows += [(name, START + (12 if rng.random() < 0.9 else 11) * DAY + 3_600_000_000, "purchase")]
        rows += [(name, START + 40 * DAY, "bye")]
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
    rows = shop(SIZE)
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
    assert record["labels"]["n_rows"] == SIZE
    assert record["log"]["accounting"]["rows_in"] == len(shop(SIZE))
    assert record["options"]["study"]["seed"] == 3
    assert record["options"]["evidence"]["alpha"] == 0.05
    moments = pq.read_table(done.directory / "moments.parquet")
    assert moments.slice(0, 1).select(["pattern", "verdict", "direction"]).to_pylist() == [
        {"pattern": "mail", "verdict": "validated", "direction": "raises"}
    ]
    assert set(moments["evidence"].to_pylist()) == {"estimation_half"}
    assert pa.types.is_list(moments.schema.field("flags").type)
    result = record["result"]
    assert result["evidence"] == "estimation_half"
    assert sum(result["verdicts"].values()) == result["n_moments"] == moments.num_rows
    assert result["n_rows_finding"] + result["n_rows_judging"] == SIZE
    assert result["acknowledged_alarms"] == []
    host = json.loads((done.directory / "run.json").read_bytes())
    assert set(host["seconds"]) >= {"read the log", "label and mine"}


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
    write(study.parent / "events-1.parquet", shop(1_000))
    assert run_config(study, output=tmp_path / "runs").run_id != first.run_id


def test_file_split_changes_the_inputs_but_not_the_moments(study: Path, tmp_path: Path) -> None:
    first = run_config(study, output=tmp_path / "runs")
    write(study.parent / "events-1.parquet", list(reversed(shop(SIZE))))
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
        ("top_k = 20", 'measure = "chi2"', ConfigError, "stratified leverage, not by chi2"),
        ("learn_gaps = false", "[evidence]\nalpha = 2", ConfigError, "alpha must be a number above 0"),
        ("learn_gaps = false", "[evidence]\nalfa = 0.1", ConfigError, "did you mean 'alpha'"),
        ("learn_gaps = false", '[evidence]\nadjust = ["tenur"]', ConfigError, "did you mean 'tenure'"),
        ("learn_gaps = false", '[evidence]\nwestfall_young = "no"', ConfigError, "westfall_young"),
        ('lead = "12h"', 'lead = "2d"', InsufficientDataError, r"100.0 %\) came true within 2d of the index"),
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
    rows = [*shop(SIZE), ("", START, "visit")]
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
    monkeypatch.setattr(mining, "mine", lambda *a, **k: dataclasses.replace(real(*a, **k), complete=False))
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


def test_the_summary_says_what_was_judged_on_what(study: Path, tmp_path: Path) -> None:
    done = run_config(study, output=tmp_path / "runs")
    text = (done.directory / "summary.txt").read_text(encoding="utf-8")
    n, judged = done.moments.stats["n_discovery_rows"], done.moments.stats["n_rows"]
    assert f"found on {n:,} rows (" in text
    assert f"judged on {judged:,} rows (" in text
    assert "Rows are compared with rows that are alike in the number of events" in text
    assert "came true within 12h of the index: too late to act on" in text
    assert "validated, raises: " in text
    assert "Holm p = " in text
    assert "None of this says what causes the outcome" in text
    best = done.moments.to_arrow().to_pylist()[0]
    assert best["statement"] in text
    assert f"{best['n_positive']:,} of {best['n_matched']:,} rows ({best['confidence']:.1%})" in text


def test_small_data_say_where_their_numbers_are_from(study: Path, tmp_path: Path) -> None:
    study.write_text(TOML + "[evidence]\nsmall_data = 5000\npermutations = 199\n", encoding="utf-8")
    done = run_config(study, output=tmp_path / "runs")
    text = (done.directory / "summary.txt").read_text(encoding="utf-8")
    assert "found and judged on the same 2,000 rows" in text
    assert "Counts and O/E are of the rows that found the pattern, and flatter it" in text
    assert "rows that it was found on (" in text
    record = json.loads((done.directory / "manifest.json").read_bytes())
    assert record["result"]["evidence"] == "westfall_young"
    assert record["options"]["evidence"]["permutations"] == 199


def test_numbers_have_means_and_no_positives(study: Path, tmp_path: Path) -> None:
    study.write_text(TOML.replace("exists(purchase)", "count(purchase)"), encoding="utf-8")
    done = run_config(study, output=tmp_path / "runs")
    text = (done.directory / "summary.txt").read_text(encoding="utf-8")
    best = done.moments.to_arrow().to_pylist()[0]
    assert (best["pattern"], best["verdict"], best["n_positive"]) == ("mail", "validated", None)
    assert f"{best['n_matched']:,} rows, mean {best['confidence']:.4g} against {best['base_rate']:.4g} of all" in text
    assert "0.1 of the mean of others" in text
    assert "with the outcome" not in text.split("How to read")[0]


def test_segments_are_kept(study: Path, tmp_path: Path) -> None:
    for path in study.parent.glob("events-*.parquet"):
        table = pq.read_table(path)
        plan = ["pro" if name[-1] in "0123" else "basic" for name in table["customer_id"].to_pylist()]
        pq.write_table(table.append_column("plan", pa.array(plan)), path)
    asked = TOML.replace('event = "type"\n', 'event = "type"\nattributes = ["plan"]\n')
    study.write_text(asked + '[evidence]\nsegments = ["plan"]\n', encoding="utf-8")
    done = run_config(study, output=tmp_path / "runs")
    kept = pq.read_table(done.directory / "segments.parquet")
    assert kept.equals(done.moments.segments())
    mail = [row for row in kept.to_pylist() if row["pattern"] == "mail"]
    assert len(mail) == 2 and all(row["rr"] > 1.2 for row in mail)
    record = json.loads((done.directory / "manifest.json").read_bytes())
    assert "segments.parquet" in {output["name"] for output in record["outputs"]}


def leaky(rows: list[tuple[str, int, str]]) -> list[tuple[str, int, str]]:
    """A page that those see who buy, and that comes within the lookback."""
    buyers = [name for name, time, what in rows if what == "purchase" and time > START + 12 * DAY]
    return rows + [(name, START + 10 * DAY, "checkout_page") for name in buyers[::3]]


def test_a_leak_alarm_stops_the_run(study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(study.parent / "events-1.parquet", leaky(shop(SIZE)))
    (study.parent / "events-2.parquet").unlink()
    asked = ["run", str(study), "--output", str(tmp_path / "runs"), "--run-id", "a"]
    assert run(asked) == 6
    said = capsys.readouterr().err
    assert 'exclude_events = ["checkout_page"] in [study]' in said
    assert 'acknowledge = ["checkout_page"] in [evidence]' in said
    assert not list((tmp_path / "runs").iterdir())
    study.write_text(TOML + '[evidence]\nacknowledge = ["checkout_page"]\n', encoding="utf-8")
    assert run(asked) == 0
    assert "acknowledged leak alarm: " in capsys.readouterr().out
    record = json.loads((tmp_path / "runs" / "a" / "manifest.json").read_bytes())
    assert record["result"]["acknowledged_alarms"] == ["checkout_page"]


def test_a_condition_that_is_the_outcome_stops_the_run(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever will buy visits late on the last evening."""
    rows = shop(SIZE)
    buyers = [name for name, time, what in rows if what == "purchase" and time > START + 12 * DAY]
    night = START - START % DAY + 10 * DAY + 4 * DAY // 24
    write(study.parent / "events-1.parquet", rows + [(name, night, "visit") for name in buyers[::3]])
    (study.parent / "events-2.parquet").unlink()
    asked = ["run", str(study), "--output", str(tmp_path / "runs"), "--run-id", "a"]
    study.write_text(TOML.replace("[moments]", '[moments]\ncontext = ["hour"]'), encoding="utf-8")
    assert run(asked) == 6
    said = capsys.readouterr().err
    assert 'leave hour out of context in [moments], or accept them with acknowledge = ["visit{hour=0..6}"] in' in said
    assert "exclude_events" not in said


def test_a_later_date_is_kept_apart(study: Path, tmp_path: Path) -> None:
    """Two index dates: the latest is the out-of-time test, unless the configuration says none."""
    dates = TOML.replace('"start + 11d"', '["2023-11-24", "2023-11-25"]')
    study.write_text(dates, encoding="utf-8")
    kept = run_config(study, output=tmp_path / "runs")
    assert kept.moments.stats["n_out_of_time_rows"] > 500
    best = kept.moments.to_arrow().to_pylist()[0]
    assert best["out_of_time_n_matched"] > 100
    summary = (kept.directory / "summary.txt").read_text(encoding="utf-8")
    assert "held against a later index (at 2023-11-25Z): " in summary
    assert " where it was judged, " in summary
    study.write_text(dates.replace("seed = 3", 'seed = 3\nout_of_time = "none"'), encoding="utf-8")
    assert run_config(study, output=tmp_path / "runs").moments.stats["n_out_of_time_rows"] == 0


def test_config_fields_are_those_of_the_classes() -> None:
    from seqmine.labels import Study
    from seqmine.mining import EvidenceOptions, MinerOptions
    from seqmine.pipeline.config import EvidenceSection, MomentsSection, StudySection

    assert set(StudySection.model_fields) == {field.name for field in dataclasses.fields(Study)} - {"labels"}
    assert set(MomentsSection.model_fields) == {field.name for field in dataclasses.fields(MinerOptions)} - {"threads"}
    assert MomentsSection().options(0) == MinerOptions()
    assert set(EvidenceSection.model_fields) == {field.name for field in dataclasses.fields(EvidenceOptions)}
    assert EvidenceSection().options() == EvidenceOptions()
