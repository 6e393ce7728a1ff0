"""The native ingest through its binding: strict intake, borrowed buffers, one call at a time."""

from __future__ import annotations

import _thread
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from seqmine import _native
from seqmine.errors import ParameterError


def text_column(array: pa.Array) -> Any:
    if pa.types.is_dictionary(array.type):
        validity, indices = array.indices.buffers()
        index_type = array.type.index_type
        return _native.StringColumn.dictionary(
            len(array),
            array.offset,
            validity,
            indices,
            index_type.bit_width // 8,
            text_column(array.dictionary),
            pa.types.is_signed_integer(index_type),
        )
    validity, offsets, data = array.buffers()
    return _native.StringColumn(len(array), array.offset, validity, offsets, data, pa.types.is_large_string(array.type))


def names(packed: tuple[Any, Any]) -> list[str]:
    offsets, data = packed
    raw = data.tobytes()
    return [raw[a:b].decode() for a, b in pairwise(offsets)]


def push(ingest: Any, entity: pa.Array, event: pa.Array, times: Any, flags: Any = None) -> Any:
    flags = np.zeros(len(entity), np.uint8) if flags is None else flags
    return ingest.push(text_column(entity), text_column(event), times, flags, None, [], [], None)


def test_rows_come_out_in_order_and_bad_ones_are_returned() -> None:
    ingest = _native.Ingest(0, 0, False, False, 2)
    entity = pa.array(["b", "a", None, "", "b", "a"])
    event = pa.array(["x", "y", "x", "x", None, "x"]).dictionary_encode()
    flags = np.array([0, 0, 9, 9, 9, 7], np.uint8)
    rows, reasons = push(ingest, entity, event, np.array([5, 4, 3, 2, 1, 0]), flags)
    assert rows.tolist() == [2, 3, 4, 5]
    assert reasons.tolist() == [1, 2, 3, 7]
    assert ingest.n_rows == 2
    assert sorted(names(ingest.entity_names())) == ["a", "b"]
    assert sorted(names(ingest.event_names())) == ["x", "y"]
    log = ingest.finish("none", [])
    assert names(log["entity_names"]) == ["a", "b"]
    assert names(log["event_names"]) == ["x", "y"]
    assert log["entity_offsets"].tolist() == [0, 1, 2]
    assert log["time"].tolist() == [4, 5]
    assert log["code"].dtype == np.uint16
    assert log["code"].tolist() == [1, 0]
    assert log["value"] is None


@pytest.mark.parametrize("layout", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
def test_slices_are_read_where_they_lie(layout: pa.DataType) -> None:
    whole = pa.array(["skipped", None, "b", None, "a", "b", "skipped"]).cast(layout)
    ingest = _native.Ingest(1, 0, False, False, 1)
    part = whole.slice(2, 4)
    keys = text_column(pa.array(["e"] * 4))
    zeros = np.zeros(4, np.uint8)
    ingest.push(keys, keys, np.arange(4), zeros, None, [text_column(part)], [], None)
    log = ingest.finish("none", [])
    assert names(log["string_dictionaries"][0]) == ["a", "b"]
    assert log["string_codes"][0].tolist() == [1, -1, 0, 1]


def test_text_is_borrowed_not_copied() -> None:
    array = pa.array(["one", "two"])
    assert text_column(array).data_address == array.buffers()[2].address


def test_results_own_their_memory() -> None:
    ingest = _native.Ingest(0, 0, False, False, 1)
    column = pa.array([f"e{i}" for i in range(1000)])
    push(ingest, column, column, np.arange(1000))
    times = ingest.finish("none", [])["time"]
    del ingest, column
    order = sorted(range(1000), key=lambda i: f"e{i}")
    assert times.tolist() == order


def test_wrong_dtypes_name_the_cast() -> None:
    ingest = _native.Ingest(0, 0, False, False, 1)
    column = pa.array(["a"])
    with pytest.raises(TypeError, match=r"int64.*astype"):
        push(ingest, column, column, np.zeros(1, np.int32))
    with pytest.raises(TypeError, match="one-dimensional and contiguous"):
        push(ingest, pa.array(["a", "b"]), pa.array(["a", "b"]), np.zeros(4, np.int64)[::2])


def test_buffers_that_are_too_short_are_refused() -> None:
    offsets = np.array([0, 1], np.int32)
    with pytest.raises(ValueError, match="offsets is shorter"):
        _native.StringColumn(2, 0, None, offsets, b"ab", False)
    with pytest.raises(ValueError, match="validity is shorter"):
        _native.StringColumn(1, 8, b"\xff", np.zeros(10, np.int32), b"", False)
    values = _native.StringColumn(1, 0, None, offsets, b"a", False)
    with pytest.raises(ValueError, match="indices is shorter"):
        _native.StringColumn.dictionary(2, 0, None, np.zeros(1, np.int32), 4, values)


def test_columns_of_different_lengths_are_refused_and_end_the_ingest() -> None:
    ingest = _native.Ingest(0, 0, False, False, 1)
    with pytest.raises(ParameterError, match="one length"):
        push(ingest, pa.array(["a", "b"]), pa.array(["a"]), np.zeros(2, np.int64))
    with pytest.raises(ParameterError, match="one length"):
        ingest.finish("none", [])


def test_unknown_policies_are_refused() -> None:
    with pytest.raises(ValueError, match="duplicates must be"):
        _native.Ingest(0, 0, False, False, 1).finish("some", [])


def test_renamed_entities_become_one() -> None:
    ingest = _native.Ingest(0, 0, False, False, 1)
    push(ingest, pa.array(["a", "b", "c"]), pa.array(["x"] * 3), np.array([3, 2, 1]))
    new = {"a": b"person", "b": b"person", "c": b"other"}
    texts = [new[name] for name in names(ingest.entity_names())]
    offsets = np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int64)
    ingest.rename_entities(offsets, b"".join(texts))
    log = ingest.finish("none", [])
    assert names(log["entity_names"]) == ["other", "person"]
    assert log["time"].tolist() == [1, 2, 3]


