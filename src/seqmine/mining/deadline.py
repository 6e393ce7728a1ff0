"""The clock of ``max_seconds``."""

from __future__ import annotations

import time

__all__ = ["Deadline"]

_LEAST = 1e-3  # the native side takes zero for no limit


class Deadline:
    """When a call must be done; `max_seconds` None never comes."""

    def __init__(self, max_seconds: float | None) -> None:
        self._began = time.perf_counter()
        self._end = None if max_seconds is None else self._began + max_seconds

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.perf_counter() - self._began

    @property
    def passed(self) -> bool:
        """Whether the time is used up."""
        return self._end is not None and time.perf_counter() >= self._end

    def left(self, share: float = 1.0) -> float:
        """Seconds that are left, or that share of them, as native calls take it: at least a little, 0 for no limit."""
        return 0.0 if self._end is None else max(share * (self._end - time.perf_counter()), _LEAST)
