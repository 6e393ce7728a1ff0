"""A judged study for people: the main columns of its table, and one pattern explained."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from seqmine.cli._text_safety import printable

if TYPE_CHECKING:
    from seqmine.mining import StudyResult
    from seqmine.mining.explain import Explanation

__all__ = ["explained", "for_people"]

_JUDGED = ("n_matched", "n_positive", "lift", "o_over_e", "rd", "p_holm", "q_bh")
_NUMBERS = ("n_matched", "confidence", "mean_difference", "p_holm", "q_bh")
_SMALL = ("discovery_n_matched", "discovery_n_positive", "discovery_lift", "discovery_o_over_e", "p_wy")
_WITH_INTERVAL = ("o_over_e", "mean_difference", "discovery_o_over_e")


def for_people(result: StudyResult) -> pa.Table:
    """Return the main columns; an estimate and its interval are one text, a list of flags too.

    Of small data there are the numbers of the rows that found the patterns alone, and their names say so.
    """
    table = result.to_arrow()
    middle = _SMALL if result.small else _NUMBERS if result.labels.is_numeric else _JUDGED
    columns: dict[str, Any] = {name: table[name] for name in ("pattern", "verdict", "direction")}
    for name in middle:
        if name in _WITH_INTERVAL:
            parts = (table[name + end].to_pylist() for end in ("", "_low", "_high"))
            columns[f"{name} (95 %)"] = pa.array([_interval(*row) for row in zip(*parts, strict=True)], pa.string())
        else:
            columns[name] = table[name]
    return pa.table({**columns, "flags": table["flags"]})


def _interval(value: float | None, low: float | None, high: float | None) -> str | None:
    if value is None:
        return None
    return f"{value:.3g}" if low is None or high is None else f"{value:.3g} ({low:.3g} to {high:.3g})"


def explained(explanation: Explanation, *, as_json: bool) -> str:
    """Return an explanation as text, or as one JSON object."""
    if not as_json:
        return "\n".join(printable(line) for line in str(explanation).split("\n"))
    words = {name: getattr(explanation, name) for name in ("pattern", "verdict", "statement", "comparison")}
    tables = {name: getattr(explanation, name).to_pylist() for name in ("strata", "examples")}
    return json.dumps({**words, **tables}, ensure_ascii=False, allow_nan=False)
