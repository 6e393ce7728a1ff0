"""The oracle of windows, held against examples worked on paper, statsmodels, and exact enumeration."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.multitest import multipletests

from . import effects, search
from .search import BOTH, LOWERS, RAISES, Limits
from .trials import (
    Event,
    Instance,
    Outcome,
    Row,
    Setting,
    expand,
    instances,
    moments_of,
    naive_values,
    named,
    silences_of,
)

# Times are small whole numbers: bins of 10, three of them, an outcome in the 100 after the end of a bin.
CALL = named("call")
CANCEL = Outcome("exists", 100, named("cancel"))


def setting(events: list[tuple[str, int, str]], **changes: object) -> Setting:
    made = [Event(*event) for event in events]
    plain = Setting(made, moments_of(made, named("buy")), CALL, CANCEL, 10, 3, observed_until=1000)
    return replace(plain, **changes)  # type: ignore[arg-type]


def table_of(where: Setting) -> dict[tuple[str, int], tuple[int, float]]:
    kept, _ = instances(where)
    return {(row.entity, row.k): (row.z, row.y) for row in expand(where, kept)}


# --- rows, worked by hand ---------------------------------------------------------------------------------------------


def test_a_treated_a_control_and_one_who_leaves() -> None:
    """The first called in bin 1, the second never, the third gone before the end of bin 1."""
    where = setting(
        [
            *(("ann", 100, "buy"), ("ann", 115, "call"), ("ann", 118, "call"), ("ann", 219, "cancel")),
            *(("bob", 100, "buy"), ("bob", 220, "cancel")),
            *(("cid", 100, "buy"), ("cid", 119, "cancel")),
        ]
    )
    assert table_of(where) == {
        ("ann", 0): (0, 0.0),  # judged at 110: 219 is not in [110, 210)
        ("ann", 1): (1, 1.0),  # judged at 120: 219 is in [120, 220); no row in bin 2, as the call came before
        ("bob", 0): (0, 0.0),
        ("bob", 1): (0, 0.0),  # 220 is not in [120, 220)
        ("bob", 2): (0, 1.0),  # in [130, 230)
        ("cid", 0): (0, 1.0),  # in [110, 210); at 120 it has happened
    }


def test_edges_of_bins_and_of_the_moment() -> None:
    """An action at the moment itself is a delay of nothing; one at the end of a bin is in the next."""
    where = setting([("a", 50, "buy"), ("a", 50, "call"), ("b", 50, "buy"), ("b", 60, "call"), ("c", 50, "buy")])
    found = table_of(replace(where, events=[*where.events, Event("c", 80, "call")]))
    assert {key: z for key, (z, _) in found.items()} == {
        ("a", 0): 1,
        ("b", 0): 0,
        ("b", 1): 1,
        ("c", 0): 0,
        ("c", 1): 0,
        ("c", 2): 0,
    }


def test_an_outcome_at_the_very_end_of_a_bin_counts_there_and_ends_the_risk_after() -> None:
    found = table_of(setting([("a", 0, "buy"), ("a", 10, "cancel")]))
    assert found == {("a", 0): (0, 1.0)}


def test_an_outcome_before_the_moment_is_none_of_the_rows_business() -> None:
    """At risk is to be free of the outcome since the moment."""
    assert table_of(setting([("a", 0, "cancel"), ("a", 5, "buy")])) == {("a", k): (0, 0.0) for k in range(3)}


def test_silence_needs_something_that_can_end() -> None:
    """no visit within 20: at risk with a visit in the 20 before tau; the outcome is silence in the 20 after it."""
    outcome = Outcome("no", 20, named("visit"))
    where = setting([("a", 100, "buy"), ("a", 95, "visit"), ("a", 131, "visit")], outcome=outcome)
    assert table_of(where) == {
        ("a", 0): (0, 1.0),  # tau 110: 95 in [90, 110); nothing in [110, 130)
        # tau 120: nothing in [100, 120)
        # tau 130: nothing in [110, 130)
    }
    later = replace(where, events=[*where.events, Event("a", 110, "visit")])
    assert table_of(later) == {
        ("a", 0): (0, 0.0),  # 110 is in [110, 130)
        ("a", 1): (0, 0.0),  # 110 in [100, 120); 131 in [120, 140)
        ("a", 2): (0, 0.0),  # 110 in [110, 130); 131 in [130, 150)
    }


def test_counts_and_sums() -> None:
    events = [
        Event("a", 0, "buy"),
        *(Event("a", t, "pay", v) for t, v in ((5, 2.0), (15, None), (25, 0.5), (112, 4.0))),
    ]
    moments = [("a", 0)]
    twice = Outcome("count", 100, named("pay"), ">=", 2)
    where = Setting(events, moments, CALL, twice, 10, 3, observed_until=1000)
    # Counted since the moment: one pay before 10, so at risk; two before 20, so no more.
    assert table_of(where) == {("a", 0): (0, 1.0)}
    number = replace(where, outcome=Outcome("count", 100, named("pay")))
    assert table_of(number) == {("a", 0): (0, 2.0), ("a", 1): (0, 2.0), ("a", 2): (0, 1.0)}
    total = replace(where, outcome=Outcome("sum", 100, named("pay")))
    assert table_of(total) == {("a", 0): (0, 0.5), ("a", 1): (0, 4.5), ("a", 2): (0, 4.0)}
    spent = replace(where, outcome=Outcome("sum", 100, named("pay"), ">=", 2.5))
    # 2.0 before 20; 2.5 before 30, so the third bin is not at risk.
    assert table_of(spent) == {("a", 0): (0, 0.0), ("a", 1): (0, 1.0)}


def test_a_table_of_outcomes() -> None:
    events = [(name, 100, "buy") for name in "abcde"]
    known = {"a": (125, 1), "b": (400, 0), "c": (229, 0), "d": (99, 1)}
    where = setting(events, outcome=Outcome("table", 100, table=known))
    kept, excluded = instances(where)
    assert [one.entity for one in kept] == ["a", "b"]
    assert excluded == {"not_followed": 1, "already": 1, "no_outcome_row": 1}  # c to 229 of the 230 that are needed
    assert table_of(where) == {("a", 0): (0, 1.0), ("a", 1): (0, 1.0), **{("b", k): (0, 0.0) for k in range(3)}}


def test_the_cohort_is_the_same_for_every_bin() -> None:
    """100 + 30 + 100 must have been watched; one microsecond less, and no bin has the row."""
    where = setting([("a", 100, "buy"), ("a", 105, "cancel")], observed_until=230)
    assert len(instances(where)[0]) == 1
    assert instances(replace(where, observed_until=229)) == ([], {"not_followed": 1})
    # The log's own end where none is declared; a table was written by somebody who watched until its latest time.
    assert instances(replace(where, observed_until=None)) == ([], {"not_followed": 1})
    table = Outcome("table", 100, table={"a": (150, 1), "z": (230, 0)})
    assert len(instances(replace(where, observed_until=None, outcome=table))[0]) == 1
    assert len(instances(replace(where, observed_until=180, follow_up=50))[0]) == 1


def test_washout_and_birth() -> None:
    events = [("a", 80, "call"), ("a", 100, "buy"), ("b", 79, "call"), ("b", 100, "buy"), ("c", 100, "buy")]
    where = setting(events, washout=20, starts={"c": 101})
    kept, excluded = instances(where)
    assert kept == [Instance("b", 100, None)] and excluded == {"washout": 1, "not_born": 1}


def test_moments_first_and_all_and_silences() -> None:
    events = [
        Event(*e) for e in (("a", 5, "buy"), ("a", 5, "buy"), ("a", 9, "buy"), ("b", 1, "visit"), ("b", 2, "buy"))
    ]
    assert moments_of(events, named("buy")) == [("a", 5), ("b", 2)]
    assert moments_of(events, named("buy"), repeats="all") == [("a", 5), ("a", 9), ("b", 2)]
    # buy -> no visit within 4: (5, 9] holds a buy, which does not matter; b's window is over at 6.
    assert silences_of(events, named("buy"), named("visit"), 4, until=9) == [("a", 9), ("b", 6)]
    assert silences_of(events, named("buy"), named("buy"), 4, until=20) == [("a", 13), ("b", 6)]


def test_attributes_of_the_action() -> None:
    sms = named("call", channel="sms")
    assert sms(Event("a", 1, "call", None, {"channel": "sms"}))
    assert not sms(Event("a", 1, "call", None, {"channel": "mail"})) and not sms(Event("a", 1, "call"))


# --- estimates --------------------------------------------------------------------------------------------------------


def one_cell(treated: list[float], controls: list[float], *, k: int = 0, s: int = 0, entity: str = "") -> pd.DataFrame:
    outcomes = [(1, y) for y in treated] + [(0, y) for y in controls]
    rows = [Row(i, f"{entity}{k}.{s}.{i}", k, z, y) for i, (z, y) in enumerate(outcomes)]
    return effects.frame(rows, lambda i, k: s, lambda i, k: 0.25)


def test_one_cell_by_hand() -> None:
    # Residuals of controls: three of 0.75, three of -0.25: mean 0.25, sample variance 6 * 0.25 / 5 = 0.3.
    # Expected of two treated: 2 * (0.25 + 0.25) = 1; V = 2 * 0.3 * (1 + 2 / 6) = 0.8.
    curve = effects.bins(effects.cells(one_cell([1, 1], [1, 1, 1, 0, 0, 0])), 1)
    assert curve.iloc[0].to_dict() == pytest.approx(
        {"n": 2, "lost": 0, "controls": 6, "O": 2, "E": 1, "U": 1, "V": 0.8}
    )
    found = effects.effect(curve, [0])
    assert found.theta == pytest.approx(0.5) and found.rr == pytest.approx(2)
    assert found.se == pytest.approx(math.sqrt(0.8) / 2)
    # SE of the log risk ratio: SE(theta) * n1 / O = SE(theta) here.
    assert found.rr_high == pytest.approx(2 * math.exp(1.959963985 * math.sqrt(0.2)))


def test_cells_with_few_controls_lose_their_treated() -> None:
    rows = pd.concat([one_cell([1, 1], [0] * 4), one_cell([1], [0] * 5, s=1), one_cell([0], [1] * 5, k=1)])
    curve = effects.bins(effects.cells(rows), 2)
    assert curve["lost"].tolist() == [2, 0] and curve["n"].tolist() == [1, 1]
    assert curve["U"].tolist() == pytest.approx([1, -1])
    assert effects.overlap(curve) == pytest.approx(2 / 4)


def made_rows(seed: int, n_entities: int = 90, n_bins: int = 4) -> pd.DataFrame:
    """Entities with a stratum that changes, treated once or never, so that one is a control many times."""
    rng = random.Random(seed)
    rows, stratum, m = [], {}, {}
    for i in range(n_entities):
        for k in range(n_bins):
            stratum[i, k], m[i, k] = rng.randint(0, 2), rng.random()
            z = int(rng.random() < 0.15 + 0.1 * stratum[i, k])
            rows.append(Row(i, f"e{i}", k, z, float(rng.random() < 0.3 + 0.2 * stratum[i, k] - 0.1 * z)))
            if z:
                break
    return effects.frame(rows, lambda i, k: stratum[i, k], lambda i, k: m[i, k])


@pytest.mark.parametrize("seed", range(8))
def test_theta_is_a_weighted_regression_with_fixed_effects_in_statsmodels(seed: int) -> None:
    rows = made_rows(seed)
    table = effects.cells(rows)
    curve = effects.bins(table, 4)
    for lo, hi in ((0, 4), (1, 3), (0, 1)):
        theta = effects.effect(curve, range(lo, hi)).theta
        assert effects.regress(rows, table, lo, hi).theta == pytest.approx(theta, abs=1e-10)
        by_size = effects.mantel_haenszel(table, lo, hi)
        assert effects.regress(rows, table, lo, hi, weights="mh").theta == pytest.approx(by_size, abs=1e-10)


def test_the_weights_of_the_regression_matter() -> None:
    """A cell with half its rows treated weighs more under the ATT than under Mantel-Haenszel: 10 to 6, 5 to 5.45."""
    rows = pd.concat([one_cell([1] * 10, [0] * 10), one_cell([0] * 6, [1] * 60, s=1)])
    table = effects.cells(rows)
    curve = effects.bins(table, 1)
    assert curve["U"].sum() / curve["n"].sum() == pytest.approx((10 * 1 - 6 * 1) / 16)
    assert effects.regress(rows, table, 0, 1).theta == pytest.approx((10 * 1 - 6 * 1) / 16)
    assert effects.mantel_haenszel(table, 0, 1) == pytest.approx((5 - 60 / 11) / (5 + 60 / 11))


def test_clusters_against_the_sum_of_influences() -> None:
    """The sandwich of the weighted regression, written out: sums over an entity of its rows' shares of the score."""
    rows = made_rows(3)
    table = effects.cells(rows)
    found = effects.regress(rows, table, 0, 4, weights="mh")
    inside = rows.join(table[["n1", "n0", "kept"]], on=["k", "s"]).query("kept and n1 > 0")
    group = inside.groupby(["k", "s"])
    z = inside["z"] - group["z"].transform("mean")
    r = inside["r"] - group["r"].transform("mean")
    theta = (z * r).sum() / (z * z).sum()
    score = (z * (r - theta * z)).groupby(inside["entity"]).sum()
    assert found.theta == pytest.approx(theta)
    assert found.se == pytest.approx(math.sqrt((score**2).sum()) / (z * z).sum())
    assert theta == pytest.approx(float(OLS(r.to_numpy(), z.to_numpy()).fit().params[0]))


