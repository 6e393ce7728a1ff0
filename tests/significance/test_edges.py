"""Empty strata, one class, fixed tables: never NaN where something is defined, never a p of 0."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqmine.errors import ParameterError
from seqmine.significance import (
    StratifiedTables,
    cmh,
    minimum_effect_p,
    observed_expected,
    odds_ratio,
    point_null_p,
    risk_difference,
    risk_ratio,
)


@st.composite
def stratified(draw):
    n_patterns, n_strata = draw(st.integers(1, 3)), draw(st.integers(1, 6))
    most = draw(st.sampled_from([2, 6, 40, 5000]))
    cells = [[[draw(st.integers(0, most)) for _ in range(n_strata)] for _ in range(n_patterns)] for _ in range(4)]
    a, b, c, d = (np.array(cell, dtype=np.int64) for cell in cells)
    return StratifiedTables(a + b + c + d, a + c, a + b, a)


def everything(tables, design=1.0):
    found = cmh(tables, design)
    ratio, difference = risk_ratio(tables, 0.95, design), risk_difference(tables, 0.95, design)
    odds = odds_ratio(tables, 0.95, design)
    out = {"z": found.z, "variance": found.variance}
    for name, part in (("rr", ratio), ("rd", difference), ("or", odds)):
        out |= {f"{name}_value": part.value, f"{name}_low": part.low, f"{name}_high": part.high}
    share = observed_expected(tables, ratio)
    out |= {"oe": share.value, "oe_low": share.low, "oe_high": share.high}
    for direction in (1, -1):
        out[f"p{direction}"] = point_null_p(tables, direction, design)
        out[f"wald{direction}"], out[f"score{direction}"] = minimum_effect_p(tables, direction, 0.1, design)
    return out


@settings(deadline=None, max_examples=150)
@given(stratified(), st.sampled_from([1.0, 1.7]))
def test_nothing_is_undefined_but_what_is(tables, design):
    found = everything(tables, design)
    a, m, n, p = tables.matched_positive, tables.matched, tables.n, tables.positive
    moving = ((m > 0) & (m < n) & (p > 0) & (p < n)).any(axis=1)
    np.testing.assert_array_equal(np.isnan(found["z"]), ~moving)
    both = ((m > 0) & (m < n)).any(axis=1)
    np.testing.assert_array_equal(np.isnan(found["rd_value"]), ~both)
    unmatched_positive = (((p - a) * m) > 0).any(axis=1)
    np.testing.assert_array_equal(np.isnan(found["rr_value"]), ~unmatched_positive)
    assert not np.isinf(np.concatenate(list(found.values()))).any()
    for name, values in found.items():
        if name[0] in "pws":
            assert ((values > 0) & (values <= 1)).all(), name
    for low, value, high in (
        ("rr_low", "rr_value", "rr_high"),
        ("rd_low", "rd_value", "rd_high"),
        ("or_low", "or_value", "or_high"),
        ("oe_low", "oe", "oe_high"),
    ):
        lower, inside, upper = found[low], found[value], found[high]
        assert not (lower > inside).any()
        assert not (upper < inside).any()
    for name in ("p1", "p-1", "wald1", "score-1"):
        np.testing.assert_array_equal(found[name][~moving], 1.0)


@settings(deadline=None, max_examples=60)
@given(stratified(), st.randoms(use_true_random=False))
def test_the_order_of_strata_means_nothing(tables, random):
    order = list(range(tables.n_strata))
    random.shuffle(order)
    parts = (tables.n, tables.positive, tables.matched, tables.matched_positive)
    first, again = everything(tables), everything(StratifiedTables(*(part[:, order] for part in parts)))
    for name, values in first.items():
        # A z near 0 is a sum that cancels: the same to 1e-12 of a standard deviation.
        np.testing.assert_allclose(again[name], values, rtol=1e-9, atol=1e-12, err_msg=name)


@settings(deadline=None, max_examples=60)
@given(stratified(), st.integers(1, 50))
def test_strata_without_information_change_nothing(tables, size):
    k = tables.n_patterns

    def wider(part, added):
        return np.concatenate([part, np.tile(np.array(added), (k, 1))], axis=1)

    # Empty; nobody matches; and one lone row.
    empty = StratifiedTables(
        wider(tables.n, [0, 2 * size, 1]),
        wider(tables.positive, [0, size, 1]),
        wider(tables.matched, [0, 0, 0]),
        wider(tables.matched_positive, [0, 0, 0]),
    )
    first, again = everything(tables), everything(empty)
    for name, values in first.items():
        np.testing.assert_allclose(again[name], values, rtol=1e-12, atol=1e-12, err_msg=name)
    # All rows match: that moves observed and expected alike, and no test or effect.
    whole = StratifiedTables(
        wider(tables.n, [size]), wider(tables.positive, [size // 2]), wider(tables.matched, [size]),
        wider(tables.matched_positive, [size // 2]),
    )  # fmt: skip
    again = everything(whole)
    for name, values in first.items():
        if not name.startswith("oe"):
            np.testing.assert_allclose(again[name], values, rtol=1e-9, atol=1e-9, err_msg=name)


@settings(deadline=None, max_examples=60)
@given(stratified())
def test_one_population_or_one_of_each_pattern(tables):
    single = StratifiedTables(tables.n[0], tables.positive[0], tables.matched[:1], tables.matched_positive[:1])
    each, one = everything(tables), everything(single)
    for name, values in each.items():
        np.testing.assert_allclose(one[name], values[:1], rtol=1e-12, atol=1e-12, err_msg=name)


def test_directions_may_differ_by_pattern():
    tables = StratifiedTables([50, 60], [20, 25], [[20, 25], [20, 25]], [[14, 16], [3, 5]])
    mixed = point_null_p(tables, [1, -1])
    assert mixed[0] == point_null_p(tables, 1)[0] < 0.01
    assert mixed[1] == point_null_p(tables, -1)[1] < 0.01


def test_large_counts_keep_their_digits():
    big = 10**9
    tables = StratifiedTables([4 * big], [2 * big], [[2 * big]], [[big + 10]])
    assert cmh(tables).z[0] == pytest.approx(10 / np.sqrt(big / 4), rel=1e-9)
    assert point_null_p(tables, 1)[0] == pytest.approx(0.5, abs=0.01)
    sure = StratifiedTables([4 * big], [2 * big], [[2 * big]], [[2 * big]])
    assert point_null_p(sure, 1)[0] == 1e-300


def test_no_pattern_at_all():
    none = np.zeros((0, 3), np.int64)
    found = everything(StratifiedTables([4, 5, 6], [1, 2, 3], none, none))
    assert all(values.shape == (0,) for values in found.values())


@pytest.mark.parametrize(
    "counts",
    [
        ([10], [3], [[11]], [[1]]),
        ([10], [3], [[5]], [[4]]),
        ([10], [3], [[2]], [[3]]),
        ([10], [11], [[5]], [[4]]),
        ([10], [9], [[5]], [[0]]),
        ([10], [3], [[-1]], [[0]]),
        ([10, 5], [3, 1], [[5]], [[2]]),
        ([10], [3], [5], [2]),
        ([10.5], [3], [[5]], [[2]]),
    ],
)
def test_counts_that_cannot_be_are_refused(counts):
    with pytest.raises(ParameterError):
        StratifiedTables(*counts)


def test_arguments_that_cannot_be_are_refused():
    tables = StratifiedTables([10], [4], [[5]], [[2]])
    for call in (
        lambda: risk_ratio(tables, 1.0),
        lambda: point_null_p(tables, 0),
        lambda: point_null_p(tables, [1, -1]),
        lambda: cmh(tables, 0.0),
        lambda: cmh(tables, np.nan),
        lambda: minimum_effect_p(tables, 1, effect=-0.1),
    ):
        with pytest.raises(ParameterError):
            call()
