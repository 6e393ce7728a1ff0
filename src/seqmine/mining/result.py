"""What `mine` found."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from seqmine.patterns import Pattern

__all__ = ["MiningResult"]

_SHOWN_ROWS = 20
_SHOWN_DIGITS = {
    "base_rate": 4,
    "confidence": 4,
    "lift": 3,
    "odds_ratio": 3,
    "score": 5,
    "expected": 4,
}  # the others: 3


@dataclass(frozen=True, eq=False)
class MiningResult:
    """Patterns that tell positive rows from the others, best first. Made by `mine`.

    Attributes
    ----------
    complete
        False when a budget left parts of the search out. Every count covers all rows either way.
    stats
        ``n_rows``, ``n_positive``, ``n_items`` (kinds of steps frequent enough), ``n_entries`` (what the rows may see,
        deduplicated), ``events_read``, ``nodes`` (patterns whose extensions were counted), ``scanned_events``,
        ``pruned_by_support``, ``pruned_by_pair_table``, ``pruned_by_bound`` (extensions), ``searches``, and times in
        seconds. Only the first four do not depend on threads and budgets.
    """

    _table: pa.Table
    complete: bool
    stats: Mapping[str, int | float]

    def to_arrow(self) -> pa.Table:
        """One row per pattern, best first: by score, then fewer steps, then the bytes of the text.

        ``pattern`` (text), ``length`` (steps), ``n_matched`` and ``n_positive`` (rows), ``base_rate``, ``confidence``
        (n_positive / n_matched), ``lift`` (confidence / base_rate), ``odds_ratio`` (1/2 added to each cell), ``score``
        (the measure; of ``lowers`` with flipped labels), ``direction`` and ``evidence``, which is ``exploratory``:
        found and counted on the same rows. With strata also ``expected``, the positive rows to be expected among the
        matched ones if each stratum kept its own base rate: ``raises`` means n_positive >= expected, which a lift over
        all rows may contradict (Simpson's paradox).
        """
        return self._table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Stream `to_arrow` to any library that takes Arrow data."""
        table: Any = self.to_arrow()
        return table.__arrow_c_stream__(requested_schema)

    def __deepcopy__(self, memo: object) -> MiningResult:
        return self  # nothing in it ever changes

    @cached_property
    def patterns(self) -> tuple[Pattern, ...]:
        """The patterns as values, in the order of the table."""
        from seqmine.patterns import parse_pattern

        return tuple(parse_pattern(str(text)) for text in self._table.column("pattern").to_pylist())

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def __repr__(self) -> str:
        state = "" if self.complete else ", incomplete: a budget ran out"
        return f"MiningResult({len(self)} patterns over {self.stats['n_rows']} rows{state})"

    def _caption(self) -> str:
        return f"{len(self):,} patterns over {self.stats['n_rows']:,} rows, exploratory"

    def _shown_columns(self) -> Sequence[str]:
        return self._table.column_names

    def _repr_html_(self) -> str:
        shown = self._table.select(list(self._shown_columns())).slice(0, _SHOWN_ROWS)
        head = "".join(f"<th>{html.escape(name)}</th>" for name in shown.column_names)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(_cell(name, value))}</td>" for name, value in row.items()) + "</tr>"
            for row in shown.to_pylist()
        )
        caption = self._caption()
        if len(self) > _SHOWN_ROWS:
            caption += f"; the first {_SHOWN_ROWS}"
        if not self.complete:
            caption += "; incomplete: a budget ran out"
        return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(name: str, value: object) -> str:
    if isinstance(value, float):
        return f"{value:.{_SHOWN_DIGITS.get(name, 3)}g}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


def make_result(
    found: Mapping[str, Any], n_rows: int, n_positive: int, seconds: float, *, stratified: bool
) -> MiningResult:
    """Turns what the native search returned into the public table."""
    matched = found["n_matched"].astype(np.float64)
    positive = found["n_positive"].astype(np.float64)
    negative = matched - positive
    n_negative = n_rows - n_positive
    n_patterns = len(matched)
    confidence = positive / matched
    lift = (positive * n_rows) / (matched * n_positive)
    odds = (positive + 0.5) * (n_negative - negative + 0.5) / ((negative + 0.5) * (n_positive - positive + 0.5))
    direction = np.where(found["raises"] != 0, "raises", "lowers")
    table = pa.table(
        {
            "pattern": pa.array(found["pattern"], pa.string()),
            "length": pa.array(found["length"], pa.int64()),
            "n_matched": pa.array(found["n_matched"], pa.int64()),
            "n_positive": pa.array(found["n_positive"], pa.int64()),
            "base_rate": pa.array(np.full(n_patterns, n_positive / n_rows), pa.float64()),
            "confidence": pa.array(confidence, pa.float64()),
            "lift": pa.array(lift, pa.float64()),
            "odds_ratio": pa.array(odds, pa.float64()),
            "score": pa.array(found["score"], pa.float64()),
            "direction": pa.array(direction.tolist(), pa.string()),
            "evidence": pa.array(["exploratory"] * n_patterns, pa.string()),
        }
    )
    if stratified:
        table = table.append_column("expected", pa.array(found["expected"], pa.float64()))
    stats = {"n_rows": n_rows, "n_positive": n_positive, **found["stats"], "seconds": seconds}
    return MiningResult(table, bool(found["complete"]), MappingProxyType(stats))
