"""Rows that are sent as bytes are the rows that the same cells would be as text, to the last zero of a decimal."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wharf.common.profiles import ColumnType
from wharf.ingest_worker.reading import NotBinary, encode_binary, encode_csv
from wharf.local.trial import Trial

KINDS: dict[str, ColumnType | None] = {
    "words": ColumnType.TEXT,
    "amount": ColumnType.DECIMAL,
    "pieces": ColumnType.INTEGER,
    "at": ColumnType.TIMESTAMP,
    "ok": ColumnType.BOOLEAN,
    "labels": ColumnType.LIST,
    "properties": None,
}
TABLE = """CREATE TEMP TABLE {} (words text, amount numeric, pieces bigint, at timestamptz, ok boolean, labels text[],
    properties jsonb, project_id text, import_id uuid)"""
ARROW = {
    "words": pa.string(),
    "amount": pa.string(),
    "pieces": pa.int64(),
    "at": pa.timestamp("us", tz="UTC"),
    "ok": pa.bool_(),
    "labels": pa.list_(pa.string()),
    "properties": pa.string(),
}
CONSTANTS: dict[str, str | UUID] = {"project_id": 'a, "b"', "import_id": UUID(int=2**100 + 7)}  # fmt: skip
DIFFERENT = "SELECT to_jsonb(t)::text FROM {} t EXCEPT ALL SELECT to_jsonb(t)::text FROM {} t"

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
decimals = st.decimals(-(10**13), 10**13, allow_nan=False, places=4).flatmap(
    lambda d: st.integers(0, 4).map(lambda places: f"{round(d, places):.{places}f}")
)
moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(lambda d: d.replace(tzinfo=UTC))  # noqa: DTZ001 - the zone is added
rows = st.lists(
    st.fixed_dictionaries({
        "words": st.none() | texts,
        "amount": st.none() | decimals,
        "pieces": st.none() | st.integers(-(2**63), 2**63 - 1),
        "at": st.none() | moments,
        "ok": st.none() | st.booleans(),
        "labels": st.none() | st.lists(texts, max_size=3),
        "properties": st.none() | st.just('{"Größe": ["a", null, 1.50]}'),
    }),
    max_size=20,
)  # fmt: skip


def table_of(found: list[dict[str, Any]]) -> pa.Table:
    """The rows as the reader gives them."""
    return pa.table({name: pa.array([row[name] for row in found], kind) for name, kind in ARROW.items()})


def copied(connection: psycopg.Connection, name: str, form: str, columns: list[str], pieces: Any) -> None:
    """COPY into a new table."""
    connection.execute(f"DROP TABLE IF EXISTS {name}".encode())
    connection.execute(TABLE.format(name).encode())
    statement = f"COPY {name} ({', '.join(columns)}) FROM STDIN (FORMAT {form})"
    with connection.cursor().copy(statement.encode()) as copy:
        for piece in pieces:
            copy.write(piece)


def test_both_are_the_same(wharf: Trial) -> None:
    """Of all types, with and without values."""
    with psycopg.connect(wharf.connection.database_url) as connection:

        @settings(max_examples=25, deadline=None)
        @given(rows)
        def compare(found: list[dict[str, Any]]) -> None:
            table = table_of(found)
            columns = [*table.column_names, *CONSTANTS]
            copied(connection, "as_bytes", "binary", columns, encode_binary(table, KINDS, CONSTANTS))
            owned = table
            for name, value in CONSTANTS.items():
                owned = owned.append_column(name, pa.repeat(str(value), table.num_rows))
            copied(connection, "as_text", "csv", columns, [encode_csv(owned)])
            for one, other in (("as_bytes", "as_text"), ("as_text", "as_bytes")):
                assert connection.execute(DIFFERENT.format(one, other).encode()).fetchall() == []
            count = connection.execute(b"SELECT count(*) FROM as_bytes").fetchone()
            assert count == (len(found),)

        compare()


AMOUNTS = ["0", "-0.00", "0.0001", "-9999.99", "10000", "99999999999999.9999", "0.12345678", "-0.000000000001"]
AS_FAR_AS_FLOATS_GO = ["1125899906842623", "1125899906842625", "112589990684.2623", "-999999999999999999"]
LONG = ["0.1234567890123", "123456789.12345678"]


@pytest.mark.parametrize("amount", [*AMOUNTS, *AS_FAR_AS_FLOATS_GO, *LONG])
def test_a_decimal_keeps_its_digits(wharf: Trial, amount: str) -> None:
    """What stands in the file is what the database says, with its zeros at the end."""
    with psycopg.connect(wharf.connection.database_url) as connection:
        table = table_of([dict.fromkeys(ARROW) | {"amount": amount}])
        copied(connection, "as_bytes", "binary", [*ARROW, *CONSTANTS], encode_binary(table, KINDS, CONSTANTS))
        found = connection.execute(b"SELECT amount::text FROM as_bytes").fetchone()
    assert found == (str(abs(Decimal(amount))) if amount == "-0.00" else amount,)


@pytest.mark.parametrize("amount", ["123456789012345678901", "0.12345678901234567", "1e5"])
def test_a_number_that_is_too_long_is_sent_as_text(amount: str) -> None:
    """Which the caller then does."""
    with pytest.raises(NotBinary):
        encode_binary(table_of([dict.fromkeys(ARROW) | {"amount": amount}]), KINDS, CONSTANTS)
