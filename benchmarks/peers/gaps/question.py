"""All frequent sequences whose steps keep a minimum and a maximum gap in time, and a span."""

from __future__ import annotations

from typing import Any

from peers.question import Case, Question, Side

DEFAULT_SPAN = "its default drops patterns over more than 10 positions"


def _case(name: str, log: str, min_support: int, *, heavy: bool = True, **limits: tuple[int, int]) -> Case:
    asked: dict[str, Any] = {name: list(bounds) for name, bounds in limits.items()}
    return Case(f"{name}-{min_support}", log, {"min_support": min_support, **asked}, heavy)


HOUR, DAY, WEEK = 3_600, 86_400, 604_800

QUESTION = Question(
    name="gaps",
    title="All frequent sequences under limits of gap and span",
    about=(
        "As above, with inclusive limits [lo, hi] in whole seconds between consecutive steps, or on the whole pattern. "
        "seq2pat runs twice: with `max_span=None`, which asks the same question, and as it comes, which does not."
    ),
    cases=(
        _case("bpic2012-hour", "bpic2012-clock", 1309, gap=(1, HOUR), heavy=False),
        _case("bpic2012-hour", "bpic2012-clock", 131, gap=(1, HOUR)),
        _case("bpic2012-day", "bpic2012-clock", 1963, gap=(1, DAY)),
        _case("bpic2012-day", "bpic2012-clock", 654, gap=(1, DAY)),
        _case("bpic2012-day-in-week", "bpic2012-clock", 1309, gap=(1, DAY), span=(1, WEEK)),
        _case("synth10k-6h", "synth10k", 100, gap=(1, 6 * HOUR), heavy=False),
        _case("synth100k-6h", "synth100k", 500, gap=(1, 6 * HOUR)),
        _case("synth100k-minute-to-day", "synth100k", 1000, gap=(60, DAY)),
        _case("synth100k-6h-in-day", "synth100k", 500, gap=(1, 6 * HOUR), span=(1, DAY)),
        _case("bms1-4-positions", "bms1", 36, gap=(1, 4)),
        _case("kosarak70k-3-positions", "kosarak70k", 100, gap=(1, 3)),
        _case("msnbc-5-positions", "msnbc", 1500, gap=(1, 5)),
        _case("leviathan-2-to-6-positions", "leviathan", 29, gap=(2, 6)),
        _case("bms2-span-9", "bms2", 40, span=(1, 9)),
        _case("msnbc-span-7", "msnbc", 1500, span=(1, 7)),
    ),
    sides=(
        Side("seq2pat", "seq2pat.py", {"max_span_items": None}),
        Side("seq2pat, max_span=10", "seq2pat.py", {"max_span_items": 10}, differs=DEFAULT_SPAN),
    ),
    least_mean=20.0,
    least_each=12.0,
)
