"""Appends to a saved log: sub-directories ``segment-000001``, ``segment-000002``, ... beside the log's own files.

A segment is written under a hidden name, flushed and renamed, so a crash leaves either the log without it or with it.
Its manifest holds the SHA-256 of the manifest before it: segments that are missing, or of another log, are noticed.
Nothing of the log itself is touched. Compacting replaces the whole directory in one step. One writer at a time holds a
lock on the directory, which the system takes back from a process that dies; readers need none.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from seqmine._files import atomic_directory, remove_orphans
from seqmine.errors import CorruptFileError, LogLocked, MissingInputError, OutputError, UnsafePath
from seqmine.events.accounting import Accounting
from seqmine.events.data import LogData, content_digest
from seqmine.events.growth import Parts, read_on
from seqmine.events.sources import Source, reading
from seqmine.events.storage import MANIFEST, SEGMENT_FORMAT, Stored, load_log, save_log, write_log

__all__ = ["Appended", "append_saved", "compact_saved", "open_saved", "saved_manifests", "writer_lock"]

MAX_SEGMENTS: Final = 8
MAX_SHARE: Final = 0.25
_NAME: Final = re.compile(r"segment-([0-9]{6,})")
_HALF_WRITTEN: Final = re.compile(r"\.segment-[0-9]{6,}\.[A-Za-z0-9_]+\.tmp")
_TRIES: Final = 10


@dataclass(frozen=True)
class Appended:
    """What an append to a saved log did.

    Attributes
    ----------
    accounting
        What became of the rows appended.
    quarantined
        Those set aside in memory; None when there could be none or they went to a file.
    n_segments
        Segments of the log afterwards; 0 when it was compacted.
    """

    accounting: Accounting
    quarantined: Any
    n_segments: int


@dataclass(frozen=True)
class SavedLog:
    """A saved log as it was found: mapped, and complete even when the directory is replaced later."""

    parts: Parts
    digest: str | None
    n_segments: int
    n_events: int
    n_appended: int
    last_manifest: bytes


def open_saved(path: str | os.PathLike[str], *, verify: bool) -> SavedLog:
    """Map a saved log and its segments; see `EventLog.open`."""
    folder = Path(path)
    for _ in range(_TRIES):
        with _held(folder) as before:
            try:
                with reading(str(folder)):  # files can go at any moment while a writer replaces the directory
                    found = _open(folder, verify=verify)
            except (CorruptFileError, MissingInputError):
                if _identity(folder) == before:
                    raise
                continue  # a writer replaced the directory while it was read
            if _identity(folder) == before:
                return found
    raise CorruptFileError(
        "the saved log was replaced again and again while it was opened", file=str(folder), hint="try again"
    )


def _open(folder: Path, *, verify: bool) -> SavedLog:
    base = load_log(folder, verify=verify)
    stored: list[Stored] = []
    last = base.manifest_bytes
    for number, segment in enumerate(_segments(folder), start=1):
        if segment.is_symlink():
            raise UnsafePath("a segment of the log is a link", file=str(segment))
        if segment.name != _name(number):
            raise _damaged(folder / _name(number), "a segment of the log is missing")
        item = load_log(segment, verify=verify, format=SEGMENT_FORMAT)
        if item.manifest.get("number") != number or item.manifest.get("after") != _digest(last):
            raise _damaged(segment, "the segment does not follow what is saved before it")
        same_value = (item.data.value is None) == (base.data.value is None)
        if item.data.recipe is None or not same_value or list(item.data.attributes) != list(base.data.attributes):
            raise _damaged(segment, "the segment has other columns than the log")
        stored.append(item)
        last = item.manifest_bytes
    return SavedLog(
        Parts(base.data, [item.data for item in stored]),
        None if stored else base.digest,
        len(stored),
        base.data.n_events,
        sum(item.data.n_events for item in stored),
        last,
    )


def append_saved(
    path: str | os.PathLike[str],
    sources: Sequence[Source],
    *,
    observed_until: Any,
    identity: Any,
    starts: Any,
    quarantine: str | os.PathLike[str] | None,
    compact: bool | None,
    threads: int,
) -> Appended:
    """Add a segment to a saved log, or write the log anew with its rows where that is due; see `EventLog.append`.

    Either way one rename decides: an error means that the rows are not in the log, so the call can be repeated.
    """
    folder = Path(path)
    with writer_lock(folder):
        log = open_saved(folder, verify=False)
        segment, quarantined = read_on(
            log.parts,
            sources,
            observed_until=observed_until,
            identity=identity,
            starts=starts,
            quarantine=quarantine,
            threads=threads,
        )
        number = log.n_segments + 1
        due = number > MAX_SEGMENTS or log.n_appended + segment.n_events > MAX_SHARE * log.n_events
        if due if compact is None else compact:
            _compact(folder, threads, segment)
            number = 0
        else:
            extra = {"number": number, "after": _digest(log.last_manifest)}
            with atomic_directory(folder / _name(number)) as temporary:
                write_log(temporary, segment, content_digest(segment), format=SEGMENT_FORMAT, extra=extra)
    return Appended(segment.accounting, quarantined, number)


def compact_saved(path: str | os.PathLike[str], *, threads: int) -> int:
    """Replace a saved log by one without segments; return how many there were. See `EventLog.compact`."""
    folder = Path(path)
    with writer_lock(folder):
        log = open_saved(folder, verify=False)
        if log.n_segments:
            _compact(folder, threads)
    return log.n_segments


def _compact(folder: Path, threads: int, *segments: LogData) -> None:
    # Verified: new digests over bytes that were damaged would make the damage the log.
    parts = open_saved(folder, verify=True).parts
    for segment in segments:
        parts = parts.plus(segment)
    data = parts.whole(threads)
    save_log(data, folder, content_digest(data), overwrite=True)


@contextlib.contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Hold the right to change a saved log.

    Raises
    ------
    LogLocked
        Another process or thread holds it.
    """
    import fcntl  # POSIX only, as is the promise of this module; the rest of the package does without

    while True:
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            load_log(folder, verify=False)  # says what is wrong
            raise
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _identity(folder) == _identity_of(os.fstat(handle)):
                break
        except BlockingIOError as error:
            os.close(handle)
            raise LogLocked(
                "another process is changing the saved log", file=str(folder), hint="wait until it is done, then repeat"
            ) from error
        except OSError as error:
            os.close(handle)
            raise OutputError(
                f"the saved log cannot be locked: {error.strerror}", file=str(folder), hint="use a local disk"
            ) from error
        os.close(handle)  # the directory was replaced in between: the lock is on what is there no more
    try:
        _remove_leftovers(folder)
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)  # not by closing alone: a forked child has the handle, too
        os.close(handle)


