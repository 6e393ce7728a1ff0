"""`Truth`: what was planted, which are decoys of which, and what came of each entity."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqmine._text import did_you_mean, format_duration, parse_duration
from seqmine.errors import MissingInputError, ParameterError
from seqmine.events.arrow import pc
from seqmine.labels import Outcome, Study
from seqmine.simulation.build import Built
from seqmine.simulation.moments import OUTCOMES
from seqmine.simulation.spec import SEGMENTS, SimulationSpec
from seqmine.simulation.tables import entity_names, timestamps
from seqmine.simulation.vocabulary import OUTCOME_EVENTS, PROXY_EVENTS
from seqmine.simulation.world import NEVER, Batch

__all__ = ["MIN_REFERRALS", "TABLES", "TRUTH", "MomentTruth", "Truth", "TruthBuilder"]

Int64 = npt.NDArray[np.int64]

MIN_REFERRALS: Final = 2
"""The outcome ``referral``: so many within the horizon."""

TRUTH: Final = "truth.json"
FORMAT: Final = "seqmine-truth"
VERSION: Final = 1
_STAMP: Any = pa.timestamp("us", "UTC")
_INSTANCES: Final = pa.schema(
    [
        ("entity", pa.string()),
        ("moment", pa.dictionary(pa.int16(), pa.string())),
        ("start_time", _STAMP),
        ("moment_time", _STAMP),
        ("ready_time", _STAMP),
    ]
)
_OUTCOMES: Final = pa.schema(
    [
        ("entity", pa.string()),
        ("outcome", pa.dictionary(pa.int8(), pa.string())),
        ("time", _STAMP),
        ("label", pa.int8()),
        ("flipped", pa.bool_()),
    ]
)
_ENTITIES: Final = pa.schema(
    [
        ("entity", pa.string()),
        ("time", _STAMP),
        ("segment", pa.dictionary(pa.int8(), pa.string())),
        ("tz_offset", pa.int8()),
        ("exposure", pa.float64()),
        ("size", pa.float64()),
        ("followed_until", _STAMP),
        ("churn_time", _STAMP),
        ("vip_time", _STAMP),
        ("n_referrals", pa.int64()),
        ("n_events", pa.int64()),
    ]
)
TABLES: Final = {"instances": _INSTANCES, "outcomes": _OUTCOMES, "entities": _ENTITIES}


@dataclass(frozen=True)
class MomentTruth:
    """One pattern and what it is.

    Attributes
    ----------
    name
        That of the moment; for a twin the moment's, a colon and the kind.
    kind
        ``moment``; its decoys ``timing``, ``reversed``, ``clock``, ``presence`` and ``super``; ``leak``, an event that
        tells of an outcome beforehand; ``activity``, a pattern that only busy entities have.
    decoy_of
        The moment that it looks like; the outcome that a leak gives away; None.
    pattern
        Canonical text. Each instance is a match of it; other matches are chance.
    gaps
        Its gaps ``(lo, hi)`` in microseconds, half open.
    probability
        That an entity gets it.
    effect
        Outcome -> what it adds to the log of the rate from the ready time on.
    n_planted
        Instances that were ready before the entity churned or was lost.
    """

    name: str
    kind: str
    decoy_of: str | None
    pattern: str
    gaps: tuple[tuple[int, int], ...]
    probability: float
    effect: Mapping[str, float]
    n_planted: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        values = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return values | {"gaps": [list(gap) for gap in self.gaps], "effect": dict(self.effect)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> MomentTruth:
        """Rebuild from `to_dict`."""
        gaps = tuple((int(lo), int(hi)) for lo, hi in values["gaps"])
        return cls(**{**values, "gaps": gaps, "effect": MappingProxyType(dict(values["effect"]))})


@dataclass(frozen=True, eq=False)
class Truth:
    """What a simulation knows about its log.

    Attributes
    ----------
    spec
        What was simulated.
    moments
        Moments and decoys, as `MomentTruth`.
    launches
        Event type -> UTC microseconds at which it began to exist; types that always did are not in it.
    event_types
        The types that occur.
    n_events, n_entities
        Of the log.
    instances
        Planted instances: ``entity``, ``moment`` (its name), ``start_time``, ``moment_time``, ``ready_time``. An
        instance of a super-pattern is listed as one of its moment, too.
    outcomes
        One row for each entity of the log and outcome (``churn``, ``vip``, ``referral``): ``label`` 1 and the ``time``
        at which it happened, or 0 and the time until which the entity was followed without it. ``referral`` happens at
        the second one after the index. ``flipped`` rows are wrong, by ``label_noise``.
    entities
        ``entity``, ``time`` (when its life began), ``segment``, ``tz_offset`` (hours), ``exposure``, ``size``,
        ``followed_until``, ``churn_time``, ``vip_time``, ``n_referrals``, ``n_events``. All entities of the world.
    """

    spec: SimulationSpec
    moments: tuple[MomentTruth, ...]
    launches: Mapping[str, int]
    event_types: tuple[str, ...]
    n_events: int
    n_entities: int
    instances: pa.Table
    outcomes: pa.Table
    entities: pa.Table

    @property
    def index_time(self) -> int:
        """The recommended index time, UTC microseconds."""
        return self.spec.index_time

    def moment(self, name: str) -> MomentTruth:
        """Return the moment or decoy of this name."""
        for moment in self.moments:
            if moment.name == name:
                return moment
        known = [moment.name for moment in self.moments]
        near = did_you_mean(name, known)
        hint = f"did you mean {near!r}?" if near else "there are " + ", ".join(known)
        raise ParameterError(f"the simulation has no moment {name!r}", hint=hint)

    def decoys_of(self, name: str) -> tuple[MomentTruth, ...]:
        """Return the decoys of a moment, or the leaks of an outcome."""
        return tuple(moment for moment in self.moments if moment.decoy_of == name)

    def instances_of(self, name: str) -> pa.Table:
        """Return the planted instances of the moment or decoy of this name."""
        chosen = pc.equal(pc.cast(self.instances["moment"], pa.string()), self.moment(name).name)
        return self.instances.filter(chosen)

    def outcome_table(self, outcome: str) -> pa.Table:
        """Return ``entity``, ``time`` and ``label`` of one outcome, as `Outcome.from_table` takes them."""
        if outcome not in OUTCOMES:
            near = did_you_mean(outcome, OUTCOMES)
            hint = f"did you mean {near!r}?" if near else "outcomes are " + ", ".join(OUTCOMES)
            raise ParameterError(f"there is no outcome {outcome!r}", hint=hint)
        chosen = pc.equal(pc.cast(self.outcomes["outcome"], pa.string()), outcome)
        return self.outcomes.filter(chosen).select(["entity", "time", "label"])

    def leaks(self) -> tuple[str, ...]:
        """Return the event types of the log that tell of an outcome: to be excluded from what predicts."""
        told = {*PROXY_EVENTS.values(), *OUTCOME_EVENTS.values()} - {"referral"}
        return tuple(sorted(told & set(self.event_types)))

    def study(self, outcome: str, *, lookback: str | timedelta | None = None, exclude_leaks: bool = True) -> Study:
        """Return the study that asks for an outcome at the recommended index.

        Parameters
        ----------
        outcome
            ``churn``, ``vip`` or ``referral`` (two of them) within the spec's horizon.
        lookback
            As `Study`; None is since each entity's start.
        exclude_leaks
            Keep the events of `leaks` from predicting. Without it a leak alarm has something to find.
        """
        table = self.outcome_table(outcome)
        index = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self.index_time)
        return Study(
            Outcome.from_table(table, horizon=self.spec.horizon),
            at=self._at_risk(index),
            lookback=None if lookback is None else format_duration(parse_duration(lookback, "lookback")),
            exclude_events=self.leaks() if exclude_leaks else (),
            seed=0,
        )

    def _at_risk(self, index: datetime) -> pa.Table:
        """Return the entities that were born, seen and still there at the index."""
        when = pa.scalar(index, _STAMP)
        there = pc.and_(pc.less(self.entities["time"], when), pc.greater(self.entities["followed_until"], when))
        alive = pc.fill_null(pc.greater_equal(self.entities["churn_time"], when), True)
        seen = pc.greater(self.entities["n_events"], 0)
        rows = self.entities.filter(pc.and_(pc.and_(there, alive), seen)).select(["entity"])
        return rows.append_column("index_time", pa.repeat(when, rows.num_rows))

    # --- JSON ---------------------------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """Return everything but the tables as JSON text: the same truth is the same text."""
        values = {
            "format": FORMAT,
            "version": VERSION,
            "spec": self.spec.to_dict(),
            "index_time": self.index_time,
            "moments": [moment.to_dict() for moment in self.moments],
            "launches": dict(self.launches),
            "event_types": list(self.event_types),
            "n_events": self.n_events,
            "n_entities": self.n_entities,
        }
        return json.dumps(values, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(
        cls,
        text: str,
        *,
        instances: pa.Table | None = None,
        outcomes: pa.Table | None = None,
        entities: pa.Table | None = None,
    ) -> Truth:
        """Rebuild from `to_json` and the tables, each of which may be left out (and is then empty).

        Raises
        ------
        ParameterError
            The text is no truth, or a table lacks a column.
        """
        try:
            values = json.loads(text)
            if values.get("format") != FORMAT or values.get("version") != VERSION:
                raise ValueError
            given = {"instances": instances, "outcomes": outcomes, "entities": entities}
            return cls(
                spec=SimulationSpec.from_dict(values["spec"]),
                moments=tuple(MomentTruth.from_dict(moment) for moment in values["moments"]),
                launches=MappingProxyType(dict(values["launches"])),
                event_types=tuple(values["event_types"]),
                n_events=int(values["n_events"]),
                n_entities=int(values["n_entities"]),
                **{name: _fitted(name, table) for name, table in given.items()},
            )
        except ParameterError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ParameterError(
                "the text is not the truth of a simulation", hint="give the content of truth.json"
            ) from error

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Truth:
        """Load the truth of a simulation that was written as the directory ``path``, with its tables.

        Raises
        ------
        MissingInputError
            There is no such simulation.
        """
        import pyarrow.parquet as pq

        folder = Path(path)
        if not (folder / TRUTH).is_file():
            raise MissingInputError(
                "the directory holds no finished simulation", file=str(folder), hint="write one: seqmine simulate"
            )
        tables = {name: pq.read_table(folder / f"{name}.parquet") for name in TABLES}
        return cls.from_json((folder / TRUTH).read_text(encoding="utf-8"), **tables)


def _fitted(name: str, table: pa.Table | None) -> pa.Table:
    schema = TABLES[name]
    if table is None:
        return schema.empty_table()
    if table.schema.names != schema.names:
        raise ParameterError(f"{name} has not the columns of a simulation's table", hint=", ".join(schema.names))
    return table.cast(schema)


class TruthBuilder:
    """Collects the truth batch by batch; the tables of a batch can be written and forgotten."""

    def __init__(self, built: Built) -> None:
        self._built = built
        self._tables: dict[str, list[pa.Table]] = {name: [] for name in TABLES}
        self._planted = np.zeros(len(built.plantings), np.int64)
        self._seen = np.zeros(len(built.names), np.bool_)
        self._n_events = self._n_entities = 0

    def add(self, first: int, batch: Batch, *, keep: bool = True) -> dict[str, pa.Table]:
        """Take in the batch whose first entity is ``first``; return its tables, and keep them unless told not to."""
        made = {
            "instances": _instances(self._built, batch),
            "outcomes": _outcomes(self._built, first, batch),
            "entities": _entities(self._built, first, batch),
        }
        self._planted += np.bincount(batch.instance_plan, minlength=len(self._planted))
        self._seen[batch.code] = True
        self._n_events += len(batch.time)
        self._n_entities += int(np.count_nonzero(batch.n_events))
        if keep:
            for name, table in made.items():
                self._tables[name].append(table)
        return made

    def finish(self) -> Truth:
        """Return the truth, with the tables that were kept."""
        built = self._built
        tables = {name: pa.concat_tables([TABLES[name].empty_table(), *kept]) for name, kept in self._tables.items()}
        return Truth(
            spec=built.spec,
            moments=(*_planted(built, self._planted), *_unplanted(built)),
            launches=MappingProxyType(dict(built.launches)),
            event_types=tuple(name for name, seen in zip(built.names, self._seen, strict=True) if seen),
            n_events=self._n_events,
            n_entities=self._n_entities,
            **tables,
        )


def _planted(built: Built, counts: Int64) -> list[MomentTruth]:
    whole = {moment.name: moment.probability for moment in built.spec.moments}
    return [
        MomentTruth(
            name=planting.name,
            kind=planting.kind,
            decoy_of=None if planting.kind == "moment" else planting.moment,
            pattern=planting.pattern,
            gaps=planting.gaps[1:],
            probability=whole[planting.moment] if planting.kind == "moment" else planting.share,
            effect=MappingProxyType(dict(zip(OUTCOMES, planting.effect, strict=True))),
            n_planted=int(count),
        )
        for planting, count in zip(built.plantings, counts, strict=True)
    ]


def _unplanted(built: Built) -> list[MomentTruth]:
    nothing = MappingProxyType(dict.fromkeys(OUTCOMES, 0.0))
    day = 86_400_000_000
    busy = f"{built.background[0]} -[1us,1d)-> {built.background[1]}"
    found = [MomentTruth("activity", "activity", None, busy, ((1, day),), 0.0, nothing, 0)]
    if built.spec.proxy_share > 0:
        for outcome, event in PROXY_EVENTS.items():
            found.append(MomentTruth(event, "leak", outcome, event, (), built.spec.proxy_share, nothing, 0))
    return found


# --- tables -----------------------------------------------------------------------------------------------------------


def _coded(codes: npt.NDArray[Any], names: list[str], width: Any) -> pa.Array[Any]:
    return pa.DictionaryArray.from_arrays(pa.array(codes, width), pa.array(names, pa.string()))


def _instances(built: Built, batch: Batch) -> pa.Table:
    names = [planting.name for planting in built.plantings]
    columns = [
        entity_names(batch.instance_entity, built.spec.entities),
        _coded(batch.instance_plan, names, pa.int16()),
        *(timestamps(getattr(batch, f"instance_{name}")) for name in ("start", "moment", "ready")),
    ]
    return pa.table(columns, schema=_INSTANCES)


def _entities(built: Built, first: int, batch: Batch) -> pa.Table:
    spec = built.spec
    numbers = np.arange(first, first + len(batch.n_events))
    columns = [
        entity_names(numbers, spec.entities),
        timestamps(batch.born),
        _coded(batch.segment, list(SEGMENTS), pa.int8()),
        pa.array(np.array(spec.tz_offsets, np.int8)[batch.tz]),
        pa.array(batch.exposure),
        pa.array(batch.size),
        timestamps(batch.until),
        timestamps(batch.churn),
        timestamps(batch.vip),
        pa.array(batch.n_referrals),
        pa.array(batch.n_events),
    ]
    return pa.table(columns, schema=_ENTITIES)


def _outcomes(built: Built, first: int, batch: Batch) -> pa.Table:
    spec = built.spec
    index = spec.index_time
    end = index + parse_duration(spec.horizon)
    happened = {"churn": batch.churn, "vip": batch.vip, "referral": _nth_referral(built, batch)}
    there = np.flatnonzero(batch.n_events)
    at_risk = (batch.born < index) & (batch.until > index) & (batch.churn >= index)
    # Each outcome's noise looks at its own third of the entity's uniform number, so that noise differs between them.
    parts = []
    for k, name in enumerate(OUTCOMES):
        time = happened[name]
        label = time < NEVER
        u = (batch.flip + k / len(OUTCOMES)) % 1.0
        soon = label & (time < end)
        # Only answers that somebody could have had are turned round.
        known = at_risk & ~(label & (time < index)) & (soon | (batch.until >= end))
        flipped = known & (u < spec.label_noise)
        share = u / spec.label_noise if spec.label_noise > 0 else u
        wrong = np.where(soon, np.maximum(batch.until, end), index + (share * (end - index)).astype(np.int64))
        stamp = np.where(flipped, wrong, np.where(label, time, batch.until))
        label = np.where(flipped, ~soon, label)
        parts.append((stamp[there], label[there], flipped[there]))
    # Entity after entity, so that where a batch ends does not show.
    stamps, labels, flips = (np.stack(column, axis=1).ravel() for column in zip(*parts, strict=True))
    columns = [
        entity_names(first + np.repeat(there, len(OUTCOMES)), spec.entities),
        _coded(np.tile(np.arange(len(OUTCOMES)), len(there)), list(OUTCOMES), pa.int8()),
        timestamps(stamps),
        pa.array(labels.astype(np.int8)),
        pa.array(flips),
    ]
    return pa.table(columns, schema=_OUTCOMES)


def _nth_referral(built: Built, batch: Batch) -> Int64:
    """Return when each entity has referred `MIN_REFERRALS` times after the index; NEVER where it has not."""
    rows = np.flatnonzero(batch.code == built.names.index(OUTCOME_EVENTS["referral"]))
    rows = rows[batch.time[rows] >= built.spec.index_time]
    entity = np.searchsorted(np.cumsum(batch.n_events), rows, side="right")
    # A row that is in the log twice is one referral.
    first = np.ones(len(rows), np.bool_)
    first[1:] = (np.diff(entity) != 0) | (np.diff(batch.time[rows]) != 0)
    rows, entity = rows[first], entity[first]
    found = np.full(len(batch.n_events), NEVER)
    if len(rows) >= MIN_REFERRALS:
        rank = np.arange(len(rows)) - np.searchsorted(entity, entity, side="left")
        second = rank == MIN_REFERRALS - 1
        found[entity[second]] = batch.time[rows[second]]
    return found