def test_errors_under_an_effect_by_hand() -> None:
    # The four treated: squares of a half, 1 in all; v0 = 0.3, so 16 * 0.3 / 6 = 0.8. By entity: (4 / 6)^2 * 6 / 4.
    rows = one_cell([1, 1, 0, 0], [1, 1, 1, 0, 0, 0])
    table = effects.cells(rows)
    found = effects.errors(rows, table, 0, 1)
    assert found.own == pytest.approx(math.sqrt(1.8) / 4)
    assert found.by_entity == pytest.approx(math.sqrt(1 + 2 / 3) / 4)
    assert found.by_entity == pytest.approx(effects.regress(rows, table, 0, 1).se)
    # An entity that is a control of one cell and treated in another is one cluster: its two influences add up first.
    both = pd.concat([one_cell([1, 0], [1, 0, 0, 0, 0]), one_cell([1, 1, 0], [1, 0, 0, 0, 0], k=1)])
    apart = effects.errors(both, effects.cells(both), 0, 2)
    joined = both.assign(entity=both["entity"].replace({"0.0.2": "one", "1.0.0": "one"}))
    together = effects.errors(joined, effects.cells(both), 0, 2)
    # theta = 2 / 5; influences -(2 / 5) (1 - 1 / 5) of the control, 1 - 1 / 5 - theta of the treated; n = 5.
    product = -(2 / 5) * (1 - 1 / 5) * (1 - 1 / 5 - ((1 - 2 / 5) + (2 - 3 / 5)) / 5)
    assert together.by_entity**2 - apart.by_entity**2 == pytest.approx(2 * product / 25)
    assert together.own == apart.own


