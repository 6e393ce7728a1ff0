"""Zone tables against zoneinfo: every transition, to the second."""

from __future__ import annotations

import importlib.resources
import struct
import zoneinfo
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from seqmine.errors import ParameterError
from seqmine.events.zones import Zone, zone

NAMES = (
    "Africa/Cairo",
    "Africa/Casablanca",
    "Africa/Johannesburg",
    "Africa/Lagos",
    "America/Argentina/Buenos_Aires",
    "America/Caracas",
    "America/Chicago",
    "America/Halifax",
    "America/Los_Angeles",
    "America/Mexico_City",
    "America/New_York",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Gaza",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Pyongyang",
    "Asia/Shanghai",
    "Asia/Tehran",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Europe/Berlin",
    "Europe/Dublin",
    "Europe/London",
    "Europe/Moscow",
    "Pacific/Apia",
    "Pacific/Auckland",
    "Pacific/Kwajalein",
)
EPOCH = datetime(1970, 1, 1)
SECOND = timedelta(seconds=1)
FIRST = int((datetime(1970, 1, 2) - EPOCH).total_seconds())
LAST = int((datetime(2041, 1, 1) - EPOCH).total_seconds())


def compiled_transitions(name: str) -> list[int]:
    """Transition seconds from the compiled zone file, and by search where only its closing rule speaks."""
    data = importlib.resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
    assert data[:4] == b"TZif"
    isut, isstd, leap, times, types, chars = struct.unpack(">6I", data[20:44])
    second = 44 + times * 5 + types * 6 + chars + leap * 8 + isstd + isut
    assert data[second : second + 4] == b"TZif"
    count = struct.unpack(">6I", data[second + 20 : second + 44])[3]
    explicit = list(struct.unpack(f">{count}q", data[second + 44 : second + 44 + 8 * count]))
    rules = zoneinfo.ZoneInfo(name)
    start, step = max([FIRST, *explicit]), 6 * 3600
    known = [offset(rules, second) for second in range(start, LAST, step)]
    for i in np.flatnonzero(np.diff(known)).tolist():
        low = start + i * step
        high = low + step
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(rules, middle) == offset(rules, low) else (low, middle)
        explicit.append(high)
    return sorted({at for at in explicit if FIRST <= at < LAST})


def offset(rules: zoneinfo.ZoneInfo, second: int) -> int:
    value = datetime.fromtimestamp(second, rules).utcoffset()
    assert value is not None
    return int(value.total_seconds())


def readings(rules: zoneinfo.ZoneInfo, local: int) -> list[int]:
    """UTC seconds at which the wall clock shows ``local``, after PEP 495."""
    wall = EPOCH + timedelta(seconds=local)
    found = set()
    for fold in (0, 1):
        aware = wall.replace(tzinfo=rules, fold=fold).astimezone(UTC)
        if aware.astimezone(rules).replace(tzinfo=None) == wall:
            found.add(int((aware.replace(tzinfo=None) - EPOCH).total_seconds()))
    return sorted(found)