@contextmanager
def interrupted_when_the_core_runs() -> Iterator[None]:
    """Ctrl-C at the first moment at which the block lets another thread run: when native work has released the GIL.

    A timer would also strike before the work or after it on a busy machine.
    """
    go = threading.Event()

    def strike() -> None:
        go.wait()
        _thread.interrupt_main()

    thread = threading.Thread(target=strike)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)  # seconds in which Python code that runs is not asked for the GIL
    try:
        thread.start()
        go.set()
        yield
    finally:
        sys.setswitchinterval(interval)
        thread.join()


@pytest.mark.timing
@pytest.mark.threaded
def test_ctrl_c_interrupts_a_long_sort() -> None:
    rng = np.random.default_rng(0)
    n = 1 << 20
    column = pa.array(["one"]).take(pa.array(np.zeros(n, np.int32)))
    ingest = _native.Ingest(0, 0, False, False, 1)
    for _ in range(8):  # one entity, eight million events, seconds of sorting
        push(ingest, column, column, rng.integers(0, 1 << 60, n))
    started = time.perf_counter()
    with pytest.raises(KeyboardInterrupt), interrupted_when_the_core_runs():
        ingest.finish("none", [])
    assert time.perf_counter() - started < 2.0  # 0.5 s on a machine that does nothing else
    with pytest.raises(KeyboardInterrupt):
        ingest.finish("none", [])


@pytest.mark.timing
def test_after_an_interrupted_push_every_call_says_so() -> None:
    """Names that a broken piece brought have no number yet: nobody may read them."""
    n = 1 << 21
    names_of_all = pa.array([f"customer-with-a-long-name-{i}" for i in range(n)], pa.large_string())
    column, times, flags = text_column(names_of_all), np.arange(n), np.zeros(n, np.uint8)
    ingest = _native.Ingest(0, 0, False, False, 1)
    with pytest.raises(KeyboardInterrupt), interrupted_when_the_core_runs():
        ingest.push(column, column, times, flags, None, [], [], None)
    for call in (ingest.entity_names, ingest.event_names):
        with pytest.raises(KeyboardInterrupt):
            call()


def test_buffers_that_do_not_hold_what_is_said() -> None:
    offsets, data = np.array([0, 1, 2], np.int32), b"ab"
    for length, offset in [(1, 2**63 - 2), (2**62, 2**62), (2, 2)]:
        with pytest.raises(ValueError, match="length and offset"):
            _native.StringColumn(length, offset, None, offsets, data, False)
    with pytest.raises(ValueError, match="contiguous"):
        _native.StringColumn(2, 0, None, offsets[::-1], data, False)


def test_columns_of_a_log_are_arrays() -> None:
    columns = {"entity_offsets": np.array([0, 1]), "time": np.array([0]), "code": np.array([0], np.uint16)}
    _native.Log(**columns, n_types=1)
    for name in columns:
        with pytest.raises((TypeError, ValueError)):
            _native.Log(**{**columns, name: None}, n_types=1)
    with pytest.raises((TypeError, ValueError)):
        _native.Log(**columns, n_types=1, attributes=[None], n_categories=[0])
