"""Effects by segment: against the formulas written out, with suppression, shrinkage and a test of interaction."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from seqmine.errors import ParameterError
from seqmine.mining.columns import RowColumn
from seqmine.mining.segments import SEGMENT_SCHEMA, segment_effects


def column(name: str, values: list[str]) -> RowColumn:
    texts = sorted(set(values))
    return RowColumn(name, np.array([texts.index(value) for value in values]), tuple(texts), "made up")


def made(seed: int, n: int = 600, *, repeats: bool = False, effects: dict[str, float] | None = None) -> dict[str, Any]:
    rng = random.Random(seed)
    plan = [rng.choice(["basic", "basic", "basic", "plus", "rare"]) for _ in range(n)]
    region = [rng.choice("ns") for _ in range(n)]
    matched = [[rng.choice([0, 0, 0, 1, 1, 2]) for _ in range(n)] for _ in range(2)]
    stratum = [rng.randrange(4) for _ in range(n)]
    factor = effects or {}
    y = [
        int(rng.random() < (0.1 + 0.1 * s) * (factor.get(p, 1.0) if m == 1 else 1.0))
        for s, p, m in zip(stratum, plan, matched[0], strict=True)
    ]
    entity = [i // 2 if repeats else i for i in range(n)]
    rng.shuffle(entity)
    return {
        "matched": np.array(matched, dtype=np.uint8),
        "y": np.array(y, dtype=np.uint8),
        "stratum": np.array(stratum, dtype=np.int32),
        "entity": np.array(entity, dtype=np.int64),
        "segments": [column("plan", plan), column("region", region)],
        "patterns": ["a", "b"],
        "lists": (plan, region),
    }


def effects(data: dict[str, Any], **keywords: Any) -> list[dict[str, Any]]:
    table = segment_effects(**{name: value for name, value in data.items() if name != "lists"}, **keywords)
    assert table.schema == SEGMENT_SCHEMA
    return table.to_pylist()


def by_hand(rows: list[tuple[int, int, int]]) -> dict[str, float]:
    """O/E and the risk ratio of Mantel and Haenszel with its interval, of rows (matched, y, stratum)."""
    r = t = v = expected = observed = 0.0
    for s in {s for _, _, s in rows}:
        own = [(m, y) for m, y, stratum in rows if stratum == s]
        n, matched = len(own), sum(m for m, _ in own)
        p, a = sum(y for _, y in own), sum(y for m, y in own if m)
        c = p - a
        r += a * (n - matched) / n
        t += c * matched / n
        v += (matched * (n - matched) * p - a * c * n) / n**2
        expected += matched * p / n
        observed += a
    rr, se = r / t, math.sqrt(v / (r * t))
    reach = 1.959963984540054 * se
    return {
        "rr": rr,
        "rr_low": rr * math.exp(-reach),
        "rr_high": rr * math.exp(reach),
        "o_over_e": observed / expected,
        "se": se,
    }


@pytest.mark.parametrize("seed", range(6))
def test_against_the_formulas(seed: int) -> None:
    data = made(seed, effects={"plus": 2.0})
    plan, region = data["lists"]
    rows = effects(data)
    assert [(row["pattern"], row["segment"], row["value"]) for row in rows] == [
        (pattern, name, value)
        for pattern in "ab"
        for name, values in (("plan", ["basic", "plus", "rare"]), ("region", ["n", "s"]))
        for value in values
    ]
    for k, pattern in enumerate("ab"):
        for name, values in (("plan", plan), ("region", region)):
            own = [row for row in rows if row["pattern"] == pattern and row["segment"] == name]
            known = []
            for row in own:
                inside = [i for i, value in enumerate(values) if value == row["value"]]
                cells = [(int(data["matched"][k, i] == 1), int(data["y"][i]), int(data["stratum"][i])) for i in inside]
                expected = by_hand(cells)
                n_matched = sum(m for m, _, _ in cells)
                assert row["suppressed"] == (n_matched < 20)
                if row["suppressed"]:
                    continue
                known.append((row, expected))
                assert row["n"] == len(cells) and row["n_matched"] == n_matched
                assert row["n_positive"] == sum(y for m, y, _ in cells if m)
                for figure in ("rr", "rr_low", "rr_high", "o_over_e"):
                    assert row[figure] == pytest.approx(expected[figure], rel=1e-12)
            check_random_effects(known)


def check_random_effects(known: list[tuple[dict[str, Any], dict[str, float]]]) -> None:
    """DerSimonian and Laird, and Cochran's Q, with Python numbers."""
    from scipy.stats import chi2

    y = [math.log(hand["rr"]) for _, hand in known]
    w = [1 / hand["se"] ** 2 for _, hand in known]
    fixed = sum(a * b for a, b in zip(w, y, strict=True)) / sum(w)
    q = sum(a * (b - fixed) ** 2 for a, b in zip(w, y, strict=True))
    tau2 = max(0.0, (q - (len(y) - 1)) / (sum(w) - sum(a * a for a in w) / sum(w)))
    both = [1 / (1 / a + tau2) for a in w]
    mean = sum(a * b for a, b in zip(both, y, strict=True)) / sum(both)
    for (row, _), effect, weight in zip(known, y, w, strict=True):
        kept = tau2 / (tau2 + 1 / weight)
        shrunk = mean + kept * (effect - mean)
        sd = math.sqrt(kept / weight + (1 - kept) ** 2 / sum(both))
        assert row["rr_shrunk"] == pytest.approx(math.exp(shrunk), rel=1e-9)
        assert row["rr_shrunk_low"] == pytest.approx(math.exp(shrunk - 1.959963984540054 * sd), rel=1e-9)
        assert row["rr_shrunk_high"] == pytest.approx(math.exp(shrunk + 1.959963984540054 * sd), rel=1e-9)
        assert row["p_interaction"] == pytest.approx(chi2.sf(q, len(y) - 1), rel=1e-9)


