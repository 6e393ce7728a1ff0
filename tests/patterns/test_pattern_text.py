"""The language: what reads as what, its canonical text, and what the errors say of text that does not read."""

from __future__ import annotations

import pickle
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seqmine._text import MAX_DURATION, format_duration, is_number, is_word, rounded_duration
from seqmine.errors import InvalidPattern
from seqmine.patterns import Absence, Condition, Gap, Pattern, Selector, Step, parse_pattern

HOUR = 3_600_000_000
DAY = 24 * HOUR


def step(name: str, gap: Gap | None = None, guard: Selector | None = None) -> Step:
    return Step(Selector((name,)), gap, guard)


# --- good text ---------------------------------------------------------------------------------------


def test_the_parts_of_a_pattern() -> None:
    pattern = parse_pattern(
        'email_open{weekday=Tue} -[0s,4h)-> "help center"|faq without *{value<-1.5} -> no ticket within 72h span < 90m'
    )
    assert pattern == Pattern(
        steps=(
            Step(Selector(("email_open",), (Condition("weekday", "=", ("Tue", "Tue")),))),
            Step(
                Selector(("faq", "help center")),
                Gap(0, 4 * HOUR),
                Selector((), (Condition("value", "<", -1.5),)),
            ),
        ),
        absences=(Absence(Selector(("ticket",)), 72 * HOUR),),
        span=HOUR * 3 // 2,
    )


def test_an_anchored_pattern() -> None:
    pattern = parse_pattern("^ -[7d,8d)-> a -> b")
    assert pattern == Pattern((step("a", Gap(7 * DAY, 8 * DAY)), step("b", Gap(1, None))), anchored=True)


CANONICAL = [
    ("a", "a"),
    ("  a\t\n", "a"),
    ("a->b", "a -> b"),
    ("a -[1us,inf)-> b", "a -> b"),
    ("a -[1000us,1000000us)-> b", "a -[1ms,1s)-> b"),
    ("a -[0d,60m)-> b", "a -[0s,1h)-> b"),
    ("a -[ 0s , 1h ) -> b", "a -[0s,1h)-> b"),
    ("a -[2h,inf)-> b", "a -[2h,inf)-> b"),
    ("a -[90m,25h)-> b", "a -[90m,25h)-> b"),
    ("a -[6d,14d)-> b", "a -[6d,2w)-> b"),
    ("^->a", "^ -> a"),
    ("^ -[7d,8d)-> a -> b", "^ -[1w,8d)-> a -> b"),
    ("b|a|c|a", "a|b|c"),
    ("Z|a|é_ quoted".replace("é_ quoted", '"é"'), 'Z|a|"é"'),
    ("*", "*"),
    ("*{value>=50}", "*{value>=50}"),
    ('"a"', "a"),
    ('"*"', '"*"'),
    ('"no" -> "value"', '"no" -> "value"'),
    ('"campaign:Type A"', '"campaign:Type A"'),
    (r'"q\"\\\n\u0041\ud83d\ude00"', '"q\\"\\\\\\nA😀"'),
    ("a.b:c_9", "a.b:c_9"),
    ("404 -> 9..12", "404 -> 9..12"),
    ("No -> Span", "No -> Span"),
    ("a -> b without c", "a -> b without c"),
    ("a -> b without c|*".replace("|*", "") + " -> d without *", "a -> b without c -> d without *"),
    ("a -> no b within 72h", "a -> no b within 3d"),
    ("a -> no c within 1d -> no b{value>0} within 2d", "a -> no c within 1d -> no b{value>0} within 2d"),
    ("a -> b span < 14d", "a -> b span < 2w"),
    ("a -> b -> no c within 1h span<1d", "a -> b -> no c within 1h span < 1d"),
    ("a -> b span<1d -> no c within 1h", "a -> b -> no c within 1h span < 1d"),
    ("a{value>=50.0,value<1e3}", "a{value<1000, value>=50}"),
    ("a{value=-0}", "a{value=0}"),
    ("a{value=.5}", "a{value=0.5}"),
    ("a{value>1e-7}", "a{value>1e-07}"),
    ("a{value!=+12.}", "a{value!=12}"),
    ("a{value<1e22}", "a{value<1e+22}"),
    ("a{value<9007199254740992}", "a{value<9007199254740992}"),
    ("a{value<18014398509481984}", "a{value<1.8014398509481984e+16}"),
    ("a{value<9007199254740993.0}", "a{value<9007199254740992}"),
    ("a{weekday=Sat..Mon}", "a{weekday=Sat..Mon}"),
    ("a{weekday=Tue..Tue}", "a{weekday=Tue}"),
    ("a{weekday!=Wed..Tue}", "a{weekday!=Mon..Sun}"),
    ("a{hour=9}", "a{hour=9}"),
    ("a{hour=9..10}", "a{hour=9}"),
    ("a{hour=09..017}", "a{hour=9..17}"),
    ("a{hour=22..6}", "a{hour=22..6}"),
    ("a{hour=18..24}", "a{hour=18..24}"),
    ("a{hour=18..0}", "a{hour=18..24}"),
    ("a{hour=23..0}", "a{hour=23}"),
    ("a{channel=mobile}", "a{channel=mobile}"),
    ("a{channel=no}", 'a{channel="no"}'),
    ('a{plan="50"}', 'a{plan="50"}'),
    ("a{plan=050}", "a{plan=50}"),
    ('a{plan=""}', 'a{plan=""}'),
    ("a{plan!=b, plan!=a}", "a{plan!=a, plan!=b}"),
    ('a{"value"=3, value=3, "hour"!=x}', 'a{"hour"!=x, value=3, "value"=3}'),
    ("a{z=1, hour=9, B=1, weekday=Fri}", "a{B=1, hour=9, weekday=Fri, z=1}"),
    ('a{"my plan"="x y"}', 'a{"my plan"="x y"}'),
]


