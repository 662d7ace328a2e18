"""The journal of a large merge, written by a second connection while the first one merges.

Both see the same rows: nobody else changes the dataset before the merge has ended its turn. The entries commit first,
together with a row in `wharf.journal_drafts` that says whose they are; the merge deletes that row. Where it does not
commit, they are a draft that counts for nothing, and is taken out by whoever comes next.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from sqlalchemy import ColumnElement, Connection, delete, insert, select, text

from wharf.common.errors import Transient
from wharf.common.ledger.database import driver_of
from wharf.common.ledger.journal import Journal
from wharf.common.ledger.models import JournalDraft
from wharf.common.runtime.context import JobContext
from wharf.ingest_worker.planner import BY_HASH, MEMORY

LEAST_ROWS = 20_000
"""Fewer entries are written before a second connection has begun."""
# A second connection sees neither rows that the first one has just written, nor a table that it is changing.
TOUCHED = sql.SQL("""
    SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation'
    AND mode NOT IN ('AccessShareLock', 'RowShareLock') AND relation = ANY ({}::regclass[])""")
IMPATIENCE = text("SET LOCAL lock_timeout = '5s'")
# The merge may be done long before its journal is.
MAY_WAIT = text("SET LOCAL idle_in_transaction_session_timeout = 0")


@dataclass
class Draft:
    """Entries of a journal that are written beside a merge, and how many of them there have to be."""

    profile: str
    turn: int
    project_id: str
    entries: sql.Composed
    """The statement that writes them."""
    expected: int = 0


@dataclass(frozen=True)
class Drafts:
    """What the merge of one job writes beside."""

    context: JobContext[Any]

    def may_begin(self, connection: Connection, rows: int, tables: list[sql.Composable]) -> bool:
        """Whether that many entries are worth it, and the merge has not yet changed what they are made of."""
        if rows < LEAST_ROWS:
            return False
        own = [table.as_string(None) for table in tables]
        row = driver_of(connection).execute(TOUCHED.format(own)).fetchone()
        return row is not None and row[0] == 0

    @contextmanager
    def beside(self, connection: Connection, draft: Draft) -> Iterator[Draft]:
        """Write the entries while the block merges, which says how many there have to be.

        Raises `Transient` where there are more or fewer: nothing is then merged.
        """
        connection.execute(MAY_WAIT)
        with ThreadPoolExecutor(1, thread_name_prefix="journal") as thread:
            written = thread.submit(self._write, draft)
            yield draft
            _compare(written.result(), draft)
        own = delete(JournalDraft).where(JournalDraft.turn == draft.turn)
        if connection.execute(own).rowcount != 1:
            message = "The journal of this merge is gone. Wharf merges again."
            raise Transient(message, code="journal_lost")

    def _write(self, draft: Draft) -> int:
        """In a thread: entries and what says that they are a draft, in one transaction."""
        values = {
            "turn": draft.turn,
            "import_id": self.context.payload.import_id,
            "profile": draft.profile,
            "project_id": draft.project_id,
        }
        database, tenant_id = self.context.database, self.context.tenant_id
        with database.tenant(tenant_id) as connection, self.context.pulse.guarding(connection):
            for setting in (IMPATIENCE, MEMORY, BY_HASH):
                connection.execute(setting)
            connection.execute(insert(JournalDraft).values(values))
            return driver_of(connection).execute(draft.entries).rowcount


def forget_own(context: JobContext[Any]) -> None:
    """Take out what an earlier try of this import left."""
    with context.transaction() as connection:
        forget(connection, JournalDraft.import_id == context.payload.import_id)


def forget(connection: Connection, *whose: ColumnElement[bool]) -> None:
    """Take out the entries of merges that did not commit: of jobs that have ended, or in the turn of the caller."""
    query = select(JournalDraft.turn, JournalDraft.profile, JournalDraft.project_id).where(*whose).with_for_update()
    for turn, profile, project_id in connection.execute(query).all():
        statement = sql.SQL("DELETE FROM {} WHERE _turn = {} AND project_id = {}").format(
            Journal.of(connection, profile).table, turn, project_id
        )
        driver_of(connection).execute(statement)
        connection.execute(delete(JournalDraft).where(JournalDraft.turn == turn))


def _compare(written: int, draft: Draft) -> None:
    if written != draft.expected:
        message = f"The journal has {written} rows of {draft.expected} that were changed. Wharf merges again."
        raise Transient(message, code="journal_differs")
