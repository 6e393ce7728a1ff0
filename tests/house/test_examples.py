"""The examples of all docstrings run, and every public name that does something has one."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pytest

import seqmine

MODULES = sorted(
    module.name for module in pkgutil.walk_packages(seqmine.__path__, "seqmine.") if "__main__" not in module.name
)
WITHOUT = {
    "CapacityPlan",
    "FrequentResult",
    "MiningResult",
    "StudyResult",
    "WindowResult",
}  # made by functions that have one


@pytest.mark.parametrize("name", [name for name in MODULES if not name.startswith(("seqmine._core", "seqmine.cli"))])
def test_examples_run(name: str) -> None:
    report: list[str] = []
    for test in doctest.DocTestFinder().find(importlib.import_module(name)):
        doctest.DocTestRunner(verbose=False).run(test, out=report.append)
    assert report == []


def test_every_public_name_has_an_example() -> None:
    def has_example(value: object) -> bool:
        members = vars(value).values() if inspect.isclass(value) else ()
        members = [part for part in members if str(getattr(part, "__module__", "")).startswith("seqmine")]
        return any(">>> " in (inspect.getdoc(part) or "") for part in (value, *members))

    lacking = [name for name in seqmine.__all__ if not has_example(getattr(seqmine, name))]
    assert set(lacking) == WITHOUT
