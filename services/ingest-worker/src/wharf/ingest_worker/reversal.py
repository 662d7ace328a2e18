"""One dataset as it was before one merge: set-wise, in the transaction of the caller, under the turn lock.

Only rows that are still the import's are touched. Whatever a later merge has overwritten stays; but what its journal
says of this import's rows is put right, so that undoing the later one does not bring them back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from psycopg import sql
from sqlalchemy import Connection

from wharf.common.ledger.database import driver_of
from wharf.common.ledger.journal import Journal, names, of, same_key
from wharf.common.ledger.planner import joined
from wharf.ingest_worker.traces import Traces
from wharf.ingest_worker.upsert import FEW, one_row

SHOWN = 20
"""Kept rows that a result names; all of them are counted."""
TAKEN_OUT = "DELETE FROM {place} d WHERE {here} AND d._import_id = {id}"
JOINED = "UPDATE {place} d SET {as_it_was} FROM {table} own WHERE {here} AND d._import_id = {id} AND {own} AND {same}"
# Neither the project (`OFFSET 0`) nor the import (as text) must lead the planner to all rows that have it.
LOOKED_UP = """
    UPDATE {place} d SET {as_it_was} FROM (SELECT * FROM {table} own WHERE {own} OFFSET 0) own
    WHERE d.project_id = own.project_id AND {same} AND d._import_id::text = {id}"""


@dataclass(frozen=True, slots=True)
class Reversed:
    """What became of the rows: taken out, put back, those of them that have the same key; journaled in all."""

    out: int
    back: int
    both: int
    overwritten: int
    """Rows of the import that a later merge had changed."""
    mended: int
    """Those of them that were there before the import."""
    journaled: int


@dataclass(frozen=True)
class Reversal:
    """The reversal of one import in one dataset."""

    traces: Traces
    replaced: bool
    """Whether the import had removed all other rows."""
    rows: int = 0
    """How many rows the project has there, as far as it is known: few among many are looked up."""
    written: int | None = None
    """How many rows the import wrote there, where it is known."""

    @property
    def journal(self) -> Journal:
        """That of the dataset."""
        return self.traces.journal

    def run(self, connection: Connection) -> Reversed:
        """Give back, put the later journals right, forget."""
        out, back, both = self._give_back(connection)
        with joined(connection):
            mended = self._mend(connection) if self.journal.key else 0
        overwritten = mended + self._run(connection, "DELETE FROM {table} later WHERE {later}")
        journaled = self._run(connection, "DELETE FROM {table} own WHERE {own}")
        return Reversed(out, back, both, overwritten, mended, journaled)

    def kept_rows(self, connection: Connection) -> list[dict[str, Any]]:
        """The first rows of the import that later ones have changed, by their keys; asked before it is undone."""
        if not self.journal.key:
            return []
        parts = [sql.SQL("{}, {}").format(sql.Literal(c), sql.Identifier("later", c)) for c in self.journal.key]
        query = self.traces.filled(
            "SELECT jsonb_build_object({key}), i.id FROM {table} later JOIN wharf.imports i ON i.turn = later._turn"
            " WHERE {later} ORDER BY {order} LIMIT {shown}",
            key=sql.SQL(", ").join(parts),
            order=of("later", self.journal.key),
            shown=sql.Literal(SHOWN),
        )
        with joined(connection):
            return [{"key": key, "import_id": by} for key, by in driver_of(connection).execute(query)]

    def _give_back(self, connection: Connection) -> tuple[int, ...]:
        """Rows taken out, put back, and those of them that have the same key."""
        entries, changed = self._change_back(connection) if self.journal.key else (None, 0)
        # What is the import's still was new, or the import that it came with is undone.
        gone = 0 if changed == self.written else self._run(connection, TAKEN_OUT)
        put = self._put_back(connection, changed) if self.replaced and changed != entries else 0
        return changed + gone, changed + put, changed

    def _change_back(self, connection: Connection) -> tuple[int, int]:
        """Changed rows are changed again, in their places: where a page has room no index is written.

        Gives how many entries there are, and how many rows were still the import's.
        """
        entries, never_empty = self._entries(connection)
        same = same_key("d", "own", self.journal.key, never_empty=never_empty)
        if entries <= FEW * self.rows and self.journal.key[0] in never_empty and not self.traces.until:
            return entries, self._run(connection, LOOKED_UP, same=same) if entries else 0
        with joined(connection):
            return entries, self._run(connection, JOINED, same=same)

    def _entries(self, connection: Connection) -> tuple[int, list[str]]:
        """How many the import has, and which columns of the key have a value in each."""
        cells = sql.SQL(", ").join(sql.SQL("count({})").format(sql.Identifier("own", c)) for c in self.journal.key)
        query = self.traces.filled("SELECT count(*), {cells} FROM {table} own WHERE {own}", cells=cells)
        entries, *filled = one_row(connection, query)
        return entries, [c for c, cells in zip(self.journal.key, filled, strict=True) if cells == entries]

    def _put_back(self, connection: Connection, changed: int) -> int:
        """Removed rows come back where no row has their key, be it changed back or brought by a later import."""
        until = self.traces.until
        with joined(connection):
            return self._run(
                connection,
                "INSERT INTO {place} ({targets}) SELECT {values} FROM {table} own WHERE {own}{wanted}",
                targets=names([*self.journal.columns, *(["_turn"] if until else [])]),
                values=sql.SQL("{}{}").format(of("own", self.journal.columns), sql.SQL(f", {until}" if until else "")),
                wanted=self._wanted(connection, changed),
            )

    def _wanted(self, connection: Connection, changed: int) -> sql.Composable:
        """Mostly there are no other rows, and then the journal is read in its own order.

        A join may hash the journal and give its rows in no order: the key's index then grows in twice the time.
        """
        others = self.traces.filled("SELECT EXISTS (SELECT FROM {place} d WHERE {here})::int")
        if not self.journal.key or not (changed or one_row(connection, others)[0]):
            return sql.SQL("")
        same = same_key("d", "own", self.journal.key)
        return self.traces.filled(" AND NOT EXISTS (SELECT FROM {place} d WHERE {here} AND {same})", same=same)

    def _mend(self, connection: Connection) -> int:
        """In later entries the row as it was before this import takes the place of the row that this import made."""
        mend = "UPDATE {table} later SET {as_it_was} FROM {table} own WHERE {later} AND {own} AND {same}"
        return self._run(connection, mend, same=same_key("later", "own", self.journal.key))

    def _run(self, connection: Connection, statement: str, **more: sql.Composable) -> int:
        """Gives how many rows it changed."""
        return driver_of(connection).execute(self.traces.filled(statement, **more)).rowcount
