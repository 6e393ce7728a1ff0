"""What `scan_windows` says: one row for each moment, action and window, and the curves behind them."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from seqmine.errors import ParameterError
from seqmine.windows.analysis import Analysis
from seqmine.windows.options import WindowOptions
from seqmine.windows.result_table import curve_table, window_table

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import Study

__all__ = ["WindowResult"]

_SHOWN = (
    "moment",
    "action",
    "lo",
    "hi",
    "status",
    "effective",
    "timing",
    "n_treated",
    "effect",
    "effect_low",
    "effect_high",
)


@dataclass(frozen=True, eq=False)
class WindowResult:
    """Windows of pairs of moments and actions. Made by `scan_windows`.

    Attributes
    ----------
    study, options
        What was asked.
    """

    _analyses: tuple[Analysis, ...] = field(repr=False)
    study: Study
    options: WindowOptions
    _log: EventLog = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_table", window_table(self._analyses))

    def to_arrow(self) -> pa.Table:
        """One row for each moment, action and window, moments and actions as given; windows by their scores.

        A pair without a window of its own has one row, whose effect is that of all delays together. Durations are
        ``duration[us]``; effects are differences of risks, or of means. Everything is of the estimation half, save what
        begins with ``discovery_``, ``scan_`` or ``naive_`` (those flatter); or of all rows of a randomised
        design with one delay bin, where nothing is looked for. Numbers of what is not identified are null.

        ``moment``, ``action``, ``window`` (1 or 2), ``lo``, ``hi``; ``status`` (``randomised``, ``identified``,
        ``weak``, ``associational``, ``not_identified``), ``reason`` of the last, ``effective`` (the effect is not 0,
        by Holm over all rows), ``timing`` (moreover inside differs from outside, on both halves), ``statement``,
        ``flags``; ``n_treated``, ``observed``, ``expected`` (of the treated, had they not been treated), ``effect``
        with ``_low``, ``_high`` (95 %), ``se``, ``z``, ``p``, ``p_holm``; ``rr`` (observed over expected);
        ``outside_effect`` (other delays), ``delta`` (inside less outside), ``delta_se``, ``p_delta``; ``all_effect``
        (all delays); ``p_scan``, ``scan_lo``, ``scan_hi`` (the best of the discovery half, beyond chance or not),
        ``discovery_n_treated``, ``discovery_effect``, ``discovery_z``; ``lo_low`` to ``hi_high`` (where the edges may
        lie, about 90 %), ``edge_resolution``, ``bin_width``; ``n_rows`` and ``n_discovery_rows`` of the two halves,
        ``overlap`` (share of the treated with controls), ``balance`` and ``balance_worst`` (largest standardised
        difference, and of what), ``p_placebo`` and ``placebo``, ``protopathic`` (turns when the first days are
        blanked), ``e_value``, ``e_value_ci``, ``benchmark_rr`` and ``benchmark`` (by how much the ratio moves without
        the measured matter that moves it most), ``co_intervention`` (an action that goes with this one), ``naive_lo``,
        ``naive_hi``, ``naive_effect`` (what a comparison with the never treated would say), ``n_per_arm`` (of an
        experiment).
        """
        table: pa.Table = self._table  # type: ignore[attr-defined]
        return table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Stream `to_arrow` to any library that takes Arrow data."""
        table: Any = self.to_arrow()
        return table.__arrow_c_stream__(requested_schema)

    def __len__(self) -> int:
        return int(self.to_arrow().num_rows)

    def curve(self, moment: str | None = None, action: str | None = None) -> pa.Table:
        """The effect by delay: one row for each pair and delay bin; all pairs, or those of a moment and action.

        ``moment``, ``action``, ``lo``, ``hi``, ``n_treated``, ``n_controls``, ``observed``, ``expected``, ``effect``,
        ``effect_low``, ``effect_high`` (95 %, each bin by itself), ``discovery_effect``, ``naive_effect``, ``window``
        (0 is outside), ``left_out`` (``always_treated``, or null). Pairs that were refused have no rows.
        """
        return curve_table(self._chosen(moment, action))

    def segments(self) -> pa.Table:
        """The effect by the values of the declared segments and variants; see `segment_table` for the columns."""
        from seqmine.windows.segments import segment_table

        return segment_table(self._log, self.study, self.options, self._analyses)

    @property
    def excluded(self) -> Mapping[tuple[str, str], Mapping[str, int]]:
        """Of each pair ``(moment, action)``: moments found, and those left out by reason."""
        return MappingProxyType(
            {
                (one.findings[0].moment, one.findings[0].action): MappingProxyType(one.rows.excluded)
                for one in self._analyses
            }
        )

    def statements(self) -> list[str]:
        """What each row says in words, in their order."""
        return [str(text) for text in self.to_arrow()["statement"].to_pylist()]

    def plot(self, moment: str | None = None, action: str | None = None) -> Any:
        """Draw the effect by delay with its bands, the windows, the treated, and the naive curve in grey.

        Parameters
        ----------
        moment, action
            Which pair; may be left out where there is one.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        MissingDependencyError
            Without matplotlib (the extra ``report``).
        ParameterError
            No pair, or several, are meant.
        """
        from seqmine.windows.plot import plot_curve

        chosen = self._chosen(moment, action)
        if len(chosen) != 1:
            raise ParameterError(
                f"plot draws one pair, and {len(chosen)} are meant", hint="name it: result.plot(moment, action)"
            )
        return plot_curve(chosen[0])

    def _chosen(self, moment: str | None, action: str | None) -> list[Analysis]:
        def meant(text: str, given: str | None) -> bool:
            return given is None or text == str(given)

        pairs = [one for one in self._analyses if meant(one.findings[0].moment, moment)]
        pairs = [one for one in pairs if meant(one.findings[0].action, action)]
        if not pairs:
            known = ", ".join(f"{one.findings[0].moment} / {one.findings[0].action}" for one in self._analyses)
            raise ParameterError(f"there is no pair of {moment!r} and {action!r}", hint=f"there are: {known}")
        return pairs

    def __repr__(self) -> str:
        table = self.to_arrow()
        n_timing = sum(map(bool, table["timing"].to_pylist()))
        n_effective = sum(map(bool, table["effective"].to_pylist()))
        return f"WindowResult({len(self._analyses)} pairs, {n_effective} effective, {n_timing} with a window)"

    def _repr_html_(self) -> str:
        table = self.to_arrow()
        head = "".join(f"<th>{html.escape(name)}</th>" for name in (*_SHOWN, "statement"))
        body = []
        for row in table.to_pylist():
            cells = [_cell(row[name]) for name in (*_SHOWN, "statement")]
            body.append("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>")
        return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.4g}" if isinstance(value, (float, np.floating)) else str(value)
