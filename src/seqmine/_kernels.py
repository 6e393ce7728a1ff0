"""The only door to numba: one decorator, so that every kernel is compiled with the same flags.

Only modules that hold kernels import this one, and they are imported when a kernel is first called: `import seqmine`
stays fast. Compiled code is cached beside the sources (or in the user's cache directory where those cannot be
written). The cache knows a kernel by its own file alone, by what it holds in newer versions of numba: after a change to
a file of helpers, delete the ``*.nbi`` and ``*.nbc`` of the files whose kernels call them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import numba

__all__ = ["kernel"]

_FLAGS: Final[dict[str, Any]] = {"nogil": True, "error_model": "numpy"}

Function = TypeVar("Function", bound=Callable[..., object])


def kernel(function: Function) -> Function:
    """Compile ``function`` at its first call: no GIL, no bounds checks, IEEE arithmetic in the order written.

    Without ``fastmath``, so that sums do not depend on how a machine vectorises them. Division by zero gives inf or
    nan, as in C.
    """
    try:
        compiled = numba.njit(cache=True, **_FLAGS)(function)
    except RuntimeError:  # nowhere to keep compiled code: a read-only installation, and a user without a home
        compiled = numba.njit(**_FLAGS)(function)
    return cast(Function, compiled)
