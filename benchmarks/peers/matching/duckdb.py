"""duckdb: a chain of ASOF joins over a preloaded table, one thread.

Each event of a step is joined to the latest event that it may follow. That loses no match: a later predecessor is as
good for the next step, and it starts no earlier, which is what a span wants.
"""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa

from peers import answer, side


def load(job: dict[str, Any]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    connection.execute(
        f"CREATE TABLE log AS SELECT * FROM read_parquet('{job['folder']}/rows.parquet') ORDER BY entity, time"
    )
    work(job, connection)
    return connection


def query(job: dict[str, Any]) -> str:
    first, *rest = job["steps"]
    parts = [f"s1 AS (SELECT entity, time, time AS start FROM log WHERE event = {first})"]
    for number, (step, (lo, hi)) in enumerate(zip(rest, job["gaps"], strict=True), start=2):
        within = "" if hi is None else f" WHERE b.time - a.time <= {hi}"
        parts.append(
            f"s{number} AS (SELECT b.entity, b.time, a.start FROM (SELECT entity, time, time - {lo} AS latest FROM log "
            f"WHERE event = {step}) b ASOF JOIN s{number - 1} a ON a.entity = b.entity AND b.latest >= a.time{within})"
        )
    span = "" if job["span"] is None else f" WHERE time - start <= {job['span']}"
    last = f"FROM s{len(job['steps'])}{span}"
    if job["ask"] == "count":
        asked = f"count(DISTINCT entity) AS n {last}"
    else:
        asked = f"entity, min(time) AS moment {last} GROUP BY entity"
    return f"WITH {', '.join(parts)} SELECT {asked}"


def work(job: dict[str, Any], connection: duckdb.DuckDBPyConnection) -> pa.Table:
    return connection.execute(query(job)).to_arrow_table()


def compare(job: dict[str, Any], table: pa.Table) -> dict[str, Any]:
    if job["ask"] == "count":
        return answer.of_count(table["n"][0].as_py())
    return answer.of_located(zip(table["entity"].to_pylist(), table["moment"].to_pylist(), strict=True))


side.run(load, work, compare)
