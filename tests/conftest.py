"""What every test may take for granted of the process that it runs in."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# No test of ours may hang on how busy the machine is; what must be fast has a benchmark.
settings.register_profile("seqmine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("seqmine")


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> Iterator[None]:
    """Ctrl-C reaches the tests of Ctrl-C however the run was started.

    A shell starts background jobs with SIGINT ignored, which Python and its child processes then inherit.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
