"""A simulated world as files: the same events, whole or not at all."""

from __future__ import annotations

import csv
import dataclasses
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import seqmine as sm
from seqmine.cli.app import run
from seqmine.errors import CorruptFileError, MissingInputError, OutputExists, ParameterError, UnsafePath
from seqmine.simulation import Experiment, Truth, blocks, window_world, write, write_simulation

SPEC = sm.SimulationSpec(n_entities=900, mean_events=60, duplicate_share=0.02, label_noise=0.03, seed=61)
FILES = ["entities.parquet", "events.parquet", "instances.parquet", "outcomes.parquet", "truth.json"]
READ = {"value": "value", "attributes": ["channel", "ingested_at"], "observed_until": "2026-01-01T00:00:00Z"}


def digests(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def read(folder: Path) -> sm.EventLog:
    starts = pq.read_table(folder / "entities.parquet")
    starts = starts.filter(np.asarray(starts["n_events"]) > 0).select(["entity", "time"])
    return sm.EventLog.read(folder / "events.parquet", starts=starts, **READ)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    def small(built: Any, threads: int) -> Any:
        return blocks.blocks(built, threads, 5_000)

    monkeypatch.setattr(write, "blocks", small)


@pytest.mark.usefixtures("small_blocks")
def test_files_hold_the_log_and_the_truth(tmp_path: Path) -> None:
    log, truth = sm.simulate(SPEC, threads=1)
    told = write_simulation(SPEC, tmp_path / "sim", threads=1)
    assert sorted(digests(tmp_path / "sim")) == FILES
    assert pq.ParquetFile(tmp_path / "sim" / "events.parquet").num_row_groups > 5
    assert read(tmp_path / "sim").digest == log.digest
    again = Truth.read(tmp_path / "sim")
    assert again.to_json() == truth.to_json() == told.to_json()
    for name in ("instances", "outcomes", "entities"):
        assert getattr(again, name).equals(getattr(truth, name)), name
    assert sm.label(log, again.study("churn")).to_arrow().equals(sm.label(log, truth.study("churn")).to_arrow())


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("order", ["entity", "arrival"])
def test_files_are_the_same_bytes_for_any_threads(tmp_path: Path, order: str) -> None:
    for threads in (1, 3):
        write_simulation(SPEC, tmp_path / str(threads), order=order, threads=threads)
    assert digests(tmp_path / "1") == digests(tmp_path / "3")


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("n_buckets", [1, 7])
def test_arrival_order_mixes_entities_and_keeps_the_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_buckets: int
) -> None:
    monkeypatch.setattr(write, "_BUCKET_ROWS", int(SPEC.entities * SPEC.mean_events / n_buckets))
    write_simulation(SPEC, tmp_path / "sim", order="arrival", threads=1)
    assert sorted(digests(tmp_path / "sim")) == FILES
    file = pq.ParquetFile(tmp_path / "sim" / "events.parquet")
    assert file.num_row_groups == n_buckets
    table = file.read()
    arrival = table["ingested_at"].to_numpy()
    time = table["time"].cast("int64").to_numpy()
    assert (np.diff(arrival) >= 0).all()
    assert 0 < (np.diff(time) < 0).mean() < 0.1
    entity = table["entity"].combine_chunks().dictionary_encode().indices
    assert (np.diff(entity) != 0).mean() > 0.9 if n_buckets == 1 else True
    assert read(tmp_path / "sim").digest == sm.simulate(SPEC, threads=1)[0].digest


