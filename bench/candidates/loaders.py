"""Loaders: typed rows in memory go into a keyed table; reading the file is not measured.

Each function takes the rows and a connection string, and is called once with the table empty.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

TABLE = "candidate"
CREATE = f"""CREATE TABLE {TABLE} (
    transaction_id text PRIMARY KEY, date timestamptz, product_id text, product_name text, category text,
    quantity bigint, unit_price numeric, total numeric, customer_id text, store text, notes text)"""
COLUMNS = (
    "transaction_id", "date", "product_id", "product_name", "category", "quantity", "unit_price", "total",
    "customer_id", "store", "notes",
)  # fmt: skip
DECIMALS = ("unit_price", "total")
BATCH_ROWS = 20_000
INSERT_ROWS = 1_000


def batches(rows: pa.Table) -> Iterator[pa.Table]:
    """As large as an import's."""
    return (rows.slice(start, BATCH_ROWS) for start in range(0, rows.num_rows, BATCH_ROWS))


def _copy(rows: pa.Table, url: str, form: str, encode: Callable[[pa.Table], Any]) -> None:
    import psycopg

    with psycopg.connect(url) as connection:
        for batch in batches(rows):
            with connection.cursor().copy(f"COPY {TABLE} ({', '.join(COLUMNS)}) FROM STDIN (FORMAT {form})") as copy:
                for piece in encode(batch):
                    copy.write(piece)


def arrow_csv(rows: pa.Table, url: str) -> None:
    """COPY of the text that pyarrow writes."""
    from wharf.ingest_worker.reading import encode_csv

    _copy(rows, url, "csv", lambda batch: [encode_csv(batch)])


def pgpq(rows: pa.Table, url: str) -> None:
    """COPY of the bytes that pgpq writes; decimals by our own code."""
    from wharf.common.profiles import builtin_profile
    from wharf.ingest_worker.reading import encode_binary

    kinds = builtin_profile("transactions").column_types
    _copy(rows, url, "binary", lambda batch: encode_binary(batch, kinds, {}))


def adbc(rows: pa.Table, url: str) -> None:
    """ADBC's ingest: binary COPY in C++ through a connection of its own; `1.50` becomes `1.5000`."""
    import pyarrow.compute as pc
    from adbc_driver_postgresql import dbapi

    with dbapi.connect(url) as connection, connection.cursor() as cursor:
        for batch in batches(rows):
            typed = batch
            for name in DECIMALS:
                values = pc.cast(batch[name], pa.decimal128(18, 4))
                typed = typed.set_column(batch.schema.get_field_index(name), name, values)
            cursor.adbc_ingest(TABLE, typed, mode="append")
        connection.commit()


def psycopg_rows(rows: pa.Table, url: str) -> None:
    """COPY row by row, as psycopg's documentation shows it."""
    import psycopg

    with psycopg.connect(url) as connection:
        for batch in batches(rows):
            values = zip(*(batch[name].to_pylist() for name in COLUMNS), strict=True)
            with connection.cursor().copy(f"COPY {TABLE} ({', '.join(COLUMNS)}) FROM STDIN") as copy:
                for row in values:
                    copy.write_row(row)


def sqlalchemy_insert(rows: pa.Table, url: str) -> None:
    """SQLAlchemy's INSERT of many values, as ORMs and pandas' `to_sql` end up doing it."""
    import sqlalchemy as sa

    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    table = sa.Table(TABLE, sa.MetaData(), autoload_with=engine)
    with engine.begin() as connection:
        for start in range(0, rows.num_rows, INSERT_ROWS):
            connection.execute(sa.insert(table), rows.slice(start, INSERT_ROWS).to_pylist())


LOADERS: dict[str, Callable[[pa.Table, str], None]] = {
    "COPY of pgpq's bytes (Wharf)": pgpq,
    "COPY of pyarrow's CSV": arrow_csv,
    "ADBC ingest": adbc,
    "psycopg, row by row": psycopg_rows,
    "SQLAlchemy INSERT": sqlalchemy_insert,
}
