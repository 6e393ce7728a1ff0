"""From a spec to the arrays that the kernel reads."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from seqmine._text import format_duration, parse_duration
from seqmine.errors import ParameterError
from seqmine.simulation.build_actions import action_events, build_actions
from seqmine.simulation.moments import OUTCOMES, Planting, plantings
from seqmine.simulation.spec import SimulationSpec
from seqmine.simulation.vocabulary import OUTCOME_EVENTS, PROXY_EVENTS, RESERVED, SIGNUP, VALUED, type_names
from seqmine.simulation.world import CODE_BITS, NEVER, Actions, Plans, World

__all__ = ["Built", "build", "default_profile"]

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

_CHANNEL_SHARE: Final = (0.35, 0.2, 0.05, 0.4)
_SEGMENT_SHARE: Final = (0.6, 0.3, 0.1)
_SEGMENT_RATE: Final = (0.7, 1.2, 2.2)  # mean 1 under the shares
_PROXY_LEAD: Final = (3_600_000_000, 14 * 86_400_000_000)
_DAY: Final = 86_400_000_000
_YEAR: Final = 365 * _DAY
_GUIDE: Final = 64


@dataclass(frozen=True)
class Built:
    """A spec made ready. ``names`` are all event types in byte order, so a type's position is its code in the log."""

    spec: SimulationSpec
    world: World
    plans: Plans
    actions: Actions
    plantings: tuple[Planting, ...]
    names: tuple[str, ...]
    background: tuple[str, ...]
    type_share: Float64
    launches: dict[str, int]


def build(spec: SimulationSpec) -> Built:
    """Make a spec ready for the kernel."""
    background = type_names(spec.n_types)
    planted = [planting for moment in spec.moments for planting in plantings(moment, background[0])]
    others = {name for moment in spec.moments for name in moment.event_types} | action_events(spec)
    names = tuple(sorted({*background, *others, *RESERVED}, key=str.encode))
    if len(names) > 1 << CODE_BITS:
        raise ParameterError(
            f"there are {len(names):,} event types with the planted ones, and {1 << CODE_BITS:,} are possible",
            hint="lower n_types=",
        )
    codes = {name: code for code, name in enumerate(names)}
    share = _zipf(spec.n_types, spec.zipf)
    cut, to = alias_table(share)
    launch = _launches(spec, background, others)
    hour_share, day_share, guide = _profile(spec)
    proxies = [codes[PROXY_EVENTS[name]] for name in ("churn", "vip")]
    rates = [spec.rates[name] / _YEAR for name in OUTCOMES]
    world = World(
        seed=np.uint64(spec.seed),
        origin=spec.origin,
        length=spec.length,
        resolution=parse_duration(spec.resolution),
        rate=spec.mean_events * (1 - spec.branching) / _effective_days(spec, share, launch),
        exposure_shape=float(spec.exposure_shape),
        size_sigma=float(spec.size_sigma),
        engagement_sigma=float(spec.engagement_sigma),
        engagement_phi=float(spec.engagement_phi),
        branching=float(spec.branching),
        branching_delay=float(parse_duration(spec.branching_delay)),
        born_share=float(spec.born_share),
        tenure=float(parse_duration(spec.tenure)),
        loss_rate=spec.loss_per_year / _YEAR,
        tz_share=np.arange(1, len(spec.tz_offsets) + 1) / len(spec.tz_offsets),
        tz_offset=np.array(spec.tz_offsets, np.int64) * 3_600_000_000,
        segment_share=_cumulative(np.array(_SEGMENT_SHARE)),
        segment_rate=np.array(_SEGMENT_RATE),
        alias_cut=cut,
        alias_to=to,
        type_code=np.array([codes[name] for name in background], np.int64),
        launch=launch,
        hour_share=hour_share,
        day_share=day_share,
        guide=guide,
        hazard=np.array([rate / _frailty(spec, name) for rate, name in zip(rates, OUTCOMES, strict=True)]),
        activity_effect=np.array([spec.activity_effect[name] for name in OUTCOMES]),
        code_signup=codes[SIGNUP],
        code_outcome=np.array([codes.get(OUTCOME_EVENTS.get(name, ""), -1) for name in OUTCOMES], np.int64),
        code_proxy=np.array(proxies, np.int64),
        proxy_share=float(spec.proxy_share),
        proxy_lo=_PROXY_LEAD[0],
        proxy_hi=_PROXY_LEAD[1],
        late_share=float(spec.late_share),
        late_delay=float(parse_duration(spec.late_delay)),
        has_value=np.array([name in VALUED for name in names], np.uint8),
        channel_share=_cumulative(np.array(_CHANNEL_SHARE)),
        duplicate_share=float(spec.duplicate_share),
    )
    launches = {name: spec.origin + int(at) for name, at in zip(background, launch, strict=True) if at > 0}
    plans = _plans(planted, codes, hour_share, day_share, world.resolution)
    actions = build_actions(spec, planted, codes)
    return Built(spec, world, plans, actions, tuple(planted), names, background, share, launches)


