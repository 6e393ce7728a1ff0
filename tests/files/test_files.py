"""Atomic outputs: whole or not at all, and what was there before stays."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seqmine import _files
from seqmine.errors import OutputDurabilityUnknown, OutputError, OutputExists, UnsafePath


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_file_appears_whole(tmp_path: Path) -> None:
    _files.write_bytes(tmp_path / "new" / "a.csv", b"x,y\n")
    assert (tmp_path / "new" / "a.csv").read_bytes() == b"x,y\n"
    assert names(tmp_path / "new") == ["a.csv"]


@pytest.mark.parametrize("fault", [ValueError("mine"), KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left")])
def test_failure_leaves_the_older_file_and_nothing_else(tmp_path: Path, fault: BaseException) -> None:
    target = tmp_path / "a.csv"
    target.write_bytes(b"old")
    expected = OutputError if isinstance(fault, OSError) else type(fault)
    with pytest.raises(expected), _files.atomic_file(target, force=True) as stream:
        stream.write(b"half")
        raise fault
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["a.csv"]


def test_full_disk_is_an_output_error_with_its_errno(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No space left") as caught, _files.atomic_file(tmp_path / "a"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.errno == errno.ENOSPC


def test_existing_output_needs_force(tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    target.write_bytes(b"old")
    with pytest.raises(OutputExists):
        _files.write_bytes(target, b"new")
    _files.write_bytes(target, b"new", force=True)
    assert target.read_bytes() == b"new"


def test_output_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    with pytest.raises(OutputExists), _files.atomic_file(target):
        target.write_bytes(b"another process")
    assert target.read_bytes() == b"another process"


@pytest.mark.parametrize("directory", [False, True])
def test_links_are_refused(tmp_path: Path, directory: bool) -> None:
    victim = tmp_path / "victim"
    victim.mkdir() if directory else victim.write_bytes(b"precious")
    link = tmp_path / "link"
    link.symlink_to(victim)
    with pytest.raises(UnsafePath):
        _files.prepare_output(link, force=True, directory=directory)


def test_a_file_does_not_replace_a_directory(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OutputExists):
        _files.write_bytes(tmp_path / "a", b"", force=True)


def test_directory_appears_whole(tmp_path: Path) -> None:
    with _files.atomic_directory(tmp_path / "run") as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "part").write_bytes(b"1")
        assert not (tmp_path / "run").exists()
    assert (tmp_path / "run" / "deep" / "part").read_bytes() == b"1"
    assert names(tmp_path) == ["run"]


@pytest.mark.parametrize("exchange", [True, False])
def test_directory_is_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: bool) -> None:
    if not exchange:
        monkeypatch.setattr(_files, "_exchange", lambda first, second: False)
    target = tmp_path / "run"
    target.mkdir()
    (target / "older").write_bytes(b"1")
    with pytest.raises(ValueError, match="stop"), _files.atomic_directory(target, force=True) as folder:
        (folder / "newer").write_bytes(b"2")
        raise ValueError("stop")
    assert names(target) == ["older"]
    with _files.atomic_directory(target, force=True) as folder:
        (folder / "newer").write_bytes(b"2")
    assert names(target) == ["newer"]
    assert names(tmp_path) == ["run"]


def test_directory_can_refuse_to_be_replaced(tmp_path: Path) -> None:
    target = tmp_path / "run"
    target.mkdir()

    def refuse(path: Path) -> None:
        raise OutputExists("foreign files", file=str(path))

    with pytest.raises(OutputExists), _files.atomic_directory(target, force=True, check=refuse):
        pass
    assert target.is_dir()


def test_old_orphans_go_and_young_ones_stay(tmp_path: Path) -> None:
    old, young = tmp_path / ".run.a.tmp", tmp_path / ".run.b.tmp"
    old.mkdir()
    young.mkdir()
    long_ago = time.time() - 2 * _files.ORPHAN_SECONDS
    os.utime(old, (long_ago, long_ago))
    with _files.atomic_directory(tmp_path / "run"):
        pass
    assert names(tmp_path) == [".run.b.tmp", "run"]


def test_unconfirmed_write_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fsync
    calls = []

    def failing(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 2:  # the file first, then its directory
            raise OSError(errno.EIO, "Input/output error")
        real(handle)

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OutputDurabilityUnknown):
        _files.write_bytes(tmp_path / "a", b"1")
    assert len(calls) == 2
    assert (tmp_path / "a").read_bytes() == b"1"


def test_killed_writer_leaves_the_older_file(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_bytes(b"old")
    code = (
        "import os, signal, sys\n"
        "from seqmine import _files\n"
        "with _files.atomic_file(sys.argv[1], force=True) as stream:\n"
        "    stream.write(b'new')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(target)], timeout=60, check=False)
    assert done.returncode == -9
    assert target.read_bytes() == b"old"


def test_json_is_canonical() -> None:
    assert _files.json_bytes({"b": [1], "a": "é"}) == '{\n  "a": "é",\n  "b": [\n    1\n  ]\n}\n'.encode()
    with pytest.raises(ValueError, match="JSON"):
        _files.json_bytes(float("nan"))


def test_digest_and_size(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    digest, size = _files.file_digest(tmp_path / "a")
    assert digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert size == 3
