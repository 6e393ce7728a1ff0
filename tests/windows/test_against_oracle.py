"""Cells, effects and errors of pairs against the oracle, which is given the pair's own strata and prognoses."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy.stats import t as student
from statsmodels.regression.linear_model import WLS

from seqmine.windows.effects import Judge, two_sided
from seqmine.windows.models import fit_model
from seqmine.windows.naive import _largest_z, naive_comparison

from .reference import effects, search
from .reference.trials import naive_values
from .small_logs import OUTCOMES, Fitted, fitted, made_case

_KNOWN: dict[tuple[str, str], Fitted] = {}
PAIRS = [(text, repeats) for text in OUTCOMES for repeats in ("first", "all")]
WINDOWS = ((0, 56), (4, 19), (6, 12), (20, 56))


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{pair[0]}, {pair[1]}")
def made(request: pytest.FixtureRequest) -> Fitted:
    text, repeats = request.param
    if (text, repeats) not in _KNOWN:
        minutes = (0,) if repeats == "first" else (0, 17, 40)
        _KNOWN[text, repeats] = fitted(made_case(text, 1, repeats=repeats, minutes=minutes))
    return _KNOWN[text, repeats]


def halves(made: Fitted) -> list[tuple[npt.NDArray[np.bool_], Judge]]:
    pair = made.pair
    return [(rows, pair.judge(rows)) for rows in (pair.discovery, pair.estimation)]


def frame_of(made: Fitted, rows: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """The trials of some instances, with the strata and prognoses of the pair."""
    stratum, expected = made.given()
    mine = [row for row in made.rows if rows[row.instance]]
    return effects.frame(mine, lambda i, k: stratum[i, k], lambda i, k: expected[i, k])


def table_of(frame: pd.DataFrame) -> pd.DataFrame:
    """The oracle's cells; bins in which more than 0.9 of those at risk are treated are left out, too."""
    table = effects.cells(frame)
    n1, n0 = (table.groupby("k")[name].transform("sum") for name in ("n1", "n0"))
    table["kept"] &= ~(n1 > 0.9 * (n1 + n0))
    return table


def curve_of(table: pd.DataFrame, n_bins: int) -> pd.DataFrame:
    # The oracle divides by n0 - 1 in cells that it keeps only.
    return effects.bins(table, n_bins)


def centred_error(frame: pd.DataFrame, table: pd.DataFrame, lo: int, hi: int) -> float:
    """The clustered sandwich of statsmodels, of residuals less the mean of the cell's controls.

    With a dummy for each cell the coefficient is the same, but dummies are fitted to the treated, too: where a cell has
    one treated row they take half of its residual, and the sandwich of that regression is too small by as much.
    """
    inside = frame[(frame["k"] >= lo) & (frame["k"] < hi)].join(table[["n1", "n0", "r0", "kept"]], on=["k", "s"])
    inside = inside[inside["kept"] & (inside["n1"] > 0)]
    over = (inside["r"] - inside["r0"] / inside["n0"]).to_numpy()
    weight = np.where(inside["z"] == 1, 1.0, inside["n1"] / inside["n0"])
    model = WLS(over, np.column_stack([inside["z"], np.ones(len(inside))]), weights=weight)
    groups = pd.factorize(inside["entity"])[0]
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False})
    return float(fit.bse[0])


def between(lo: int, hi: int, n_bins: int) -> npt.NDArray[np.bool_]:
    k = np.arange(n_bins)
    return (k >= lo) & (k < hi)


def test_moments_are_the_oracles(made: Fitted) -> None:
    rows = made.pair.design.rows
    names = made.pair.log.entities.to_pylist()
    assert [(names[e], t) for e, t in zip(rows.entity, rows.time, strict=True)] == [(o.entity, o.t0) for o in made.kept]
    assert len(set(rows.half.tolist())) == 2
    assert len(made.pair.arms.treated) > 100


def test_every_trial_has_a_stratum_and_no_other_row_is_counted(made: Fitted) -> None:
    stratum, _ = made.given()
    assert all(stratum[row.instance, row.k] >= 0 for row in made.rows)
    for rows, judge in halves(made):
        counted = judge.tables.treated[:, :, 0].sum() + judge.tables.control[:, :, 0].sum()
        assert counted == sum(bool(rows[row.instance]) for row in made.rows)


