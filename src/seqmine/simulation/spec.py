"""What to simulate: one frozen value, checked when it is made."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from seqmine._text import did_you_mean, parse_duration
from seqmine.errors import ParameterError
from seqmine.simulation.actions import PlantedAction
from seqmine.simulation.checks import (
    Duration,
    check_day,
    check_known,
    check_list,
    check_number,
    check_whole,
    day_start,
    duration_text,
    plain_number,
)
from seqmine.simulation.confounding import TRAIT_EVENTS, Confounding
from seqmine.simulation.experiment import Experiment
from seqmine.simulation.moments import DEFAULT_MOMENTS, OUTCOMES, PlantedMoment, plantings
from seqmine.simulation.vocabulary import CHANNELS, MAX_TYPES, MIN_TYPES, RESERVED, type_names

__all__ = ["COLUMNS", "SEGMENTS", "SimulationSpec"]

COLUMNS: Final = ("value", "channel", "ingested_at")
SEGMENTS: Final = ("small", "medium", "large")

_DAY: Final = 86_400_000_000
MAX_DAYS: Final = 3_650
_RATES: Final = {"churn": 0.4, "vip": 0.2, "referral": 1.2}
_ACTIVITY: Final = {"churn": -0.3, "vip": 0.3, "referral": 0.3}


@dataclass(frozen=True, kw_only=True)
class SimulationSpec:
    """A world to simulate. Equal specs give equal bytes, for any number of threads.

    Parameters
    ----------
    n_entities
        How many entities live in it. By default as many as ``n_events`` needs, else 10,000.
    n_events
        About how many events the log gets, instead of ``n_entities``.
    mean_events
        Mean number of background events of an entity, over all entities, whenever they came and went.
    n_types
        Background event types, 20 to 4,000. The commonest come first in `vocabulary.type_names`.
    zipf
        The type of rank r has a rate proportional to ``r ** -zipf``.
    days, start
        Length of the log and its first day (UTC).
    seed
        Of everything.
    resolution
        All times are multiples of it; ``"1s"`` makes ties as real logs have them, ``"1us"`` hardly any.
    exposure_shape
        Each entity's rate has a factor from the gamma law of this shape and mean 1: the activity exposure.
    size_sigma
        A second factor, log-normal with mean 1 and this sigma: the heavy tail of accounts. 0 for none.
    engagement_sigma, engagement_phi
        A third factor for each day: exp of an AR(1) process with this standard deviation and daily correlation.
    branching, branching_delay
        Hawkes process: mean number of events of the same type that an event brings about, below 1, and their mean
        delay. 0 is a Poisson process. ``mean_events`` counts them.
    hour_profile
        168 relative rates, Monday 0:00 first, in the entity's local time. None takes an office and evening profile.
    tz_offsets
        Hours that the entities' local times differ from UTC; each entity has one of them, at random.
    born_share
        Share of entities that are born inside the log, each with a ``signup``. The others are older, and what they did
        before the log is not in it (left censoring).
    tenure
        Mean age, at the log's start, of those that are older.
    loss_per_year
        Rate at which entities are lost from sight (right censoring): nothing is known of them afterwards.
    launch_share
        Share of background types that exist only from a launch date inside the log on.
    late_share, late_delay
        Share of events that reach the log late, and their mean delay: ``ingested_at`` then lies after ``time``.
    duplicate_share
        Share of events that are in the log twice, equal in every column.
    columns
        Which of ``value``, ``channel`` and ``ingested_at`` the events get.
    moments
        What is planted; see `PlantedMoment`.
    rates
        Events per entity and year of the outcomes ``churn``, ``vip`` and ``referral``, before any moment.
    activity_effect
        The same outcomes' powers of (exposure x size): what makes activity a confounder. 0 for none.
    proxy_share
        Share of churns and of VIPs that a ``cancel_request`` or a ``vip_welcome`` precedes by 1 hour to 2 weeks: leaks.
    label_noise
        Share of labels in the outcome tables that are wrong, at most 0.05.
    actions
        What the company does after moments; see `PlantedAction`. Each may say what it does to which outcome at which
        delay.
    confounding
        With actions: what drives them and churn alike; see `Confounding`.
    experiment
        One action is given by chance; see `Experiment`.
    horizon
        Length of the outcome interval that the truth recommends; its index time is that long before the log's end.

    Raises
    ------
    ParameterError
        A value that cannot be used.

    Examples
    --------
    >>> SimulationSpec(n_events=1_000_000, mean_events=50, moments=()).entities
    19448
    """

    n_entities: int | None = None
    n_events: int | None = None
    mean_events: float = 100.0
    n_types: int = 60
    zipf: float = 1.0
    days: int = 365
    start: str = "2025-01-01"
    seed: int = 0
    resolution: Duration = "1ms"
    exposure_shape: float = 1.0
    size_sigma: float = 0.5
    engagement_sigma: float = 0.6
    engagement_phi: float = 0.9
    branching: float = 0.0
    branching_delay: Duration = "2h"
    hour_profile: Sequence[float] | None = None
    tz_offsets: Sequence[int] = (-8, -5, 0, 1, 8)
    born_share: float = 0.3
    tenure: Duration = "365d"
    loss_per_year: float = 0.05
    launch_share: float = 0.1
    late_share: float = 0.02
    late_delay: Duration = "3d"
    duplicate_share: float = 0.0
    columns: Sequence[str] = COLUMNS
    moments: Sequence[PlantedMoment] = DEFAULT_MOMENTS
    rates: Mapping[str, float] = field(default_factory=lambda: dict(_RATES))
    activity_effect: Mapping[str, float] = field(default_factory=lambda: dict(_ACTIVITY))
    proxy_share: float = 0.9
    label_noise: float = 0.0
    horizon: Duration = "90d"
    actions: Sequence[PlantedAction] = ()
    confounding: Confounding = field(default_factory=Confounding)
    experiment: Experiment | None = None

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):  # numbers out of an array are numbers
            object.__setattr__(self, item.name, plain_number(getattr(self, item.name)))
        _check_size(self)
        for name in ("columns", "tz_offsets", "moments", "hour_profile", "actions"):
            value = getattr(self, name)
            if value is None and name == "hour_profile":
                continue
            check_list(name, value)
        check_whole("n_types", self.n_types, MIN_TYPES, MAX_TYPES)
        check_whole("days", self.days, 1, MAX_DAYS)
        check_whole("seed", self.seed, 0, 2**63 - 1)
        for name, least, most in _NUMBERS:
            check_number(name, getattr(self, name), least, most)
        keep = {
            "start": check_day("start", self.start),
            "columns": _columns(self.columns),
            "tz_offsets": _offsets(self.tz_offsets),
            "moments": tuple(self.moments),
            "actions": tuple(self.actions),
            "rates": _by_outcome("rates", self.rates, _RATES, 0, 1e6),
            "activity_effect": _by_outcome("activity_effect", self.activity_effect, _ACTIVITY, -0.9, 3),
        }
        if self.hour_profile is not None:
            keep["hour_profile"] = _profile(self.hour_profile)
        for name, most in (("resolution", 3_600_000_000), ("branching_delay", _DAY * 365), ("late_delay", _DAY * 365)):
            keep[name] = duration_text(name, getattr(self, name), most)
        keep["tenure"] = duration_text("tenure", self.tenure, _DAY * 36_500)
        keep["horizon"] = duration_text("horizon", self.horizon, _DAY * self.days)
        if 3_600_000_000 % parse_duration(str(keep["resolution"])):
            raise ParameterError("resolution must divide an hour", hint='write resolution="1s"')
        for name, value in keep.items():
            object.__setattr__(self, name, value)
        _check_moments(self.moments)
        _check_actions(self)
        if self.entities > 10**10:
            raise ParameterError("there are at most 10,000,000,000 entities", hint="raise mean_events=")
        shape, powers = self.exposure_shape, self.activity_effect
        if any(shape + power <= 0 for power in powers.values()):
            raise ParameterError(
                "activity_effect + exposure_shape must be above 0, or outcome rates have no mean",
                hint="raise exposure_shape=",
            )

    @property
    def entities(self) -> int:
        """How many entities live in this world."""
        if self.n_entities is not None:
            return self.n_entities
        if self.n_events is None:
            return 10_000
        return max(1, round(self.n_events / (self.mean_events + self._other_events())))

    def _other_events(self) -> float:
        """Return about how many events an entity has beside the background: planted ones and those of outcomes."""
        planted = [planting for moment in self.moments for planting in plantings(moment, "login")]
        steps = sum(planting.share * len(planting.steps) for planting in planted)
        if self.actions:  # plan and score, a complaint, an old issue, and whoever is reached
            steps += 3.0 + sum(0.4 * len(action.event_types) for action in self.actions)
        years = 0.8 * self.days / 365  # some are born late, churn or are lost
        return 0.8 * steps + self.born_share + years * sum(self.rates[name] for name in ("vip", "referral"))

    @property
    def origin(self) -> int:
        """The log's start, UTC microseconds."""
        return day_start(self.start)

    @property
    def length(self) -> int:
        """The log's length in microseconds."""
        return self.days * _DAY

    @property
    def index_time(self) -> int:
        """The recommended index, UTC microseconds: as late as the horizon allows."""
        return self.origin + self.length - parse_duration(self.horizon)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON; ``SimulationSpec.from_dict`` reads them back.

        A world without actions has the same values as before there were any.
        """
        values = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        values["moments"] = [moment.to_dict() for moment in self.moments]
        for name in ("columns", "tz_offsets", "hour_profile"):
            values[name] = None if values[name] is None else list(values[name])
        values["actions"] = [action.to_dict() for action in self.actions]
        values["confounding"] = self.confounding.to_dict()
        values["experiment"] = None if self.experiment is None else self.experiment.to_dict()
        if not self.actions:
            del values["actions"], values["confounding"], values["experiment"]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SimulationSpec:
        """Rebuild from `to_dict`.

        Raises
        ------
        ParameterError
            A name that no spec has, or a value that cannot be used.
        """
        check_known("a simulation", values, (item.name for item in dataclasses.fields(cls)))
        made: dict[str, Any] = {}
        for name, kind in (("moments", PlantedMoment), ("actions", PlantedAction)):
            if name not in values:
                continue
            if not isinstance(given := values[name], (list, tuple)):
                raise ParameterError(
                    f"{name} is a list of tables, not {given!r}",
                    hint=f"begin each with [[{name}]]; {name} = [] for none",
                )
            made[name] = [kind.from_dict(table) for table in given]
        if "confounding" in values:
            made["confounding"] = Confounding.from_dict(values["confounding"])
        if values.get("experiment") is not None:
            made["experiment"] = Experiment.from_dict(values["experiment"])
        return cls(**{**values, **made})


_NUMBERS: Final = (
    ("mean_events", 0.01, 1e7),
    ("zipf", 0, 10),
    ("exposure_shape", 0.05, 1e6),
    ("size_sigma", 0, 3),
    ("engagement_sigma", 0, 3),
    ("engagement_phi", 0, 0.9999),
    ("branching", 0, 0.95),
    ("born_share", 0, 1),
    ("loss_per_year", 0, 1e4),
    ("launch_share", 0, 1),
    ("late_share", 0, 1),
    ("duplicate_share", 0, 1),
    ("proxy_share", 0, 1),
    ("label_noise", 0, 0.05),
)


def _check_size(spec: SimulationSpec) -> None:
    if spec.n_entities is not None and spec.n_events is not None:
        raise ParameterError(
            "give n_entities or n_events, not both", hint="n_events / mean_events is the number of entities"
        )
    for name in ("n_entities", "n_events"):
        if getattr(spec, name) is not None:
            check_whole(name, getattr(spec, name), 1, 10**12)
    check_number("mean_events", spec.mean_events, 0.01, 1e7)


def _columns(value: Sequence[str]) -> tuple[str, ...]:
    for name in value:
        if name not in COLUMNS:
            near = did_you_mean(str(name), COLUMNS)
            raise ParameterError(
                f"columns: there is no {name!r}",
                hint=f"did you mean {near!r}?" if near else "there are " + ", ".join(COLUMNS),
            )
    return tuple(name for name in COLUMNS if name in value)


def _offsets(value: Sequence[int]) -> tuple[int, ...]:
    given = tuple(plain_number(hours) for hours in value)
    if not 1 <= len(given) <= 64:
        raise ParameterError("tz_offsets is a list of 1 to 64 hours", hint="write tz_offsets=(0,)")
    for hours in given:
        check_whole("each of tz_offsets", hours, -12, 14)
    return given


def _profile(value: Sequence[float]) -> tuple[float, ...]:
    if len(value) != 168:
        raise ParameterError(f"hour_profile has 168 numbers, Monday 0:00 first, not {len(value)}")
    for rate in value:
        check_number("each of hour_profile", rate, 0, 1e12)
    if sum(value) <= 0:
        raise ParameterError("hour_profile needs an hour above 0")
    return tuple(float(rate) for rate in value)


def _by_outcome(
    name: str, value: Mapping[str, float], default: Mapping[str, float], least: float, most: float
) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise ParameterError(f"{name} maps outcomes to numbers, not {value!r}", hint=f'write {name}={{"churn": 0.5}}')
    for outcome, number in value.items():
        if outcome not in OUTCOMES:
            near = did_you_mean(str(outcome), OUTCOMES)
            raise ParameterError(
                f"{name}: there is no outcome {outcome!r}",
                hint=f"did you mean {near!r}?" if near else "outcomes are " + ", ".join(OUTCOMES),
            )
        check_number(f"{name}[{outcome!r}]", number, least, most)
    return {outcome: float(value.get(outcome, default[outcome])) for outcome in OUTCOMES}


def _check_moments(moments: Sequence[PlantedMoment]) -> None:
    names: set[str] = set()
    for moment in moments:
        if not isinstance(moment, PlantedMoment):
            raise ParameterError(f"moments holds PlantedMoment, not {type(moment).__name__}")
        if moment.name in names:
            raise ParameterError(f"two moments are called {moment.name!r}", hint="give each its own name")
        names.add(moment.name)
        for name in moment.event_types:
            if name in RESERVED:
                raise ParameterError(
                    f"the moment {moment.name!r} plants {name!r}, which the simulation itself makes",
                    hint="plant another event type",
                )
    for moment in moments:
        for other in moments:
            if moment.absent is not None and other is not moment and moment.absent in other.event_types:
                raise ParameterError(
                    f"the moment {other.name!r} uses {moment.absent!r}, whose absence is part of {moment.name!r}",
                    hint="plant another event type",
                )


def _check_actions(spec: SimulationSpec) -> None:
    if not isinstance(spec.confounding, Confounding):
        raise ParameterError(f"confounding is a Confounding, not {spec.confounding!r}")
    moments = {moment.name for moment in spec.moments}
    taken = {*RESERVED, *type_names(spec.n_types), *TRAIT_EVENTS}
    taken |= {name for moment in spec.moments for name in moment.event_types}
    if spec.actions and (clash := sorted(set(TRAIT_EVENTS) & {n for m in spec.moments for n in m.event_types})):
        raise ParameterError(
            f"a moment plants {clash[0]!r}, which a world with actions itself makes", hint="plant another event type"
        )
    for action in spec.actions:
        if not isinstance(action, PlantedAction):
            raise ParameterError(f"actions holds PlantedAction, not {type(action).__name__}")
        if action.moment not in moments:
            near = did_you_mean(action.moment, moments)
            hint = f"did you mean {near!r}?" if near else "name a moment of this spec"
            raise ParameterError(f"the action {action.name!r} follows {action.moment!r}, which is no moment", hint=hint)
        for name in action.event_types:
            if name in taken:
                raise ParameterError(
                    f"the action {action.name!r} brings in {name!r}, which there is already",
                    hint="name another event type, or lower n_types=",
                )
            taken.add(name)
        for segment in action.by_segment:
            if segment not in SEGMENTS:
                raise ParameterError(f"by_segment of {action.name!r}: there is no {segment!r}", hint=_those(SEGMENTS))
        for channel in action.by_channel:
            if channel not in CHANNELS:
                raise ParameterError(f"by_channel of {action.name!r}: there is no {channel!r}", hint=_those(CHANNELS))
    _check_experiment(spec)


def _check_experiment(spec: SimulationSpec) -> None:
    experiment = spec.experiment
    if experiment is None:
        return
    if not isinstance(experiment, Experiment):
        raise ParameterError(f"experiment is an Experiment, not {experiment!r}")
    action = next((action for action in spec.actions if action.name == experiment.action), None)
    if action is None or action.actor != "company" or action.automatic is not None:
        names = [a.name for a in spec.actions if a.actor == "company" and a.automatic is None]
        raise ParameterError(
            f"the experiment gives {experiment.action!r}, which is no action of the company with a hazard",
            hint=_those(names),
        )
    if max(experiment.delays) > parse_duration(action.max_delay) - parse_duration(spec.resolution):
        raise ParameterError(f"the experiment's delay reaches beyond max_delay={action.max_delay!r} of {action.name!r}")


def _those(names: Sequence[str]) -> str:
    return "there are " + (", ".join(names) or "none")
