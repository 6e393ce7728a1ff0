"""From small runs here to hours, memory and machines for a log of any size."""

from __future__ import annotations

import html
import math
import os
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from seqmine._text import format_duration, parse_duration
from seqmine._validate import check_type
from seqmine.capacity.cost import CostModel, Interval, Observation, fit_cost
from seqmine.capacity.machine import caches, machine_memory
from seqmine.capacity.measure import measure
from seqmine.capacity.runs import Case, Run, RunSet, read_runs
from seqmine.capacity.scalability import Scalability, fit_scalability
from seqmine.capacity.spec import N_SIZES, SMALLEST, CapacitySpec
from seqmine.capacity.steps import STEPS
from seqmine.capacity.terms import ENTRY_BYTES, MEMORY_EVENTS, MEMORY_MODELS, TIME_MODELS, features, growth
from seqmine.capacity.workload import Workload
from seqmine.errors import InsufficientDataError, ParameterError

__all__ = ["CapacityPlan", "StepPlan", "cases_for", "plan_capacity"]

# The engine numbers entries of a mining database with 32 bits, rows with 31.
_MOST_ENTRIES, _MOST_ROWS = 2**32 - 1, 2**31 - 1
_MOST_CORES = 1024
_BUSY = 1.25


@dataclass(frozen=True)
class StepPlan:
    """One step: seconds with the plan's threads, bytes at its peak, and how it was predicted."""

    step: str
    seconds: Interval
    peak: Interval
    time_model: CostModel
    memory_model: CostModel
    threads: Scalability


@dataclass(frozen=True)
class CapacityPlan:
    """What a machine must have. Made by `plan_capacity`.

    Attributes
    ----------
    steps
        `ingest` (Parquet with text ids to a saved log), `label` and `mine`.
    hours
        All steps, one after another, with ``threads`` threads.
    peak_gb
        The largest peak of memory, 1 GB = 10^9 bytes; each step runs in a process of its own.
    threads
        What the hours are for.
    cores
        The fewest that finish ``within`` the time of the spec, upper bounds taken; None when none do, or no time is
        given.
    partitions
        Parts that the log has to be cut into so that each fits the memory and the engine's limits; None when not even
        small parts fit.
    extrapolating
        Where the plan reaches beyond what was measured, in words. Empty: nowhere.
    notes
        What else a reader should know.
    """

    spec: CapacitySpec
    steps: tuple[StepPlan, ...]
    hours: Interval
    peak_gb: Interval
    threads: int
    cores: int | None
    partitions: int | None
    memory: int
    extrapolating: tuple[str, ...]
    notes: tuple[str, ...]
    runs: RunSet

    def to_arrow(self) -> pa.Table:
        """One row per step, then ``all``: seconds and peak memory, each with its bounds."""
        rows = [_row(step.step, step.seconds, step.peak.scaled(1e-9, 1e-9, 1e-9)) for step in self.steps]
        return pa.Table.from_pylist([*rows, _row("all", self.hours.scaled(3600, 3600, 3600), self.peak_gb)])

    def to_dict(self) -> dict[str, Any]:
        """Everything but the runs, as plain values."""
        return {
            "events": self.spec.events,
            "entities": self.spec.entities,
            "types": self.spec.types,
            "window": format_duration(parse_duration(self.spec.window)),
            "level": self.spec.level,
            "within": None if self.spec.within is None else format_duration(parse_duration(self.spec.within)),
            "threads": self.threads,
            "hours": vars(self.hours),
            "peak_gb": vars(self.peak_gb),
            "cores": self.cores,
            "partitions": self.partitions,
            "memory_gb": self.memory / 1e9,
            "steps": [
                {
                    "step": step.step,
                    "seconds": vars(step.seconds),
                    "peak_gb": vars(step.peak.scaled(1e-9, 1e-9, 1e-9)),
                    "terms": dict(zip(step.time_model.terms, step.time_model.coefficients, strict=True)),
                    "cross_validated_error": step.time_model.spread,
                    "sigma": step.threads.sigma,
                    "kappa": step.threads.kappa,
                }
                for step in self.steps
            ],
            "extrapolating": list(self.extrapolating),
            "notes": list(self.notes),
        }

    def _repr_html_(self) -> str:
        cells = "".join(
            "<tr>" + "".join(f"<td>{c if isinstance(c, str) else f'{c:.3g}'}</td>" for c in row.values()) + "</tr>"
            for row in self.to_arrow().to_pylist()
        )
        head = "".join(f"<th>{name}</th>" for name in self.to_arrow().column_names)
        said = "".join(f"<li>{html.escape(line)}</li>" for line in (*self.extrapolating, *self.notes))
        return f"<table><thead><tr>{head}</tr></thead><tbody>{cells}</tbody></table><ul>{said}</ul>"