def _remove_leftovers(folder: Path) -> None:
    """Remove what killed writers left in a saved log and beside it; the caller holds the log's lock."""
    remove_orphans(folder.absolute())
    # Segments are written under the lock alone, so no living process has these.
    for item in [item for item in folder.iterdir() if _HALF_WRITTEN.fullmatch(item.name)]:
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item, ignore_errors=True)


def saved_manifests(path: str | os.PathLike[str]) -> list[Path]:
    """Return the manifests of a saved log and its segments, by which its content is known."""
    folder = Path(path)
    return [folder / MANIFEST, *(segment / MANIFEST for segment in _segments(folder))]


def _segments(folder: Path) -> list[Path]:
    found = [item for item in folder.iterdir() if _NAME.fullmatch(item.name)]
    return sorted(found, key=lambda item: int(item.name.removeprefix("segment-")))


def _name(number: int) -> str:
    return f"segment-{number:06}"


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[tuple[int, int] | None]:
    """Give a directory's identity, and hold it open, so that no later directory gets the same number meanwhile."""
    handle = None
    with contextlib.suppress(OSError):  # not there; or a system that does not open directories
        handle = os.open(folder, os.O_RDONLY)
    try:
        yield _identity(folder) if handle is None else _identity_of(os.fstat(handle))
    finally:
        if handle is not None:
            os.close(handle)


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        return _identity_of(folder.stat())
    except OSError:
        return None


def _identity_of(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _digest(manifest: bytes) -> str:
    return hashlib.sha256(manifest).hexdigest()


def _damaged(path: Path, message: str) -> CorruptFileError:
    return CorruptFileError(message, file=str(path), hint="copy the log again, or ingest the events again")
