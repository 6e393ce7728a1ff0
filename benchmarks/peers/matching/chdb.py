"""chdb (ClickHouse in a process): sequenceMatch, sequenceCount or windowFunnel over a preloaded table, one thread."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from chdb import session

from peers import answer, side

Session = session.Session


def load(job: dict[str, Any]) -> Session:
    job["having"] = having(job)
    connection = Session()
    connection.query(
        "CREATE TABLE log (entity UInt32, time DateTime('UTC'), event UInt16) "
        "ENGINE = MergeTree ORDER BY (entity, time)"
    )
    connection.query(
        "INSERT INTO log SELECT entity, toDateTime(time, 'UTC'), event "
        f"FROM file('{job['folder']}/rows.parquet') ORDER BY entity, time SETTINGS max_threads = 1"
    )
    connection.query("OPTIMIZE TABLE log FINAL")
    connection.query("SYSTEM STOP MERGES")
    work(job, connection)
    return connection


def having(job: dict[str, Any]) -> str:
    """The aggregate, as a condition on an entity; raises where the function cannot express the pattern."""
    steps = ", ".join(f"event = {step}" for step in job["steps"])
    function = job["function"]
    if function == "windowFunnel":
        unbounded = all(gap == [1, None] for gap in job["gaps"])
        window = job["span"]
        if len(job["steps"]) == 2 and window is None and job["gaps"][0][0] == 1:
            unbounded, window = True, job["gaps"][0][1]
        if window is None or not unbounded:
            raise side.CannotAnswer("windowFunnel knows no gap between steps")
        if job["ask"] == "locate":
            raise side.CannotAnswer("windowFunnel returns no times")
        return f"windowFunnel({window})(time, {steps}) = {len(job['steps'])}"
    if job["span"] is not None:
        raise side.CannotAnswer(f"{function} knows no span")
    text = "(?1)"
    for number, (lo, hi) in enumerate(job["gaps"], start=2):
        if lo > 1 and hi is not None:
            raise side.CannotAnswer("one time condition between two steps")
        between = f"(?t>={lo})" if lo > 1 else ".*" if hi is None else f"(?t<={hi})"
        text += f"{between}(?{number})"
    if job["ask"] == "count":
        return f"{function}('{text}')(time, {steps})" + (" > 0" if function == "sequenceCount" else "")
    if function == "sequenceCount":
        raise side.CannotAnswer("sequenceCount returns no times")
    return f"sequenceMatchEvents('{text}')(time, {steps})"


def query(job: dict[str, Any]) -> str:
    kept = f"FROM log WHERE event IN ({', '.join(map(str, job['steps']))}) GROUP BY entity"
    order = "SETTINGS max_threads = 1, optimize_aggregation_in_order = 1"
    if job["ask"] == "count":
        return f"SELECT count() AS n FROM (SELECT entity {kept} HAVING {job['having']}) {order}"
    n = len(job["steps"])
    inner = f"SELECT entity, {job['having']} AS chain {kept} HAVING length(chain) = {n}"
    return f"SELECT entity, chain[{n}] AS moment FROM ({inner}) {order}"


def work(job: dict[str, Any], connection: Session) -> pa.Table:
    return connection.query(query(job), "ArrowTable")


def compare(job: dict[str, Any], table: pa.Table) -> dict[str, Any]:
    if job["ask"] == "count":
        return answer.of_count(table["n"][0].as_py())
    moments = table["moment"]
    seconds = moments.cast(pa.timestamp("s")).cast(pa.int64()) if pa.types.is_timestamp(moments.type) else moments
    return answer.of_located(zip(table["entity"].to_pylist(), seconds.to_pylist(), strict=True))


side.run(load, work, compare)