def test_small_segments_have_no_figures_and_take_no_part() -> None:
    data = made(3, n=150)
    plan = data["lists"][0]
    rows = [row for row in effects(data) if row["segment"] == "plan"]
    small = {(row["pattern"], row["value"]) for row in rows if row["suppressed"]}
    assert small and len(small) < len(rows)
    for row in rows:
        figures = {name: row[name] for name in row if name not in ("pattern", "segment", "value", "suppressed")}
        if row["suppressed"]:
            assert set(figures.values()) == {None}
    # Without the rows of the small segment nothing else changes.
    kept = np.array([value != "rare" for value in plan])
    assert ("a", "rare") in small and ("b", "rare") in small
    without = data | {name: data[name][..., kept] for name in ("matched", "y", "stratum", "entity")}
    without["segments"] = [column("plan", [value for value in plan if value != "rare"])]
    assert [row for row in effects(data | {"segments": data["segments"][:1]}) if row["value"] != "rare"] == effects(
        without
    )


def test_entities_are_counted_for_suppression_not_rows() -> None:
    n = 120
    y = np.arange(n) % 3 == 0
    data: dict[str, Any] = {
        "matched": (np.arange(n) % 2 == 0)[None].astype(np.uint8),
        "y": y.astype(np.uint8),
        "stratum": np.zeros(n, dtype=np.int32),
        "segments": [column("all", ["x"] * n)],
        "patterns": ["a"],
    }
    alone = effects(data | {"entity": np.arange(n)})[0]
    assert (alone["suppressed"], alone["n_matched"]) == (False, 60)
    assert alone["p_interaction"] is None and alone["rr_shrunk"] == alone["rr"]
    for n_entities, suppressed in ((20, False), (19, True)):
        # Matched rows (every second one) belong to so many entities, in mixed order.
        entity = (np.arange(n) // 2) % n_entities * 7 % 101
        assert effects(data | {"entity": entity})[0]["suppressed"] is suppressed


def test_rows_of_one_entity_widen_the_interval() -> None:
    """Every row twice says nothing new: the interval must be that of the rows once."""
    once = made(5)
    once["segments"] = once["segments"][1:]
    twice: dict[str, Any] = {name: np.repeat(once[name], 2, axis=-1) for name in ("matched", "y", "stratum", "entity")}
    twice |= {"patterns": ["a", "b"], "segments": [column("region", [v for v in once["lists"][1] for _ in range(2)])]}
    for a, b in zip(effects(once), effects(twice), strict=True):
        assert b["n"] == 2 * a["n"]
        assert b["rr"] == pytest.approx(a["rr"], rel=1e-12)
        assert b["rr_low"] == pytest.approx(a["rr_low"], rel=1e-9)
        assert b["p_interaction"] == pytest.approx(a["p_interaction"], rel=1e-9)


def test_interactions_are_found_and_corrected_for_all_tests() -> None:
    data = made(11, n=8000, effects={"plus": 2.5, "basic": 0.6})
    rows = effects(data)
    p = {(row["pattern"], row["segment"]): row["p_interaction"] for row in rows if not row["suppressed"]}
    adjusted = {(row["pattern"], row["segment"]): row["p_interaction_holm"] for row in rows if not row["suppressed"]}
    assert p["a", "plan"] < 1e-6 and adjusted["a", "plan"] == pytest.approx(4 * p["a", "plan"])
    assert min(adjusted[key] for key in adjusted if key != ("a", "plan")) > 0.05
    ordered = sorted(p, key=lambda key: p[key])
    running = 0.0
    for i, key in enumerate(ordered):
        running = max(running, min(1.0, (len(p) - i) * p[key]))
        assert adjusted[key] == pytest.approx(running)


def test_interaction_p_is_honest_without_an_interaction() -> None:
    """200 logs, the same effect in all segments: rejections at 0.05 within two standard errors of that."""
    runs, rejected = 200, 0
    for seed in range(runs):
        data = made(1000 + seed, n=1500, effects={"basic": 1.5, "plus": 1.5, "rare": 1.5})
        row = effects(data | {"segments": data["segments"][:1]})[0]
        rejected += row["p_interaction"] < 0.05
    assert rejected / runs <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / runs)


