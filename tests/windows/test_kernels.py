"""The kernels of windows, each against plain Python that looks at every event, bin and interval."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.discrete.discrete_model import Logit, Poisson
from statsmodels.regression.linear_model import OLS

import seqmine as sm
from seqmine.windows import scan
from seqmine.windows.knowledge import Column, Knowledge, Landmarks, choose_types
from seqmine.windows.models import Link, Model, fit_model, link_of
from seqmine.windows.moments import MomentRows
from seqmine.windows.streams import Stream, empty_stream, joined, read_selector, stream_of

from .reference import search
from .reference.search import BOTH, LOWERS, RAISES, Limits
from .reference.trials import Event, by_entity
from .small_logs import BEGIN, DAY, HIGHEST, HOUR, LOWEST, log_of

Floats = npt.NDArray[np.float64]

# --- what is known at a time ------------------------------------------------------------------------------------------

TYPES = ("act", "mail", "risk", "seen", "secret")
WATCHED = ("risk", "seen")
ACTION = "risk"


def busy_log(seed: int, *, unit: int = HOUR, begin: int = BEGIN) -> list[Event]:
    """Few distinct times around every moment, events a day, a week and 28 days apart to the microsecond."""
    rng = random.Random(seed)
    events = []
    for i in range(5):
        for _ in range(rng.randrange(3, 25)):
            day = rng.choice((0, 0, 1, 2, 7, 8, 27, 28, 29, 30))
            time = begin + day * 24 * unit + rng.choice((0, 0, 1, 5, 23)) * unit + rng.choice((0, 0, 0, 1))
            events.append(Event(f"e{i}", time, rng.choice(TYPES)))
        events.append(Event(f"e{i}", begin + rng.randrange(40 * 24) * unit, "m"))
    return events + events[:7] + [Event("z", begin, name) for name in TYPES]


def moments(log: sm.EventLog, times: dict[str, list[int]]) -> MomentRows:
    names = log.entities.to_pylist()
    pairs = sorted((names.index(name), time) for name, own in times.items() for time in own)
    entity = np.array([e for e, _ in pairs], np.int64)
    none = np.zeros(len(pairs), np.uint8)
    time = np.array([t for _, t in pairs], np.int64)
    return MomentRows(entity, time, np.zeros(len(pairs), np.int64), none, none, none, {})


def knowledge_of(
    log: sm.EventLog, rows: MomentRows, other: Stream, *, width: int, look: int, refresh: int, phase: Any
) -> Knowledge:
    hidden = np.array([name == "secret" for name in log.event_types], np.uint8)
    types = np.array([log.type_index(name) for name in WATCHED], np.int64)
    began = np.asarray(log.start_times)[rows.entity]
    static, columns = np.zeros((len(rows), 0)), tuple[Column, ...]()
    own = np.array([name == ACTION for name in log.event_types], np.uint8)
    return Knowledge(log, rows, hidden, own, types, other, began, static, columns, width, look, refresh, phase)


def looked_at(own: list[Event], t0: int, at: int, width: int, refresh: int, phase: int) -> int:
    """Just after the last visible event before a time, or at the last point of the grid: the moment, then from the
    bin ``phase`` on every ``refresh``-th bin. At the moment itself what came with it is known."""
    grid = [t0, *range(t0 + phase * width, at + 1, refresh * width)]
    return max([*grid, *(e.time + 1 for e in visible(own, t0) if e.time < max(at, t0 + 1))])


def visible(own: list[Event], t0: int) -> list[Event]:
    """All but secret events, and but actions at the moment itself."""
    return [e for e in own if e.event != "secret" and (e.event != ACTION or e.time != t0)]


def known_at(own: list[Event], others: list[int], began: int, t0: int, x: int) -> list[float]:
    """The columns, from all events before x."""
    seen = [e for e in visible(own, t0) if e.time < x]
    year = 365 * DAY
    ago = min(x - seen[-1].time, year) if seen else year
    columns = [math.log1p(ago / HOUR)]
    columns += [math.log1p(sum(e.time >= x - days * DAY for e in seen)) for days in (1, 7, 28)]
    columns.append(math.log1p(max(x - began, 0) / DAY))
    columns.append(float(any(x - DAY <= time < x for time in others)))
    columns.append(math.log1p((x - t0) / HOUR))
    for name in WATCHED:
        times = [e.time for e in seen if e.event == name]
        columns += [float(any(time >= since for time in times)) for since in (t0, x - DAY, x - 28 * DAY, LOWEST)]
        columns.append(math.log1p(len(times)))
    days, hour = divmod(x // HOUR, 24)
    columns += [float(hour // 4 == block) for block in range(1, 6)]
    columns.append(float(days % 7 in (2, 3)))  # 1970-01-01 was a Thursday
    return columns


def plain_columns(log: sm.EventLog, events: list[Event], rows: MomentRows, row: Any, looks: list[int]) -> Floats:
    own, names = by_entity(events), log.entities.to_pylist()
    found = []
    for i, x in zip(row, looks, strict=True):
        mine = own[names[rows.entity[i]]]
        others = [e.time for e in mine if e.event in ("mail", "act")]
        found.append(known_at(mine, others, min(e.time for e in mine), int(rows.time[i]), x))
    return np.array(found)


@pytest.mark.parametrize("seed", range(12))
def test_looks_and_columns_against_every_event(seed: int) -> None:
    """At every quarter bin, and a microsecond beside it, for repeated moments."""
    rng = random.Random(seed)
    begin, unit = ((BEGIN, HOUR), (LOWEST, HOUR), (HIGHEST - 45 * DAY, HOUR), (BEGIN, HOUR // 8))[seed % 4]
    events = busy_log(seed, begin=begin, unit=unit)
    log = log_of(events)
    own = by_entity(events)
    times = {name: sorted({e.time for e in mine if e.event in ("m", "risk")}) for name, mine in own.items()}
    rows = moments(log, times)
    width, refresh = rng.choice((2, 3, 24)) * HOUR, rng.choice((1, 2, 5))
    other = joined([stream_of(log, read_selector(name), threads=1) for name in ("mail", "act")], log.n_entities)
    phase = np.array([rng.randrange(4) for _ in range(len(rows))], np.int64)
    knowledge = knowledge_of(log, rows, other, width=width, look=0, refresh=refresh, phase=phase)
    offsets = sorted({k * width // 4 + beside for k in range(20) for beside in (0, 1)} | {DAY, DAY + 1, 7 * DAY})
    points = [(i, int(t) + by) for i, t in enumerate(rows.time) for by in offsets if int(t) + by <= HIGHEST]
    row, at = (np.array(column, np.int64) for column in zip(*points, strict=True))
    names = log.entities.to_pylist()
    looks = [
        looked_at(own[names[rows.entity[i]]], int(rows.time[i]), x, width, refresh, int(phase[i]))
        for i, x in zip(row, at.tolist(), strict=True)
    ]
    expected = plain_columns(log, events, rows, row, looks)
    assert knowledge.at(row, at) == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert knowledge.n_dynamic == expected.shape[1]


@pytest.mark.parametrize("seed", range(12))
def test_a_piece_begins_exactly_where_the_next_look_is_another_one(seed: int) -> None:
    """At the beginnings or middles of the bins of a piece the row was last looked at at one time; at the next one's,
    later."""
    from seqmine.windows.walk_kernel import piece_bins

    rng = random.Random(seed)
    events = busy_log(seed)
    log = log_of(events)
    own, names = by_entity(events), log.entities.to_pylist()
    rows = moments(log, {name: sorted({e.time for e in mine}) for name, mine in own.items()})
    width, refresh = rng.choice((1, 2, 5)) * HOUR + rng.choice((0, 1)), rng.choice((1, 3, 7))
    stop = np.array([rng.choice((0, 1, 6, 30)) for _ in range(len(rows))], np.int64)
    hidden = np.array([name == "secret" for name in log.event_types], np.uint8)
    phase = np.array([rng.randrange(4) for _ in range(len(rows))], np.int64)
    wanted = [k for k in range(30) if rng.random() < rng.choice((0.1, 0.9))] if seed % 2 else list(range(30))
    needed = np.array([min([at for at in wanted if at >= k], default=30) for k in range(31)], np.int64)
    look = rng.choice((0, width // 2))
    given = (
        log.entity_offsets,
        log.time,
        log.code,
        hidden,
        rows.entity,
        rows.time,
        width,
        look,
        stop,
        refresh,
        phase,
        needed,
    )
    start = np.zeros(len(rows) + 1, np.int64)
    piece_bins(*given, start, np.empty(0, np.int32))
    np.cumsum(start, out=start)
    bins = np.empty(start[-1], np.int32)
    piece_bins(*given, start, bins)
    for i in range(len(rows)):
        mine, t0 = own[names[rows.entity[i]]], int(rows.time[i])
        times = [t0 + k * width + look for k in range(stop[i])]
        looks = [looked_at(mine, t0, x, width, refresh, int(phase[i])) for x in times]
        changes = [k for k, look in enumerate(looks) if k == 0 or look != looks[k - 1]]
        spans = zip(changes, [*changes[1:], int(stop[i])], strict=True) if changes else ()
        held = [first for first, end in spans if any(k in wanted for k in range(first, end))]
        assert bins[start[i] : start[i + 1]].tolist() == held


@pytest.mark.parametrize("seed", range(4))
def test_the_first_time_of_a_stream(seed: int) -> None:
    rng = np.random.default_rng(seed)
    events = busy_log(seed)
    log = log_of(events)
    stream = stream_of(log, read_selector("risk|seen"), threads=1)
    own, names = by_entity(events), log.entities.to_pylist()
    entity = np.sort(rng.integers(0, log.n_entities, 200))
    since = BEGIN + rng.integers(-2, 31 * 24, 200) * HOUR
    time, there = stream.first_from(entity, since)
    before = stream.number_before(entity, since)
    for j in range(200):
        mine = [e.time for e in own[names[entity[j]]] if e.event in ("risk", "seen")]
        later = [t for t in mine if t >= since[j]]
        assert there[j] == bool(later)
        assert not later or time[j] == min(later)
        assert before[j] == len(mine) - len(later)
    assert not empty_stream(3).first_from(np.arange(3), np.zeros(3, np.int64))[1].any()


def test_types_are_screened_by_what_they_go_with() -> None:
    """The largest of three z scores of a type, recomputed: seen since the moment, in the last 28 days, ever."""
    from seqmine.windows.walk_kernel import screen_types

    rng = random.Random(5)
    events = []
    for i in range(300):
        base = BEGIN + rng.randrange(40 * 24) * HOUR
        events.append(Event(f"e{i:03}", base, "m"))
        events += [
            Event(f"e{i:03}", base + rng.randrange(-50 * 24, 24) * HOUR, name)
            for name in ("good", "both", "noise", "rare", "secret")
            if rng.random() < (0.06 if name == "rare" else 0.6)
        ]
    log = log_of(events)
    own, names = by_entity(events), log.entities.to_pylist()
    rows = moments(log, {name: [e.time for e in mine if e.event == "m"] for name, mine in own.items()})
    row = np.arange(len(rows))
    at = rows.time + 20 * HOUR

    def has(i: int, name: str, since: int = LOWEST) -> bool:
        return any(e.event == name and since <= e.time < at[i] for e in own[names[rows.entity[i]]])

    y = np.array([float(rng.random() < 0.1 + 0.35 * has(i, "good") + 0.25 * has(i, "both")) for i in row])
    a = np.array([float(rng.random() < 0.1 + 0.3 * has(i, "both", int(rows.time[i]))) for i in row])

    def z(values: Floats, name: str) -> list[float]:
        found = []
        for since in (rows.time, at - 28 * DAY, np.full(len(row), LOWEST)):
            seen = np.array([has(i, name, int(since[i])) for i in row])
            n, n_all = seen.sum(), len(row)
            spread = math.sqrt(n * (1 - n / n_all) * values.var())
            found.append(abs(values[seen].sum() - n * values.mean()) / spread if spread > 0 else 0.0)
        return found

    of_y = {name: max(z(y, name)) for name in ("good", "both", "noise", "rare")}
    both = {
        name: max(math.sqrt(p * q) for p, q in zip(z(y, name), z(a, name), strict=True))
        for name in ("good", "both", "noise", "rare")
    }
    wanted = {name for name, score in of_y.items() if score > 2} | {name for name, score in both.items() if score > 1}
    hidden = np.array([name == "secret" for name in log.event_types], np.uint8)
    tables = np.zeros((len(log.event_types), 3, 3))
    given = (log.entity_offsets, log.time, log.code, hidden, rows.entity, rows.time, at, y, a)
    screen_types(*given, 5000, tables)
    for code, name in enumerate(log.event_types):
        for kind, since in enumerate((rows.time, at - 28 * DAY, np.full(len(row), LOWEST))):
            seen = np.array([name != "secret" and has(i, name, int(since[i])) for i in row])
            assert tables[code, kind] == pytest.approx([seen.sum(), y[seen].sum(), a[seen].sum()])
    chosen = choose_types(log, rows, hidden, Landmarks(row, at, y, a), skip=[log.type_index("m") or 0])
    assert {log.event_types[code] for code in chosen} == wanted
    assert {"good", "both"} <= wanted and wanted != {"good", "both", "noise", "rare"}


# --- models -----------------------------------------------------------------------------------------------------------


def points(seed: int, n: int = 800) -> tuple[npt.NDArray[np.float32], Floats, Floats]:
    rng = np.random.default_rng(seed)
    dynamic = np.stack([rng.integers(0, 3, n), rng.normal(size=n) * 40, np.ones(n)], axis=1).astype(np.float32)
    static = np.stack([rng.random(n) < 0.2, rng.normal(size=n) * 1e-12 + 5e-9], axis=1).astype(float)
    return dynamic, static, rng.random(n)


def slopes(model: Model) -> Floats:
    return np.concatenate([model.slope, model.static, [model.constant]])


@pytest.mark.parametrize("link", ["logit", "identity", "log"])
@pytest.mark.parametrize("seed", range(3))
def test_a_fit_solves_its_penalised_equations_and_is_close_to_statsmodels(seed: int, link: Link) -> None:
    dynamic, static, u = points(seed)
    x = np.concatenate([dynamic.astype(float), static], axis=1)
    eta = 0.4 * x[:, 0] + 0.01 * x[:, 1] - 1 * x[:, 3] - 0.5
    spent = np.where(u > 0.3, 40 * np.exp(eta) * u, 0.0)  # numbers, many of them 0; the unit must not matter
    y = {"logit": (u < 1 / (1 + np.exp(-eta))).astype(float), "identity": 2 * eta + u, "log": spent}[link]
    model = fit_model(dynamic, static, y, link=link)
    assert link_of(y, binary=link == "logit") == link
    score = model.of_rows(static) + dynamic.astype(float) @ model.slope
    assert model.scores(dynamic, np.arange(len(y)), model.of_rows(static)) == pytest.approx(score)
    mean = model.expected(score)
    inverse = {"logit": 1 / (1 + np.exp(-score)), "identity": score, "log": np.exp(score)}[link]
    assert mean == pytest.approx(inverse)
    assert model.expected(score + 1000.0).max() == (
        np.exp(model.highest) if link == "log" else pytest.approx(1.0 if link == "logit" else score.max() + 1000.0)
    )
    assert model.highest == pytest.approx(score.max())
    unit = y.mean() if link == "log" else 1.0
    centred = (x - x.mean(axis=0)) / np.where(np.ptp(x, axis=0) > 0, x.std(axis=0), np.inf)
    standardised = slopes(model)[:-1] * x.std(axis=0)
    assert centred.T @ (y - mean) / unit == pytest.approx(standardised, abs=1e-4)
    assert (y - mean).sum() / unit == pytest.approx(0, abs=1e-4)
    assert model.slope[2] == 0.0
    # The prior is worth one observation of each column: far less than the standard errors.
    used = np.delete(x, 2, axis=1)
    used = (used - used.mean(axis=0)) / used.std(axis=0)
    design = np.column_stack([used, np.ones(len(y))])
    known = {
        "logit": lambda: Logit(y, design).fit(disp=0),
        "identity": lambda: OLS(y, design).fit(),
        "log": lambda: Poisson(y / unit, design).fit(disp=0),
    }[link]()
    assert np.delete(standardised, 2) == pytest.approx(known.params[:-1], abs=0.01)


def test_a_column_that_is_left_out_has_no_slope_and_the_others_are_fitted_without_it() -> None:
    dynamic, static, u = points(3)
    y = (u < 1 / (1 + np.exp(-dynamic[:, 0] - static[:, 0]))).astype(float)
    without = fit_model(dynamic, static, y, link="logit", without=[(0, False), (1, True)])
    alone = fit_model(dynamic[:, 1:], static[:, :1], y, link="logit")
    assert without.slope[0] == without.static[1] == 0.0
    assert slopes(without)[[1, 2, 3, 5]] == pytest.approx(slopes(alone), rel=1e-9)


@pytest.mark.parametrize("y", [0.0, 1.0])
def test_a_column_that_tells_everything_has_a_finite_slope(y: float) -> None:
    dynamic, static, _ = points(4)
    told = np.where(dynamic[:, 0] == 1, y, 1 - y).astype(float)
    split = np.column_stack([static, dynamic[:, 0] == 1]).astype(float)
    model = fit_model(dynamic, split, told, link="logit")
    assert np.isfinite(slopes(model)).all() and abs(model.static[2]) > 3


# --- the scan ---------------------------------------------------------------------------------------------------------


@st.composite
def curves(draw: st.DrawFn) -> tuple[Floats, Floats, Floats, int]:
    """Curves with bins without anybody, and whole numbers, so that intervals tie."""
    n_bins = draw(st.integers(1, 14))
    cell = st.tuples(st.integers(-9, 9), st.sampled_from((0, 1, 1, 4)), st.sampled_from((10, 40, 60)))
    drawn = draw(st.lists(cell, min_size=n_bins, max_size=n_bins))
    v = np.array([float(v) for _, v, _ in drawn])
    u = np.array([float(u) for u, _, _ in drawn]) * (v > 0)
    n = np.array([float(n) for _, _, n in drawn]) * (v > 0)
    return u, v, n, draw(st.sampled_from((LOWERS, RAISES, BOTH)))


def longest(v: Floats) -> int:
    """In bins: 0.6 of the reach from the first bin that tells anything to the last, at least two."""
    there = np.flatnonzero(v > 0)
    return max(int(0.6 * (there[-1] - there[0] + 1)), 2) if len(there) else 2


def limits(v: Floats) -> Limits:
    return Limits(min_bins=min(2, len(v)), max_bins=longest(v))


def without_empty_ends(windows: list[tuple[int, int]], n: Floats) -> list[tuple[int, int]]:
    cut = []
    for lo, hi in windows:
        there = [k for k in range(lo, hi) if n[k] > 0]
        cut.append((min(there), max(there) + 1))
    return cut


def windows_of(u: Floats, v: Floats, n: Floats, direction: int, alpha: float = 1.0, n_null: int = 19) -> Any:
    return scan.find_windows(
        u, v, n, lowers=direction != RAISES, raises=direction != LOWERS, most=2, n_null=n_null, alpha=alpha, seed=("s",)
    )


@settings(max_examples=300, derandomize=True, database=None, deadline=None)
@given(curves())
def test_the_best_interval_and_a_second_one_by_trying_all(curve: tuple[Floats, Floats, Floats, int]) -> None:
    u, v, n, direction = curve
    found = windows_of(u, v, n, direction)
    best = search.scan(u, v, n, direction, limits(v)) if v.sum() > 0 else None
    if best is None:
        assert found == []
        return
    assert found[0].score == pytest.approx(best.score)
    assert (found[0].lo, found[0].hi) in without_empty_ends(best.windows, n)
    inside = slice(found[0].lo, found[0].hi)
    excess = (u[inside] - u.sum() / v.sum() * v[inside]).sum()
    assert found[0].sign * excess >= -1e-9 if direction == BOTH else found[0].sign == direction
    rest = v.copy()
    rest[inside] = 0.0
    second = (
        search.second(u, v, n, (found[0].lo, found[0].hi), direction, limits(rest) if rest.sum() > 0 else None)
        if rest.sum() > 0
        else None
    )
    if second is None:
        assert len(found) == 1
    else:
        assert found[1].score == pytest.approx(second.score)
        assert (found[1].lo, found[1].hi) in without_empty_ends(second.windows, n)


def test_p_of_the_scan_is_that_of_the_same_draws_and_of_others() -> None:
    rng = np.random.default_rng(3)
    v, n = rng.random(10) + 0.2, np.full(10, 60.0)
    u = rng.normal(size=10) * np.sqrt(v)
    u[3:6] -= 0.8
    (found, *_) = windows_of(u, v, n, LOWERS, n_null=99)
    draws = scan.generator("s", "null", 0).standard_normal((99, 10))
    assert found.p == search.scan_p(u, v, n, LOWERS, draws.tolist(), limits(v))
    (many, *_) = windows_of(u, v, n, LOWERS, n_null=4000)
    own = search.scan_p(u, v, n, LOWERS, rng.normal(size=(400, 10)).tolist(), limits(v))
    assert 0.02 < own < 0.9
    assert many.p == pytest.approx(own, abs=4 * math.sqrt(own * (1 - own) / 400))


def test_edges_lie_around_their_window_and_come_closer_with_more_data() -> None:
    rng = np.random.default_rng(4)
    spans = []
    for times in (1.0, 16.0):
        n, v = np.full(60, 100.0 * times), np.full(60, 20.0 * times)
        u = rng.normal(size=60) * np.sqrt(v) - 0.25 * n * ((np.arange(60) >= 19) & (np.arange(60) < 37))
        (found, *_) = windows_of(u, v, n, LOWERS)
        edges = scan.edge_intervals(u, v, n, found, n_draws=200, seed=("s",))
        assert edges[0] <= found.lo <= edges[1] <= edges[2] <= found.hi <= edges[3]
        assert edges[0] <= 19 <= edges[1] and edges[2] <= 37 <= edges[3]
        spans.append(edges[1] - edges[0] + edges[3] - edges[2])
    assert spans[1] <= spans[0] and spans[1] <= 2
