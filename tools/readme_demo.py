"""Put an excerpt of what the demo prints into README.md, so that it is generated and never typed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from seqmine.demo.run import run_demo

README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- demo -->\n", "<!-- /demo -->\n"


def excerpt(text: str) -> str:
    """Return what came of the first question, and the second with two moments of each verdict, as a Markdown block."""
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("QUESTION 1"))
    begin = next(i for i, line in enumerate(lines) if line.startswith("QUESTION 2"))
    end = next(i for i, line in enumerate(lines) if line.startswith("HOW TO READ"))
    shown = ("QUESTION", "  outcome", "  halves", "            (", "  verdicts", "  VALIDATED")
    kept = [line for line in lines[first:begin] if line.startswith(shown)] + [""]
    moments = 0
    for line in lines[begin:end]:
        if not line.strip():
            moments = 0
        moments += line.startswith("    * ")
        # The line that counts the rest counts what was printed, not what stands here.
        if moments <= 2 and not line.startswith("    and "):
            kept.append(line)
    return "```text\n" + "\n".join(kept).rstrip() + "\n```\n"


def with_excerpt(readme: str, text: str) -> str:
    """Return the README with the excerpt of ``text`` between its markers."""
    head, rest = readme.split(BEGIN)
    _, tail = rest.split(END)
    return head + BEGIN + excerpt(text) + END + tail


def main() -> None:
    """Run the demo and rewrite README.md."""
    with tempfile.TemporaryDirectory() as folder:
        text = run_demo(Path(folder) / "demo").text
    README.write_text(with_excerpt(README.read_text(encoding="utf-8"), text), encoding="utf-8")


if __name__ == "__main__":
    main()
