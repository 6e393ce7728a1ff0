"""The real logs beside the checkout, loaded whole."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from event_rows import shared_data

from seqmine.events import EventLog

FOLDER = shared_data()
LOGS = sorted(FOLDER.glob("*/events.parquet"))

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(
        not LOGS, reason="the real logs are not beside the checkout; SEQMINE_SHARED_DATA names their folder"
    ),
]


@pytest.mark.parametrize("path", LOGS or [FOLDER], ids=lambda path: path.parent.name)
def test_every_real_log_loads_whole(path: Path, tmp_path: Path) -> None:
    file = pq.ParquetFile(path)
    others = [name for name in file.schema_arrow.names if name not in {"entity", "time", "event"}]
    log = EventLog.read(
        path, value="value" if "value" in others else None, attributes=[n for n in others if n != "value"]
    )
    assert log.n_events == file.metadata.num_rows == log.accounting.used
    table = file.read(columns=["entity", "time", "event"])
    assert log.n_entities == len(table["entity"].unique())
    assert log.entities.to_pylist() == sorted(table["entity"].unique().to_pylist(), key=str.encode)
    assert list(log.event_types) == sorted(table["event"].unique().to_pylist(), key=str.encode)
    order = [("entity", "ascending"), ("time", "ascending"), ("event", "ascending")]
    expected = table.sort_by(order)
    got = log.to_arrow().select(["entity", "time", "event"])
    assert got["time"].equals(expected["time"])
    for name in ("entity", "event"):
        assert got[name].cast(expected[name].type).equals(expected[name])
    log.save(tmp_path / "log")
    assert EventLog.open(tmp_path / "log", verify=True).digest == log.digest


@pytest.mark.threaded
@pytest.mark.skipif(not (FOLDER / "bpic2012" / "events.parquet").exists(), reason="bpic2012 is not beside the checkout")
def test_threads_never_show_on_a_real_log() -> None:
    path = FOLDER / "bpic2012" / "events.parquet"
    digests = {
        EventLog.read(path, attributes=["resource", "lifecycle"], threads=threads).digest for threads in (1, 2, 4, 8)
    }
    assert len(digests) == 1
