"""Text of unknown origin on its way to a terminal or a spreadsheet."""

from __future__ import annotations

import unicodedata
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["formula_safe", "printable"]

# A spreadsheet runs a cell as a formula when its text starts so, blanks before it or not; the full-width forms too.
_FORMULA = r"^[\t\r\n\x00]|^[\s\p{Z}\x00]*[=+\-@＝＋－＠]"

# Control and format characters can move the cursor, recolour the terminal, or reverse the text that follows.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def printable(text: str) -> str:
    """Return ``text`` with every control and format character written as an escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escape(char) if unicodedata.category(char) in _HIDDEN else char for char in text)


def _escape(char: str) -> str:
    point = ord(char)
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def formula_safe(column: Any) -> Any:
    """Return the Arrow text array ``column`` with ``'`` before every cell that a spreadsheet would run as a formula."""
    if len(column) == 0:
        return column
    risky = pc.match_substring_regex(column, _FORMULA)
    quote = pa.scalar("'", type=column.type)
    empty = pa.scalar("", type=column.type)
    return pc.if_else(risky, pc.binary_join_element_wise(quote, column, empty), column)
