"""One dataset as it was before one merge: set-wise, in the transaction of the caller, under the turn lock.

Only rows that are still the import's are touched. Whatever a later merge has overwritten stays; but what its journal
says of this import's rows is put right, so that undoing the later one does not bring them back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import sql
from sqlalchemy import Connection

from wharf.common.ledger.database import driver_of
from wharf.common.ledger.journal import Journal, names, of, same_key
from wharf.common.ledger.planner import joined
from wharf.ingest_worker.upsert import one_row

SHOWN = 20
"""Kept rows that a result names; all of them are counted."""


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

    journal: Journal
    import_id: UUID
    turn: int
    project_id: str
    replaced: bool
    """Whether the import had removed all other rows."""
    until: int | None
    """The turn of the first later import that replaced everything, and stands: the rows are in its journal now."""

    def run(self, connection: Connection) -> Reversed:
        """Give back, put the later journals right, forget."""
        with joined(connection):
            out, back, both = self._give_back(connection)
            mended = self._mend(connection) if self.journal.key else 0
        overwritten = mended + self._forget(connection, "later", self._later)
        journaled = self._forget(connection, "own", self._own)
        return Reversed(out, back, both, overwritten, mended, journaled)

    def kept_rows(self, connection: Connection) -> list[dict[str, Any]]:
        """The first rows of the import that later ones have changed, by their keys; asked before it is undone."""
        if not self.journal.key:
            return []
        parts = [sql.SQL("{}, {}").format(sql.Literal(c), sql.Identifier("later", c)) for c in self.journal.key]
        query = sql.SQL(
            "SELECT jsonb_build_object({key}), i.id FROM {table} later JOIN wharf.imports i ON i.turn = later._turn"
            " WHERE {later} ORDER BY {order} LIMIT {shown}"
        ).format(
            key=sql.SQL(", ").join(parts),
            table=self.journal.table,
            later=self._later,
            order=of("later", self.journal.key),
            shown=SHOWN,
        )
        with joined(connection):
            return [{"key": key, "import_id": by} for key, by in driver_of(connection).execute(query)]

    def _give_back(self, connection: Connection) -> tuple[int, ...]:
        """Rows taken out, put back, and those of them that have the same key."""
        if self.replaced or not self.journal.key:
            return one_row(connection, self._given_back(self._wanted(connection)))
        run = driver_of(connection).execute
        changed = run(self._changed_back()).rowcount
        brought = run(self._filled("DELETE FROM {place} d WHERE {here} AND d._import_id = {id}")).rowcount
        return changed + brought, changed, changed

    def _changed_back(self) -> sql.Composed:
        """Changed in place, as the import did: where a page has room for a row as it was, no index is written."""
        sets = [sql.SQL("{} = {}").format(sql.Identifier(c), sql.Identifier("own", c)) for c in self.journal.columns]
        return self._filled(
            "UPDATE {place} d SET {sets} FROM {table} own WHERE {here} AND d._import_id = {id} AND {own} AND {same}",
            sets=sql.SQL(", ").join(sets),
            table=self.journal.table,
            own=self._own,
            same=same_key("d", "own", self.journal.key),
        )

    def _filled(self, statement: str, **more: sql.Composable) -> sql.Composed:
        return sql.SQL(statement).format(place=self._place, here=self._here, id=str(self.import_id), **more)

    def _given_back(self, wanted: sql.Composable) -> sql.Composed:
        """In one statement: it sees the rows as they were before it, so nothing can be counted twice."""
        journal, key = self.journal, self.journal.key
        return sql.SQL(
            "WITH gone AS (DELETE FROM {place} d WHERE {here} AND d._import_id = {id} RETURNING {gone_key}),"
            " back AS (INSERT INTO {place} ({targets}) SELECT {values} FROM {table} own WHERE {own}{wanted}"
            " RETURNING {back_key})"
            " SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM back), {both}"
        ).format(
            place=self._place,
            here=self._here,
            id=str(self.import_id),
            gone_key=of("d", key) if key else sql.SQL("1"),
            targets=names([*journal.columns, *(["_turn"] if self.until else [])]),
            values=sql.SQL("{}{}").format(of("own", journal.columns), sql.SQL(f", {self.until}" if self.until else "")),
            table=journal.table,
            own=self._own,
            wanted=wanted,
            back_key=names(key) if key else sql.SQL("1"),
            both=self._both(),
        )

    def _both(self) -> sql.Composable:
        """How many rows that come back have the key of one that goes; of changed ones all do, so nothing is joined."""
        key = self.journal.key
        if not key:
            return sql.SQL("0")
        if not self.replaced:
            return sql.SQL("(SELECT count(*) FROM back)")
        same = same_key("gone", "b", key)
        return sql.SQL("(SELECT count(*) FROM back b WHERE EXISTS (SELECT FROM gone WHERE {}))").format(same)

    def _wanted(self, connection: Connection) -> sql.Composable:
        """Changed rows come back where they are still the import's, removed ones where no other row has the key."""
        key = self.journal.key
        if not key or (self.replaced and not self._has_others(connection)):
            return sql.SQL("")
        if not self.replaced:
            return sql.SQL(" AND EXISTS (SELECT FROM gone WHERE {})").format(same_key("gone", "own", key))
        same = same_key("d", "own", key)
        return sql.SQL(" AND NOT EXISTS (SELECT FROM {place} d WHERE {others} AND {same})").format(
            place=self._place, others=self._others, same=same
        )

    def _has_others(self, connection: Connection) -> bool:
        """Whether later imports brought rows. Mostly none did, and then the journal is read in its own order.

        A join may hash the journal and give its rows in no order: the key's index then grows in twice the time.
        """
        query = sql.SQL("SELECT EXISTS (SELECT FROM {} d WHERE {})::int").format(self._place, self._others)
        return bool(one_row(connection, query)[0])

    @property
    def _others(self) -> sql.Composed:
        return sql.SQL("{} AND d._import_id <> {}").format(self._here, str(self.import_id))

    def _mend(self, connection: Connection) -> int:
        """In later entries the row as it was before this import takes the place of the row that this import made."""
        sets = [sql.SQL("{} = {}").format(sql.Identifier(c), sql.Identifier("own", c)) for c in self.journal.columns]
        statement = sql.SQL(
            "UPDATE {table} later SET {sets} FROM {table} own WHERE {later} AND {own} AND {same}"
        ).format(
            table=self.journal.table,
            sets=sql.SQL(", ").join(sets),
            later=self._later,
            own=self._own,
            same=same_key("later", "own", self.journal.key),
        )
        return driver_of(connection).execute(statement).rowcount

    def _forget(self, connection: Connection, name: str, which: sql.Composable) -> int:
        statement = sql.SQL("DELETE FROM {} AS {} WHERE {}").format(self.journal.table, sql.Identifier(name), which)
        return driver_of(connection).execute(statement).rowcount

    @property
    def _place(self) -> sql.Composable:
        return self.journal.table if self.until else self.journal.dataset

    @property
    def _here(self) -> sql.Composed:
        """The rows `d` among which the import's are: those of the dataset, or those that a replacement removed."""
        project = sql.SQL("d.project_id = {}").format(self.project_id)
        return sql.SQL("{} AND d._turn = {}").format(project, self.until) if self.until else project

    @property
    def _own(self) -> sql.Composed:
        return sql.SQL("own._turn = {} AND own.project_id = {}").format(self.turn, self.project_id)

    @property
    def _later(self) -> sql.Composed:
        later = sql.SQL("later._import_id = {} AND later._turn > {} AND later.project_id = {}").format(
            str(self.import_id), self.turn, self.project_id
        )
        return sql.SQL("{} AND later._turn < {}").format(later, self.until) if self.until else later
