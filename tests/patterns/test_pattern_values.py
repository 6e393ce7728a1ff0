"""Patterns made by hand: the same checks and the same canonical values as patterns from text."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import pytest

from seqmine.errors import InvalidPattern
from seqmine.patterns import Absence, Condition, Gap, Pattern, Selector, Step, parse_pattern

A, B = Selector(("a",)), Selector(("b",))
LIMIT = 2**63


def test_types_and_conditions_have_one_order() -> None:
    one = Selector(("b", "a", "b"), (Condition("x", "=", 1), Condition("hour", "=", 9)))
    other = Selector(("a", "b"), (Condition("hour", "=", (9, 10)), Condition("x", "=", 1.0)))
    assert one == other
    assert hash(one) == hash(other)
    assert str(one) == "a|b{hour=9, x=1}"


def test_types_are_ordered_by_bytes_not_by_utf16() -> None:
    assert Selector(("\U00010000", "\uffff")).types == ("\uffff", "\U00010000")


def test_an_attribute_may_have_the_name_of_a_field() -> None:
    own, attribute = Condition("value", "=", 3), Condition("value", "=", 3, attribute=True)
    assert own != attribute
    assert (str(own), str(attribute)) == ("value=3", '"value"=3')
    assert Condition("channel", "=", "x", attribute=True) == Condition("channel", "=", "x")


def test_the_bare_arrow_is_a_gap_like_others() -> None:
    assert Gap() == Gap(1, None)
    assert [str(gap) for gap in (Gap(), Gap(0), Gap(1, 2), Gap(0, 3_600_000_000))] == [
        "->",
        "-[0s,inf)->",
        "-[1us,2us)->",
        "-[0s,1h)->",
    ]


def test_patterns_are_values() -> None:
    pattern = parse_pattern("^ -> a{x=1} -[1s,2s)-> b without c -> no d within 1h span < 1d")
    assert pickle.loads(pickle.dumps(pattern)) == pattern
    assert len({pattern, parse_pattern(str(pattern))}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        pattern.span = 3  # type: ignore[misc]
    assert Pattern([Step(A)]) == Pattern((Step(A),))  # type: ignore[arg-type]
    assert repr(parse_pattern('"x y" -[0s,14d)-> b')) == """Pattern('"x y" -[0s,2w)-> b')"""


def test_a_pattern_is_no_longer_than_what_is_read() -> None:
    longest = 1 << 20
    pattern = Pattern((Step(Selector(("a" * (longest - 5),))), Step(A, Gap())))
    assert len(str(pattern)) == longest
    assert parse_pattern(str(pattern)) == pattern
    with pytest.raises(InvalidPattern, match="has 1,048,577 characters; at most 1,048,576 are read back - name fewer"):
        Pattern((Step(Selector(("a" * (longest - 4),))), Step(A, Gap())))
    many = Selector(tuple(f"type {i}" for i in range(100_000)))
    with pytest.raises(InvalidPattern, match="characters; at most"):
        Pattern((Step(many),))
    with pytest.raises(InvalidPattern, match="characters; at most") as caught:
        parse_pattern("a" * (longest - 3) + "->b")
    assert caught.value.position == 0


BAD: list[tuple[Any, str]] = [
    (lambda: Pattern(()), "at least one step"),
    (lambda: Pattern((A,)), "of type Step, not Selector"),  # type: ignore[arg-type]
    (lambda: Pattern((Step(A), Step(B))), "step 2 needs a gap"),
    (lambda: Pattern((Step(A),), anchored=True), "step 1 needs a gap"),
    (lambda: Pattern((Step(A, Gap()),)), "follows nothing"),
    (lambda: Pattern((Step(A, None, B),)), "`without` guards"),
    (lambda: Pattern((Step(A),), (B,)), "of type Absence"),  # type: ignore[arg-type]
    (lambda: Pattern((Step(A),), span=0), "longer than 0s"),
    (lambda: Pattern((Step(A),), span=-1), "longer than 0s"),
    (lambda: Pattern((Step(A),), span=LIMIT), "does not fit"),
    (lambda: Pattern((Step(A), *[Step(B, Gap(), A)] * 32)), "at most 64"),
    (lambda: Step("a"), "of type Selector, not str"),  # type: ignore[arg-type]
    (lambda: Step(A, (0, 1)), "of type Gap, not tuple"),  # type: ignore[arg-type]
    (lambda: Step(A, Gap(), "b"), "of type Selector, not str"),  # type: ignore[arg-type]
    (lambda: Gap(-1), "0s or more"),
    (lambda: Gap(5, 5), "is empty"),
    (lambda: Gap(0, 0), "is empty"),
    (lambda: Gap(0, LIMIT), "does not fit"),
    (lambda: Gap("0s", "1h"), "whole number of microseconds"),  # type: ignore[arg-type]
    (lambda: Gap(True), "whole number of microseconds"),
    (lambda: Absence(A, 0), "longer than 0s"),
    (lambda: Absence(A, 1.5), "whole number of microseconds"),  # type: ignore[arg-type]
    (lambda: Selector("a"), "not one text"),  # type: ignore[arg-type]
    (lambda: Selector(("",)), "cannot be empty"),
    (lambda: Selector(("\ud800",)), "not valid Unicode"),
    (lambda: Selector((5,)), "must be text"),  # type: ignore[arg-type]
    (lambda: Selector((), (Condition("x", "=", 1),) * 2), "there twice"),
    (lambda: Selector((), (Condition("x", "=", 1), Condition("x", "=", "a"))), "cannot equal two"),
    (lambda: Selector((), tuple(Condition("x", "!=", i) for i in range(65))), "at most 64 conditions"),
    (lambda: Condition("x", "==", 1), "no comparison"),
    (lambda: Condition("", "=", 1), "cannot be empty"),
    (lambda: Condition("x", "=", float("nan")), "must be finite"),
    (lambda: Condition("x", "=", 10**400), "must be finite"),
    (lambda: Condition("x", "=", 2**53 + 1), "would lose digits"),
    (lambda: Condition("value", "<", -(10**23)), "would lose digits"),
    (lambda: Condition("x", "=", True), "a number or a text"),
    (lambda: Condition("x", "=", ("Mon", "Tue")), "a number or a text"),
    (lambda: Condition("x", "=", "\udc00"), "not valid Unicode"),
    (lambda: Condition("x", "<", "a"), "text takes = and != only"),
    (lambda: Condition("x", "=", 1, attribute=False), "no field of every event"),
    (lambda: Condition("value", "=", "a"), "compared with a number"),
    (lambda: Condition("weekday", "=", ("Mon", "Tues")), "no weekday"),
    (lambda: Condition("weekday", "=", 1), "weekday takes"),
    (lambda: Condition("hour", "=", (9, 9)), "is empty"),
    (lambda: Condition("hour", "=", (24, 3)), "0 to 23"),
    (lambda: Condition("hour", "=", (0, 25)), "ends at 24"),
    (lambda: Condition("hour", "=", 10**5000), "0 to 23"),
    (lambda: Condition("hour", "=", "9"), "hour takes"),
    (lambda: Condition("hour", "<=", 9), "= and != only"),
]


@pytest.mark.parametrize(("make", "problem"), BAD, ids=[f"{i}-{row[1]}" for i, row in enumerate(BAD)])
def test_what_cannot_be_a_pattern(make: Any, problem: str) -> None:
    with pytest.raises(InvalidPattern) as caught:
        make()
    assert problem in caught.value.message
    assert caught.value.position is None
