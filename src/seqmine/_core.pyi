from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

_I64 = npt.NDArray[np.int64]
_U8 = npt.NDArray[np.uint8]
_F64 = npt.NDArray[np.float64]
# Anything with the buffer protocol: collections.abc.Buffer has no static form before Python 3.12.
Buffer: TypeAlias = Any

__version__: str
UNBOUNDED: int

def resolve_threads(requested: int) -> int: ...

class Log:
    def __init__(
        self,
        *,
        entity_offsets: _I64,
        time: _I64,
        code: npt.NDArray[np.uint16] | npt.NDArray[np.uint32],
        n_types: int,
        value: _F64 | None = None,
        attributes: list[npt.NDArray[np.int32] | _F64] = ...,
        n_categories: list[int] = ...,
        start: _I64 | None = None,
        zone_transitions: _I64 | None = None,
        zone_offsets: _I64 | None = None,
    ) -> None: ...
    @property
    def n_events(self) -> int: ...
    @property
    def n_entities(self) -> int: ...
    @property
    def time_address(self) -> int: ...

class Rows:
    def __init__(
        self,
        *,
        entity: _I64,
        lo: _I64 | None = None,
        last: _I64 | None = None,
        until: int = 9223372036854775807,
        excluded: _U8 | None = None,
    ) -> None: ...
    @property
    def n_rows(self) -> int: ...

def seen_events(log: Log, rows: Rows) -> _U8: ...

class Condition:
    def __init__(
        self,
        field: str,
        *,
        attribute: int = -1,
        comparison: str = "eq",
        operand: float = 0.0,
        allowed: _U8 | None = None,
    ) -> None: ...

class Predicate:
    def __init__(self, types: _U8, conditions: Sequence[Condition] = ...) -> None: ...

class Pattern:
    def __init__(
        self,
        *,
        predicates: Sequence[Predicate],
        steps: Sequence[tuple[int, int, int, int]],
        absences: Sequence[tuple[int, int]] = ...,
        span: int = ...,
        anchored: bool = False,
    ) -> None: ...

def find(log: Log, pattern: Pattern, rows: Rows, all: bool, threads: int) -> tuple[_I64, _I64, _I64, _I64]: ...
def count(log: Log, pattern: Pattern, rows: Rows, labels: _U8 | None, threads: int) -> tuple[int, int, int]: ...
def gap_tables(
    log: Log, jobs: Sequence[tuple[Pattern, int, Sequence[int]]], rows: Rows, weight: _I64, threads: int
) -> list[tuple[_I64, _I64]]: ...
def match_many(
    log: Log, patterns: Sequence[Pattern], rows: Rows, with_clock: bool, threads: int
) -> tuple[_U8, npt.NDArray[np.uint32] | None]: ...
def match_rows(log: Log, pattern: Pattern, rows: Rows, threads: int) -> _U8: ...
def window_stats(log: Log, predicate: Predicate, rows: Rows, threads: int) -> dict[str, Any]: ...
def nth_event_time(log: Log, predicate: Predicate, n: int, threads: int) -> tuple[_I64, _U8]: ...

class StringColumn:
    def __init__(
        self,
        length: int,
        offset: int,
        validity: Buffer | None,
        offsets: Buffer | None,
        data: Buffer | None,
        large: bool,
    ) -> None: ...
    @staticmethod
    def dictionary(
        length: int,
        offset: int,
        validity: Buffer | None,
        indices: Buffer | None,
        index_width: int,
        values: StringColumn,
        index_signed: bool = True,
    ) -> StringColumn: ...
    @property
    def data_address(self) -> int: ...

class Ingest:
    def __init__(
        self, n_string_attributes: int, n_number_attributes: int, has_value: bool, has_event_id: bool, threads: int
    ) -> None: ...
    def push(
        self,
        entity: StringColumn,
        event: StringColumn,
        time: _I64,
        flags: _U8,
        value: _F64 | None,
        string_attributes: list[StringColumn],
        number_attributes: list[_F64],
        event_id: StringColumn | None,
    ) -> tuple[_I64, _U8]: ...
    @property
    def n_rows(self) -> int: ...
    def entity_names(self) -> tuple[_I64, _U8]: ...
    def event_names(self) -> tuple[_I64, _U8]: ...
    def rename_entities(self, offsets: _I64, data: Buffer) -> None: ...
    def finish(self, duplicates: str, excluded_events: Sequence[bytes]) -> dict[str, Any]: ...

def merge_logs(
    one: Log,
    entities: StringColumn,
    event_types: StringColumn,
    dictionaries: list[StringColumn],
    other: Log,
    other_entities: StringColumn,
    other_event_types: StringColumn,
    other_dictionaries: list[StringColumn],
    duplicates: str,
    threads: int,
) -> dict[str, Any]: ...
def mine(
    log: Log,
    rows: Rows,
    *,
    label: _U8,
    stratum: npt.NDArray[np.int32] | None = None,
    n_strata: int = 0,
    weight: _I64 | None = None,
    weight_scale: int = 0,
    items: Sequence[tuple[str, int, Sequence[Condition]]],
    absences: Sequence[tuple[int, int]],
    max_length: int,
    min_gap: int,
    max_gap: int,
    max_span: int,
    learn_gaps: bool,
    gap_edges: Sequence[int],
    min_support: int,
    top_k: int,
    measure: str,
    direction: str,
    redundancy: float,
    threads: int,
    max_seconds: float,
    max_memory: int,
) -> dict[str, Any]: ...

class FrequentPatterns:
    def __len__(self) -> int: ...
    def supports(self) -> _I64: ...
    def lengths(self) -> _I64: ...
    def texts(self, begin: int, end: int) -> tuple[_I64, _U8]: ...
    @property
    def complete(self) -> bool: ...
    @property
    def truncated_by(self) -> str: ...
    @property
    def stats(self) -> dict[str, int]: ...

def mine_frequent(
    log: Log,
    rows: Rows,
    *,
    types: npt.NDArray[np.uint32],
    names: Sequence[str],
    min_support: int,
    max_length: int,
    min_gap: int,
    max_gap: int,
    max_span: int,
    closed: bool,
    threads: int,
    max_seconds: float,
    max_memory: int,
    max_patterns: int,
) -> FrequentPatterns: ...
def kernels() -> list[str]: ...

class PermutedLabels:
    def __init__(
        self,
        *,
        label: _U8,
        stratum: npt.NDArray[np.int32] | None = None,
        n_strata: int = 0,
        unit: _I64 | None = None,
        n_permutations: int,
        seed: int,
        threads: int = 0,
        max_memory: int = 0,
    ) -> None: ...
    @property
    def n_rows(self) -> int: ...
    @property
    def n_permutations(self) -> int: ...
    def bits(self) -> npt.NDArray[np.uint64]: ...
    def count(self, rows: npt.NDArray[np.uint32], offsets: _I64, kernel: str = "best") -> npt.NDArray[np.uint32]: ...

def westfall_young(
    log: Log,
    rows: Rows,
    *,
    label: _U8,
    stratum: npt.NDArray[np.int32] | None = None,
    n_strata: int = 0,
    unit: _I64 | None = None,
    items: Sequence[tuple[str, int, Sequence[Condition]]],
    max_length: int,
    min_gap: int,
    max_gap: int,
    max_span: int,
    min_support: int,
    n_permutations: int,
    seed: int,
    max_work: int = 0,
    max_seconds: float = 0.0,
    max_memory: int = 0,
    threads: int = 0,
    kernel: str = "best",
) -> dict[str, Any]: ...
