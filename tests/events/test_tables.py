"""Identity, starts, observed_until, and derived events."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from event_rows import Row, rows_of, table
from hypothesis import given, settings
from hypothesis import strategies as st

from seqmine import errors
from seqmine.events import EventLog

STAMP = pa.timestamp("us", "UTC")
ROWS: list[Row] = [("dev1", 1, "x"), ("dev2", 2, "x"), ("mail", 3, "y"), ("other", 4, "x")]
MAP = {"dev1": "ann", "dev2": "ann", "mail": "ann", "unused": "bob"}


def times(*values: int | None) -> pa.Array:
    return pa.array(values, STAMP)


# --- identity ---------------------------------------------------------------------------------------------------------


def test_identity_joins_ids_before_anything_else(tmp_path: Path) -> None:
    pairs = pa.table({"raw": list(MAP), "entity": list(MAP.values())})
    pq.write_table(pairs, tmp_path / "id.parquet")
    (tmp_path / "id.csv").write_text("entity,device\n" + "".join(f"{e},{r}\n" for r, e in MAP.items()))
    forms: list[Any] = [
        MAP,
        pairs,
        pairs.select(["entity", "raw"]),
        pairs.rename_columns(["a", "b"]),
        pa.concat_tables([pairs, pairs]),
        pairs.to_pandas(),
        str(tmp_path / "id.parquet"),
        tmp_path / "id.csv",
    ]
    for identity in forms:
        log = EventLog.from_arrow(table(ROWS), identity=identity)
        assert rows_of(log) == [("ann", 1, "x"), ("ann", 2, "x"), ("ann", 3, "y"), ("other", 4, "x")]
    assert EventLog.from_arrow(table(ROWS), identity={}).n_entities == 4
    doubled = table([("dev1", 1, "x"), ("dev2", 1, "x")])
    assert EventLog.from_arrow(doubled, identity=MAP, duplicates="exact").accounting.duplicates == 1
    integers = pa.table({"entity": [7, 8], "time": times(1, 2), "event": ["x", "x"]})
    assert EventLog.from_arrow(integers, identity={"raw": pa.array([7, 8]), "entity": pa.array([1, 1])}).n_entities == 1


@pytest.mark.parametrize(
    ("pairs", "error", "word"),
    [
        ({"raw": ["a", "a"], "entity": ["x", "y"]}, errors.DataError, "two different entities"),
        ({"raw": ["a", "b"], "entity": ["b", "c"]}, errors.DataError, "maps on"),
        ({"raw": ["a", None], "entity": ["x", "y"]}, errors.NullKeyError, "row 1:column 'raw'"),
        ({"raw": ["a", "b"], "entity": ["x", ""]}, errors.NullKeyError, "row 1:column 'entity'"),
        ({"raw": ["a"], "entity": ["x"], "more": ["y"]}, errors.SchemaError, "two columns"),
        ({"raw": [1.5], "entity": ["x"]}, errors.SchemaError, "digits"),
    ],
)
def test_identity_tables_that_cannot_be_used(pairs: dict[str, Any], error: type[Exception], word: str) -> None:
    with pytest.raises(error, match=word):
        EventLog.from_arrow(table(ROWS), identity=pa.table(pairs))


@pytest.mark.parametrize(
    ("pairs", "error", "word"),
    [
        ({"a": "x", "b": None}, errors.NullKeyError, "the id 'b' no entity"),
        ({"a": ""}, errors.NullKeyError, "the id 'a' no entity"),
        ({"": "x"}, errors.NullKeyError, "empty id"),
        ({None: "x"}, errors.NullKeyError, "empty id"),
        ({"a": "x", "b": 1.5}, errors.SchemaError, "float at the id 'b'"),
        ({b"a": "x"}, errors.SchemaError, "bytes at the id b'a'"),
        ({"a": True}, errors.SchemaError, "bool at the id 'a'"),
        ({"a": ["x"], "b": None}, errors.SchemaError, "list at the id 'a'"),
    ],
)
def test_identity_dicts_that_cannot_be_used(pairs: Any, error: type[Exception], word: str) -> None:
    with pytest.raises(error, match=word):
        EventLog.from_arrow(table(ROWS), identity=pairs)


def test_identity_dicts_take_integers_as_their_text() -> None:
    data = pa.table({"entity": [7, 8], "time": times(1, 2), "event": ["x", "x"]})
    for identity in ({7: "9", 8: 9}, {"7": "9", "8": "9"}):
        assert EventLog.from_arrow(data, identity=identity).entities.to_pylist() == ["9"]


def test_identity_files_with_faults(tmp_path: Path) -> None:
    (tmp_path / "id.csv").write_text("raw,entity\na,x\nshort\n")
    with pytest.raises(errors.SchemaError, match=r"id\.csv:row 1"):
        EventLog.from_arrow(table(ROWS), identity=tmp_path / "id.csv")
    with pytest.raises(errors.MissingInputError):
        EventLog.from_arrow(table(ROWS), identity=tmp_path / "none.csv")


# --- starts -----------------------------------------------------------------------------------------------------------


def test_declared_starts() -> None:
    starts = {"entity": ["other", "dev1", "nobody", "dev1"], "time": times(-5, 2, 9, 2)}
    with pytest.warns(
        errors.UnmatchedStartsWarning, match=r"^starts= names 1 entity without .* \(the first at row 2\)"
    ):
        log = EventLog.from_arrow(table(ROWS), starts=starts)
    assert log.declared_start is not None
    assert log.declared_start.tolist() == [2, -(2**63), -(2**63), -5]
    assert log.start_times.tolist() == [2, 2, 3, -5]
    assert log.accounting.starts_unmatched == 1
    assert log.native.n_entities == 4
    joined = EventLog.from_arrow(
        table(ROWS), identity=MAP, starts={"entity": ["dev2", "dev1", "ann"], "time": times(7, 5, 6)}
    )
    assert joined.start_times.tolist() == [5, 4]
    text = EventLog.from_arrow(
        table(ROWS), starts={"entity": ["dev1"], "time": ["1970-01-01"]}, timezone="Europe/London"
    )
    assert text.start_times[0] == -3_600_000_000


def test_starts_of_nobody_are_counted_in_a_warning(tmp_path: Path) -> None:
    rows = ["entity,time", "dev1,1970-01-01", "ghost,1970-01-02", "dev2,1970-01-01", "shade,1970-01-03"]
    (tmp_path / "starts.csv").write_text("\n".join(rows))
    for identity, unmatched in ((None, 2), (MAP | {"shade": "ann"}, 1)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            log = EventLog.from_arrow(table(ROWS), timezone="UTC", identity=identity, starts=tmp_path / "starts.csv")
        (warning,) = caught
        assert issubclass(warning.category, errors.UnmatchedStartsWarning)
        assert warning.filename == __file__
        assert log.accounting.starts_unmatched == unmatched
        assert f"names {unmatched} entit" in str(warning.message)
        assert "starts.csv:row 1)" in str(warning.message)
        assert "ghost" not in str(warning.message)


@pytest.mark.parametrize(
    ("starts", "error"),
    [
        ({"entity": ["dev1", "dev1"], "time": times(1, 2)}, errors.DataError),
        ({"entity": ["dev1"], "time": times(None)}, errors.NullKeyError),
        ({"entity": [""], "time": times(1)}, errors.NullKeyError),
        ({"entity": ["dev1"], "time": ["1970-01-01"]}, errors.TimestampUnparsable),
        ({"entity": ["dev1"]}, errors.SchemaError),
        ({"time": times(1)}, errors.SchemaError),
    ],
)
def test_starts_that_cannot_be_used(starts: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        EventLog.from_arrow(table(ROWS), starts=starts)


# --- observed_until ---------------------------------------------------------------------------------------------------


def test_observed_until_in_every_form() -> None:
    day = 86_400_000_000
    berlin = "Europe/Berlin"
    for given_until, keywords, expected in (
        (None, {}, 4),
        (4, {}, 4),
        (day, {}, day),
        ("1970-01-02T00:00:00Z", {}, day),
        ("1970-01-02", {"timezone": berlin}, day - 3_600_000_000),
        (datetime(1970, 1, 2, tzinfo=UTC), {}, day),
        (datetime(1970, 1, 2, 1, tzinfo=timezone(timedelta(hours=1))), {}, day),
        (datetime(1970, 1, 2), {"timezone": berlin}, day - 3_600_000_000),
    ):
        assert EventLog.from_arrow(table(ROWS), observed_until=given_until, **keywords).observed_until == expected


@pytest.mark.parametrize(
    ("until", "word"),
    [
        (3, "before the last event"),
        ("soon", "no time"),
        ("1970-01-02", "no UTC offset"),
        (datetime(1970, 1, 2), "no UTC offset"),
        (2**63, "64-bit"),
        (1.5, "float"),
        (True, "bool"),
    ],
)
def test_observed_until_that_cannot_be_used(until: Any, word: str) -> None:
    with pytest.raises(errors.ParameterError, match=word):
        EventLog.from_arrow(table(ROWS), observed_until=until)


# --- with_events ------------------------------------------------------------------------------------------------------

EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.integers(-3, 3),
        st.sampled_from(["x", "y", "z"]),
        st.sampled_from([None, 1.0, -2.5]),
        st.sampled_from([None, "k", "l"]),
        st.sampled_from([None, 0.5]),
    ),
    max_size=12,
)
NAMES = ("entity", "time", "event", "value", "kind", "score")


@settings(max_examples=80, deadline=None)
@given(EVENTS, EVENTS)
def test_with_events_is_reading_the_union(first: list[Row], second: list[Row]) -> None:
    keywords: dict[str, Any] = {"value": "value", "attributes": ["kind", "score"]}
    base = EventLog.from_arrow(table(first, NAMES, score=pa.float64()), **keywords)
    union = EventLog.from_arrow(table([*first, *second], NAMES, score=pa.float64()), **keywords)
    joined = base.with_events(table(second, NAMES, score=pa.float64()))
    assert joined.digest == union.digest
    assert rows_of(joined) == rows_of(union)
    assert joined.accounting == union.accounting
    assert base.n_events == len(first)  # the log itself is as it was
    again = EventLog.from_arrow(base.to_arrow(), **keywords)
    assert again.digest == base.digest


def test_what_either_side_lacks_is_null() -> None:
    plain = EventLog.from_arrow(table([("a", 1, "x")]))
    rich = plain.with_events({"entity": ["a"], "time": times(2), "event": ["mood"], "value": [0.7]})
    assert rows_of(rich) == [("a", 1, "x", None), ("a", 2, "mood", 0.7)]
    richer = rich.with_events(
        {"entity": ["b"], "time": times(0), "event": ["call"], "tone": ["calm"], "size": [3]},
        attributes=["tone", "size"],
    )
    assert rows_of(richer) == [
        ("a", 1, "x", None, None, None),
        ("a", 2, "mood", 0.7, None, None),
        ("b", 0, "call", None, "calm", 3.0),
    ]
    back = richer.with_events({"entity": ["c"], "time": times(9), "event": ["end"]})
    assert rows_of(back)[-1] == ("c", 9, "end", None, None, None)
    assert back.observed_until == 9


def test_with_events_keeps_starts_and_declarations() -> None:
    log = EventLog.from_arrow(
        table(ROWS), starts={"entity": ["dev1"], "time": times(-9)}, observed_until=10, timezone="Asia/Tokyo"
    )
    more = log.with_events({"entity": ["aaa", "dev1"], "time": times(5, 6), "event": ["n", "n"]})
    assert more.entities.to_pylist() == ["aaa", "dev1", "dev2", "mail", "other"]
    assert more.start_times.tolist() == [5, -9, 2, 3, 4]
    assert (more.observed_until, more.timezone) == (10, "Asia/Tokyo")
    with pytest.raises(errors.ParameterError, match="observed_until"):
        log.with_events({"entity": ["a"], "time": times(11), "event": ["n"]})


def test_derived_events_that_do_not_fit() -> None:
    log = EventLog.from_arrow(table([("a", 1, "x", "k")], ("entity", "time", "event", "kind")), attributes=["kind"])
    base = {"entity": ["a"], "time": times(2), "event": ["y"]}
    with pytest.raises(errors.SchemaError, match=r"column 'knd'.*attributes="):
        log.with_events({**base, "knd": ["k"]})
    with pytest.raises(errors.SchemaError, match="a number here and text in the log"):
        log.with_events({**base, "kind": [7]})
    with pytest.raises(errors.NullKeyError, match="row 0"):
        log.with_events({**base, "entity": [""]})
    assert log.with_events({**base, "kind": pa.nulls(1)}).n_events == 2
    assert log.with_events({**base, "ts": [3]}, time="ts", time_unit="us", attributes=[]).time.tolist() == [1, 3]


def test_with_events_takes_the_identity_of_the_whole() -> None:
    starts = {"entity": ["dev2", "dev1", "other"], "time": times(-7, -3, 0)}
    more = table([("dev1", 9, "z"), ("late", 9, "z")])
    names = MAP | {"late": "other"}
    whole = pa.concat_tables([table(ROWS), more])
    expected = EventLog.from_arrow(whole, identity=names, starts=starts)
    assert (
        EventLog.from_arrow(table(ROWS), identity=names, starts=starts).with_events(more, identity=names).digest
        == expected.digest
    )
    # The table speaks of the log's own entities, too, and joins their starts.
    apart = EventLog.from_arrow(table(ROWS), starts=starts)
    assert apart.with_events(more, identity=names).digest == expected.digest
    # Without it the new rows' ids are what they are.
    log = EventLog.from_arrow(table(ROWS), identity=names).with_events(more)
    assert log.entities.to_pylist() == ["ann", "dev1", "late", "other"]
