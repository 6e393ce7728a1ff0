"""Writing files so that a crash, a full disk or Ctrl-C never leaves a torn or half-replaced output.

A file is written beside its final name, flushed to the disk, and moved into place by one rename. A directory is filled
under a hidden name and renamed as a whole, so a directory with its final name is complete. Failing leaves what was
there before, and no temporary file. Files and directories are made readable by their owner alone: they may hold
customers' data.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from seqmine.errors import OutputDurabilityUnknown, OutputError, OutputExists, UnsafePath

__all__ = [
    "atomic_directory",
    "atomic_file",
    "file_digest",
    "json_bytes",
    "prepare_output",
    "remove_orphans",
    "write_bytes",
]

ORPHAN_SECONDS = 3600.0
_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


def json_bytes(value: object) -> bytes:
    """Return ``value`` as UTF-8 JSON with sorted keys and a closing newline: the same value is the same bytes."""
    text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8") + b"\n"


def file_digest(path: str | os.PathLike[str]) -> tuple[str, int]:
    """Return the SHA-256 (hex) and the size in bytes of the file at ``path``."""
    digest = hashlib.sha256()
    size = 0
    with Path(path).open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size


def prepare_output(path: str | os.PathLike[str], *, force: bool, directory: bool = False) -> Path:
    """Check that ``path`` can become an output, before any work is spent on it.

    Raises
    ------
    UnsafePath
        The path is a symbolic link, or is neither file nor directory.
    OutputExists
        Something is there and ``force`` is false, or it is of the other kind.
    OutputError
        The parent directory does not exist and cannot be made, or nothing can be written there.
    """
    target = _checked(path, force=force, directory=directory)
    try:  # permission bits do not tell: of read-only disks, of quotas, of who is root
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        os.close(handle)
        Path(name).unlink()
    except OSError as error:
        raise _output_error(error, target) from error
    return target


def _checked(path: str | os.PathLike[str], *, force: bool, directory: bool = False) -> Path:
    """Check what is at ``path`` and make its parent; see `prepare_output`."""
    target = Path(path)
    if not target.name or "\0" in str(target):
        raise UnsafePath("the output needs a name", file=str(target))
    if target.is_symlink():
        raise UnsafePath("the output is a symbolic link", file=str(target), hint="name the file that it points to")
    if target.exists():
        if target.is_dir() != directory or not (target.is_dir() or target.is_file()):
            kind = "a directory" if target.is_dir() else "no directory"
            raise OutputExists(f"the output exists and is {kind}", file=str(target), hint="name another output")
        if not force:
            raise OutputExists("the output exists", file=str(target), hint="use force=True to replace it")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _output_error(error, target.parent) from error
    return target


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str], *, force: bool = False) -> Iterator[BinaryIO]:
    """Open a binary stream whose bytes become the file ``path`` when the block ends without an error."""
    target = _checked(path, force=force)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    except OSError as error:
        raise _output_error(error, target) from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if not force and target.exists():
            raise OutputExists("the output appeared meanwhile", file=str(target), hint="use force=True to replace it")
        temporary.replace(target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and not isinstance(error, OutputError) and error.errno is not None:
            raise _output_error(error, target) from error
        raise
    _sync_directory(target.parent)


def write_bytes(path: str | os.PathLike[str], content: bytes, *, force: bool = False) -> None:
    """Write ``content`` as the file ``path``, atomically."""
    with atomic_file(path, force=force) as stream:
        stream.write(content)


@contextlib.contextmanager
def atomic_directory(
    path: str | os.PathLike[str], *, force: bool = False, check: Callable[[Path], None] | None = None
) -> Iterator[Path]:
    """Give an empty hidden directory that becomes ``path`` as a whole when the block ends without an error.

    ``check`` may refuse (raise) to replace the directory that is there, for example because it holds foreign files.
    """
    target = _checked(path, force=force, directory=True)
    if check is not None and target.exists():
        check(target)
    remove_orphans(target)
    try:
        temporary, handle = _held_directory(target)
    except OSError as error:
        raise _output_error(error, target) from error
    try:
        yield temporary
        for file in sorted(temporary.rglob("*")):
            if file.is_dir():
                _sync_directory(file)
            else:
                _sync_file(file)
        _sync_directory(temporary)
        _replace_directory(temporary, target, force=force)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError) and not isinstance(error, OutputError) and error.errno is not None:
            raise _output_error(error, target) from error
        raise
    finally:
        _let_go(handle)
    _sync_directory(target.parent)
    # After an exchange the hidden name holds the older output.
    shutil.rmtree(temporary, ignore_errors=True)


def _replace_directory(temporary: Path, target: Path, *, force: bool) -> None:
    try:
        temporary.rename(target)  # succeeds over nothing, or over an empty directory
        return
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
    if not force:
        raise OutputExists("the output appeared meanwhile", file=str(target), hint="use force=True to replace it")
    if _exchange(temporary, target):
        return
    # Two renames where the system cannot exchange: a crash between them leaves both, under hidden names.
    aside = temporary.with_name(temporary.name + ".old.tmp")
    target.rename(aside)
    try:
        temporary.rename(target)
    except OSError:
        aside.rename(target)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two paths in one step (Linux); False where that is not possible."""
    import ctypes

    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    status: Any = renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE)
    return bool(status == 0)


