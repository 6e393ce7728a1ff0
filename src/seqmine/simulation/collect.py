"""The truth, collected while batches of entities come by."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqmine._text import parse_duration
from seqmine.simulation.build import Built
from seqmine.simulation.effects import COUNTS, ActionTruth, Rows, tally
from seqmine.simulation.moments import OUTCOMES
from seqmine.simulation.readout import N_COUNTS, ExperimentTruth, tally_arms
from seqmine.simulation.schemas import ARMS, WORLDS, tables_of
from seqmine.simulation.spec import SEGMENTS
from seqmine.simulation.tables import entity_names, timestamps
from seqmine.simulation.truth import MIN_REFERRALS, MomentTruth, Truth
from seqmine.simulation.vocabulary import CHANNELS, OUTCOME_EVENTS, PROXY_EVENTS
from seqmine.simulation.world import NEVER, Batch

__all__ = ["TruthBuilder"]

Int64 = npt.NDArray[np.int64]


class TruthBuilder:
    """Collects the truth batch by batch; the tables of a batch can be written and forgotten."""

    def __init__(self, built: Built) -> None:
        self._built = built
        self._schemas = tables_of(built.spec)
        self._tables: dict[str, list[pa.Table]] = {name: [] for name in self._schemas}
        self._counts = [np.zeros((len(OUTCOMES), a.n_bins, len(COUNTS)), np.int64) for a in built.spec.actions]
        self._treated = np.zeros(len(built.spec.actions), np.int64)
        self._arms = np.zeros(4, np.int64)
        self._arm_counts = np.zeros((len(OUTCOMES), 2, N_COUNTS), np.int64)
        self._planted = np.zeros(len(built.plantings), np.int64)
        self._seen = np.zeros(len(built.names), np.bool_)
        self._n_events = self._n_entities = 0

    def add(self, first: int, batch: Batch, *, keep: bool = True) -> dict[str, pa.Table]:
        """Take in the batch whose first entity is ``first``; return its tables, and keep them unless told not to."""
        make = {
            "instances": _instances,
            "outcomes": _outcomes,
            "entities": _entities,
            "treated": _treated,
            "assignments": _assignments,
        }
        made = {name: make[name](self._built, first, batch, schema) for name, schema in self._schemas.items()}
        followed = batch.until[batch.treated_entity - first]
        spec = self._built.spec
        for number, action in enumerate(spec.actions):
            rows = Rows(batch.treated_ready, batch.treated_time, batch.treated_worlds, followed)
            mine = batch.treated_action == number
            self._treated[number] += np.count_nonzero(mine)
            self._counts[number] += tally(action, Rows(*(column[mine] for column in rows)))
        if spec.experiment is not None:
            action = spec.actions[self._built.actions.trial.action]
            found = tally_arms(spec.experiment, action, batch, batch.until[batch.assigned_entity - first])
            self._arms, self._arm_counts = self._arms + found[0], self._arm_counts + found[1]
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
        tables = {
            name: pa.concat_tables([self._schemas[name].empty_table(), *kept]) for name, kept in self._tables.items()
        }
        return Truth(
            spec=built.spec,
            moments=(*_planted(built, self._planted), *_unplanted(built)),
            launches=MappingProxyType(dict(built.launches)),
            event_types=tuple(name for name, seen in zip(built.names, self._seen, strict=True) if seen),
            n_events=self._n_events,
            n_entities=self._n_entities,
            experiment=None
            if built.spec.experiment is None
            else ExperimentTruth.of(built.spec.experiment, self._arms, self._arm_counts),
            actions=tuple(map(ActionTruth.of, built.spec.actions, self._treated.tolist(), self._counts)),
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


def _instances(built: Built, first: int, batch: Batch, schema: pa.Schema) -> pa.Table:
    names = [planting.name for planting in built.plantings]
    columns = [
        entity_names(batch.instance_entity, built.spec.entities),
        _coded(batch.instance_plan, names, pa.int16()),
        *(timestamps(getattr(batch, f"instance_{name}")) for name in ("start", "moment", "ready")),
    ]
    return pa.table(columns, schema=schema)


def _entities(built: Built, first: int, batch: Batch, schema: pa.Schema) -> pa.Table:
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
    if spec.actions:
        columns += [pa.array(np.where(batch.basic, "basic", "plus")), pa.array(batch.score), pa.array(batch.hidden)]
    return pa.table(columns, schema=schema)


def _treated(built: Built, first: int, batch: Batch, schema: pa.Schema) -> pa.Table:
    names = [action.name for action in built.spec.actions]
    columns = [
        entity_names(batch.treated_entity, built.spec.entities),
        _coded(batch.treated_action, names, pa.int16()),
        timestamps(batch.treated_ready),
        timestamps(batch.treated_time),
        _coded(batch.treated_channel, list(CHANNELS), pa.int8()),
    ]
    columns += [timestamps(batch.treated_worlds[:, w, k]) for k in range(len(OUTCOMES)) for w in range(len(WORLDS))]
    return pa.table(columns, schema=schema)


def _assignments(built: Built, first: int, batch: Batch, schema: pa.Schema) -> pa.Table:
    experiment = built.spec.experiment
    assert experiment is not None
    kept = batch.assigned_lost == 0
    arm, delay = batch.assigned_arm[kept], batch.assigned_delay[kept]
    columns = [
        entity_names(batch.assigned_entity[kept], built.spec.entities),
        pa.repeat(experiment.action, len(arm)),
        timestamps(batch.assigned_ready[kept]),
        _coded(arm, list(ARMS), pa.int8()),
        pa.repeat(float(experiment.share), len(arm)),
        pa.array(delay, pa.duration("us"), mask=delay < 0),
        pa.array(batch.assigned_entity[kept] // experiment.cluster_size),
    ]
    return pa.table(columns, schema=schema)


def _outcomes(built: Built, first: int, batch: Batch, schema: pa.Schema) -> pa.Table:
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
    return pa.table(columns, schema=schema)


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