@pytest.mark.parametrize(("text", "canonical"), CANONICAL, ids=[text for text, _ in CANONICAL])
def test_canonical_text(text: str, canonical: str) -> None:
    pattern = parse_pattern(text)
    assert str(pattern) == canonical
    again = parse_pattern(canonical)
    assert again == pattern
    assert hash(again) == hash(pattern)


# --- bad text ----------------------------------------------------------------------------------------

BAD = [
    # text, position, part of the problem, part of the hint
    ("", 0, "expected an event type, found the end", ""),
    ("   ", 3, "expected an event type", ""),
    ("a ->", 4, "expected an event type, found the end", ""),
    ("-> a", 0, "expected an event type, found '->'", ""),
    ("a b", 2, "expected -> or the end", "double quotes"),
    ("help-center", 4, "unexpected character '-'", "double quotes"),
    ("a → b", 2, "unexpected character", "write ->"),
    ("a ⟶ b", 2, "unexpected character", "write ->"),
    ("a – b", 2, "unexpected character", "write ->"),
    ("a => b", 2, "expected -> or the end of the pattern, found '=>'", "write ->"),
    ("a > b", 2, "expected -> or the end of the pattern, found '>'", "write ->"),
    ("a -> No b within 3d", 8, "expected -> or the end", "did you mean 'no'?"),
    ("a -> NO b WITHIN 3d", 8, "expected -> or the end", "did you mean 'no'?"),
    ("a -> no b WITHIN 3d", 10, "expected 'within'", "did you mean 'within'?"),
    ("a -> b WITHOUT c", 7, "expected -> or the end", "did you mean 'without'?"),
    ("café", 3, "unexpected character 'é'", "double quotes"),
    ('"a', 0, "never closed", ""),
    (r'"\x"', 0, "JSON", ""),
    ('"a\nb"', 0, "JSON", ""),
    (r'a -> "\ud800"', 5, "not valid Unicode", ""),
    ('""', 0, "cannot be empty", ""),
    ("no", 0, "step that happens", "double quotes"),
    ("a -> hour", 5, "reserved word 'hour'", '"hour"'),
    ("a|within", 2, "reserved word 'within'", '"within"'),
    ("a|*", 2, "stands alone", ""),
    ("*|a", 1, "stands alone", ""),
    ("a||b", 2, "found '|'", ""),
    ("a{}", 2, "expected a condition", ""),
    ("a{x=1}{y=2}", 6, "expected -> or the end", ""),
    ("a{x=1 y=2}", 6, "expected '}' or ','", ""),
    ("a{x=1,}", 6, "expected a condition", ""),
    ("a{x=1", 5, "expected '}'", ""),
    ("a{x}", 3, "expected a comparison", ""),
    ("a{wekday}", 8, "expected a comparison", "did you mean 'weekday'"),
    ("a{x==1}", 3, "'==' is no comparison", "did you mean '='"),
    ("a{value=>1}", 7, "'=>' is no comparison", "did you mean '>='"),
    ("a{x=}", 4, "expected a number or a text", ""),
    ("a{x=1, x=1}", 7, "there twice", "leave one out"),
    ("a{x=1, y=2, x=1.0}", 12, "there twice", ""),
    ("a{x=p, x=q}", 7, "cannot equal two things", "a range is x>=1, x<3, a choice is two patterns"),
    ("a{hour!=3, hour!=3..4}", 11, "there twice", ""),
    ("a{value=mobile}", 8, "compared with a number", ""),
    ('a{value="5"}', 8, "compared with a number", ""),
    ("a{value=9007199254740993}", 8, "9007199254740993 would lose digits", "the nearest that fits is 9007199254740992"),
    ("a{value>=-9007199254740993}", 9, "would lose digits", "-9007199254740992"),
    ("a{x<0009007199254740993}", 4, "would lose digits", "double quotes"),
    ("a{value>" + "9" * 400 + "}", 8, "must be finite", ""),
    ("a{value>" + "9" * 309 + "}", 8, "must be finite", ""),
    ("a{value>1e999}", 8, "must be finite", ""),
    ("a{x>mobile}", 3, "text takes = and != only", ""),
    ('a{x>="5"}', 3, "text takes = and != only", "leave out the quotes"),
    ("a{weekday>Mon}", 9, "takes = and != only", ""),
    ("a{hour<9}", 6, "takes = and != only", "9..17"),
    ("a{weekday=tue}", 10, "'tue' is no weekday", "did you mean Tue?"),
    ("a{weekday=Thursday}", 10, "is no weekday", "did you mean Thu?"),
    ("a{weekday=Mon..Funday}", 10, "'Funday' is no weekday", "Weekdays are Mon"),
    ("a{weekday=Mon..}", 10, "expected a weekday or a range", ""),
    ("a{weekday=Mon..Tue..Wed}", 10, "expected a weekday or a range", ""),
    ("a{weekday=Mon-Fri}", 13, "two dots", "Mon..Fri"),
    ('a{weekday="Tue"}', 10, "expected a weekday", ""),
    ("a{hour=9-12}", 8, "two dots", "9..12"),
    ("a{hour=9am}", 7, "'9am' is no hour", "whole numbers"),
    ("a{hour=24}", 7, "hours go from 0 to 23", ""),
    ("a{hour=24..6}", 7, "hours go from 0 to 23", ""),
    ("a{hour=9..25}", 7, "ends at 24", ""),
    ("a{hour=9..9}", 7, "is empty", "hour=9"),
    ("a{hour=0..0}", 7, "is empty", "0..24"),
    ("a -[0,1h)-> b", 4, "'0' has no unit", "us, ms, s"),
    ("a -[0s,4hr)-> b", 7, "unknown unit 'hr'", "did you mean '4h'"),
    ("a -[0s,3months)-> b", 7, "unknown unit", "months and years"),
    ("a -[0s,1h30m)-> b", 7, "not a duration", "write '90m'"),
    ("a -[0s,1.5h)-> b", 7, "not a duration", "write '90m'"),
    ("a -[-1h,1h)-> b", 4, "found '-1'", "not negative"),
    ("a -[inf,inf)-> b", 4, "not a duration", ""),
    ("a -[1h,1h)-> b", 4, "[1h,1h) is empty", "exclusive"),
    ("a -[2h,1h)-> b", 4, "[2h,1h) is empty", ""),
    ("a -[0s,1h]-> b", 9, "exclusive", ""),
    ("a -[0s 1h)-> b", 7, "expected ','", ""),
    ("a -[0s,1h) b", 11, "expected '->'", ""),
    ("a -[0s,9223372036854775808us)-> b", 7, "does not fit 64-bit", ""),
    ("a -[0s,99999999999999999999w)-> b", 7, "does not fit 64-bit", ""),
    ("a without b", 2, "`without` guards the way", "^ ->"),
    ("a -> b without", 14, "expected an event type", ""),
    ("a -> b without c without d", 17, "one `without`", "a|b"),
    ("a -> b without c within 3h", 17, "takes no `within`", "no X within"),
    ("a -> without b", 5, "reserved word 'without'", ""),
    ("a -> b witout c", 7, "expected -> or the end", "did you mean 'without'?"),
    ("a -> b spam < 3d", 7, "expected -> or the end", "did you mean 'span'?"),
    ("no a within 3d", 0, "step that happens", ""),
    ("^ -> no a within 3d", 5, "step that happens", ""),
    ("a no b within 3d", 2, "follows an arrow", ""),
    ("a within 3d", 2, "belongs to an absence", ""),
    ("a -> no b", 9, "expected 'within'", ""),
    ("a -> no b withn 3d", 10, "expected 'within'", "did you mean 'within'?"),
    ("a -> no b within", 16, "expected the duration", ""),
    ("a -> no b within 0s", 17, "longer than 0s", ""),
    ("a -[0s,1h)-> no b within 3h", 13, "a bare ->", ""),
    ("a -> no b within 3h -> c", 20, "can follow an absence", "A -> B without X"),
    ("a -> no b within 3h without c", 20, "`without` follows the step", ""),
    ("a span <= 3d", 7, "exclusive upper end", "span < 14d"),
    ("a span 3d", 7, "expected '<'", ""),
    ("a span < 0s", 9, "longer than 0s", ""),
    ("a span < 3d span < 4d", 12, "one span", ""),
    ("a span < 3d -> b", 12, "no step can follow the span", ""),
    ("a -> no b within 1d span < 3d -> no c within 2d", 30, "can follow an absence", ""),
    ("^ a", 2, "after ^", ""),
    ("^ => a", 2, "after ^", "write ->"),
    ("a -> ^ -> b", 5, "only at the beginning", ""),
    ("a -> b # note", 7, "unexpected character '#'", ""),
    ("a -> b;", 6, "unexpected character ';'", ""),
    ("->".join("a" * 65), 193, "at most 64", ""),
    ("a" + " -> a without b" * 32, 0, "at most 64", ""),
    ("a{" + ",".join(f"x!={i}" for i in range(65)) + "}", 376, "at most 64 conditions", ""),
]


