"""Who is raced, how often, and which runs are worth a ratio; the page that says so."""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from races import FOUND, question, run

import page
from peers import answer, race
from peers.question import OURS, Side

RIGHT = answer.of_supports(FOUND)
WRONG = answer.of_supports([((1, 2), 7), ((1, 2, 3), 6)])
A, B, C, D = (Side(name, f"{name}.py") for name in "ABCD")
US = Side(OURS, f"{OURS}.py")


def nothing() -> None:
    pass


class Launcher:
    """Runs of given cost and answer; remembers who was started."""

    def __init__(self, **sides: tuple[float, dict[str, Any]]) -> None:
        self.sides, self.started = sides, list[str]()

    def __call__(self, side: Side) -> dict[str, Any]:
        self.started.append(side.name)
        cpu, found = self.sides[side.name]
        return run(found, cpu)


def raced(launch: Launcher, sides: tuple[Side, ...], rounds: int) -> dict[str, Any]:
    record: dict[str, Any] = {"screening": {}, "machine": "a machine"}
    race.screen(record, (US, *sides), launch, nothing)
    race.race(record, US, sides, rounds, launch, nothing)
    return record


def test_the_three_fastest_are_raced_in_turns_and_pairs() -> None:
    launch = Launcher(seqmine=(1, RIGHT), A=(9, RIGHT), B=(2, RIGHT), C=(4, RIGHT), D=(3, RIGHT))
    record = raced(launch, (A, B, C, D), rounds=2)
    assert list(record["pairs"]) == ["B", "D", "C"]
    assert launch.started[5:11] == [OURS, "B", OURS, "D", OURS, "C"]
    assert launch.started[11:] == ["D", OURS, "C", OURS, "B", OURS]
    assert str(race.ratio(record, B, "cpu")) == "2.00 (2.00 to 2.00)"
    assert race.ratio(record, A, "cpu") is None


def test_patience_ends_where_three_others_are_far_ahead() -> None:
    launch = Launcher(seqmine=(1, RIGHT), A=(9, RIGHT), B=(2, RIGHT), C=(4, RIGHT), D=(1, WRONG))
    record: dict[str, Any] = {"screening": {}}
    race.screen(record, (US, A, D, B), launch, nothing)
    assert race.patience(record, (A, B, C, D)) == math.inf  # a wrong answer is nobody to be behind
    race.screen(record, (C,), launch, nothing)
    slowest_of_three = record["screening"]["A"]["whole"]["cpu"]
    assert race.patience(record, (A, B, C, D)) == 2 * slowest_of_three + 3


def test_a_wrong_answer_is_never_raced_and_has_no_ratio() -> None:
    launch = Launcher(seqmine=(1, RIGHT), A=(0.5, WRONG), B=(2, RIGHT))
    record = raced(launch, (A, B), rounds=1)
    assert list(record["pairs"]) == ["B"]
    assert race.verdict(record, A) == "DIFFERENT ANSWER"
    record["pairs"]["A"] = [[run(RIGHT), run(WRONG)]]  # even if somebody had raced it
    assert race.ratio(record, A, "cpu") is None


def test_one_wrong_run_among_the_pairs_takes_the_ratio_away() -> None:
    record = raced(Launcher(seqmine=(1, RIGHT), A=(2, RIGHT)), (A,), rounds=3)
    assert race.ratio(record, A, "cpu") is not None
    record["pairs"]["A"][1][0]["answer"] = WRONG  # ours, this time
    assert race.ratio(record, A, "cpu") is None


def test_agreeing_on_nothing_is_worth_no_ratio() -> None:
    empty = answer.of_supports([])
    record = raced(Launcher(seqmine=(1, empty), A=(2, empty)), (A,), rounds=1)
    assert record["pairs"] == {}
    assert race.verdict(record, A) == "nothing to compare with"


def test_a_side_that_answers_another_question_is_shown_and_not_raced() -> None:
    other = Side("A", "A.py", differs="it drops patterns")
    record = raced(Launcher(seqmine=(1, RIGHT), A=(2, RIGHT)), (other,), rounds=1)
    assert record["pairs"] == {}
    assert race.verdict(record, other) == "another answer: it drops patterns"


def test_what_is_stored_is_not_run_again() -> None:
    record = raced(Launcher(seqmine=(1, RIGHT), A=(2, RIGHT)), (A,), rounds=2)
    again = Launcher(seqmine=(1, RIGHT), A=(2, RIGHT))
    race.screen(record, (US, A), again, nothing)
    race.race(record, US, (A,), 3, again, nothing)
    assert again.started == [OURS, "A"]
    assert len(record["pairs"]["A"]) == 3


