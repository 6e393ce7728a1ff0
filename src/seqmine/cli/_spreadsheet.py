"""Text of unknown origin on its way to a spreadsheet."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["formula_safe"]

# A spreadsheet runs a cell as a formula when its text starts so, blanks before it or not; the full-width forms too.
_FORMULA = r"^[\t\r\n\x00]|^[\s\p{Z}\x00]*[=+\-@＝＋－＠]"


def formula_safe(column: Any) -> Any:
    """Return the Arrow text array ``column`` with ``'`` before every cell that a spreadsheet would run as a formula."""
    if len(column) == 0:
        return column
    risky = pc.match_substring_regex(column, _FORMULA)
    quote = pa.scalar("'", type=column.type)
    empty = pa.scalar("", type=column.type)
    return pc.if_else(risky, pc.binary_join_element_wise(quote, column, empty), column)
