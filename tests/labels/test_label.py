"""Which rows are asked, and what their labels are: every boundary of every interval."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_logs import instants, make_log

from seqmine.errors import InsufficientDataError, InvalidOutcome, ParameterError, UnknownEventWarning, ValueRangeError
from seqmine.labels import Labels, Outcome, Study, label, split_halves
from seqmine.labels._instants import earlier, later

LAST = 2**63 - 1
FIRST = -(2**63) + 1


def at(*rows: tuple[str, int]) -> pa.Table:
    return pa.table({"entity": [e for e, _ in rows], "index_time": instants(*(t for _, t in rows))})


def rows_of(labels: Labels) -> list[tuple[str, int, int]]:
    table = labels.to_arrow()
    times = table["index_time"].cast(pa.int64()).to_pylist()
    return list(zip(table["entity"].to_pylist(), times, table["label"].to_pylist(), strict=True))


def one(outcome: str, *events: tuple, lead: str = "0s", index: int = 100, **study: object) -> int | str:
    """The label of entity e at the index, or the reason why it is left out."""
    log = make_log([("e", 0, "begin"), *[("e", *event) for event in events], ("e", 900, "end")], observed_until=1000)
    labels = label(log, Study(Outcome(outcome), at=at(("e", index)), lead=lead, **study))
    assert labels.n_rows + sum(labels.excluded.values()) == 1
    if labels.n_rows:
        return rows_of(labels)[0][2]
    return next(reason for reason, n in labels.excluded.items() if n)


@pytest.mark.parametrize(
    ("time", "hit"),
    [(99, 0), (100, 0), (109, 0), (110, 1), (111, 1), (128, 1), (129, 1), (130, 0), (131, 0)],
)
def test_the_outcome_interval_is_half_open_and_starts_after_the_lead(time: int, hit: int) -> None:
    """Index 100, lead 10, horizon 20: the outcome interval is [110, 130)."""
    assert one("exists(x) within 20us", (time, "x"), lead="10us") == hit
    assert one("count(x) = 1 within 20us", (time, "x"), lead="10us") == hit
    assert one("count(x) within 20us", (time, "x"), lead="10us") == hit
    assert one("sum(value of x) > 0 within 20us", (time, "x", 2.5), lead="10us") == hit
    assert one("sum(value of x) within 20us", (time, "x", 2.5), lead="10us") == 2.5 * hit
    # Active before the index, so that silence can be asked.
    assert one("no x within 20us", (85, "x"), (time, "x"), lead="10us") == 1 - hit


@pytest.mark.parametrize("time", [99, 100, 119, 120])
def test_without_a_lead_the_outcome_interval_starts_at_the_index(time: int) -> None:
    assert one("exists(x) within 20us", (time, "x")) == (100 <= time < 120)


@pytest.mark.parametrize(
    ("op", "holds"),
    [(">", (0, 0, 1)), (">=", (0, 1, 1)), ("<", (1, 0, 0)), ("<=", (1, 1, 0)), ("=", (0, 1, 0)), ("!=", (1, 0, 1))],
)
def test_comparisons(op: str, holds: tuple[int, ...]) -> None:
    for n, expected in zip((1, 2, 3), holds, strict=True):
        events = [(100 + i, "x", 1.0) for i in range(n)]
        assert one(f"count(x) {op} 2 within 20us", *events) == expected
        assert one(f"sum(value of x) {op} 2 within 20us", *events) == expected


def test_events_at_one_time_are_counted_one_by_one() -> None:
    assert one("count(x) >= 2 within 20us", (100, "x"), (100, "x")) == 1


def test_null_values_count_as_zero_and_are_told() -> None:
    log = make_log([("e", 0, "x", None), ("e", 10, "x", None), ("e", 11, "x", 3.0)], observed_until=99)
    labels = label(log, Study(Outcome("sum(value of x) within 20us"), at=at(("e", 5))))
    assert rows_of(labels) == [("e", 5, 3.0)]
    assert labels.details == {"n_null_values": 1}


@pytest.mark.parametrize(("time", "asked"), [(79, False), (80, True), (99, True), (100, False)])
def test_silence_is_asked_of_those_active_in_the_horizon_before_the_index(time: int, asked: bool) -> None:
    assert one("no x within 20us", (time, "x"), (150, "x")) == (1 if asked else "inactive")


@pytest.mark.parametrize(("index", "born"), [(99, False), (100, True), (101, True)])
def test_born_at_the_index_is_born(index: int, born: bool) -> None:
    log = make_log([("e", 100, "x")], observed_until=1000)
    labels = label(log, Study(Outcome("exists(x) within 20us"), at=at(("e", index))))
    assert labels.n_rows == born and labels.excluded["not_born"] == (not born)


def test_the_declared_start_decides_birth_and_tenure() -> None:
    log = make_log([("e", 100, "x")], starts={"e": 50}, observed_until=1000)
    outcome = Outcome("exists(x) within 20us")
    for index, n_rows in ((49, 0), (50, 1)):
        assert label(log, Study(outcome, at=at(("e", index)))).n_rows == n_rows
    for index, expected in ((79, 1), (80, 0)):
        labels = label(log, Study(outcome, at=at(("e", index)), min_tenure="30us"))
        assert labels.excluded["short_tenure"] == expected
        assert list(labels.excluded) == ["unknown_entity", "not_born", "not_followed", "short_tenure"]


@pytest.mark.parametrize(("until", "followed"), [(129, False), (130, True), (131, True)])
def test_followed_to_the_end_of_the_outcome_interval(until: int, followed: bool) -> None:
    log = make_log([("e", 0, "x"), ("e", 105, "x")], observed_until=until)
    # Whether the outcome was seen before the log ends must not matter.
    labels = label(log, Study(Outcome("exists(x) within 20us"), at=at(("e", 100)), lead="10us"))
    assert labels.n_rows == followed and labels.excluded["not_followed"] == (not followed)


def test_incident_rows_have_not_had_the_outcome() -> None:
    x = "exists(x) within 20us"
    assert one(x, (99, "x"), incident=True) == "already"
    assert one(x, (1, "x"), incident=True, lookback="5us") == "already"  # however long ago
    assert one(x, (100, "x"), incident=True) == 1
    assert one(x, (100, "x"), lead="10us", incident=True) == "outcome_in_lead"
    assert one(x, (109, "x"), lead="10us", incident=True) == "outcome_in_lead"
    assert one(x, (110, "x"), lead="10us", incident=True) == 1
    assert one(x, (130, "x"), lead="10us", incident=True) == 0
    twice = "count(x) >= 2 within 20us"
    assert one(twice, (1, "x"), (110, "x"), (111, "x"), incident=True) == 1
    assert one(twice, (1, "x"), (99, "x"), incident=True) == "already"
    assert one(twice, (100, "x"), (101, "x"), lead="10us", incident=True) == "outcome_in_lead"
    assert one("no x within 20us", (99, "x"), incident=True) == 1
    assert one("no x within 20us", (9, "x"), incident=True) == "inactive"


@pytest.mark.parametrize(
    "outcome",
    [
        "count(x) < 2 within 1d",
        "count(x) = 2 within 1d",
        "count(x) >= 0 within 1d",
        "count(x) within 1d",
        "count(x) top 5% within 1d",
        "sum(value of x) > 2 within 1d",
    ],
)
def test_incident_is_refused_where_it_means_nothing(outcome: str) -> None:
    with pytest.raises(ParameterError, match="incident"):
        Study(Outcome(outcome), at="2017-01-01", incident=True)


def test_the_first_failing_reason_counts() -> None:
    log = make_log([("a", 50, "x"), ("b", 5, "x"), ("b", 99, "x"), ("c", 0, "y")], observed_until=200)
    everyone = [("a", 10), ("a", 190), ("b", 100), ("b", 40), ("c", 40), ("nobody", 40)]
    labels = label(log, Study(Outcome("no x within 30us"), at=at(*everyone)))
    assert rows_of(labels) == [("b", 100, 1)]
    assert labels.excluded == {"unknown_entity": 1, "not_born": 1, "not_followed": 1, "inactive": 2}
    assert list(labels.excluded) == ["unknown_entity", "not_born", "not_followed", "inactive"]


def test_reasons_that_could_apply_are_listed_with_zero() -> None:
    log = make_log([("e", 0, "x")], observed_until=1000)
    study = Study(Outcome("exists(x) within 20us"), at="first(x)", incident=True, min_tenure="0d")
    assert label(log, study).excluded == {
        "no_index": 0,
        "not_born": 0,
        "not_followed": 0,
        "already": 0,
        "outcome_in_lead": 0,
    }


@pytest.mark.parametrize("index", [FIRST, FIRST + 1, -1, 0, LAST - 30, LAST - 29, LAST - 1, LAST])
@pytest.mark.parametrize("horizon", [20, LAST])
def test_the_ends_of_time_never_wrap(index: int, horizon: int) -> None:
    log = make_log([("e", FIRST, "x"), ("e", LAST, "x")], observed_until=LAST)
    labels = label(log, Study(Outcome(f"exists(x) within {horizon}us"), at=at(("e", index)), lead="10us"))
    fits = index + 10 + horizon <= LAST
    assert labels.excluded["not_followed"] == (not fits)
    if fits:
        assert rows_of(labels) == [("e", index, 0)]
    lookback = label(log, Study(Outcome("no x within 20us"), at=at(("e", FIRST + 1)), lookback=f"{LAST}us"))
    assert rows_of(lookback) == [("e", FIRST + 1, 1)]


instants_ = st.one_of(st.integers(FIRST, FIRST + 9), st.integers(-9, 9), st.integers(LAST - 9, LAST))
lengths = st.one_of(st.integers(0, 9), st.integers(LAST - 9, LAST + 9), st.integers(2**64 - 9, 2**64 + 9))


@settings(deadline=None, max_examples=60)
@given(st.lists(instants_, max_size=5), lengths)
def test_sums_of_instants_and_durations_are_exact(times: list[int], by: int) -> None:
    array = np.array(times, dtype=np.int64)
    moved = later(array, by)
    assert moved.fits.tolist() == [t + by <= LAST for t in times]
    assert [m for m, fits in zip(moved.time.tolist(), moved.fits, strict=True) if fits] == [
        t + by for t in times if t + by <= LAST
    ]
    assert earlier(array, by).tolist() == [max(t - by, FIRST) for t in times]


def test_durations_that_reach_beyond_all_times() -> None:
    log = make_log([("e", FIRST, "x"), ("e", LAST, "x")], observed_until=LAST)
    study = Study(Outcome(f"exists(x) within {LAST}us"), at=at(("e", FIRST + 2)), lead=f"{LAST}us")
    assert label(log, study).excluded["not_followed"] == 1
    for tenure, n_rows in ((2, 1), (3, 0), (LAST, 0)):
        study = Study(Outcome("exists(x) within 1us"), at=at(("e", FIRST + 2)), min_tenure=f"{tenure}us")
        assert label(log, study).n_rows == n_rows
    study = Study(Outcome("exists(x) within 1us"), at=at(("e", 0)), incident=True)
    assert label(log, study).excluded["already"] == 1


def test_an_anchor_beyond_the_end_of_time_is_not_followed() -> None:
    log = make_log([("e", LAST - 5, "x"), ("f", 0, "x"), ("f", 1, "y")], observed_until=LAST)
    labels = label(log, Study(Outcome("exists(y) within 1us"), at="start + 9us"))
    assert rows_of(labels) == [("f", 9, 0)]
    assert labels.excluded == {"not_born": 0, "not_followed": 1}


def by_table(
    rows: list[tuple[str, int, object]],
    index: int,
    horizon: str | None = "20us",
    column: str = "label",
    lead: str = "10us",
) -> tuple[list[object], dict[str, int]]:
    log = make_log([("a", 0, "x"), ("b", 0, "x")], observed_until=0)  # the table says who was followed, not the log
    table = pa.table(
        {"entity": [r[0] for r in rows], "time": instants(*(r[1] for r in rows)), column: [r[2] for r in rows]}
    )
    labels = label(log, Study(Outcome.from_table(table, horizon), at=at(("a", index)), lead=lead))
    assert labels.n_rows + sum(labels.excluded.values()) == 1
    return labels.column("label").to_pylist(), {reason: n for reason, n in labels.excluded.items() if n}


@pytest.mark.parametrize(
    ("known", "time", "expected"),
    [
        (1, 99, "already"), (1, 100, "outcome_in_lead"), (1, 109, "outcome_in_lead"), (1, 110, 1), (1, 129, 1),
        (1, 130, 0), (1, 999, 0),
        (0, 99, "not_followed"), (0, 110, "not_followed"), (0, 129, "not_followed"), (0, 130, 0), (0, 999, 0),
    ],
)  # fmt: skip
def test_an_outcome_table_with_a_horizon(known: int, time: int, expected: int | str) -> None:
    label_, excluded = by_table([("a", time, known), ("b", 5, 1), ("watched to the end", 130, 0)], 100)
    assert (label_, excluded) == (([expected], {}) if isinstance(expected, int) else ([], {expected: 1}))


@pytest.mark.parametrize(
    ("known", "time", "expected"),
    [(1, 99, "already"), (1, 109, "outcome_in_lead"), (1, 110, 1), (1, LAST, 1), (0, 109, "not_followed"), (0, 110, 0)],
)
def test_an_outcome_table_without_a_horizon(known: int, time: int, expected: int | str) -> None:
    label_, excluded = by_table([("a", time, known)], 100, None)
    assert (label_, excluded) == (([expected], {}) if isinstance(expected, int) else ([], {expected: 1}))


@pytest.mark.parametrize(
    ("time", "expected"),
    [(99, "already"), (100, "outcome_in_lead"), (110, 2.5), (129, 2.5), (130, "not_followed")],
)
def test_an_outcome_table_of_values(time: int, expected: float | str) -> None:
    label_, excluded = by_table([("a", time, 2.5), ("watched to the end", 130, 0.0)], 100, column="value")
    assert (label_, excluded) == (([expected], {}) if isinstance(expected, float) else ([], {expected: 1}))


def test_an_outcome_table_that_lacks_the_entity() -> None:
    assert by_table([("b", 200, 1)], 100) == ([], {"no_outcome_row": 1})
    assert by_table([], 100) == ([], {"not_followed": 1})
    assert by_table([], 100, None) == ([], {"no_outcome_row": 1})


@pytest.mark.parametrize("known", [0, 1])
def test_beyond_the_end_of_all_follow_up_the_outcome_is_never_asked(known: int) -> None:
    # The table's latest time is 129, the interval ends at 130: keeping the early positive would bias the base rate.
    assert by_table([("a", 115, known), ("b", 129, 0)], 100) == ([], {"not_followed": 1})
    assert by_table([("a", 115, 1), ("b", 130, 0)], 100) == ([1], {})


def test_an_outcome_table_at_the_end_of_time() -> None:
    assert by_table([("a", LAST, 1)], LAST - 10) == ([], {"not_followed": 1})
    assert by_table([("a", LAST, 1)], LAST - 10, None) == ([1], {})
    assert by_table([("a", LAST, 1)], LAST - 9, None) == ([], {"not_followed": 1})


def test_an_outcome_table_tells_how_many_rows_found_nobody() -> None:
    log = make_log([("a", 0, "x")])
    table = pa.table(
        {"entity": ["a", "a", "q", "q"], "time": instants(200, 200, 3, 3), "label": [True, True, False, False]}
    )
    labels = label(log, Study(Outcome.from_table(table), at=at(("a", 100))))
    assert rows_of(labels) == [("a", 100, 1)] and labels.details == {"n_outcome_rows_unused": 1}
    assert list(labels.excluded) == [
        "unknown_entity",
        "not_born",
        "not_followed",
        "already",
        "outcome_in_lead",
        "no_outcome_row",
    ]


def half(entity: str, seed: int = 0) -> int:
    digest = hashlib.blake2b(entity.encode(), digest_size=8, key=str(seed).encode(), person=b"seqmine.split").digest()
    return int(int.from_bytes(digest, "big") >= 2**63)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=20), st.integers(-9, 9))
def test_halves_depend_on_id_and_seed_alone(entities: list[str], seed: int) -> None:
    expected = [half(e, seed) for e in entities]
    assert split_halves(pa.array(entities, pa.string()), seed).tolist() == expected
    assert (
        split_halves(pa.chunked_array([pa.array(entities, pa.string()).dictionary_encode()]), seed).tolist() == expected
    )


def test_halves_are_halves_and_fixed_for_ever() -> None:
    many = pa.array([f"e{i}" for i in range(10_000)])
    assert 4_800 < int(split_halves(many, 0).sum()) < 5_200
    assert 4_800 < int((split_halves(many, 0) != split_halves(many, 1)).sum()) < 5_200
    # Written down once: another half for the same entity would break every earlier study.
    assert split_halves(pa.array(list("abcdefghij")), 0).tolist() == [half(e) for e in "abcdefghij"]
    assert "".join(map(str, split_halves(pa.array(list("abcdefghij")), 0))) == "0110000111"


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=40),
    st.sampled_from(["5%", "7%", "10%", "29%", "50%", "99.9%"]),
    st.integers(0, 3),
)
def test_the_top_share_is_set_on_discovery_with_ties_negative(sums: list[int], percent: str, seed: int) -> None:
    from decimal import Decimal
    from fractions import Fraction

    log = make_log(
        [(f"e{i}", 10, "x", float(v)) for i, v in enumerate(sums)]
        + [(f"e{i}", 0, "y", None) for i in range(len(sums))],
        observed_until=100,
    )
    study = Study(
        Outcome(f"sum(value of x) top {percent} within 20us"),
        at=at(*((f"e{i}", 5) for i in range(len(sums)))),
        seed=seed,
    )
    found = sorted((v for i, v in enumerate(sums) if half(f"e{i}", seed) == 0), reverse=True)
    if not found:
        with pytest.raises(InsufficientDataError):
            label(log, study)
        return
    k = int(Fraction(Decimal(percent[:-1])) * len(found) / 100)
    labels = label(log, study)
    assert {e: y for e, _, y in rows_of(labels)} == {f"e{i}": int(v > found[k]) for i, v in enumerate(sums)}
    assert labels.details == {"n_null_values": 0, "n_discovery": len(found), "threshold": found[k]}


def test_a_top_share_counts_eligible_rows_only_and_exactly() -> None:
    # floor(0.29 * 100) is 28 in binary floating point; the share is exact.
    names = [name for name in (f"e{i}" for i in range(300)) if half(name) == 0][:100]
    events = [(name, 10 + k, "x") for i, name in enumerate(names) for k in range(i + 1)]
    log = make_log([*events, *((name, 0, "y") for name in names)], observed_until=1000)
    labels = label(log, Study(Outcome("count(x) top 29% within 500us"), at=at(*((name, 5) for name in names))))
    assert labels.n_positive == 29
    later = at(*((name, 5 if i < 50 else 900) for i, name in enumerate(names)))
    labels = label(log, Study(Outcome("count(x) top 10% within 500us"), at=later))
    assert (labels.n_rows, labels.n_positive, labels.excluded["not_followed"]) == (50, 5, 50)


def test_no_rows_is_a_result() -> None:
    empty = make_log([])
    for outcome in ("no x within 1d", "count(x) within 1d", "count(x) top 5% within 1d"):
        with pytest.warns(UnknownEventWarning):
            labels = label(empty, Study(Outcome(outcome), at="2017-01-01"))
        assert labels.n_rows == 0 and sum(labels.excluded.values()) == 0
    log = make_log([("e", 0, "x")])
    labels = label(log, Study(Outcome("exists(x) within 1d"), at=at()))
    assert labels.n_rows == 0 and np.isnan(labels.base_rate)


def test_problems_between_outcome_and_log() -> None:
    log = make_log([("e", 0, "purchase")], observed_until=10)
    with pytest.raises(InvalidOutcome, match="value='amount'"):
        label(log, Study(Outcome("sum(value of purchase) > 1 within 1us"), at=at(("e", 5))))
    with pytest.raises(InvalidOutcome, match="channel"):
        label(log, Study(Outcome("exists(purchase{channel=mail}) within 1us"), at=at(("e", 5))))
    with pytest.warns(UnknownEventWarning, match="purchase"):
        label(log, Study(Outcome("exists(purchse) within 1us"), at=at(("e", 5))))
    with pytest.raises(ParameterError, match="did you mean 'purchase'"):
        label(log, Study(Outcome("exists(*) within 1us"), at=at(("e", 5)), exclude_events=["purchse"]))
    with pytest.raises(ParameterError, match="threads"):
        label(log, Study(Outcome("exists(*) within 1us"), at=at(("e", 5))), threads=-1)
    huge = make_log([("e", 0, "x", 1e308), ("e", 6, "x", 1e308), ("e", 7, "x", 1e308)], observed_until=99)
    with pytest.raises(ValueRangeError):
        label(huge, Study(Outcome("sum(value of x) > 1 within 9us"), at=at(("e", 5))))


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"lookback": "0d"}, "lookback"), ({"lookback": 180}, "lookback"), ({"lead": "1month"}, "lead"),
        ({"lead": None}, "lead"), ({"exclude_events": "cancel"}, "exclude_events=['cancel']"),
        ({"exclude_events": [3]}, "exclude_events"), ({"seed": 1.5}, "seed"), ({"seed": 2**63}, "seed"),
        ({"incident": 1}, "incident"), ({"min_tenure": "-1d"}, "min_tenure"),
    ],
)  # fmt: skip
def test_a_study_refuses_what_it_cannot_use(options: dict[str, object], part: str) -> None:
    with pytest.raises(ParameterError) as caught:
        Study(Outcome("exists(x) within 1d"), at="2017-10-01", **options)
    assert part in str(caught.value)
    with pytest.raises(ParameterError, match="Outcome"):
        Study(3, at="2017-10-01")


def test_a_study_is_a_value() -> None:
    one_ = Study("no purchase within 90d", at=["2017-10-01"], lookback="14d", lead="0d", exclude_events=["b", "a", "b"])
    assert one_ == Study(Outcome("no purchase within 90d"), at=["2017-10-01"], lookback="2w", exclude_events=("a", "b"))
    assert (one_.lookback, one_.lead, one_.exclude_events, one_.seed) == ("2w", "0s", ("a", "b"), 0)
    assert hash(one_) == hash(one_)
    with pytest.raises(AttributeError):
        one_.seed = 3  # type: ignore[misc]


@pytest.mark.threaded
def test_threads_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    events = [
        (f"e{rng.integers(4000)}", int(t), "xyz"[rng.integers(3)], float(rng.random()))
        for t in rng.integers(0, 10**4, 20_000)
    ]
    log = make_log(events, observed_until=10**5)
    for outcome in ("sum(value of x) top 10% within 3ms", "count(x|y) within 3ms", "no x within 3ms"):
        study = Study(Outcome(outcome), at=["1970-01-01T00:00:00.003", "1970-01-01T00:00:00.006"])
        tables = [label(log, study, threads=n).to_arrow() for n in (1, 2, 4, 8)]
        assert all(t.equals(tables[0]) for t in tables)
        assert tables[0].num_rows > 3000
