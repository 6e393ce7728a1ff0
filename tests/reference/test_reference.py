"""The oracle against cases worked by hand from the specification: 100 of them, and what it may import.

An oracle that is wrong in the same way as the engine proves nothing, so every operator stands here with an
answer that a reader can check by eye. Times are microseconds: `a@0 b@5` is event a at 0 and b at 5.
"""

from __future__ import annotations

import ast
import math
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from .labels import Index, Outcome, Study, in_discovery, label, seen_rows, top_threshold
from .language import (
    UNITS,
    Condition,
    Event,
    Log,
    Step,
    chain,
    condition_holds,
    duration_text,
    fits,
    local_time,
    parse_duration,
    parse_mined,
    to_text,
)
from .matching import Row, count, examine, find
from .mining import Limits, all_scored, chains, contains, frequent, measure_of, score_rows, top_k

LOWEST, HIGHEST = -(2**63) + 1, 2**63 - 1
DAY, HOUR = UNITS["d"], UNITS["h"]


def one(text: str) -> list[Event]:
    """Events of one entity: `a@0 b@5`."""
    return [Event("x", int(t), name) for name, t in (word.split("@") for word in text.split())]


def many(text: str) -> list[Event]:
    """Events of several entities: `x:a@0 y:b@5`."""
    return [Event(w.split(":")[0], int(w.split("@")[1]), w.split(":")[1].split("@")[0]) for w in text.split()]


# pattern, events, [(start, moment, ready)] over the whole log
MOMENTS = [
    ("a", "b@0 a@1 a@4", [(1, 1, 1), (4, 4, 4)]),
    ("a", "b@0", []),
    ("a|b", "b@0 a@1 c@2", [(0, 0, 0), (1, 1, 1)]),
    ("*", "b@0 a@0 c@2", [(0, 0, 0), (2, 2, 2)]),
    # strictly later, and never in row order
    ("a -> b", "a@3 b@3", []),
    ("a -> b", "b@3 a@3", []),
    ("a -> b", "a@3 b@4", [(3, 4, 4)]),
    ("a -> a", "a@3 a@3", []),
    ("a -> b", f"a@{LOWEST} b@{HIGHEST}", [(LOWEST, HIGHEST, HIGHEST)]),
    # a gap from 0 lets simultaneous events match, in either order, and never one event twice
    ("a -[0s,1us)-> b", "a@3 b@3", [(3, 3, 3)]),
    ("a -[0s,1us)-> b", "b@3 a@3", [(3, 3, 3)]),
    ("a -[0s,1us)-> a", "a@3", []),
    ("a -[0s,1us)-> a", "a@3 a@3", [(3, 3, 3)]),
    ("a -[0s,1us)-> a -[0s,1us)-> a", "a@3 a@3", []),
    ("* -[0s,1us)-> a", "a@3 b@3", [(3, 3, 3)]),
    ("a -[0s,2us)-> a", "a@3 a@4", [(3, 4, 4)]),
    # half open gaps
    ("a -[2us,5us)-> b", "a@0 b@1 b@2 b@4 b@5", [(0, 2, 2), (0, 4, 4)]),
    ("a -[2us,5us)-> b", "a@0 a@1 b@4", [(1, 4, 4)]),
    (f"a -[{2**64 - 3}us,{2**64 - 2}us)-> b", f"a@{LOWEST} b@{HIGHEST}", []),
    (f"a -[{2**64 - 2}us,{2**64 - 1}us)-> b", f"a@{LOWEST} b@{HIGHEST}", [(LOWEST, HIGHEST, HIGHEST)]),
    # the latest feasible start, not the latest start
    ("a -> b -> c", "a@0 b@1 a@2 c@3", [(0, 3, 3)]),
    ("a -> b -> c", "a@0 a@1 b@2 c@3", [(1, 3, 3)]),
    ("a -> b -[1us,2us)-> c", "a@0 b@1 a@2 b@3 c@4", [(2, 4, 4)]),
    # span: first to last positive step, exclusive
    ("a -> b span < 3us", "a@0 b@2 b@3", [(0, 2, 2)]),
    ("a -> b -> c span < 3us", "a@0 b@1 c@3", []),
    ("a -> b -> c span < 3us", "a@0 b@1 a@1 b@2 c@3", [(1, 3, 3)]),
    # without: strictly between
    ("a -> b without c", "a@0 c@1 b@2", []),
    ("a -> b without c", "a@0 c@0 b@2 c@2", [(0, 2, 2)]),
    ("a -> b without c", "a@0 c@1 a@1 b@2", [(1, 2, 2)]),
    ("a -> b without *", "a@0 b@1 b@2", [(0, 1, 1)]),
    ("a -> b without b -> c", "a@0 b@1 b@2 c@3", [(0, 3, 3)]),
    ("a -> b -> c without d", "a@0 d@1 b@2 c@3", [(0, 3, 3)]),
    # trailing absence: (t, t + w], and the log must go on to t + w
    ("a -> no b within 2us", "a@0 b@2", []),
    ("a -> no b within 2us", "a@0 b@3", [(0, 0, 2)]),
    ("a -> no b within 2us", "a@0 b@0 c@2", [(0, 0, 2)]),
    ("a -> no b within 2us", "a@0 c@1", []),
    ("a -> no a within 2us", "a@0 a@1 c@9", [(1, 1, 3)]),
    ("a -> no b within 2us -> no c within 5us", "a@0 b@3 d@5", [(0, 0, 5)]),
    ("a -> no b within 2us -> no c within 5us", "a@0 c@3 d@5", []),
    (f"a -> no b within {HIGHEST}us", f"a@1 c@{HIGHEST}", []),
    # an anchor uses up no event, gaps count from it
    ("^ -[0s,1us)-> a", "a@3 a@4", [(3, 3, 3)]),
    ("^ -> a", "a@3 a@4", [(4, 4, 4)]),
    ("^ -[2us,4us)-> a", "b@3 a@4 a@5 a@7", [(5, 5, 5)]),
    ("^ -> a without b", "c@0 b@1 a@2", []),
    ("^ -> a without b", "b@0 c@1 a@2", [(2, 2, 2)]),
    ("^ -> a -> b span < 2us", "c@0 a@5 b@6", [(5, 6, 6)]),
]


