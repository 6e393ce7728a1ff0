"""What large logs alone reach: masks that are added up, rests that are not merged, rows too long for short windows."""

from __future__ import annotations

import resource
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

import seqmine as sm

COPIES = 40
_RNG = np.random.default_rng


def _log(n_entities: int, copies: int) -> sm.EventLog:
    """Entities of a dozen events, each `copies` times under another name."""
    rng = np.random.default_rng(7)
    n_events = 12
    time = np.cumsum(rng.integers(1, 5_000, (n_entities, n_events)), axis=1)
    code = rng.choice(8, (n_entities, n_events), p=np.array([8, 6, 5, 4, 3, 2, 2, 2]) / 32)
    names = [f"e{entity}-{copy}" for copy in range(copies) for entity in range(n_entities)]
    table = pa.table(
        {
            "entity": np.repeat(names, n_events),
            "time": np.tile(time.ravel(), copies),
            "event": np.tile(np.array(list("abcdefgh"))[code.ravel()], copies),
        }
    )
    return sm.EventLog.from_arrow(table, time_unit="s", plausible_years=None)


def _labels(n_entities: int, copies: int) -> sm.Labels:
    rng = np.random.default_rng(8)
    label = (rng.random(n_entities) < 0.3).astype(np.int8)
    names = [f"e{entity}-{copy}" for copy in range(copies) for entity in range(n_entities)]
    table = {"entity": names, "index_time": ["1980-01-01"] * len(names), "label": np.tile(label, copies)}
    return sm.Labels.from_arrow(pa.table(table), timezone="UTC")


@pytest.mark.parametrize("learn", [True, False])
def test_every_entity_many_times_is_every_count_as_many_times(learn: bool) -> None:
    # 60,000 rows with some 8 items each after the first: more masks than a worker holds at a time.
    found = []
    for copies in (1, COPIES):
        options = sm.MinerOptions(
            max_length=3, max_gap="2h", min_support=20 * copies, top_k=60, learn_gaps=learn, redundancy=None
        )
        found.append(sm.mine(_log(1500, copies), _labels(1500, copies), options).to_arrow())
    once, often = found
    assert once.num_rows == 60
    assert often["pattern"].to_pylist() == once["pattern"].to_pylist()
    for column in ("n_matched", "n_positive"):
        assert often[column].to_pylist() == [COPIES * n for n in once[column].to_pylist()]


def test_frequent_sequences_of_a_log_too_large_to_be_merged() -> None:
    # 150,000 rows: more than a million entries follow the most frequent item.
    copies = 100
    once = sm.mine_frequent(_log(1500, 1), sm.FrequentOptions(min_support=60, max_length=4)).to_arrow()
    often = sm.mine_frequent(_log(1500, copies), sm.FrequentOptions(min_support=60 * copies, max_length=4)).to_arrow()
    assert once.num_rows > 500
    assert often["pattern"].to_pylist() == once["pattern"].to_pylist()
    assert often["support"].to_pylist() == [copies * n for n in once["support"].to_pylist()]


def _long_rows() -> sm.EventLog:
    """Two rows of more events than 16 bits count, among short ones."""
    lengths = [70_000, 40, 30, 66_000, 20, 60]
    return _of_lengths(lengths, np.array(list("abcdef"))[_RNG(9).integers(0, 6, sum(lengths))])


def _idle_rows() -> sm.EventLog:
    """Six rows of frequent events; the fourth is 65,536 rows after the third, those between having a rare event."""
    busy, n_idle = [40] * 6, 65_535
    lengths = [*busy[:3], *[1] * n_idle, *busy[3:]]
    frequent = np.array(list("abcdef"))[_RNG(10).integers(0, 6, sum(busy))]
    rare = [f"rare {i // 2}" for i in range(n_idle)]
    return _of_lengths(lengths, np.concatenate([frequent[:120], rare, frequent[120:]]))


