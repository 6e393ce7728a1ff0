"""The pattern language: patterns as values and text, and where they match."""

from __future__ import annotations

from seqmine.events.selectors import Condition, Selector
from seqmine.patterns.model import Absence, Gap, Pattern, Step
from seqmine.patterns.parser import parse_pattern
from seqmine.patterns.search import compile_pattern, count, find

__all__ = [
    "Absence",
    "Condition",
    "Gap",
    "Pattern",
    "Selector",
    "Step",
    "compile_pattern",
    "count",
    "find",
    "parse_pattern",
]
