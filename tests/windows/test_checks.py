"""Balance, placebo, clock, co-interventions and figures beside an effect, against plain recomputations."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import t as student

from seqmine.windows import checks
from seqmine.windows.analysis import per_arm
from seqmine.windows.effects import Estimate, Judge, e_value
from seqmine.windows.findings import e_of_interval
from seqmine.windows.models import fit_model, link_of
from seqmine.windows.placebos import Placebo, placebo_test
from seqmine.windows.streams import read_selector, stream_of

from .reference import effects
from .reference.trials import by_entity
from .small_logs import BEGIN, DAY, HOUR, Fitted, fitted, made_case
from .test_against_oracle import between

Bool = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@pytest.fixture(scope="module", params=["first", "all"])
def made(request: pytest.FixtureRequest) -> Fitted:
    minutes = (0,) if request.param == "first" else (0, 17, 40)
    return fitted(made_case("count(x) >= 2 within 2d", 1, repeats=request.param, minutes=minutes))


def trials(made: Fitted, judge: Judge, bins: Bool) -> tuple[npt.NDArray[np.int64], Floats]:
    """Instance, bin and z of the trials that estimate the effect in some bins, (3, n), and their weights."""
    pair, cells = made.pair, judge.cells
    stratum, _ = made.given()
    found, weights = [], []
    for row in made.rows:
        s = stratum[row.instance, row.k]
        if judge.chosen[row.instance] and bins[row.k] and cells.kept[s, row.k] and cells.n1[s, row.k]:
            found.append((row.instance, row.k, row.z))
            weights.append(1.0 if row.z else cells.n1[s, row.k] / cells.n0[s, row.k])
    assert pair.n_bins == len(bins)
    return np.array(found).T, np.array(weights)


def when(made: Fitted, instance: npt.NDArray[np.int64], k: npt.NDArray[np.int64], z: npt.NDArray[np.int64]) -> Floats:
    """Controls are looked at at one place of a bin, the treated when they are treated."""
    pair, rows = made.pair, made.pair.design.rows
    return np.where(
        z == 1,
        rows.time[instance] + pair.design.delay[instance],
        rows.time[instance] + k * pair.width + made.look,
    )


def test_balance_is_that_of_the_trials(made: Fitted) -> None:
    pair = made.pair
    judge, bins = pair.judge(pair.estimation), between(0, 24, pair.n_bins)
    (instance, k, z), weight = trials(made, judge, bins)
    time = when(made, instance, k, z)
    order = np.lexsort((time, instance))
    instance, z, weight, time = instance[order], z[order], weight[order], time[order]
    columns = np.concatenate([pair.knowledge.at(instance, time), pair.knowledge.static[instance]], axis=1)
    means, variances = [], []
    for arm in (1, 0):
        own = weight[z == arm]
        mean = np.average(columns[z == arm], axis=0, weights=own)
        means.append(mean)
        variances.append(np.average((columns[z == arm] - mean) ** 2, axis=0, weights=own))
    spread = np.sqrt((variances[0] + variances[1]) / 2)
    difference = np.where(spread > 1e-6, (means[0] - means[1]) / np.where(spread > 1e-6, spread, 1.0), 0.0)
    difference[[column.group == "delay" for column in pair.knowledge.columns]] = 0.0
    worst = int(np.argmax(np.abs(difference)))
    found = checks.balance_of(pair, judge, bins)
    assert found is not None
    assert found.name == pair.knowledge.columns[worst].name
    assert found.difference == pytest.approx(difference[worst], rel=1e-5)
    entity = pair.design.rows.entity[instance]
    size = 0.0
    for arm in (1, 0):
        of_entity = np.bincount(entity[z == arm], weight[z == arm])
        size += (of_entity**2).sum() / of_entity.sum() ** 2
    n = np.count_nonzero(spread > 1e-6)
    assert found.chance == pytest.approx(effects.NORMAL.inv_cdf(1 - 0.025 / n) * math.sqrt(size), rel=1e-6)


def test_a_placebo_is_estimated_as_the_outcome_would_be(made: Fitted) -> None:
    pair = made.pair
    rng = np.random.default_rng(1)
    values = [(rng.random(len(pair.design.rows)) < 0.4).astype(float), rng.integers(0, 5, len(pair.design.rows)) * 0.75]
    rows = pair.estimation
    stratum, _ = made.given()
    found = []
    for value in values:
        model = fit_model(
            pair.x,
            pair.knowledge.static[pair.points.row],
            value[pair.points.row],
            link=link_of(value[pair.points.row], binary=set(value) == {0.0, 1.0}),
        )
        instance, k, z = np.array([(row.instance, row.k, row.z) for row in made.rows]).T
        time = when(made, instance, k, z)
        order = np.lexsort((time, instance))
        score = model.scores(
            pair.knowledge.at(instance[order], time[order]), instance[order], model.of_rows(pair.knowledge.static)
        )
        m = dict(zip(zip(instance[order], k[order], strict=True), model.expected(score), strict=True))
        mine = [row for row in made.rows if rows[row.instance]]
        frame = effects.frame(
            mine, lambda i, k: stratum[i, k], lambda i, k, m=m: m[i, k], lambda i, k, value=value: value[i]
        )
        table = effects.cells(frame)
        n1, n0 = (table.groupby("k")[name].transform("sum") for name in ("n1", "n0"))
        table["kept"] &= ~(n1 > 0.9 * (n1 + n0))
        theta = effects.effect(effects.bins(table, pair.n_bins), range(pair.n_bins)).theta
        se = effects.errors(frame, table, 0, pair.n_bins).by_entity
        kept = frame.join(table["kept"], on=["k", "s"])
        people = kept[(kept["z"] == 1) & kept["kept"]]["entity"].nunique()
        found.append(2 * student(people - 1).cdf(-abs(theta / se)))
        alone = placebo_test(pair, [Placebo("one", value)], rows)
        assert alone == ("one", pytest.approx(found[-1], rel=1e-3, abs=1e-5))  # predictions are rounded to the scale
    names = ["yes or no", "number", "constant"]
    tried = [Placebo(name, value) for name, value in zip(names, [*values, np.ones(len(rows))], strict=True)]
    worst = int(np.argmin(found))
    assert placebo_test(pair, tried, rows) == (
        names[worst], pytest.approx(min(1.0, 2 * found[worst]), rel=1e-3, abs=1e-5),
    )  # fmt: skip
    assert placebo_test(pair, tried[2:], rows) is None


def test_the_clock_is_compared_within_equal_hours(made: Fitted) -> None:
    pair = made.pair
    judge = pair.judge(pair.estimation)
    inside, outside = between(0, 12, pair.n_bins), between(12, 56, pair.n_bins)
    groups: dict[tuple[int, bool], tuple[list[float], list[float]]] = {}
    n_inside = 0
    for number, bins in enumerate((inside, outside)):
        at, k, s, residual = judge.treated_in(bins)
        for j, beyond in zip(at, residual - judge.cells.mean[s, k], strict=True):
            hour = (int(pair.action_time[j]) - BEGIN) // HOUR  # from a Monday's midnight on
            block = (hour % 24 // 4, hour // 24 % 7 >= 5)
            groups.setdefault(block, ([], []))[number].append(float(beyond))
            n_inside += number == 0
    used = [(np.array(one), np.array(two)) for one, two in groups.values() if min(len(one), len(two)) >= 5]
    assert used
    weight = np.array([len(one) * len(two) / (len(one) + len(two)) for one, two in used])
    difference = np.array([one.mean() - two.mean() for one, two in used])
    variance = np.array([one.var() / len(one) + two.var() / len(two) for one, two in used])
    delta = np.average(difference, weights=weight)
    se = math.sqrt((weight**2 * variance).sum()) / weight.sum()
    share = sum(len(one) for one, _ in used) / n_inside
    expected = (delta, 2 * effects.NORMAL.cdf(-abs(delta / se)), share)
    assert checks.clock_contrast(pair, judge, inside, outside) == pytest.approx(expected)


def test_another_action_is_counted_near_the_treated_and_near_their_controls(made: Fitted) -> None:
    pair = made.pair
    judge, bins = pair.judge(pair.estimation), between(0, 24, pair.n_bins)
    own, names = by_entity(made.case.events), pair.log.entities.to_pylist()
    (instance, k, z), weight = trials(made, judge, bins)
    time = when(made, instance, k, z)
    excess = {}
    for kind in ("mail", "risk"):
        times = {name: [e.time for e in mine if e.event == kind] for name, mine in own.items()}
        near = np.array(
            [
                any(abs(t - at) <= DAY for t in times[names[pair.design.rows.entity[i]]])
                for i, at in zip(instance, time.tolist(), strict=True)
            ]
        )
        treated, controls = (np.average(near[z == arm], weights=weight[z == arm]) for arm in (1, 0))
        excess[kind] = treated - controls
    others = [(kind, stream_of(pair.log, read_selector(kind), threads=1)) for kind in excess]
    name = max(excess, key=lambda kind: excess[kind])
    assert checks.co_intervention_of(pair, judge, bins, others) == (name, pytest.approx(excess[name]))
    assert checks.co_intervention_of(pair, judge, bins, []) is None


def test_figures_beside_an_effect() -> None:
    for rr in (0.2, 0.83, 1.0, 1.3, 3.9):
        assert e_value(rr) == pytest.approx(effects.e_value(rr))
        assert e_value(rr) == pytest.approx(e_value(1 / rr))
    assert math.isnan(e_value(0.0)) and math.isnan(e_value(math.nan))
    for effect, se in ((-0.1, 0.01), (0.1, 0.01), (0.02, 0.03)):
        estimate = Estimate(500, 150.0 + 500 * effect, 150.0, effect, se, 0)
        _, low, high = estimate.ratio
        assert e_of_interval(estimate) == pytest.approx(effects.e_value_of_interval(low, high))
    assert math.isnan(e_of_interval(Estimate(5, 0.0, 1.0, -0.2, 0.1, 0)))
    for rate, change in ((0.5, 0.1), (0.03, 0.02), (0.9, 0.18)):
        assert per_arm(rate, change) == math.ceil(effects.n_per_arm(rate, change))


@pytest.mark.parametrize("unit", [2.0**-30, 2.0**30])
def test_a_placebo_of_any_size_is_not_rounded_away_and_does_not_overflow(made: Fitted, unit: float) -> None:
    """Its numbers have their own scale, not that of the outcome."""
    pair = made.pair
    value = np.random.default_rng(2).integers(0, 9, len(pair.design.rows)) * 0.75
    plain, other = (placebo_test(pair, [Placebo("one", value * by)], pair.estimation) for by in (1.0, unit))
    assert plain is not None and other is not None
    assert other[1] == pytest.approx(plain[1], rel=1e-6)
