"""The only door to the native core. Everything above imports the core's names from here."""

from __future__ import annotations

from seqmine._core import (
    UNBOUNDED,
    Condition,
    FrequentPatterns,
    Ingest,
    Log,
    Pattern,
    Predicate,
    Rows,
    StringColumn,
    count,
    find,
    match_many,
    match_rows,
    merge_logs,
    mine,
    mine_frequent,
    nth_event_time,
    resolve_threads,
    seen_events,
    window_stats,
)

__all__ = [
    "UNBOUNDED",
    "Condition",
    "FrequentPatterns",
    "Ingest",
    "Log",
    "Pattern",
    "Predicate",
    "Rows",
    "StringColumn",
    "count",
    "find",
    "match_many",
    "match_rows",
    "merge_logs",
    "mine",
    "mine_frequent",
    "nth_event_time",
    "resolve_threads",
    "seen_events",
    "window_stats",
]
