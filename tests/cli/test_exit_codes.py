"""Every error of seqmine has its place in the one table of exit codes."""

from __future__ import annotations

import errno

import pytest

from seqmine import errors
from seqmine.cli.exit_codes import EXIT_CODES, exit_code

EXPECTED = {
    "BudgetExceeded": 69,
    "ConfigError": 2,
    "CorruptFileError": 65,
    "DataError": 65,
    "EmptyInputError": 65,
    "EncodingError": 65,
    "ForkSafetyError": 70,
    "InputLimitError": 65,
    "InsufficientDataError": 69,
    "InternalError": 70,
    "InvalidOutcome": 2,
    "InvalidPattern": 2,
    "LeakAlarm": 6,
    "LogLocked": 75,
    "MemoryBudgetExceeded": 69,
    "MissingDependencyError": 2,
    "MissingInputError": 66,
    "NullKeyError": 65,
    "OutputDurabilityUnknown": 74,
    "OutputError": 73,
    "OutputExists": 73,
    "ParameterError": 2,
    "SchemaError": 65,
    "SeqmineError": 70,
    "TimestampAmbiguous": 65,
    "TimestampError": 65,
    "TimestampNonexistent": 65,
    "TimestampOutOfRange": 65,
    "TimestampUnitError": 65,
    "TimestampUnparsable": 65,
    "UnsafePath": 77,
    "ValueRangeError": 65,
}


def test_every_error_has_its_code() -> None:
    classes = {name: getattr(errors, name) for name in errors.__all__}
    raised = {name: cls for name, cls in classes.items() if issubclass(cls, errors.SeqmineError)}
    assert {name: exit_code(cls("x")) for name, cls in raised.items()} == EXPECTED


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (MemoryError(), 69),
        (BrokenPipeError(errno.EPIPE, "x"), 141),
        (FileNotFoundError(errno.ENOENT, "x"), 66),
        (PermissionError(errno.EACCES, "x"), 77),
        (OSError(errno.ENOSPC, "x"), 74),
        (ZeroDivisionError(), 70),
    ],
)
def test_foreign_errors(error: BaseException, code: int) -> None:
    assert exit_code(error) == code


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, 74), (errno.EIO, 74), (errno.EACCES, 77), (errno.ENOENT, 73)]
)
def test_an_output_error_goes_by_its_errno(number: int, code: int) -> None:
    error = errors.OutputError("x")
    error.errno = number
    assert exit_code(error) == code


def test_codes_are_distinct() -> None:
    codes = [row.code for row in EXIT_CODES]
    assert len(set(codes)) == len(codes)
