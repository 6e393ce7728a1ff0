"""Saved logs: whole or refused, mapped and not read."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from event_rows import rows_of, table

from seqmine import errors
from seqmine.events import Accounting, AttributeColumn, EventLog, storage
from seqmine.events.data import LogData
from seqmine.mining import FrequentOptions, mine_frequent
from seqmine.patterns import find

NAMES = ("entity", "time", "event", "value", "kind", "score")


@pytest.fixture
def log() -> EventLog:
    rows = [(f"é{i % 5}", i % 3, f"e{i % 4}", float(i), f"k{i % 2}" if i % 3 else None, None) for i in range(40)]
    return EventLog.from_arrow(
        table(rows, NAMES, score=pa.float64()),
        value="value",
        attributes=["kind", "score"],
        timezone="Europe/Berlin",
        observed_until=99,
        starts={"entity": ["é1"], "time": pa.array([-4], pa.timestamp("us", "UTC"))},
        on_bad_row="quarantine",
    )


@pytest.fixture
def saved(log: EventLog, tmp_path: Path) -> Path:
    log.save(tmp_path / "log")
    return tmp_path / "log"


def same(first: EventLog, second: EventLog) -> None:
    assert rows_of(first) == rows_of(second)
    assert first.accounting == second.accounting
    assert first.attribute_names == second.attribute_names
    for name in ("timezone", "observed_until", "event_types", "digest", "n_entities"):
        assert getattr(first, name) == getattr(second, name), name
    assert first.start_times.tolist() == second.start_times.tolist()


def test_round_trip(log: EventLog, saved: Path) -> None:
    for verify in (False, True):
        opened = EventLog.open(saved, verify=verify)
        same(log, opened)
        assert opened.time.dtype == np.int64
        assert type(opened.time) is np.ndarray
        assert not opened.time.flags.writeable
        assert opened.native.time_address == opened.time.ctypes.data
        assert opened.quarantined is None
    more = opened.with_events({"entity": ["é9"], "time": pa.array([7], pa.timestamp("us", "UTC")), "event": ["new"]})
    assert more.n_events == 41
    assert more.attribute_names == ("kind", "score")


def test_the_same_log_is_the_same_bytes(log: EventLog, saved: Path, tmp_path: Path) -> None:
    EventLog.open(saved).save(tmp_path / "again")
    names = sorted(path.name for path in saved.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "again").iterdir())
    for name in names:
        assert (saved / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name
    assert stat.S_IMODE(saved.stat().st_mode) == 0o700


def test_manifest_names_every_file(saved: Path, log: EventLog) -> None:
    manifest = json.loads((saved / "manifest.json").read_text())
    assert manifest["format"] == "seqmine-log"
    assert manifest["digest"] == log.digest
    assert set(manifest["files"]) == {path.name for path in saved.iterdir()} - {"manifest.json"}
    assert manifest["accounting"]["rows_in"] == 40
    assert str(saved) not in (saved / "manifest.json").read_text()


# --- outputs ----------------------------------------------------------------------------------------------------------


def test_nothing_is_overwritten_unasked(log: EventLog, saved: Path, tmp_path: Path, small: pa.Table) -> None:
    other = EventLog.from_arrow(small)
    with pytest.raises(errors.OutputExists):
        other.save(saved)
    same(EventLog.open(saved), log)
    mapped = EventLog.open(saved)
    other.save(saved, overwrite=True)
    same(EventLog.open(saved), other)
    same(mapped, log)  # a log that is mapped outlives its files

    precious = tmp_path / "thesis"
    precious.mkdir()
    (precious / "chapter.txt").write_text("mine")
    (precious / "manifest.json").write_text('{"format": "something else"}')
    with pytest.raises(errors.UnsafePath):
        other.save(precious, overwrite=True)
    assert (precious / "chapter.txt").read_text() == "mine"
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(precious)
    for name in ("file", "link"):
        with pytest.raises((errors.OutputExists, errors.UnsafePath)):
            other.save(tmp_path / name, overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link", "log", "thesis"]


def test_a_failing_save_leaves_nothing(log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage, "file_digest", full)
    with pytest.raises(errors.OutputError, match="space"):
        log.save(tmp_path / "log")
    assert list(tmp_path.iterdir()) == []


# --- inputs -----------------------------------------------------------------------------------------------------------


def test_missing_and_torn_pieces(saved: Path, tmp_path: Path) -> None:
    for file in sorted(path.name for path in saved.iterdir()):
        for damage in ("missing", "torn", "longer", "link"):
            copy = tmp_path / "copy"
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(saved, copy)
            path = copy / file
            content = path.read_bytes()
            path.unlink()
            if damage == "torn":
                path.write_bytes(content[: len(content) // 2])
            elif damage == "longer":
                path.write_bytes(content + b"}")
            elif damage == "link":
                path.symlink_to(saved / file)
            if damage == "link" and file == "manifest.json":
                continue
            if damage == "torn" and not content:
                continue
            with pytest.raises((errors.CorruptFileError, errors.UnsafePath)) as caught:
                EventLog.open(copy)
            assert caught.value.file is not None
            assert caught.value.file.startswith(str(copy))


def test_flipped_bits_are_found_when_asked(saved: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(saved, copy)
    for file in sorted(path.name for path in saved.iterdir()):
        content = (saved / file).read_bytes()
        for at in range(0, len(content), max(1, len(content) // 7)):
            (copy / file).write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
            try:
                opened = EventLog.open(copy, verify=True)
            except errors.SeqmineError:
                continue
            assert file == "manifest.json"  # a count in the accounting, say: the columns are still checked
            assert rows_of(opened) == rows_of(EventLog.open(saved))
        (copy / file).write_bytes(content)
    EventLog.open(copy, verify=True)


def test_changed_columns_are_refused_before_anything_reads_by_them(saved: Path, tmp_path: Path) -> None:
    """Without `verify` sizes alone are checked on opening; what the columns say is checked before it is used."""
    copy = tmp_path / "copy"
    shutil.copytree(saved, copy)
    uses = (
        lambda log: find(log, "e0{kind=k1} -> e1"),
        lambda log: mine_frequent(log, FrequentOptions(min_support=1)),
        lambda log: log.to_arrow(),
        lambda log: log.save(tmp_path / "again", overwrite=True),
    )
    damage = [
        ("code", lambda column: np.append(column[:-1], column.dtype.type(65_535))),
        ("time", lambda column: column[::-1].copy()),
        ("entity_offsets", lambda column: column[[0, 3, 2, *range(3, len(column))]]),
        ("entity_offsets", lambda column: np.concatenate([column[:1], -column[1:2], column[2:]])),
        ("attribute_0", lambda column: np.append(column[:-1], column.dtype.type(2))),
        ("attribute_0", lambda column: np.append(column[:-1], column.dtype.type(-2))),
    ]
    for name, change in damage:
        entry = json.loads((copy / "manifest.json").read_text())["columns"][name]
        file = copy / entry["file"]
        sound = file.read_bytes()
        file.write_bytes(change(np.frombuffer(sound, entry["dtype"])).tobytes()[: len(sound)])
        for use in uses:
            opened = EventLog.open(copy)
            with pytest.raises(errors.CorruptFileError, match="contradict each other"):
                use(opened)
        file.write_bytes(sound)
    find(EventLog.open(copy), "e0{kind=k1} -> e1")


RECIPE: dict[str, Any] = {
    "entity": "entity",
    "time": "time",
    "event": "event",
    "value": "value",
    "event_id": None,
    "attributes": [
        {"name": "kind", "column": "kind", "declared": None, "kind": "dictionary"},
        {"name": "score", "column": "score", "declared": None, "kind": "number"},
    ],
    "timezone": "Europe/Berlin",
    "time_unit": None,
    "on_bad_row": "quarantine",
    "duplicates": "none",
    "exclude_events": [],
    "plausible_years": [1970, 2100],
    "has_identity": False,
    "has_starts": True,
    "integer_times": None,
}


def test_the_options_are_kept(saved: Path) -> None:
    assert json.loads((saved / "manifest.json").read_text())["recipe"] == RECIPE


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"version": 3},
        {"n_events": 41},
        {"n_entities": 6},
        {"n_events": "many"},
        {"files": None},
        {"columns": {}},
        {"attributes": [{"name": "kind"}]},
        {"accounting": {}},
        {"accounting": {"rows_in": 1}},
        {"timezone": "Mars/Olympus"},
        {"recipe": 5},
        {"recipe": {}},
        {"recipe": {**RECIPE, "duplicates": "some"}},
        {"recipe": {**RECIPE, "time_unit": "min"}},
        {"recipe": {**RECIPE, "on_bad_row": None}},
        {"recipe": {**RECIPE, "integer_times": [1]}},
        {"recipe": {**RECIPE, "value": None}},
        {"recipe": {**RECIPE, "attributes": RECIPE["attributes"][:1]}},
        {"recipe": {**RECIPE, "attributes": [{"name": "kind"}, {"name": "score"}]}},
        {"recipe": {**RECIPE, "more": 1}},
        {"last_event": "late"},
    ],
    ids=str,
)
def test_manifests_that_do_not_fit(change: dict[str, Any], saved: Path) -> None:
    manifest = json.loads((saved / "manifest.json").read_text())
    (saved / "manifest.json").write_text(json.dumps({**manifest, **change}))
    with pytest.raises((errors.CorruptFileError, errors.ParameterError)):
        EventLog.open(saved)


def test_manifests_that_lead_elsewhere(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.i64").write_bytes((saved / "time.i64").read_bytes())
    manifest = json.loads((saved / "manifest.json").read_text())
    entry = manifest["files"].pop("time.i64")
    for name in ("../outside.i64", str(tmp_path / "outside.i64"), "..", ""):
        changed = {**manifest, "files": {**manifest["files"], name: entry}}
        changed["columns"] = {**manifest["columns"], "time": {**manifest["columns"]["time"], "file": name}}
        (saved / "manifest.json").write_text(json.dumps(changed))
        with pytest.raises(errors.UnsafePath):
            EventLog.open(saved)
        # Nor by naming it as a column only.
        changed["files"].pop(name)
        (saved / "manifest.json").write_text(json.dumps(changed))
        with pytest.raises((errors.UnsafePath, errors.CorruptFileError)):
            EventLog.open(saved)
    (saved / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(errors.CorruptFileError):
        EventLog.open(saved)


def test_things_that_are_no_saved_log(tmp_path: Path, small: pa.Table) -> None:
    with pytest.raises(errors.MissingInputError):
        EventLog.open(tmp_path / "none")
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.ParameterError, match=r"EventLog\.read"):
        EventLog.open(tmp_path / "file")
    with pytest.raises(errors.CorruptFileError, match=r"manifest\.json"):
        EventLog.open(tmp_path)


@pytest.mark.timing
def test_opening_reads_no_columns(tmp_path: Path) -> None:
    """A hundred million events, written sparse: reading them would take seconds, mapping them takes none."""
    n, entities = 100_000_000, 1_000
    data = LogData(
        entity_offsets=np.arange(entities + 1) * (n // entities),
        time=np.zeros(2, np.int64),
        code=np.zeros(2, np.uint16),
        value=None,
        attributes={"kind": AttributeColumn("dictionary", codes=np.zeros(2, np.int32), names=pa.array(["k"]))},
        entities=pa.array([f"{i:04}" for i in range(entities)]),
        event_types=("e",),
        timezone="UTC",
        declared_until=None,
        declared_start=None,
        accounting=Accounting(rows_in=n, used=n),
        known_last=0,
    )
    storage.save_log(data, tmp_path / "log", "0" * 64, overwrite=False)
    manifest = json.loads((tmp_path / "log" / "manifest.json").read_text())
    manifest["n_events"] = n
    for name, width in (("time", 8), ("code", 2), ("attribute_0", 4)):
        file = manifest["columns"][name]["file"]
        os.truncate(tmp_path / "log" / file, n * width)
        manifest["columns"][name]["rows"] = n
        manifest["files"][file]["bytes"] = n * width
    (tmp_path / "log" / "manifest.json").write_text(json.dumps(manifest))
    start = time.perf_counter()
    log = EventLog.open(tmp_path / "log")
    seconds = time.perf_counter() - start
    assert log.n_events == n
    assert seconds < 1
    code = (
        "import re, sys\nfrom pathlib import Path\nfrom seqmine.events import EventLog\n"
        "log = EventLog.open(sys.argv[1])\n"
        # Not getrusage: its peak is inherited from the process that started this one.
        "print(log.n_events, re.search(r'VmHWM:\\s*(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "log")], capture_output=True, text=True, timeout=60, check=True
    )
    events, kilobytes = map(int, done.stdout.split())
    assert events == n
    assert kilobytes < 400_000  # its columns are 1.4 GB