def test_v_is_the_variance_over_all_ways_to_treat_two_of_eight() -> None:
    """Under no effect any two of the eight may be the treated. V over them averages to the variance of U, exactly."""
    y = [1, 1, 1, 0, 0, 0, 0, 0]
    found = []
    for chosen in itertools.combinations(range(8), 2):
        treated, controls = [y[i] for i in chosen], [y[i] for i in range(8) if i not in chosen]
        found.append(effects.bins(effects.cells(one_cell(treated, controls)), 1).iloc[0])
    u, v = np.array([one["U"] for one in found]), np.array([one["V"] for one in found])
    assert u.mean() == pytest.approx(0, abs=1e-12)
    assert v.mean() == pytest.approx(float(np.mean(u**2)), rel=1e-12)


def test_a_placebo_takes_the_place_of_the_outcome() -> None:
    rows = [Row(i, f"e{i}", 0, int(i < 2), 1.0) for i in range(8)]
    found = effects.frame(rows, lambda i, k: 0, lambda i, k: 0.0, y=lambda i, k: float(i % 2))
    assert found["y"].tolist() == [0, 1] * 4


def test_the_effect_inside_less_the_effect_outside() -> None:
    curve = pd.DataFrame(
        {"n": [10.0, 10, 20], "O": [1.0, 5, 10], "E": [2.0, 9, 10], "U": [-1.0, -4, 0], "V": [1, 4, 9]}
    )
    delta, se, p = effects.contrast(curve, 0, 2)
    assert delta == pytest.approx(-0.25) and se == pytest.approx(math.hypot(math.sqrt(5) / 20, 3 / 20))
    assert p == pytest.approx(math.erfc(0.25 / se / math.sqrt(2)))


