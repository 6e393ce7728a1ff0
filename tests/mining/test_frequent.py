"""`mine_frequent`: options, texts, order, budgets, threads. Equality with the oracle is in tests/properties."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import seqmine as sm
from seqmine.errors import ParameterError


def log_of(*lives: str, unit: str = "s") -> sm.EventLog:
    """Entities from texts such as ``"a b,c . a"``: one tick a word, a comma for simultaneous events, a dot for none."""
    rows = [
        (f"e{number}", tick * 60, name)
        for number, life in enumerate(lives)
        for tick, word in enumerate(life.split())
        if word != "."
        for name in word.split(",")
    ]
    entity, time, event = zip(*rows, strict=True) if rows else ((), (), ())
    table = pa.table(
        {
            "entity": pa.array(entity, pa.string()),
            "time": pa.array(time, pa.int64()),
            "event": pa.array(event, pa.string()),
        }
    )
    return sm.EventLog.from_arrow(table, time_unit=unit, plausible_years=None)


def mined(log: sm.EventLog, **options: Any) -> dict[str, int]:
    table = sm.mine_frequent(log, sm.FrequentOptions(**options)).to_arrow()
    assert table.schema == pa.schema({"pattern": pa.string(), "support": pa.int64()})
    return dict(zip(table["pattern"].to_pylist(), table["support"].to_pylist(), strict=True))


def random_log(seed: int, n_entities: int = 300, n_types: int = 8, length: int = 14) -> sm.EventLog:
    rng = np.random.default_rng(seed)
    n = n_entities * length
    table = pa.table(
        {
            "entity": [f"e{i}" for i in rng.integers(0, n_entities, n)],
            "time": rng.integers(0, 50, n) * 1_000_000,
            "event": [f"t{i}" for i in rng.zipf(1.5, n) % n_types],
        }
    )
    return sm.EventLog.from_arrow(table, time_unit="us", plausible_years=None)


def test_supports_count_entities_and_steps_are_strictly_later() -> None:
    log = log_of("a b a b", "a,b c", "b a")
    assert mined(log, min_support=1, max_length=2) == {
        "a": 3, "b": 3, "c": 1, "b -> a": 2, "a -> a": 1, "a -> b": 1, "a -> c": 1, "b -> b": 1, "b -> c": 1,
    }  # fmt: skip


def test_order_is_support_then_length_then_text() -> None:
    log = log_of("b a c", "b a c", "a", "\u00e9 a", "x.y x:z")
    table = sm.mine_frequent(log, sm.FrequentOptions(min_support=1)).to_arrow()
    keys = [(-row["support"], row["pattern"].count("->") + 1, row["pattern"].encode()) for row in table.to_pylist()]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys) == 7 + 7 - 2


def test_printed_patterns_mean_the_same_to_count() -> None:
    log = random_log(1)
    for limits in ({}, {"max_gap": "7s"}, {"min_gap": "3s", "max_gap": "20s", "max_span": "30s"}, {"min_gap": "5s"}):
        table = sm.mine_frequent(log, sm.FrequentOptions(min_support=60, max_length=3, **limits)).to_arrow()
        assert table.num_rows > 20
        counted = sm.count(log, table["pattern"].to_pylist())
        assert counted["n_matched"].to_pylist() == table["support"].to_pylist()
        parsed = [str(sm.parse_pattern(text)) for text in table["pattern"].to_pylist()]
        assert parsed == table["pattern"].to_pylist()


def test_gap_and_span_texts() -> None:
    log = log_of("a b c", "a b c")
    assert set(mined(log, min_support=2, max_gap="90s", max_length=2)) == {
        "a", "b", "c", "a -[1us,90s)-> b", "b -[1us,90s)-> c",
    }  # fmt: skip
    assert "a -[2m,inf)-> c" in mined(log, min_support=2, min_gap=timedelta(minutes=2))
    assert set(mined(log, min_support=2, max_span="2m")) == {"a", "b", "c", "a -> b span < 2m", "b -> c span < 2m"}


def test_an_inner_step_may_make_a_rare_pair_frequent() -> None:
    # a..c lies beyond the gap, a..b..c does not: pruning by a..c would lose it.
    assert mined(log_of("a b c", "a b c"), min_support=2, max_gap="61s", max_length=3) == {
        "a": 2, "b": 2, "c": 2, "a -[1us,61s)-> b": 2, "b -[1us,61s)-> c": 2,
        "a -[1us,61s)-> b -[1us,61s)-> c": 2,
    }  # fmt: skip


def test_an_earlier_end_may_reach_what_a_later_one_does_not() -> None:
    log = log_of("a b c a b", "a b c a b")
    found = mined(log, min_support=2, max_gap="61s")
    assert found["a -[1us,61s)-> b -[1us,61s)-> c"] == 2


def test_closed() -> None:
    assert mined(log_of("a b", "a b", "b"), min_support=2, closed=True) == {"b": 3, "a -> b": 2}
    # Under a gap a -> c is not frequent, yet a -> b -> c contains both a and c.
    assert mined(log_of("a b c", "a b c"), min_support=2, max_gap="61s", closed=True) == {
        "a -[1us,61s)-> b -[1us,61s)-> c": 2
    }
    few = random_log(3, n_entities=12)
    everything = mined(few, min_support=8)
    closed = mined(few, min_support=8, closed=True)
    assert 0 < len(closed) < len(everything)
    assert closed.items() <= everything.items()


@pytest.mark.parametrize(
    ("share", "expected"), [(0.1, 73), (0.5, 365), (0.001, 1), (0.9999, 730), (np.float64(0.2), 146)]
)
def test_a_share_is_rounded_up_from_its_decimal_text(share: float, expected: int) -> None:
    result = sm.mine_frequent(log_of(*["a"] * 730), sm.FrequentOptions(min_support=share))
    assert result.stats["min_support"] == expected
    assert len(result) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"min_support": 0}, {"min_support": -1}, {"min_support": True}, {"min_support": 1.0}, {"min_support": 0.0},
        {"min_support": math.nan}, {"min_support": "5"}, {"min_support": 2**40}, {"max_length": 0}, {"max_length": 1.5},
        {"min_gap": "0s"}, {"min_gap": "1h", "max_gap": "1h"}, {"max_gap": "1us"}, {"max_gap": 5}, {"max_gap": "5"},
        {"max_span": "0s"}, {"max_span": timedelta(0)}, {"min_gap": timedelta(-1)}, {"threads": -1}, {"closed": "yes"},
        {"max_seconds": 0}, {"max_seconds": math.inf}, {"max_memory": 0}, {"max_patterns": 0}, {"max_gap": "3months"},
    ],
)  # fmt: skip
def test_options_that_cannot_work(options: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        sm.FrequentOptions(**options)


def test_positional_options_and_wrong_types_are_refused() -> None:
    with pytest.raises(TypeError):
        sm.FrequentOptions(5)  # type: ignore[misc]
    with pytest.raises(ParameterError, match="FrequentOptions"):
        sm.mine_frequent(log_of("a"), {"min_support": 1})  # type: ignore[arg-type]


def test_an_empty_log_and_a_support_nothing_has() -> None:
    for log in (log_of(), log_of("a b")):
        result = sm.mine_frequent(log)
        assert result.complete
        assert result.to_arrow().num_rows == 0
        assert result.to_arrow().schema.names == ["pattern", "support"]
        assert "0 patterns" in result._repr_html_()


@pytest.mark.threaded
@pytest.mark.parametrize("limits", [{}, {"max_gap": "9s"}, {"max_gap": "20s", "max_span": "31s"}, {"closed": True}])
def test_same_bytes_for_any_number_of_threads(limits: dict[str, Any]) -> None:
    log = random_log(5)
    first = sm.mine_frequent(log, sm.FrequentOptions(min_support=30, threads=1, **limits))
    assert len(first) > 100
    for threads in (2, 4, 8):
        other = sm.mine_frequent(log, sm.FrequentOptions(min_support=30, threads=threads, **limits))
        assert other.to_arrow().equals(first.to_arrow())
        assert other.complete


def test_max_patterns_gives_the_head_of_the_whole_result() -> None:
    log = random_log(6)
    whole = sm.mine_frequent(log, sm.FrequentOptions(min_support=30)).to_arrow()
    for most in (1, 10, 100, whole.num_rows):
        for threads in (1, 4):
            result = sm.mine_frequent(log, sm.FrequentOptions(min_support=30, max_patterns=most, threads=threads))
            assert result.to_arrow().equals(whole.slice(0, most))
            assert result.complete == (most == whole.num_rows)
            assert result.truncated_by == (None if result.complete else "patterns")


def test_a_budget_of_seconds_or_memory_is_flagged() -> None:
    log = log_of(*[" ".join("abcdefgh"[(7 * i * i + e) % 8] for i in range(60)) for e in range(6)])
    for budget in ({"max_seconds": 0.1}, {"max_memory": 20_000_000}):
        result = sm.mine_frequent(log, sm.FrequentOptions(min_support=2, **budget))
        assert not result.complete
        assert f"max_{result.truncated_by}" in budget
        assert "not complete" in result._repr_html_()
        some = result.to_arrow().slice(0, 20)
        assert sm.count(log, some["pattern"].to_pylist())["n_matched"].to_pylist() == some["support"].to_pylist()


def test_html_is_escaped_and_short() -> None:
    log = log_of(*["<script>alert(1)</script> a b c d e f"] * 2)
    text = sm.mine_frequent(log, sm.FrequentOptions(min_support=2))._repr_html_()
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert text.count("<tr>") == 21


def test_names_are_quoted_where_they_must_be() -> None:
    log = log_of(*['within "say" x.y:z -'] * 2)
    assert set(mined(log, min_support=2, max_length=1)) == {'"within"', '"\\"say\\""', "x.y:z", '"-"'}


def test_extreme_times() -> None:
    first, last = -(2**63) + 1, 2**63 - 1
    table = pa.table({"entity": ["x"] * 3 + ["y"] * 2, "time": [first, 0, last, first, last], "event": list("abcac")})
    log = sm.EventLog.from_arrow(table, time_unit="us", plausible_years=None)
    assert mined(log, min_support=2) == {"a": 2, "c": 2, "a -> c": 2}
    hundred_years = {"max_gap": timedelta(days=36_500)}
    assert mined(log, min_support=2, **hundred_years) == {"a": 2, "c": 2}
    assert len(mined(log, min_support=1, max_span=timedelta(microseconds=2**53))) == 3


def test_stats_tell_what_was_done() -> None:
    result = sm.mine_frequent(random_log(8), sm.FrequentOptions(min_support=30))
    assert result.stats["n_rows"] == 300
    assert result.stats["n_scanned"] == 300 * 14
    assert result.stats["n_frequent"] == len(result)
    assert result.stats["seconds"] > 0
    with pytest.raises(TypeError):
        result.stats["n_rows"] = 1  # type: ignore[index]