def _held_directory(target: Path) -> tuple[Path, int | None]:
    """Make the hidden directory of ``target`` and hold a lock on it, which the system takes back from the dead."""
    while True:
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent))
        try:
            handle = _lock(temporary)
        except (BlockingIOError, FileNotFoundError):
            continue  # somebody takes it for an orphan
        if temporary.is_dir():
            return temporary, handle
        _let_go(handle)


def _lock(folder: Path) -> int | None:
    """Lock a directory; None where the system or the disk has no such locks, BlockingIOError where another holds it."""
    try:
        import fcntl
    except ImportError:
        return None
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise
    except OSError:
        os.close(handle)
        return None
    return handle


def _let_go(handle: int | None) -> None:
    if handle is not None:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_UN)  # not by closing alone: a forked child has the handle, too
        os.close(handle)


def remove_orphans(target: Path) -> None:
    """Remove what killed runs left beside ``target``.

    A directory whose writer is dead has lost its lock. A file, and a directory on a disk that knows no locks, has to be
    an hour old, as a younger one may be in use; so has everything while there is no ``target``, because a run that was
    killed between two renames leaves that under a hidden name.
    """
    # As mkdtemp and mkstemp name it: the hidden files of NAME.manifest.json and the like are those outputs' own.
    name = re.compile(rf"\.{re.escape(target.name)}\.[A-Za-z0-9_]+\.tmp(\.old\.tmp)?")
    before = time.time() - ORPHAN_SECONDS
    with contextlib.suppress(OSError):
        for orphan in [item for item in target.parent.iterdir() if name.fullmatch(item.name)]:
            _remove_orphan(orphan, before, replaced=target.is_dir())


def _remove_orphan(orphan: Path, before: float, *, replaced: bool) -> None:
    with contextlib.suppress(OSError):
        status = orphan.lstat()
        old = status.st_mtime < before
        if not stat.S_ISDIR(status.st_mode):
            if old:
                orphan.unlink()
            return
        handle = _lock(orphan)
        if old or (replaced and handle is not None):
            shutil.rmtree(orphan, ignore_errors=True)
        _let_go(handle)


def _sync_file(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _sync_directory(path: Path) -> None:
    try:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise OutputDurabilityUnknown(
            f"the disk did not confirm the write ({error.strerror})",
            file=str(path),
            hint="the output is either the older or the new one, never torn; check the disk",
        ) from error


def _output_error(error: OSError, path: Path) -> OutputError:
    raised = OutputError(
        f"cannot write: {error.strerror or error}",
        file=str(path),
        hint="older outputs are as they were; check space and permissions, or name another output",
    )
    raised.errno = error.errno
    return raised
