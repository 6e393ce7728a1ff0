"""`Truth`: what was planted, which are decoys of which, and what came of each entity."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pyarrow as pa

from seqmine._text import did_you_mean, format_duration, parse_duration
from seqmine.errors import CorruptFileError, MissingInputError, ParameterError
from seqmine.events.arrow import pc
from seqmine.labels import Outcome, Study
from seqmine.simulation.effects import ActionEffect, ActionTruth, Rows, tally
from seqmine.simulation.moments import OUTCOMES
from seqmine.simulation.readout import ExperimentTruth
from seqmine.simulation.schemas import ASSIGNMENTS, STAMP, TREATED, WORLDS, tables_of
from seqmine.simulation.spec import SimulationSpec
from seqmine.simulation.tables import micros
from seqmine.simulation.vocabulary import OUTCOME_EVENTS, PROXY_EVENTS

__all__ = ["MIN_REFERRALS", "TRUTH", "MomentTruth", "Truth"]

MIN_REFERRALS: Final = 2
"""The outcome ``referral``: so many within the horizon."""

TRUTH: Final = "truth.json"
FORMAT: Final = "seqmine-truth"
VERSION: Final = 1


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
        ``followed_until``, ``churn_time``, ``vip_time``, ``n_referrals``, ``n_events``. All entities of the world. With
        actions also ``plan``, ``score`` and the ``hidden`` u.
    actions
        What each action does, as `ActionTruth`.
    treated
        With actions, one row for each instance upon which one was taken: ``entity``, ``action``, the moment's
        ``ready_time``, the ``time`` of the first action and its ``channel``, and when each outcome came true, in the
        world as it went (``churn_factual``), in that in which the first action's bin passes without it and usual care
        goes on (``churn_usual``), and in that in which it never comes (``churn_none``); null for never. A referral is
        the first since the moment.
    experiment
        What being assigned does, as `ExperimentTruth`; None without an experiment.
    assignments
        With an experiment, its arm log: ``entity``, ``action``, ``time`` (the moment's ready time), ``arm``
        (``treated`` or ``control``), the ``probability`` of being treated, ``scheduled_delay`` (null for controls),
        ``cluster``.
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
    actions: tuple[ActionTruth, ...] = ()
    treated: pa.Table = field(default_factory=TREATED.empty_table)
    experiment: ExperimentTruth | None = None
    assignments: pa.Table = field(default_factory=ASSIGNMENTS.empty_table)

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
        near = did_you_mean(str(name), known)
        hint = f"did you mean {near!r}?" if near else "there are " + ", ".join(known)
        raise ParameterError(f"the simulation has no moment {name!r}", hint=hint)

    def decoys_of(self, name: str) -> tuple[MomentTruth, ...]:
        """Return the decoys of a moment, or the leaks of an outcome.

        Raises
        ------
        ParameterError
            There is neither a moment nor an outcome of this name.
        """
        if name not in OUTCOMES:
            self.moment(name)
        return tuple(moment for moment in self.moments if moment.decoy_of == name)

    def instances_of(self, name: str) -> pa.Table:
        """Return the planted instances of the moment or decoy of this name."""
        chosen = pc.equal(pc.cast(self.instances["moment"], pa.string()), self.moment(name).name)
        return self.instances.filter(chosen)

    def action(self, name: str) -> ActionTruth:
        """Return what the action of this name does."""
        for action in self.actions:
            if action.name == name:
                return action
        known = [action.name for action in self.actions]
        near = did_you_mean(str(name), known)
        hint = f"did you mean {near!r}?" if near else "there are " + (", ".join(known) or "none")
        raise ParameterError(f"the simulation has no action {name!r}", hint=hint)

    def effect_curve(self, action: str, outcome: str = "churn") -> pa.Table:
        """Return what an action truly does, by its delay after the moment.

        Bin k is of instances whose first action came in it. At its end, those that are outcome-free are followed; the
        effect is the share with the outcome within ``follow_up``, less the same share in another world of the same
        instances with the same clocks. Only instances that are followed to the end of the last bin's follow-up count.

        Parameters
        ----------
        action
            Its event type.
        outcome
            ``churn``, ``vip``, or ``referral`` (the first since the moment).

        Returns
        -------
        pa.Table
            One row a bin: ``lo``, ``hi`` (durations, half open), ``n_treated``, ``risk``, ``att_vs_usual``,
            ``se_vs_usual``, ``att_vs_none``, ``se_vs_none``; null where nobody was treated.
        """
        return self.action(action).curve(_known_outcome(outcome))

    def att(
        self,
        action: str,
        lo: str | timedelta,
        hi: str | timedelta,
        outcome: str = "churn",
        *,
        segment: str | None = None,
        channel: str | None = None,
    ) -> ActionEffect:
        """Return the true effect of an action within the delays ``[lo, hi)``, which are whole bins.

        It is the mean of `effect_curve`, weighted with the treated of each bin.

        Parameters
        ----------
        action, outcome
            As in `effect_curve`.
        lo, hi
            Delays.
        segment, channel
            Only entities of this segment, only actions that came by this channel. Needs the tables.
        """
        borders = (parse_duration(border, name) for border, name in ((lo, "lo"), (hi, "hi")))
        found = self.action(action)
        if segment is not None or channel is not None:
            spec = next(each for each in self.spec.actions if each.name == action)
            rows = self._rows(action, segment, channel)
            found = ActionTruth.of(spec, len(rows.ready), tally(spec, rows))
        return found.effect(_known_outcome(outcome), *borders)

    def _rows(self, action: str, segment: str | None, channel: str | None) -> Rows:
        chosen = pc.equal(pc.cast(self.treated["action"], pa.string()), action)
        if channel is not None:
            chosen = pc.and_(chosen, pc.equal(pc.cast(self.treated["channel"], pa.string()), channel))
        entity = pc.index_in(self.treated["entity"], self.entities["entity"])
        if segment is not None:
            own = pc.cast(self.entities["segment"], pa.string()).take(entity)
            chosen = pc.and_(chosen, pc.equal(own, segment))
        rows = self.treated.filter(chosen)
        worlds = [[micros(rows[f"{outcome}_{world}"]) for outcome in OUTCOMES] for world in WORLDS]
        followed = self.entities["followed_until"].take(entity.filter(chosen))
        stacked = np.moveaxis(np.array(worlds, np.int64).reshape(len(WORLDS), len(OUTCOMES), -1), 2, 0)
        return Rows(micros(rows["ready_time"]), micros(rows["time"]), stacked, micros(followed))

    def window_study(self, action: str, outcome: str = "churn") -> Study:
        """Return the study that asks what an action does to an outcome, for a scan of its delays.

        The index times are the ready times of the moment, and the index table's other columns are what drives action
        and outcome and can be known: ``plan`` and ``score``; in an experiment with this action also ``arm`` and
        ``scheduled_delay`` (seconds), null where nothing was assigned or the arm log lacks it. The horizon is the
        action's follow-up.

        Parameters
        ----------
        action
            Its event type.
        outcome
            ``churn`` or ``vip``, from the table of outcomes, or ``referral`` (any).
        """
        found = self.action(action)
        horizon = format_duration(found.follow_up)
        if _known_outcome(outcome) == "referral":
            asked = Outcome(f"exists(referral) within {horizon}")
        else:
            asked = Outcome.from_table(self.outcome_table(outcome), horizon=horizon)
        at = self.instances_of(found.moment).select(["entity", "ready_time"]).rename_columns(["entity", "index_time"])
        row = pc.index_in(at["entity"], self.entities["entity"])
        for name in ("plan", "score"):
            at = at.append_column(name, self.entities[name].take(row))
        if self.experiment is not None and self.experiment.action == action:
            row = pc.index_in(at["entity"], self.assignments["entity"])
            at = at.append_column("arm", pc.cast(self.assignments["arm"], pa.string()).take(row))
            delay = pc.divide(pc.cast(pc.cast(self.assignments["scheduled_delay"], pa.int64()), pa.float64()), 1e6)
            at = at.append_column("scheduled_delay", delay.take(row))
        return Study(asked, at=at, exclude_events=self.leaks(), seed=0)

    def outcome_table(self, outcome: str) -> pa.Table:
        """Return ``entity``, ``time`` and ``label`` of one outcome, as `Outcome.from_table` takes them."""
        chosen = pc.equal(pc.cast(self.outcomes["outcome"], pa.string()), _known_outcome(outcome))
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
        when = pa.scalar(index, STAMP)
        there = pc.and_(pc.less(self.entities["time"], when), pc.greater(self.entities["followed_until"], when))
        alive = pc.fill_null(pc.greater_equal(self.entities["churn_time"], when), True)
        seen = pc.greater(self.entities["n_events"], 0)
        rows = self.entities.filter(pc.and_(pc.and_(there, alive), seen)).select(["entity"])
        return rows.append_column("index_time", pa.repeat(when, rows.num_rows))

    def __repr__(self) -> str:
        planted = sum(moment.kind == "moment" for moment in self.moments)
        return (
            f"Truth({planted} moments, {len(self.moments) - planted} decoys, {len(self.actions)} actions, "
            f"{self.instances.num_rows} instances, {self.n_entities} entities)"
        )

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
        if self.actions:
            values["actions"] = [action.to_dict() for action in self.actions]
        if self.experiment is not None:
            values["experiment"] = self.experiment.to_dict()
        return json.dumps(values, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(
        cls,
        text: str,
        *,
        instances: pa.Table | None = None,
        outcomes: pa.Table | None = None,
        entities: pa.Table | None = None,
        treated: pa.Table | None = None,
        assignments: pa.Table | None = None,
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
            spec = SimulationSpec.from_dict(values["spec"])
            given = {"instances": instances, "outcomes": outcomes, "entities": entities}
            given |= {"treated": treated, "assignments": assignments}
            experiment = values.get("experiment")
            return cls(
                spec=spec,
                moments=tuple(MomentTruth.from_dict(moment) for moment in values["moments"]),
                launches=MappingProxyType(dict(values["launches"])),
                event_types=tuple(values["event_types"]),
                n_events=int(values["n_events"]),
                n_entities=int(values["n_entities"]),
                experiment=None if experiment is None else ExperimentTruth.from_dict(experiment),
                actions=tuple(ActionTruth.from_dict(action) for action in values.get("actions", ())),
                **{name: _fitted(name, schema, given[name]) for name, schema in tables_of(spec).items()},
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
        ParameterError
            `path` is no path.
        MissingInputError
            There is no such simulation, or one of its tables is missing.
        CorruptFileError
            A table cannot be read.
        """
        import pyarrow.parquet as pq

        if not isinstance(path, (str, os.PathLike)):
            raise ParameterError(f"path is that of a directory, not {path!r}", hint='write Truth.read("simulated")')
        folder = Path(path)
        if not (folder / TRUTH).is_file():
            raise MissingInputError(
                "the directory holds no finished simulation", file=str(folder), hint="write one: seqmine simulate"
            )
        text = (folder / TRUTH).read_text(encoding="utf-8")
        tables = {}
        for name in tables_of(cls.from_json(text).spec):
            file, again = folder / f"{name}.parquet", "simulate again with the spec that is in truth.json"
            try:
                tables[name] = pq.read_table(file)
            except FileNotFoundError as error:
                raise MissingInputError("a table of the simulation is missing", file=str(file), hint=again) from error
            except (pa.ArrowInvalid, OSError) as error:
                raise CorruptFileError("the table cannot be read as Parquet", file=str(file), hint=again) from error
        return cls.from_json(text, **tables)


def _known_outcome(outcome: str) -> str:
    if outcome not in OUTCOMES:
        near = did_you_mean(str(outcome), OUTCOMES)
        hint = f"did you mean {near!r}?" if near else "outcomes are " + ", ".join(OUTCOMES)
        raise ParameterError(f"there is no outcome {outcome!r}", hint=hint)
    return outcome


def _fitted(name: str, schema: pa.Schema, table: pa.Table | None) -> pa.Table:
    if table is None:
        return schema.empty_table()
    if table.schema.names != schema.names:
        raise ParameterError(f"{name} has not the columns of a simulation's table", hint=", ".join(schema.names))
    return table.cast(schema)