@pytest.mark.parametrize(("pattern", "events", "expected"), MOMENTS)
def test_moments(pattern: str, events: str, expected: list[tuple[int, int, int]]) -> None:
    log = Log(one(events))
    every = find(parse_mined(pattern), log, every=True)
    assert every == [("x", *moment) for moment in expected]
    assert find(parse_mined(pattern), log, every=False) == every[:1]


# pattern, events, visible from, last visible, verdict
VERDICTS = [
    ("a", "a@0 a@9", 1, 8, "no"),
    ("a", "a@0 a@9", 0, 8, "matched"),
    ("a -> no b within 5us", "a@0 z@9", None, 4, "undecided"),
    ("a -> no b within 5us", "a@0 z@9", None, 5, "matched"),
    ("a -> no b within 5us", "a@0 b@3", None, 4, "no"),
    ("a -> no b within 5us", "a@0 b@5", None, 4, "undecided"),
    ("a -> no b within 5us", "a@0 b@1 a@2", None, 4, "undecided"),
    ("a -> no b within 5us", "a@0 a@6", None, 8, "matched"),
    ("a -> no b within 2us -> no c within 9us", "a@0 b@1", None, 4, "no"),
    ("a -> no b within 2us -> no c within 9us", "a@0 b@3", None, 4, "undecided"),
    ("a -> b -> no c within 9us", "a@0 c@1", None, 4, "no"),
    ("^ -[5us,6us)-> a", "b@0 a@5", 3, 9, "matched"),
    ("^ -[2us,3us)-> a", "b@0 b@3 a@5", 3, 9, "no"),
    ("^ -[5us,6us)-> a without b", "z@0 b@1 a@5", 3, 9, "matched"),
    ("^ -[5us,6us)-> a without b", "z@0 b@1 b@4 a@5", 3, 9, "no"),
]


