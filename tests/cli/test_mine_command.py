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
QUESTION = ("--outcome", "exists(purchase) within 10d", "--at", "start + 11d", "--min-support", "5", "--fixed-gaps")


@pytest.fixture
def saved(seqmine: Seqmine, shop_file: Path, columns: tuple[str, ...], tmp_path: Path) -> Path:
    target = tmp_path / "shop.log"
    watched = ("--observed-until", "2024-01-01T00:00:00Z")
    assert seqmine("ingest", shop_file, "--output", target, *columns, *watched).code == 0
    return target


def test_labelled(seqmine: Seqmine, saved: Path) -> None:
    done = seqmine("mine", saved, *QUESTION, "--max-gap", "2d", "--format", "json")
    assert done.code == 0, done.err
    best = json.loads(done.out)[0]
    assert "mail" in best["pattern"]
    assert (best["n_matched"], best["n_positive"], best["evidence"]) == (20, 20, "exploratory")
    assert "base rate 50.0%" in done.err


def test_a_table_for_people_leaves_out_patterns_without_effect(seqmine: Seqmine, saved: Path) -> None:
    asked = ("mine", saved, *QUESTION, "--max-length", "1", "--redundancy", "none")
    whole = json.loads(seqmine(*asked, "--format", "json").out)
    assert any(row["lift"] == 1.0 for row in whole)
    done = seqmine(*asked)
    assert "visit" not in done.out
    assert "patterns without any effect are not shown" in done.err


def test_context_and_several_dates(seqmine: Seqmine, saved: Path) -> None:
    asked = ("--outcome", "exists(purchase) within 30d", "--at", "2023-11-20,2023-11-24", "--min-support", "5")
    done = seqmine(
        "mine", saved, *asked, "--context", "channel", "--max-length", "1", "--redundancy", "none", "--format", "csv"
    )
    assert done.code == 0, done.err
    assert "visit{channel=web}" in done.out


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_given_labels(seqmine: Seqmine, saved: Path, tmp_path: Path, form: str) -> None:
    names = [f"c{customer:02}" for customer in range(40)]
    table = pa.table(
        {"entity": names, "index_time": ["2023-11-25T00:00:00Z"] * 40, "label": [i % 2 for i in range(40)]}
    )
    labels = tmp_path / f"labels.{form}"
    pq.write_table(table, labels) if form == "parquet" else pyarrow.csv.write_csv(table, labels)
    done = seqmine("mine", saved, "--labels", labels, "--min-support", "5", "--lookback", "30d", "--format", "json")
    assert done.code == 0, done.err
    assert json.loads(done.out)[0]["n_positive"] == 20


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


def test_a_spent_budget_is_flagged(seqmine: Seqmine, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from seqmine import mining

    real = mining.mine
    monkeypatch.setattr(mining, "mine", lambda *given: dataclasses.replace(real(*given), complete=False))
    done = seqmine("mine", saved, *QUESTION, "--format", "json")
    assert done.code == 3
    assert "incomplete" in done.err
    json.loads(done.out)
