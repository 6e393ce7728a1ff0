"""What a plan is asked for."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import SupportsIndex

from seqmine._text import parse_duration
from seqmine._validate import check_threads
from seqmine.capacity.workload import Workload
from seqmine.errors import ParameterError

__all__ = ["LEAST_EVENTS", "N_SIZES", "SMALLEST", "CapacitySpec", "checked_workload", "share", "whole"]

_MOST_TYPES = 1_000_000
_LEAST_ENTITIES = 20
_LEAST_SPAN = 86_400_000_000
LEAST_EVENTS = 20_000
_SHAPE = (
    *("events", "entities", "types", "window", "span", "max_length", "top_k", "min_support", "learn_gaps", "seed"),
)
# The smallest measured run has a share of the largest's events. Closer, and growth could not be seen; further, and the
# smallest would live in other caches and other parts of the allocator than the log that is asked about.
SMALLEST = 8
N_SIZES = 6


def whole(name: str, value: object, least: int, most: int = 2**62) -> int:
    """ParameterError unless ``value`` is a whole number in ``[least, most]``; 1e6 and 1_000_000 are one number."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        raise ParameterError(f"{name} must be a whole number, not {value!r}", hint=f"for example {name}=1_000_000")
    number = operator.index(value)
    if not least <= number <= most:
        raise ParameterError(f"{name} must lie from {least:,} to {most:,}, not {number:,}")
    return number


def checked_workload(
    *,
    events: object,
    entities: object,
    types: object,
    window: str | timedelta,
    span: str | timedelta,
    max_length: object,
    top_k: object,
    min_support: object,
    learn_gaps: object,
    seed: object,
) -> Workload:
    """The workload of these sizes; ParameterError where no log can have them or an option cannot be used."""
    n_events, n_entities = whole("events", events, 1), whole("entities", entities, 1)
    n_types = whole("types", types, 2, _MOST_TYPES)
    if n_entities > n_events:
        raise ParameterError(
            f"{n_entities:,} entities cannot share {n_events:,} events",
            hint="every entity of a log has at least one event: are events= and entities= swapped?",
        )
    if n_types > n_events:
        raise ParameterError(f"{n_types:,} event types cannot occur in {n_events:,} events", hint="lower types=")
    longest, whole_span = parse_duration(window, "window"), parse_duration(span, "span")
    if longest < 2:
        raise ParameterError("window must be longer than 1us", hint="mined steps are strictly later")
    if whole_span < _LEAST_SPAN:
        raise ParameterError("span must be at least 1d")
    if longest > whole_span:
        raise ParameterError("window is longer than the whole log", hint="raise span=, or shorten window=")
    if not isinstance(learn_gaps, bool):
        raise ParameterError(f"learn_gaps must be True or False, not {learn_gaps!r}")
    return Workload(
        events=n_events,
        entities=n_entities,
        types=n_types,
        span=whole_span,
        window=longest,
        max_length=whole("max_length", max_length, 1, 100),
        top_k=whole("top_k", top_k, 1, 10_000_000),
        min_support=share("min_support", min_support),
        learn_gaps=learn_gaps,
        seed=whole("seed", seed, 0),
    )


def share(name: str, value: object) -> float:
    """ParameterError unless ``value`` lies in (0, 1)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 < value < 1.0:
        raise ParameterError(f"{name} must lie between 0 and 1, not {value!r}")
    return float(value)


@dataclass(frozen=True, kw_only=True)
class CapacitySpec:
    """The log and the question that a machine is wanted for.

    Parameters
    ----------
    events, entities, types
        Sizes of the log: rows, different entities, different event types.
    window
        Longest time between two steps of a pattern, exclusive (``max_gap``).
    span
        Time from the log's first event to its last.
    max_length, top_k, min_support, learn_gaps
        As in `MinerOptions`; ``min_support`` is a share of all rows here, in (0, 1).
    threads
        The plan is for so many; 0 for all cores of this machine.
    memory
        Bytes that one machine has for it; None for the memory of this machine.
    within
        The time that it may take, for the number of cores needed; None: as it comes.
    max_events
        Events of the largest run that is measured.
    rounds
        Times that each run is measured; the mean counts.
    level
        Share of predictions that the intervals are to hold.
    seed
        Of the logs measured on.

    Raises
    ------
    ParameterError
        Sizes that no log can have, or an option that cannot be used.

    Examples
    --------
    >>> CapacitySpec(events=2e9, entities=4e7, types=300, window="4h").events
    2000000000
    """

    events: int | float
    entities: int | float
    types: int | float = 100
    window: str | timedelta = "7d"
    span: str | timedelta = "365d"
    max_length: int = 3
    top_k: int = 100
    min_support: float = 0.01
    learn_gaps: bool = False
    threads: int = 0
    memory: int | float | None = None
    within: str | timedelta | None = None
    max_events: int | float = 3_000_000
    rounds: int = 3
    level: float = 0.9
    seed: int = 0

    def __post_init__(self) -> None:
        whole_log = checked_workload(**{name: getattr(self, name) for name in _SHAPE})
        for name in ("events", "entities", "types"):
            object.__setattr__(self, name, getattr(whole_log, name))
        object.__setattr__(self, "rounds", whole("rounds", self.rounds, 1, 1000))
        object.__setattr__(self, "max_events", whole("max_events", self.max_events, LEAST_EVENTS))
        if self.memory is not None:
            object.__setattr__(self, "memory", whole("memory", self.memory, 1))
        check_threads(self.threads)
        share("level", self.level)
        if self.within is not None and parse_duration(self.within, "within") < 1_000_000:
            raise ParameterError("within must be at least 1s")
        self._check_replicas()

    def _check_replicas(self) -> None:
        smallest = self.replica(self.largest // SMALLEST)
        if smallest.entities >= _LEAST_ENTITIES and smallest.types <= smallest.events:
            return
        an_entity = int(self.events) / int(self.entities)
        needed = SMALLEST * math.ceil(max(_LEAST_ENTITIES * an_entity, int(self.types)))
        raise ParameterError(
            f"the smallest run would have {smallest.events:,} events of {smallest.entities:,} entities and "
            f"{self.types:,} types: too few to learn from",
            hint=(
                f"raise max_events= to at least {needed:,}"
                if needed <= int(self.events)
                else "a log that small needs no plan: measure it with `seqmine bench`"
            ),
        )

    @property
    def largest(self) -> int:
        """Events of the largest run to be measured: no more than are asked about."""
        return min(int(self.events), int(self.max_events))

    def replica(self, events: int) -> Workload:
        """A log of the same shape with fewer events: as many of them an entity, as many types, as dense in time."""
        whole_log = checked_workload(**{name: getattr(self, name) for name in _SHAPE})
        return replace(whole_log, events=events, entities=max(1, round(events * whole_log.entities / whole_log.events)))