@pytest.mark.parametrize(("pattern", "events", "lo", "last", "verdict"), VERDICTS)
def test_verdicts_on_a_row(pattern: str, events: str, lo: int | None, last: int, verdict: str) -> None:
    assert examine(parse_mined(pattern), Log(one(events)), Row("x", lo, last))[0] == verdict


def test_excluded_events_are_invisible_to_every_operator() -> None:
    seen = Log(one("q@0 a@1 q@2 b@3 q@4"))
    row = Row("x", None, 9, frozenset({"q"}))
    assert examine(parse_mined("a -> b without *"), seen, row)[0] == "matched"
    assert examine(parse_mined("a -> b without *"), seen, Row("x", None, 9))[0] == "no"
    assert examine(parse_mined("b -> no * within 5us"), seen, row)[0] == "matched"
    assert examine(parse_mined("^ -[0s,1us)-> a"), seen, row)[0] == "matched"
    assert examine(parse_mined("* -> * -> *"), seen, row)[0] == "no"


def test_declared_start_is_the_anchor() -> None:
    pattern = parse_mined("^ -[0s,3us)-> a")
    assert find(pattern, Log(one("a@0 a@6"), starts={"x": 5}), every=True) == [("x", 6, 6, 6)]
    assert find(pattern, Log(one("a@0 a@6"), starts={"x": -1}), every=True) == [("x", 0, 0, 0)]


def test_find_sorts_entities_by_bytes_and_respects_the_declared_end() -> None:
    events = many("b:a@1 B:a@2 é:a@3 a10:a@4 a9:a@5")
    a = parse_mined("a")
    assert [row[0] for row in find(a, Log(events), every=True)] == ["B", "a10", "a9", "b", "é"]
    assert [row[0] for row in find(a, Log(events, declared_end=3), every=True)] == ["B", "b", "é"]


def test_count_gives_matched_undecided_and_positive() -> None:
    events = many("x:a@0 y:a@0 y:b@1 z:a@7 w:a@2 w:z@9")
    rows = [Row(e, None, 8) for e in "wxyz"]
    assert count(parse_mined("a -> no b within 3us"), Log(events), rows, [1, 0, 1, 1]) == (2, 1, 1)


# --- conditions -----------------------------------------------------------------------------------

# 1970-01-01 was a Thursday; 2021-03-28 01:00 UTC is when Berlin goes from +1 to +2.
SPRING = 1_616_893_200_000_000
CONDITIONS = [
    (Condition("value", ">=", 50), Event("x", 0, "a", 50.0), "UTC", True),
    (Condition("value", "<", 50), Event("x", 0, "a", 50.0), "UTC", False),
    (Condition("value", "<", 50), Event("x", 0, "a", None), "UTC", False),
    (Condition("value", "!=", 50), Event("x", 0, "a", None), "UTC", False),
    (Condition("attribute", "=", "web", "ch"), Event("x", 0, "a", None, {"ch": "web"}), "UTC", True),
    (Condition("attribute", "!=", "web", "ch"), Event("x", 0, "a", None, {"ch": "app"}), "UTC", True),
    (Condition("attribute", "!=", "web", "ch"), Event("x", 0, "a", None, {"ch": None}), "UTC", False),
    (Condition("weekday", "=", "Thu"), Event("x", 0, "a"), "UTC", True),
    (Condition("weekday", "=", "Thu"), Event("x", -1, "a"), "UTC", False),
    (Condition("weekday", "=", ("Mon", "Fri")), Event("x", DAY, "a"), "UTC", True),
    (Condition("weekday", "=", ("Mon", "Fri")), Event("x", 2 * DAY, "a"), "UTC", False),
    (Condition("weekday", "=", ("Sat", "Mon")), Event("x", 4 * DAY, "a"), "UTC", True),
    (Condition("weekday", "=", ("Sat", "Mon")), Event("x", 5 * DAY, "a"), "UTC", False),
    (Condition("hour", "=", (9, 12)), Event("x", 9 * HOUR, "a"), "UTC", True),
    (Condition("hour", "=", (9, 12)), Event("x", 12 * HOUR, "a"), "UTC", False),
    (Condition("hour", "=", (22, 6)), Event("x", 23 * HOUR, "a"), "UTC", True),
    (Condition("hour", "=", (22, 6)), Event("x", 6 * HOUR, "a"), "UTC", False),
    (Condition("hour", "=", 1), Event("x", SPRING - 1, "a"), "Europe/Berlin", True),
    (Condition("hour", "=", 3), Event("x", SPRING, "a"), "Europe/Berlin", True),
    (Condition("weekday", "=", "Thu"), Event("x", -1, "a"), "Europe/Berlin", True),
]