# --- search -----------------------------------------------------------------------------------------------------------


def test_the_scan_by_hand() -> None:
    """Four bins of V = 1, U = 0, -2, -2, 0: mean -1, and [1, 3) is -2 below it with f = 1/2."""
    u, v, n = [0.0, -2, -2, 0], [1.0] * 4, [100.0] * 4
    found = search.scan(u, v, n, LOWERS, Limits(max_bins=4))
    penalty = math.sqrt(2 * math.log(4 * math.e))
    assert found is not None and found.windows == [(1, 3)]
    assert found.score == pytest.approx(2 / math.sqrt(2 * 0.5) - penalty)
    # Three bins are as surprising as the one that is left: G is that of the complement, with the other sign.
    assert search.penalised(u, v, 0, 1, RAISES) == pytest.approx(search.penalised(u, v, 1, 4, LOWERS))
    opposite = search.scan(u, v, n, RAISES, Limits(min_bins=1, max_bins=4))
    assert opposite is not None and opposite.windows == [(0, 1), (3, 4)]
    either = search.scan(u, v, n, BOTH, Limits(max_bins=4))
    assert either == found


def test_an_equal_effect_everywhere_is_no_window() -> None:
    v = [1.0, 2, 1, 3, 1]
    found = search.scan([-0.7 * x for x in v], v, [60] * 5, LOWERS)
    assert found is not None and found.score < 0


