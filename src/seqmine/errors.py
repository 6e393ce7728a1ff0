"""Typed errors of seqmine.

Every error carries a stable ``code`` (``SM-nnnn``) and, where they apply, the ``file``, ``row`` (0-based row of the
file or table), ``column`` and a ``hint`` that names the next step. ``str()`` is one line:
``file:row:column: problem - what to do``. Messages never hold row values of the customer's data.
"""

from __future__ import annotations

__all__ = [
    "BudgetExceeded",
    "ConfigError",
    "CorruptFileError",
    "DataError",
    "EmptyInputError",
    "EncodingError",
    "ForkSafetyError",
    "InputLimitError",
    "InsufficientDataError",
    "InternalError",
    "InvalidOutcome",
    "InvalidPattern",
    "LeakAlarm",
    "LogLocked",
    "MemoryBudgetExceeded",
    "MissingDependencyError",
    "MissingInputError",
    "NullKeyError",
    "OutputDurabilityUnknown",
    "OutputError",
    "OutputExists",
    "ParameterError",
    "SchemaError",
    "SeqmineError",
    "SeqmineWarning",
    "TimestampAmbiguous",
    "TimestampError",
    "TimestampNonexistent",
    "TimestampOutOfRange",
    "TimestampUnitError",
    "TimestampUnparsable",
    "UnknownEventWarning",
    "UnmatchedStartsWarning",
    "UnsafePath",
    "ValueRangeError",
]


class SeqmineWarning(UserWarning):
    """Base of the warnings that seqmine gives."""


class UnknownEventWarning(SeqmineWarning):
    """A pattern or outcome names an event type or attribute value that the log does not have."""


class UnmatchedStartsWarning(SeqmineWarning):
    """Declared starts name entities that have no event, so that they are not part of the log."""


class SeqmineError(Exception):
    """Base of every error that seqmine raises on purpose."""

    code = "SM-0000"

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        row: int | None = None,
        column: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.message = message
        self.file = file
        self.row = row
        self.column = column
        self.hint = hint
        super().__init__(message)

    def __str__(self) -> str:
        place = ":".join(
            part
            for part in (
                self.file,
                None if self.row is None else f"row {self.row}",
                None if self.column is None else f"column {self.column!r}",
            )
            if part is not None
        )
        text = f"{place}: {self.message}" if place else self.message
        return f"{text} - {self.hint}" if self.hint else text

    def __reduce__(self) -> tuple[object, ...]:
        arguments = (type(self), self.message, self.file, self.row, self.column, self.hint)
        return (_rebuild, arguments, self.__dict__)


def _rebuild(
    cls: type[SeqmineError], message: str, file: str | None, row: int | None, column: str | None, hint: str | None
) -> SeqmineError:
    return cls(message, file=file, row=row, column=column, hint=hint)


class ConfigError(SeqmineError, ValueError):
    """A configuration file or a combination of options that cannot work."""

    code = "SM-1000"


class ParameterError(ConfigError):
    """One argument has a value that cannot be used."""

    code = "SM-1001"


class InvalidPattern(ConfigError):
    """Pattern text that cannot be read, or a pattern that does not fit the log.

    ``position`` is the 0-based character of the text; None when the pattern was no text.
    """

    code = "SM-1002"
    position: int | None = None


class InvalidOutcome(ConfigError):
    """Outcome text that cannot be read, or an outcome that does not fit the log.

    ``position`` is the 0-based character of the text; None where the outcome meets a log.
    """

    code = "SM-1003"
    position: int | None = None


class MissingDependencyError(ConfigError, ImportError):
    """An optional package is not installed; the hint has the command."""

    code = "SM-1004"


class DataError(SeqmineError, ValueError):
    """The input data cannot be used as it is."""

    code = "SM-2000"


class SchemaError(DataError):
    """A column is missing, doubled or of a type that cannot be used."""

    code = "SM-2001"


class EmptyInputError(DataError):
    """A file without any content (a header without rows is a valid, empty log)."""

    code = "SM-2002"


class EncodingError(DataError):
    """Text that is not UTF-8."""

    code = "SM-2003"


class NullKeyError(DataError):
    """A null or empty entity or event."""

    code = "SM-2004"


class ValueRangeError(DataError):
    """A number that is not finite, or does not fit."""

    code = "SM-2005"


class CorruptFileError(DataError):
    """A file that is torn, damaged, or not what its name says."""

    code = "SM-2006"


class InputLimitError(DataError):
    """The input passes a safety limit (size after expansion, columns, field length)."""

    code = "SM-2007"


class MissingInputError(DataError, FileNotFoundError):
    """An input that is not there, or may not be read."""

    code = "SM-2008"


class TimestampError(DataError):
    """A time that cannot be used."""

    code = "SM-2100"


class TimestampOutOfRange(TimestampError):
    """A time that does not fit signed 64-bit UTC microseconds, or would lose digits there."""

    code = "SM-2101"


class TimestampAmbiguous(TimestampError):
    """A local time that happens twice in the zone (clocks go back)."""

    code = "SM-2102"


class TimestampNonexistent(TimestampError):
    """A local time that the zone skips (clocks go forward)."""

    code = "SM-2103"


class TimestampUnparsable(TimestampError):
    """Text that is no time, or a missing zone."""

    code = "SM-2104"


class TimestampUnitError(TimestampError):
    """Integer times without a unit, or with one that puts them into implausible years."""

    code = "SM-2105"


class InsufficientDataError(SeqmineError, ValueError):
    """Too little data, or only one class, for what was asked."""

    code = "SM-3000"


class LeakAlarm(SeqmineError):
    """Events of the log all but are the outcome; nothing is mined until they are left out or acknowledged.

    ``events`` are the names to acknowledge, in UTF-8 byte order: event types, and patterns such as ``*{plan=gone}``
    where it is a condition. What can be left out: ``exclude`` of them as event types, ``context`` by its names, and,
    where ``absence`` is true, absences.
    """

    code = "SM-3001"
    events: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    context: tuple[str, ...] = ()
    absence: bool = False


class BudgetExceeded(SeqmineError):
    """A budget ran out before anything useful was there."""

    code = "SM-4000"


class MemoryBudgetExceeded(BudgetExceeded, MemoryError):
    """The memory budget, or the machine's memory, is used up."""

    code = "SM-4001"


class OutputError(SeqmineError, OSError):
    """An output could not be written; older outputs are as they were."""

    code = "SM-6000"


class OutputExists(OutputError):
    """The output is there already and may not be overwritten."""

    code = "SM-6001"


class UnsafePath(OutputError):
    """A path that leaves the output folder, or goes through a link."""

    code = "SM-6002"


class OutputDurabilityUnknown(OutputError):
    """The output is written, but the disk did not confirm that it will outlive a power cut."""

    code = "SM-6003"


class LogLocked(OutputError):
    """Another process is changing the saved log; nothing was written."""

    code = "SM-6004"


class ForkSafetyError(SeqmineError, RuntimeError):
    """A native object was carried over a fork while threads ran."""

    code = "SM-7000"


class InternalError(SeqmineError, RuntimeError):
    """A fault of seqmine itself; please report it."""

    code = "SM-9000"