def _of_lengths(lengths: list[int], events: object) -> sm.EventLog:
    rng = _RNG(11)
    table = pa.table(
        {
            "entity": np.repeat([f"e{i:06}" for i in range(len(lengths))], lengths),
            "time": np.concatenate([np.cumsum(rng.integers(0, 9, n)) for n in lengths]),
            "event": events,
        }
    )
    return sm.EventLog.from_arrow(table, time_unit="s", plausible_years=None)


@pytest.mark.parametrize("limits", [{}, {"max_gap": "30s"}, {"min_gap": "2s", "max_gap": "40s", "max_span": "1m"}])
@pytest.mark.parametrize("make", [_long_rows, _idle_rows])
def test_rows_that_a_short_window_cannot_count(make: Callable[[], sm.EventLog], limits: dict[str, str]) -> None:
    log = make()
    found = sm.mine_frequent(log, sm.FrequentOptions(min_support=4, max_length=3, **limits)).to_arrow()
    assert found.num_rows > 40
    counted = sm.count(log, found["pattern"].to_pylist())
    assert counted["n_matched"].to_pylist() == found["support"].to_pylist()
    rng = _RNG(12)
    entities = log.entities
    label = (rng.random(len(entities)) < 0.4).astype(np.int8)
    table = pa.table({"entity": entities, "index_time": ["1980-01-01"] * len(entities), "label": label})
    asked = {"max_gap": None, **limits}
    options = sm.MinerOptions(max_length=3, min_support=4, learn_gaps=False, redundancy=None, **asked)
    mined = sm.mine(log, sm.Labels.from_arrow(table, timezone="UTC"), options).to_arrow()
    assert mined.num_rows > 40
    assert sm.count(log, mined["pattern"].to_pylist())["n_matched"].to_pylist() == mined["n_matched"].to_pylist()


def _many_types(n_rows: int, n_types: int) -> tuple[sm.EventLog, sm.Labels]:
    """Rows that begin alike and then have every type at one moment of their own."""
    entities = [f"e{i:04}" for i in range(n_rows)]
    table = pa.table(
        {
            "entity": np.repeat(entities, n_types + 1),
            "time": np.concatenate([np.r_[0, np.full(n_types, 1 + i % 100)] for i in range(n_rows)]),
            "event": np.tile(np.array(["start", *(f"x{i}" for i in range(n_types))]), n_rows),
        }
    )
    log = sm.EventLog.from_arrow(table, time_unit="s", plausible_years=None)
    labels = {
        "entity": entities,
        "index_time": ["1980-01-01"] * n_rows,
        "label": [i % 100 < 39 for i in range(n_rows)],
    }
    return log, sm.Labels.from_arrow(pa.table(labels), timezone="UTC")


@pytest.mark.timing  # not under sanitizers, whose shadow is memory too
@pytest.mark.parametrize(("n_rows", "n_bins", "too_little"), [(300, 63, 8 << 20), (900, 15, 24 << 20)])
def test_learned_gaps_of_many_types_stay_inside_max_memory(n_rows: int, n_bins: int, too_little: int) -> None:
    # 1,000 tables take 135 MB at 64 bins, more than the masks (5 MB), and 8 MB at 16 bins, less than the masks (14 MB).
    log, labels = _many_types(n_rows, 1000)
    bins = [f"{10 * (i + 1)}s" for i in range(n_bins)]

    def mine(max_memory: int) -> sm.MiningResult:
        options = sm.MinerOptions(
            max_length=2, max_gap=None, min_support=20, top_k=20, gap_bins=bins, redundancy=None, max_memory=max_memory
        )
        return sm.mine(log, labels, options)

    assert not mine(too_little).complete
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = mine(48 << 20)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10 < 64 << 20
    assert found.complete
    best = found.to_arrow()
    assert best["pattern"][0].as_py().startswith("start -[1us,40s)-> x")
    counted = sm.count(log, best["pattern"].to_pylist())
    assert counted["n_matched"].to_pylist() == best["n_matched"].to_pylist()
