"""What every test may take for granted of the process that it runs in."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """Ctrl-C reaches the tests of Ctrl-C however the run was started.

    A shell starts background jobs with SIGINT ignored, which Python and its child processes then inherit.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
