"""The exit codes of the command line: one table, read by the program, its help and its tests."""

from __future__ import annotations

import errno
from typing import NamedTuple

from seqmine import errors

__all__ = [
    "COMPLETE",
    "EXIT_CODES",
    "INCOMPLETE",
    "INTERRUPTED",
    "PIPE_CLOSED",
    "QUARANTINED",
    "REFUSED",
    "SLOWER",
    "TERMINATED",
    "USAGE",
    "ExitCode",
    "exit_code",
]

COMPLETE = 0
USAGE = 2
INCOMPLETE = 3
QUARANTINED = 4
SLOWER = 5
REFUSED = 6
DATA = 65
NO_INPUT = 66
INSUFFICIENT = 69
INTERNAL = 70
CANNOT_CREATE = 73
IO_ERROR = 74
TRY_AGAIN = 75
NO_PERMISSION = 77
INTERRUPTED = 130
PIPE_CLOSED = 141
TERMINATED = 143


class ExitCode(NamedTuple):
    """One code, what it means, and the errors that lead to it (a subclass in another row wins over its base)."""

    code: int
    meaning: str
    raised_by: tuple[type[BaseException], ...] = ()


EXIT_CODES: tuple[ExitCode, ...] = (
    ExitCode(COMPLETE, "complete"),
    ExitCode(USAGE, "wrong usage or configuration; nothing was done", (errors.ConfigError,)),
    ExitCode(INCOMPLETE, "a budget ran out: the result is written, and flagged as incomplete"),
    ExitCode(QUARANTINED, "complete, but rows of the input were set aside"),
    ExitCode(SLOWER, "`bench --fail-above`: complete, but a step became slower by more than that"),
    ExitCode(REFUSED, "a gate refused (leak alarm): nothing was mined until someone looks", (errors.LeakAlarm,)),
    ExitCode(DATA, "the input data cannot be used; file, row and column are named", (errors.DataError,)),
    ExitCode(NO_INPUT, "an input is missing or cannot be read", (errors.MissingInputError, FileNotFoundError)),
    ExitCode(
        INSUFFICIENT,
        "too little data, time or memory for what was asked",
        (errors.InsufficientDataError, errors.BudgetExceeded, MemoryError),
    ),
    ExitCode(
        INTERNAL,
        "a fault of seqmine itself; please report it",
        (errors.InternalError, errors.ForkSafetyError, errors.SeqmineError, Exception),
    ),
    ExitCode(CANNOT_CREATE, "an output cannot be created, or exists already", (errors.OutputError,)),
    ExitCode(IO_ERROR, "writing failed half-way; older outputs are as they were", (errors.OutputDurabilityUnknown,)),
    ExitCode(TRY_AGAIN, "another process is changing the saved log; try again later", (errors.LogLocked,)),
    ExitCode(NO_PERMISSION, "an unsafe path, or no permission", (errors.UnsafePath, PermissionError)),
    ExitCode(INTERRUPTED, "interrupted by Ctrl-C; outputs are as before", (KeyboardInterrupt,)),
    ExitCode(PIPE_CLOSED, "the program that read the output went away", (BrokenPipeError,)),
    ExitCode(TERMINATED, "ended by SIGTERM; outputs are as before"),
)

_BY_CLASS = {raised: row.code for row in EXIT_CODES for raised in row.raised_by}
_HALF_WAY = frozenset({errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG})
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def exit_code(error: BaseException) -> int:
    """Return the exit code of ``error``: that of the nearest of its classes in the table."""
    if isinstance(error, OSError) and type(error) is not errors.OutputExists:
        if error.errno in _HALF_WAY:
            return IO_ERROR
        if error.errno in _DENIED:
            return NO_PERMISSION
    for base in type(error).__mro__:
        if base in _BY_CLASS:
            return _BY_CLASS[base]
    return INTERNAL
