"""``seqmine mine`` on a study: found on one half, judged on the other, in every format."""

from __future__ import annotations

import csv
import io
import json
import random
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from seqmine.cli.app import run

Seqmine = Callable[..., Any]
DAY = 86_400_000_000
START = 1_700_000_000_000_000
ASKED = ("--outcome", "exists(purchase) within 10d", "--at", "start + 11d", "--lead", "12h")
SEARCH = ("--min-support", "100", "--max-length", "2", "--max-gap", "3d", "--fixed-gaps")
ALL_COLUMNS = {"verdict", "flags", "o_over_e", "rr_low", "p_holm", "q_bh", "p_wy", "discovery_rd"}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2,400 customers of two plans: half get a mail, which twice as many of them follow with a purchase."""
    rng = random.Random(0)
    rows: list[tuple[str, int, str, float | None, str]] = []
    for number in range(2_400):
        name, plan = f"c{number:05}", "big" if number % 3 == 0 else "small"
        days = [day for day in range(10) if day == 0 or rng.random() < 0.8]
        rows += [(name, START + day * DAY + number, "visit", None, plan) for day in days]
        mailed = rng.random() < 0.5
        if mailed:
            rows.append((name, START + 3 * DAY + 3_600_000_000, "mail", None, plan))
        bought, late = rng.random() < (0.6 if mailed else 0.3), rng.random() < 0.9
        if bought:
            rows.append((name, START + (12 if late else 11) * DAY + 3_600_000_000, "purchase", 10.0 + 5 * mailed, plan))
        if bought and late and rng.random() < 0.5:
            rows.append((name, START + 10 * DAY, "basket_full", None, plan))
        rows.append((name, START + 40 * DAY, "bye", None, plan))
    names, times, types, values, plans = map(list, zip(*rows, strict=True))
    folder = tmp_path_factory.mktemp("study")
    stamps = pa.array(times, pa.timestamp("us", "UTC"))
    table = {"entity": names, "time": stamps, "event": types, "value": values, "plan": plans}
    pq.write_table(pa.table(table), folder / "events.parquet")
    options = ("--value", "value", "--attributes", "plan", "--observed-until", "2024-01-01T00:00:00Z", "--quiet")
    assert run(["ingest", str(folder / "events.parquet"), "--output", str(folder / "log"), *options]) == 0
    return folder / "log"


@pytest.fixture
def mine(seqmine: Seqmine, log: Path) -> Seqmine:
    return lambda *options: seqmine("mine", log, *ASKED, *SEARCH, *options)


KNOWN = ("--acknowledge", "basket_full")


def test_a_leak_alarm_refuses_and_says_what_to_do(mine: Seqmine) -> None:
    done = mine()
    assert (done.code, done.out) == (6, "")
    assert "SM-3001" in done.err
    assert "'basket_full' (" in done.err
    assert "--exclude-events basket_full, or accept them with --acknowledge basket_full" in done.err
    said = json.loads(mine("--json-errors", "--quiet").err)
    assert said["exit_code"] == 6
    assert mine("--exclude-events", "basket_full").code == 0


@pytest.fixture(scope="module")
def with_commas(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log with a comma in the name of the leak, and in that of the attribute."""
    table = pq.read_table(log.parent / "events.parquet")
    table = table.set_column(2, "event", pc.replace_substring(table["event"], "basket_full", "basket, full"))
    folder = tmp_path_factory.mktemp("commas")
    pq.write_table(table.rename_columns(["entity", "time", "event", "value", "plan, now"]), folder / "events.parquet")
    asked = ("--attributes", '"plan, now"', "--observed-until", "2024-01-01T00:00:00Z", "--quiet")
    assert run(["ingest", str(folder / "events.parquet"), "--output", str(folder / "log"), *asked]) == 0
    return folder / "log"