@pytest.mark.parametrize(("text", "position", "problem", "hint"), BAD, ids=[row[0][:40] for row in BAD])
def test_errors_tell_what_where_and_what_to_do(text: str, position: int, problem: str, hint: str) -> None:
    with pytest.raises(InvalidPattern) as caught:
        parse_pattern(text)
    error = caught.value
    assert error.position == position
    assert problem in error.message
    assert f"(at character {position}: " in error.message
    assert "<HERE>" in error.message
    assert hint in (error.hint or "")
    assert "\n" not in str(error)
    assert isinstance(error, ValueError)
    assert pickle.loads(pickle.dumps(error)).position == position


def test_the_excerpt_marks_the_place() -> None:
    with pytest.raises(InvalidPattern, match=r"\(at character 38: …email_open -\[0s,4h\)-> b <HERE> witout c\)"):
        parse_pattern("begin_here -> email_open -[0s,4h)-> b witout c")


def test_text_that_is_no_text() -> None:
    with pytest.raises(InvalidPattern, match="expected text, got int"):
        parse_pattern(5)  # type: ignore[arg-type]


def test_sixty_four_predicates_are_fine() -> None:
    assert len(parse_pattern("->".join("a" * 64)).steps) == 64


HOSTILE = {
    "alternatives": "a|" * 130_000 + "a",
    "arrows": "a->" * 90_000,
    "absences": "a" + "->no a within 1s" * 20_000,
    "conditions": "a{" + "x!=1," * 50_000,
    "open quote": '"' + "\\" * 250_000,
    "escaped quotes": '"' + '\\"' * 125_000,
    "brackets": "(" * 250_000,
    "digits as name": "9" * 250_000,
    "digits as number": "a{x=" + "9" * 250_000 + "}",
    "digits as hour": "a{hour=" + "9" * 250_000 + "}",
    "digits as duration": "a -> no x within " + "9" * 250_000 + "d",
    "digits and letters": "a -> no x within " + "1s" * 125_000,
    "exponent": "a{x=1e" + "9" * 250_000 + "}",
    "spaces": " " * 250_000 + "a",
    "dots": "a{hour=" + "." * 250_000 + "}",
    "misspelt": "a " + "w" * 250_000,
    "too long": "a" * ((1 << 20) + 1),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_long_text_takes_seconds_at_most(text: str) -> None:
    began = time.perf_counter()
    try:
        parse_pattern(text)
    except InvalidPattern as error:
        assert len(str(error)) < 1000
    assert time.perf_counter() - began < 20


THOROUGH = settings(max_examples=400, deadline=None, derandomize=True)

# --- generated patterns ------------------------------------------------------------------------------

NAMES = st.one_of(
    st.sampled_from(
        ["a", "b", "no", "value", "hour", "span", "*", "9..12", "1e-5", "->", "x y", "7", "a|b", '"', "\\", "é"]
    ),
    st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=6),
)
TEXTS = st.one_of(NAMES, st.just(""), st.sampled_from(["50", "-1.5", "1e5", "inf", "nan", ".5"]))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53).map(float)
WEEKDAYS = st.sampled_from(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])
DURATIONS = st.one_of(
    st.integers(0, 100),
    st.integers(0, MAX_DURATION),
    st.sampled_from([DAY, 7 * DAY, HOUR, MAX_DURATION]),
)


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    kind = draw(st.sampled_from(["value", "weekday", "hour", "text", "number"]))
    anything = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
    equality = st.sampled_from(["=", "!="])
    if kind == "value":
        return Condition("value", draw(anything), draw(NUMBERS))
    if kind == "weekday":
        return Condition("weekday", draw(equality), (draw(WEEKDAYS), draw(WEEKDAYS)))
    if kind == "hour":
        first = draw(st.integers(0, 23))
        return Condition("hour", draw(equality), (first, draw(st.integers(0, 24).filter(lambda end: end != first))))
    if kind == "text":
        return Condition(draw(NAMES), draw(equality), draw(TEXTS), attribute=True)
    return Condition(draw(NAMES), draw(anything), draw(NUMBERS), attribute=True)


