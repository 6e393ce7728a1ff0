"""The table of a study: one row per pattern, what both halves say of it, and the verdict in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqmine.mining.flags import flags_of
from seqmine.mining.sentences import sentence
from seqmine.significance import shrink_spike_normal

if TYPE_CHECKING:
    from seqmine.mining.certificate import Effects
    from seqmine.mining.judged import Judged
    from seqmine.mining.parts import Part

__all__ = ["study_table"]

Float64 = npt.NDArray[np.float64]


def study_table(judged: Judged, part: Part) -> pa.Table:
    """The public table, by verdict, then size of z, then fewer steps, then text; `part` holds the rows that judged."""
    patterns = judged.chosen.patterns
    n = len(patterns)
    verdicts = judged.verdict
    certificate = judged.certificate
    effects = None if certificate is None else certificate.effects
    texts = [str(pattern) for pattern in patterns]
    raises = judged.chosen.direction > 0
    columns: dict[str, Any] = {
        "pattern": pa.array(texts, pa.string()),
        "length": pa.array([len(pattern.steps) for pattern in patterns], pa.int64()),
        "direction": pa.array(np.where(raises, "raises", "lowers").tolist(), pa.string()),
        "verdict": pa.array(verdicts, pa.string()),
        "statement": pa.array([sentence(judged, i) for i in range(n)], pa.string()),
        "flags": pa.array([flags_of(judged, i) for i in range(n)], pa.list_(pa.string())),
        "explained_by": pa.array([None if j is None else texts[j] for j in judged.explained], pa.string()),
        "stands_for": pa.array(judged.stands_for, pa.string()),
        "evidence": pa.array(["estimation_half" if certificate is not None else "westfall_young"] * n, pa.string()),
        **_effect_columns("", effects, n, part.is_numeric),
        **_test_columns(judged, n),
        **_effect_columns("discovery_", judged.discovery, n, part.is_numeric),
        "discovery_rd_shrunk": _floats(_shrunk(judged.discovery)),
        **_later_columns(judged.later, n, part.is_numeric),
    }
    rank = {"validated": 0, "exploratory": 1, "not_supported": 2, "untested": 3}
    z = np.abs(np.nan_to_num((effects or judged.discovery).z))
    order = sorted(range(n), key=lambda i: (rank[verdicts[i]], -z[i], len(patterns[i].steps), texts[i].encode()))
    return pa.table(columns).take(pa.array(order, pa.int64()))


def _effect_columns(prefix: str, effects: Effects | None, n: int, numeric: bool) -> dict[str, Any]:
    nothing = np.full(n, math.nan)
    absent: dict[str, Any] = {"value": nothing, "low": nothing, "high": nothing}

    def bounds(name: str, interval: Any) -> dict[str, Any]:
        parts = absent if interval is None else {key: getattr(interval, key) for key in absent}
        return {
            f"{prefix}{name}": _floats(parts["value"]),
            f"{prefix}{name}_low": _floats(parts["low"]),
            f"{prefix}{name}_high": _floats(parts["high"]),
        }

    if effects is None:
        integers = {name: pa.nulls(n, pa.int64()) for name in ("n_matched", "n_undecided", "n_positive")}
        numbers = {name: _floats(nothing) for name in ("base_rate", "confidence", "lift", "expected")}
    else:
        positive = pa.nulls(n, pa.int64()) if numeric else pa.array(effects.total.astype(np.int64), pa.int64())
        integers = {
            "n_matched": pa.array(effects.n_matched, pa.int64()),
            "n_undecided": pa.array(effects.n_undecided, pa.int64()),
            "n_positive": positive,
        }
        numbers = {
            "base_rate": _floats(np.full(n, effects.base_rate)),
            "confidence": _floats(effects.confidence),
            "lift": _floats(effects.lift),
            "expected": _floats(effects.expected),
        }
    columns = {f"{prefix}{name}": array for name, array in {**integers, **numbers}.items()}
    columns |= bounds("o_over_e", None if effects is None else effects.ratio)
    columns |= bounds("rr", None if effects is None else effects.relative)
    columns |= bounds("rd", None if effects is None or numeric else effects.difference)
    columns |= bounds("mean_difference", effects.difference if effects is not None and numeric else None)
    columns[f"{prefix}z"] = _floats(nothing if effects is None else effects.z)
    return columns


def _test_columns(judged: Judged, n: int) -> dict[str, Any]:
    certificate = judged.certificate
    nothing = np.full(n, math.nan)

    def of(name: str) -> Any:
        return _floats(nothing if certificate is None else getattr(certificate, name))

    columns = {
        "p_effect": of("p_effect"),
        "p_productive": of("p_productive"),
        "p_guards": of("p_guards"),
        "guard": pa.array([None] * n if certificate is None else certificate.guard, pa.string()),
        "least_beyond": pa.array(
            [None] * n
            if certificate is None
            else [None if one is None else str(one.pattern) for one in certificate.least],
            pa.string(),
        ),
        "p": of("p"),
        "p_holm": of("p_holm"),
        "q_bh": of("q"),
        "p_wy": _floats(judged.p_family),
    }
    for name, attribute in (("o_over_e", "fcr_ratio"), ("rr", "fcr_relative"), ("rd", "fcr_difference")):
        interval = None if certificate is None else getattr(certificate, attribute)
        for end in ("low", "high"):
            columns[f"{name}_fcr_{end}"] = _floats(nothing if interval is None else getattr(interval, end))
    return columns


def _later_columns(later: Effects | None, n: int, numeric: bool) -> dict[str, Any]:
    wanted = ("n_matched", "n_positive", "o_over_e", "mean_difference")
    columns = _effect_columns("out_of_time_", later, n, numeric)
    return {name: column for name, column in columns.items() if name.removeprefix("out_of_time_").startswith(wanted)}


def _shrunk(effects: Effects) -> Float64:
    """Differences of the rows that found the patterns, drawn towards none (STATISTICS E)."""
    value, se = effects.difference.value, effects.difference.se
    usable = ~np.isnan(value) & (np.nan_to_num(se) > 0)
    result = np.full(len(value), math.nan)
    if usable.any():
        result[usable] = shrink_spike_normal(value[usable], se[usable]).mean
    return result


def _floats(values: Sequence[float] | Float64) -> Any:
    array = np.asarray(values, dtype=np.float64)
    # Nothing in the table is NaN: what is undefined is null.
    return pa.array(array, pa.float64(), mask=~np.isfinite(array))
