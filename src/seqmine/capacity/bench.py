"""`seqmine bench`: the steps on logs of given sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from seqmine._text import did_you_mean
from seqmine._validate import check_threads
from seqmine.capacity.measure import measure
from seqmine.capacity.runs import Case, RunSet
from seqmine.capacity.spec import checked_workload, whole
from seqmine.capacity.steps import STEPS
from seqmine.errors import ParameterError

__all__ = ["BenchSpec", "bench"]

_EVENTS_PER_ENTITY = 50


@dataclass(frozen=True, kw_only=True)
class BenchSpec:
    """What to measure. ``entities`` are those of the largest of ``events``; smaller logs get as many in proportion.

    The options of the question are those of `CapacitySpec`; ``rounds`` and ``threads`` are those of every run.

    Raises
    ------
    ParameterError
        Sizes that no log can have, an unknown step, or an option that cannot be used.
    """

    events: Sequence[int | float] = (1_000_000,)
    entities: int | float | None = None
    types: int | float = 100
    window: str | timedelta = "7d"
    span: str | timedelta = "365d"
    max_length: int = 3
    top_k: int = 100
    min_support: float = 0.01
    learn_gaps: bool = False
    steps: Sequence[str] = STEPS
    threads: int = 0
    rounds: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.events or not self.steps:
            raise ParameterError("there is nothing to measure", hint="give at least one of events= and of steps=")
        for step in self.steps:
            if step not in STEPS:
                near = did_you_mean(step, STEPS)
                hint = f"did you mean {near!r}?" if near else f"the steps are {', '.join(STEPS)}"
                raise ParameterError(f"there is no step {step!r}", hint=hint)
        check_threads(self.threads)
        whole("rounds", self.rounds, 1, 1000)
        self.cases()

    def cases(self) -> list[Case]:
        """What is measured, in order."""
        sizes = [whole("events", events, 1) for events in self.events]
        given = max(1, max(sizes) // _EVENTS_PER_ENTITY) if self.entities is None else self.entities
        entities = whole("entities", given, 1)
        cases = []
        for events in sizes:
            workload = checked_workload(
                events=events,
                entities=entities if events == max(sizes) else max(1, round(entities * events / max(sizes))),
                types=self.types,
                window=self.window,
                span=self.span,
                max_length=self.max_length,
                top_k=self.top_k,
                min_support=self.min_support,
                learn_gaps=self.learn_gaps,
                seed=self.seed,
            )
            cases += [Case(step, workload, self.threads, self.rounds) for step in STEPS if step in self.steps]
        return cases


def bench(spec: BenchSpec) -> RunSet:
    """Measure. See `BenchSpec` and `measure.measure`."""
    return measure(spec.cases())
