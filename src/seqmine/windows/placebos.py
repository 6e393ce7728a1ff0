"""Placebos: what the action cannot have changed, and whether it seems to."""

# mypy: allow-untyped-calls

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from seqmine.errors import ParameterError
from seqmine.events.selectors import Selector
from seqmine.events.spans import span_positions
from seqmine.labels._instants import earlier
from seqmine.windows.columns import EntityColumns, RowValues
from seqmine.windows.models import fit_model, link_of
from seqmine.windows.moments import MomentRows
from seqmine.windows.options import WindowOptions
from seqmine.windows.pair import Pair
from seqmine.windows.streams import read_selector, stream_of

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

__all__ = ["Placebo", "declared_placebos", "found_placebos", "placebo_test"]

Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

_DAY: Final = 86_400_000_000
_OLD, _RECENT = 84 * _DAY, 28 * _DAY


@dataclass(frozen=True, eq=False)
class Placebo:
    """Something that the action cannot have changed: its name, and a number for each row."""

    name: str
    value: Float64


def declared_placebos(
    log: EventLog, options: WindowOptions, columns: EntityColumns, values: RowValues, rows: MomentRows
) -> tuple[list[Placebo], tuple[str, ...]]:
    """Those that were declared, and the event types that models must not see on their account."""
    placebos: list[Placebo] = []
    types: list[str] = []
    since = earlier(rows.time, _OLD)
    for name in options.placebos:
        if name in columns.columns:
            if not values.is_number(name):
                raise ParameterError(f"placebos: the column {name!r} holds no numbers", hint="write 0 and 1")
            numbers = values.numbers(name)
            placebos.append(Placebo(name, np.where(np.isnan(numbers), 0.0, numbers)))
            continue
        selector = read_selector(name)
        stream = stream_of(log, selector, threads=options.threads)
        time, there = stream.first_from(rows.entity, since)
        placebos.append(Placebo(name, (there & (time < rows.time)).astype(np.float64)))
        types += selector.types
    return placebos, tuple(types)


def found_placebos(pair: Pair) -> list[Placebo]:
    """Without declared ones: how active the entity was, and types that models do not know, 12 to 4 weeks before."""
    log, rows = pair.log, pair.design.rows
    since, until = earlier(rows.time, _OLD), earlier(rows.time, _RECENT)
    known = np.asarray(log.start_times, dtype=np.int64)[rows.entity] <= until
    if np.count_nonzero(known) < len(rows) // 2:
        return []
    hidden = pair.knowledge.hidden
    begin, end = span_positions(log, rows.entity, since, until - 1, pair.threads)
    shown = np.concatenate(([0], np.cumsum(hidden[log.code] == 0)))
    count = (shown[end] - shown[begin]).astype(np.float64)
    middle = np.median(count[pair.discovery]) if pair.discovery.any() else 0.0
    placebos = [Placebo("activity 12 to 4 weeks before", (count > middle).astype(np.float64))]
    seen = set(pair.knowledge.types.tolist())
    totals = np.bincount(log.code, minlength=len(log.event_types))
    # What entities begin with says how long they have been there, which is held equal anyway.
    begins = log.entity_offsets[:-1][np.diff(log.entity_offsets) > 0]
    first = np.bincount(log.code[begins], minlength=len(log.event_types))
    told = [c for c in np.argsort(-totals, kind="stable").tolist() if c not in seen and not hidden[c]]
    common = [c for c in told if 2 * first[c] <= totals[c]][:10]
    residual = pair.points.y - pair.points.y.mean()
    scored = []
    for code in common:
        stream = stream_of(log, Selector((log.event_types[code],)), threads=pair.threads)
        time, there = stream.first_from(rows.entity, since)
        value = (there & (time < until)).astype(np.float64)
        at = value[pair.points.row]
        if 0.01 < at.mean() < 0.99:
            scored.append((-abs(float(np.sum((at - at.mean()) * residual)) / math.sqrt(float(at.var()))), code, value))
    for _, code, value in sorted(scored, key=lambda one: one[:2])[:2]:
        placebos.append(Placebo(f"{log.event_types[code]} 12 to 4 weeks before", value))
    return placebos


def placebo_test(pair: Pair, placebos: Sequence[Placebo], rows: Bool) -> tuple[str, float] | None:
    """Does the action seem to change what it cannot have changed?

    The estimator is run on each placebo in the place of the outcome, with a model of its own and the same strata, over
    all delays; the smallest p counts, times the number of placebos. Source: Lipsitch, Tchetgen Tchetgen & Cohen 2010,
    Epidemiology 21. Returns its name and that p, or None without a placebo that varies.
    """
    points, x = pair.points, pair.x
    usable = [one for one in placebos if len(np.unique(one.value[points.row])) > 1]
    if not usable:
        return None
    static = pair.knowledge.static[points.row]
    steps = [pair.steps.constant(one.value) for one in usable]
    models = []
    for one, own in zip(usable, steps, strict=True):
        y = one.value[points.row]
        binary = bool(np.all((y == 0) | (y == 1)))
        models.append((fit_model(x, static, y, link=link_of(y, binary=binary)), own.scale))
    _, pieces = pair.place(pair.models, pair.which, rows, outcome_too=models)
    tested = []
    for one, own, other in zip(usable, steps, pieces, strict=True):
        judge = pair.judge(rows, steps=own, pieces=other)
        tested.append((judge.estimate(~judge.cells.always).p, one.name))
    known = [(p, name) for p, name in tested if not math.isnan(p)]
    if not known:
        return None
    p, name = min(known)
    return name, min(1.0, p * len(known))
