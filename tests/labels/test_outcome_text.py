"""The outcome grammar: canonical text, round trips, errors with positions."""

from __future__ import annotations

import pickle
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqmine.errors import DataError, InvalidOutcome, NullKeyError, ParameterError, SchemaError, TimestampError
from seqmine.labels import Outcome

DAY = 86_400_000_000


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("no purchase within 90d", "no purchase within 90d"),
        ("  no   a|b{value>=50}   within 14d", "no a|b{value>=50} within 2w"),
        ("exists(upgrade) within 24h", "exists(upgrade) within 1d"),
        ("exists(*) within 1us", "exists(*) within 1us"),
        ("count(referral)>=3 within 90d", "count(referral) >= 3 within 90d"),
        ("count(x) != 007 within 1d", "count(x) != 7 within 1d"),
        ("count( x ) within 7d", "count(x) within 1w"),
        ('sum(value of "Type A") > 12.50 within 1d', 'sum(value of "Type A") > 12.5 within 1d'),
        ("sum(value of a) <= -5 within 1d", "sum(value of a) <= -5 within 1d"),
        ("sum(value of a) < 1e20 within 1d", "sum(value of a) < 1e+20 within 1d"),
        ("sum(value of a) = -0.0 within 1d", "sum(value of a) = 0 within 1d"),
        ("sum(value of purchase) top 5.00% within 180d", "sum(value of purchase) top 5% within 180d"),
        ("count(a) top 10% within 1d", "count(a) top 10% within 1d"),
        ("count(a) top 0.25% within 1d", "count(a) top 0.25% within 1d"),
        ("sum(value of a) within 1d", "sum(value of a) within 1d"),
        ('exists("no") within 1d', 'exists("no") within 1d'),
        ("no count within 1d", "no count within 1d"),
    ],
)
def test_canonical_text_reads_back(text: str, canonical: str) -> None:
    outcome = Outcome(text)
    assert str(outcome) == canonical
    assert Outcome(canonical) == outcome
    assert hash(Outcome(canonical)) == hash(outcome)
    assert pickle.loads(pickle.dumps(outcome)) == outcome


def test_fields() -> None:
    outcome = Outcome("count(a) >= 3 within 90d")
    assert (outcome.measure, outcome.comparison, outcome.threshold, outcome.horizon) == ("count", ">=", 3, 90 * DAY)
    assert outcome.percent is None and outcome.table is None and not outcome.is_numeric
    assert Outcome("sum(value of a) top 5% within 1d").percent == Decimal(5)
    assert Outcome("sum(value of a) within 1d").is_numeric
    assert Outcome("count(a) within 1d").is_numeric
    assert not Outcome("exists(a) within 1d").is_numeric
    with pytest.raises(AttributeError):
        outcome.horizon = 1  # type: ignore[misc]


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@settings(deadline=None)
@given(
    names,
    st.sampled_from(
        [
            "exists({}) within {}us",
            "no {} within {}us",
            "count({}) top 2.5% within {}us",
            "sum(value of {}) >= 0.1 within {}us",
        ]
    ),
    st.integers(1, 2**63 - 1),
)
def test_any_name_and_horizon_round_trip(name: str, form: str, horizon: int) -> None:
    import json

    outcome = Outcome(form.format(json.dumps(name), horizon))
    assert outcome.selector is not None and outcome.selector.types == (name,)
    assert outcome.horizon == horizon
    assert Outcome(str(outcome)) == outcome


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["<", "<=", ">", ">=", "=", "!="]))
def test_any_threshold_round_trips(x: float, op: str) -> None:
    outcome = Outcome(f"sum(value of a) {op} {x!r} within 1d")
    assert outcome.threshold == x and outcome.comparison == op
    assert Outcome(str(outcome)) == outcome


