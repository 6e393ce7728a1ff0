"""The examples of docs/mining.md run, one after another."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "mining.md"


def test_examples_run() -> None:
    text = PAGE.read_text(encoding="utf-8")
    blocks = [(match.start(1), match[1]) for match in re.finditer(r"^```python\n(.*?)^```", text, re.M | re.S)]
    assert len(blocks) == 6
    names: dict[str, object] = {}
    for start, block in blocks:
        # Blank lines in front, so that a traceback names the line of the page.
        exec(compile("\n" * text.count("\n", 0, start) + block, str(PAGE), "exec"), names)
