"""Where the numbers of one pattern come from: counts by stratum, who it is compared with, and examples."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from seqmine import _native
from seqmine._text import rounded_duration
from seqmine.errors import ParameterError
from seqmine.patterns import Pattern
from seqmine.patterns.search import compile_pattern

if TYPE_CHECKING:
    from seqmine.mining.parts import Part
    from seqmine.mining.study_result import StudyResult

__all__ = ["Explanation", "explain", "segments"]

_EXAMPLES: Final = 3
"""Timelines shown of rows with the outcome, and of rows without."""
_MOST_EVENTS: Final = 12
_DIGEST_BYTES: Final = 6


@dataclass(frozen=True)
class Explanation:
    """One pattern explained; ``str()`` is text for people.

    Attributes
    ----------
    pattern, verdict, statement
        As in the table.
    comparison
        Who the matching rows are compared with, in words.
    strata
        One row per stratum with matching rows: ``stratum`` (in words), ``n``, ``n_matched``, ``n_positive`` (of the
        matching), ``rate`` (of the matching), ``rate_of_others``. Of numbers the rates are means, and ``n_positive`` is
        null.
    examples
        Timelines of up to three matching rows with the outcome and three without: ``row`` (a keyed hash of the entity,
        the same in every run with this seed; no id), ``outcome``, ``before_index`` (time from the event to the index)
        and ``event``, from the first step's event to the last one's; at most twelve events of each.
    """

    pattern: str
    verdict: str
    statement: str
    comparison: str
    strata: pa.Table
    examples: pa.Table

    def __str__(self) -> str:
        lines = [self.pattern, f"  {self.verdict}: {self.statement}", f"  {self.comparison}", ""]
        lines += ["  by stratum: matching rows, with the outcome; rate of others"]
        for row in self.strata.to_pylist():
            positive = "" if row["n_positive"] is None else f", {row['n_positive']:,} with the outcome"
            others = "" if row["rate_of_others"] is None else f"; others {row['rate_of_others']:.3g}"
            lines.append(
                f"    {row['stratum']}: {row['n_matched']:,} of {row['n']:,}{positive} ({row['rate']:.3g}){others}"
            )
        before: tuple[Any, Any] | None = None
        lines += ["", "  examples"] if self.examples.num_rows else []
        for row in self.examples.to_pylist():
            if (row["row"], row["outcome"]) != before:
                before = row["row"], row["outcome"]
                lines.append(f"    {row['row']} (outcome {row['outcome']:g})")
            lines.append(f"      {row['before_index']:>14} before the index  {row['event']}")
        return "\n".join(lines)


def explain(result: StudyResult, position: int) -> Explanation:
    """The explanation of the pattern at a position of the table."""
    row = result.to_arrow().slice(position, 1).to_pylist()[0]
    pattern = result.patterns[position]
    part = result._judge
    part.match([pattern])
    counts = part.counts(pattern)
    there = np.flatnonzero(counts.matched > 0)
    n, matched = part.n[there], counts.matched[there]
    mean = part.mean[there] if part.is_numeric else np.zeros(len(there))
    total, inside = part.total[there], counts.matched_total[there]
    others = n - matched
    rate = inside / matched + mean
    other_rate = np.where(others > 0, (total - inside) / np.maximum(others, 1) + mean, np.nan)
    nothing = pa.nulls(len(there), pa.int64())
    strata = pa.table(
        {
            "stratum": pa.array([result._strata.names[s] for s in there], pa.string()),
            "n": pa.array(n, pa.int64()),
            "n_matched": pa.array(matched, pa.int64()),
            "n_positive": nothing if part.is_numeric else pa.array(np.rint(inside).astype(np.int64), pa.int64()),
            "rate": pa.array(rate, pa.float64()),
            "rate_of_others": pa.array(other_rate, pa.float64(), mask=np.isnan(other_rate)),
        }
    )
    who = "the same rows that it was found on" if result.small else "customers never used to find it"
    comparison = (
        f"{row['pattern']}: rows that match are compared with rows that do not, among {who}. {result.held_equal}"
    )
    if nowhere := int(np.count_nonzero((part.n > 0) & (counts.matched == 0))):
        idle = int(part.n[counts.matched == 0].sum())
        comparison += f" Nobody matches in {nowhere:,} of the strata; their {idle:,} rows play no part."
    if alone := int(matched[others == 0].sum()):
        comparison += f" {alone:,} rows that match have none like them to be compared with, and play no part."
    return Explanation(
        row["pattern"], row["verdict"], row["statement"], comparison, strata, _examples(result, part, pattern)
    )


def _examples(result: StudyResult, part: Part, pattern: Pattern) -> pa.Table:
    names = result.labels.column("entity").take(pa.array(result._judge_rows)).to_pylist()
    matched = np.flatnonzero(part.matched(pattern))
    seed = str(result.study.seed).encode()

    def hashed(i: Any) -> str:
        return hashlib.blake2b(
            names[int(i)].encode(), digest_size=_DIGEST_BYTES, key=seed, person=b"seqmine.show"
        ).hexdigest()

    outcome = part.bound.number if part.bound.number is not None else part.outcome
    middle = float(np.median(outcome[matched])) if part.is_numeric and len(matched) else 0.0
    high = [i for i in matched if outcome[i] > middle]
    low = [i for i in matched if outcome[i] <= middle]
    # By hash: neither the order of ids nor a choice of mine says which are shown.
    chosen = [(hashed(i), i) for group in (high, low) for i in sorted(group, key=lambda i: (hashed(i), i))[:_EXAMPLES]]
    columns: dict[str, list[Any]] = {"row": [], "outcome": [], "before_index": [], "event": []}
    if chosen:
        bound = part.bound.take(np.array([i for _, i in chosen], dtype=np.int64))
        row, start, moment, _ = _native.find(
            part.log.native, compile_pattern(part.log, pattern), bound.rows, False, part.threads
        )
        for at, begin, end in zip(row, start, moment, strict=True):
            name, i = chosen[at]
            for time, event in _events(part, bound.entity[at], begin, end, bound.excluded):
                columns["row"].append(name)
                columns["outcome"].append(float(outcome[i]))
                columns["before_index"].append(rounded_duration(int(bound.index_time[at]) - time))
                columns["event"].append(event)
    kinds = {"row": pa.string(), "outcome": pa.float64(), "before_index": pa.string(), "event": pa.string()}
    return pa.table({name: pa.array(columns[name], kind) for name, kind in kinds.items()})


def _events(
    part: Part, entity: int, begin: int, end: int, excluded: npt.NDArray[np.uint8] | None
) -> list[tuple[int, str]]:
    log = part.log
    first, last = int(log.entity_offsets[entity]), int(log.entity_offsets[entity + 1])
    time = np.asarray(log.time[first:last])
    chosen = np.flatnonzero((time >= begin) & (time <= end)) + first
    if excluded is not None:
        chosen = chosen[excluded[np.asarray(log.code)[chosen]] == 0]
    # Events of one type at one time are one line: a day of clicks would fill the page.
    times, repeats = np.unique(
        np.stack([np.asarray(log.time)[chosen], np.asarray(log.code)[chosen].astype(np.int64)]),
        axis=1,
        return_counts=True,
    )
    return [
        (int(time), log.event_types[int(code)] + ("" if n == 1 else f" x{n}"))
        for time, code, n in zip(*times[:, :_MOST_EVENTS], repeats[:_MOST_EVENTS], strict=True)
    ]


def segments(result: StudyResult) -> pa.Table:
    """The table of `StudyResult.segments`."""
    from seqmine.mining.columns import row_columns
    from seqmine.mining.segments import segment_effects

    names = tuple(result._evidence.segments)
    if not names:
        raise ParameterError(
            "no segments were declared", hint="write evidence=sm.EvidenceOptions(segments=['plan']) when mining"
        )
    part = result._judge
    bound = result.labels.bind(part.log, numbers=True)
    columns = [
        replace(column, code=column.code[result._judge_rows])
        for column in row_columns(part.log, result.labels, bound, names, "segments", part.threads)
    ]
    matched = [part.matched(pattern) for pattern in result.patterns]
    empty = np.zeros((0, part.n_rows), dtype=np.uint8)
    return segment_effects(
        np.stack(matched).astype(np.uint8) if matched else empty,
        part.outcome if part.is_numeric else part.bound.label,
        part.stratum,
        part.cluster,
        columns,
        [str(pattern) for pattern in result.patterns],
    )
