"""The staging table of one import: typed, unlogged, gone when the import has ended.

Only the loader role may COPY past row security, and it may only insert; everything else is done as the app.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pyarrow as pa
from psycopg import sql
from sqlalchemy import Connection, text

from wharf.common.ledger.database import driver_of
from wharf.common.profiles import Profile
from wharf.ingest_worker.reading import encode_csv

CREATE = text("SELECT wharf.create_staging(:id, cast(:definition AS jsonb))")
DROP = text("SELECT wharf.drop_staging(:id)")
REJECTS = sql.Identifier("wharf", "rejects")
FORGET_REJECTS = text("""
    WITH forgotten AS (DELETE FROM wharf.assigned WHERE import_id = :id)
    DELETE FROM wharf.rejects WHERE import_id = :id""")
COPY_BYTES = 2**20


@dataclass(frozen=True)
class Staging:
    """Where the rows of one import wait for their merge."""

    import_id: UUID
    profile: Profile
    table: sql.Composable

    @classmethod
    def open(cls, connection: Connection, import_id: UUID, profile: Profile) -> Staging:
        """Make the table, or find the one that an earlier attempt made."""
        values = {"id": import_id, "definition": definition(profile)}
        place, name = connection.execute(CREATE, values).scalar_one().split(".")
        return cls(import_id, profile, sql.Identifier(place, name))

    def add_rows(self, connection: Connection, rows: pa.Table) -> None:
        """COPY typed columns of the profile by name, with `_line`.

        A row with `_rejected_at` is only the place of a rejected one: it counts among its group's and gets a number.
        """
        if rows.num_rows:
            _copy(connection, self.table, rows)

    def add_rejects(self, connection: Connection, rejects: pa.Table) -> None:
        """Set rows aside, with their line, place, text and reasons; the tenant is the transaction's."""
        if rejects.num_rows:
            own = pa.repeat(str(self.import_id), rejects.num_rows)
            _copy(connection, REJECTS, rejects.append_column("import_id", own))

    def count(self, connection: Connection) -> tuple[int, int]:
        """How many rows, and how many places of rejected ones, are staged."""
        query = sql.SQL("SELECT count(*) FILTER (WHERE _rejected_at IS NULL), count(_rejected_at) FROM {}").format(
            self.table
        )
        row = driver_of(connection).execute(query).fetchone()
        return (int(row[0]), int(row[1])) if row else (0, 0)

    def empty(self, connection: Connection) -> None:
        """Begin again: no rows, no rejects."""
        driver_of(connection).execute(sql.SQL("TRUNCATE {}").format(self.table))
        connection.execute(FORGET_REJECTS, {"id": self.import_id})


def drop_staging(connection: Connection, import_id: UUID) -> None:
    """Remove an import's staging table, if it has one."""
    connection.execute(DROP, {"id": import_id})


def definition(profile: Profile) -> str:
    """What the ledger's functions need to make a profile's table."""
    return profile.model_dump_json(include={"name": True, "key": True, "columns": {"__all__": {"name", "type"}}})


def _copy(connection: Connection, table: sql.Composable, rows: pa.Table) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, rows.column_names))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(table, names)
    cursor = driver_of(connection).cursor()
    cursor.execute("SET LOCAL ROLE wharf_loader")
    with cursor.copy(statement) as copy:
        for piece in _pieces(encode_csv(rows)):
            copy.write(piece)
    cursor.execute("RESET ROLE")


def _pieces(data: Any) -> Iterable[memoryview]:  # noqa: ANN401 - bytes or an Arrow buffer
    view = memoryview(data)
    return (view[start : start + COPY_BYTES] for start in range(0, len(view), COPY_BYTES))
