"""A small log on disk, and a way to run the command line in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqmine.cli.app import run

DAY = 86_400_000_000


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def seqmine(capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """``seqmine("find", source, pattern)``: exit code, stdout and stderr."""

    def call(*arguments: object) -> Done:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return Done(code, captured.out, captured.err)

    return call


def shop() -> pa.Table:
    """Forty customers: a visit every day of ten, a mail before some visits, and a last purchase for half of them."""
    rows = []
    for customer in range(40):
        for day in range(10):
            rows.append((f"c{customer:02}", day * DAY + customer, "visit", 1.0 + day, "web" if day % 2 else "app"))
        if customer % 2:
            rows.append((f"c{customer:02}", 3 * DAY + 3_600_000_000, "mail", None, None))
            rows.append((f"c{customer:02}", 12 * DAY, "purchase", 50.0, "web"))
    names = ("customer_id", "ts", "type", "amount", "channel")
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    start = 1_700_000_000_000_000
    columns["ts"] = pa.array([start + time for time in columns["ts"]], pa.timestamp("us", "UTC"))
    return pa.table(columns)


@pytest.fixture(scope="session")
def shop_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shop") / "shop.parquet"
    pq.write_table(shop(), path)
    return path


@pytest.fixture
def columns() -> tuple[str, ...]:
    return (
        "--entity",
        "customer_id",
        "--time",
        "ts",
        "--event",
        "type",
        "--value",
        "amount",
        "--attributes",
        "channel",
    )