@pytest.mark.parametrize(("condition", "event", "zone", "expected"), CONDITIONS)
def test_conditions(condition: Condition, event: Event, zone: str, expected: bool) -> None:
    assert condition_holds(condition, event, zone) is expected


def test_conditions_bind_to_the_whole_alternative() -> None:
    step = parse_mined("a|b{value>=50}").steps[0]
    assert [fits(step, Event("x", 0, t, v), "UTC") for t, v in (("a", 1.0), ("a", 50.0), ("b", 60.0))] == [
        False,
        True,
        True,
    ]


def test_clock_of_the_far_past_and_future() -> None:
    cycle = 146_097 * DAY
    for k in (-700, -40, 0, 40, 700):
        assert local_time(k * cycle + 5 * HOUR, "UTC") == (3, 5)
    assert local_time(700 * cycle + SPRING, "Europe/Berlin") == (6, 3)


# --- text -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "* -> a|b",
        '"Type A" -[0s,2w)-> basket{value>=50} without redeem',
        "^ -[1w,8d)-> up -[2w,17d)-> up",
        "a{weekday=Mon..Fri, hour=9..12, channel=web} -> no b|c within 3d -> no * within 1w",
        'a -[1us,90m)-> "no" -[1us,90m)-> b span < 2w',
        'a{plan!="é \\"x\\""} -> b',
        "crm.mail:open -> b -[0s,inf)-> b -[2h,inf)-> c",
    ],
)
def test_text_round_trip(text: str) -> None:
    assert to_text(parse_mined(text)) == text


@pytest.mark.parametrize(
    ("us", "text"),
    [(0, "0s"), (1, "1us"), (90 * UNITS["m"], "90m"), (14 * DAY, "2w"), (DAY, "1d"), (1_500_000, "1500ms")],
)
def test_durations(us: int, text: str) -> None:
    assert duration_text(us) == text
    assert parse_duration(text) == us


# --- labels ---------------------------------------------------------------------------------------


def labels_of(study: Study, text: str, until: int = 100) -> list[tuple[str, int, int]]:
    return label(study, Log(many(text), declared_end=until)).rows


def at(*dates: int) -> Index:
    return Index("dates", dates=dates)


A = Step(("a",))
HALVES = ("a", "d", "b", "c")
# o: happened at 12; p: at 17; q, r: had not happened at 17 and at 20, their last news.
TOLD = Outcome("table", A, 5, table={"o": (12, 1), "p": (17, 1), "q": (17, 0), "r": (20, 0)})


@pytest.mark.parametrize(
    ("outcome", "lead", "events", "expected"),
    [
        (Outcome("exists", A, 5), 0, "x:a@10", 1),  # the index itself is outcome time
        (Outcome("exists", A, 5), 0, "x:a@9", 0),
        (Outcome("exists", A, 5), 0, "x:z@0 x:a@14", 1),
        (Outcome("exists", A, 5), 0, "x:z@0 x:a@15", 0),  # half open
        (Outcome("exists", A, 5), 2, "x:z@0 x:a@11", 0),  # within the lead
        (Outcome("exists", A, 5), 2, "x:z@0 x:a@16", 1),
        (Outcome("no", A, 5), 0, "x:a@5", 1),
        (Outcome("no", A, 5), 0, "x:a@9 x:a@12", 0),
        (Outcome("count", A, 5, ">=", 2), 0, "x:z@0 x:a@10 x:a@10", 1),
        (Outcome("count", A, 5, ">=", 2), 0, "x:z@0 x:a@10 x:a@15", 0),
        (Outcome("count", A, 5, "<", 1), 0, "x:z@0", 1),
    ],
)
def test_labels(outcome: Outcome, lead: int, events: str, expected: int) -> None:
    assert labels_of(Study(outcome, at(10), lead=lead), events) == [("x", 10, expected)]


