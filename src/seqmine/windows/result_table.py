"""Findings and curves as tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from seqmine.windows.analysis import Analysis
from seqmine.windows.effects import Z95, Estimate, e_value
from seqmine.windows.findings import Finding, e_of_interval
from seqmine.windows.sentences import statement

__all__ = ["CURVE_SCHEMA", "WINDOW_SCHEMA", "curve_table", "plain", "window_table"]

_US: Any = pa.duration("us")
_TEXT, _NUMBER, _WHOLE, _YES = pa.string(), pa.float64(), pa.int64(), pa.bool_()

_COLUMNS: Final[dict[str, Any]] = {
    "moment": _TEXT,
    "action": _TEXT,
    "window": _WHOLE,
    "lo": _US,
    "hi": _US,
    "status": _TEXT,
    "reason": _TEXT,
    "effective": _YES,
    "timing": _YES,
    "statement": _TEXT,
    "flags": pa.list_(_TEXT),
    **dict.fromkeys(("n_treated",), _WHOLE),
    **dict.fromkeys(
        (
            "observed",
            "expected",
            "effect",
            "effect_low",
            "effect_high",
            "se",
            "z",
            "p",
            "p_holm",
            "rr",
            "rr_low",
            "rr_high",
            "outside_effect",
            "outside_low",
            "outside_high",
            "delta",
            "delta_se",
            "p_delta",
            "all_effect",
            "all_low",
            "all_high",
            "p_scan",
        ),
        _NUMBER,
    ),
    "scan_lo": _US,
    "scan_hi": _US,
    "discovery_n_treated": _WHOLE,
    "discovery_effect": _NUMBER,
    "discovery_z": _NUMBER,
    "lo_low": _US,
    "lo_high": _US,
    "hi_low": _US,
    "hi_high": _US,
    "edge_resolution": _US,
    "bin_width": _US,
    "n_rows": _WHOLE,
    "n_discovery_rows": _WHOLE,
    "overlap": _NUMBER,
    "balance": _NUMBER,
    "balance_worst": _TEXT,
    "p_placebo": _NUMBER,
    "placebo": _TEXT,
    "protopathic": _YES,
    "e_value": _NUMBER,
    "e_value_ci": _NUMBER,
    "benchmark_rr": _NUMBER,
    "benchmark": _TEXT,
    "co_intervention": _TEXT,
    "naive_lo": _US,
    "naive_hi": _US,
    "naive_effect": _NUMBER,
    "n_per_arm": _WHOLE,
}
WINDOW_SCHEMA: Final = pa.schema(list(_COLUMNS.items()))

CURVE_SCHEMA: Final = pa.schema(
    [
        ("moment", _TEXT), ("action", _TEXT), ("lo", _US), ("hi", _US), ("n_treated", _WHOLE), ("n_controls", _WHOLE),
        *((name, _NUMBER) for name in (
            "observed", "expected", "effect", "effect_low", "effect_high", "discovery_effect", "naive_effect")),
        ("window", _WHOLE), ("left_out", _TEXT),
    ]
)  # fmt: skip


def window_table(analyses: Sequence[Analysis]) -> pa.Table:
    """One row for each finding."""
    rows = [_row(finding) for one in analyses for finding in one.findings]
    return pa.Table.from_pylist(rows, schema=WINDOW_SCHEMA)


def _row(finding: Finding) -> dict[str, Any]:
    row: dict[str, Any] = {
        "moment": finding.moment,
        "action": finding.action,
        "window": finding.window,
        "lo": finding.lo,
        "hi": finding.hi,
        "status": finding.status,
        "reason": finding.reason,
        "effective": finding.effective,
        "timing": finding.timing,
        "statement": statement(finding),
        "flags": finding.flags,
        "n_rows": finding.n_rows,
        "n_discovery_rows": finding.n_discovery_rows,
        "bin_width": finding.width,
        "n_per_arm": finding.n_per_arm,
    }
    if finding.estimate is not None:
        row["n_treated"] = finding.estimate.n
        row["overlap"] = finding.overlap
    if finding.found is not None:
        row["discovery_n_treated"] = finding.found.n
    if finding.reason is None and finding.estimate is not None:
        row |= _numbers(finding, finding.estimate)
    else:
        row["lo"] = row["hi"] = None
    return {name: plain(value) for name, value in row.items()}


def _numbers(finding: Finding, estimate: Estimate) -> dict[str, Any]:
    low, high = estimate.interval
    rr, rr_low, rr_high = estimate.ratio if not finding.numeric else (math.nan,) * 3
    row: dict[str, Any] = {
        "observed": estimate.observed, "expected": estimate.expected, "effect": estimate.effect, "effect_low": low,
        "effect_high": high, "se": estimate.se, "z": estimate.z, "p": estimate.p, "p_holm": finding.p_holm, "rr": rr,
        "rr_low": rr_low, "rr_high": rr_high, "delta": finding.delta, "delta_se": finding.delta_se,
        "p_delta": finding.p_delta, "p_scan": finding.p_scan, "edge_resolution": finding.resolution,
    }  # fmt: skip
    for name, other in (("outside", finding.outside), ("all", finding.whole)):
        if other is not None:
            row[f"{name}_effect"] = other.effect
            row[f"{name}_low"], row[f"{name}_high"] = other.interval
    if finding.found is not None:
        row |= {"discovery_effect": finding.found.effect, "discovery_z": finding.found.z}
    for names, values in (
        (("scan_lo", "scan_hi"), finding.scan),
        (("lo_low", "lo_high", "hi_low", "hi_high"), finding.edges),
        (("balance_worst", "balance"), finding.balance),
        (("placebo", "p_placebo"), finding.placebo),
        (("benchmark", "benchmark_rr"), finding.benchmark),
        (("naive_lo", "naive_hi", "naive_effect"), finding.naive),
    ):
        if values is not None:
            row |= dict(zip(names, values, strict=True))
    if finding.looked_protopathic:
        row["protopathic"] = finding.protopathic is not None
    for flag in finding.flags:
        if flag.startswith("co_intervention:"):
            row["co_intervention"] = flag.partition(":")[2]
    if not finding.numeric:
        row |= {"e_value": e_value(rr), "e_value_ci": e_of_interval(estimate)}
    return row


def plain(value: Any) -> Any:
    """A Python value for a cell; None for a number that is none."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and math.isnan(value) else value


