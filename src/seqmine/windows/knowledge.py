"""What is known of a row at a time: the columns that models are fitted on, dynamic and static."""

# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import numpy.typing as npt

from seqmine.windows.columns import RowValues
from seqmine.windows.moments import MomentRows
from seqmine.windows.streams import Stream

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

__all__ = ["Column", "Knowledge", "Landmarks", "choose_types", "static_columns"]

Int64 = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

T = TypeVar("T")

N_TYPES: Final = 10
_STRONGEST_OUTCOME: Final = 6
_MOST_CATEGORIES: Final = 12
_MOST_VALUED: Final = 4
_MOST_EVENTS: Final = 5_000
_POINTS: Final = 1 << 16
_HOUR: Final = 3_600_000_000
_DAY: Final = 24 * _HOUR
_BASE: Final = (
    ("activity", "time since the last event"),
    ("activity", "events in the last day"),
    ("activity", "events in the last week"),
    ("activity", "events in the last 4 weeks"),
    ("tenure", "time since the start"),
    ("other actions", "another action in the last day"),
    ("delay", "time since the moment"),
)
_KINDS: Final = ("since the moment", "in the last day", "in the last 4 weeks", "ever", "so far")


@dataclass(frozen=True)
class Column:
    """One column: the matter that it belongs to, and itself in words."""

    group: str
    name: str


_CLOCK: Final = (
    *(Column("clock now", f"now {h} to {h + 4} h") for h in range(4, 24, 4)),
    Column("clock now", "now a weekend"),
)


@dataclass(frozen=True, eq=False)
class Landmarks:
    """One point of some rows, at which models are fitted.

    Attributes
    ----------
    row, time : (n,) int64
        Which row, and when.
    y, a : (n,) float64
        The outcome of the delay bin that the point lies in; whether the action follows soon.
    """

    row: Int64
    time: Int64
    y: Float64
    a: Float64

    def part(self, which: npt.NDArray[np.bool_] | slice) -> Landmarks:
        """Some of the points."""
        return Landmarks(self.row[which], self.time[which], self.y[which], self.a[which])


