"""Rows of a query into a keyed dataset: new ones come in, those that differ are changed, all others stay untouched.

What changed rows were before goes into the journal. There is one merge at a time, so a plain join decides what is new:
probing the index row by row (`ON CONFLICT`) takes longer, and writes to the rows that stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

from psycopg import sql
from sqlalchemy import Connection

from wharf.common.ledger.database import driver_of
from wharf.common.ledger.journal import Journal, names, of, same_key
from wharf.common.ledger.planner import joined

RETURNS_OLD = 180_000
"""The version of PostgreSQL from which a MERGE gives back the row as it was."""
FEW = 0.1
"""Of the rows that are there: fewer that come than this are looked up in the index."""


@dataclass(frozen=True)
class Upsert:
    """One such statement; `new` is the row that comes, `was` the one that is there."""

    journal: Journal
    turn: int
    project_id: str
    rows: sql.Composable
    """A query of the columns in `targets`; no two rows of it have one key."""
    targets: Sequence[str]
    never_empty: Sequence[str]
    """Columns of the key that every row has a value in."""
    changes: Mapping[str, sql.Composable]
    """What becomes of a row that is there: column to its value."""
    few: bool = False
    """So few rows come, beside those that are there, that each is looked up in the index."""
    always: bool = False
    """A row that is there becomes the one that comes even where nothing differs."""

    def led(self, connection: Connection) -> AbstractContextManager[None]:
        """While this lasts the planner knows which way to go."""
        return nullcontext() if self._looked_up else joined(connection)

    @property
    def _looked_up(self) -> bool:
        """The index begins with the project and the key's columns; of an empty cell it knows nothing."""
        return self.few and self.journal.key[0] in self.never_empty

    def run(self, connection: Connection) -> tuple[int, int]:
        """Gives how many rows were inserted, and how many changed."""
        at_once = driver_of(connection).info.server_version >= RETURNS_OLD
        with self.led(connection):
            return self._at_once(connection) if at_once else self._journal_first(connection)

    def _at_once(self, connection: Connection) -> tuple[int, int]:
        old = sql.SQL(", ").join(sql.SQL("old.{0} AS {0}").format(sql.Identifier(c)) for c in self.journal.columns)
        statement = sql.SQL(
            "WITH merged AS ({merge} RETURNING {old}), kept AS (INSERT INTO {journal} ({columns}, _turn)"
            " SELECT {columns}, {turn} FROM merged WHERE project_id IS NOT NULL RETURNING 1)"
            " SELECT (SELECT count(*) FROM merged), (SELECT count(*) FROM kept)"
        )
        merged, changed = one_row(connection, self._filled(statement, merge=self._merge(), old=old))
        return merged - changed, changed

    def _journal_first(self, connection: Connection) -> tuple[int, int]:
        """The same for PostgreSQL 15 to 17, with one more join."""
        changed, run = 0, partial(driver_of(connection).execute)
        if self.changes:
            statement = sql.SQL(
                "INSERT INTO {journal} ({columns}, _turn) SELECT {was}, {turn} FROM ({rows}) new"
                " JOIN {dataset} was ON {same} WHERE {differs}"
            )
            changed = run(self._filled(statement, was=of("was", self.journal.columns))).rowcount
        return run(self._merge()).rowcount - changed, changed

    def _merge(self) -> sql.Composed:
        change = sql.SQL(" WHEN MATCHED AND {differs} THEN UPDATE SET {sets}") if self.changes else sql.SQL("")
        statement = sql.SQL(
            "MERGE INTO {dataset} AS was USING ({rows}) AS new ON {same}{change}"
            " WHEN NOT MATCHED THEN INSERT ({targets}) VALUES ({values})"
        )
        values = of("new", self.targets)
        return self._filled(statement, change=self._filled(change), targets=names(self.targets), values=values)

    def _filled(self, statement: sql.SQL, **more: sql.Composable) -> sql.Composed:
        lineage = {c: sql.Identifier("new", c) for c in ("_import_id", "_line")}
        sets = [sql.SQL("{} = {}").format(sql.Identifier(c), to) for c, to in {**self.changes, **lineage}.items()]
        return statement.format(
            dataset=self.journal.dataset,
            journal=self.journal.table,
            columns=names(self.journal.columns),
            turn=self.turn,
            rows=self.source(),
            same=self.same(),
            sets=sql.SQL(", ").join(sets),
            differs=sql.SQL("true") if self.always else self._differs(),
            **more,
        )

    def _differs(self) -> sql.Composed:
        values = sql.SQL(", ").join(self.changes.values())
        return sql.SQL("({}) IS DISTINCT FROM ({})").format(of("was", self.changes), values)

    def same(self) -> sql.Composed:
        """Whether the rows `was` and `new` are the same one."""
        key = same_key("was", "new", self.journal.key, never_empty=self.never_empty)
        project = sql.SQL("new.project_id") if self._looked_up else sql.Literal(self.project_id)
        return sql.SQL("was.project_id = {} AND {}").format(project, key)

    def source(self) -> sql.Composable:
        """The rows that come.

        Those that are looked up must not tell their project before they are read (`OFFSET 0`). A project that the
        table's statistics do not know yet is taken to have one row, and the planner would go through all of its
        rows for each row that comes.
        """
        return sql.SQL("{} OFFSET 0").format(self.rows) if self._looked_up else self.rows


def one_row(connection: Connection, query: sql.Composed) -> tuple[int, ...]:
    """The one row that a query of counts gives."""
    row = driver_of(connection).execute(query).fetchone()
    return tuple(row) if row else ()
