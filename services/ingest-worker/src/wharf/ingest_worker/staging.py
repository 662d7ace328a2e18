"""The staging table of one import: typed, unlogged, gone when the import has ended.

Only the loader role may COPY past row security, and it may only insert; everything else is done as the app.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import pyarrow as pa
from psycopg import sql
from sqlalchemy import Connection, text

from wharf.common.ledger.database import driver_of
from wharf.common.profiles import ColumnType, Profile
from wharf.ingest_worker.reading import NotBinary, encode_binary, encode_csv

CREATE = text("SELECT wharf.create_staging(:id, cast(:definition AS jsonb))")
DROP = text("SELECT wharf.drop_staging(:id)")
REJECTS = ("wharf", "rejects")
FORGET_REJECTS = text("""
    WITH forgotten AS (DELETE FROM wharf.assigned WHERE import_id = :id)
    DELETE FROM wharf.rejects WHERE import_id = :id""")
# Until RESET ROLE or the transaction's end. Where the server does not let the loader bypass row security, rows come in
# by the table's door, see 0030_doors.sql.
AS_LOADER = """
    SELECT rolbypassrls FROM pg_roles, set_config('role', 'wharf_loader', true) WHERE rolname = 'wharf_loader'"""
COPY_BYTES = 2**20
NOTED: Mapping[str, ColumnType | None] = {
    "properties": None,
    "_line": ColumnType.INTEGER,
    "_rejected_at": ColumnType.INTEGER,
}
"""What a row has beside its profile's columns. Of no type: a document."""
SET_ASIDE: Mapping[str, ColumnType | None] = {
    "line": ColumnType.INTEGER,
    "byte_offset": ColumnType.INTEGER,
    "raw": ColumnType.TEXT,
    "errors": None,
    "assigned": None,
}


@dataclass(frozen=True)
class Staging:
    """Where the rows of one import wait for their merge."""

    import_id: UUID
    profile: Profile
    place: str
    """The tenant's schema."""
    name: str

    @property
    def table(self) -> sql.Identifier:
        """As statements name it."""
        return sql.Identifier(self.place, self.name)

    @classmethod
    def open(cls, connection: Connection, import_id: UUID, profile: Profile) -> Staging:
        """Make the table, or find the one that an earlier attempt made."""
        values = {"id": import_id, "definition": definition(profile)}
        place, name = connection.execute(CREATE, values).scalar_one().split(".")
        return cls(import_id, profile, place, name)

    def add_rows(self, connection: Connection, rows: pa.Table) -> None:
        """COPY typed columns of the profile by name, with `_line`.

        A row with `_rejected_at` is only the place of a rejected one: it counts among its group's and gets a number.
        """
        if rows.num_rows:
            copy_rows(connection, (self.place, self.name), rows, kinds_of(self.profile), {})

    def add_rejects(self, connection: Connection, rejects: pa.Table) -> None:
        """Set rows aside, with line, place, text, reasons and maybe numbers; the tenant is the transaction's."""
        if rejects.num_rows:
            copy_rows(connection, REJECTS, rejects, SET_ASIDE, {"import_id": self.import_id})

    def set_aside(self, connection: Connection, rejects: pa.Table) -> None:
        """Staged rows that turned out to be rejects (`line`, `byte_offset`) are only their places from now on."""
        statement = sql.SQL(
            "UPDATE {} s SET _rejected_at = r.at FROM unnest(%s::bigint[], %s::bigint[]) r (line, at)"
            " WHERE s._line = r.line"
        ).format(self.table)
        values = (rejects["line"].to_pylist(), rejects["byte_offset"].to_pylist())
        driver_of(connection).execute(statement, values)

    def period(self, connection: Connection, column: str) -> tuple[datetime, datetime] | None:
        """The first and last moment of the rows that are still to be merged."""
        query = sql.SQL("SELECT min({0}), max({0}) FROM {1} WHERE _rejected_at IS NULL").format(
            sql.Identifier(column), self.table
        )
        first, last = driver_of(connection).execute(query).fetchone() or (None, None)
        return (first, last) if first and last else None

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
    return profile.model_dump_json(
        include={"name": True, "key": True, "room_for_changes": True, "columns": {"__all__": {"name", "type"}}}
    )


def kinds_of(profile: Profile) -> dict[str, ColumnType | None]:
    """The types of all columns that a row of the profile may have on its way; None: a document."""
    return {**profile.column_types, **NOTED}


def copy_rows(
    connection: Connection,
    place: tuple[str, str],
    rows: pa.Table,
    kinds: Mapping[str, ColumnType | None],
    constants: Mapping[str, str | UUID],
) -> None:
    """COPY columns by name into a table (its schema and name), as the loader, who has no right but to insert."""
    names = sql.SQL(", ").join(map(sql.Identifier, (*rows.column_names, *constants)))
    form, pieces = _encoded(rows, kinds, constants)
    cursor = driver_of(connection).cursor()
    schema, table = place
    (bypasses,) = cursor.execute(AS_LOADER).fetchone() or (False,)
    target = sql.Identifier(schema, table if bypasses else f"_in_{table}")
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT {})").format(target, names, sql.SQL(form))
    with cursor.copy(statement) as copy:
        for piece in pieces:
            for part in _pieces(piece):
                copy.write(part)
    cursor.execute("RESET ROLE")


def _encoded(
    rows: pa.Table, kinds: Mapping[str, ColumnType | None], constants: Mapping[str, str | UUID]
) -> tuple[LiteralString, Iterable[Any]]:
    """As bytes that PostgreSQL need not parse, or as text where a number is too long for that."""
    try:
        return "binary", encode_binary(rows, kinds, constants)
    except NotBinary:
        for name, value in constants.items():
            rows = rows.append_column(name, pa.repeat(str(value), rows.num_rows))
        return "csv", (encode_csv(rows),)


def _pieces(data: Any) -> Iterable[memoryview]:  # noqa: ANN401 - bytes or an Arrow buffer
    view = memoryview(data)
    return (view[start : start + COPY_BYTES] for start in range(0, len(view), COPY_BYTES))
