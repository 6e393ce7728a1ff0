"""The window curve as a picture."""

from __future__ import annotations

import itertools
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from seqmine._text import format_duration, format_number
from seqmine.errors import MissingDependencyError
from seqmine.windows.analysis import Analysis
from seqmine.windows.effects import Z95
from seqmine.windows.findings import Finding
from seqmine.windows.outcome_bins import EVER_AFTER
from seqmine.windows.sentences import delay_text, statement

__all__ = ["check_drawing", "plot_curve", "svg_bytes"]

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

_HOUR: Final = 3_600_000_000
_DAY: Final = 24 * _HOUR
_MOST_STEPS: Final = 56
"""More bins than this are drawn in groups: single bins of a week by the hour hold a handful of rows each."""
_BLUE, _GREY, _BLACK = "#0072B2", "#8c8c8c", "#000000"
_WINDOWS: Final = (("#E69F00", "#9c5f00"), ("#CC79A7", "#8a2f63"))
"""Shade and ink of each window; of Okabe & Ito's colours, which colour-blind people tell apart, grey also by dashes."""
_STYLE: Final = {"text.parse_math": False, "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True}
_NAIVE: Final = "naive and misleading: treated then less never treated (who is treated late has stayed until then)"


def plot_curve(analysis: Analysis) -> Any:
    """Draw one pair: effect by delay with 95 % bands, windows shaded, treated rows below, the naive curve in grey.

    More than 56 bins are drawn in groups of neighbours that no edge of a window divides. Delays that nobody was treated
    at are gaps. Of a pair that the log cannot tell there is the reason, and no effect; of arms that are analysed as
    drawn, whose actions have no delay, the effect in words.

    Returns
    -------
    matplotlib.figure.Figure
        It belongs to no window of a screen.

    Raises
    ------
    MissingDependencyError
        Without matplotlib.
    """
    with _own_style():
        from matplotlib.figure import Figure

        drawn = bool(analysis.findings[0].drawn)
        told = [one for one in analysis.findings if one.reason is None and not drawn]
        curve = analysis.pair is not None and analysis.curve is not None and not drawn
        figure = Figure(figsize=(8.5, 5.6 if told else 3.4 if curve else 1.8), layout="constrained")
        panels = figure.subplots(1 + curve, 1, sharex=bool(told), height_ratios=(4 if told else 1, 1)[: 1 + curve])
        above, below = panels if curve else (panels, None)
        if told:
            _effects(above, analysis, told)
            handles, labels = above.get_legend_handles_labels()
            figure.legend(handles[::-1], labels[::-1], loc="outside lower left", fontsize=8, frameon=False)
        else:
            _words(above, analysis.findings[0])
        if below is not None:
            _treated(below, analysis, told)
        figure.suptitle(_title(analysis.findings[0]), fontsize=10.5, x=0.01, ha="left")
    return figure


def svg_bytes(figure: Any) -> bytes:
    """A figure as SVG, the same bytes for the same figure: without a date, with ids that depend on content alone."""
    import io

    stream = io.BytesIO()
    # Text stays text, so a name that the drawing font lacks is drawn by the reader's.
    with _own_style({"svg.hashsalt": "seqmine", "svg.fonttype": "none"}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return stream.getvalue()


def check_drawing() -> None:
    """Raise `MissingDependencyError` without matplotlib, before any work is spent on what is to be drawn."""
    with _own_style():
        pass


@contextmanager
def _own_style(further: dict[str, Any] | None = None) -> Iterator[None]:
    """Matplotlib's defaults and ours, whatever the user's settings are, so that bytes do not depend on them."""
    try:
        from matplotlib import style
    except ImportError as error:
        raise MissingDependencyError(
            "drawing needs matplotlib", hint="install it: pip install 'seqmine[report]'"
        ) from error
    with style.context(["default", {**_STYLE, **(further or {})}]):
        yield


def _effects(axes: Any, analysis: Analysis, told: Sequence[Finding]) -> None:
    pair, curve, naive = analysis.pair, analysis.curve, analysis.naive
    assert pair is not None and curve is not None and naive is not None
    finding = told[0]
    scale = 1.0 if finding.numeric else 100.0
    unit = _unit(pair.n_bins * pair.width)[0]
    first = _groups(pair.n_bins, [edge // pair.width for one in told if one.has_window for edge in _edges(one)])
    x = np.append(first, pair.n_bins) * (pair.width / unit)
    n = np.add.reduceat(curve.n, first)
    effect = _over(np.add.reduceat(curve.u, first), n) * scale
    reach = _over(Z95 * np.sqrt(np.add.reduceat(curve.v, first)), n) * scale
    total = np.add.reduceat(np.where(naive.n > 0, naive.effect * naive.n, 0.0), first)
    other = _over(total, np.add.reduceat(naive.n, first)) * scale

    _shade(axes, told, unit)
    axes.axhline(0.0, color="black", lw=0.8, zorder=2)
    axes.stairs(other, x, baseline=None, color=_GREY, lw=1.2, ls=(0, (3, 1.5)), zorder=3, label=_NAIVE)
    axes.fill_between(x, *_steps(effect - reach, effect + reach), step="post", color=_BLUE, alpha=0.25, lw=0, zorder=1)
    each = format_duration(int(np.diff(np.append(first, pair.n_bins)).max()) * pair.width)
    axes.stairs(
        effect, x, baseline=None, color=_BLUE, lw=1.4, zorder=4,
        label=f"against untreated rows of the same kind at the same delay, by {each}, with 95 % bands",
    )  # fmt: skip
    for (_, ink), one in zip(_WINDOWS, told, strict=False):
        assert one.estimate is not None
        begin, end = (edge / unit for edge in _edges(one))
        colour = ink if one.has_window else _BLACK
        axes.hlines(one.estimate.effect * scale, begin, end, color=colour, lw=3, zorder=5, label=_sum(one, scale))
    _limit(axes, effect, reach, other)
    axes.set_ylabel("effect" if finding.numeric else "effect, percentage points")
    axes.grid(axis="y", color="#e4e4e4", lw=0.6)
    _ticks(axes, pair.n_bins * pair.width)


def _shade(axes: Any, told: Sequence[Finding], unit: int) -> None:
    for (shade, _), one in zip(_WINDOWS, told, strict=False):
        if one.has_window:
            axes.axvspan(*(edge / unit for edge in _edges(one)), color=shade, alpha=0.22, lw=0, zorder=0)


def _treated(axes: Any, analysis: Analysis, told: Sequence[Finding]) -> None:
    pair, curve = analysis.pair, analysis.curve
    assert pair is not None and curve is not None
    unit, name = _unit(pair.n_bins * pair.width)
    x = np.arange(pair.n_bins + 1) * (pair.width / unit)
    axes.stairs(curve.n, x, fill=True, color=_BLUE, alpha=0.55, lw=0)
    _shade(axes, told, unit)
    if curve.always.any():
        for k in np.flatnonzero(curve.always):
            axes.axvspan(x[k], x[k + 1], facecolor="none", edgecolor=_GREY, hatch="////", lw=0)
        axes.set_title("hatched: all but everyone is treated, nobody to compare with", fontsize=8, loc="left")
    axes.set_ylabel(f"treated\nper {format_duration(pair.width)}")
    axes.set_ylim(0, max(float(curve.n.max()), 1.0) * 1.08)
    axes.set_xlim(0, x[-1])
    whose = " (rows of the half that did not choose the window)" if any(one.has_window for one in told) else ""
    axes.set_xlabel(f"delay of the action after the moment, {name}{whose}")
    _ticks(axes, pair.n_bins * pair.width)


def _words(axes: Any, finding: Finding) -> None:
    axes.axis("off")
    axes.text(
        0.0, 1.0, textwrap.fill(statement(finding), 95), ha="left", va="top", fontsize=10, transform=axes.transAxes
    )


def _title(finding: Finding) -> str:
    head = textwrap.shorten(f"{finding.action} after {finding.moment}", 110, placeholder=" ...")
    outcome = textwrap.shorten(finding.outcome.strip("'"), 80, placeholder=" ...")
    known = finding.follow is not None and finding.follow != EVER_AFTER
    follow = f", followed for {format_duration(finding.follow or 0)} from the delay on" if known else ""
    return f"{head}\noutcome: {outcome}{follow}"


def _sum(finding: Finding, scale: float) -> str:
    """One line of the legend: the effect over the whole window."""
    assert finding.estimate is not None
    low, high = finding.estimate.interval
    where = (
        f"{delay_text(_edges(finding)[0])} to {delay_text(_edges(finding)[1])}" if finding.has_window else "all delays"
    )
    value, low_text, high_text = (
        format_number(number, signed=True) if finding.numeric else f"{number * scale:+.1f}"
        for number in (finding.estimate.effect, low, high)
    )
    unit = "" if finding.numeric else " points"
    return f"{where}: {value}{unit} ({low_text} to {high_text}), {finding.status.replace('_', ' ')}"


def _edges(finding: Finding) -> tuple[int, int]:
    assert finding.lo is not None and finding.hi is not None
    return finding.lo, finding.hi


def _groups(n_bins: int, edges: Sequence[int]) -> Int64:
    """First bins of groups of neighbours, at most about `_MOST_STEPS`; every edge begins one."""
    size = -(-n_bins // _MOST_STEPS)
    borders = sorted({0, n_bins, *(edge for edge in edges if 0 < edge < n_bins)})
    return np.concatenate([np.arange(lo, hi, size) for lo, hi in itertools.pairwise(borders)])


def _over(total: Float64, n: Float64) -> Float64:
    return np.asarray(np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0))


def _steps(*heights: Float64) -> list[Float64]:
    return [np.append(height, height[-1]) for height in heights]


def _limit(axes: Any, effect: Float64, reach: Float64, other: Float64) -> None:
    """The range of both curves and of most bands: a group of three rows must not flatten all others."""
    bands = np.concatenate([effect - reach, effect + reach])
    bands = bands[np.isfinite(bands)]
    both = np.concatenate([effect, other])
    both = both[np.isfinite(both)]
    if not len(bands) or not len(both):
        return
    low = min(float(np.quantile(bands, 0.05)), float(both.min()), 0.0)
    high = max(float(np.quantile(bands, 0.95)), float(both.max()), 0.0)
    pad = 0.06 * (high - low) or 1.0
    axes.set_ylim(low - pad, high + pad)


def _unit(longest: int) -> tuple[int, str]:
    return (_DAY, "days") if longest > 20 * _DAY else (_HOUR, "hours")


def _ticks(axes: Any, longest: int) -> None:
    """Whole days as ticks, where they are few enough."""
    unit, _ = _unit(longest)
    days = longest // _DAY
    if 2 <= days <= 20:
        axes.set_xticks(np.arange(days + 1) * (_DAY // unit))
