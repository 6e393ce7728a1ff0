"""The names that users may rely on. Changing this list is changing the promise."""

from __future__ import annotations

import importlib
import inspect

import seqmine

NAMES = [
    "CapacityPlan",
    "CapacitySpec",
    "EventLog",
    "EvidenceOptions",
    "FrequentOptions",
    "FrequentResult",
    "Labels",
    "MinerOptions",
    "MiningResult",
    "Outcome",
    "Pattern",
    "Randomised",
    "SimulationSpec",
    "Study",
    "StudyResult",
    "WindowOptions",
    "WindowResult",
    "count",
    "find",
    "label",
    "mine",
    "mine_frequent",
    "parse_pattern",
    "plan_capacity",
    "scan_windows",
    "simulate",
]


def test_the_list() -> None:
    assert seqmine.__all__ == NAMES == sorted(NAMES)
    assert set(NAMES) <= set(dir(seqmine))


def test_every_name_is_there_documented_and_at_home() -> None:
    for name in NAMES:
        value = getattr(seqmine, name)
        assert inspect.getdoc(value), name
        assert value.__module__.startswith("seqmine."), name


def test_every_package_lists_what_it_offers() -> None:
    for name in (
        "capacity",
        "cli",
        "events",
        "labels",
        "mining",
        "patterns",
        "pipeline",
        "significance",
        "simulation",
        "errors",
    ):
        module = importlib.import_module(f"seqmine.{name}")
        assert len(set(module.__all__)) == len(module.__all__), name
        assert all(hasattr(module, offered) for offered in module.__all__), name


def test_unknown_name_is_an_attribute_error() -> None:
    try:
        seqmine.nothing  # noqa: B018
    except AttributeError as error:
        assert "nothing" in str(error)
    else:
        raise AssertionError("no error")


def test_every_error_has_a_code_of_its_own() -> None:
    from seqmine import errors

    classes = [getattr(errors, name) for name in errors.__all__]
    raised = [cls for cls in classes if issubclass(cls, errors.SeqmineError) and cls is not errors.SeqmineError]
    codes = [cls.__dict__.get("code") for cls in raised]
    assert None not in codes
    assert len(set(codes)) == len(codes)


def test_functions_take_threads_and_are_typed() -> None:
    for name in ("count", "find", "label"):
        signature = inspect.signature(getattr(seqmine, name))
        assert "threads" in signature.parameters, name
        assert signature.return_annotation is not inspect.Signature.empty, name
