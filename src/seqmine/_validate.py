"""Checks and warnings that all public functions share."""

from __future__ import annotations

import operator
import sys
import warnings
from typing import Final, SupportsIndex

from seqmine.errors import ParameterError, SeqmineWarning

__all__ = ["MAX_THREADS", "check_threads", "check_type", "warn_user"]

MAX_THREADS: Final = 4096


def check_threads(threads: object) -> None:
    """ParameterError unless `threads` is a number of threads; 0 means all cores."""
    if isinstance(threads, bool) or not isinstance(threads, SupportsIndex):
        came = f"not {type(threads).__name__}"
    elif not 0 <= (n := operator.index(threads)) <= MAX_THREADS:
        came = f"not {n}" if abs(n) < 10**15 else "and this one is far beyond"
    else:
        return
    raise ParameterError(
        f"threads must be a whole number from 0 (all cores) to {MAX_THREADS}, {came}",
        hint="leave threads out to use all cores",
    )


def check_type(value: object, wanted: type, name: str, hint: str) -> None:
    """ParameterError unless `value` is a `wanted`; `name` is the argument, `hint` says how to make one."""
    if not isinstance(value, wanted):
        raise ParameterError(f"{name} must be of type {wanted.__name__}, not {type(value).__name__}", hint=hint)


def warn_user(message: str, category: type[SeqmineWarning]) -> None:
    """Warns at the line outside of seqmine that led here, however deep this call is."""
    # warnings.warn(skip_file_prefixes=...) does this from Python 3.12 on.
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and _is_own(frame.f_globals.get("__name__")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _is_own(module: object) -> bool:
    return isinstance(module, str) and (module == "seqmine" or module.startswith("seqmine."))