def test_ids_are_dictionaries_where_they_are_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def encodings(order: str) -> dict[str, bool]:
        write_simulation(SPEC, tmp_path / "sim", order=order, force=True, threads=1)
        group = pq.ParquetFile(tmp_path / "sim" / "events.parquet").metadata.row_group(0)
        columns = [group.column(i) for i in range(group.num_columns)]
        return {column.path_in_schema: "RLE_DICTIONARY" in column.encodings for column in columns}

    few = encodings("arrival")
    assert few["entity"] and few["event"] and not few["time"]
    digest = read(tmp_path / "sim").digest
    monkeypatch.setattr(write, "_DICTIONARY_BYTES", SPEC.entities * 11 - 1)
    many = encodings("arrival")
    assert many == {**few, "entity": False}
    assert read(tmp_path / "sim").digest == digest
    assert encodings("entity") == few


def test_arrival_without_the_column_is_by_time(tmp_path: Path) -> None:
    write_simulation(dataclasses.replace(SPEC, columns=()), tmp_path / "sim", order="arrival", threads=1)
    table = pq.read_table(tmp_path / "sim" / "events.parquet")
    assert table.column_names == ["entity", "time", "event"]
    assert (np.diff(table["time"].cast("int64").to_numpy()) >= 0).all()


def test_what_is_there_is_replaced_only_when_told(tmp_path: Path) -> None:
    sim, foreign = tmp_path / "sim", tmp_path / "foreign"
    small = dataclasses.replace(SPEC, n_entities=20)
    write_simulation(small, sim, threads=1)
    before = digests(sim)
    other = dataclasses.replace(small, seed=1)
    with pytest.raises(OutputExists):
        write_simulation(other, sim, threads=1)
    assert digests(sim) == before
    write_simulation(other, sim, threads=1, force=True)
    assert digests(sim) != before
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("years")
    with pytest.raises(UnsafePath, match="is no simulation"):
        write_simulation(small, foreign, threads=1, force=True)
    assert (foreign / "thesis.txt").read_text() == "years"


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(built: Any, threads: int) -> Any:
        yield from list(blocks.blocks(built, threads, 5_000))[:2]
        raise MemoryError

    monkeypatch.setattr(write, "blocks", broken)
    for order in ("entity", "arrival"):
        with pytest.raises(MemoryError):
            write_simulation(SPEC, tmp_path / "sim", order=order, threads=1)
    assert list(tmp_path.iterdir()) == []


def test_tables_that_are_missing_or_torn_are_named(tmp_path: Path) -> None:
    write_simulation(sm.SimulationSpec(n_entities=20, mean_events=5), tmp_path / "world", threads=1)
    table = tmp_path / "world" / "outcomes.parquet"
    table.write_bytes(table.read_bytes()[:-9])
    with pytest.raises(CorruptFileError, match="cannot be read as Parquet - simulate again") as torn:
        Truth.read(tmp_path / "world")
    table.unlink()
    with pytest.raises(MissingInputError, match="a table of the simulation is missing - simulate again") as missing:
        Truth.read(tmp_path / "world")
    assert torn.value.file == missing.value.file == str(table)