@st.composite
def selectors(draw: st.DrawFn) -> Selector:
    types = tuple(draw(st.lists(NAMES, max_size=3)))
    parts = draw(st.lists(conditions(), max_size=3, unique_by=lambda c: (c.field, c.attribute)))
    return Selector(types, tuple(parts))


@st.composite
def gaps(draw: st.DrawFn) -> Gap:
    lo = draw(DURATIONS.filter(lambda us: us < MAX_DURATION))
    return Gap(lo, draw(st.none() | st.integers(lo + 1, MAX_DURATION)))


@st.composite
def patterns(draw: st.DrawFn) -> Pattern:
    anchored = draw(st.booleans())
    steps = []
    for i in range(draw(st.integers(1, 4))):
        free = anchored or i > 0
        steps.append(
            Step(
                draw(selectors()),
                draw(gaps() | st.just(Gap())) if free else None,
                draw(st.none() | selectors()) if free else None,
            )
        )
    lasting = DURATIONS.filter(lambda us: us > 0)
    absences = draw(st.lists(st.builds(Absence, selectors(), lasting), max_size=2))
    return Pattern(tuple(steps), tuple(absences), draw(st.none() | lasting), anchored)


@settings(THOROUGH, max_examples=150)
@given(patterns())
def test_canonical_text_reads_as_the_same_pattern(pattern: Pattern) -> None:
    text = str(pattern)
    again = parse_pattern(text)
    assert again == pattern
    assert hash(again) == hash(pattern)
    assert str(again) == text