def default_profile() -> Float64:
    """Return relative rates of the hours of a week, (168,): mornings and afternoons of workdays, calm nights."""
    hour = np.arange(24)
    work = np.exp(-0.5 * ((hour - 10.5) / 2.5) ** 2) + 0.9 * np.exp(-0.5 * ((hour - 15.5) / 2.5) ** 2)
    evening = 0.6 * np.exp(-0.5 * ((hour - 20.5) / 1.5) ** 2)
    weekday, weekend = 0.05 + work + evening, 0.05 + 0.35 * work + 0.8 * evening
    profile: Float64 = np.concatenate([weekday] * 5 + [weekend] * 2)
    profile /= profile.mean()
    return profile


def _zipf(n: int, exponent: float) -> Float64:
    share: Float64 = np.power(np.arange(1, n + 1, dtype=np.float64), -exponent)
    share /= share.sum()
    return share


def alias_table(share: Float64) -> tuple[Float64, Int64]:
    """Return Vose's alias table: pick cell i evenly; below ``cut[i]`` it is i, else ``to[i]``.

    Source: Vose, "A linear algorithm for generating random numbers with a given distribution", IEEE TSE 17(9), 1991.
    """
    n = len(share)
    cut, to = np.ones(n), np.arange(n, dtype=np.int64)
    scaled = share * n
    small = [i for i in range(n) if scaled[i] < 1]
    large = [i for i in range(n) if scaled[i] >= 1]
    while small and large:
        i, j = small.pop(), large[-1]
        cut[i], to[i] = scaled[i], j
        scaled[j] -= 1 - scaled[i]
        if scaled[j] < 1:
            small.append(large.pop())
    return cut, to


def _cumulative(share: Float64) -> Float64:
    total: Float64 = np.cumsum(share / share.sum())
    # Rounding must not leave a sliver to what has no share, after the last that has one.
    total[int(np.flatnonzero(share)[-1]) :] = 1.0
    return total


def _profile(spec: SimulationSpec) -> tuple[Float64, Float64, Int64]:
    rates = default_profile() if spec.hour_profile is None else np.array(spec.hour_profile)
    by_day = rates.reshape(7, 24)
    mass = by_day.sum(axis=1)
    share = np.ones((7, 25))
    for day in range(7):
        # A weekday without events is never looked into; any profile will do.
        hours = by_day[day] / mass[day] if mass[day] > 0 else np.full(24, 1 / 24)
        share[day] = np.concatenate(([0.0], np.cumsum(hours)))
        share[day, 24] = 1.0
        last = int(np.flatnonzero(hours)[-1])
        share[day, last + 1 :] = 1.0
    cells = np.arange(_GUIDE) / _GUIDE
    guide = np.array([np.searchsorted(share[day], cells, side="right") - 1 for day in range(7)], np.int64)
    return share, 7 * mass / mass.sum(), guide


