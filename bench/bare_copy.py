"""The yardstick: one COPY of the same file into a plain table that is keyed by `transaction_id`."""

from __future__ import annotations

import time
from pathlib import Path

import psycopg

PIECE = 1 << 20
CREATE = """
CREATE TABLE bare_copy (
    transaction_id text PRIMARY KEY, date timestamptz, product_id text, product_name text, category text,
    quantity bigint, unit_price numeric, total numeric, customer_id text, store text, notes text
)
"""
COPY = "COPY bare_copy FROM STDIN (FORMAT csv, HEADER)"


def bare_copy(database_url: str, path: Path, rows: int) -> float:
    """Seconds from the first byte to the commit, into a new table that is dropped again.

    Nothing is checked but the types and the key; PostgreSQL is asked for nothing that it does not do by itself.
    """
    with psycopg.connect(database_url) as connection:
        connection.execute(CREATE)
        connection.commit()
        try:
            seconds = _copy(connection, path)
            found = connection.execute("SELECT count(*) FROM bare_copy").fetchone()
        finally:
            connection.rollback()
            connection.execute("DROP TABLE bare_copy")
    if found != (rows,):
        raise RuntimeError(f"The bare COPY loaded {found} rows instead of {rows}.")
    return seconds


def _copy(connection: psycopg.Connection, path: Path) -> float:
    started = time.perf_counter()
    with path.open("rb") as file, connection.cursor() as cursor, cursor.copy(COPY) as copy:
        while piece := file.read(PIECE):
            copy.write(piece)
    connection.commit()
    return time.perf_counter() - started