SYMBOLS = ["*", "|", "{", "}", ",", "=", "!=", "<", ">=", "==", "->", "-[", ")->", ")", "[", "]", "(", "^", "%", "-"]
WORDS = ["a", "b", "no", "without", "within", "span", "weekday", "hour", "value", "Mon", "Mon..Fri", "9..12", "22..6"]
REST = ["9", "-5", "1e9", "1h", "0s", "inf", "2w", "5parsec", '"', "\\", ".", "..", "é", "\ud800", "\x00", " ", "\n"]
FRAGMENTS = st.sampled_from([*SYMBOLS, *WORDS, *REST, '"x y"', "a -> b", "a{x=1}"])


@THOROUGH
@given(
    st.lists(FRAGMENTS, max_size=14).map(" ".join)
    | st.lists(FRAGMENTS, max_size=14).map("".join)
    | st.text(max_size=20)
)
@example("a -> no")
def test_any_text_is_a_pattern_or_an_error_with_a_place(text: str) -> None:
    try:
        pattern = parse_pattern(text)
    except InvalidPattern as error:
        assert error.position is not None
        assert 0 <= error.position <= len(text)
        str(error).encode()
    else:
        assert parse_pattern(str(pattern)) == pattern


@THOROUGH
@given(DURATIONS)
def test_durations_print_in_the_largest_exact_unit(us: int) -> None:
    text = format_duration(us)
    number, unit = int(text.rstrip("usmhdw")), text.lstrip("0123456789")
    sizes = {"us": 1, "ms": 1000, "s": 10**6, "m": 6 * 10**7, "h": HOUR, "d": DAY, "w": 7 * DAY}
    assert number * sizes[unit] == us
    assert us == 0 or all(us % size for size in sizes.values() if size > sizes[unit])


@THOROUGH
@given(st.text(max_size=8))
def test_words_and_numbers_are_what_the_reader_takes_for_them(text: str) -> None:
    if is_word(text) and not is_number(text):
        (condition,) = parse_pattern(f"a{{x={text}}}").steps[0].selector.conditions
        assert condition.operand == text
    if is_number(text) and abs(float(text)) < 1e300:
        (condition,) = parse_pattern(f"a{{x={text}}}").steps[0].selector.conditions
        assert condition.operand == float(text)


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "0s"),
        (1_500_000, "1500ms"),
        (2_000_000, "2 seconds"),
        (119_000_000, "119 seconds"),
        (5_430_000_000, "90.5 minutes"),
        (36 * 3_600_000_000, "36 hours"),
        (86_400_000_000 * 287 + 43_200_000_000, "288 days"),
        (86_400_000_000 * 12_345, "12,345 days"),
    ],
)
def test_lengths_for_people(us: int, text: str) -> None:
    assert rounded_duration(us) == text
