"""No hot kernel takes over 3 % more instructions than the stored table says (tools/instructions.py)."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
KERNELS = {
    "ingest_by_time", "frequent", "frequent_max_gap", "labelled_fixed_gaps", "count", "find",
    "permute_entities", "count_permutations", "westfall_young",
}  # fmt: skip


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("instructions", ROOT / "tools" / "instructions.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["instructions"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.timing
def test_no_kernel_takes_more_instructions(tool: ModuleType) -> None:
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not installed, so no instructions can be counted")
    folder = tool.programs()
    key, table = tool.toolchain(folder), tool.read_table()
    if key not in table:
        pytest.skip(f"the table has no counts for {key}: `make instructions-baseline` writes them")
    now = tool.count_all(folder)
    assert set(now["baseline"]) >= KERNELS
    assert tool.problems(table[key], now) == [], "\n" + tool.report(table[key], now)


def test_the_table_covers_every_kernel_of_both_builds(tool: ModuleType) -> None:
    table = tool.read_table()
    assert table
    for section in table.values():
        assert set(section) == set(tool.BUILDS)
        assert all(set(row) >= KERNELS for row in section.values())


def test_a_slowdown_is_named_with_both_counts(tool: ModuleType) -> None:
    was = {"baseline": {"count": tool.Count(1_000_000, 7), "find": tool.Count(500, 1)}}
    now = {"baseline": {"count": tool.Count(1_031_000, 7), "find": tool.Count(100, 1)}}
    assert tool.problems(was, now) == [
        "count (baseline): was 1,000,000 instructions, is 1,031,000 (+3.1%; 3% is allowed)"
    ]
    now["baseline"]["count"] = tool.Count(1_030_000, 7)
    assert tool.problems(was, now) == []


def test_other_work_is_no_comparison(tool: ModuleType) -> None:
    was = {"avx2": {"count": tool.Count(1_000, 7), "find": tool.Count(5, 1)}}
    now = {"avx2": {"count": replace(was["avx2"]["count"], answer=8), "new": tool.Count(1, 1)}}
    wrong = tool.problems(was, now)
    assert "its answer was 7, is 8" in wrong[0]
    assert wrong[1:] == ["find (avx2): is in the table, but not in the program", "new (avx2): is not in the table"]


def test_a_machine_without_avx2_is_held_to_what_it_can_run(tool: ModuleType) -> None:
    was = {"baseline": {"count": tool.Count(1_000, 7)}, "avx2": {"count": tool.Count(900, 7)}}
    assert tool.problems(was, {"baseline": {"count": tool.Count(1_000, 7)}}) == []


def test_the_table_comes_back_as_it_was_written(tool: ModuleType, tmp_path: Path) -> None:
    table = {"GNU 12": {"baseline": {"count": tool.Count(10, 7)}}}
    tool.write_table(table, tmp_path / "table.json")
    assert tool.read_table(tmp_path / "table.json") == table
