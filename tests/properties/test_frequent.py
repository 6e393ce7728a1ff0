"""`mine_frequent` against the list of all chains of events of every entity.

Compared: the sequences with their support, in order, all and closed, with and without limits of length, gap and
span; and the first few of them (`max_patterns`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import strategies as st

import seqmine as sm
from reference.language import Log, duration_text
from reference.mining import Limits, chain_text, frequent

from .strategies import CLOCKS, HIGHEST, logs, prove, to_seqmine


@dataclass(frozen=True)
class FrequentCase:
    log: Log
    min_support: int
    limits: Limits
    closed: bool
    first: int


@st.composite
def frequent_cases(draw: st.DrawFn) -> FrequentCase:
    clock = draw(st.sampled_from(CLOCKS))
    log = draw(logs(clock, full=True))
    durations = [d for d in clock.durations if 1 < d <= HIGHEST]
    least = draw(st.sampled_from((None, None, *durations[:2])))
    most = draw(st.sampled_from((None, *(d for d in durations if least is None or d > least))))
    limits = Limits(
        draw(st.sampled_from((None, 1, 2, 3, 4))), least, most, draw(st.sampled_from((None, None, *durations)))
    )
    return FrequentCase(log, draw(st.integers(1, 3)), limits, draw(st.booleans()), draw(st.integers(1, 9)))


def text(duration: int | None) -> str | None:
    return None if duration is None else duration_text(duration)


def options(case: FrequentCase, threads: int = 0) -> sm.FrequentOptions:
    limits = case.limits
    return sm.FrequentOptions(
        min_support=case.min_support,
        max_length=limits.max_length,
        min_gap=text(limits.min_gap),
        max_gap=text(limits.max_gap),
        max_span=text(limits.max_span),
        closed=case.closed,
        threads=threads,
    )


def in_order(found: dict[str, tuple[int, int]]) -> list[str]:
    """Texts by support, most first, then length, then text; of text -> (length, support)."""
    return sorted(found, key=lambda pattern: (-found[pattern][1], found[pattern][0], pattern.encode()))


def check_frequent(case: FrequentCase) -> None:
    log = to_seqmine(case.log)
    result = sm.mine_frequent(log, options(case)).to_arrow()
    found = frequent(case.log, case.min_support, case.limits, case.closed)
    expected = {chain_text(types, case.limits): (len(types), n) for types, n in found.items()}
    assert result.column_names == ["pattern", "support"]
    mined = list(zip(result["pattern"].to_pylist(), result["support"].to_pylist(), strict=True))
    assert mined == [(pattern, expected[pattern][1]) for pattern in in_order(expected)]
    if not case.closed:
        first = sm.mine_frequent(log, replace(options(case), max_patterns=case.first)).to_arrow()
        assert first.equals(result.slice(0, case.first))


test_frequent, test_frequent_long = prove(check_frequent, frequent_cases(), examples=300)
