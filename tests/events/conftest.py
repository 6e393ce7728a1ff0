"""Fixtures of the event tests."""

from __future__ import annotations

import pyarrow as pa
import pytest
from event_rows import table


@pytest.fixture
def small() -> pa.Table:
    return table(
        [("b", 20, "x"), ("a", 10, "y"), ("a", 10, "x"), ("c", -5, "x"), ("a", 5, "z")],
    )
