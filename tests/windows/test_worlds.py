"""The made worlds of windows hold what they say: rates, clocks, tables, and above all their truth."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc
import pytest

from . import worlds
from .reference import effects, search
from .reference.made import setting_of
from .reference.trials import expand, instances, naive_values
from .worlds import NEVER, Floats, World, world

N_STRATA = 20


def counts(made: World, *, clock: bool = False, complaint: bool = True) -> Floats:
    """U, V and treated, by bin (3 x bins), from the true risk and whether there was a complaint: no log, no model.

    `clock` adds the evening of the moment to the strata; without `complaint` they know nothing after the moment.
    """
    latent, recipe, width = made.latent, made.recipe, made.recipe.bin_hours
    risk = 0.5 * latent.score - 0.6 * (latent.plus - 0.5)
    rank = np.searchsorted(np.quantile(risk, np.arange(1, N_STRATA) / N_STRATA), risk)
    evening = clock & ((latent.t0 - worlds.BEGIN) // worlds.HOUR % 24 >= 17)
    called = np.where(latent.action < latent.churn, latent.action, NEVER)
    n_bins = round(recipe.max_delay / width)
    found = np.zeros((3, n_bins))
    for k in range(n_bins):
        tau = (k + 1) * width
        row = np.flatnonzero((called >= k * width) & (latent.churn >= tau))
        stratum = (rank * 4 + 2 * evening + (complaint & (latent.complaint < k * width)))[row]
        z, y = called[row] < tau, 1.0 * (latent.churn[row] < tau + recipe.follow_up_days * 24)
        size = 4 * N_STRATA
        n1, y1 = np.bincount(stratum[z], minlength=size), np.bincount(stratum[z], y[z], size)
        n0, y0 = np.bincount(stratum[~z], minlength=size), np.bincount(stratum[~z], y[~z], size)
        kept = (n0 >= 5) & (n1 > 0)
        n1, y1, n0, mean = n1[kept], y1[kept], n0[kept], y0[kept] / n0[kept]
        variance = mean * (1 - mean) * n0 / (n0 - 1)
        found[:, k] = (y1 - n1 * mean).sum(), (n1 * variance * (1 + n1 / n0)).sum(), n1.sum()
    return found


def errors(made: World, windows: list[tuple[float, float]], **strata: bool) -> list[float]:
    """Estimate less truth, in standard errors, window by window (hours)."""
    u, v, n = counts(made, **strata)
    found = []
    for lo, hi in windows:
        k = slice(round(lo / made.recipe.bin_hours), round(hi / made.recipe.bin_hours))
        theta, se = u[k].sum() / n[k].sum(), np.sqrt(v[k].sum()) / n[k].sum()
        found.append((theta - made.truth.att(lo, hi)) / se)
    return found


# --- clocks -----------------------------------------------------------------------------------------------------------


def test_bent_hazards_are_integrals_and_have_inverses() -> None:
    rng = np.random.default_rng(1)
    one, two = rng.random(200) * 10, rng.random(200) * 10
    by_one, by_two, now = rng.normal(size=200), rng.normal(size=200), rng.random(200) * 12
    grid = (np.arange(20_000) + 0.5)[:, None] / 20_000 * now
    rate = np.exp(by_one * (grid > one) + by_two * (grid > two))
    total = worlds.bent(now, one, by_one, two, by_two)
    assert np.allclose(total, rate.mean(axis=0) * now, atol=2e-3)
    assert np.allclose(worlds.unbent(total, one, by_one, two, by_two), now)
    for immortal in (True, False):
        delay = rng.random(200) * 800
        assert np.allclose(worlds.base(worlds.base(delay, immortal), immortal, back=True), delay)


def test_a_week_has_as_many_hours_of_work_as_of_the_clock() -> None:
    now = np.random.default_rng(2).random(500) * 3000
    assert np.allclose(worlds.weekly(worlds.weekly(now, True), True, back=True), now)
    assert worlds.weekly(np.array([168.0, 1680.0]), True) == pytest.approx([168, 1680])
    by_hour = np.diff(worlds.weekly(np.arange(169.0), True))
    assert by_hour[9] == pytest.approx(by_hour[9 + 4 * 24 + 7]) and by_hour[9] > 30 * by_hour[[8, 17, 5 * 24 + 9]].max()


def test_who_leaves_does_so_when_the_hazard_is_spent() -> None:
    maker = worlds.Maker(2000, 3, worlds.Recipe())
    everybody = np.flatnonzero(maker.churn < NEVER)
    spent = maker.spent(everybody, maker.churn[everybody], maker.action[everybody], maker.sms[everybody])
    assert np.allclose(spent / maker.churn_rate[everybody], maker.clock[everybody])


@pytest.mark.parametrize(
    "recipe", [{}, {"office_hours": True}, {"randomised": "arm"}, {"randomised": "delay"}], ids=str
)
@pytest.mark.parametrize("since", [5.0, 60.0])
def test_calls_drawn_anew_are_like_those_of_whoever_was_not_called_yet(recipe: dict[str, object], since: float) -> None:
    """Both by risk: the later calls of the world itself, and those that usual care would make from there on."""
    maker = worlds.Maker(60_000, 14, worlds.Recipe(**recipe))  # type: ignore[arg-type]
    waiting = np.flatnonzero(maker.action >= since)
    anew = maker.usual_call(waiting, np.full(len(waiting), since))
    for chosen in (maker.call_rate[waiting] < 0.0046, maker.complaint[waiting] < since):
        for until in (since + 12, since + 48, NEVER):
            difference = 1.0 * (maker.action[waiting][chosen] < until) - (anew[chosen] < until)
            assert abs(difference.mean()) <= 4 * difference.std() / np.sqrt(len(difference))


# --- the truth --------------------------------------------------------------------------------------------------------


def test_the_headline_world() -> None:
    """Half leave within a week, fewer than half are called in it, one in twelve in the window, 12 points less leave."""
    made = world(50_000, 1)
    latent, truth = made.latent, made.truth
    called = latent.action < latent.churn
    inside = called & (latent.action >= 19) & (latent.action < 37)
    assert np.mean(latent.churn < 168) == pytest.approx(0.49, abs=0.01)
    assert np.mean(called & (latent.action < 168)) == pytest.approx(0.455, abs=0.01)
    assert np.mean(inside) == pytest.approx(0.08, abs=0.005)
    assert truth.att(19, 37) == pytest.approx(-0.122, abs=0.004)
    assert truth.att_se(19, 37) < 0.001
    assert truth.att(0, 19) > 0.01, "to be called before the good window uses up the one call"
    assert truth.att(37, 168) == 0


@pytest.mark.parametrize("recipe", [{}, {"hidden": 0.5}, {"office_hours": True}, {"randomised": "arm"}])
def test_without_an_effect_both_worlds_are_one(recipe: dict[str, object]) -> None:
    truth = world(5_000, 2, effect="none", **recipe).truth
    assert len(truth.delay) > 500
    assert np.array_equal(truth.treated, truth.usual) and np.array_equal(truth.treated, truth.none)
    assert np.array_equal(truth.left, truth.left_usual)


@pytest.mark.parametrize("effect", ["step", "constant", "two", "reversal", "harm", "bump"])
def test_chances_agree_with_what_happened_on_the_clocks(effect: str) -> None:
    truth = world(50_000, 4, effect=effect).truth
    for realised, chance in ((truth.left, truth.treated), (truth.left_usual, truth.usual)):
        assert abs(np.mean(realised - chance)) < 4 * np.std(realised - chance) / np.sqrt(len(chance))
    paired = (1.0 * truth.left - truth.left_usual)[truth.inside(19, 37)]
    assert abs(paired.mean() - truth.att(19, 37)) < 4 * paired.std() / np.sqrt(len(paired))


def test_signs_of_the_effects() -> None:
    def att(lo: float, hi: float, effect: str) -> float:
        return world(20_000, 5, effect=effect).truth.att(lo, hi)

    assert att(19, 37, "harm") > 0.08
    assert att(80, 104, "two") < -0.08 and abs(att(104, 168, "two")) < 1e-12
    assert att(19, 37, "reversal") < -0.08 and att(37, 168, "reversal") > 0.01
    assert att(0, 19, "constant") == pytest.approx(att(37, 168, "constant"), abs=0.01)
    assert att(24, 32, "bump") < att(37, 46, "bump") < -0.02


def test_only_one_channel_and_only_one_segment_have_the_effect() -> None:
    by_channel, by_plan = world(20_000, 6, variants=True).truth, world(20_000, 6, segments=True).truth
    assert by_channel.att(19, 37, sms=True) < -0.08 < 0 < by_channel.att(19, 37, sms=False) < 0.02
    assert by_plan.att(19, 37, plus=True) < -0.08 and by_plan.att(19, 37, plus=False) == 0
    n = by_channel.n_treated(19, 37)
    assert n == by_channel.n_treated(19, 37, sms=True) + by_channel.n_treated(19, 37, sms=False)


# The truth comes from worlds that are never seen, the estimate from the one that is: they share no number.
@pytest.mark.statistics
@pytest.mark.parametrize(
    ("recipe", "clock"),
    [
        ({}, False),
        ({"effect": "none"}, False),
        ({"effect": "constant"}, False),
        ({"effect": "reversal"}, False),
        ({"effect": "harm"}, False),
        ({"immortal": False}, False),
        ({"randomised": "arm"}, False),
        ({"randomised": "delay"}, False),
        ({"effect": "none", "office_hours": True}, True),
    ],
    ids=str,
)
def test_an_estimate_with_the_true_strata_finds_the_truth(recipe: dict[str, object], clock: bool) -> None:
    """Of ten worlds, errors in standard errors: mean 0 within 3.5 / sqrt(10), and no run beyond 4.5."""
    windows = [(0, 18), (18, 39), (39, 168)]
    found = [
        errors(world(20_000, seed, bin_hours=3, background=0, **recipe), windows, clock=clock) for seed in range(10)
    ]
    assert np.abs(np.mean(found, axis=0)).max() < 3.5 / np.sqrt(10)
    assert np.abs(found).max() < 4.5


@pytest.mark.statistics
def test_what_is_left_out_biases_the_estimate() -> None:
    """So that the worlds do hold the traps: complaints, a hidden trait, the clock of office hours."""

    def mean(
        n: int, window: tuple[float, float], *, hidden: float = 0, office_hours: bool = False, **strata: bool
    ) -> float:
        recipe = {"effect": "none", "background": 0, "hidden": hidden, "office_hours": office_hours}
        return float(np.mean([errors(world(n, seed, **recipe), [window], **strata) for seed in range(10)]))

    assert mean(20_000, (39, 168), complaint=False) > 3
    assert mean(20_000, (0, 168), hidden=0.5) > 5
    assert mean(50_000, (19, 37), office_hours=True) < -1.5


# --- the tables -------------------------------------------------------------------------------------------------------


def test_the_same_arguments_make_the_same_bytes() -> None:
    one, two, other = world(500, 7), world(500, 7), world(500, 8)
    assert one.events.equals(two.events) and one.outcomes.equals(two.outcomes)
    assert np.array_equal(one.truth.usual, two.truth.usual)
    assert not one.events.equals(other.events)


def test_the_tables_tell_the_truth_by_the_oracle() -> None:
    """Rows by brute force from the tables alone: those treated in a bin and still there are those of the truth."""
    made = world(1_200, 9, bin_hours=6, background=4)
    where = setting_of(made)
    kept, excluded = instances(where)
    rows = expand(where, kept)
    assert len(kept) == 1_200 and excluded == {}
    treated = [row for row in rows if row.z]
    assert np.bincount([row.k for row in treated], minlength=28).tolist() == made.truth.curve()[0].tolist()
    assert sum(row.y for row in treated) == made.truth.left.sum()
    # And the oracle's sums are those of the vectorised estimate above, with the same strata.
    latent = made.latent
    risk = 0.5 * latent.score - 0.6 * (latent.plus - 0.5)
    rank = np.searchsorted(np.quantile(risk, np.arange(1, N_STRATA) / N_STRATA), risk)
    table = effects.cells(
        effects.frame(rows, lambda i, k: 4 * rank[i] + (latent.complaint[i] < 6 * k), lambda i, k: 0.0)
    )
    assert np.allclose(effects.bins(table, 28)[["U", "V", "n"]].to_numpy().T, counts(made))


def test_the_naive_comparison_is_wrong_here() -> None:
    """Whoever was called late had lived to be called: it finds a large effect where there is none at all."""
    made = world(4_000, 10, bin_hours=3, background=0)
    where = setting_of(made)
    kept, _ = instances(where)
    table = search.naive(where, kept, naive_values(where, kept))
    lo, hi = search.naive_scan(table, search.LOWERS)
    assert search.iou((3 * lo, 3 * hi), (19, 37)) <= 0.1
    assert table.difference(lo, hi) < -0.15 and made.truth.att(3 * lo, 3 * hi) == 0


def test_what_the_log_shows() -> None:
    made = world(3_000, 11, inbound=True, co_intervention=0.4, cancel_events=True, hidden=0.0)
    count = {one["values"]: one["counts"] for one in pc.value_counts(made.events.column("event")).to_pylist()}
    latent = made.latent
    assert count["plan_plus"] + count["plan_basic"] == count["score"] == count[worlds.MOMENT] == 3_000
    assert count[worlds.ACTION] == np.sum(latent.action < latent.churn)
    assert count["gift"] / count[worlds.ACTION] == pytest.approx(0.4, abs=0.05)
    assert count[worlds.INBOUND] / count[worlds.ACTION] == pytest.approx(1, abs=0.1)
    assert count[worlds.COMPLAINT] > 300 and count["login"] > count["page_view"] > 3_000
    assert made.outcomes.num_rows == 3_000 and count[worlds.CANCEL] == pc.sum(made.outcomes.column("label")).as_py()
    assert worlds.COMPLAINT not in world(300, 11, complaint_visible=False).events.column("event").to_pylist()
    issues = made.events.filter(pc.equal(made.events.column("event"), worlds.OLD_ISSUE)).column("entity").to_pylist()
    had = np.isin(np.arange(3_000), [int(name[1:]) for name in issues])
    assert had[latent.trait].mean() == pytest.approx(0.55, abs=0.05)
    assert had[~latent.trait].mean() == pytest.approx(0.15, abs=0.05)


def test_an_automation_calls_everybody_at_the_same_delay() -> None:
    made = world(2_000, 12, automation=24)
    where = setting_of(made)
    kept, _ = instances(where)
    assert {one.delay for one in kept} == {24 * worlds.HOUR, None}
    rows = expand(where, kept)
    assert {row.z for row in rows if row.k == 24} == {1}
    assert made.truth.att(24, 25) < -0.05
    assert np.array_equal(made.truth.usual, made.truth.none), "who is left out is not called again"


@pytest.mark.parametrize("kind", ["arm", "delay", "probability"])
def test_what_was_randomised_is_told_at_the_moment(kind: str) -> None:
    made = world(4_000, 13, randomised=kind, bin_hours=0.5, effect="constant")
    moments = made.events.filter(pc.equal(made.events.column("event"), worlds.MOMENT)).column(kind).to_numpy()
    latent, treated = made.latent, made.latent.action < NEVER
    if kind == "arm":
        assert np.array_equal(moments == "call", treated) and treated.mean() == pytest.approx(0.5, abs=0.03)
    if kind == "delay":
        assert treated.all() and np.allclose(moments, latent.action * 3600)
    if kind == "probability":
        assert latent.action[treated].max() < 0.5 and np.array_equal(made.truth.usual, made.truth.none)
        for lo, hi in ((0.2, 0.5), (0.5, 0.8)):
            chosen = (moments >= lo) & (moments < hi)
            assert treated[chosen].mean() == pytest.approx(moments[chosen].mean(), abs=0.04)