@pytest.mark.parametrize(
    ("study", "events", "until", "excluded"),
    [
        (Study(Outcome("exists", A, 5), at(10)), "x:a@11 y:z@10", 15, {"not_born": 1}),
        (Study(Outcome("exists", A, 5), at(10)), "x:a@1", 14, {"not_followed": 1}),
        (Study(Outcome("exists", A, 5), at(10), lead=1), "x:a@1", 15, {"not_followed": 1}),
        (Study(Outcome("no", A, 5), at(10)), "x:a@4 y:a@10 z:a@5", 15, {"inactive": 2}),
        (Study(Outcome("exists", A, 5), Index("nth", step=A, n=2)), "x:a@1 y:a@1 y:a@1", 15, {"no_index": 1}),
        (
            Study(Outcome("exists", A, 5), Index("table", table=(("q", 3), ("x", 3)))),
            "x:a@1 q_:a@1",
            15,
            {"unknown_entity": 1},
        ),
        (Study(Outcome("exists", A, 5), at(10), min_tenure=5), "x:a@5 y:a@6", 15, {"short_tenure": 1}),
        (Study(Outcome("exists", A, 5), at(10), incident=True), "x:a@9 y:z@0", 15, {"already": 1}),
        (Study(TOLD, at(10), lead=2), "o:z@0 p:z@0 q:z@0 r:z@0 s:z@0", 17, {"no_outcome_row": 1}),
        (Study(TOLD, at(13)), "o:z@0 p:z@0 q:z@0 r:z@0", 18, {"already": 1, "not_followed": 1}),
        (Study(TOLD, at(10), lead=3), "o:z@0 p:z@0 q:z@0 r:z@0", 18, {"outcome_in_lead": 1, "not_followed": 1}),
        (
            Study(Outcome("exists", A, 5), at(10), lead=2, incident=True),
            "x:b@9 x:a@11 y:z@0",
            17,
            {"outcome_in_lead": 1},
        ),
    ],
)
def test_exclusions(study: Study, events: str, until: int, excluded: dict[str, int]) -> None:
    found = label(study, Log(many(events), declared_end=until))
    assert found.excluded == excluded
    assert len(found.rows) + sum(excluded.values()) == len({e.entity for e in many(events)})


def test_outcome_table() -> None:
    events = "o:z@0 p:z@0 q:z@0 r:z@0"
    assert [y for *_, y in labels_of(Study(TOLD, at(10), lead=2), events)] == [1, 0, 0, 0]
    assert [y for *_, y in labels_of(Study(TOLD, at(12)), events)] == [1, 0, 0, 0]
    assert labels_of(Study(TOLD, at(13)), events) == [("p", 13, 1), ("r", 13, 0)]
    # The table was kept until 20 at least, the log until 2: what ends at 20 was watched, what ends at 21 was not.
    assert labels_of(Study(TOLD, at(10), lead=5), events, until=2) == [("p", 10, 1), ("r", 10, 0)]
    assert labels_of(Study(TOLD, at(10), lead=6), events, until=2) == []
    ever = replace(TOLD, horizon=None)
    assert [y for *_, y in labels_of(Study(ever, at(10)), events, until=2)] == [1, 1, 0, 0]
    assert labels_of(Study(ever, at(16), lead=2), events) == [("r", 16, 0)]


def test_values_from_a_table() -> None:
    # measured at 9 (before), 11 (in the lead), 12 and 16 (in time), 17 (after); w is not in the table
    values = {e: (t, 1.5) for e, t in zip("opqrs", (9, 11, 12, 16, 17), strict=True)}
    study = Study(Outcome("values", A, 5, table=values), at(10), lead=2)
    found = label(study, Log(many("o:z@0 p:z@0 q:z@0 r:z@0 s:z@0 w:z@0"), declared_end=50))
    assert found.rows == [("q", 10, 1.5), ("r", 10, 1.5)]
    assert found.excluded == {"already": 1, "outcome_in_lead": 1, "not_followed": 1, "no_outcome_row": 1}


