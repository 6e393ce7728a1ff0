"""Text that is hostile to a terminal or to a spreadsheet."""

from __future__ import annotations

import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqmine.cli._spreadsheet import formula_safe
from seqmine.cli._text_safety import printable

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\0=1",
    "\tx",
    "\rx",
    "\nx",
    "\0x",
    "  =cmd",
    "\N{NO-BREAK SPACE}=cmd",
    "\N{IDEOGRAPHIC SPACE}@x",
    "＝1",
    "＋1",
    "－1",
    "＠x",
]
PLAIN = ["", "a", "a=1", "1", "'=1", "1-2", "email_open", "é", "x\t=1", " a"]


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_are_quoted(text: str) -> None:
    assert formula_safe(pa.array([text])).to_pylist() == ["'" + text]


@pytest.mark.parametrize("text", PLAIN)
def test_plain_text_is_untouched(text: str) -> None:
    assert formula_safe(pa.array([text])).to_pylist() == [text]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_nulls_and_chunks(kind: pa.DataType) -> None:
    column = pa.chunked_array([pa.array(["=1", None], kind), pa.array([], kind), pa.array(["a"], kind)])
    assert formula_safe(column).to_pylist() == ["'=1", None, "a"]


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.text(max_size=8), st.sampled_from("=+-@＝＋－＠"), st.sampled_from(["", " ", "\t", "\u3000", "\xa0 "]))
def test_no_cell_starts_as_a_formula(tail: str, sign: str, blank: str) -> None:
    cell = formula_safe(pa.array([blank + sign + tail])).to_pylist()[0]
    assert cell == "'" + blank + sign + tail


def test_control_characters_become_escapes() -> None:
    assert printable("a\x1b[31mred\x07\u202e\u200b\n\U000e0001") == "a\\x1b[31mred\\x07\\u202e\\u200b\\x0a\\U000e0001"
    assert printable("Küche 東京 🛒") == "Küche 東京 🛒"


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.text(max_size=20))
def test_nothing_hidden_stays(text: str) -> None:
    assert not {unicodedata.category(char) for char in printable(text)} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
