"""All frequent sequences, without time."""

from __future__ import annotations

from typing import Any

import page
from peers.question import Case, Question, Side

SUPPORTS = {
    "bms1": (60, 36),
    "bms2": (60, 25),
    "kosarak70k": (200, 100),
    "msnbc": (1500, 300),
    "fifa": (4740, 2500),
    "bible": (1000, 400),
    "leviathan": (292, 117),
    "sign": (146, 73),
    "bpic2012": (6543, 3926),
    "synth100k": (20_000, 10_000),
}
"""Entities, light and heavy: at the heavy one the fastest peer takes about 1 to 20 s."""

EFFSPM = ("PrefixProjection", "LargePrefixProjection", "BTMiner", "LargeBTMiner", "HTMiner", "LargeHTMiner")
SPMF = ("PrefixSpan", "CM-SPADE", "CM-SPAM")

CSPADE = {
    "leviathan-292": 0.31 / 0.27,
    "leviathan-117": 0.95 / 1.02,
    "sign-146": 0.15 / 0.23,
    "sign-73": 0.94 / 1.48,
    "bms1-60": 0.18 / 0.19,
    "bms1-36": 1.08 / 4.39,
    "bpic2012-3926": 2.29 / 2.30,
    "synth100k-20000": 3.02 / 2.92,
    "synth100k-10000": 6.66 / 8.21,
}
"""CPU of cSPADE / CPU of the fastest side, measured once elsewhere: whole processes, on these logs or close ones."""


def _cspade(records: dict[str, Any]) -> list[str]:
    """What the ratios to the fastest side would be to cSPADE, reported and not measured."""
    best = {name: page.best_ratio(QUESTION, records[name]) for name in CSPADE if name in records}
    rows: list[list[object]] = [
        [name, f"{CSPADE[name]:.2f}", f"{ratio:.2f}", f"{ratio * CSPADE[name]:.2f}"]
        for name, ratio in best.items()
        if ratio is not None
    ]
    if not rows:
        return []
    return [
        "cSPADE (the C++ inside R's arulesSequences) cannot be installed from a registry and is not raced here. Its",
        "CPU time was once measured beside the fastest of these sides, as whole processes on these logs or close ones;",
        "the last column multiplies that reported ratio with ours of this page, and is an estimate.",
        "",
        page.table(
            ["case", "cSPADE / fastest side, reported", "fastest side / seqmine", "cSPADE / seqmine, estimated"], rows
        ),
        "",
    ]


QUESTION = Question(
    name="frequent",
    title="All frequent sequences, no time",
    about=(
        "Every sequence that enough entities have, of two items or more where answers are compared. Data are preloaded "
        "in each library's own form; the work ends with the result as a table (seqmine: pyarrow; list-returning peers: "
        "their list; SPMF, which is a process and no library: its own printed total time, start-up left out). effspm "
        "gives no supports, so it is compared on the set of patterns."
    ),
    cases=tuple(
        Case(f"{log}-{support}", log, {"min_support": support}, heavy=support == min(supports))
        for log, supports in SUPPORTS.items()
        for support in supports
    ),
    sides=(
        *(
            Side(f"effspm {name}", "effspm.py", {"algorithm": name, "from_file": name == "LargePrefixProjection"})
            for name in EFFSPM
        ),
        Side("seq2pat", "seq2pat.py"),
        Side("prefixspan", "prefixspan.py"),
        *(Side(f"SPMF {name}", "spmf.py", {"algorithm": name}, needs="java") for name in SPMF),
    ),
    least_mean=3.0,
    least_each=1.1,
    notes=_cspade,
)
