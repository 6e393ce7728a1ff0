"""``seqmine mine``: labelled and frequent."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

Seqmine = Callable[..., Any]
ASKED = ("--outcome", "exists(purchase) within 10d", "--at", "start + 11d")
QUESTION = (*ASKED, "--min-support", "5", "--fixed-gaps")


@pytest.fixture
def saved(seqmine: Seqmine, shop_file: Path, columns: tuple[str, ...], tmp_path: Path) -> Path:
    target = tmp_path / "shop.log"
    watched = ("--observed-until", "2024-01-01T00:00:00Z")
    assert seqmine("ingest", shop_file, "--output", target, *columns, *watched).code == 0
    return target


def test_in_sample(seqmine: Seqmine, saved: Path) -> None:
    done = seqmine("mine", saved, *QUESTION, "--in-sample", "--max-gap", "2d", "--format", "json")
    assert done.code == 0, done.err
    best = json.loads(done.out)[0]
    assert "mail" in best["pattern"]
    assert (best["n_matched"], best["n_positive"], best["evidence"]) == (20, 20, "exploratory")
    assert "base rate 50.0%" in done.err
    assert "nothing certifies them" in done.err


def test_a_table_for_people_leaves_out_patterns_without_effect(seqmine: Seqmine, saved: Path) -> None:
    asked = ("mine", saved, *QUESTION, "--in-sample", "--max-length", "1", "--redundancy", "none")
    whole = json.loads(seqmine(*asked, "--format", "json").out)
    assert any(row["lift"] == 1.0 for row in whole)
    done = seqmine(*asked)
    assert "visit" not in done.out
    assert "patterns without any effect are not shown" in done.err


def test_context_and_several_dates(seqmine: Seqmine, saved: Path) -> None:
    asked = ("--outcome", "exists(purchase) within 30d", "--at", "2023-11-20,2023-11-24", "--min-support", "5")
    further = ("--context", "channel", "--max-length", "1", "--redundancy", "none", "--format", "csv")
    done = seqmine("mine", saved, *asked, "--in-sample", *further)
    assert done.code == 0, done.err
    assert "visit{channel=web}" in done.out


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_given_labels_in_sample(seqmine: Seqmine, saved: Path, tmp_path: Path, form: str) -> None:
    labels = written_labels(tmp_path / f"labels.{form}", 40, [i % 2 for i in range(40)])
    asked = ("mine", saved, "--labels", labels, "--min-support", "5", "--lookback", "30d", "--format", "json")
    done = seqmine(*asked, "--in-sample")
    assert done.code == 0, done.err
    assert json.loads(done.out)[0]["n_positive"] == 20


def written_labels(path: Path, n: int, label: list[int], **columns: list[Any]) -> Path:
    names = [f"c{customer:02}" if n <= 100 else f"c{customer:05}" for customer in range(n)]
    table = pa.table({"entity": names, "index_time": ["2023-11-26T00:00:00Z"] * n, "label": label, **columns})
    pq.write_table(table, path) if path.suffix == ".parquet" else pyarrow.csv.write_csv(table, path)
    return path


def test_frequent(seqmine: Seqmine, saved: Path, tmp_path: Path) -> None:
    target = tmp_path / "frequent.csv"
    done = seqmine("mine", saved, "--frequent", "--min-support", "20", "--max-length", "2", "--output", target)
    assert done.code == 0, done.err
    rows = pyarrow.csv.read_csv(target).to_pylist()
    assert {"pattern": "visit", "support": 40} in [{name: row[name] for name in ("pattern", "support")} for row in rows]
    assert json.loads((tmp_path / "frequent.csv.manifest.json").read_bytes())["options"]["frequent"]["max_length"] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--outcome"),
        (("--outcome", "exists(purchase) within 10d"), "--at"),
        (("--frequent", "--outcome", "exists(purchase) within 10d"), "--outcome does not go with --frequent"),
        (("--closed", *QUESTION), "--closed goes with --frequent"),
        (("--labels", "x.csv", "--outcome", "exists(purchase) within 10d"), "--labels"),
        ((*QUESTION, "--max-gap", "2"), "SM-1000: --max-gap: "),
        ((*QUESTION, "--measure", "leverag"), "did you mean 'leverage'"),
        ((*QUESTION[2:], "--outcome", "exists(purchase)"), "within"),
        ((*QUESTION, "--exclude-events", "purchas"), "purchase"),
        ((*QUESTION, "--in-sample", "--alpha", "0.1"), "--alpha does not go with --in-sample"),
        ((*QUESTION, "--in-sample", "--explain", "mail"), "--explain does not go with --in-sample"),
        (("--frequent", "--alpha", "0.1"), "--alpha does not go with --frequent"),
        (("--frequent", "--labels", "x.csv"), "--labels does not go with --frequent"),
        ((*QUESTION, "--measure", "chi2"), "--in-sample searches by other measures"),
        ((*QUESTION, "--alpha", "2"), "SM-1001: --alpha must be a number above 0 and below 1"),
        ((*QUESTION, "--correction", "bhh"), "did you mean 'bh'"),
        ((*QUESTION, "--adjust", "tenur"), "did you mean 'tenure'"),
        ((*QUESTION, "--acknowledge", "mali"), "did you mean 'mail'"),
        ((*QUESTION, "--acknowledge", "visit", "--acknowledge", "mali"), "did you mean 'mail'"),
        ((*QUESTION, "--acknowledge", '"mail'), "SM-1001: --acknowledge: no list of names: "),
        ((*QUESTION, "--strata", "chanel"), "did you mean 'channel'"),
        ((*QUESTION, "--out-of-time", "later"), "--out-of-time must be 'auto'"),
        ((*QUESTION, "--explain", "mail ->"), "SM-1002"),
        ((*QUESTION, "--explain", "mail", "--format", "csv"), "--explain prints text"),
        ((*QUESTION, "--explain", "mail", "--segments", "channel"), "give one of them"),
    ],
)
def test_wrong_usage(seqmine: Seqmine, saved: Path, arguments: tuple[str, ...], said: str) -> None:
    done = seqmine("mine", saved, *arguments)
    assert done.code == 2
    assert said in done.err
    assert done.out == ""


def test_one_class_of_labels(seqmine: Seqmine, saved: Path) -> None:
    done = seqmine("mine", saved, "--outcome", "exists(visit) within 1d", "--at", "start + 11d", "--min-support", "5")
    assert done.code == 69
    assert "40 of 40 candidate rows" in done.err


def test_a_spent_budget_is_flagged(seqmine: Seqmine, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from seqmine import mining

    real = mining.mine
    monkeypatch.setattr(mining, "mine", lambda *a, **k: dataclasses.replace(real(*a, **k), complete=False))
    done = seqmine("mine", saved, *QUESTION, "--acknowledge", "mail", "--format", "json")
    assert done.code == 3
    assert "incomplete" in done.err
    json.loads(done.out)
