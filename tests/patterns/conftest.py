"""Fixtures of the tests of patterns."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pattern_logs import build_log

import seqmine as sm


@pytest.fixture
def make_log() -> Callable[..., sm.EventLog]:
    """`build_log`."""
    return build_log