def _row(step: str, seconds: Interval, gb: Interval) -> dict[str, Any]:
    names = ("low", "expected", "high")
    times = {f"seconds_{name}" if name != "expected" else "seconds": getattr(seconds, name) for name in names}
    peaks = {f"peak_gb_{name}" if name != "expected" else "peak_gb": getattr(gb, name) for name in names}
    return {"step": step, **times, **peaks}


def cases_for(spec: CapacitySpec) -> list[Case]:
    """The small runs that a plan learns from: six sizes of the log's own shape; other windows and numbers of
    types at one size; other numbers of threads at the largest."""
    sizes = [round(spec.largest * SMALLEST ** (i / (N_SIZES - 1) - 1)) for i in range(N_SIZES)]
    cases = []
    for events in sizes:
        replica = spec.replica(events)
        cases += [Case(step, replica, 1, spec.rounds) for step in STEPS]
        if events == sizes[-1]:
            for threads in _thread_counts():
                cases += [Case(step, replica, threads, spec.rounds) for step in ("ingest", "mine")]
    middle = spec.replica(sizes[3])
    for window in {max(2, middle.window // 4), min(middle.span, middle.window * 4)} - {middle.window}:
        cases.append(Case("mine", replace(middle, window=window), 1, spec.rounds))
    for types in {max(2, middle.types // 4), max(2, middle.types // 2)} - {middle.types}:
        cases.append(Case("mine", replace(middle, types=types), 1, spec.rounds))
    return cases


def _thread_counts() -> list[int]:
    cores = os.cpu_count() or 1
    return sorted({2**i for i in range(1, 11) if 2**i <= cores} | ({cores} if cores > 1 else set()))


def plan_capacity(spec: CapacitySpec, *, runs: str | os.PathLike[str] | RunSet | None = None) -> CapacityPlan:
    """Predict time, memory and machines for a log, from small runs on this machine.

    Replicas of the log that is asked about are simulated (as many events an entity, as dense in time, as many types)
    and read, labelled and mined for real, at six sizes; sums of terms are fitted to the costs and judged by leaving out
    one size at a time. What is extrapolated is so in size (and threads), hardly in kind.

    Parameters
    ----------
    spec
        The log and the question.
    runs
        Runs that were saved (``plan.runs.to_json()``), instead of measuring; they must be of the same shape.

    Returns
    -------
    CapacityPlan
        Bounds are prediction intervals of ``spec.level`` that widen with the distance from the measured sizes.

    Raises
    ------
    ParameterError
        `spec` or `runs` is something else.
    MissingDependencyError
        pytest-benchmark, which drives the runs, is not installed.
    InsufficientDataError
        `runs` are of another shape, or of too few sizes.

    References
    ----------
    Gunther, "Guerrilla Capacity Planning", Springer 2007, for the threads.

    Examples
    --------
    >>> spec = CapacitySpec(events=2e9, entities=4e7, types=300, window="4h")
    >>> plan = plan_capacity(spec)  # doctest: +SKIP
    >>> plan.hours.low < plan.hours.expected < plan.hours.high  # doctest: +SKIP
    True
    """
    check_type(spec, CapacitySpec, "spec", "write CapacitySpec(events=2e9, entities=4e7)")
    measured = _runs_of(spec, runs)
    same = [run for run in measured.runs if _same_shape(run.case.workload, spec)]
    base = {step: [run for run in same if run.case.step == step and run.case.threads == 1] for step in STEPS}
    sizes = {run.case.workload.events for run in base["mine"]}
    if min(len({run.case.workload.events for run in base[step]}) for step in STEPS) < 4:
        raise InsufficientDataError(
            "the runs hold fewer than 4 sizes of a log of this shape",
            hint="measure anew: leave out runs=, or give the sizes that the runs were made for",
        )
    threads = spec.threads or os.cpu_count() or 1
    largest = max(base["mine"], key=lambda run: run.case.workload.events)
    steps = tuple(_plan_step(step, spec, base[step], measured, largest, threads) for step in STEPS)
    seconds = _total(steps)
    memory = int(spec.memory) if spec.memory is not None else machine_memory()
    partitions, small = _partitions(spec, steps, largest, memory)
    cores, lack = _cores(spec, steps, largest, min(sizes))
    return CapacityPlan(
        spec=spec,
        steps=steps,
        hours=seconds.scaled(1 / 3600, 1 / 3600, 1 / 3600),
        peak_gb=max((step.peak for step in steps), key=lambda peak: peak.high).scaled(1e-9, 1e-9, 1e-9),
        threads=threads,
        cores=cores,
        partitions=partitions,
        memory=memory,
        extrapolating=tuple(_extrapolating(spec, sizes, steps, threads)),
        notes=tuple(line for line in (*_notes(base, steps), small, lack) if line),
        runs=measured,
    )


def _runs_of(spec: CapacitySpec, runs: str | os.PathLike[str] | RunSet | None) -> RunSet:
    if runs is None:
        return measure(cases_for(spec))
    if isinstance(runs, RunSet):
        return runs
    if not isinstance(runs, (str, os.PathLike)):
        raise ParameterError(
            f"runs is a file or a RunSet, not {runs!r}", hint='write runs="runs.json", or leave it out'
        )
    return read_runs(runs)


def _same_shape(workload: Workload, spec: CapacitySpec) -> bool:
    wanted = spec.replica(workload.events)
    close = abs(workload.entities - wanted.entities) <= max(1, round(0.01 * wanted.entities))
    return close and replace(workload, entities=wanted.entities, seed=wanted.seed) == wanted


def _group(workload: Workload) -> str:
    return f"{workload.events}-{workload.types}-{workload.window}"


def _plan_step(
    step: str, spec: CapacitySpec, base: Sequence[Run], measured: RunSet, largest: Run, threads: int
) -> StepPlan:
    def observed(runs: Sequence[Run], *, memory: bool) -> list[Observation]:
        return [
            Observation(
                features(run.case.workload.events, run, largest),
                float(min(run.peak)) if memory else run.seconds,
                _group(run.case.workload),
            )
            for run in runs
        ]

    others = [
        run for run in measured.runs if run.case.step == step == "mine" and run.case.threads == 1 and run not in base
    ]
    time_model = fit_cost(observed([*base, *_close(others, spec)], memory=False), TIME_MODELS[step])
    memory_model = fit_cost(observed(base, memory=True), MEMORY_MODELS[step])
    law = _law(step, measured, largest)
    wanted = features(int(spec.events), largest, largest)
    fast, slow = law.share_between(threads)
    return StepPlan(
        step,
        time_model.predict(wanted, spec.level).scaled(fast, law.share(threads), slow),
        memory_model.predict(wanted, spec.level),
        time_model,
        memory_model,
        law,
    )


def _close(runs: Sequence[Run], spec: CapacitySpec) -> list[Run]:
    """Runs that differ from the shape in window or types alone."""
    return [
        run
        for run in runs
        if _same_shape(replace(run.case.workload, window=parse_duration(spec.window), types=int(spec.types)), spec)
    ]


def _law(step: str, measured: RunSet, largest: Run) -> Scalability:
    """The law of threads of a step. Labelling is one pass that hardly counts: planned on one thread."""
    if step == "label":
        return Scalability(1.0, 0.0, _MOST_CORES)
    runs = [r for r in measured.runs if r.case.step == step and r.case.workload == largest.case.workload]
    return fit_scalability({run.case.threads: max(statistics.mean(run.wall), 1e-6) for run in runs})


def _total(steps: Sequence[StepPlan]) -> Interval:
    total = steps[0].seconds
    for step in steps[1:]:
        total = total + step.seconds
    return total


def _partitions(
    spec: CapacitySpec, steps: Sequence[StepPlan], largest: Run, memory: int
) -> tuple[int | None, str | None]:
    events, entities = int(spec.events), int(spec.entities)

    def fits(parts: int) -> bool:
        part = math.ceil(events / parts)
        if part > _MOST_ENTRIES or math.ceil(entities / parts) > _MOST_ROWS:
            return False
        wanted = features(part, largest, largest)
        return all(step.memory_model.predict(wanted, spec.level).high <= memory for step in steps)

    # More parts are smaller parts, but a part is no smaller than one entity's events.
    low, high = 0, 1
    while not fits(high):
        if high >= entities:
            return None, f"not even small parts fit {memory / 1e9:.3g} GB: the program alone takes more"
        low, high = high, min(entities, high * 2)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return high, None


def _cores(spec: CapacitySpec, steps: Sequence[StepPlan], largest: Run, smallest: int) -> tuple[int | None, str | None]:
    if spec.within is None:
        return None, None
    allowed = parse_duration(spec.within) / 1e6
    within = format_duration(parse_duration(spec.within))

    def fastest(parts: int) -> tuple[float, int]:
        """Upper bound of the seconds for one of so many parts, with as many cores as help, and how many these are."""
        wanted = features(math.ceil(int(spec.events) / parts), largest, largest)
        alone = [step.time_model.predict(wanted, spec.level).high for step in steps]
        best, least = 1, math.inf
        for cores in range(1, _MOST_CORES + 1):
            laws = [step.threads.share_between(cores)[1] for step in steps]
            seconds = sum(one * law for one, law in zip(alone, laws, strict=True))
            if seconds < least * 0.999:
                best, least = cores, seconds
            if seconds <= allowed:
                return seconds, cores
        return least, best

    seconds, cores = fastest(1)
    if seconds <= allowed:
        return cores, None
    lack = f"no number of cores is sure to finish within {within}: {cores} cores take up to {_time(seconds)}"
    # Nothing is known of parts below the smallest run: what every process takes before its first row does not shrink.
    most = max(1, int(spec.events) // smallest)
    shortest, cores = fastest(most)
    if shortest > allowed:
        return None, (
            f"{lack}; more machines do not help either: a part of {math.ceil(int(spec.events) / most):,} events, the "
            f"smallest that was measured, takes up to {_time(shortest)} with {cores} cores"
        )
    low, high = 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if fastest(middle)[0] <= allowed else (middle, high)
    return None, f"{lack}; use {high:,} machines of {fastest(high)[1]} cores, each with a part of the entities"


def _time(seconds: float) -> str:
    return f"{seconds / 3600:.3g} h" if seconds >= 3600 else f"{seconds:.3g} s"


def _extrapolating(spec: CapacitySpec, sizes: set[int], steps: Sequence[StepPlan], threads: int) -> list[str]:
    said = []
    events, largest = int(spec.events), max(sizes)
    if events > largest:
        said.append(
            f"size: {events:,} events are {events / largest:,.0f} times the largest run ({largest:,}); the sizes "
            f"measured span a factor of {largest / min(sizes):,.0f}"
        )
    if events > largest and largest < MEMORY_EVENTS:
        said.append(
            f"memory: peaks of runs below {MEMORY_EVENTS:,} events, where ingest still fills its first batch, do not "
            f"show how memory grows beyond; the interval spans both readings, and larger runs tell them apart"
        )
    most = min(step.threads.most_threads for step in steps)
    if threads > most:
        said.append(f"threads: {threads} are planned, {most} were measured")
    held = ENTRY_BYTES * largest
    if events > largest and held < 2 * caches().last < 2 * ENTRY_BYTES * events:
        said.append(
            f"caches: the largest run's {held / 1e6:,.0f} MB fit, or nearly, the last cache of "
            f"{caches().last / 1e6:,.0f} MB; beyond it every row may take longer than any that was measured"
        )
    unsure = [step.step for step in steps if len({growth(fit.terms) for fit in step.time_model.fits}) > 1]
    if events > largest and unsure:
        names = ", ".join(unsure)
        said.append(
            f"growth: the runs cannot tell by how much one row takes longer in a larger log ({names}); the plan lies "
            "between the laws that fit, and the interval spans them"
        )
    return said


def _notes(base: Mapping[str, Sequence[Run]], steps: Sequence[StepPlan]) -> list[str]:
    said = []
    runs = [run for row in base.values() for run in row if min(run.cpu) > 0.05]
    busy = statistics.median(min(run.wall) / min(run.cpu) for run in runs) if runs else 1.0
    if busy > _BUSY:
        said.append(
            f"this machine was busy: steps took {busy:.1f} times their CPU time. The plan is for "
            "an idle machine and takes CPU time for one thread; what several threads gain looks smaller than it is"
        )
    few = [step.step for step in steps if step.threads.rivals]
    if few:
        said.append(
            f"threads: too few thread counts to tell contention from coherence ({', '.join(few)}); intervals span both"
        )
    return said
