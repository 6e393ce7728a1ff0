"""The examples of docs/questions.md run, one after another."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "questions.md"


def test_examples_run() -> None:
    text = PAGE.read_text(encoding="utf-8")
    blocks = [(match.start(1), match[1]) for match in re.finditer(r"^```python\n(.*?)^```", text, re.M | re.S)]
    assert len(blocks) == 7
    names: dict[str, object] = {}
    for start, block in blocks:
        # Blank lines in front, so that a traceback names the line of the page.
        exec(compile("\n" * text.count("\n", 0, start) + block, str(PAGE), "exec"), names)


def test_every_reason_of_exclusion_is_explained() -> None:
    explained = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), re.M)
    rooms = PAGE.parents[1] / "src" / "seqmine" / "labels"
    source = "".join(path.read_text(encoding="utf-8") for path in (rooms / "build.py", rooms / "index.py"))
    known = set(re.findall(r'(?:excluded\[|leave_out\()\s*"(\w+)"', source))
    assert {"not_born", "not_followed", "inactive", "already", "short_tenure", "no_index"} <= known
    assert known <= set(explained)