def test_numbers_as_labels() -> None:
    events = Log([Event("x", 10, "a", 1.5), Event("x", 11, "a", None), Event("x", 15, "a", 4.0)], declared_end=50)
    assert label(Study(Outcome("count", A, 5), at(10)), events).rows == [("x", 10, 2)]
    assert label(Study(Outcome("sum", A, 5), at(10)), events).rows == [("x", 10, Fraction(3, 2))]


def test_index_kinds() -> None:
    events = "x:a@3 x:a@7 y:b@1 y:a@9"
    exists = Outcome("exists", A, 5)
    assert labels_of(Study(exists, at(10, 2)), events) == [("x", 10, 0), ("y", 2, 0), ("y", 10, 0)]
    assert labels_of(Study(exists, Index("nth", step=A)), events) == [("x", 3, 1), ("y", 9, 1)]
    assert labels_of(Study(exists, Index("nth", step=A, n=2)), events) == [("x", 7, 1)]
    assert labels_of(Study(exists, Index("start", offset=3)), events) == [("x", 6, 1), ("y", 4, 0)]
    assert labels_of(Study(exists, Index("table", table=(("y", 8), ("x", 8)))), events) == [
        ("x", 8, 0),
        ("y", 8, 1),
    ]


def test_sum_and_top_share() -> None:
    # With seed 0 the entities a and d are in the discovery half, b and c are not.
    assert [in_discovery(e, 0) for e in HALVES] == [True, True, False, False]
    values = dict(zip(HALVES, (1.0, 5.0, 5.0, None), strict=True))
    events = [Event(e, 12, "a", v) for e, v in values.items()] + [Event(e, 0, "z") for e in HALVES]
    log = Log(events, declared_end=50)

    def marked(outcome: Outcome) -> set[str]:
        return {e for e, _, y in label(Study(outcome, at(10)), log).rows if y}

    assert marked(Outcome("sum", A, 5, ">=", 5)) == {HALVES[1], HALVES[2]}
    assert marked(Outcome("sum", A, 5, share=Fraction(1, 2))) == {HALVES[1], HALVES[2]}  # above 1
    assert marked(Outcome("sum", A, 5, share=Fraction(1, 4))) == set()  # above 5


def test_top_threshold() -> None:
    sums = [Fraction(s) for s in range(100)]
    assert top_threshold(sums, Fraction(5, 100)) == 94
    assert top_threshold([], Fraction(1, 2)) is None


def test_what_a_labelled_row_sees() -> None:
    assert seen_rows([("x", 10, 1)], None, 4, ("q",)) == [Row("x", 6, 9, frozenset({"q"}))]
    assert seen_rows([("x", 10, 1)], 20, None) == [Row("x", None, 9)]
    assert seen_rows([("x", 10, 1)], 8, None) == [Row("x", None, 8)]
    assert seen_rows([("x", 10, 1)], None, None, (), {"x": 3}) == [Row("x", 3, 9)]


# --- mining ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "limits", "expected"),
    [
        ("a@0 b@0", Limits(), {"a", "b"}),
        ("a@0 b@1 a@2", Limits(), {"a", "b", "ab", "ba", "aa", "aba"}),
        ("a@0 b@1 a@2", Limits(max_length=2), {"a", "b", "ab", "ba", "aa"}),
        ("a@0 b@1 a@2", Limits(max_gap=2), {"a", "b", "ab", "ba", "aba"}),
        ("a@0 b@1 a@2", Limits(min_gap=2), {"a", "b", "aa"}),
        ("a@0 b@1 a@2", Limits(max_span=2), {"a", "b", "ab", "ba"}),
    ],
)
def test_chains(events: str, limits: Limits, expected: set[str]) -> None:
    assert {"".join(c) for c in chains(one(events), limits)} == expected


def test_frequent_counts_entities_and_closed_drops_contained_equals() -> None:
    log = Log(many("x:a@0 x:b@1 x:a@2 x:b@3 y:a@0 y:b@5 z:b@0 z:a@1"))
    found = frequent(log, 2, Limits())
    assert found == {("a",): 3, ("b",): 3, ("a", "b"): 2, ("b", "a"): 2}
    assert frequent(log, 2, Limits(), closed=True) == found
    assert frequent(Log(many("x:a@0 x:b@1 y:a@0 y:b@5")), 2, Limits(), closed=True) == {("a", "b"): 2}


