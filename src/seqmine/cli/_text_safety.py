"""Text of unknown origin on its way to a terminal."""

from __future__ import annotations

import unicodedata

__all__ = ["printable"]

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