def test_every_transition_of_30_zones_against_zoneinfo() -> None:
    assert len(NAMES) >= 30
    checked = 0
    for name in NAMES:
        rules, table = zoneinfo.ZoneInfo(name), Zone(name)
        at = compiled_transitions(name)
        utc = sorted({second + step for second in at for step in (-1, 0, 1)})
        expected = [offset(rules, second) for second in utc]
        got = table.offset_at(np.array(utc, np.int64) * 1_000_000)
        assert (got // 1_000_000).tolist() == expected, name

        local = sorted(
            {second + offset(rules, second + side) + step for second in at for side in (-1, 0) for step in (-1, 0, 1)}
        )
        result, ambiguous, nonexistent = table.to_utc(np.array(local, np.int64) * 1_000_000)
        for i, wall in enumerate(local):
            truth = readings(rules, wall)
            assert bool(ambiguous[i]) == (len(truth) == 2), (name, wall)
            assert bool(nonexistent[i]) == (not truth), (name, wall)
            if len(truth) == 1:
                assert int(result[i]) == truth[0] * 1_000_000, (name, wall)
        checked += len(utc) + len(local)
    assert checked >= 10_000


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"])
def test_far_future_and_past_against_zoneinfo(name: str) -> None:
    rules, table = zoneinfo.ZoneInfo(name), Zone(name)
    seconds = [
        int((datetime(year, month, 15, 12) - EPOCH).total_seconds())
        for year in (1801, 1850, 1899, 1916, 1945, 2087, 2100, 2400, 2499, 2500, 2501, 2800, 4000, 9998)
        for month in (1, 3, 4, 7, 10, 11)
    ]
    for at in (seconds, seconds[:30]):
        got = table.offset_at(np.array(at, np.int64) * 1_000_000)
        truth = [
            round(((EPOCH + s * SECOND).replace(tzinfo=UTC).astimezone(rules).utcoffset() or timedelta()) / SECOND)
            for s in at
        ]
        assert (got // 1_000_000).tolist() == truth


def test_a_far_time_has_its_offset_whatever_else_the_log_holds() -> None:
    rules = zoneinfo.ZoneInfo("Europe/Berlin")
    for year in (2460, 2495, 2501, 2800, 4000, 9998, 9999):
        for month in (1, 7):
            second = int(datetime(year, month, 1, tzinfo=UTC).timestamp())
            truth = datetime(year, month, 1, tzinfo=UTC).astimezone(rules).utcoffset()
            assert Zone("Europe/Berlin").offset_at(np.array([second]) * 1_000_000) == truth // timedelta(microseconds=1)


def test_clocks_change_no_more_after_9999() -> None:
    transitions, offsets = Zone("Europe/Berlin").table(0, 2**63 - 1)
    assert np.datetime_as_string(transitions[-1:].astype("datetime64[us]")).tolist() == ["9999-10-31T01:00:00.000000"]
    assert offsets[-1] == 3_600_000_000


def test_whole_range_of_int64_has_an_offset_and_does_not_wrap() -> None:
    ends = np.array([-(2**63) + 1, -1, 0, 2**63 - 1], np.int64)
    for name in ("Asia/Tokyo", "America/New_York"):
        table = Zone(name)
        assert (np.abs(table.offset_at(ends)) < 86_400_000_000).all()
        utc, _, _ = table.to_utc(ends)
        assert (np.sign(utc) == np.sign(ends - 1)).all() or name == "America/New_York"
        assert int(utc[-1]) > 2**62
        assert int(utc[0]) < -(2**62)


def test_utc_has_no_transitions() -> None:
    for name in ("UTC", "Etc/UTC"):
        transitions, offsets = Zone(name).table(0, 10**18)
        assert transitions.size == offsets.size == 0
        assert Zone(name).name == "UTC"
    assert zone("UTC") == Zone("Etc/UTC")
    utc, ambiguous, nonexistent = Zone("UTC").to_utc(np.array([5], np.int64))
    assert utc.tolist() == [5]
    assert not ambiguous.any()
    assert not nonexistent.any()


def test_table_is_what_the_core_expects() -> None:
    transitions, offsets = Zone("Europe/Berlin").table(1_500_000_000_000_000, 1_600_000_000_000_000)
    assert transitions.dtype == offsets.dtype == np.int64
    assert (transitions[1:] > transitions[:-1]).all()
    assert transitions[0] == -(2**63) + 1
    assert set((offsets[1:] // 3_600_000_000).tolist()) == {1, 2}


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("Europe/Berln", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("../etc/passwd", "IANA"),
        ("localtime", "zone"),
        ("", "zone"),
        ("+02:00", "zone"),
    ],
)
def test_unknown_zone_names_the_nearest(name: str, word: str) -> None:
    with pytest.raises(ParameterError, match=word):
        Zone(name)


def test_zone_that_is_no_text() -> None:
    with pytest.raises(ParameterError, match="IANA"):
        Zone(5)  # type: ignore[arg-type]
