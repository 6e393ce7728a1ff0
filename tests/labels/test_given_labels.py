"""Labels from one's own table, and what a matcher is given of any labels."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest
from small_logs import instants, make_log

from seqmine import _native
from seqmine.errors import DataError, NullKeyError, ParameterError, SchemaError, TimestampError, TimestampUnparsable
from seqmine.labels import Labels, Outcome, Study, label
from seqmine.patterns import count

DAY = 86_400_000_000
FIRST = -(2**63) + 1
LAST = 2**63 - 1


def seen(labels: Labels, log: object, event: int = 0) -> list[int]:
    """How many events of a type each row lets a matcher see."""
    flags = np.zeros(len(log.event_types), dtype=np.uint8)
    flags[event] = 1
    bound = labels.bind(log)
    return _native.window_stats(log.native, _native.Predicate(flags), bound.rows, 1)["count"].tolist()


def test_rows_are_sorted_by_entity_bytes_and_time_and_extras_go_along() -> None:
    table = pa.table(
        {
            "label": [1, 0, 0, 1],
            "plan": ["w", "x", "y", "z"],
            "index_time": instants(7, 3, 9, 5),
            "entity": ["é", "z", "Z", "é"],
        }
    )
    labels = Labels.from_arrow(table, lookback="1d", exclude_events=["cancel", "bye"])
    found = labels.to_arrow()
    assert found.schema.names == ["entity", "index_time", "label", "plan"]
    assert found.schema.types[:3] == [pa.large_string(), pa.timestamp("us", "UTC"), pa.int8()]
    assert found["entity"].to_pylist() == ["Z", "z", "é", "é"]
    assert found["plan"].to_pylist() == ["y", "x", "z", "w"] == labels.column("plan").to_pylist()
    assert found["label"].to_pylist() == [0, 0, 1, 1]
    assert (labels.n_rows, labels.n_positive, labels.base_rate) == (4, 2, 0.5)
    assert (labels.lookback, labels.exclude_events, labels.excluded) == (86_400_000_000, ("bye", "cancel"), {})
    again = Labels.from_arrow(found.take([2, 0, 3, 1]))
    assert again.to_arrow().equals(found)


def test_own_results_and_other_libraries_are_read() -> None:
    log = make_log([("a", 0, "x"), ("b", 0, "x")], observed_until=10**15)
    labels = label(log, Study(Outcome("exists(x) within 1d"), at=["1970-01-02", "1970-01-04"]))
    assert Labels.from_arrow(labels.to_arrow()).to_arrow().equals(labels.to_arrow())
    import polars

    assert Labels.from_arrow(polars.from_arrow(labels.to_arrow())).to_arrow().equals(labels.to_arrow())


@pytest.mark.parametrize(
    "time",
    [
        pa.array([datetime(2017, 10, 1)], pa.timestamp("s")),
        pa.array([date(2017, 10, 1)]),
        pa.array(["2017-10-01"]),
        pa.array(["2017-10-01 00:00:00"], pa.large_string()),
    ],
)
def test_times_without_a_zone_need_one(time: pa.Array) -> None:
    table = pa.table({"entity": ["a"], "index_time": time, "label": [True]})
    with pytest.raises(TimestampUnparsable, match="timezone"):
        Labels.from_arrow(table)
    labels = Labels.from_arrow(table, timezone="Europe/Berlin")
    assert labels.column("index_time").to_pylist() == [datetime(2017, 9, 30, 22, tzinfo=UTC)]
    assert labels.column("label").to_pylist() == [1]


@pytest.mark.parametrize(
    ("columns", "error", "part"),
    [
        ({"entity": ["a", "b"], "index_time": instants(1, 2)}, SchemaError, "label"),
        (
            {"entity": ["a", "b"], "index_tme": instants(1, 2), "label": [0, 1]},
            SchemaError,
            "mean the column 'index_tme'",
        ),
        ({"entity": ["a", "b"], "index_time": instants(1, 2), "label": [0, 2]}, DataError, "row 1:column 'label'"),
        ({"entity": ["a", "b"], "index_time": instants(1, 2), "label": [-1, 1]}, DataError, "row 0:column 'label'"),
        ({"entity": ["a", "b"], "index_time": instants(1, 2), "label": [0, None]}, DataError, "row 1:column 'label'"),
        ({"entity": ["a", "b"], "index_time": instants(1, 2), "label": [0.0, 1.0]}, SchemaError, "cast"),
        ({"entity": ["a", "b"], "index_time": instants(1, 2), "label": ["0", "1"]}, SchemaError, "cast"),
        ({"entity": ["a", None], "index_time": instants(1, 2), "label": [0, 1]}, NullKeyError, "row 1:column 'entity'"),
        ({"entity": ["a", ""], "index_time": instants(1, 2), "label": [0, 1]}, NullKeyError, "row 1:column 'entity'"),
        ({"entity": [1.0, 2.0], "index_time": instants(1, 2), "label": [0, 1]}, SchemaError, "text"),
        ({"entity": ["a", "b"], "index_time": instants(1, None), "label": [0, 1]}, DataError, "row 1"),
        ({"entity": ["a", "b"], "index_time": [1, 2], "label": [0, 1]}, TimestampError, "unit"),
        (
            {"entity": ["a", "b"], "index_time": pa.array([1, 2], pa.timestamp("ns", "UTC")), "label": [0, 1]},
            TimestampError,
            "row 0",
        ),
        (
            {"entity": ["a", "b"], "index_time": pa.array([1, 2**60], pa.timestamp("s", "UTC")), "label": [0, 1]},
            TimestampError,
            "row 1",
        ),
        ({"entity": ["a", "b"], "index_time": ["2017-10-01T00:00Z", "soon"], "label": [0, 1]}, TimestampError, "row 1"),
        ({"entity": ["a", "b", "a"], "index_time": instants(1, 2, 1), "label": [0, 1, 1]}, DataError, "row 2"),
    ],
)
def test_bad_tables_name_the_row_and_column(columns: dict[str, object], error: type[Exception], part: str) -> None:
    with pytest.raises(error) as caught:
        Labels.from_arrow(pa.table(columns))
    assert part in str(caught.value)


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(SchemaError, match="arrow"):
        Labels.from_arrow([("a", 1, 0)])
    doubled = pa.Table.from_arrays([pa.array([1]), pa.array([1])], names=["label", "label"])
    with pytest.raises(SchemaError, match="two columns"):
        Labels.from_arrow(doubled)


def test_one_class_and_no_rows_are_legal() -> None:
    table = pa.table({"entity": ["a"], "index_time": instants(1), "label": [0]})
    assert Labels.from_arrow(table).base_rate == 0
    empty = Labels.from_arrow(table.slice(0, 0))
    assert empty.n_rows == 0 and np.isnan(empty.base_rate)
    assert empty.bind(make_log([("a", 0, "x")])).label.tolist() == []
    assert Labels.from_arrow(pa.table({"entity": [], "index_time": [], "label": []})).n_rows == 0
    assert empty.bind(make_log([])).label.tolist() == []


LOG = [("a", t, "x") for t in (0, 50, 89, 90, 99, 100, 101)] + [("b", 95, "x"), ("b", 96, "y")]


@pytest.mark.parametrize(("lookback", "expected"), [(None, 5), ("10us", 2), ("11us", 3), ("1us", 1), (f"{LAST}us", 5)])
def test_a_row_sees_from_the_lookback_up_to_just_before_the_index(lookback: str | None, expected: int) -> None:
    """Index 100: [100 - lookback, 100)."""
    table = pa.table({"entity": ["a"], "index_time": instants(100), "label": [1]})
    assert seen(Labels.from_arrow(table, lookback), make_log(LOG)) == [expected]


def test_a_declared_start_bounds_what_is_seen_without_a_lookback() -> None:
    table = pa.table({"entity": ["a"], "index_time": instants(100), "label": [1]})
    log = make_log(LOG, starts={"a": 60})
    assert seen(Labels.from_arrow(table), log) == [3]
    assert seen(Labels.from_arrow(table, "50us"), log) == [4]  # a lookback is what it says


def test_the_ends_of_time_do_not_wrap() -> None:
    log = make_log([("a", FIRST, "x"), ("a", FIRST + 5, "x"), ("a", LAST, "x")])
    table = pa.table(
        {"entity": ["a"] * 4, "index_time": instants(FIRST, FIRST + 1, FIRST + 6, LAST), "label": [1, 0, 1, 0]}
    )
    assert seen(Labels.from_arrow(table), log) == [0, 1, 2, 2]
    assert seen(Labels.from_arrow(table, "10us"), log) == [0, 1, 2, 0]
    assert seen(Labels.from_arrow(table, f"{LAST}us"), log) == [0, 1, 2, 0]


def test_unknown_entities_stay_and_see_nothing() -> None:
    table = pa.table({"entity": ["a", "q", "b"], "index_time": instants(100, 100, 100), "label": [1, 0, 1]})
    log = make_log(LOG)
    for lookback in (None, "50us"):
        labels = Labels.from_arrow(table, lookback)
        bound = labels.bind(log)
        assert bound.entity.tolist() == [0, 1, -1]
        assert bound.label.tolist() == [1, 1, 0]
        assert bound.index_time.tolist() == [100, 100, 100]
        assert seen(labels, log) == [5 if lookback is None else 4, 1, 0]
    assert Labels.from_arrow(table).bind(make_log([])).entity.tolist() == [-1, -1, -1]


def test_excluded_types_are_invisible_and_typos_are_errors() -> None:
    table = pa.table({"entity": ["b"], "index_time": instants(100), "label": [1]})
    log = make_log(LOG)
    assert seen(Labels.from_arrow(table, exclude_events=["x"]), log) == [0]
    assert seen(Labels.from_arrow(table, exclude_events=["x"]), log, event=1) == [1]
    purchases = make_log([("a", 1, "purchase")])
    with pytest.raises(ParameterError, match="did you mean 'purchase'"):
        Labels.from_arrow(table, exclude_events=["purchse"]).bind(purchases)
    with pytest.raises(ParameterError, match="list"):
        Labels.from_arrow(table, exclude_events="x")


@pytest.mark.parametrize("lookback", ["0d", 5, "1y"])
def test_bad_lookbacks(lookback: object) -> None:
    table = pa.table({"entity": ["b"], "index_time": instants(100), "label": [1]})
    with pytest.raises(ParameterError, match="lookback"):
        Labels.from_arrow(table, lookback)


def test_numeric_labels_are_refused_where_yes_or_no_is_needed() -> None:
    log = make_log([("a", 0, "x"), ("a", 5, "x")], observed_until=100)
    labels = label(log, Study(Outcome("count(x) within 9us"), at="start + 1us"))
    assert labels.is_numeric and labels.to_arrow()["label"].to_pylist() == [1]
    for use in (lambda: labels.n_positive, lambda: labels.base_rate, lambda: labels.bind(log)):
        with pytest.raises(ParameterError, match="top 5%"):
            use()
    assert "n_positive" not in labels.summary()
    assert "numeric" in labels._repr_html_()


def test_summary_and_repr() -> None:
    log = make_log([("a", 0, "x"), ("a", 5, "x"), ("b", 0, "x")], observed_until=100)
    labels = label(log, Study(Outcome("exists(x) within 9us"), at="start + 1us", lookback="14d", exclude_events=["x"]))
    assert labels.summary() == {
        "outcome": "exists(x) within 9us",
        "n_rows": 2,
        "n_entities": 2,
        "n_candidates": 2,
        "excluded": {"not_born": 0, "not_followed": 0},
        "exclude_events": ["x"],
        "lookback": "2w",
        "n_positive": 1,
        "base_rate": 0.5,
    }
    assert repr(labels) == "Labels(2 rows, 1 positive, 0 excluded)"


def test_html_is_escaped_and_short() -> None:
    table = pa.table(
        {"entity": [f"<b>{i:03}" for i in range(50)], "index_time": instants(*range(50)), "label": [0] * 50}
    )
    html = Labels.from_arrow(table)._repr_html_()
    assert "<b>" not in html and "&lt;b&gt;019" in html and "&lt;b&gt;020" not in html


def test_html_of_times_beyond_the_calendar() -> None:
    table = pa.table({"entity": ["a"], "index_time": instants(LAST), "label": [0]})
    assert f"{LAST} us" in Labels.from_arrow(table)._repr_html_()


def test_an_unknown_column_names_the_nearest() -> None:
    table = pa.table({"entity": ["a"], "index_time": instants(1), "label": [0], "plan": ["p"]})
    with pytest.raises(ParameterError, match="did you mean 'plan'"):
        Labels.from_arrow(table).column("plam")


@pytest.mark.parametrize(("observed_until", "matched", "undecided"), [(9 * DAY, 0, 1), (10 * DAY, 1, 0), (None, 1, 0)])
def test_silence_after_the_declared_end_is_unknown(observed_until: int | None, matched: int, undecided: int) -> None:
    log = make_log([("a", 7 * DAY, "x"), ("b", DAY, "y")], observed_until=observed_until)
    labels = Labels.from_arrow(pa.table({"entity": ["a"], "index_time": instants(40 * DAY), "label": [0]}))
    found = count(log, "x -> no y within 3d", labels=labels).to_pylist()[0]
    assert (found["n_matched"], found["n_undecided"]) == (matched, undecided)
