"""The certificate of `mine(log, study)`, every number of it, against the oracle that knows rows and strata alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import evidence_logs as logs
import seqmine as sm
from evidence_logs import Plan
from reference import evidence
from reference.evidence import LOWERS, RAISES, Judged
from reference.language import Event, Log, parse_mined
from reference.matching import Row
from seqmine.labels import ESTIMATION, split_halves

N = 900
PLANS = (Plan("gap", "open", "help", 19, 37, 3.0), Plan("absence", "complaint", "answer", hi=72, ratio=3.0))
GAP = (1, logs.MAX_GAP_DAYS * logs.DAY)


@pytest.fixture(scope="module", params=[1, 2, 3])
def both(request: pytest.FixtureRequest) -> tuple[list[dict[str, Any]], list[evidence.Certificate]]:
    """The rows of the result, and the oracle's certificates of the same patterns."""
    seed = request.param
    made = logs.planted_log(N, seed, PLANS, share=0.15, twin_share=0.15, n_types=4, mean_events=14)
    segment = np.random.default_rng(seed).integers(0, 3, N)
    table = made.labels.select(["entity", "index_time", "label"])
    table = table.append_column("segment", pa.array([f"s{k}" for k in segment]))
    labels = sm.Labels.from_arrow(table, lookback=logs.LOOKBACK)
    log = sm.EventLog.from_arrow(made.events, value="value", timezone="UTC", observed_until=logs.UNTIL_TEXT)
    options = sm.MinerOptions(
        max_length=3, min_support=30, top_k=40, strata="segment", absence=("3d",), context=("hour",), threads=1
    )
    judged = sm.EvidenceOptions(adjust=(), small_data=20, westfall_young=False)
    rows = sm.mine(log, sm.Study.from_labels(labels, seed=seed), options, evidence=judged).to_arrow().to_pylist()

    times = made.events["time"].cast("int64").to_pylist()
    named = zip(made.events["entity"].to_pylist(), times, made.events["event"].to_pylist(), strict=True)
    by_entity: dict[str, list[Event]] = {}
    for entity, time, event in named:
        by_entity.setdefault(entity, []).append(Event(entity, time, event))
    slow = _Indexed(by_entity)
    names = made.labels["entity"].to_pylist()
    spans = [Row(name, logs.INDEX - logs.LOOKBACK_DAYS * logs.DAY, logs.INDEX - 1) for name in names]
    halves = split_halves(made.labels["entity"], seed)
    answers = [
        Judged(name, label, f"s{k}", "estimation" if half == ESTIMATION else "discovery")
        for name, label, k, half in zip(names, made.labels["label"].to_pylist(), segment, halves, strict=True)
    ]
    shortlist = [
        evidence.candidate(
            parse_mined(r["pattern"]), slow, spans, RAISES if r["direction"] == "raises" else LOWERS, *GAP
        )
        for r in rows
    ]
    return rows, evidence.certify(answers, shortlist)


class _Indexed(Log):
    """The log of the oracle with the events of an entity at hand: it looks through all of them for every row."""

    def __init__(self, by_entity: dict[str, list[Event]]) -> None:
        super().__init__([e for events in by_entity.values() for e in events])
        object.__setattr__(self, "by_entity", by_entity)

    def of(self, entity: str) -> list[Event]:
        return self.by_entity.get(entity, [])


def test_there_is_something_to_compare(both: Any) -> None:
    rows, _ = both
    assert len(rows) >= 15
    assert len({row["verdict"] for row in rows}) >= 2
    assert any(" no " in row["pattern"] for row in rows)
    assert any(row["length"] == 3 for row in rows)


def test_counts(both: Any) -> None:
    for row, certificate in zip(*both, strict=True):
        assert row["n_matched"] == certificate.n_matched, row["pattern"]
        assert row["n_positive"] == certificate.n_positive
        assert row["n_undecided"] == certificate.n_undecided


def close(value: float | None, expected: float | None, relative: float = 1e-6) -> None:
    assert (value is None) == (expected is None), (value, expected)
    if value is not None:
        assert value == pytest.approx(expected, rel=relative, abs=1e-9)


def test_effects_and_their_intervals(both: Any) -> None:
    for row, certificate in zip(*both, strict=True):
        close(row["expected"], certificate.expected)
        close(row["lift"], certificate.crude_lift)
        close(row["z"], certificate.z)
        close(row["o_over_e"], certificate.o_over_e)
        suffix = "_fcr" if row["verdict"] == "validated" else ""
        for name, interval in (("rr", certificate.risk_ratio), ("rd", certificate.risk_difference)):
            if interval is not None:
                close(row[name], interval.value)
                close(row[f"{name}{suffix}_low"], interval.low)
                close(row[f"{name}{suffix}_high"], interval.high)


def test_p_values_and_verdicts(both: Any) -> None:
    for row, certificate in zip(*both, strict=True):
        close(row["p_effect"], certificate.p_effect, 1e-3)
        close(row["p_productive"], certificate.p_productive, 1e-3)
        if row["verdict"] != "untested":
            close(row["p"], certificate.p, 1e-3)
        close(row["p_holm"], certificate.p_holm, 1e-3)
        close(row["q_bh"], certificate.q_bh, 1e-3)
        assert row["verdict"] == certificate.verdict
