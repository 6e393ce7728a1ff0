"""The examples of docs/significance.md run, and every name it promises is there."""

from __future__ import annotations

import re
from pathlib import Path

from seqmine import significance

PAGE = Path(__file__).resolve().parents[2] / "docs" / "significance.md"


def test_examples_run() -> None:
    text = PAGE.read_text(encoding="utf-8")
    blocks = [(match.start(1), match[1]) for match in re.finditer(r"^```python\n(.*?)^```", text, re.M | re.S)]
    assert len(blocks) == 5
    names: dict[str, object] = {}
    for start, block in blocks:
        # Blank lines in front, so that a traceback names the line of the page.
        exec(compile("\n" * text.count("\n", 0, start) + block, str(PAGE), "exec"), names)


def test_the_page_names_every_function() -> None:
    text = PAGE.read_text(encoding="utf-8")
    functions = [name for name in significance.__all__ if callable(getattr(significance, name)) and name.islower()]
    assert [name for name in functions if f"`{name}`" not in text and f"`{name}(" not in text] == []
    assert significance.__all__ == sorted(significance.__all__)