@pytest.mark.parametrize(
    ("text", "position", "part"),
    [
        ("", 0, "write 'no purchase within 90d'"),
        ("cont(a) > 3 within 3d", 0, "did you mean 'count'?"),
        ("count(a) >= 3", 13, "expected 'within'"),
        ("count(a) >= 3 witin 3d", 14, "did you mean 'within'?"),
        ("count(a) == 3 within 3d", 9, "did you mean '='?"),
        ("count(a) => 3 within 3d", 9, "did you mean '>='?"),
        ("count(a) > 3.5 within 3d", 11, "whole number"),
        ("count(a) > -3 within 3d", 11, "whole number"),
        ("count(a) > 99999999999999999999 within 3d", 11, "too large for a count"),
        ("sum(value of a) > 9007199254740993 within 3d", 18, "the nearest that fits is 9007199254740992"),
        ("churn", 0, "write 'exists(churn) within 90d' for an event churn, or for churn 'no purchase within 90d'"),
        ("upgrade within 60d", 0, "write 'exists(upgrade) within 90d'"),
        ('"Type A"', 0, """write 'exists("Type A") within 90d'"""),
        ("No purchase within 90d", 0, "did you mean 'no'?"),
        ("NO(purchase) within 90d", 0, "did you mean 'no'?"),
        ("no(purchase) within 90d", 2, "takes no parentheses (at character 2: no <HERE> (purchase) within 90d)"),
        ("no(a|b) within 90d", 2, "write 'no a within 90d'"),
        ("no(", 2, "write 'no purchase within 90d'"),
        ("count(a) > b within 3d", 11, "expected a number"),
        ("count a > 3 within 3d", 6, "expected '('"),
        ("count(a > 3 within 3d", 8, "expected ')'"),
        ("sum(a) > 3 within 3d", 4, "sum(value of purchase)"),
        ("sum(value off a) > 3 within 3d", 10, "did you mean 'of'?"),
        ("sum(value of a) > 1e999 within 3d", 18, "does not fit"),
        ("no a within 0d", 12, "empty"),
        ("no a within 3months", 12, "no fixed length"),
        ("no a within 30", 12, "no unit"),
        ("no a within 3d x", 15, "unexpected 'x'"),
        ("no within within 3d", 3, "reserved"),
        ("exists(a) > 3 within 3d", 10, "expected 'within'"),
        ("count(a) top 5 within 3d", 15, "expected '%'"),
        ("count(a) top 0% within 3d", 13, "between 0% and 100%"),
        ("count(a) top 100% within 3d", 13, "between 0% and 100%"),
        ("count(a) top many% within 3d", 13, "expected a percentage"),
    ],
)
def test_errors_name_the_place_and_the_next_step(text: str, position: int, part: str) -> None:
    with pytest.raises(InvalidOutcome) as caught:
        Outcome(text)
    assert caught.value.position == position
    assert part in str(caught.value)


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_an_outcome_or_a_typed_error(text: str) -> None:
    try:
        outcome = Outcome(text)
    except InvalidOutcome:
        return
    assert Outcome(str(outcome)) == outcome


def table(**columns: object) -> pa.Table:
    return pa.table(columns)


TIMES = pa.array([5, 7], pa.timestamp("us", "UTC"))


def test_a_table_of_labels_or_values() -> None:
    outcome = Outcome.from_table(table(entity=["a", "b"], time=TIMES, label=[1, 0]), "90d")
    assert (outcome.measure, outcome.horizon, outcome.is_numeric) == ("table", 90 * DAY, False)
    assert str(outcome) == "table of 2 rows within 90d"
    assert outcome == Outcome.from_table(table(entity=["a", "b"], time=TIMES, label=[1, 0]), "90d")
    assert outcome != Outcome.from_table(table(entity=["a", "b"], time=TIMES, label=[1, 1]), "90d")
    assert str(Outcome.from_table(table(entity=["a", "b"], time=TIMES, value=[1.5, 2.0]))) == "table of 2 rows"
    assert Outcome.from_table(table(entity=["a", "b"], time=TIMES, value=[1.5, 2.0])).is_numeric


@pytest.mark.parametrize(
    ("columns", "error", "part"),
    [
        ({"entity": ["a", "b"], "time": TIMES}, SchemaError, "either a column 'label' or a column 'value'"),
        ({"entity": ["a", "b"], "time": TIMES, "label": [0, 1], "value": [0, 1]}, SchemaError, "either"),
        ({"entity": ["a", "b"], "label": [0, 1]}, SchemaError, "time"),
        ({"entity": ["a", None], "time": TIMES, "label": [0, 1]}, NullKeyError, "row 1"),
        (
            {"entity": ["a", "b"], "time": pa.array([None, 3], pa.timestamp("us", "UTC")), "label": [0, 1]},
            DataError,
            "row 0",
        ),
        ({"entity": ["a", "b"], "time": TIMES, "label": [0, 2]}, DataError, "row 1"),
        ({"entity": ["a", "b"], "time": TIMES, "value": [0.0, float("nan")]}, DataError, "row 1"),
        ({"entity": ["a", "a"], "time": TIMES, "label": [0, 1]}, DataError, "row 1: contradicts row 0"),
        ({"entity": ["a", "a"], "time": [5, 7], "label": [0, 1]}, TimestampError, "unit"),
    ],
)
def test_a_bad_table_is_refused_where_it_is_made(columns: dict[str, object], error: type[Exception], part: str) -> None:
    with pytest.raises(error) as caught:
        Outcome.from_table(table(**columns), "90d")
    assert part in str(caught.value)


def test_a_horizon_of_zero_is_refused() -> None:
    with pytest.raises(ParameterError):
        Outcome.from_table(table(entity=["a", "b"], time=TIMES, label=[1, 0]), "0d")
