"""Small data of entities with several rows: what permutations hold equal, and what is said of later dates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import seqmine as sm
from seqmine.pipeline.judged import judged_lines

DAY = 86_400
MONTH = 30 * DAY
N_TYPES, N_DATES = 12, 3
SMALL = sm.EvidenceOptions(small_data=10**6, permutations=199)
OPTIONS = sm.MinerOptions(max_length=1, min_support=100, max_gap="30d", threads=1)


def made(seed: int, n: int = 900, *, effect: float = 1.0) -> tuple[sm.EventLog, pa.Table]:
    """Busy one month and quiet the next; who is quiet leaves more often. `effect` multiplies the risk of who has t0."""
    rng = np.random.default_rng(seed)
    activity = rng.gamma(1.0, 1.0, (n, N_DATES))
    seen = rng.poisson(0.35 * activity[:, :, None], (n, N_DATES, N_TYPES))
    entity, month, kind = (np.repeat(index.ravel(), seen.ravel()) for index in np.indices(seen.shape))
    time = month * MONTH + rng.integers(0, MONTH, len(month))
    risk = 0.16 * np.exp(-1.3 * activity) * np.where(seen[:, :, 0] > 0, effect, 1.0)
    label = (rng.random((n, N_DATES)) < np.minimum(risk, 0.9)).astype(np.int8)
    events = {"entity": [f"e{i:04}" for i in entity], "time": time, "event": [f"t{k}" for k in kind]}
    log = sm.EventLog.from_arrow(pa.table(events), time_unit="s", timezone="UTC", plausible_years=None)
    row, date = (index.ravel() for index in np.indices(label.shape))
    index_time = pa.array((date + 1) * MONTH * 1_000_000).cast(pa.timestamp("us", "UTC"))
    rows = {"entity": [f"e{i:04}" for i in row], "index_time": index_time, "label": label.ravel()}
    return log, pa.table(rows)


def mined(log: sm.EventLog, rows: pa.Table, **study: Any) -> sm.StudyResult:
    labels = sm.Labels.from_arrow(rows, lookback="30d")
    return sm.mine(log, sm.Study.from_labels(labels, **study), OPTIONS, evidence=SMALL)


def validated(found: sm.StudyResult) -> list[str]:
    assert found.small
    return [row["pattern"] for row in found.to_arrow().to_pylist() if row["verdict"] == "validated"]


def test_who_grew_quiet_is_not_compared_with_who_stayed_busy() -> None:
    """20 runs, target 5 %, two standard errors: 2. By the stratum of the first row alone all of them are false."""
    assert sum(validated(mined(*made(seed))) != [] for seed in range(1000, 1020)) <= 2


def test_what_matters_is_found_in_repeated_rows() -> None:
    assert all("t0" in validated(mined(*made(seed, effect=2.5))) for seed in range(3))


@pytest.mark.parametrize("small", [True, False])
def test_every_row_is_accounted_for_when_a_later_date_is_kept(small: bool) -> None:
    log, rows = made(11, effect=4.0)
    labels = sm.Labels.from_arrow(rows, lookback="30d")
    study = sm.Study.from_labels(labels, out_of_time="1970-04-01")
    options = SMALL if small else sm.EvidenceOptions(small_data=0)
    found = sm.mine(log, study, OPTIONS, evidence=options)
    assert found.small == small
    stats, table = found.stats, found.to_arrow()
    assert table["out_of_time_n_matched"].null_count == 0
    assert max(table["out_of_time_n_matched"].to_pylist()) <= stats["n_out_of_time_rows"]
    said = next(line for line in judged_lines(found, None) if line.startswith("held against a later index"))
    if small:
        assert stats["n_rows"] + stats["n_out_of_time_rows"] == labels.n_rows
        assert "rows of the same entities" in said
    else:
        used = stats["n_rows"] + stats["n_discovery_rows"] + stats["n_out_of_time_rows"]
        assert 0 < labels.n_rows - used < 900
        assert said.endswith(f"; {labels.n_rows - used:,} rows of the others are left out there")
