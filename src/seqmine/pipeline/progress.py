"""How long work tells what it is doing, without knowing who listens."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

__all__ = ["Progress"]


class Progress:
    """Stages of long work and the seconds that each took; silent, until a face overrides ``started`` and ``ended``."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Run the block as the stage ``name``, and note how long it took."""
        begin = time.perf_counter()
        self.started(name)
        done = False
        try:
            yield
            done = True
        finally:
            spent = time.perf_counter() - begin
            self.seconds[name] = self.seconds.get(name, 0.0) + spent
            self.ended(name, spent, done=done)

    def started(self, name: str) -> None:
        """Tell that a stage begins."""

    def ended(self, name: str, seconds: float, *, done: bool) -> None:
        """Tell that a stage is over; ``done`` is false when it failed."""
