"""One moment of the whole database: a snapshot, and tables that stay as it shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql

from wharf.common.backups import TableCount
from wharf.common.errors import Transient
from wharf.scheduler.backups.connection import Connection
from wharf.scheduler.backups.counts import Table, count, schemas, tables
from wharf.scheduler.backups.pace import Pace

BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# The first query takes the snapshot; locks take none.
SNAPSHOT = "SELECT pg_export_snapshot(), statement_timestamp()"
REVISION = "SELECT version_num FROM wharf.alembic_version"
LOCK = "LOCK TABLE {} IN ACCESS SHARE MODE"
LOCKED_AT_ONCE = 200
TRIES = 10


@dataclass(frozen=True, slots=True)
class Moment:
    """A snapshot of the database that others may take too while its transaction lasts, and what is in it."""

    snapshot: str
    at: datetime
    server_version: str
    revision: str
    places: list[str]
    left_out: list[Table]
    counts: tuple[TableCount, ...]

    @property
    def server_major(self) -> int:
        """The major version of the server."""
        return int(self.server_version.partition(".")[0])


@contextmanager
def moment(connection: Connection, pace: Pace) -> Iterator[Moment]:
    """A snapshot, kept while this lasts; so long nobody changes its tables' columns, or drops one.

    Raises `Transient` (`tables_change`) where there are others whenever one looks.
    """
    snapshot, at, kept = _begin(connection, pace)
    ((revision,),) = connection.execute(REVISION)
    places = schemas(connection)
    _, left_out = tables(connection, places)
    number = connection.info.server_version
    version = f"{number // 10_000}.{number % 10_000}"
    yield Moment(snapshot, at, version, revision, places, left_out, tuple(count(connection, kept, pace)))
    connection.execute("COMMIT")


def _begin(connection: Connection, pace: Pace) -> tuple[str, datetime, list[Table]]:
    """A transaction with a snapshot that is younger than the last change of any table, and the tables' locks."""
    for _ in range(TRIES):
        expected = _tables(connection)
        connection.execute(BEGIN)
        if _locked(connection, expected, pace):
            ((snapshot, at),) = connection.execute(SNAPSHOT)
            if _tables(connection) == expected:
                return snapshot, at, expected
        connection.execute("ROLLBACK")
    message = "Whenever the backup begins, tables are made or dropped. Wharf tries again."
    raise Transient(message, code="tables_change")


def _tables(connection: Connection) -> list[Table]:
    kept, _ = tables(connection, schemas(connection))
    return kept


def _locked(connection: Connection, names: Sequence[Table], pace: Pace) -> bool:
    """Whether all of them are still there. Who changes one is waited for."""
    try:
        for start in range(0, len(names), LOCKED_AT_ONCE):
            pace.check()
            some = [sql.SQL("ONLY {}").format(sql.Identifier(*one)) for one in names[start : start + LOCKED_AT_ONCE]]
            connection.execute(sql.SQL(LOCK).format(sql.SQL(", ").join(some)))
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return False
    return True
