"""Saved logs that grow: whole after every crash, one writer at a time, damage named."""

from __future__ import annotations

import contextlib
import fcntl
import json
import multiprocessing
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from event_rows import rows_of, table

from seqmine import _files, errors
from seqmine.events import EventLog, segments, storage
from seqmine.events.segments import MAX_SEGMENTS

BASE = table([(f"e{i % 9}", i % 7, f"t{i % 3}") for i in range(100)])
BATCH = table([("e1", 3, "t0"), ("e10", 2, "t9"), ("d", 1, "t1")])
WHOLE = EventLog.from_arrow(pa.concat_tables([BASE, BATCH]))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    EventLog.from_arrow(BASE).save(tmp_path / "log")
    return tmp_path / "log"


@pytest.fixture
def grown(saved: Path) -> Path:
    log = EventLog.open(saved)
    for _ in range(2):
        log = log.append(BATCH, compact=False)
    return saved


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- when it becomes one log ------------------------------------------------------------------------------------------


def test_the_log_itself_is_not_read_by_an_append(saved: Path) -> None:
    """Its columns can be anything: time and space of an append depend on the rows appended."""
    time = saved / "time.i64"
    content = time.read_bytes()
    time.write_bytes(os.urandom(len(content)))
    status = time.stat()
    log = EventLog.open(saved).append(BATCH, compact=False)
    assert log.n_segments == 1
    assert time.stat().st_mtime_ns == status.st_mtime_ns
    time.write_bytes(content)
    assert EventLog.open(saved).digest == WHOLE.digest


def test_it_is_compacted_by_rule(saved: Path) -> None:
    log = EventLog.open(saved)
    for i in range(MAX_SEGMENTS):
        log = log.append(BATCH.slice(0, 1))
        assert log.n_segments == i + 1
    log = log.append(BATCH.slice(0, 1))
    assert log.n_segments == 0
    assert names(saved) == sorted(json.loads((saved / "manifest.json").read_text())["files"] | {"manifest.json": 0})
    rows = pa.concat_tables([BASE] + [BATCH.slice(0, 1)] * (MAX_SEGMENTS + 1))
    assert log.digest == EventLog.from_arrow(rows).digest
    assert log.append(BASE.slice(0, 30)).n_segments == 0  # more than a quarter
    assert log.append(BASE.slice(0, 3), compact=True).n_segments == 0
    assert log.compact().n_segments == 0


def test_what_others_appended_is_kept(saved: Path) -> None:
    first, second = EventLog.open(saved), EventLog.open(saved)
    first.append(BATCH.slice(0, 1), compact=False)
    both = second.append(BATCH.slice(1, 2), compact=False)
    assert both.n_segments == 2
    assert both.digest == WHOLE.digest


