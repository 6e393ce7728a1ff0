"""Conditions against the columns and the clock of a log, and patterns that do not fit the log."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pattern_logs import at, found

import seqmine as sm
from seqmine import _native
from seqmine._text import Cursor
from seqmine.errors import InvalidOutcome, InvalidPattern, UnknownEventWarning
from seqmine.events.selectors import compile_selector, parse_selector

MakeLog = Callable[..., Any]


def moments(log: Any, pattern: str) -> list[str]:
    return [row.split()[2] for row in found(sm.find(log, pattern, "all"))]


@pytest.fixture
def shop(make_log: MakeLog) -> Any:
    """One customer; every hour a purchase."""
    return make_log(
        {"x": "buy@1h buy@2h buy@3h buy@4h call@5h"},
        value=[10.0, 50.0, None, -3.5, 50.0],
        channel=["mobile", "web", "mobile", None, "web"],
        plan=["50", "3", "3", "", "no"],
        score=[1, 2.5, None, -1, 0],
    )


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ("value>=50", ["2h", "5h"]),
        ("value>50", []),
        ("value<=10", ["1h", "4h"]),
        ("value<-3.5", []),
        ("value=-3.5", ["4h"]),
        ("value!=50", ["1h", "4h"]),  # a null fails every condition
        ("value>=10, value<50", ["1h"]),
        ("channel=web", ["2h", "5h"]),
        ("channel!=web", ["1h", "3h"]),
        ("channel=mobile, value>=10", ["1h"]),
        ('plan="50"', ["1h"]),
        ('plan=""', ["4h"]),
        ("plan=no", ["5h"]),
        ('plan!="", plan!="3"', ["1h", "5h"]),
        ("score>=0", ["1h", "2h", "5h"]),
        ("score!=0", ["1h", "2h", "4h"]),
        ('"score"=2.5', ["2h"]),
        ("hour=2..4", ["2h", "3h"]),
        ("hour=4..2", ["1h", "4h", "5h"]),
        ("hour!=4..2", ["2h", "3h"]),
        ("hour=0..24", ["1h", "2h", "3h", "4h", "5h"]),
        ("hour!=0..24", []),
        ("weekday=Mon", ["1h", "2h", "3h", "4h", "5h"]),
        ("weekday=Tue..Sun", []),
        ("weekday=Sun..Mon, hour=5", ["5h"]),
    ],
)
def test_conditions_by_hand(shop: Any, conditions: str, expected: list[str]) -> None:
    assert moments(shop, f"*{{{conditions}}}") == expected


def test_conditions_bind_to_all_alternatives(shop: Any) -> None:
    assert moments(shop, "buy|call{value>=50}") == ["2h", "5h"]


def test_conditions_on_guards_and_absences(shop: Any) -> None:
    assert moments(shop, "buy{hour=1} -> *{hour=3..6} without *{value>=50}") == []
    assert moments(shop, "buy{hour=1} -> *{hour=3..6} without *{value>50}") == ["3h", "4h", "5h"]
    assert moments(shop, "buy -> no *{value>=50} within 1h") == ["2h", "3h"]


def test_an_attribute_named_like_a_field(make_log: MakeLog) -> None:
    log = make_log({"x": "a@1h a@2h"}, value=[1.0, 2.0], hour=["late", "early"])
    assert moments(log, 'a{"hour"=early}') == ["2h"]
    assert moments(log, "a{hour=1}") == ["1h"]
    with pytest.raises(InvalidPattern, match=r"no attribute 'value' .* - without quotes, value is the event's own"):
        moments(log, 'a{"value"=1}')


# --- the clock ---------------------------------------------------------------------------------------


def test_hours_are_local_and_follow_summer_time(make_log: MakeLog) -> None:
    # Berlin is UTC+1 until 2024-03-31 01:00 UTC and UTC+2 until 2024-10-27 01:00 UTC.
    times = [
        "2024-03-30T08:59:59.999999",  # 09:59 local
        "2024-03-30T09:00:00",  # 10:00
        "2024-03-31T00:59:59",  # 01:59, the last before the jump
        "2024-03-31T01:00:00",  # 03:00, the first after it
        "2024-03-31T08:00:00",  # 10:00
        "2024-10-27T00:30:00",  # 02:30, the first of two
        "2024-10-27T01:30:00",  # 02:30, the second
        "2024-10-27T09:00:00",  # 10:00
    ]
    log = make_log({"x": " ".join(f"a@{t}" for t in times)}, timezone="Europe/Berlin")

    def hits(conditions: str) -> list[str]:
        table = sm.find(log, f"a{{{conditions}}}", "all")
        wanted = {at(t): t for t in times}
        return [wanted[us] for us in table["moment_time"].cast(pa.int64()).to_pylist()]

    assert hits("hour=10") == [times[1], times[4], times[7]]
    assert hits("hour=9") == [times[0]]
    assert hits("hour=1") == [times[2]]
    assert hits("hour=3") == [times[3]]
    assert hits("hour=2") == [times[5], times[6]]


def test_weekdays_turn_at_local_midnight(make_log: MakeLog) -> None:
    # 2024-07-01 is a Monday; in Berlin it begins on Sunday at 22:00 UTC.
    log = make_log(
        {"x": "a@2024-06-30T21:59:59.999999 b@2024-06-30T22:00:00 c@2024-07-01T21:59:59 d@2024-07-01T22:00:00"},
        timezone="Europe/Berlin",
    )
    names = {"a": "Sun", "b": "Mon", "c": "Mon", "d": "Tue"}
    for name, day in names.items():
        assert sm.count(log, f"{name}{{weekday={day}}}")["n_matched"].to_pylist() == [1]
        assert sm.count(log, f"{name}{{weekday!={day}}}")["n_matched"].to_pylist() == [0]
    assert sm.count(log, "*{weekday=Sat..Sun} -> *{weekday=Mon} -> *{weekday=Tue..Fri}")["n_matched"].to_pylist() == [1]


def test_every_hour_of_two_years_against_zoneinfo(make_log: MakeLog) -> None:
    from zoneinfo import ZoneInfo

    begin = datetime(2024, 1, 1, tzinfo=UTC)
    instants = [begin + timedelta(hours=i) for i in range(2 * 366 * 24)]
    text = " ".join(f"a@{i}h" for i in range(len(instants)))
    log = make_log({"x": text}, timezone="Europe/Berlin")
    local = [instant.astimezone(ZoneInfo("Europe/Berlin")) for instant in instants]
    expected = sum(t.weekday() in (5, 6, 0) and (t.hour >= 22 or t.hour < 6) for t in local)
    assert sm.find(log, "a{weekday=Sat..Mon, hour=22..6}", "all").num_rows == expected


# --- patterns that do not fit the log ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "position", "message", "hint"),
    [
        ("buy{chanel=web}", 4, "the log has no attribute 'chanel'", "did you mean 'channel'?"),
        ("buy{weekdey=3}", 4, "the log has no attribute 'weekdey'", "did you mean 'weekday'?"),
        ("buy{size=red}", 4, "the log has no attribute 'size'", "attributes are channel, plan, score"),
        ("buy{hour=1,chanel=web}", 11, "the log has no attribute 'chanel'", "did you mean 'channel'?"),
        ("buy -> call without buy{chanel=web}", 24, "no attribute", "did you mean 'channel'?"),
        ("buy -> no call{chanel=web} within 1h", 15, "no attribute", "did you mean 'channel'?"),
        ("buy{plan=50}", 4, "holds text; it is compared with a number", 'write plan="50"'),
        ("buy{plan!=2.50}", 4, "holds text; it is compared with a number", 'write plan!="2.5"'),
        ("buy{plan>50}", 4, "holds text, which takes = and != only, not >", ""),
        ('buy{score="5"}', 4, "holds numbers; it is compared with a text", "write score=5 without quotes"),
        ("buy{score=high}", 4, "holds numbers; it is compared with a text", ""),
    ],
)
def test_patterns_that_do_not_fit(shop: Any, pattern: str, position: int, message: str, hint: str) -> None:
    for call in (sm.find, sm.count):
        with pytest.raises(InvalidPattern) as caught:
            call(shop, pattern)
        assert message in caught.value.message
        assert f"(at character {position}: " in caught.value.message
        assert caught.value.position == position
        assert hint in (caught.value.hint or "")
    with pytest.raises(InvalidPattern) as caught:
        sm.find(shop, sm.parse_pattern(pattern))
    assert message in caught.value.message
    assert caught.value.position is None


def test_a_log_without_values_or_attributes(make_log: MakeLog) -> None:
    log = make_log({"x": "a@0s"})
    with pytest.raises(InvalidPattern, match=r"the log has no value column .* - name one when reading"):
        sm.find(log, "a{value>1}")
    with pytest.raises(InvalidPattern, match=r"no attribute 'channel' .* - name attributes when reading"):
        sm.find(log, "a{channel=web}")


def test_an_unknown_event_type_matches_nothing_and_warns(shop: Any) -> None:
    with pytest.warns(UnknownEventWarning, match="no event type 'bye'; nothing matches it - did you mean 'buy'?"):
        assert found(sm.find(shop, "bye")) == []
    with pytest.warns(UnknownEventWarning, match="no event type 'ticket'; nothing matches it$"):
        assert moments(shop, "call|ticket") == ["5h"]
    with pytest.warns(UnknownEventWarning, match="no event type 'ticket'"):
        assert moments(shop, "buy{hour=1} -> no ticket within 1h") == ["1h"]


def test_an_unknown_text_matches_nothing_and_warns(shop: Any) -> None:
    message = "no event whose attribute 'channel' is 'Web'; nothing matches it - did you mean 'web'"
    with pytest.warns(UnknownEventWarning, match=message):
        assert moments(shop, "*{channel=Web}") == []
    with pytest.warns(UnknownEventWarning, match="attribute 'channel' is 'post'; every other text passes$"):
        assert moments(shop, "*{channel!=post}") == ["1h", "2h", "3h", "5h"]


def test_warnings_point_at_the_line_of_the_caller(shop: Any) -> None:
    index = pa.array([at("9h")], pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    labels = sm.Labels.from_arrow(pa.table({"entity": ["x"], "index_time": index, "label": [1]}))
    study = sm.Study("exists(by) within 1us", at="first(by)")
    for call in (
        lambda: sm.find(shop, "by{channel=Web}"),
        lambda: sm.count(shop, ["buy", "by -> no call{channel=Web} within 1h"], labels),
        lambda: sm.label(shop, study),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        assert len(caught) == 2
        assert {warning.filename for warning in caught} == {__file__}
        assert {warning.lineno for warning in caught} == {call.__code__.co_firstlineno}


def test_many_unknown_types_warn_a_bounded_number_of_times(shop: Any) -> None:
    pattern = "|".join(f"missing{i}" for i in range(3000))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert found(sm.find(shop, pattern)) == []
    assert len(caught) == 11
    assert "2990 more" in str(caught[-1].message)


def test_a_selector_compiles_with_the_error_of_its_language(shop: Any) -> None:
    selector = parse_selector(Cursor("buy{chanel=web}", InvalidOutcome))
    with pytest.raises(InvalidOutcome, match="did you mean 'channel'"):
        compile_selector(shop, selector, InvalidOutcome)
    with pytest.raises(InvalidOutcome, match="'tue' is no weekday") as caught:
        parse_selector(Cursor("buy{weekday=tue}", InvalidOutcome))
    assert caught.value.position == 12


# --- labelled rows -----------------------------------------------------------------------------------


class LabelledRows:
    """Rows given directly: what `count` asks of labels, and nothing else."""

    def __init__(
        self, entity: list[int], lo: list[str], last: list[str], label: list[int], excluded: list[int]
    ) -> None:
        self.bound = SimpleNamespace(
            rows=_native.Rows(
                entity=np.array(entity, dtype=np.int64),
                lo=np.array([at(t) for t in lo], dtype=np.int64),
                last=np.array([at(t) for t in last], dtype=np.int64),
                excluded=np.array(excluded, dtype=np.uint8) if excluded else None,
            ),
            label=np.array(label, dtype=np.uint8),
        )

    def bind(self, log: Any) -> Any:
        return self.bound


def test_count_over_labelled_rows(make_log: MakeLog) -> None:
    log = make_log({"x": "a@1h b@2h a@5h b@6h", "y": "a@1h b@9h"})
    labels = LabelledRows(
        entity=[0, 0, 0, 1, -1],
        lo=["0s", "2h", "0s", "0s", "0s"],
        last=["3h", "5h", "9h", "9h", "9h"],
        label=[1, 1, 0, 1, 1],
        excluded=[],
    )
    # Rows 0 (label 1), 2 (label 0) and 3 (label 1) see an a and then a b; row 1 sees b, a.
    assert sm.count(log, "a -> b", labels).to_pylist() == [
        {"pattern": "a -> b", "n_matched": 3, "n_undecided": 0, "n_positive": 2}
    ]
    # No a for three hours after an a. Row 0 ends too early after its a at 1h, row 1 after its a at 5h; rows 2
    # (1h and 5h) and 3 (1h) see the end of it.
    (counted,) = sm.count(log, "a -> no a within 3h", labels).to_pylist()
    assert counted == {"pattern": "a -> no a within 3h", "n_matched": 2, "n_undecided": 2, "n_positive": 1}


def test_count_over_labels_from_a_table(make_log: MakeLog) -> None:
    log = make_log({"x": "a@1h b@2h a@5h", "y": "a@1h b@9h"})
    index = pa.array([at("2h"), at("3h"), at("9h")], pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    table = pa.table({"entity": ["x", "x", "y"], "index_time": index, "label": pa.array([1, 1, 0], pa.int8())})
    # Nothing at or after the index is seen: only the second row has an a and then a b before it.
    assert sm.count(log, ["a -> b", "a"], sm.Labels.from_arrow(table)).to_pylist() == [
        {"pattern": "a -> b", "n_matched": 1, "n_undecided": 0, "n_positive": 1},
        {"pattern": "a", "n_matched": 3, "n_undecided": 0, "n_positive": 2},
    ]


def test_excluded_types_are_invisible(make_log: MakeLog) -> None:
    log = make_log({"x": "a@1h c@2h b@3h", "y": "c@1h"})
    rows: dict[str, Any] = {"entity": [0, 1], "lo": ["0s", "0s"], "last": ["9h", "9h"], "label": [1, 0]}
    seen, hidden = LabelledRows(**rows, excluded=[]), LabelledRows(**rows, excluded=[0, 0, 1])
    for pattern, n_seen, n_hidden in [
        ("c", 2, 0),
        ("*", 2, 1),
        ("a -> b without c", 0, 1),
        ("a -> no * within 90m", 0, 1),
    ]:
        assert sm.count(log, pattern, seen)["n_matched"].to_pylist() == [n_seen]
        assert sm.count(log, pattern, hidden)["n_matched"].to_pylist() == [n_hidden]