def test_names_that_the_truth_does_not_have() -> None:
    _, truth = sm.simulate(sm.SimulationSpec(n_entities=20, mean_events=5), threads=1)
    assert [leak.name for leak in truth.decoys_of("churn")] == ["cancel_request"]
    assert truth.decoys_of("referral") == ()
    for name in ("unsolvd", 5):
        with pytest.raises(ParameterError, match="the simulation has no moment"):
            truth.decoys_of(name)  # type: ignore[arg-type]
        with pytest.raises(ParameterError, match="there is no outcome"):
            truth.study(name)  # type: ignore[arg-type]


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="holds no finished simulation"):
        Truth.read(tmp_path)
    with pytest.raises(ParameterError, match="not the truth of a simulation"):
        Truth.from_json("[]")
    with pytest.raises(ParameterError, match="not the truth of a simulation"):
        Truth.from_json(json.dumps({"format": "seqmine-truth", "version": 1}))
    _, truth = sm.simulate(dataclasses.replace(SPEC, n_entities=20), threads=1)
    with pytest.raises(ParameterError, match="instances has not the columns"):
        Truth.from_json(truth.to_json(), instances=truth.entities)
    assert (
        repr(truth)
        == f"Truth(5 moments, 18 decoys, 0 actions, {truth.instances.num_rows} instances, {truth.n_entities} entities)"
    )
    bare = Truth.from_json(truth.to_json())
    assert bare.to_json() == truth.to_json()
    assert bare.instances.num_rows == 0
    with pytest.raises(ParameterError, match="order: 'arival' is none of those known - did you mean 'arrival'"):
        write_simulation(SPEC, tmp_path / "x", order="arival")


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: object) -> tuple[int, str, str]:
        code = run(["simulate", *map(str, arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_the_command(tmp_path: Path, command: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = command(
        "--output", tmp_path / "a", "--events", "3e4", "--mean-events", 40, "--seed", 5, "--threads", 1
    )
    assert code == 0, err
    truth = Truth.read(tmp_path / "a")
    assert f"{truth.n_events}" in out.replace(",", "")
    assert "planted: unsolved:timing" in out
    assert "cancel_request" not in out
    assert truth.spec == sm.SimulationSpec(n_events=30_000, mean_events=40.0, seed=5)
    code, _, err = command("--output", tmp_path / "a", "--events", "3e4")
    assert code == 73
    assert "use --force" in err


def test_a_spec_file_and_flags_over_it(tmp_path: Path, command: Callable[..., tuple[int, str, str]]) -> None:
    file = tmp_path / "spec.toml"
    file.write_text(
        "n_events = 900\nseed = 3\nstart = 2024-02-01\nrates = {churn = 1.0}\n"
        '[[moments]]\nname = "stuck"\npattern = "login -[1h,2h)-> search"\nchurn = 0.5\ntwins = ["timing"]\n'
    )
    code, _, err = command("--output", tmp_path / "a", "--spec", file, "--entities", 50, "--columns", "", "-q")
    assert (code, err) == (0, "")
    spec = Truth.read(tmp_path / "a").spec
    assert (spec.n_entities, spec.n_events, spec.seed, spec.start, spec.columns) == (50, None, 3, "2024-02-01", ())
    assert [moment.name for moment in spec.moments] == ["stuck"]
    code, *_ = command("--output", tmp_path / "b", "--spec", file, "--no-moments", "-q")
    assert code == 0
    assert Truth.read(tmp_path / "b").spec.moments == ()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--events", "many"), 2, "'many' is no whole number, such as 100000 or 1e5"),
        (("--events", "1e400"), 2, "'1e400' is no whole number"),
        (("--events", 5, "--entities", 5), 2, "give --entities or --events, not both"),
        (("--mean-events", -1), 2, "--mean-events lies between 0.01"),
        (("--types", 3), 2, "--types lies between 20 and 4,000, not 3"),
        (("--columns", "valeu"), 2, "did you mean 'value'"),
        (("--spec", "nowhere.toml"), 66, "cannot read the specification"),
        (("--days", 30), 2, "--horizon"),
    ],
)
def test_the_command_says_what_is_wrong(
    tmp_path: Path, command: Callable[..., tuple[int, str, str]], arguments: tuple[object, ...], code: int, said: str
) -> None:
    got, _, err = command("--output", tmp_path / "a", *arguments)
    assert (got, said in err) == (code, True), err
    assert not (tmp_path / "a").exists()


def test_a_spec_file_that_is_none(tmp_path: Path, command: Callable[..., tuple[int, str, str]]) -> None:
    (tmp_path / "spec.toml").write_text("n_events = ")
    code, _, err = command("--output", tmp_path / "a", "--spec", tmp_path / "spec.toml")
    assert code == 2
    assert "is no TOML" in err


@pytest.mark.parametrize("order", ["entity", "arrival"])
def test_ctrl_c_ends_it_soon_and_leaves_nothing(tmp_path: Path, order: str) -> None:
    arguments = ["--output", str(tmp_path / "a"), "--events", "1e9", "--threads", "2", "--order", order]
    with subprocess.Popen(
        [sys.executable, "-m", "seqmine", "simulate", *arguments], stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 120
        while not sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) > 1_000_000:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        sent = time.monotonic()
        assert process.stderr is not None
        said = process.stderr.read()
        assert process.wait(timeout=60) == 130
    # A block or two of half a million events; the limit allows for a busy machine.
    assert time.monotonic() - sent < 10
    assert "interrupted; outputs are as before" in said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("order", ["entity", "arrival"])
def test_actions_as_files(tmp_path: Path, order: str) -> None:
    """The same rows and the same truth as in memory, from blocks that are written and forgotten."""
    spec = window_world(900, seed=62, experiment=Experiment(action="csm_call", srm_loss=0.1), duplicate_share=0.02)
    log, truth = sm.simulate(spec, threads=1)
    write_simulation(spec, tmp_path / "sim", order=order, threads=3)
    assert sorted(digests(tmp_path / "sim")) == sorted([*FILES, "assignments.parquet", "treated.parquet"])
    assert read(tmp_path / "sim").digest == log.digest
    again = Truth.read(tmp_path / "sim")
    assert again.to_json() == truth.to_json()
    for name in ("instances", "outcomes", "entities", "treated", "assignments"):
        assert getattr(again, name).equals(getattr(truth, name)), name
    assert again.effect_curve("csm_call").equals(truth.effect_curve("csm_call"))
    assert again.att("csm_call", "24h", "25h", channel="app") == truth.att("csm_call", "24h", "25h", channel="app")
    told = json.loads((tmp_path / "sim" / "truth.json").read_text())["actions"][0]
    assert told["n_treated"] == truth.treated.num_rows
    assert len(told["effects"]["churn"]["att_vs_usual"]) == 168
    (tmp_path / "sim" / "treated.parquet").unlink()
    with pytest.raises(MissingInputError, match="a table of the simulation is missing"):
        Truth.read(tmp_path / "sim")


def test_a_preset_and_a_file_of_actions_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["simulate", "--preset", "windows", "--events", "2e4", "--seed", "3", "--format", "csv", "--quiet"]
    assert run([*given, "--output", str(tmp_path / "a")]) == 0
    rows = dict(csv.reader(capsys.readouterr().out.splitlines()))
    assert Truth.read(tmp_path / "a").spec == window_world(None, seed=3, n_events=20_000)
    assert 12_000 < int(rows["events"]) < 22_000  # strong moments take events away
    assert int(rows["treated: csm_call"]) == Truth.read(tmp_path / "a").treated.num_rows > 100
    (tmp_path / "world.toml").write_text(
        """
n_entities = 500
mean_events = 20
n_types = 20

[[moments]]
name = "stuck"
pattern = "checkout_start -[10m,2h)-> payment_failed"
probability = 0.9
churn = 2.0
twins = []
between = ["90d", "300d"]
early = {churn = [["2d", 1.0]]}

[[actions]]
name = "mail_help"
moment = "stuck"
per_day = [["1d", 0.5], ["3d", 0.2]]
max_delay = "3d"
hours = "office"
churn = {windows = [["2h", "9h", -1.0]], outside = 0.1}

[confounding]
hidden_strength = 0.5

[experiment]
action = "mail_help"
delay = ["1h", "12h"]
""",
        encoding="utf-8",
    )
    wanted = ["simulate", "--spec", str(tmp_path / "world.toml"), "--output", str(tmp_path / "b"), "--format", "csv"]
    assert run(wanted) == 0
    rows = dict(csv.reader(capsys.readouterr().out.splitlines()))
    truth = Truth.read(tmp_path / "b")
    assert int(rows["assigned: mail_help"]) == truth.assignments.num_rows > 200
    assert truth.spec.actions[0].effect("churn").at("3h") == -1.0
    assert truth.spec.moments[0].early == {"churn": (("2d", 1.0),)}