def test_a_condition_that_is_the_outcome(seqmine: Seqmine, log: Path, tmp_path: Path) -> None:
    """An attribute that was written afterwards, with a comma and blanks in its name and text."""
    table = pq.read_table(log.parent / "events.parquet")
    bought = pc.filter(table["entity"], pc.equal(table["event"], "purchase"))
    state = pc.if_else(pc.is_in(table["entity"], bought), 'gone, "now"', "here")
    pq.write_table(table.append_column("the state", state), tmp_path / "events.parquet")
    asked = ("--attributes", "the state", "--observed-until", "2024-01-01T00:00:00Z", "--quiet")
    assert run(["ingest", str(tmp_path / "events.parquet"), "--output", str(tmp_path / "log"), *asked]) == 0

    def mine(*options: str) -> Any:
        without = ("--exclude-events", "basket_full", "--quiet", "--format", "json")
        return seqmine("mine", tmp_path / "log", *ASKED, *SEARCH, *without, *options)

    assert mine().code == 0
    refused = mine("--context", "the state")
    assert (refused.code, refused.out) == (6, "")
    assert "leave the state out of --context, or accept them with --acknowledge " in refused.err
    accepted = shlex.split(refused.err[refused.err.index("--acknowledge") :])[1]
    known = mine("--context", "the state", "--acknowledge", accepted)
    assert known.code == 0, known.err
    assert any("gone" in row["pattern"] for row in json.loads(known.out))
    silent = mine("--context", "the state", "--acknowledge", '*{"the stat"=x}')
    assert silent.code == 2 and "no attribute 'the stat'" in silent.err


def test_names_with_commas(seqmine: Seqmine, with_commas: Path) -> None:
    def mine(*options: str) -> Any:
        return seqmine("mine", with_commas, *ASKED, *SEARCH, "--quiet", "--format", "json", *options)

    refused = mine()
    assert refused.code == 6
    # What the refusal says can be copied, whole.
    left_out, accepted = shlex.split(refused.err[refused.err.index("--exclude-events") :].replace(", or accept", " "))[
        1::4
    ]
    assert (left_out, accepted) == ('"basket, full"', '"basket, full"')
    known = mine("--acknowledge", accepted, "--strata", '"plan, now"')
    assert known.code == 0, known.err
    assert "basket, full" in known.out
    for several in (("--acknowledge", "mail", "--acknowledge", accepted), ("--acknowledge", f"mail,{accepted}")):
        assert mine(*several, "--strata", '"plan, now"').out == known.out
    without = mine("--exclude-events", "mail", "--exclude-events", left_out)
    assert without.code == 0, without.err
    assert "basket, full" not in without.out
    assert "mail" not in without.out
    split = mine("--acknowledge", "basket, full")
    assert (split.code, "the log has no event type 'basket'" in split.err) == (2, True)


def test_an_acknowledged_alarm_is_printed(mine: Seqmine, tmp_path: Path) -> None:
    target = tmp_path / "found.parquet"
    done = mine(*KNOWN, "--output", target)
    assert done.code == 0, done.err
    assert "acknowledged leak alarm: Of " in done.err
    record = json.loads((tmp_path / "found.parquet.manifest.json").read_bytes())
    assert record["result"]["acknowledged_alarms"] == ["basket_full"]
    assert record["result"]["evidence"] == "estimation_half"
    assert record["options"]["evidence"]["acknowledge"] == ["basket_full"]
    verdicts = pq.read_table(target)["verdict"].to_pylist()
    assert record["result"]["verdicts"] == {
        name: verdicts.count(name) for name in ("validated", "exploratory", "not_supported", "untested")
    }


def test_what_people_are_told(mine: Seqmine) -> None:
    done = mine("--exclude-events", "basket_full")
    assert done.code == 0, done.err
    heading = next(line for line in done.out.splitlines() if "verdict" in line).split()
    assert heading[:6] == ["pattern", "verdict", "direction", "n_matched", "n_positive", "lift"]
    assert {"o_over_e", "rd", "p_holm", "q_bh", "flags"} <= set(heading)
    mail = next(line for line in done.out.splitlines() if line.strip().startswith("mail "))
    assert "validated" in mail
    assert " to " in mail
    for said in (
        "base rate",
        "of one half of the entities, judged on",
        "alike in",
        "too late to act on",
        "1 validated",
    ):
        assert said in done.err, said
    assert "validated: mail: Adjusted for" in done.err
    assert "None of this says what causes the outcome" in done.err


def test_quiet_says_nothing_besides_the_result(mine: Seqmine) -> None:
    assert mine(*KNOWN, "--quiet").err == ""


def test_flags_and_every_column_survive_every_format(mine: Seqmine, tmp_path: Path) -> None:
    asked = (*KNOWN, "--small-data", "100000", "--quiet")  # small data: every pattern has a flag
    as_json = json.loads(mine(*asked, "--format", "json").out)
    rows = list(csv.DictReader(io.StringIO(mine(*asked, "--format", "csv").out)))
    assert mine(*asked, "--output", tmp_path / "a.parquet").code == 0
    table = pq.read_table(tmp_path / "a.parquet")
    assert table.schema.field("flags").type == pa.list_(pa.field("element", pa.string()))
    expected = table["flags"].to_pylist()
    assert ["selected_no_independent_estimate"] in expected
    assert [row["flags"] for row in as_json] == expected
    assert [json.loads(row["flags"]) for row in rows] == expected
    for columns in (as_json[0].keys(), rows[0].keys(), set(table.column_names)):
        assert set(columns) >= ALL_COLUMNS
    assert as_json[0]["o_over_e"] is None  # no rows but those that found it
    shown = mine(*asked).out
    assert "discovery_o_over_e" in shown
    assert " rd " not in shown
    assert "selected_no_independent_estimate" in shown


