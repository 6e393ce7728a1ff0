"""duckdb: the same file ordered by entity and time, types dictionary-encoded, written as Parquet."""

import sys

import duckdb

source, target, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
connection = duckdb.connect()
connection.execute(f"SET threads = {threads}")
connection.execute("SET preserve_insertion_order = false")
connection.execute(
    f"COPY (SELECT entity, time, event FROM read_parquet('{source}') ORDER BY entity, time, event) "
    f"TO '{target}' (FORMAT parquet, COMPRESSION uncompressed)"
)