def test_strata_and_prognoses_are_those_of_every_single_bin(made: Fitted) -> None:
    """Scored anew in each bin (at its beginning in a log of full hours), and at each action; by a model that has not
    seen the row's outcome."""
    pair = made.pair
    assert made.look == (0 if made.case.repeats == "first" else pair.width // 2)
    for m in range(3):
        seen = np.ones(len(pair.points.row), np.bool_) if m == 2 else pair.design.rows.fold[pair.points.row] != m
        assert pair.discovery[pair.points.row].all()
        points = pair.points.row[seen]
        again = fit_model(pair.x[seen], pair.knowledge.static[points], pair.points.y[seen], link=pair.link)
        assert pair.models[m].outcome.slope == pytest.approx(again.slope)
    n = len(pair.design.rows)
    expected_of = np.where(pair.discovery, pair.design.rows.fold, 2)
    row, k = np.repeat(np.arange(n), pair.n_bins), np.tile(np.arange(pair.n_bins), n)
    used = (k < pair.arms.stop[row]) & np.isin(k, pair.arms.bins)  # controls count nowhere else
    row, k = row[used], k[used]
    looks = pair.design.rows.time[row] + k * pair.width + made.look
    stratum, expected = made.given()
    places = ((row, k, looks), (pair.arms.treated, pair.arms.bins, pair.action_time))
    for rows, bins, time in places:
        x = pair.knowledge.at(rows, time)
        for m, model in enumerate(pair.models):
            mine = np.flatnonzero(expected_of[rows] == m)
            static, treatment = pair.knowledge.static, model.treatment
            assert treatment is not None
            of_outcome = model.outcome.of_rows(static)[rows[mine]] + x[mine].astype(float) @ model.outcome.slope
            of_treatment = treatment.of_rows(static)[rows[mine]] + x[mine].astype(float) @ treatment.slope
            code = (of_outcome[:, None] >= model.outcome_edges - 1e-9).sum(axis=1)
            other = (of_treatment[:, None] >= model.treatment_edges - 1e-9).sum(axis=1)
            found = stratum[rows[mine], bins[mine]]
            assert np.array_equal(found, code * (len(model.treatment_edges) + 1) + other)
            mean = {
                "logit": 1 / (1 + np.exp(-of_outcome)),
                "identity": of_outcome,
                "log": np.exp(np.minimum(of_outcome, model.outcome.highest)),
            }[pair.link]
            assert expected[rows[mine], bins[mine]] == pytest.approx(mean, abs=0.51 / pair.steps.scale)


def test_cells_are_equal(made: Fitted) -> None:
    """Numbers, outcomes and residuals are the same numbers: all are multiples of one over the scale."""
    scale = made.pair.steps.scale
    for rows, judge in halves(made):
        cells = effects.cells(frame_of(made, rows))
        expected = np.zeros((2, *judge.tables.control.shape))
        for (k, s), cell in cells.iterrows():
            for z in (0, 1):
                expected[z, s, k] = [cell[f"{name}{z}"] for name in ("n", "y", "r", "rr")]
        for z, found in ((0, judge.tables.control), (1, judge.tables.treated)):
            assert np.array_equal(found[:, :, 0], expected[z, :, :, 0])
            assert np.array_equal(found[:, :, 1] / scale, expected[z, :, :, 1])
            assert np.abs(found[:, :, 2] / scale - expected[z, :, :, 2]).max() <= 1e-9
            assert np.abs(found[:, :, 3] / scale**2 - expected[z, :, :, 3]).max() <= 1e-9


def test_curves_are_equal(made: Fitted) -> None:
    for rows, judge in halves(made):
        curve = judge.tables.curve(judge.cells)
        expected = curve_of(table_of(frame_of(made, rows)), made.pair.n_bins)
        columns = {
            "n": curve.n, "lost": curve.lost, "controls": curve.n_controls, "O": curve.observed,
            "E": curve.observed - curve.u, "U": curve.u, "V": curve.v,
        }  # fmt: skip
        for name, found in columns.items():
            if name == "controls":  # the oracle counts those of cells that are dropped, too
                continue
            assert found == pytest.approx(expected[name].to_numpy(), abs=1e-8), name


def test_effects_and_their_errors_are_those_of_a_weighted_regression(made: Fitted) -> None:
    n_bins = made.pair.n_bins
    for rows, judge in halves(made):
        frame = frame_of(made, rows)
        table = table_of(frame)
        curve = curve_of(table, n_bins)
        for lo, hi in WINDOWS:
            found = judge.estimate(between(lo, hi, n_bins))
            part = curve.iloc[lo:hi]
            assert found.n == part["n"].sum()
            assert found.lost == part["lost"].sum()
            if found.n == 0 and (lo, hi) != WINDOWS[0]:
                assert math.isnan(found.effect) and math.isnan(found.se)
                continue
            expected = effects.effect(curve, range(lo, hi))
            assert found.observed == pytest.approx(expected.observed, abs=1e-8)
            assert found.expected == pytest.approx(expected.expected, abs=1e-8)
            assert found.effect == pytest.approx(expected.theta, abs=1e-9)
            by_entity = effects.errors(frame, table, lo, hi).by_entity
            assert found.se == pytest.approx(by_entity, rel=1e-9)
            regression = effects.regress(frame, table, lo, hi)
            assert found.effect == pytest.approx(regression.theta, abs=1e-6)
            assert found.se == pytest.approx(centred_error(frame, table, lo, hi), rel=1e-9)
            kept = frame.join(table["kept"], on=["k", "s"])
            treated = kept[(kept["z"] == 1) & kept["k"].between(lo, hi - 1) & kept["kept"]]
            few = student(max(treated["entity"].nunique() - 1, 1))
            assert found.p == pytest.approx(2 * few.cdf(-abs(found.effect / found.se)), abs=1e-12)
            low, high = found.interval
            reach = few.ppf(0.975) * found.se
            assert (low, high) == pytest.approx((found.effect - reach, found.effect + reach))
            if found.observed > 0:
                rr, _, rr_high = found.ratio
                assert rr == pytest.approx(expected.rr)
                assert rr_high == pytest.approx(rr * math.exp(reach * found.n / found.observed))


def test_a_contrast_has_the_error_of_the_difference_of_two_regressions(made: Fitted) -> None:
    """Rows that serve as controls inside and outside are counted once: influences are added up before squaring."""
    n_bins = made.pair.n_bins
    rows, judge = halves(made)[1]
    frame = frame_of(made, rows)
    table = table_of(frame)
    total = pd.Series(0.0, index=sorted(set(frame["entity"])))
    delta = 0.0
    for sign, lo, hi in ((1, 8, 20), (-1, 20, 56)):
        inside = frame[(frame["k"] >= lo) & (frame["k"] < hi)].join(table[["n1", "n0", "r0", "kept"]], on=["k", "s"])
        inside = inside[inside["kept"]]
        over = inside["r"] - inside["r0"] / inside["n0"]
        z = inside["z"] == 1
        theta = over[z].mean()
        influence = np.where(z, over - theta, -over * inside["n1"] / inside["n0"]) / z.sum()
        total = total.add(sign * pd.Series(influence).groupby(inside["entity"].to_numpy()).sum(), fill_value=0.0)
        delta += sign * theta
    found = judge.contrast(between(8, 20, n_bins), between(20, 56, n_bins))
    assert found == pytest.approx((delta, math.sqrt((total**2).sum())), rel=1e-9)


def test_the_naive_curve_is_the_oracles(made: Fitted) -> None:
    """Outcomes of the follow-up of the moment itself. A state (silence) is asked of those who were not in it before."""
    pair, setting = made.pair, made.case.setting
    found = naive_comparison(pair, lowers=True, raises=True)
    kept, y = made.kept, naive_values(setting, made.kept)
    if made.case.outcome.kind == "no":
        times = {one.entity: [] for one in kept}
        for e in setting.events:
            if e.event == "x" and e.entity in times:
                times[e.entity].append(e.time)
        there = [any(one.t0 - setting.length <= t < one.t0 for t in times[one.entity]) for one in kept]
        kept, y = ([value for value, used in zip(values, there, strict=True) if used] for values in (kept, y))
    table = search.naive(setting, kept, y)
    expected = [table.difference(k, k + 1) if n else math.nan for k, n in enumerate(table.n)]
    assert found.effect == pytest.approx(expected, nan_ok=True)
    if found.lo >= 0:
        assert found.inside == pytest.approx(table.difference(found.lo, found.hi))


def test_the_naive_window_is_the_one_of_the_largest_z() -> None:
    """Drawn tables; the oracle tries every interval. Several may be as good."""
    rng = np.random.default_rng(5)
    for direction, lowers, raises in (
        (search.BOTH, True, True),
        (search.LOWERS, True, False),
        (search.RAISES, False, True),
    ):
        for _ in range(20):
            n = rng.integers(0, 60, 24)
            sums = rng.binomial(n, rng.uniform(0.1, 0.9, 24))
            never = (rng.random(300) < rng.uniform(0.2, 0.8)).astype(np.float64)
            table = search.Naive(n.tolist(), sums.tolist(), len(never), float(never.sum()))
            expected = search.naive_scan(table, direction)
            counts = (n.astype(np.float64), sums.astype(np.float64), sums.astype(np.float64))
            found = _largest_z(*counts, never, lowers=lowers, raises=raises)
            assert found is not None
            assert table.z(*found) == pytest.approx(table.z(*expected))


def test_p_of_nothing_is_nothing() -> None:
    assert math.isnan(two_sided(math.nan)) and two_sided(0.0) == 1.0