def _launches(spec: SimulationSpec, background: tuple[str, ...], planted: set[str]) -> Int64:
    """Return when each background type begins to exist: 0, or a midnight in the middle half of the log.

    The commonest five and planted types are always there, so that what is planted is possible at any time.
    """
    rng = np.random.default_rng([spec.seed, 0x1A])
    launch = np.zeros(len(background), np.int64)
    free = [i for i, name in enumerate(background) if i >= 5 and name not in planted]
    n = min(len(free), round(spec.launch_share * len(background)))
    chosen = rng.choice(np.array(free, np.int64), n, replace=False) if n else np.empty(0, np.int64)
    launch[chosen] = rng.integers(spec.days // 4, max(spec.days // 4 + 1, 3 * spec.days // 4 + 1), n) * _DAY
    return launch


def _effective_days(spec: SimulationSpec, share: Float64, launch: Int64) -> float:
    """Return the mean number of days that an entity is there, each weighted with the types that exist on it.

    Lost and churned entities leave at constant rates here; moments and activity move the churn of each, and the mean
    number of events with it, by little.
    """
    day = np.arange(spec.days) + 0.5
    gone = (spec.loss_per_year + spec.rates["churn"]) / 365
    older = np.exp(-gone * day)
    # Born at u, evenly in [0, days); there at `day` if u < day and not gone since.
    born = -np.expm1(-gone * day) / (gone * spec.days) if gone > 0 else day / spec.days
    there = (1 - spec.born_share) * older + spec.born_share * born
    exists = (share * ((day * _DAY)[:, None] >= launch[:, None].T)).sum(axis=1)
    return float((there * exists).sum())


def _frailty(spec: SimulationSpec, outcome: str) -> float:
    """Return the mean of (exposure x size) to the outcome's power, so that ``rates`` are means over the entities."""
    power, shape, sigma = spec.activity_effect[outcome], spec.exposure_shape, spec.size_sigma
    of_gamma = math.lgamma(shape + power) - math.lgamma(shape) - power * math.log(shape)
    return math.exp(of_gamma + 0.5 * power * (power - 1) * sigma**2)


def _plans(
    planted: list[Planting], codes: dict[str, int], hour_share: Float64, day_share: Float64, resolution: int
) -> Plans:
    families = {name: i for i, name in enumerate(dict.fromkeys(planting.moment for planting in planted))}
    profile = _cumulative((np.diff(hour_share, axis=1) * day_share[:, None]).ravel())
    step, gap_lo, gap_n, type_at, types = [0], [], [], [0], []
    share: list[float] = []
    for i, planting in enumerate(planted):
        same = i > 0 and planted[i - 1].moment == planting.moment
        share.append(planting.share + (share[-1] if same else 0.0))
        for alternatives, (lo, hi) in zip(planting.steps, planting.gaps, strict=True):
            first = -(-lo // resolution) * resolution
            slots = -(-(hi - first) // resolution)
            if slots < 1:
                raise ParameterError(
                    f"no multiple of the resolution lies in the gap [{format_duration(lo)},{format_duration(hi)}) of "
                    f"{planting.name!r}",
                    hint='lower the resolution: resolution="1us"',
                )
            gap_lo.append(first)
            gap_n.append(slots)
            types += [codes[name] for name in alternatives]
            type_at.append(len(types))
        step.append(len(gap_lo))

    def whole(values: list[Any]) -> Int64:
        return np.array(values, np.int64)

    return Plans(
        family=whole([families[p.moment] for p in planted]),
        share=np.array(share, np.float64),
        step=whole(step),
        gap_lo=whole(gap_lo),
        gap_n=whole(gap_n),
        type_at=whole(type_at),
        types=whole(types),
        distinct=np.array([p.distinct for p in planted], np.uint8),
        span=whole([NEVER if p.span is None else p.span for p in planted]),
        anchor=whole([p.anchor for p in planted]),
        last=whole([p.last for p in planted]),
        hours=np.array(
            [profile if p.hours is None else _cumulative(np.array(p.hours, np.float64)) for p in planted], np.float64
        ).reshape(len(planted), 168),
        local=np.array([p.hours is None for p in planted], np.uint8),
        absent=whole([-1 if p.absent is None else codes[p.absent] for p in planted]),
        within=whole([p.within for p in planted]),
        fade=np.array([p.fade / math.log(2) for p in planted], np.float64),
        parent=whole([_parent(planted, p) for p in planted]),
        effect=np.array([p.effect for p in planted], np.float64).reshape(len(planted), len(OUTCOMES)),
        after=whole([0 if p.between is None else p.between[0] for p in planted]),
        before=whole([NEVER if p.between is None else p.between[1] for p in planted]),
        early_at=whole([*itertools.accumulate((len(p.early) for p in planted), initial=0)]),
        early_until=whole([until for p in planted for until, _ in p.early]),
        early_effect=np.array([sizes for p in planted for _, sizes in p.early]).reshape(-1, len(OUTCOMES)),
    )


def _parent(planted: list[Planting], planting: Planting) -> int:
    """Return the moment that a super-pattern is an instance of, too."""
    if planting.kind != "super":
        return -1
    return next(i for i, p in enumerate(planted) if p.moment == planting.moment and p.kind == "moment")