def test_contains_is_a_subsequence_in_order() -> None:
    assert contains(("a", "c", "b"), ("a", "b"))
    assert not contains(("b", "a"), ("a", "b"))
    assert not contains(("a",), ("a", "a"))


def test_measures_by_hand() -> None:
    # n = 10 rows, P = 4; the pattern matches m = 5, a = 3 of them positive.
    assert measure_of("leverage", 3, 5, 4, 10) == 1
    assert measure_of("wracc", 3, 5, 4, 10) == Fraction(1, 10)
    assert measure_of("chi2", 3, 5, 4, 10) == Fraction(10 * 100, 5 * 5 * 4 * 6)
    assert measure_of("lift", 3, 5, 4, 10) == Fraction(3, 2)
    assert measure_of("log_odds", 3, 5, 4, 10) == pytest.approx(math.log(3.5 * 4.5 / (2.5 * 1.5)))
    h = lambda p: -p * math.log(p) - (1 - p) * math.log(1 - p)  # noqa: E731
    assert measure_of("info_gain", 3, 5, 4, 10) == pytest.approx(h(0.4) - 0.5 * h(0.6) - 0.5 * h(0.2))
    assert measure_of("chi2", 4, 10, 4, 10) == 0


def test_direction_and_flipped_score() -> None:
    labels = [1, 1, 0, 0]
    assert score_rows([0, 1], labels, "leverage") == ("raises", 1)
    assert score_rows([2, 3], labels, "leverage") == ("lowers", 1)
    assert score_rows([2, 3], labels, "lift") == ("lowers", 2)
    assert score_rows([0, 2], labels, "leverage") == ("raises", 0)
    # within the strata {0, 2} and {1, 3} half is positive: rows 0 and 1 are one more than expected
    assert score_rows([0, 1], labels, "leverage", ["s", "t", "s", "t"]) == ("raises", 1)
    assert score_rows([0, 1], labels, "leverage", ["s", "s", "t", "t"]) == ("raises", 0)
    # three of four rows of s are positive: one of two there is fewer than expected, although half is so overall
    assert score_rows([0, 3], [1, 1, 1, 0, 0, 0], "leverage", list("sssstt")) == ("lowers", Fraction(1, 2))


def test_ranking_and_redundancy() -> None:
    events = many("x:a@0 x:b@1 y:a@0 y:b@2 z:c@0 w:c@0 w:a@1")
    rows = [Row(e, None, 9) for e in "wxyz"]
    limits = Limits(max_length=2, max_gap=10)
    ranking = all_scored(Log(events), rows, [0, 1, 1, 0], limits, min_support=1, measure="leverage")
    assert [(p.text, p.direction, p.score) for p in ranking] == [
        ("b", "raises", 1),
        ("c", "lowers", 1),
        ("a -[1us,10us)-> b", "raises", 1),
        ("a", "raises", Fraction(1, 2)),
        ("c -[1us,10us)-> a", "lowers", Fraction(1, 2)),
    ]
    assert [p.text for p in top_k(ranking, 9, 0.9)] == ["b", "c", "a", "c -[1us,10us)-> a"]
    assert [p.text for p in top_k(ranking, 9, 0.5)] == ["b", "c", "c -[1us,10us)-> a"]
    assert [p.text for p in top_k(ranking, 9, 0.4)] == ["b", "c"]
    assert [p.text for p in top_k(ranking, 2, None)] == ["b", "c"]


# --- independence ---------------------------------------------------------------------------------


def test_chain_builds_the_mined_form() -> None:
    assert to_text(chain("a", "b", lo=1, hi=5)) == "a -[1us,5us)-> b"


def test_the_oracle_imports_the_standard_library_only() -> None:
    for path in Path(__file__).parent.glob("*.py"):
        if path.name.startswith("test_"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            else:
                continue
            assert all(name.split(".")[0] in sys.stdlib_module_names for name in names), (path.name, names)