@dataclass(frozen=True, eq=False)
class Knowledge:
    """How to look at the rows of one moment and action.

    Attributes
    ----------
    log, rows
        Whose rows.
    hidden : (n_types,) uint8
        Types that are not looked at.
    own : (n_types,) uint8
        Types of the action; at the very time of the moment they are not looked at.
    types
        Codes of the event types that have columns of their own.
    other
        The company's other actions.
    began : (n_rows,) int64
        Start of each row's entity.
    static : (n_rows, n_static) float64
        What is known of the row itself.
    static_columns
        Its columns.
    width, look, refresh
        Width of a delay bin, how long after its beginning those untreated are looked at, and after how many bins a row
        is looked at even without events.
    phase : (n_rows,) int64
        The first such bin after the moment's own.
    """

    log: EventLog
    rows: MomentRows
    hidden: npt.NDArray[np.uint8]
    own: npt.NDArray[np.uint8]
    types: Int64
    other: Stream
    began: Int64
    static: Float64
    static_columns: tuple[Column, ...]
    width: int
    look: int
    refresh: int
    phase: Int64
    _slot: Int64 = field(init=False)

    def __post_init__(self) -> None:
        slot = np.full(max(len(self.log.event_types), 1), -1, np.int64)
        slot[self.types] = np.arange(len(self.types))
        object.__setattr__(self, "_slot", slot)

    @property
    def columns(self) -> tuple[Column, ...]:
        """Dynamic columns, then static ones."""
        names = [self.log.event_types[code] for code in self.types.tolist()]
        typed = [Column(name, f"{name} {kind}") for name in names for kind in _KINDS]
        return (*(Column(*base) for base in _BASE), *typed, *_CLOCK, *self.static_columns)

    @property
    def n_dynamic(self) -> int:
        """Number of dynamic columns."""
        return len(self.columns) - len(self.static_columns)

    def at(self, row: Int64, time: Int64) -> Float32:
        """Dynamic columns of points ordered by row, then time, as of the last look: (n_points, n_dynamic)."""
        from seqmine.windows.walk_kernel import features_at, look_times

        log = self.log
        look = np.empty(len(row), np.int64)
        look_times(
            log.entity_offsets, log.time, log.code, self.hidden, self.own, self.rows.entity, self.rows.time, self.width,
            self.refresh, self.phase, row, time, look,
        )  # fmt: skip
        time = look
        out = np.empty((len(row), self.n_dynamic), np.float32)
        features_at(
            log.entity_offsets, log.time, log.code, self.hidden, self.own, self._slot, len(self.types),
            self.other.offsets, self.other.time, self.began, self.rows.entity, self.rows.time, row, time, out,
        )  # fmt: skip
        local = time + log.zone.offset_at(time)
        block = local // _HOUR % 24 // 4
        for j in range(len(_CLOCK) - 1):
            out[:, j - len(_CLOCK)] = block == j + 1
        out[:, -1] = (local // _DAY + 3) % 7 >= 5
        return out

    def in_parts(self, row: Int64, time: Int64, work: Callable[[slice, Float32], T]) -> list[T]:
        """Results of ``work(part, columns of its points)`` over runs of points."""
        parts = [slice(i, min(i + _POINTS, len(row))) for i in range(0, len(row), _POINTS)]
        return [work(part, self.at(row[part], time[part])) for part in parts]


def choose_types(
    log: EventLog, rows: MomentRows, hidden: npt.NDArray[np.uint8], points: Landmarks, skip: Sequence[int] = ()
) -> Int64:
    """Codes of the event types that go most with the outcome, or with both the outcome and the action; at most ten.

    What confounds goes with both. A type is looked at as seen since the moment, in the last 28 days, or ever; the score
    of a type is its largest z.
    """
    from seqmine.windows.walk_kernel import screen_types

    tables = np.zeros((max(len(log.event_types), 1), 3, 3))
    entity, t0 = rows.entity[points.row], rows.time[points.row]
    screen_types(
        log.entity_offsets,
        log.time,
        log.code,
        hidden,
        entity,
        t0,
        points.time,
        points.y,
        points.a,
        _MOST_EVENTS,
        tables,
    )
    n = len(points.row)
    seen = tables[:, :, 0]
    share = np.divide(seen, n, out=np.zeros_like(seen), where=n > 0)

    def z(total: Float64, values: Float64) -> Float64:
        mean, variance = (values.mean(), values.var()) if n and np.ptp(values) > 0 else (0.0, 0.0)
        spread = np.sqrt(seen * (1 - share) * variance)
        return np.asarray(
            np.abs(np.divide(total - seen * mean, spread, out=np.zeros_like(spread), where=(seen < n) & (spread > 0)))
        )

    of_y, of_a = z(tables[:, :, 1], points.y), z(tables[:, :, 2], points.a)
    of_y[list(skip)] = of_a[list(skip)] = 0.0
    alone, both = of_y.max(axis=1), np.sqrt(of_y * of_a).max(axis=1)
    by_outcome = np.argsort(-alone, kind="stable")[:_STRONGEST_OUTCOME]
    chosen = [code for code in by_outcome.tolist() if alone[code] > 2.0]
    for code in np.argsort(-both, kind="stable").tolist():
        if len(chosen) >= N_TYPES or both[code] <= 1.0:
            break
        if code not in chosen:
            chosen.append(code)
    return np.array(sorted(chosen), np.int64)


def static_columns(
    values: RowValues,
    rows: MomentRows,
    names: Sequence[str],
    discovery: npt.NDArray[np.bool_],
    skip: Sequence[int] = (),
) -> tuple[Float64, tuple[Column, ...]]:
    """What is known of rows themselves: clock and weekend of the moment, moments before, named columns, and
    the last values of the event types that have the most.

    Numbers enter as they are (cut to their 0.5 and 99.5 % quantiles), beyond their median, and as known or not;
    categories each, the rarest together. Cuts are those of the discovery rows. Types in `skip` (placebos) tell nothing.
    """
    log = values.log
    local = rows.time + log.zone.offset_at(rows.time)
    hour, day = local // 3_600_000_000 % 24, (local // _DAY + 3) % 7
    parts: list[tuple[Column, Float64]] = []
    for block in range(1, 6):
        column = Column("clock", f"moment at {4 * block} to {4 * block + 4} h")
        parts.append((column, (hour // 4 == block).astype(np.float64)))
    parts.append((Column("clock", "moment on a weekend"), (day >= 5).astype(np.float64)))
    parts.append((Column("moments before", "moments before"), np.log1p(rows.before.astype(np.float64))))
    for name in names:
        if values.is_number(name):
            parts += _of_numbers(name, values.numbers(name), discovery)
        else:
            found = values.categories(name)
            counts = np.bincount(found.code[discovery], minlength=len(found.values))
            for code in np.argsort(-counts, kind="stable")[:_MOST_CATEGORIES].tolist():
                if counts[code]:
                    flag = (found.code == code).astype(np.float64)
                    parts.append((Column(name, f"{name} {found.values[code]}"), flag))
    if log.has_value:
        told = log.code[~np.isnan(log.value)] if log.value is not None else log.code[:0]
        counts = np.bincount(told, minlength=1)
        for code in np.argsort(-counts, kind="stable")[:_MOST_VALUED].tolist():
            if counts[code] and code not in skip:
                parts += _of_numbers(f"value of {log.event_types[code]}", values.values(code), discovery)
    kept = [
        (column, values)
        for column, values in parts
        if len(values) and np.ptp(values[discovery] if discovery.any() else values) > 0
    ]
    static = np.stack([values for _, values in kept], axis=1) if kept else np.zeros((len(rows), 0))
    return np.ascontiguousarray(static), tuple(column for column, _ in kept)


def _of_numbers(name: str, numbers: Float64, discovery: npt.NDArray[np.bool_]) -> list[tuple[Column, Float64]]:
    known = ~np.isnan(numbers)
    found = numbers[discovery & known]
    if len(found) == 0:
        return []
    low, middle, high = np.quantile(found, (0.005, 0.5, 0.995), method="inverted_cdf")
    cut = np.clip(np.where(known, numbers, middle), low, high)
    return [
        (Column(name, name), cut),
        (Column(name, f"{name} beyond its median"), np.maximum(cut - middle, 0.0)),
        (Column(name, f"{name} known"), known.astype(np.float64)),
    ]
