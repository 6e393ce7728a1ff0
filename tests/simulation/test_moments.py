"""What is planted is there, and twins are not the moments that they look like.

The definitions below are written out by hand, and matched by a few lines of Python that share nothing with seqmine.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy import stats

import seqmine as sm
from seqmine.simulation import PlantedMoment, Truth
from seqmine.simulation.moments import DEFAULT_MOMENTS

# Times are whole microseconds since 1970-01-01, a Thursday.
H = 3_600_000_000
D = 24 * H
TICK = 1

Events = list[tuple[int, str]]


class Definition(NamedTuple):
    steps: list[set[str]]
    gaps: list[tuple[int, int]]
    clock: Callable[[int], bool] = lambda _: True
    absent: str = ""
    within: int = 0
    span: int = 10_000 * D
    distinct: bool = False


ASK = [{"ticket_open"}, {"help_center"}, {"price_page"}]
INVITE = [{"invite_user"}, {"webinar_join"}]
CART = [{"add_to_cart"}, {"purchase"}]
BROAD = [{"feature_alert", "feature_board", "feature_chart", "feature_sync", "export_data"}] * 3
REPORT = [{"report_view"}] * 4


def weekday_hour(time: int) -> tuple[int, int]:
    return (time // D + 3) % 7, time // H % 24


def office(time: int) -> bool:
    weekday, hour = weekday_hour(time)
    return weekday in (1, 2, 3) and 9 <= hour < 12


def off(time: int) -> bool:
    weekday, hour = weekday_hour(time)
    return weekday in (1, 2, 3) and not 9 <= hour < 12


BEFORE = [{"view_page"}]
DEFINITIONS = {
    "unsolved": Definition(ASK, [(2 * H, 6 * H), (1 * D, 3 * D)]),
    "unsolved:timing": Definition(ASK, [(2 * H, 6 * H), (3 * D, 7 * D)]),
    "unsolved:reversed": Definition(ASK[::-1], [(1 * D, 3 * D), (2 * H, 6 * H)]),
    "unsolved:super": Definition(BEFORE + ASK, [(TICK, D), (2 * H, 6 * H), (1 * D, 3 * D)]),
    "unanswered": Definition(INVITE, [(H, D)], absent="survey_answer", within=3 * D),
    "unanswered:timing": Definition(INVITE, [(D, 70 * H)], absent="survey_answer", within=3 * D),
    "unanswered:reversed": Definition(INVITE[::-1], [(H, D)], absent="survey_answer", within=3 * D),
    "unanswered:presence": Definition([*INVITE, {"survey_answer"}], [(H, D), (TICK, 3 * D)]),
    "unanswered:super": Definition(BEFORE + INVITE, [(TICK, D), (H, D)], absent="survey_answer", within=3 * D),
    "workday": Definition(CART, [(H, 12 * H)], clock=office),
    "workday:timing": Definition(CART, [(12 * H, 34 * H)], clock=office),
    "workday:reversed": Definition(CART[::-1], [(H, 12 * H)]),
    "workday:clock": Definition(CART, [(H, 12 * H)], clock=off),
    "workday:super": Definition(BEFORE + CART, [(TICK, D), (H, 12 * H)], clock=office),
    "breadth": Definition(BROAD, [(TICK, D), (TICK, D)], span=36 * H, distinct=True),
    "breadth:timing": Definition(BROAD, [(TICK, D), (36 * H, 72 * H)], distinct=True),
    "fading": Definition(REPORT, [(D, 2 * D), (3 * D, 5 * D), (7 * D, 10 * D)]),
    "fading:timing": Definition(REPORT, [(D, 2 * D), (3 * D, 5 * D), (10 * D, 16 * D)]),
    "fading:reversed": Definition(REPORT, [(7 * D, 10 * D), (3 * D, 5 * D), (D, 2 * D)]),
    "fading:super": Definition(BEFORE + REPORT, [(TICK, D), (D, 2 * D), (3 * D, 5 * D), (7 * D, 10 * D)]),
}


def chains(events: Events, one: Definition, end: int) -> list[Events]:
    """All ways to read the steps backwards from an event at ``end``."""
    found = [[(time, name)] for time, name in events if time == end and name in one.steps[-1]]
    for step, (lo, hi) in zip(one.steps[-2::-1], one.gaps[::-1], strict=True):
        found = [
            [(time, name), *chain]
            for chain in found
            for time, name in events
            if name in step and lo <= chain[0][0] - time < hi
        ]
    return found


def matches_at(events: Events, one: Definition, end: int) -> bool:
    if one.absent and any(name == one.absent and end < time <= end + one.within for time, name in events):
        return False
    if not one.clock(end):
        return False
    return any(
        end - chain[0][0] < one.span and (not one.distinct or len({name for _, name in chain}) == len(chain))
        for chain in chains(events, one, end)
    )


@cache
def by_entity(log: sm.EventLog) -> dict[str, Events]:
    table = log.to_arrow()
    found: dict[str, Events] = defaultdict(list)
    entity, event = (table[name].to_pylist() for name in ("entity", "event"))
    for who, time, what in zip(entity, micros(table, "time"), event, strict=True):
        found[who].append((time, what))
    return found


def micros(table: Any, name: str) -> list[int]:
    values: list[int] = table[name].cast("int64").to_pylist()
    return values


class Instance(NamedTuple):
    entity: str
    start: int
    moment: int
    ready: int


def instances(truth: Truth, name: str) -> list[Instance]:
    rows = truth.instances_of(name)
    times = (micros(rows, f"{name}_time") for name in ("start", "moment", "ready"))
    return [Instance(*row) for row in zip(rows["entity"].to_pylist(), *times, strict=True)]


def ends(truth: Truth, name: str) -> set[tuple[str, int]]:
    return {(one.entity, one.moment) for one in instances(truth, name)}


def matched(log: sm.EventLog, pattern: str) -> set[tuple[str, int]]:
    found = sm.find(log, pattern, "all")
    return set(zip(found["entity"].to_pylist(), micros(found, "moment_time"), strict=True))


def test_every_planting_has_a_definition_here(world: tuple[sm.EventLog, Truth]) -> None:
    names = [moment.name for moment in world[1].moments if moment.kind not in ("activity", "leak")]
    assert names == list(DEFINITIONS)


@pytest.mark.parametrize("name", DEFINITIONS)
def test_every_instance_is_there_by_hand_and_by_find(world: tuple[sm.EventLog, Truth], name: str) -> None:
    log, truth = world
    events, planted = by_entity(log), instances(truth, name)
    assert truth.moment(name).n_planted == len(planted) > 60
    for one in planted:
        assert matches_at(events[one.entity], DEFINITIONS[name], one.moment)
        assert one.ready - one.moment == DEFINITIONS[name].within
    pattern = truth.moment(name).pattern
    assert str(sm.parse_pattern(pattern)) == pattern
    assert ends(truth, name) <= matched(log, pattern)


@pytest.mark.parametrize("name", [moment.name for moment in DEFAULT_MOMENTS])
def test_without_background_twins_never_match(bare: tuple[sm.EventLog, Truth], name: str) -> None:
    """Nearly all events are planted: the moment is found where it was planted, and there alone."""
    log, truth = bare
    planted = ends(truth, name)
    found = matched(log, truth.moment(name).pattern)
    assert planted <= found
    events = by_entity(log)
    # A chance event may complete a moment, and a churned entity's silence is an absence that nobody planted.
    assert len(found - planted) <= 0.02 * len(planted) or "no " in truth.moment(name).pattern
    for twin in truth.decoys_of(name):
        if twin.kind == "super":
            assert ends(truth, twin.name) <= planted
            continue
        twins = ends(truth, twin.name)
        wrong = [matches_at(events[entity], DEFINITIONS[name], moment) for entity, moment in twins]
        assert len(wrong) > 300
        assert not any(wrong), twin.name
        assert not twins & found, twin.name


def test_an_entity_gets_the_moment_or_one_twin(bare: tuple[sm.EventLog, Truth]) -> None:
    _, truth = bare
    for moment in DEFAULT_MOMENTS:
        who = [one.entity for one in instances(truth, moment.name)]
        for twin in truth.decoys_of(moment.name):
            if twin.kind != "super":
                who += [one.entity for one in instances(truth, twin.name)]
        assert len(set(who)) == len(who)


def test_as_many_as_the_probability_says() -> None:
    """Older entities, nobody leaves: whoever draws the moment gets it, but for the few that it does not fit into."""
    moment = PlantedMoment(name="m", pattern="login -[1h,2h)-> search", probability=0.3, twin_probability=0.1)
    nobody = {"churn": 0, "vip": 0, "referral": 0}
    spec = sm.SimulationSpec(
        n_entities=8_000, mean_events=1, moments=(moment,), rates=nobody, born_share=0, loss_per_year=0, seed=6
    )
    _, truth = sm.simulate(spec, threads=1)
    assert stats.binomtest(truth.moment("m").n_planted, 8_000, 0.3).pvalue > 1e-3
    assert stats.binomtest(truth.moment("m:super").n_planted, 8_000, 0.1).pvalue > 1e-3
    assert stats.binomtest(truth.moment("m:timing").n_planted, 8_000, 0.1).pvalue > 1e-3


def test_gaps_are_even_inside_their_interval(bare: tuple[sm.EventLog, Truth]) -> None:
    _, truth = bare
    above = ends(truth, "unanswered:super")
    rows = [one for one in instances(truth, "unanswered") if (one.entity, one.moment) not in above]
    plain = [(one.moment - one.start) / H for one in rows]
    assert stats.kstest(plain, stats.uniform(1, 23).cdf).pvalue > 1e-3


def test_clocked_moments_fill_their_hours_evenly(bare: tuple[sm.EventLog, Truth]) -> None:
    _, truth = bare
    hours = [weekday_hour(one.moment) for one in instances(truth, "workday")]
    count = np.bincount([(weekday - 1) * 3 + hour - 9 for weekday, hour in hours], minlength=9)
    assert stats.chisquare(count).pvalue > 1e-3


def test_other_moments_follow_the_hours_of_their_entity() -> None:
    profile = np.zeros(168)
    profile[10:12] = 1.0  # Mondays, ten to twelve
    moment = PlantedMoment(name="m", pattern="login -[1h,2h)-> search", probability=0.9, twins=())
    spec = sm.SimulationSpec(
        n_entities=300, mean_events=1, moments=(moment,), tz_offsets=(-7,), hour_profile=profile.tolist(), seed=7
    )
    _, truth = sm.simulate(spec, threads=1)
    local = [weekday_hour(one.moment - 7 * H) for one in instances(truth, "m")]
    assert len(local) > 150
    assert set(local) == {(0, 10), (0, 11)}


def test_absence_takes_background_events_away() -> None:
    """The absent type is common here; after the moment there is none for three days, after its twin there is."""
    pattern = "export_data -> no view_page within 3d"
    moment = PlantedMoment(name="m", pattern=pattern, probability=0.5, twins=("presence",))
    spec = sm.SimulationSpec(n_entities=500, mean_events=400, moments=(moment,), columns=(), seed=8)
    log, truth = sm.simulate(spec, threads=1)
    events = by_entity(log)

    def share(name: str, lo: int, hi: int) -> float:
        """How many instances have a view in (start + lo, start + hi]."""
        seen = [
            any(what == "view_page" and one.start + lo < time <= one.start + hi for time, what in events[one.entity])
            for one in instances(truth, name)
        ]
        assert len(seen) > 20
        return float(np.mean(seen))

    assert share("m", 0, 3 * D) == 0.0
    assert share("m:presence", 0, 3 * D) == 1.0
    assert share("m", -10 * D, -7 * D) > 0.4


def test_activity_fades_before_a_fading_moment() -> None:
    moments = tuple(dataclasses.replace(each, probability=0.4) for each in DEFAULT_MOMENTS if each.name == "fading")
    spec = sm.SimulationSpec(n_entities=1_000, mean_events=200, moments=moments, columns=(), seed=9)
    log, truth = sm.simulate(spec, threads=1)
    events = by_entity(log)

    def ratio(name: str) -> float:
        """Background events of the last week before the moment, over those of the week before the pattern began."""
        late = early = 0
        for one in instances(truth, name):
            times = [time for time, what in events[one.entity] if what != "report_view"]
            late += sum(one.moment - 7 * D < time <= one.moment for time in times)
            early += sum(one.start - 7 * D < time <= one.start for time in times)
        return late / early

    # Halved every 4 days, over days 5 to 14 after the start: between 2^(-5/4) and 2^(-14/4).
    assert 0.05 < ratio("fading") < 0.42
    assert 0.7 < ratio("fading:reversed") < 1.6


def test_resolution_holds_for_everything() -> None:
    log, truth = sm.simulate(sm.SimulationSpec(n_entities=300, resolution="1m", branching=0.3, seed=10), threads=1)
    assert not (log.time % 60_000_000).any()
    for name in ("start_time", "moment_time", "ready_time"):
        assert not (truth.instances[name].cast("int64").to_numpy() % 60_000_000).any()
