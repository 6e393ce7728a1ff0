"""What counts as the same answer."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from races import FOUND

from peers import answer, data, mined, sorted_log
from peers.labelled.judge import count


def test_order_means_nothing() -> None:
    assert answer.of_supports(FOUND) == answer.of_supports(FOUND[::-1])
    assert answer.digest_of([b"a", b"b"]) == answer.digest_of([b"b", b"a"])


def test_a_twin_is_seen() -> None:
    """A sum and not an exclusive or: a pattern that comes twice is another answer."""
    assert answer.digest_of([b"a", b"a", b"b"]) != answer.digest_of([b"b"])
    assert answer.of_patterns([(1, 2), (1, 2)]) != answer.of_patterns([(1, 2)])


def test_patterns_of_one_item_are_left_out() -> None:
    assert answer.of_supports(FOUND) == answer.of_supports(FOUND[:2])
    assert answer.of_supports(FOUND)["n"] == 2


def test_agreement_is_on_the_strictest_level_that_both_have() -> None:
    full = answer.of_supports(FOUND)
    bare = answer.of_patterns(pattern for pattern, _ in FOUND)
    assert answer.agreement(full, full) == "supports"
    assert answer.agreement(full, bare) == "patterns"
    assert answer.agreement({"lengths": full["lengths"]}, bare) == "lengths"
    assert answer.agreement(answer.of_count(3), answer.of_count(3)) == "counts"


def test_a_wrong_support_is_no_agreement_though_the_patterns_are_the_same() -> None:
    wrong = [((1, 2), 7), ((1, 2, 3), 6)]
    assert answer.agreement(answer.of_supports(FOUND), answer.of_supports(wrong)) is None


@pytest.mark.parametrize("wrong", [[((1, 2), 7)], [((1, 2), 7), ((1, 3, 2), 5)], [*FOUND, ((4, 4), 5)]])
def test_a_missing_another_and_a_surplus_pattern_are_no_agreement(wrong: list[tuple[tuple[int, ...], int]]) -> None:
    assert answer.agreement(answer.of_supports(FOUND), answer.of_supports(wrong)) is None
    bare = answer.of_patterns(pattern for pattern, _ in wrong)
    assert answer.agreement(answer.of_supports(FOUND), bare) is None


def test_answers_of_different_kinds_never_agree() -> None:
    assert answer.agreement(answer.of_supports(FOUND), answer.of_count(2)) is None


def test_times_without_ties_are_later_each_and_by_no_more_than_needed() -> None:
    log = data.Log(np.array([0, 5, 8]), np.ones(8, int), np.array([0, 0, 0, 1, 9, 0, 4, 4]))
    assert data.without_ties(log).time.tolist() == [0, 1, 2, 3, 9, 0, 4, 5]


def frequent_by_hand(
    log: data.Log, least: int, gap: tuple[int, int], span: int | None
) -> list[tuple[tuple[int, ...], int]]:
    """All patterns of at most three items, by trying every combination of events."""
    counts: dict[tuple[int, ...], int] = {}
    for begin, end in itertools.pairwise(log.offsets.tolist()):
        events = list(zip(log.time[begin:end].tolist(), log.code[begin:end].tolist(), strict=True))
        held = set()
        for length in (1, 2, 3):
            for chosen in itertools.combinations(events, length):
                times = [time for time, _ in chosen]
                near = all(gap[0] <= b - a <= gap[1] for a, b in itertools.pairwise(times))
                if near and (span is None or times[-1] - times[0] <= span):
                    held.add(tuple(item for _, item in chosen))
        for pattern in held:
            counts[pattern] = counts.get(pattern, 0) + 1
    return [(pattern, n) for pattern, n in counts.items() if n >= least]


@pytest.mark.parametrize(("gap", "span"), [((1, 3), None), ((2, 4), 5), ((1, 9), 3)])
def test_inclusive_limits_in_seconds_mean_the_same_to_seqmine(
    tmp_path: Path, gap: tuple[int, int], span: int | None
) -> None:
    rng = np.random.default_rng(7)
    offsets = np.arange(0, 241, 8)
    times = np.sort(rng.integers(0, 14, (30, 8)), axis=1)  # with ties
    log = data.Log(offsets, rng.integers(1, 4, 240), (times - times[:, :1]).ravel())
    data.write(log, tmp_path)
    job = {"folder": str(tmp_path), "min_support": 6, "threads": 1, "gap": list(gap)}
    if span is not None:
        job["span"] = [1, span]
    table = mined.work(job, mined.load(job))
    short = table.filter(pa.array([text.count("->") < 3 for text in table["pattern"].to_pylist()]))
    ours = mined.compare(job, short)
    truth = answer.of_supports(frequent_by_hand(log, 6, gap, span))
    assert truth["n"] > 5
    assert answer.agreement(ours, truth) == "supports"


def test_the_judge_counts_every_way_a_pattern_can_end() -> None:
    """The first 2 after the 1 leads nowhere under the largest gap; the second one does."""
    sequence = [(0, 1), (1, 2), (5, 2), (8, 3)]
    assert count([sequence], (1, 2, 3), 1, 5) == 1
    assert count([sequence], (1, 2, 3), 1, 4) == 0
    assert count([sequence, sequence[1:]], (2, 3), 3, 3) == 2


def table_of(rows: list[tuple[str, int, str]]) -> pa.Table:
    entity, time, event = zip(*rows, strict=True)
    time = pa.array(time, pa.int64()).cast(pa.timestamp("us", "UTC"))
    return pa.table({"entity": list(entity), "time": time, "event": list(event)})


def test_a_sorted_log_is_the_same_whatever_the_order_of_ties() -> None:
    rows = [("a", 1, "x"), ("a", 2, "y"), ("a", 2, "x"), ("b", 1, "x")]
    swapped = [rows[0], rows[2], rows[1], rows[3]]
    assert sorted_log.compare(table_of(rows)) == sorted_log.compare(table_of(swapped))
    other = [*rows[:3], ("b", 1, "y")]
    assert sorted_log.compare(table_of(rows)) != sorted_log.compare(table_of(other))
    with pytest.raises(ValueError, match="not sorted"):
        sorted_log.compare(table_of([rows[1], rows[0]]))


def test_answers_survive_storage() -> None:
    full = answer.of_supports(FOUND)
    assert json.loads(json.dumps(full)) == full
