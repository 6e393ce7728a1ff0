"""All frequent sequences, without time."""

from __future__ import annotations

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
)
