"""The window curve as a picture."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pyarrow as pa

from seqmine.errors import MissingDependencyError
from seqmine.windows.analysis import Analysis
from seqmine.windows.result_table import curve_table
from seqmine.windows.sentences import delay_text

__all__ = ["plot_curve", "svg_bytes"]

_HOUR = 3_600_000_000
_DAY = 24 * _HOUR
_BLUE, _GREY, _SHADE = "#1f5a94", "#9a9a9a", "#f2c14e"


def plot_curve(analysis: Analysis, table: pa.Table) -> Any:
    """Draw one pair: effect by delay with 95 % bands, windows shaded, treated rows below, the naive curve in grey.

    Returns a matplotlib Figure that belongs to no window of a screen. Bins that nobody was treated in are gaps.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            "drawing needs matplotlib", hint="install it: pip install 'seqmine[report]'"
        ) from error
    finding = analysis.findings[0]
    figure = Figure(figsize=(8.5, 5.0), layout="constrained")
    if analysis.pair is None:
        axes = figure.subplots()
        axes.axis("off")
        statement = next(
            row["statement"]
            for row in table.to_pylist()
            if (row["moment"], row["action"]) == (finding.moment, finding.action)
        )
        axes.text(0.5, 0.5, statement, ha="center", va="center", wrap=True)
        figure.suptitle(_title(finding.moment, finding.action))
        return figure
    curve = curve_table([analysis])
    width = analysis.pair.width
    unit, name = (_DAY, "days") if analysis.pair.n_bins * width > 20 * _DAY else (_HOUR, "hours")
    lo = np.arange(analysis.pair.n_bins) * width / unit
    middle = lo + width / unit / 2
    scale = 1.0 if finding.numeric else 100.0

    def column(of: str) -> Any:
        return np.asarray(curve[of].to_numpy(zero_copy_only=False), dtype=np.float64) * scale

    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        above.plot(
            middle,
            column("naive_effect"),
            color=_GREY,
            lw=1,
            zorder=1,
            label="naive: treated then, against never treated",
        )
    above.errorbar(
        middle, column("effect"), yerr=column("effect") - column("effect_low"), color=_BLUE, fmt="o", ms=2.5, lw=0.8,
        zorder=3, label="against those still untreated, of the same kind, with 95 % band",
    )  # fmt: skip
    for one in analysis.findings:
        if not one.has_window or one.lo is None or one.hi is None or one.estimate is None:
            continue
        label = f"{delay_text(one.lo)} to {delay_text(one.hi)}, {one.status}"
        above.axvspan(one.lo / unit, one.hi / unit, color=_SHADE, alpha=0.35, lw=0, zorder=0, label=label)
        if one.reason is None:
            above.hlines(one.estimate.effect * scale, one.lo / unit, one.hi / unit, color=_BLUE, lw=2.5, zorder=4)
    above.axhline(0.0, color="black", lw=0.8)
    above.set_ylabel("effect" if finding.numeric else "effect, percentage points")
    above.legend(loc="best", fontsize=8, frameon=False)
    below.bar(lo, np.asarray(curve["n_treated"]), width=width / unit, align="edge", color=_BLUE, alpha=0.6)
    below.set_ylabel("treated")
    below.set_xlabel(f"delay after the moment, {name}")
    figure.suptitle(_title(finding.moment, finding.action), fontsize=10)
    return figure


def _title(moment: str, action: str) -> str:
    # Names are the user's: a $ would begin mathematics.
    return f"{action} after {moment}".replace("$", r"\$")


def svg_bytes(figure: Any) -> bytes:
    """A figure as SVG, the same bytes for the same figure: without a date, with ids that depend on content alone."""
    import io

    import matplotlib as mpl

    stream = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "seqmine", "svg.fonttype": "none"}):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()