def test_runs_of_over_a_minute_are_paired_three_times() -> None:
    launch = Launcher(seqmine=(1, RIGHT), A=(61, RIGHT), B=(2, RIGHT))
    record = raced(launch, (A, B), rounds=5)
    assert {name: len(pairs) for name, pairs in record["pairs"].items()} == {"B": 5, "A": 3}


def section(record: dict[str, Any], *sides: Side, **targets: float) -> str:
    return page.section(question(*sides, **targets), {"heavy": record})


def test_the_page_bolds_a_ratio_and_says_that_targets_are_met() -> None:
    text = section(raced(Launcher(seqmine=(1, RIGHT), A=(4, RIGHT)), (A,), rounds=1), A)
    assert "**4.00 (4.00 to 4.00)**" in text
    assert "target 3: met" in text
    assert "MISSED" not in text
    assert "Not measured yet: light." in text


def test_the_page_says_that_targets_are_missed_and_where() -> None:
    record = raced(Launcher(seqmine=(1, RIGHT), A=(2, RIGHT), B=(1.05, RIGHT)), (A, B), rounds=1)
    text = section(record, A, B)
    assert "**1.05**; target 3: MISSED." in text
    assert "MISSED by heavy (1.05)" in text


def test_the_page_writes_no_ratio_on_disagreement() -> None:
    record = raced(Launcher(seqmine=(1, RIGHT), A=(4, WRONG)), (A,), rounds=1)
    record["pairs"]["A"] = [[run(RIGHT), run(WRONG, 4)]]
    text = section(record, A)
    assert "4.00 (" not in text
    assert "no ratio" in text
    assert "4.00, DIFFERENT ANSWER (2)" in text
    assert "the targets are not judged" in text


def test_a_side_that_failed_says_why() -> None:
    record = raced(Launcher(seqmine=(1, RIGHT), A=(4, RIGHT)), (A,), rounds=0)
    record["screening"]["A"] = {"failed": "over 60 s"}
    assert "| heavy | 1.00 | over 60 s |" in section(record, A)


SIDE = """
    from peers import side

    def work(job, loaded):
        print("a library that talks")
        return job["n"] + loaded

    def load(job):
        if job["n"] < 0:
            raise side.CannotAnswer("no numbers below 0")
        return 1

    side.run(load, work, lambda job, result: {"n": result})
"""


@pytest.mark.parametrize(("n", "said"), [(2, {"n": 3}), (-1, "cannot express it: no numbers below 0")])
def test_a_side_prints_one_line_whatever_its_library_prints(tmp_path: Path, n: int, said: object) -> None:
    script = tmp_path / "json.py"  # named after a package that it needs: -P must keep its folder off the path
    script.write_text(textwrap.dedent(SIDE))
    env = {**os.environ, "PYTHONPATH": str(page.ROOT / "benchmarks")}
    env.pop("LD_PRELOAD", None)  # a side limits its memory, and a sanitizer's shadow memory is beyond every limit
    done = subprocess.run(
        [sys.executable, "-P", script, json.dumps({"n": n})], check=True, capture_output=True, text=True, env=env
    )
    printed = json.loads(done.stdout)
    assert printed.get("answer", printed.get("failed")) == said


def test_what_was_given_up_under_a_shorter_limit_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from peers import run as runner

    monkeypatch.setattr(runner, "WORK", tmp_path)
    asked = question(A)
    record = runner.Record(asked, asked.cases[0])
    record.runs = {
        "job": {},
        "sides": "s",
        OURS: "old",
        "screening": {OURS: run(RIGHT), "A": {"failed": "over 20 s", "limit_s": 20.0}, "B": run(RIGHT)},
        "pairs": {"B": [[run(RIGHT), run(RIGHT)]]},
    }
    record.store()
    for ours, limit, kept in (("old", 20.0, {OURS, "A", "B"}), ("old", 60.0, {OURS, "B"}), ("new", 60.0, {"B"})):
        found = runner.Record(asked, asked.cases[0])
        found.begin({}, "s", ours, limit_s=limit, again=False)
        assert set(found.runs["screening"]) == kept
        assert bool(found.runs["pairs"]) == (ours == "old")
    found = runner.Record(asked, asked.cases[0])
    found.begin({"min_support": 2}, "s", "old", limit_s=20.0, again=False)
    assert found.runs["screening"] == {}


def test_every_question_names_sides_that_exist() -> None:
    from peers import run as runner

    questions = runner.questions()
    assert [asked.name for asked in questions] == list(runner.NAMES)
    for asked in questions:
        scripts = {side.script for side in (asked.ours, *asked.sides)}
        assert all((runner.HERE / asked.name / script).is_file() for script in scripts)
        assert len({case.name for case in asked.cases}) == len(asked.cases)
    quick = argparse.Namespace(only=None, case="*", quick=True)
    assert all(not case.heavy for _, case in runner.chosen(quick))
