"""How many examples the properties take together, in the default run and in the long one."""

from __future__ import annotations

from . import test_append, test_frequent, test_invariance, test_labels, test_log, test_matching, test_mine
from .strategies import DEFAULT_EXAMPLES, REGISTERED

MODULES = (test_append, test_frequent, test_invariance, test_labels, test_log, test_matching, test_mine)


def test_default_run_takes_at_least_two_thousand_examples() -> None:
    assert {name.rpartition(".")[0] for name in REGISTERED} == {module.__name__ for module in MODULES}
    assert sum(REGISTERED.values()) == DEFAULT_EXAMPLES >= 2_000
