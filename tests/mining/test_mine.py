"""`mine` on planted logs: what was put in is found, counted exactly, and the same for any number of threads."""

from __future__ import annotations

import itertools
import resource
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

import seqmine as sm
from seqmine.errors import InsufficientDataError, MemoryBudgetExceeded, ParameterError

DAY = 86_400
INDEX = datetime(1970, 3, 2, tzinfo=UTC)
COLUMNS = [
    "pattern", "length", "n_matched", "n_positive", "base_rate", "confidence", "lift", "odds_ratio", "score",
    "direction", "evidence",
]  # fmt: skip


class Maker:
    """Collects events and labels of one log."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.rows: list[tuple[str, int, str, str, float]] = []
        self.label: dict[str, int] = {}
        self.segment: dict[str, str] = {}

    def event(self, entity: str, when: float, event: str, channel: str = "web", amount: float = 1.0) -> None:
        self.rows.append((entity, int(when), event, channel, amount))

    def log(self, order: np.ndarray | None = None) -> sm.EventLog:
        rows = self.rows if order is None else [self.rows[i] for i in order]
        names = ("entity", "time", "event", "channel", "amount")
        columns = dict(zip(names, zip(*rows, strict=True), strict=True))
        return sm.EventLog.from_arrow(
            pa.table({name: list(column) for name, column in columns.items()}),
            time_unit="s", value="amount", attributes=["channel"], plausible_years=None,
        )  # fmt: skip

    def labels(self) -> sm.Labels:
        entities = list(self.label)
        return sm.Labels.from_arrow(
            pa.table(
                {
                    "entity": entities,
                    "index_time": pa.array([INDEX] * len(entities), pa.timestamp("us", "UTC")),
                    "label": [self.label[e] for e in entities],
                    "segment": [self.segment.get(e, "all") for e in entities],
                }
            )
        )


def planted(seed: int = 0, n: int = 900) -> Maker:
    """Noise of four types; `open -[3h,5h)-> call` goes with the label, the same two further apart do not."""
    maker = Maker(seed)
    rng = maker.rng
    for i in range(n):
        entity = f"e{i}"
        positive = bool(rng.random() < 0.3)
        for _ in range(rng.integers(2, 10)):
            maker.event(entity, rng.integers(0, 55 * DAY), str(rng.choice(list("abcd"))))
        start = int(rng.integers(0, 50 * DAY))
        hours = rng.uniform(3, 5) if rng.random() < (0.8 if positive else 0.1) else rng.uniform(8, 48)
        maker.event(entity, start, "open", "mail" if positive else "web")
        maker.event(entity, start + hours * 3600, "call", amount=float(rng.integers(1, 100)))
        maker.label[entity] = int(positive)
        maker.segment[entity] = str(i % 3)
    return maker


def recount(log: sm.EventLog, labels: sm.Labels, result: sm.MiningResult) -> None:
    """The independent matcher of `count` agrees with every number."""
    table = result.to_arrow()
    counted = sm.count(log, list(result.patterns), labels)
    assert counted.column("n_matched").to_pylist() == table.column("n_matched").to_pylist()
    assert counted.column("n_positive").to_pylist() == table.column("n_positive").to_pylist()
    assert [str(p) for p in result.patterns] == table.column("pattern").to_pylist()


def test_the_planted_gap_is_learned() -> None:
    maker = planted()
    log, labels = maker.log(), maker.labels()
    result = sm.mine(log, labels, sm.MinerOptions(min_support=30, max_length=3))
    best = result.to_arrow().slice(0, 1).to_pylist()[0]
    assert best["pattern"] == "open -[3h,6h)-> call"
    assert best["direction"] == "raises"
    assert best["evidence"] == "exploratory"
    assert result.complete
    recount(log, labels, result)
    fixed = sm.mine(log, labels, sm.MinerOptions(min_support=30, max_length=3, learn_gaps=False))
    assert fixed.to_arrow().column("score")[0].as_py() < best["score"] / 2


def test_the_table_and_its_arithmetic() -> None:
    maker = planted()
    labels = maker.labels()
    result = sm.mine(maker.log(), labels, sm.MinerOptions(min_support=30, top_k=15))
    table = result.to_arrow()
    assert table.column_names == COLUMNS
    assert len(result) == table.num_rows == 15
    n, positives = labels.n_rows, labels.n_positive
    for row in table.to_pylist():
        a, m = row["n_positive"], row["n_matched"]
        b = m - a
        assert row["base_rate"] == positives / n
        assert row["confidence"] == a / m
        assert row["lift"] == pytest.approx((a / m) / (positives / n), rel=1e-12)
        odds = (a + 0.5) * (n - positives - b + 0.5) / ((b + 0.5) * (positives - a + 0.5))
        assert row["odds_ratio"] == pytest.approx(odds, rel=1e-12)
        assert row["direction"] == ("raises" if a * n >= m * positives else "lowers")
        assert row["score"] == abs(a * n - m * positives) / n
        assert row["length"] == len(sm.parse_pattern(row["pattern"]).steps)
    keys = [(-r["score"], r["length"], r["pattern"].encode()) for r in table.to_pylist()]
    assert keys == sorted(keys)
    assert result.stats["n_rows"] == n
    assert {"nodes", "scanned_events", "pruned_by_support", "pruned_by_pair_table", "pruned_by_bound", "seconds",
            "n_items"} <= set(result.stats)  # fmt: skip


@pytest.mark.threaded
@pytest.mark.parametrize("learn", [False, True])
def test_the_same_bytes_for_any_threads_and_row_order(learn: bool) -> None:
    maker = planted(3)
    labels = maker.labels()
    tables = []
    for threads, shuffle in itertools.product((1, 2, 4, 8), (False, True)):
        order = maker.rng.permutation(len(maker.rows)) if shuffle else None
        options = sm.MinerOptions(
            min_support=10, learn_gaps=learn, threads=threads, context=("channel", "value"), absence=("2d",)
        )
        tables.append(sm.mine(maker.log(order), labels, options).to_arrow())
    assert all(table.equals(tables[0]) for table in tables)
    assert tables[0].num_rows == 100


@pytest.mark.parametrize("measure", ["leverage", "wracc", "chi2", "log_odds", "info_gain", "lift"])
@pytest.mark.parametrize("direction", ["both", "raises", "lowers"])
def test_measures_and_directions(measure: str, direction: str) -> None:
    maker = planted(5, n=300)
    log, labels = maker.log(), maker.labels()
    options = sm.MinerOptions(measure=measure, direction=direction, min_support=20, max_length=2, top_k=30)
    result = sm.mine(log, labels, options)
    rows = result.to_arrow().to_pylist()
    assert rows
    assert {row["direction"] for row in rows} <= ({direction} if direction != "both" else {"raises", "lowers"})
    scores = [row["score"] for row in rows]
    assert scores == sorted(scores, reverse=True)
    recount(log, labels, result)


def test_strata_take_away_what_activity_explains() -> None:
    """Busy entities match more and have other labels; inside the strata nothing is left but the planted pattern."""
    maker = Maker(8)
    for i in range(1_200):
        entity, busy = f"e{i}", i % 2 == 0
        positive = bool(maker.rng.random() < (0.6 if busy else 0.1))
        for _ in range(40 if busy else 3):
            maker.event(entity, maker.rng.integers(0, 55 * DAY), str(maker.rng.choice(list("abcdefgh"))))
        if maker.rng.random() < (0.5 if positive else 0.3):
            maker.event(entity, 1000, "planted")
        maker.label[entity], maker.segment[entity] = int(positive), "busy" if busy else "calm"
    log, labels = maker.log(), maker.labels()
    options = {"min_support": 30, "max_length": 2, "learn_gaps": False, "redundancy": None}
    crude = sm.mine(log, labels, sm.MinerOptions(**options)).to_arrow().to_pylist()
    adjusted = sm.mine(log, labels, sm.MinerOptions(**options, strata="segment")).to_arrow().to_pylist()
    assert crude[0]["pattern"] != "planted"
    assert adjusted[0]["pattern"] == "planted"
    # By hand: a - sum over strata of m_s P_s / n_s, for the planted pattern.
    segments, label = list(maker.segment.values()), list(maker.label.values())
    has = {entity for entity, _, event, _, _ in maker.rows if event == "planted"}
    score = 0.0
    for name in ("busy", "calm"):
        inside = [i for i in range(1_200) if segments[i] == name]
        rate = sum(label[i] for i in inside) / len(inside)
        score += sum(label[i] - rate for i in inside if f"e{i}" in has)
    assert adjusted[0]["score"] == pytest.approx(score, rel=1e-9)
    assert adjusted[0]["n_positive"] - adjusted[0]["expected"] == pytest.approx(score, rel=1e-9)
    assert list(adjusted[0]) == [*COLUMNS, "expected"]
    for row in adjusted:
        assert (row["n_positive"] >= row["expected"]) == (row["direction"] == "raises")
        assert abs(row["n_positive"] - row["expected"]) == pytest.approx(row["score"], rel=1e-9, abs=1e-9)


def test_context_conditions() -> None:
    maker = Maker(9)
    for i in range(600):
        entity, positive = f"e{i}", i % 3 == 0
        for _ in range(3):
            loud = positive and maker.rng.random() < 0.7
            maker.event(entity, maker.rng.integers(0, 55 * DAY), "visit", "app" if loud else "web",
                        float(maker.rng.integers(80, 100) if positive else maker.rng.integers(0, 70)))  # fmt: skip
        # Monday the 5th of January 1970 at 08:00 for positives, Saturday at 20:00 for the others.
        maker.event(entity, (4 * DAY + 8 * 3600) if positive else (2 * DAY + 20 * 3600), "ping")
        maker.label[entity] = int(positive)
    log, labels = maker.log(), maker.labels()

    def found(*context: str) -> list[str]:
        options = sm.MinerOptions(min_support=20, max_length=1, context=context, redundancy=None, direction="raises")
        result = sm.mine(log, labels, options)
        recount(log, labels, result)
        return result.to_arrow().column("pattern").to_pylist()

    assert found("channel")[0] == "visit{channel=app}"
    assert set(found("weekday")[:2]) == {"ping{weekday=Mon..Fri}", "ping{weekday=Mon}"}
    assert found("hour")[0] == "ping{hour=6..12}"
    assert found("value")[0].startswith("visit{value>=")
    assert all("{" not in pattern for pattern in found())


def test_numeric_thresholds_do_not_see_past_the_index() -> None:
    maker = planted(4, n=200)
    before = maker.log()
    for i in range(200):
        for k in range(30):
            maker.event(f"e{i}", 90 * DAY + k, "call", amount=1e6)
    options = sm.MinerOptions(min_support=20, max_length=1, context=("value",), redundancy=None)
    labels = maker.labels()
    assert sm.mine(before, labels, options).to_arrow().equals(sm.mine(maker.log(), labels, options).to_arrow())


def test_numeric_thresholds_see_only_what_some_row_sees() -> None:
    hour = 3600
    maker = Maker(0)
    for entity, at, amount in [("a", -4, 1.0), ("a", 3, 2.5), ("a", 3, 8.0), ("b", 1, 7.0), ("b", 2, 9.0)]:
        maker.event(entity, 100 * DAY + at * hour, "x", amount=amount)
    index = [100 * DAY + at * hour for at in (0, 11, 3, 4)]
    table = {
        "entity": ["a", "a", "b", "b"],
        "index_time": pa.array(index, pa.timestamp("s", "UTC")),
        "label": [0, 1, 1, 0],
    }
    labels = sm.Labels.from_arrow(pa.table(table), lookback="5h")
    options = sm.MinerOptions(min_support=1, max_length=1, context=("value",), redundancy=None)
    found = sm.mine(maker.log(), labels, options).to_arrow().column("pattern").to_pylist()
    # Of entity a, hour 3 lies after the first index and before the second row's lookback: nobody sees 2.5 and 8.
    assert {"x{value>=7}", "x{value>=9}"} & set(found)
    assert not {"x{value>=2.5}", "x{value>=8}"} & set(found)


def test_what_splits_the_rows_alike_has_one_information_gain() -> None:
    """A pattern of m rows and its complement say the same, so length and text decide, not the last bit of a float."""
    for n, positive in [(9, 3), (11, 4), (23, 7), (40, 11)]:
        for matched in range(1, n):
            maker = Maker(0)
            for i in range(n):
                # i is positive when below `positive`; "in" takes every third row first, so that both classes are hit.
                rank = (i * 7) % n
                maker.event(f"e{i}", 0, "in" if rank < matched else "out")
                maker.label[f"e{i}"] = int(i < positive)
            options = sm.MinerOptions(measure="info_gain", min_support=1, max_length=1, redundancy=None)
            rows = sm.mine(maker.log(), maker.labels(), options).to_arrow().to_pylist()
            assert [row["pattern"] for row in rows] == ["in", "out"]
            assert rows[0]["score"] == rows[1]["score"]


def test_trailing_absences() -> None:
    maker = Maker(10)
    for i in range(500):
        entity, positive = f"e{i}", i % 2 == 0
        maker.event(entity, 5 * DAY, "complaint")
        if maker.rng.random() < (0.1 if positive else 0.8):
            maker.event(entity, 5 * DAY + 3600 * 10, "reply")
        maker.event(entity, 30 * DAY, "reply")
        maker.label[entity] = int(positive)
    log, labels = maker.log(), maker.labels()
    result = sm.mine(log, labels, sm.MinerOptions(min_support=20, absence=("1d",), learn_gaps=False))
    best = result.to_arrow().slice(0, 1).to_pylist()[0]
    assert best["pattern"] == "complaint -> no reply within 1d"
    assert best["length"] == 1
    recount(log, labels, result)


def test_limits_are_printed_as_they_were_searched() -> None:
    maker = planted(6, n=300)
    log, labels = maker.log(), maker.labels()

    def texts(**options: object) -> list[str]:
        result = sm.mine(log, labels, sm.MinerOptions(min_support=10, max_length=2, learn_gaps=False, **options))
        recount(log, labels, result)
        return [p for p in result.to_arrow().column("pattern").to_pylist() if "->" in p]

    assert all("-[1us,2w)->" in text for text in texts())
    assert all(" -> " in text for text in texts(max_gap=None))
    assert all("-[1h,inf)->" in text for text in texts(max_gap=None, min_gap="1h"))
    assert all("-[1h,3d)->" in text for text in texts(max_gap=timedelta(days=3), min_gap="60m"))
    assert all(text.endswith(" span < 2d") for text in texts(max_span="48h"))


def test_own_gap_bins() -> None:
    maker = planted()
    log, labels = maker.log(), maker.labels()
    options = sm.MinerOptions(min_support=30, max_length=2, gap_bins=("150m", "5h", "1d"))
    result = sm.mine(log, labels, options)
    assert result.to_arrow().column("pattern")[0].as_py() == "open -[150m,5h)-> call"


def test_redundancy() -> None:
    maker = planted()
    for entity in maker.label:  # a twin of `open` in all but ten rows
        if int(entity[1:]) >= 10:
            maker.event(entity, 10, "twin")
            maker.event(entity, 20, "double")
    log, labels = maker.log(), maker.labels()

    def singles(redundancy: float | None) -> set[str]:
        options = sm.MinerOptions(min_support=30, max_length=1, redundancy=redundancy)
        return set(sm.mine(log, labels, options).to_arrow().column("pattern").to_pylist())

    assert {"twin", "double"} <= singles(None)
    assert len({"twin", "double"} & singles(0.9)) <= 1
    assert {"twin", "double"} <= singles(1.0)


def test_a_small_top_k_after_redundancy_is_the_head_of_a_large_one() -> None:
    maker = planted(2)
    log, labels = maker.log(), maker.labels()
    options = {"min_support": 20, "max_length": 3, "redundancy": 0.3, "learn_gaps": False, "max_gap": "30d"}
    large = sm.mine(log, labels, sm.MinerOptions(**options, top_k=400)).to_arrow()
    small = sm.mine(log, labels, sm.MinerOptions(**options, top_k=7)).to_arrow()
    assert small.equals(large.slice(0, 7))
    assert small.num_rows == 7


def test_refused() -> None:
    maker = planted(1, n=60)
    log, labels = maker.log(), maker.labels()
    with pytest.raises(ParameterError, match=r"evidence goes with a study, not with labels - .*from_labels"):
        sm.mine(log, labels, evidence=sm.EvidenceOptions())
    with pytest.raises(ParameterError, match="Labels"):
        sm.mine(log, labels.to_arrow())  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="MinerOptions"):
        sm.mine(log, labels, {"top_k": 3})  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="segment"):
        sm.mine(log, labels, sm.MinerOptions(strata="segmnt"))
    with pytest.raises(ParameterError, match="channel"):
        sm.mine(log, labels, sm.MinerOptions(context=("chanel",)))
    one = pa.table({"entity": ["e1", "e2"], "index_time": pa.array([INDEX] * 2), "label": [1, 1]})
    with pytest.raises(InsufficientDataError, match="label 1"):
        sm.mine(log, sm.Labels.from_arrow(one))
    with pytest.raises(InsufficientDataError, match="no rows"):
        sm.mine(log, sm.Labels.from_arrow(one.slice(0, 0)))
    with pytest.raises(MemoryBudgetExceeded, match="max_memory"):
        sm.mine(log, labels, sm.MinerOptions(min_support=1, max_memory=10))


def test_numeric_labels_are_refused() -> None:
    maker = planted(1, n=60)
    log = maker.log()
    labels = sm.label(log, sm.Study(sm.Outcome("sum(value of call) within 20d"), at="1970-01-20"))
    with pytest.raises(ParameterError, match=r"the labels are numbers; mining them needs a study"):
        sm.mine(log, labels)


def test_no_pattern_is_a_valid_result() -> None:
    maker = planted(1, n=60)
    result = sm.mine(maker.log(), maker.labels(), sm.MinerOptions(min_support=1_000))
    assert result.complete
    assert result.to_arrow().column_names == COLUMNS
    assert len(result) == 0
    assert result.patterns == ()


def test_entities_without_events_count_as_rows() -> None:
    maker = planted(1, n=200)
    log = maker.log()
    maker.label |= {f"stranger{i}": i % 2 for i in range(50)}
    result = sm.mine(log, maker.labels(), sm.MinerOptions(min_support=10, max_length=1))
    assert result.stats["n_rows"] == 250
    assert result.to_arrow().column("base_rate")[0].as_py() == sum(maker.label.values()) / 250


def test_support_counts_rows_not_events() -> None:
    """Three index times of one entity see one event three times."""
    log = sm.EventLog.from_arrow(
        {"entity": ["a", "b"], "time": [0, 0], "event": ["x", "y"]}, time_unit="s", plausible_years=None
    )
    times = [INDEX, INDEX + timedelta(days=1), INDEX + timedelta(days=2), INDEX]
    table = pa.table({"entity": ["a", "a", "a", "b"], "index_time": pa.array(times), "label": [1, 1, 0, 0]})
    result = sm.mine(log, sm.Labels.from_arrow(table), sm.MinerOptions(min_support=3)).to_arrow()
    assert result.select(["pattern", "n_matched", "n_positive"]).to_pylist() == [
        {"pattern": "x", "n_matched": 3, "n_positive": 2}
    ]


def test_time_budget_gives_what_there_is() -> None:
    maker = Maker(12)
    for i in range(400):
        for k in range(120):
            maker.event(f"e{i}", k * 3600 + int(maker.rng.integers(0, 3000)), str(maker.rng.choice(list("abcdefghij"))))
        maker.label[f"e{i}"] = int(maker.rng.random() < 0.5)
    log, labels = maker.log(), maker.labels()
    options = sm.MinerOptions(max_length=20, min_support=2, top_k=20_000, max_seconds=0.5, threads=2)
    started = time.perf_counter()
    result = sm.mine(log, labels, options)
    assert time.perf_counter() - started < 3
    assert not result.complete
    assert "incomplete" in repr(result)
    short = sm.MinerOptions(max_length=2, min_support=2, top_k=20, max_seconds=30.0)
    assert sm.mine(log, labels, short).complete


def wide() -> tuple[sm.EventLog, sm.Labels]:
    """20,000 rows with hundreds of thousands of patterns."""
    rng = np.random.default_rng(3)
    n = 300_000
    entity = rng.integers(0, 20_000, n)
    table = {
        "entity": pa.array([f"e{i}" for i in entity]),
        "time": pa.array(rng.integers(0, 10**9, n), pa.timestamp("us", "UTC")),
        "event": pa.array([f"t{i}" for i in rng.integers(0, 60, n)]),
    }
    log = sm.EventLog.from_arrow(pa.table(table))
    labels = {
        "entity": log.entities,
        "index_time": pa.array([10**9] * log.n_entities, pa.timestamp("us", "UTC")),
        "label": rng.integers(0, 2, log.n_entities),
    }
    return log, sm.Labels.from_arrow(pa.table(labels))


WIDE = {"max_gap": None, "learn_gaps": False, "max_length": 4, "min_support": 20}


@pytest.mark.timing
@pytest.mark.parametrize("seconds", [0.5, 2.0])
def test_a_search_that_is_cut_short_returns_the_best_so_far(seconds: float) -> None:
    log, labels = wide()
    options = sm.MinerOptions(**{**WIDE, "max_length": 20, "min_support": 2}, top_k=20_000, max_seconds=seconds)
    started = time.perf_counter()
    result = sm.mine(log, labels, options)
    assert time.perf_counter() - started < 2 * seconds + 2  # other work may run beside this
    assert not result.complete
    assert len(result) > 0
    recount(log, labels, result)


@pytest.mark.timing  # not under sanitizers, whose shadow is memory too
def test_max_memory_bounds_what_a_search_takes() -> None:
    log, labels = wide()
    assert len(sm.mine(log, labels, sm.MinerOptions(**WIDE, top_k=10))) == 10  # whatever comes once is loaded now
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    options = sm.MinerOptions(**WIDE, top_k=2_000_000, redundancy=None, max_memory=24 << 20, threads=2)
    result = sm.mine(log, labels, options)
    # The table of what was found comes on top: its texts once more, and numbers.
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10 < 80 << 20
    assert not result.complete
    assert len(result) > 1_000
    with pytest.raises(MemoryBudgetExceeded, match="max_memory"):
        sm.mine(log, labels, sm.MinerOptions(**WIDE, max_memory=2 << 20))
    frequent = sm.mine_frequent(log, sm.FrequentOptions(min_support=20, max_memory=9 << 20))
    assert not frequent.complete


def test_html_is_escaped_and_short() -> None:
    maker = Maker(1)
    for i in range(40):
        maker.event(f"e{i}", i, "<script>alert(1)</script>")
        for k in range(30):
            maker.event(f"e{i}", 50 + k, f"t{k}")
        maker.label[f"e{i}"] = i % 2
    result = sm.mine(maker.log(), maker.labels(), sm.MinerOptions(min_support=1, max_length=1, redundancy=None))
    text = result._repr_html_()
    assert "<script>" not in text
    assert text.count("<tr>") == 21
    assert "exploratory" in text
