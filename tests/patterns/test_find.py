"""`find` on logs small enough to match by hand; times are offsets from a Monday midnight."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from pattern_logs import found

import seqmine as sm
from seqmine.errors import InvalidPattern, ParameterError

MakeLog = Callable[..., Any]

# name: (sequences, pattern, first, all)
CASES: dict[str, tuple[dict[str, str], str, list[str], list[str]]] = {
    "one step": (
        {"x": "a@0s b@1h a@2h", "y": "b@0s"},
        "a",
        ["x 0s 0s 0s"],
        ["x 0s 0s 0s", "x 2h 2h 2h"],
    ),
    "alternatives": (
        {"x": "c@0s b@1h", "y": "a@3h", "z": "c@0s"},
        "a|b",
        ["x 1h 1h 1h", "y 3h 3h 3h"],
        ["x 1h 1h 1h", "y 3h 3h 3h"],
    ),
    "any event": (
        {"x": "a@0s b@1h"},
        "* -> *",
        ["x 0s 1h 1h"],
        ["x 0s 1h 1h"],
    ),
    "a bare arrow is strictly later": (
        {"x": "a@1h b@1h", "y": "a@1h b@3600000001us"},
        "a -> b",
        ["y 1h 3600000001us 3600000001us"],
        ["y 1h 3600000001us 3600000001us"],
    ),
    "a bare arrow has no upper end": (
        {"x": "a@0s b@500w"},
        "a -> b",
        ["x 0s 500w 500w"],
        ["x 0s 500w 500w"],
    ),
    "a gap includes its lower end": (
        {"x": "a@0s b@1h"},
        "a -[1h,2h)-> b",
        ["x 0s 1h 1h"],
        ["x 0s 1h 1h"],
    ),
    "a gap excludes its upper end": (
        {"x": "a@0s b@2h", "y": "a@0s b@7199999999us"},
        "a -[1h,2h)-> b",
        ["y 0s 7199999999us 7199999999us"],
        ["y 0s 7199999999us 7199999999us"],
    ),
    "the latest feasible start, not the nearest event": (
        {"x": "a@0s a@1h a@2h b@3h"},
        "a -[1h30m,3h30m)-> b".replace("1h30m", "90m").replace("3h30m", "210m"),
        ["x 1h 3h 3h"],
        ["x 1h 3h 3h"],
    ),
    "a greedy matcher would take the wrong b": (
        {"x": "a@0s b@1h b@5h c@6h"},
        "a -> b -[0s,2h)-> c",
        ["x 0s 6h 6h"],
        ["x 0s 6h 6h"],
    ),
    "all gives distinct moments with their latest starts": (
        {"x": "a@0s a@2h b@1h b@3h b@3h"},
        "a -> b",
        ["x 0s 1h 1h"],
        ["x 0s 1h 1h", "x 2h 3h 3h"],
    ),
    "zero gap: simultaneous events match in either row order": (
        {"x": "a@1h b@1h"},
        "b -[0s,1us)-> a",
        ["x 1h 1h 1h"],
        ["x 1h 1h 1h"],
    ),
    "zero gap: one event is not two": (
        {"x": "a@1h", "y": "a@1h a@1h"},
        "a -[0s,1h)-> a",
        ["y 1h 1h 1h"],
        ["y 1h 1h 1h"],
    ),
    "zero gap: an alternative must leave an event for the next step": (
        {"x": "a@1h b@1h", "y": "a@1h", "z": "b@1h"},
        "a|b -[0s,1h)-> a",
        ["x 1h 1h 1h"],
        ["x 1h 1h 1h"],
    ),
    "zero gaps: three steps need three events": (
        {"x": "a@1h b@1h", "y": "a@1h a@1h b@1h"},
        "* -[0s,1us)-> a -[0s,1us)-> *",
        ["y 1h 1h 1h"],
        ["y 1h 1h 1h"],
    ),
    "zero gap: the event may also follow later": (
        {"x": "a@1h a@90m"},
        "a -[0s,1h)-> a",
        ["x 1h 90m 90m"],
        ["x 1h 90m 90m"],
    ),
    "without looks strictly between": (
        {"x": "a@0s c@1h b@2h", "y": "c@0s a@0s b@2h c@2h", "z": "a@0s c@1h a@90m b@2h"},
        "a -> b without c",
        ["y 0s 2h 2h", "z 90m 2h 2h"],
        ["y 0s 2h 2h", "z 90m 2h 2h"],
    ),
    "without takes conditions and any step": (
        {"x": "a@0s b@2h", "y": "a@0s d@1h b@2h"},
        "a -> b without *",
        ["x 0s 2h 2h"],
        ["x 0s 2h 2h"],
    ),
    "without guards its own step only": (
        {"x": "a@0s c@1h b@2h d@3h", "y": "a@0s b@1h c@2h d@3h"},
        "a -> b without c -> d",
        ["y 0s 3h 3h"],
        ["y 0s 3h 3h"],
    ),
    "span is exclusive and covers the positive steps": (
        {"x": "a@0s b@1h c@2h", "y": "a@0s b@1h c@7199999999us"},
        "a -> b -> c span < 2h",
        ["y 0s 7199999999us 7199999999us"],
        ["y 0s 7199999999us 7199999999us"],
    ),
    "span leaves out the trailing absence and the anchor": (
        {"x": "z@0s a@9h b@10h z@90h", "y": "c@0s"},
        "^ -> a -> b -> no c within 3d span < 2h",
        ["x 9h 10h 82h"],
        ["x 9h 10h 82h"],
    ),
    "the first event can only be followed": (
        {"x": "a@0s a@1h", "y": "a@0s"},
        "^ -> a",
        ["x 1h 1h 1h"],
        ["x 1h 1h 1h"],
    ),
    "the anchor consumes no event": (
        {"x": "a@0s b@1h"},
        "^ -[0s,1us)-> a",
        ["x 0s 0s 0s"],
        ["x 0s 0s 0s"],
    ),
    "an anchored gap": (
        {"x": "z@0s a@7d a@8d a@21d", "y": "z@0s a@8d a@22d"},
        "^ -[7d,8d)-> a -[14d,17d)-> a",
        ["x 1w 3w 3w"],
        ["x 1w 3w 3w"],
    ),
    "without guards the way from the start": (
        {"x": "z@0s c@1h a@2h", "y": "c@0s z@0s a@2h c@3h"},
        "^ -> a without c",
        ["y 2h 2h 2h"],
        ["y 2h 2h 2h"],
    ),
    "times before 1970": (
        {"x": "a@-3000w b@-2999w"},
        "a -> b",
        ["x -3000w -2999w -2999w"],
        ["x -3000w -2999w -2999w"],
    ),
    "nothing": (
        {"x": "a@0s b@1h"},
        "b -> a",
        [],
        [],
    ),
}


@pytest.mark.parametrize(("sequences", "pattern", "first", "every"), CASES.values(), ids=CASES.keys())
def test_by_hand(
    make_log: MakeLog, sequences: dict[str, str], pattern: str, first: list[str], every: list[str]
) -> None:
    log = make_log(sequences)
    assert found(sm.find(log, pattern)) == first
    assert found(sm.find(log, sm.parse_pattern(pattern), occurrences="all", threads=1)) == every
    (counted,) = sm.count(log, pattern).to_pylist()
    assert counted == {"pattern": str(sm.parse_pattern(pattern)), "n_matched": len(first), "n_undecided": 0}


def test_a_trailing_absence(make_log: MakeLog) -> None:
    log = make_log(
        {
            "clean": "a@0s z@9h",
            "at the edge": "a@0s c@3h",
            "just after": "a@0s c@10800000001us",
            "at the same time": "a@0s c@0s",
            "second try": "a@0s c@1h a@2h z@9h",
        }
    )
    table = sm.find(log, "a -> no c within 3h", occurrences="all")
    assert found(table) == ["at the same time 0s 0s 3h", "clean 0s 0s 3h", "just after 0s 0s 3h", "second try 2h 2h 5h"]


def test_a_contradicted_match_gives_way_to_the_next(make_log: MakeLog) -> None:
    log = make_log({"x": "a@0s b@1h c@2h b@3h z@9h", "y": "d@0s"})
    pattern = "a -> b -> no c within 2h -> no d within 1h"
    assert found(sm.find(log, pattern)) == ["x 0s 3h 5h"]
    assert sm.count(log, pattern)["n_undecided"].to_pylist() == [0]


def test_what_is_not_decided_by_the_end_is_no_match(make_log: MakeLog) -> None:
    sequences = {"in time": "a@5h", "late": "a@7h", "late but contradicted": "a@7h c@8h", "early and late": "a@1h a@7h"}
    log = make_log(sequences, observed_until="10h")
    pattern = "a -> no c within 5h"
    assert found(sm.find(log, pattern, "all")) == ["early and late 1h 1h 6h", "in time 5h 5h 10h"]
    assert sm.count(log, pattern).to_pylist() == [{"pattern": pattern, "n_matched": 2, "n_undecided": 1}]
    # One more hour of observation decides one more hour of matches, no more.
    longer = make_log(sequences, observed_until="12h")
    assert sm.count(longer, pattern).to_pylist() == [{"pattern": pattern, "n_matched": 3, "n_undecided": 0}]


def test_the_longest_absence_makes_the_match_ready(make_log: MakeLog) -> None:
    log = make_log({"x": "a@0s d@2h z@6h", "y": "b@0s c@0s"}, observed_until="6h")
    assert found(sm.find(log, "a -> no b within 4h -> no c within 6h")) == ["x 0s 0s 6h"]
    assert found(sm.find(log, "a -> no b within 4h -> no d within 1h")) == ["x 0s 0s 4h"]
    assert found(sm.find(log, "a -> no b within 4h -> no d within 2h")) == []


def test_very_long_times_do_not_overflow(make_log: MakeLog) -> None:
    log = make_log({"x": "a@0s b@1h"})
    longest = "9223372036854775807us"
    assert found(sm.find(log, f"a -[0s,{longest})-> b span < {longest}")) == ["x 0s 1h 1h"]
    assert sm.count(log, f"b -> no a within {longest}").to_pylist()[0]["n_undecided"] == 1


def test_declared_starts(make_log: MakeLog) -> None:
    sequences = {"declared": "a@8d", "declared late": "z@0s a@8d", "first event": "z@0s a@8d"}
    log = make_log(sequences, starts={"declared": "1d", "declared late": "5d"})
    assert found(sm.find(log, "^ -[7d,8d)-> a")) == ["declared 8d 8d 8d"]
    assert found(sm.find(log, "^ -[8d,9d)-> a")) == ["first event 8d 8d 8d"]
    assert found(sm.find(log, "^ -[3d,4d)-> a")) == ["declared late 8d 8d 8d"]


def test_entities_are_in_byte_order(make_log: MakeLog) -> None:
    log = make_log({"é": "a@0s", "z": "a@0s", "Z": "a@0s", "10": "a@0s", "9": "a@0s"})
    assert sm.find(log, "a")["entity"].to_pylist() == ["10", "9", "Z", "z", "é"]


def test_threads_change_nothing(make_log: MakeLog) -> None:
    log = make_log({f"e{i}": f"a@{i}s b@{i % 7 * 10}s a@{i % 5}m b@9m" for i in range(500)})
    tables = [sm.find(log, "a -[0s,3m)-> b", "all", threads=n) for n in (1, 2, 4, 8)]
    assert all(table.equals(tables[0]) for table in tables)
    assert tables[0].num_rows > 100


def test_count_of_several_patterns(make_log: MakeLog) -> None:
    log = make_log({"x": "a@0s b@1h", "y": "a@0s"})
    table = sm.count(log, ["a->b", sm.parse_pattern("a"), "a -> no b within 1h"])
    assert table.to_pylist() == [
        {"pattern": "a -> b", "n_matched": 1, "n_undecided": 0},
        {"pattern": "a", "n_matched": 2, "n_undecided": 0},
        {"pattern": "a -> no b within 1h", "n_matched": 1, "n_undecided": 0},
    ]
    empty = sm.count(log, [])
    assert empty.schema == pa.schema([("pattern", pa.string()), ("n_matched", pa.int64()), ("n_undecided", pa.int64())])
    assert empty.num_rows == 0


def test_a_log_without_entities(make_log: MakeLog) -> None:
    log = make_log({})
    assert found(sm.find(log, "*")) == []
    assert sm.count(log, "*")["n_matched"].to_pylist() == [0]


def test_bad_arguments(make_log: MakeLog) -> None:
    log = make_log({"x": "a@0s"})
    with pytest.raises(ParameterError, match="occurrences must be 'first' or 'all' - did you mean 'first'"):
        sm.find(log, "a", occurrences="frist")
    with pytest.raises(ParameterError, match="threads must be"):
        sm.find(log, "a", threads=-1)
    with pytest.raises(ParameterError, match="threads must be"):
        sm.find(log, "a", threads=2**40)
    with pytest.raises(ParameterError, match="threads must be"):
        sm.count(log, "a", threads=1.5)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="a pattern is a Pattern or its text, not int"):
        sm.find(log, 5)  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="not set"):
        sm.count(log, {"a"})  # type: ignore[arg-type]
    with pytest.raises(InvalidPattern, match="at character 4"):
        sm.count(log, ["a", "b ->"])