def test_limits_of_a_window() -> None:
    """At most six bins of ten; at least two, and at least fifty treated."""
    limits, n = Limits(), [10.0] * 10
    assert limits.allow(0, 6, n) and not limits.allow(0, 7, n)
    assert limits.allow(0, 5, n) and not limits.allow(0, 4, n)
    assert not limits.allow(3, 4, [100.0] * 10)
    assert search.scan([0.0] * 4, [1.0] * 4, [1.0] * 4, LOWERS) is None


def test_bins_without_information_make_ties() -> None:
    u, v = [0.0, 0, -3, -3, 0, 0], [1.0, 0, 1, 1, 1, 1]
    found = search.scan(u, v, [100] * 6, LOWERS, Limits(max_bins=6))
    assert found is not None and found.windows == [(1, 4), (2, 4)]


def test_a_second_window_beside_the_first() -> None:
    u = [0.0, -6, -6, 0, 0, -4, -4, 0, 0, 0]
    v, n = [1.0] * 10, [50.0] * 10
    first = search.scan(u, v, n, LOWERS)
    assert first is not None and first.windows[0] == (1, 3)
    second = search.second(u, v, n, first.windows[0], LOWERS)
    assert second is not None and second.windows == [(5, 7)]
    # The mean is that of the eight bins that are left: -1; the pair is -6 below it with f = 1/4.
    assert second.score == pytest.approx(6 / math.sqrt(2 * 0.75) - math.sqrt(2 * math.log(math.e * 16 / 3)))


def test_p_of_the_scan() -> None:
    u, v, n = [0.0, -9, -9, 0, 0], [1.0] * 5, [50.0] * 5
    draws = [[0.0, -9, -9, 0, 0], [0.0] * 5, [0.1, -0.1, 0.2, 0, 0]]
    assert search.scan_p(u, v, n, LOWERS, draws) == 2 / 4


def test_iou() -> None:
    assert search.iou((19, 37), (19, 37)) == 1
    assert search.iou((19, 37), (37, 50)) == 0
    assert search.iou((0, 10), (5, 20)) == 5 / 20


def test_the_naive_comparison_by_hand() -> None:
    """Treated in bin 1 and gone later, treated in bin 1 and there, two never treated in time of whom one is gone."""
    where = setting(
        [
            *(("a", 0, "buy"), ("a", 12, "call"), ("a", 90, "cancel")),
            *(("b", 0, "buy"), ("b", 19, "call"), ("b", 100, "cancel")),
            *(("c", 0, "buy"), ("c", 1, "cancel"), ("c", 30, "call")),
            ("d", 0, "buy"),
        ]
    )
    kept, _ = instances(where)
    found = search.naive(where, kept, naive_values(where, kept))
    assert found == search.Naive([0, 2, 0], [0.0, 1.0, 0.0], 2, 1.0)
    assert found.difference(1, 2) == 0


def test_the_naive_scan_takes_the_largest_z() -> None:
    found = search.Naive([100, 100, 100, 100, 100], [50, 50, 30, 30, 50], 1000, 500)
    assert search.naive_scan(found, LOWERS) == (2, 4)
    assert found.z(2, 4) == pytest.approx(-0.2 / math.sqrt(0.46666667 * 0.53333333 * (1 / 200 + 1 / 1000)))


# --- numbers beside the effect ----------------------------------------------------------------------------------------


def test_e_value_as_published() -> None:
    """VanderWeele & Ding (2017): a risk ratio of 3.9 (1.8 to 8.7) has E-values of 7.26 and 3.0."""
    assert effects.e_value(3.9) == pytest.approx(7.26, abs=0.005)
    assert effects.e_value_of_interval(1.8, 8.7) == pytest.approx(3.0)
    assert effects.e_value(0.5) == pytest.approx(effects.e_value(2)) == pytest.approx(2 + math.sqrt(2))
    assert effects.e_value_of_interval(0.8, 1.1) == 1
    assert effects.e_value_of_interval(0.3, 0.5) == pytest.approx(effects.e_value(0.5))


def test_n_per_arm() -> None:
    assert effects.n_per_arm(0.5, 0.1) == pytest.approx(392)


@pytest.mark.parametrize("seed", range(5))
def test_holm_against_statsmodels(seed: int) -> None:
    rng = random.Random(seed)
    p = [rng.random() ** 3 for _ in range(12)]
    assert effects.holm(p) == pytest.approx(multipletests(p, method="holm")[1].tolist())
