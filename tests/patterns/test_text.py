"""Durations, names and near misses."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest

from seqmine._text import (
    MAX_DURATION,
    Cursor,
    did_you_mean,
    format_duration,
    join_names,
    parse_duration,
    quote_name,
    split_names,
)
from seqmine.errors import InvalidOutcome, ParameterError


@pytest.mark.parametrize(
    ("text", "us"),
    [
        ("0s", 0),
        ("7us", 7),
        ("7ms", 7_000),
        ("7s", 7_000_000),
        ("90m", 5_400_000_000),
        ("4h", 14_400_000_000),
        ("14d", 1_209_600_000_000),
        ("2w", 1_209_600_000_000),
        (" 30m ", 1_800_000_000),
        ("00000000000000000000000000001s", 1_000_000),
        ("9223372036854775807us", MAX_DURATION),
        (timedelta(minutes=30), 1_800_000_000),
        (timedelta(days=1, microseconds=1), 86_400_000_001),
        (pd.Timedelta("2h"), 7_200_000_000),
    ],
)
def test_durations(text: str | timedelta, us: int) -> None:
    assert parse_duration(text) == us
    assert parse_duration(format_duration(us)) == us


@pytest.mark.parametrize(
    ("value", "problem", "hint"),
    [
        (30, "not int", "no unit"),
        (1.5, "not float", "no unit"),
        (True, "not bool", "no unit"),
        (None, "not NoneType", ""),
        ("", "not a duration", "one whole number"),
        ("30", "has no unit", "us, ms, s, m, h, d and w"),
        ("30 m", "not a duration", "leave out the space: '30m'"),
        ("4 hours", "not a duration", "did you mean '4h'"),
        ("2min", "unknown unit 'min'", "did you mean '2m'"),
        ("2H", "unknown unit 'H'", "did you mean '2h'"),
        ("5µs", "unknown unit", "did you mean '5us'"),
        ("3 months", "not a duration", "months and years"),
        ("1y", "unknown unit 'y'", "months and years"),
        ("4parsec", "unknown unit 'parsec'", "units are"),
        ("1h30m", "not a duration", "write '90m'"),
        ("0.5d", "not a duration", "write '12h'"),
        ("-1h", "not a duration", ""),
        ("1e3s", "not a duration", ""),
        ("٣h", "not a duration", ""),
        ("9223372036854775808us", "does not fit", "106751991d"),
        ("1" * 5000 + "s", "does not fit", ""),
        (timedelta(seconds=-1), "between 0s", ""),
        (timedelta.max, "between 0s", ""),
        (pd.Timedelta("1500ns"), "finer than a microsecond", "round"),
    ],
)
def test_no_durations(value: object, problem: str, hint: str) -> None:
    with pytest.raises(ParameterError, match=r"^max_gap") as caught:
        parse_duration(value, "max_gap")  # type: ignore[arg-type]
    assert problem in caught.value.message
    assert hint in (caught.value.hint or "")
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("us", "text"),
    [(0, "0s"), (1, "1us"), (1_001, "1001us"), (90_000_000, "90s"), (5_400_000_000, "90m"), (86_400_000_000, "1d")],
)
def test_canonical_durations(us: int, text: str) -> None:
    assert format_duration(us) == text


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        ("email_open", "email_open"),
        ("a.b:9", "a.b:9"),
        ("Type A", '"Type A"'),
        ("within", '"within"'),
        ("Within", "Within"),
        ("", '""'),
        ("é", '"é"'),
        ('say "hi"\n', r'"say \"hi\"\n"'),
    ],
)
def test_names_are_quoted_where_they_must_be(name: str, quoted: str) -> None:
    assert quote_name(name) == quoted


def test_nearest_word() -> None:
    types = ["email_open", "Email_Sent", "purchase", "call"]
    assert did_you_mean("emailopen", types) == "email_open"
    assert did_you_mean("EMAIL_SENT", types) == "Email_Sent"
    assert did_you_mean("purchse", reversed(types)) == "purchase"
    assert did_you_mean("ticket", types) is None
    assert did_you_mean("", types) is None
    assert did_you_mean("x" * 81, ["x" * 80]) is None


def test_a_cursor_raises_the_error_of_its_language() -> None:
    cursor = Cursor("count(", InvalidOutcome)
    assert cursor.name("an event type") == "count"
    cursor.expect("(")
    with pytest.raises(InvalidOutcome, match=r"expected '\)' to close, found the end") as caught:
        cursor.expect(")", "to close")
    assert caught.value.position == 6


def test_a_cursor_refuses_half_a_surrogate_pair() -> None:
    with pytest.raises(InvalidOutcome, match="not valid Unicode"):
        Cursor(r'"\udc00"', InvalidOutcome).peek()


def test_a_cursor_looks_ahead_without_taking() -> None:
    cursor = Cursor('a -> "no" no')
    assert [cursor.peek(i).kind for i in range(6)] == ["word", "symbol", "quoted", "word", "end", "end"]
    assert cursor.next().text == "a"
    assert cursor.accept("-[") is None
    assert cursor.accept("->") is not None
    assert cursor.accept_word("no") is None  # a quoted word is a name
    assert cursor.next().value == "no"
    assert cursor.accept_word("no") is not None
    cursor.expect_end()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        (" , ,", []),
        ("a", ["a"]),
        (" a b ,c,", ["a b", "c"]),
        ('"a, b"', ["a, b"]),
        ('a , "b, c" ,d', ["a", "b, c", "d"]),
        ('5" nail,a"b', ['5" nail', 'a"b']),
        (r'"say \"hi\", now","\u00e4"', ['say "hi", now', "ä"]),
        ('"", b', ["b"]),
    ],
)
def test_a_list_of_names(text: str, names: list[str]) -> None:
    assert split_names(text) == names
    assert split_names(join_names(names)) == names


def test_names_of_any_kind_come_back_from_a_list() -> None:
    names = ["a, b", '"', '"a"', " a", "a ", ",", "a\nb", "\\", 'x\\"', "日本, 語", "plain name"]
    assert split_names(join_names(names)) == names
    assert join_names(["plain name", 'a"b', "x.y"]) == 'plain name,a"b,x.y'


@pytest.mark.parametrize("text", ['"a', '"a" b', 'a, "b"c', r'"\q"', '"a\nb"'])
def test_lists_of_names_that_are_refused(text: str) -> None:
    with pytest.raises(ParameterError, match="no list of names: ") as caught:
        split_names(text)
    assert "double quotes" in str(caught.value.hint)
