"""The yardstick of upserts: COPY into staging, then `INSERT … ON CONFLICT DO UPDATE` where something differs."""

from __future__ import annotations

import time
from pathlib import Path

import psycopg

PIECE = 1 << 20
VALUES = "date, product_id, product_name, category, quantity, unit_price, total, customer_id, store, notes"
COLUMNS = """
    transaction_id text, date timestamptz, product_id text, product_name text, category text, quantity bigint,
    unit_price numeric, total numeric, customer_id text, store text, notes text"""
CREATE = f"CREATE TABLE bare_upsert ({COLUMNS}, PRIMARY KEY (transaction_id))"
STAGE = f"CREATE UNLOGGED TABLE bare_staging ({COLUMNS}) WITH (autovacuum_enabled = off)"
COPY = "COPY {} FROM STDIN (FORMAT csv, HEADER)"
UPSERT = f"""
    INSERT INTO bare_upsert AS kept SELECT * FROM bare_staging ON CONFLICT (transaction_id) DO UPDATE SET
    {", ".join(f"{name} = excluded.{name}" for name in VALUES.split(", "))}
    WHERE ({", ".join(f"kept.{name}" for name in VALUES.split(", "))})
    IS DISTINCT FROM ({", ".join(f"excluded.{name}" for name in VALUES.split(", "))})"""


def bare_upsert(database_url: str, there: Path, coming: Path) -> float:
    """Seconds that `coming` takes, from its first byte to the commit, into a new table that holds `there`."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(CREATE.encode())
        try:
            _copy(connection, "bare_upsert", there)
            connection.execute("CHECKPOINT")
            started = time.perf_counter()
            with connection.transaction():
                connection.execute(STAGE.encode())
                _copy(connection, "bare_staging", coming)
                connection.execute("SET LOCAL work_mem = '96MB'")
                connection.execute(UPSERT.encode())
                connection.execute("DROP TABLE bare_staging")
            return time.perf_counter() - started
        finally:
            connection.execute("DROP TABLE bare_upsert")


def _copy(connection: psycopg.Connection, table: str, path: Path) -> None:
    with path.open("rb") as file, connection.cursor() as cursor, cursor.copy(COPY.format(table).encode()) as copy:
        while piece := file.read(PIECE):
            copy.write(piece)