def test_it_grows_where_it_was_opened(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    log = EventLog.open("log")
    monkeypatch.chdir("/")
    assert log.append(BATCH).digest == EventLog.open(saved).digest == WHOLE.digest


def test_saving_over_a_log_that_grew_leaves_no_segment(grown: Path) -> None:
    log = EventLog.open(grown)
    digest = log.digest
    log.save(grown, overwrite=True)
    assert EventLog.open(grown, verify=True).n_segments == 0
    assert EventLog.open(grown).digest == digest


# --- crashes ----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def at_step(act: Callable[[], None], step: int) -> Iterator[list[int]]:
    """`act` before the given call of what changes a directory for good; yields the count of calls."""
    count = [0]
    patch = pytest.MonkeyPatch()

    def wrapped(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            count[0] += 1
            if count[0] == step:
                act()
            return real(*arguments, **keywords)

        return call

    patch.setattr(os, "fsync", wrapped(os.fsync))
    patch.setattr(Path, "rename", wrapped(Path.rename))
    patch.setattr(_files, "_exchange", wrapped(_files._exchange))
    if act is not fill_the_disk:  # which no removing needs
        patch.setattr(shutil, "rmtree", wrapped(shutil.rmtree))
    try:
        yield count
    finally:
        patch.undo()


def fill_the_disk() -> None:
    raise OSError(28, "No space left on device")


def interrupt() -> None:
    raise KeyboardInterrupt


def grow(folder: Path, compact: bool) -> None:
    EventLog.open(folder).append(BATCH, compact=compact)


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("act", [fill_the_disk, interrupt])
def test_an_append_that_fails_at_any_step_leaves_a_whole_log(
    saved: Path, tmp_path: Path, compact: bool, act: Callable[[], None]
) -> None:
    before = EventLog.from_arrow(BASE).digest
    seen = set()
    for step in range(1, 1_000):
        copy = tmp_path / "copy"
        shutil.copytree(saved, copy)
        failed: BaseException | None = None
        with at_step(act, step) as count:
            try:
                grow(copy, compact)
            except (errors.OutputError, KeyboardInterrupt) as error:
                failed = error
        found = EventLog.open(copy, verify=True)
        seen.add((failed is not None, found.digest))
        assert found.digest in {before, WHOLE.digest}
        # An error says that the rows are not there, or that nobody knows; then a caller may repeat it.
        if isinstance(failed, errors.OutputError) and not isinstance(failed, errors.OutputDurabilityUnknown):
            assert found.digest == before
        assert [name for name in names(copy) if name.endswith(".tmp")] == []
        if failed is None and count[0] < step:
            break
        if found.digest == before:  # nothing is in the way of a second try
            grow(copy, compact)
            assert EventLog.open(copy).digest == WHOLE.digest
        shutil.rmtree(copy)
        for rest in tmp_path.glob(".copy.*.tmp"):
            shutil.rmtree(rest)
    assert step > 8
    assert {(True, before), (False, WHOLE.digest)} <= seen


def killed(folder: str, compact: bool, step: int) -> None:
    with at_step(lambda: os.kill(os.getpid(), signal.SIGKILL), step):
        grow(Path(folder), compact)


@pytest.mark.parametrize("compact", [False, True])
def test_an_append_that_is_killed_at_any_step_leaves_a_whole_log(saved: Path, tmp_path: Path, compact: bool) -> None:
    before = EventLog.from_arrow(BASE).digest
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["seqmine.events.segments", "pyarrow.compute", "pytest"])
    found, left = [], []
    for step in range(1, 1_000):
        copy = tmp_path / "copy"
        shutil.copytree(saved, copy)
        process = context.Process(target=killed, args=(str(copy), compact, step))
        process.start()
        process.join(60)
        assert process.exitcode in {0, -signal.SIGKILL}
        log = EventLog.open(copy, verify=True)
        assert log.digest in {before, WHOLE.digest}
        found.append((process.exitcode, log.digest))
        # The lock went with the process, and what it left behind is in nobody's way.
        again = log.append(BATCH, compact=False)
        assert again.n_events == log.n_events + len(BATCH)
        left.append([name for name in (*names(tmp_path), *names(copy)) if name.endswith(".tmp")])
        shutil.rmtree(copy)
        if process.exitcode == 0:
            break
    assert len(found) > 8
    assert (-signal.SIGKILL, before) in found
    assert found[-1] == (0, WHOLE.digest)
    assert left == [[]] * len(found)  # the next writer cleans up


def held(folder: Path) -> int:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def test_the_next_writer_removes_what_is_surely_dead_and_nothing_else(saved: Path, tmp_path: Path) -> None:
    dead = [tmp_path / ".log.a1_b2c3d.tmp", saved / ".segment-000001.a1_b2c3d.tmp", saved / ".segment-000007.x.tmp"]
    kept = [
        tmp_path / ".log.alive.tmp",
        tmp_path / ".log.quarantine-2.parquet.a1_b2c3d.tmp",
        tmp_path / ".log.2.a1b2c3d4.tmp",
        tmp_path / ".logs.a1b2c3d4.tmp",
        tmp_path / ".log.tmp",
        saved / ".segment-1.tmp",
    ]
    for folder in (*dead, *kept):
        folder.mkdir()
        (folder / "half").write_bytes(b"1")
    young = tmp_path / ".log.youngone.tmp"  # a file has no lock that tells
    young.write_bytes(b"1")
    handle = held(kept[0])
    try:
        EventLog.open(saved).append(BATCH, compact=False)
        assert [folder for folder in dead if folder.exists()] == []
        assert all(folder.exists() for folder in (*kept, young))
    finally:
        os.close(handle)
    EventLog.open(saved).compact()
    assert not kept[0].exists()


def test_a_directory_that_is_being_written_is_locked(saved: Path, tmp_path: Path) -> None:
    with _files.atomic_directory(saved, force=True) as temporary:
        _files.remove_orphans(saved)
        assert temporary.is_dir()
        with pytest.raises(BlockingIOError):
            _files._lock(temporary)
    assert names(tmp_path) == ["log"]
    with segments.writer_lock(saved):
        pass  # the lock did not stay with the directory that has the name now


# --- two at a time ----------------------------------------------------------------------------------------------------


def test_one_writer_at_a_time(saved: Path) -> None:
    log = EventLog.open(saved)
    with segments.writer_lock(saved):
        for change in (
            lambda: log.append(BATCH),
            log.compact,
            lambda: log.save(saved, overwrite=True),
        ):
            with pytest.raises(errors.LogLocked) as caught:
                change()
            assert caught.value.file == str(saved)
        assert EventLog.open(saved).digest == log.digest  # readers need no lock
    assert names(saved) == sorted(json.loads((saved / "manifest.json").read_text())["files"] | {"manifest.json": 0})
    assert log.append(BATCH).digest == WHOLE.digest


def test_a_lock_on_a_directory_that_was_replaced_is_taken_anew(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = fcntl.flock, []

    def replaced(handle: int, how: int) -> None:
        if not seen:
            shutil.copytree(saved, tmp_path / "new")
            saved.rename(tmp_path / "old")
            (tmp_path / "new").rename(saved)
        seen.append(os.fstat(handle).st_ino)
        real(handle, how)

    monkeypatch.setattr(fcntl, "flock", replaced)
    with segments.writer_lock(saved):
        assert seen[-1] == saved.stat().st_ino != seen[0]


def opened_while(folder: Path, line: int, change: Callable[[], object]) -> tuple[str, bool]:
    """Open a log, with a change before the ``line``-th line of its reading; the digest, and whether it got so far."""
    files = {segments.__file__, storage.__file__}
    left = line

    def local(frame: Any, event: str, argument: Any) -> Any:
        nonlocal left
        if event == "line":
            left -= 1
            if left == 0:
                sys.settrace(None)
                change()
        return local if left > 0 else None

    before = sys.gettrace()
    sys.settrace(lambda frame, event, argument: local if frame.f_code.co_filename in files else None)
    try:
        log = EventLog.open(folder, verify=True)
    finally:
        sys.settrace(before)
    return log.digest, left <= 0


def test_a_log_may_be_replaced_at_every_line_of_its_opening(grown: Path, tmp_path: Path) -> None:
    """Once by the compacted log, once by one that has grown differently: it is one of both, and no error."""
    compacted, regrown, other = tmp_path / "compacted", tmp_path / "regrown", tmp_path / "other"
    shutil.copytree(grown, compacted)
    EventLog.open(compacted).compact()
    EventLog.from_arrow(BASE).save(regrown)
    EventLog.open(regrown).append(BATCH.slice(1), compact=False)
    digests = {EventLog.open(path).digest for path in (compacted, regrown)}
    assert len(digests) == 2

    line, reached = 1, True
    while reached:
        for replacement in (compacted, regrown):
            shutil.copytree(replacement, other)

            def replace() -> None:
                assert _files._exchange(other, grown)
                shutil.rmtree(other)

            digest, reached = opened_while(grown, line, replace)
            assert digest in digests
            if not reached:
                replace()
        line += 1
    assert line > 150


def test_a_held_directory_keeps_its_number(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    for _ in range(50):
        with segments._held(folder) as before:
            folder.rmdir()
            folder.mkdir()
            assert segments._identity(folder) != before


def writer(folder: str, name: str, n: int) -> None:
    for i in range(n):
        while True:
            try:
                EventLog.open(folder).append(table([(name, i, "w")]))
                break
            except errors.LogLocked:
                continue


def test_writers_and_readers_together_lose_nothing(saved: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["seqmine.events.segments", "pyarrow.compute", "pytest"])
    n, sizes = 12, []
    processes = [context.Process(target=writer, args=(str(saved), f"w{k}", n)) for k in range(3)]
    for process in processes:
        process.start()
    while any(process.is_alive() for process in processes):
        sizes.append(len(EventLog.open(saved, verify=True)))
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    rows = [(f"w{k}", i, "w") for k in range(3) for i in range(n)]
    whole = EventLog.from_arrow(pa.concat_tables([BASE, table(rows)]))
    assert EventLog.open(saved, verify=True).digest == whole.digest
    assert sizes == sorted(sizes)
    assert len(set(sizes)) > 3


@pytest.mark.threaded
def test_threads_may_look_at_a_log_at_once(grown: Path) -> None:
    log, found = EventLog.open(grown), []
    threads = [threading.Thread(target=lambda: found.append(id(log.time))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1  # merged once


def test_a_log_that_is_replaced_while_it_is_opened(grown: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = segments.load_log, []
    digest = EventLog.open(grown).digest

    def slow(folder: Path, **keywords: Any) -> Any:
        stored = real(folder, **keywords)
        if not calls:
            calls.append(folder)
            with monkeypatch.context() as patch:
                patch.setattr(segments, "load_log", real)
                segments.compact_saved(grown, threads=1)
        return stored

    monkeypatch.setattr(segments, "load_log", slow)
    log = EventLog.open(grown)
    assert calls
    assert (log.n_segments, log.digest) == (0, digest)


# --- damage -----------------------------------------------------------------------------------------------------------


def test_damage_of_a_segment_is_named(grown: Path, tmp_path: Path) -> None:
    digest = EventLog.open(grown, verify=True).digest
    copy = tmp_path / "copy"
    for number in (1, 2):
        segment = f"segment-{number:06}"
        for file in names(grown / segment):
            for damage in ("missing", "torn", "longer", "changed", "link"):
                shutil.rmtree(copy, ignore_errors=True)
                shutil.copytree(grown, copy)
                path = copy / segment / file
                content = path.read_bytes()
                path.unlink()
                if damage == "torn":
                    path.write_bytes(content[: len(content) // 2])
                elif damage == "longer":
                    path.write_bytes(content + b"}")
                elif damage == "changed":
                    middle = len(content) // 2
                    path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
                elif damage == "link":
                    path.symlink_to(grown / segment / file)
                if damage == "link" and file == "manifest.json":
                    continue
                with pytest.raises((errors.CorruptFileError, errors.UnsafePath)) as caught:
                    EventLog.open(copy, verify=True)
                if damage != "changed" or file != "manifest.json":
                    assert segment in str(caught.value.file), (file, damage)
                if damage not in {"changed", "link"} or file == "manifest.json":
                    with pytest.raises(errors.CorruptFileError):
                        EventLog.open(copy).digest  # noqa: B018
                # A damaged log is not made into one with new digests.
                before = (copy / "manifest.json").read_bytes()
                with pytest.raises((errors.CorruptFileError, errors.UnsafePath)):
                    segments.compact_saved(copy, threads=1)
                assert (copy / "manifest.json").read_bytes() == before
    assert EventLog.open(grown, verify=True).digest == digest


def test_damage_of_the_log_is_not_compacted_away(grown: Path) -> None:
    time = grown / "time.i64"
    content = bytearray(time.read_bytes())
    content[-8] ^= 1
    time.write_bytes(content)
    with pytest.raises(errors.CorruptFileError, match=r"time\.i64"):
        EventLog.open(grown).compact()
    with pytest.raises(errors.CorruptFileError, match=r"time\.i64"):
        EventLog.open(grown).append(BATCH, compact=True)
    assert EventLog.open(grown).n_segments == 2


def test_segments_that_do_not_follow_each_other(grown: Path, tmp_path: Path) -> None:
    def refused(message: str, *change: Callable[[Path], object]) -> None:
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(grown, copy)
        for step in change:
            step(copy)
        with pytest.raises((errors.CorruptFileError, errors.UnsafePath), match=message):
            EventLog.open(copy)

    def move(a: str, b: str) -> Callable[[Path], object]:
        return lambda copy: (copy / a).rename(copy / b)

    first, second = "segment-000001", "segment-000002"
    refused("segment-000001: a segment of the log is missing", lambda copy: shutil.rmtree(copy / first))
    refused("segment-000001: the segment does not", move(first, "x"), move(second, first), move("x", second))
    refused(
        "segment-000001: the segment does not",
        lambda copy: EventLog.from_arrow(BATCH).save(copy, overwrite=True),
        lambda copy: shutil.copytree(grown / first, copy / first),
    )
    refused("segment of the log is a link", move(first, "x"), lambda copy: (copy / first).symlink_to(copy / "x"))
    refused("not that of a saved log", lambda copy: shutil.copy(grown / "manifest.json", copy / first))
    with pytest.raises(errors.CorruptFileError, match="not that of a saved log"):
        EventLog.open(grown / first)
    with pytest.raises(errors.MissingInputError):
        EventLog.read(grown)


def test_columns_of_a_segment_that_contradict_each_other(grown: Path) -> None:
    codes = np.fromfile(grown / "segment-000002" / "code.u16", np.uint16)
    codes[1] = 999
    codes.tofile(grown / "segment-000002" / "code.u16")
    log = EventLog.open(grown)
    with pytest.raises(errors.CorruptFileError) as caught:
        _ = log.native
    assert caught.value.file == str(grown / "segment-000002")


def test_nothing_there_to_append_to(saved: Path) -> None:
    log = EventLog.open(saved)
    shutil.rmtree(saved)
    with pytest.raises(errors.MissingInputError):
        log.append(BATCH)
    saved.write_text("a file")
    with pytest.raises(errors.ParameterError):
        log.compact()
    assert len(rows_of(log)) == len(BASE)
