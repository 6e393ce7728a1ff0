"""A log in which calls after a ticket keep customers, if they come one to three days later; nothing confounds them."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HOUR = 3_600_000_000
DAY = 24 * HOUR
START = 1_767_225_600_000_000  # 2026-01-01
OBSERVED_UNTIL = "2026-03-22T00:00:00Z"
OUTCOME = "exists(cancel) within 30d"
COLUMNS = ("entity", "time", "event", "channel", "plan", "chance")


def calls_after_tickets(n: int, *, seed: int = 0, effect: float = -0.4) -> pa.Table:
    """Half of the customers open a ticket, and cancel more often; half of these are called within a week of it."""
    rng = random.Random(seed)
    rows: list[tuple[str, int, str, str | None, str | None, float | None]] = []
    for number in range(n):
        name, plan = f"c{number:05}", rng.choice(("basic", "plus"))
        rows.append((name, START + number, "signup", None, plan, None))
        rows += [
            (name, START + day * DAY + number, "visit", None, None, None) for day in range(1, 13) if rng.random() < 0.7
        ]
        risk = 0.2
        if rng.random() < 0.5:
            risk = 0.6
            ticket = START + rng.randrange(3 * 24, 8 * 24) * HOUR + number
            rows.append((name, ticket, "ticket", None, None, 0.5))
            if rng.random() < 0.5:
                delay = rng.randrange(0, 7 * DAY)
                rows.append((name, ticket + delay, "csm_call", rng.choice(("phone", "chat")), None, None))
                risk += effect * (DAY <= delay < 3 * DAY)
        if rng.random() < risk:
            rows.append((name, START + rng.randrange(21 * 24, 33 * 24) * HOUR, "cancel", None, None, None))
    columns = dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True))
    return pa.table(columns | {"time": pa.array(columns["time"], pa.timestamp("us", "UTC"))})


def write_log(path: Path, n: int, **given: float) -> None:
    """Write the events as Parquet."""
    pq.write_table(calls_after_tickets(n, **given), path)  # type: ignore[arg-type]