def curve_table(analyses: Sequence[Analysis]) -> pa.Table:
    """One row for each delay bin of each pair that was estimated; none of arms as drawn, which have no delays."""
    tables = []
    for one in analyses:
        if one.pair is None or one.curve is None or one.discovery_curve is None or one.naive is None:
            continue
        if one.findings[0].drawn:
            continue
        pair, curve, finding = one.pair, one.curve, one.findings[0]
        k = np.arange(pair.n_bins)
        with np.errstate(invalid="ignore", divide="ignore"):
            effect = np.where(curve.n > 0, curve.u / curve.n, np.nan)
            reach = np.where(curve.n > 0, Z95 * np.sqrt(curve.v) / curve.n, np.nan)
            found = np.where(one.discovery_curve.n > 0, one.discovery_curve.u / one.discovery_curve.n, np.nan)
        window = np.zeros(pair.n_bins, np.int64)
        for number, (each, mask) in enumerate(zip(one.findings, one.inside, strict=True)):
            if each.has_window:
                window[mask] = number + 1
        columns = {
            "moment": [finding.moment] * pair.n_bins,
            "action": [finding.action] * pair.n_bins,
            "lo": pa.array(k * pair.width, _US),
            "hi": pa.array((k + 1) * pair.width, _US),
            "n_treated": curve.n.astype(np.int64),
            "n_controls": curve.n_controls,
            "observed": curve.observed,
            "expected": curve.observed - curve.u,
            "window": window,
            "left_out": ["always_treated" if always else None for always in curve.always.tolist()],
        }
        numbers = {
            "effect": effect, "effect_low": effect - reach, "effect_high": effect + reach, "discovery_effect": found,
            "naive_effect": one.naive.effect,
        }  # fmt: skip
        columns |= {name: pa.array(values, from_pandas=True) for name, values in numbers.items()}
        tables.append(pa.table({name: columns[name] for name in CURVE_SCHEMA.names}, schema=CURVE_SCHEMA))
    return pa.concat_tables(tables) if tables else CURVE_SCHEMA.empty_table()
