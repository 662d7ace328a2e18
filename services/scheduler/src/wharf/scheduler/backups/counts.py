"""What is in the tables of a database at one moment: how a backup is compared with what was restored from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from psycopg import sql

from wharf.common.backups import TableCount
from wharf.scheduler.backups.connection import Connection
from wharf.scheduler.backups.pace import Pace

OURS = "SELECT nspname FROM pg_namespace WHERE nspowner = 'wharf_owner'::regrole ORDER BY 1"
TABLES = """
    SELECT n.nspname, c.relname, c.relpersistence FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY (%s) AND c.relkind = 'r' ORDER BY 1, 2"""
# A sum: the order of rows does not matter, and a row that is there twice counts twice.
COUNT = """
    SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) FROM ONLY {} t
    WHERE ctid >= %s::tid AND ctid < %s::tid"""
PAGES = "SELECT pg_relation_size(%s::regclass) / current_setting('block_size')::bigint"
AT_ONCE = 2048
"""Pages that one query reads: between two there may be a rest, or an end."""
UNLOGGED = "u"
Table = tuple[str, str]
"""Schema and name."""


def schemas(connection: Connection) -> list[str]:
    """Those that are Wharf's."""
    return [row[0] for row in connection.execute(OURS)]


def tables(connection: Connection, places: Sequence[str]) -> tuple[list[Table], list[Table]]:
    """Those that a backup has, and the unlogged ones that it leaves out: what is staged is staged again."""
    found = connection.execute(TABLES, [list(places)]).fetchall()
    kept = [(place, name) for place, name, how in found if how != UNLOGGED]
    return kept, [(place, name) for place, name, how in found if how == UNLOGGED]


def count(connection: Connection, names: Iterable[Table], pace: Pace) -> list[TableCount]:
    """Rows and a digest of each table, piece by piece."""
    found = []
    for place, name in names:
        # Its end lets go the locks of indexes: those of thousands of tables have no room in the server's memory.
        with connection.transaction(force_rollback=True):
            rows, digest = _count(connection, sql.Identifier(place, name), pace)
        found.append(TableCount(place=place, name=name, rows=rows, digest=str(digest)))
    return found


def _count(connection: Connection, table: sql.Identifier, pace: Pace) -> tuple[int, int]:
    with pace.piece():
        # Pages that are added meanwhile hold no row of the snapshot.
        ((pages,),) = connection.execute(PAGES, [table.as_string(connection)])
    rows = digest = 0
    for start in range(0, pages, AT_ONCE):
        with pace.piece():
            query = sql.SQL(COUNT).format(table)
            ((more, part),) = connection.execute(query, (f"({start},0)", f"({start + AT_ONCE},0)"))
        rows, digest = rows + more, digest + int(part)
    return rows, digest


def differences(wanted: Iterable[TableCount], found: Iterable[TableCount], *, digests: bool) -> list[str]:
    """What differs, a sentence for each table; `digests`: their rows are compared too, and not only counted."""
    there = {(one.place, one.name): one for one in found}
    said = []
    for table in wanted:
        other = there.get((table.place, table.name))
        if other is None:
            said.append(f"{table.place}.{table.name} is missing")
        elif other.rows != table.rows:
            said.append(f"{table.place}.{table.name} has {other.rows:,} rows instead of {table.rows:,}")
        elif digests and other.digest != table.digest:
            said.append(f"{table.place}.{table.name} has as many rows, but not the same ones")
    return said
