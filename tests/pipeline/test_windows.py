"""``[windows]``: what a run writes, says and refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tests.windows_log import OBSERVED_UNTIL, OUTCOME, write_log

from seqmine._files import file_digest
from seqmine.cli.app import run
from seqmine.errors import ConfigError, InvalidPattern, ParameterError
from seqmine.patterns import parse_pattern
from seqmine.pipeline import RunResult, run_config
from seqmine.pipeline.config import parse_config
from seqmine.pipeline.windowed import figure_names, figures_if_any, window_text

SIZE = 5_000
TOML = f"""
[log]
path = "events.parquet"
attributes = ["channel", "plan", "chance"]
observed_until = "{OBSERVED_UNTIL}"

[study]
outcome = "{OUTCOME}"
at = "start + 20d"

[moments]
max_length = 1
min_support = 200
absence = []

[evidence]
clock = false

[windows]
actions = ["csm_call"]
moments = ["ticket"]
max_delay = "7d"
bin_width = "6h"
max_windows = 1
segments = ["plan"]
variant = "channel"
"""
BASE: dict[str, Any] = {
    "log": {"path": "x"},
    "study": {"outcome": "no x within 1d", "at": "start + 1d"},
}


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("events") / "events.parquet"
    write_log(path, SIZE)
    return path


def study(folder: Path, events: Path, text: str = TOML) -> Path:
    folder.mkdir()
    (folder / "events.parquet").hardlink_to(events)
    (folder / "study.toml").write_text(text, encoding="utf-8")
    return folder / "study.toml"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, events: Path) -> RunResult:
    folder = tmp_path_factory.mktemp("runs")
    return run_config(study(folder / "a", events), output=folder / "runs", threads=1)


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != "run.json")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_a_run_leaves_its_windows(done: RunResult) -> None:
    assert set(files(done.directory)) == {
        "moments.parquet",
        "labels.parquet",
        "windows.parquet",
        "window_curves.parquet",
        "window_segments.parquet",
        "figures/01-csm_call-after-ticket.svg",
        "summary.txt",
        "manifest.json",
    }
    assert done.windows is not None
    table = pq.read_table(done.directory / "windows.parquet")
    assert table.equals(done.windows.to_arrow())
    row = table.to_pylist()[0]
    assert (row["moment"], row["action"], row["effective"], row["timing"]) == ("ticket", "csm_call", True, True)
    assert window_text(row) == "24h to 72h"
    assert row["effect_low"] < -0.25 < row["effect_high"]
    curves = pq.read_table(done.directory / "window_curves.parquet")
    assert curves.num_rows == 28
    assert sum(curves["window"].to_pylist()) == 8
    segments = pq.read_table(done.directory / "window_segments.parquet").to_pylist()
    assert {(one["column"], one["value"], one["variant"]) for one in segments} >= {
        ("plan", "plus", None),
        (None, None, "phone"),
    }


def test_the_manifest_counts_them(done: RunResult) -> None:
    record = json.loads((done.directory / "manifest.json").read_bytes())
    said = record["result"]["windows"]
    assert {name: said[name] for name in ("n_pairs", "n_moments", "n_effective", "n_timing", "n_figures")} == {
        "n_pairs": 1,
        "n_moments": 1,
        "n_effective": 1,
        "n_timing": 1,
        "n_figures": 1,
    }
    assert sum(said["statuses"].values()) == 1
    assert said["statuses"]["not_identified"] == 0
    assert record["options"]["windows"]["segments"] == ["plan"]
    outputs = {output["name"]: (output["sha256"], output["size"]) for output in record["outputs"]}
    for name in ("windows.parquet", "figures/01-csm_call-after-ticket.svg"):
        assert outputs[name] == file_digest(done.directory / name)


def test_the_summary_says_what_was_found_and_what_is_naive(done: RunResult) -> None:
    said = (done.directory / "summary.txt").read_text(encoding="utf-8")
    part = said.split("\nWindows\n")[1].split("\nHow to read\n")[0]
    assert "csm_call; delays up to 1w" in part
    assert "1. csm_call after ticket\n" in part
    assert "24h to 72h, -" in part
    assert "effective, timing" in part
    assert done.windows is not None
    assert done.windows.statements()[0] in part
    assert "Naive and misleading: treated less never treated would say -" in part
    assert "1 in figures/, one for each pair" in part
    assert "associational: no effect to count on" in said


def test_same_bytes_for_any_threads_and_place(done: RunResult, events: Path, tmp_path: Path) -> None:
    again = run_config(study(tmp_path / "b", events), output=tmp_path / "runs", threads=3)
    assert again.run_id == done.run_id
    assert files(again.directory) == files(done.directory)


def test_pictures_do_not_depend_on_the_users_settings(done: RunResult, tmp_path: Path) -> None:
    import matplotlib as mpl

    assert done.windows is not None
    with mpl.rc_context({"font.size": 20, "lines.linewidth": 5, "axes.grid": True, "svg.fonttype": "path"}):
        assert figures_if_any(tmp_path / "figures", done.windows) == 1
    name = "01-csm_call-after-ticket.svg"
    assert (tmp_path / "figures" / name).read_bytes() == (done.directory / "figures" / name).read_bytes()


def test_without_matplotlib_there_are_no_pictures(
    events: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = run_config(study(tmp_path / "a", events), output=tmp_path / "runs", threads=1)
    assert not (done.directory / "figures").exists()
    assert (done.directory / "windows.parquet").exists()
    said = (done.directory / "summary.txt").read_text(encoding="utf-8")
    assert "pictures     none: matplotlib is not installed (pip install 'seqmine[report]')" in said
    assert json.loads((done.directory / "manifest.json").read_bytes())["result"]["windows"]["n_figures"] == 0


def test_without_moments_the_validated_patterns_are_taken(events: Path, tmp_path: Path) -> None:
    text = TOML.replace('moments = ["ticket"]\n', "").replace('segments = ["plan"]\nvariant = "channel"\n', "")
    text = text.replace("max_length = 1", "max_length = 2")
    done = run_config(study(tmp_path / "a", events, text), output=tmp_path / "runs", threads=1)
    moments = done.moments.to_arrow().select(["pattern", "verdict"]).to_pylist()
    validated = [row["pattern"] for row in moments if row["verdict"] == "validated"]
    assert "ticket" in validated
    assert len(validated) < len(moments)
    assert done.windows is not None
    assert [moment for moment, _ in done.windows.excluded] == [str(parse_pattern(text)) for text in validated]
    assert not (done.directory / "window_segments.parquet").exists()
    assert "the validated patterns" in (done.directory / "summary.txt").read_text(encoding="utf-8")


def test_patterns_beyond_the_first_are_counted(events: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from seqmine.pipeline import windowed

    monkeypatch.setattr(windowed, "MOST_MOMENTS", 1)
    text = TOML.replace('moments = ["ticket"]\n', "")
    done = run_config(study(tmp_path / "a", events, text), output=tmp_path / "runs", threads=1)
    assert done.windows is not None
    assert [moment for moment, _ in done.windows.excluded] == ["ticket"]
    verdicts = done.moments.to_arrow()["verdict"].to_pylist()
    beyond = verdicts.count("validated") - 1
    assert beyond > 0
    said = (done.directory / "summary.txt").read_text(encoding="utf-8")
    assert f"the first 1 validated patterns; {beyond} more were not looked at" in said
    record = json.loads((done.directory / "manifest.json").read_bytes())["result"]["windows"]
    assert (record["n_moments"], record["n_moments_left_out"]) == (1, beyond)


def test_nothing_validated_is_no_error(events: Path, tmp_path: Path) -> None:
    text = TOML.replace('moments = ["ticket"]\n', "").replace('at = "start + 20d"', 'at = "start + 1d"')
    done = run_config(study(tmp_path / "a", events, text), output=tmp_path / "runs", threads=1)
    assert done.windows is None
    assert not (done.directory / "windows.parquet").exists()
    said = (done.directory / "summary.txt").read_text(encoding="utf-8")
    assert "no pattern was validated, so there is no moment to look at" in said
    assert json.loads((done.directory / "manifest.json").read_bytes())["result"]["windows"]["n_pairs"] == 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('segments = ["plan"]', 'segments = ["plann"]', "segments: neither .* 'plann' - did you mean 'plan'"),
        ('actions = ["csm_call"]', 'actions = ["cancel"]', "the action cancel is an event of the outcome"),
        ('variant = "channel"', 'variant = "chanel"', "variant: the log has no text attribute 'chanel'"),
    ],
)
def test_what_the_log_lacks_is_told_before_the_search(
    events: Path, tmp_path: Path, old: str, new: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqmine.pipeline import run as module

    monkeypatch.setattr(module, "judge", lambda *_: pytest.fail("searched"))
    assert old in TOML
    with pytest.raises(ParameterError, match=message):
        run_config(study(tmp_path / "a", events, TOML.replace(old, new)), output=tmp_path / "runs", threads=1)
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, r"\[windows\] actions: is missing"),
        ({"actions": []}, r"\[windows\] actions: list should have at least 1 item"),
        ({"actions": ["a"], "moment": ["x"]}, r"\[windows\] moment: unknown key - did you mean 'moments'\?"),
        ({"actions": ["a"], "max_delay": 14}, r"\[windows\] max_delay: 14 has no unit"),
        ({"actions": ["a"], "covariates": "plan"}, r"\[windows\] covariates: .*\['plan'\]"),
        ({"actions": ["a"], "randomised": {"arn": "x"}}, r"\[windows\.randomised\] arn: .*did you mean 'arm'\?"),
        ({"actions": ["a"], "randomised": {"arm": 3}}, r"\[windows\.randomised\] arm: "),
    ],
)
def test_what_an_error_of_the_section_says(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_config({**BASE, "windows": keys})


@pytest.mark.parametrize(
    "keys",
    [
        {"actions": ["a"], "randomised": {"arm": "x"}},
        {"actions": ["a"], "direction": "down"},
        {"actions": ["a{"]},
        {"actions": ["a"], "moments": ["a -> "]},
        {"actions": ["a"], "max_delay": "1d", "bin_width": "7h"},
    ],
)
def test_what_cannot_be_asked_is_refused_without_a_log(tmp_path: Path, keys: dict[str, Any]) -> None:
    import tomlkit

    section = parse_config({**BASE, "windows": keys}).windows
    assert section is not None
    with pytest.raises((InvalidPattern, ParameterError)):
        section.options(1)
    (tmp_path / "study.toml").write_text(tomlkit.dumps({**BASE, "windows": keys}), encoding="utf-8")
    with pytest.raises(ConfigError):
        run_config(tmp_path / "study.toml", output=tmp_path / "runs")


def test_every_option_of_windows_is_a_key() -> None:
    import dataclasses

    from seqmine.pipeline.config import RandomisedSection, WindowsSection
    from seqmine.windows import Randomised, WindowOptions

    options = {item.name: item.default for item in dataclasses.fields(WindowOptions)}
    keys = {name: field.default for name, field in WindowsSection.model_fields.items()}
    assert set(keys) - {"actions", "moments"} == set(options) - {"threads"}
    assert {name: tuple(v) if isinstance(v, list) else v for name, v in keys.items() if name in options} == {
        name: value for name, value in options.items() if name != "threads"
    }
    assert set(RandomisedSection.model_fields) == {item.name for item in dataclasses.fields(Randomised)}


def test_file_names_are_safe_and_differ() -> None:
    pairs = [("a -[0s,2d)-> b{x='../../etc'}", "é/\\call"), ("äöü", "..."), ("", "a" * 200)]
    names = list(figure_names(pairs).values())
    assert names[0] == "01-call-after-a-0s-2d-b-x-..-..-etc.svg"
    assert names[1] == "02-x-after-x.svg"
    assert len(names[2]) < 60
    assert all(Path(name).name == name and not name.startswith(".") for name in names)


def test_the_command_line_says_keys(events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = TOML.replace('bin_width = "6h"', 'bin_width = "5h"')
    code = run(["run", str(study(tmp_path / "a", events, text)), "--output", str(tmp_path / "runs")])
    assert code == 2
    said = capsys.readouterr().err
    assert "study.toml" in said
    assert "bin_width must cut max_delay into" in said
    assert 'max_delay = "14d", bin_width = "1h"' in said
