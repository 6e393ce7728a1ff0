"""Instants in words."""

from __future__ import annotations

import pytest

from seqmine.labels._instants import format_instant


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "1970-01-01Z"),
        (1_506_861_000_000_000, "2017-10-01T12:30Z"),
        (1_506_861_001_000_000, "2017-10-01T12:30:01Z"),
        (1_506_861_000_250_000, "2017-10-01T12:30:00.25Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (253_402_300_800_000_000, "10000-01-01Z"),
    ],
)
def test_instants_in_words(us: int, text: str) -> None:
    assert format_instant(us) == text