def test_explain(mine: Seqmine) -> None:
    done = mine("--exclude-events", "basket_full", "--explain", "mail")
    assert done.code == 0, done.err
    assert done.out.startswith("mail\n  validated: ")
    assert "by stratum" in done.out
    assert "c0" not in done.out.split("examples")[1]  # hashes, no ids
    said = json.loads(mine("--exclude-events", "basket_full", "--explain", "mail", "--format", "json").out)
    assert said["verdict"] == "validated"
    assert sum(row["n_matched"] for row in said["strata"]) > 300
    wrong = mine("--exclude-events", "basket_full", "--explain", "mali")
    assert wrong.code == 2
    assert "did you mean 'mail'?" in wrong.err


def test_segments_are_printed_instead_of_the_table(mine: Seqmine) -> None:
    asked = ("--exclude-events", "basket_full", "--segments", "plan")
    done = mine(*asked, "--format", "json")
    assert done.code == 0, done.err
    rows = [row for row in json.loads(done.out) if row["pattern"] == "mail"]
    assert len(rows) >= 2 and all(row["rr"] is not None and row["p_interaction"] is not None for row in rows)
    assert "p_interaction" in mine(*asked).out


def test_a_date_that_keeps_all_rows_for_later_is_refused(mine: Seqmine) -> None:
    done = mine(*KNOWN, "--out-of-time", "2023-11-01")
    assert done.code == 69
    assert "without the rows of its out-of-time test has no rows" in done.err


def test_numbers(seqmine: Seqmine, log: Path) -> None:
    asked = ("--outcome", "count(purchase) within 10d", "--at", "start + 11d", "--exclude-events", "basket_full")
    done = seqmine("mine", log, *asked, *SEARCH, "--format", "json")
    assert done.code == 0, done.err
    best = json.loads(done.out)[0]
    assert (best["pattern"], best["verdict"], best["direction"]) == ("mail", "validated", "raises")
    assert 0.2 < best["mean_difference_low"] < best["mean_difference"] < best["mean_difference_high"] < 0.4
    assert best["n_positive"] is None
    assert "with the outcome" not in done.err
    shown = seqmine("mine", log, *asked, *SEARCH, "--quiet").out
    assert "mean_difference (95 %)" in shown


def test_given_labels_are_a_study(seqmine: Seqmine, log: Path, tmp_path: Path) -> None:
    rng = random.Random(1)
    names = [f"c{number:05}" for number in range(2_400)]
    label = [rng.randint(0, 1) for _ in names]
    table = {"entity": names, "index_time": ["2023-11-25T00:00:00Z"] * 2_400, "label": label}
    pq.write_table(pa.table(table | {"region": ["n" if i % 2 else "s" for i in range(2_400)]}), tmp_path / "l.parquet")
    asked = ("mine", log, "--labels", tmp_path / "l.parquet", "--lookback", "30d", *SEARCH)
    done = seqmine(*asked, "--strata", "region", "--adjust", "none", "--format", "json")
    assert done.code == 0, done.err
    assert "alike in region (as the labels say)." in done.err
    assert {row["evidence"] for row in json.loads(done.out)} == {"estimation_half"}
    assert "validated" not in {row["verdict"] for row in json.loads(done.out)}  # the labels are coins
    assert seqmine(*asked, "--seed", "1", "--quiet", "--format", "json").out != done.out


def test_what_is_held_equal_can_be_switched_off(mine: Seqmine) -> None:
    assert "nothing is held equal" in mine(*KNOWN, "--adjust", "none").err
    both = mine(*KNOWN, "--adjust", "activity", "--strata", "plan").err
    assert "events seen before the index" in both
    assert "plan (its last value before the index)" in both


def test_too_little_for_a_split_without_permutations(mine: Seqmine) -> None:
    done = mine(*KNOWN, "--small-data", "100000", "--no-westfall-young")
    assert done.code == 69
    assert "allow --westfall-young" in done.err