def test_no_effect_that_the_data_define() -> None:
    n = 100
    data: dict[str, Any] = {
        "matched": np.ones((1, n), dtype=np.uint8),  # nobody to compare with
        "y": (np.arange(n) % 2).astype(np.uint8),
        "stratum": np.zeros(n, dtype=np.int32),
        "entity": np.arange(n),
        "segments": [column("half", ["x", "y"] * (n // 2))],
        "patterns": ["a"],
    }
    for row in effects(data):
        assert not row["suppressed"]
        assert (row["n"], row["n_matched"]) == (50, 50)
        assert row["rr"] is None and row["rr_shrunk"] is None and row["p_interaction"] is None


def test_nothing_to_do() -> None:
    data = made(1)
    assert effects(data | {"segments": []}) == []
    none: dict[str, Any] = {"matched": np.zeros((0, 600), dtype=np.uint8), "patterns": []}
    assert effects(data | none) == []
    empty = {name: data[name][..., :0] for name in ("matched", "y", "stratum", "entity")}
    assert effects(data | empty | {"segments": [column("plan", [])]}) == []


@pytest.mark.parametrize("broken", ["y", "stratum", "entity", "patterns", "segments"])
def test_shapes(broken: str) -> None:
    data = made(1)
    value = [column("plan", ["x"])] if broken == "segments" else data[broken][1:]
    with pytest.raises(ParameterError, match="must be of shape"):
        effects(data | {broken: value})


def test_the_table_is_arrow() -> None:
    assert isinstance(segment_effects(**{k: v for k, v in made(1).items() if k != "lists"}), pa.Table)


def spent(seed: int, n: int = 900, *, gain: dict[str, float] | None = None) -> dict[str, Any]:
    """The same rows with numbers: pattern ``a`` adds `gain` of the row's plan."""
    data = made(seed, n)
    rng = random.Random(seed + 1)
    plan = data["lists"][0]
    added = [(gain or {}).get(p, 5.0) * (m == 1) for p, m in zip(plan, data["matched"][0], strict=True)]
    y = [10.0 * s + x + rng.gauss(0, 4) for s, x in zip(data["stratum"].tolist(), added, strict=True)]
    return data | {"y": np.array(y)}


def test_mean_differences_of_each_segment_by_hand() -> None:
    data = spent(3)
    for row in effects(data):
        if row["suppressed"]:
            continue
        of = data["lists"][["plan", "region"].index(row["segment"])]
        k = data["patterns"].index(row["pattern"])
        rows = [
            (int(data["matched"][k][i] == 1), float(data["y"][i]), int(data["stratum"][i]))
            for i, value in enumerate(of)
            if value == row["value"]
        ]
        weighted = total = 0.0
        for stratum in {s for _, _, s in rows}:
            with_it = [y for m, y, s in rows if s == stratum and m]
            without = [y for m, y, s in rows if s == stratum and not m]
            if with_it and without:
                weight = len(with_it) * len(without) / (len(with_it) + len(without))
                weighted += weight * (sum(with_it) / len(with_it) - sum(without) / len(without))
                total += weight
        assert row["mean_difference"] == pytest.approx(weighted / total)
        assert row["mean_difference_low"] < row["mean_difference"] < row["mean_difference_high"]
        assert (row["n"], row["n_matched"]) == (len(rows), sum(m for m, _, _ in rows))
        assert row["n_positive"] is row["rr"] is row["o_over_e"] is row["rr_shrunk"] is None
    # Whatever the strata's own means are: outcomes may be kept less those.
    means = np.array([data["y"][data["stratum"] == s].mean() for s in range(4)])
    again = effects(data | {"y": data["y"] - means[data["stratum"]]})
    for one, other in zip(effects(data), again, strict=True):
        assert one["mean_difference"] == pytest.approx(other["mean_difference"], abs=1e-9, nan_ok=True)


def test_numbers_that_differ_by_segment_interact_and_others_are_drawn_together() -> None:
    same, other = effects(spent(5)), effects(spent(5, gain={"basic": 5.0, "plus": -5.0, "rare": 5.0}))
    plans = [
        [row for row in rows if (row["pattern"], row["segment"]) == ("a", "plan") and not row["suppressed"]]
        for rows in (same, other)
    ]
    assert len(plans[0]) >= 2
    assert plans[0][0]["p_interaction_holm"] > 0.05
    assert plans[1][0]["p_interaction_holm"] < 1e-6
    for rows in plans:
        drawn, plain = ([row[f"mean_difference{name}"] for row in rows] for name in ("_shrunk", ""))
        assert max(drawn) - min(drawn) <= max(plain) - min(plain)
        assert all(r["mean_difference_shrunk_low"] <= r["mean_difference_shrunk"] for r in rows)
