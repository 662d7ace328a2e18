"""A file's rows on their way into the database, by two connections.

Batches are copied side by side and committed one after the other, so that a checkpoint says how far all of them are.
New rows of a large file go straight into the dataset: written once, hidden until the end. A row whose key is there
already, in the dataset or earlier in the file, ends this way: all that was written is moved into staging, and the rest
of the file follows it there. All other files are staged from the beginning.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from uuid import UUID

import pyarrow as pa
from psycopg import errors
from sqlalchemy import text

from wharf.common.runtime.points import Point, reach
from wharf.ingest_worker import unfinished
from wharf.ingest_worker.reading.numbering import Carry, numbered, together
from wharf.ingest_worker.reading.products import with_products
from wharf.ingest_worker.reading.rejects import with_cells
from wharf.ingest_worker.staging import copy_rows, kinds_of
from wharf.ingest_worker.turns import Stopped, Turns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from wharf.common.jobs.kinds import ImportPayload
    from wharf.common.profiles import Profile
    from wharf.ingest_worker.checkpoint import Checkpoint
    from wharf.ingest_worker.loading import Loading
    from wharf.ingest_worker.reading import Batch

STREAMS = 2
"""Connections that copy at once: one for each core of a small server."""
AHEAD = 1
"""Batches that are read while every connection has one: a core that waits for a commit has something to do."""
LEAST_BYTES = 4 * 2**20
"""Of a file: below this its merge takes hardly any time, and it should hide nothing from others."""
PATIENCE = text("SET LOCAL lock_timeout = '1s'")
PATIENT_AGAIN = text("SET LOCAL lock_timeout TO DEFAULT")
# A transaction may wait long for its turn: the one before it may have to move all rows. Not if its machine is gone.
MAY_WAIT = text("""
    SELECT set_config('idle_in_transaction_session_timeout', '0', true), set_config('tcp_user_timeout', '30s', true)""")


def may_go_directly(payload: ImportPayload, profile: Profile, mode: str, size: int) -> bool:
    """Whether nothing has to be known of all rows before the first one may be written."""
    across = profile.entities or profile.checks or profile.across_rows
    return size >= LEAST_BYTES and mode != "replace" and not payload.dry_run and not across


@dataclass(frozen=True, slots=True)
class Ready:
    """A batch with its numbers, and its rows as the dataset has them.

    None where PostgreSQL has to compute something of them.
    """

    batch: Batch
    rows: pa.Table | None
    carries: Mapping[str, Carry | None]


@dataclass
class Writing:
    """One attempt at writing one file."""

    loading: Loading
    turns: Turns = field(default_factory=Turns)

    def run(self, batches: Iterator[Batch]) -> Iterator[Checkpoint]:
        """Write the batches; gives the checkpoint after each."""
        waiting: deque[Future[Checkpoint]] = deque()
        with ThreadPoolExecutor(STREAMS, thread_name_prefix="writing") as pool:
            try:
                for number, ready in enumerate(self._made_ready(batches)):
                    self.loading.context.check()
                    waiting.append(pool.submit(self._send, ready, number))
                    if len(waiting) >= STREAMS + AHEAD:
                        yield _result(waiting)
                while waiting:
                    yield _result(waiting)
            finally:
                self.turns.stop()

    def _made_ready(self, batches: Iterator[Batch]) -> Iterator[Ready]:
        profile, brought = self.loading.profile, self.loading.brought
        carries: Mapping[str, Carry | None] = self.loading.checkpoint.carries
        for read in batches:
            batch, carries = with_numbers(read, profile, brought, carries)
            yield Ready(batch, direct_rows(batch, profile) if self._is_direct else None, carries)

    def _send(self, ready: Ready, number: int) -> Checkpoint:
        """In a thread: copy at once, commit in turn."""
        try:
            with self.loading.context.transaction() as connection:
                self._write(connection, ready, number)
            checkpoint = self.loading.checkpoint
        except BaseException:
            self.turns.stop()
            raise
        self.turns.done(number)
        reach(Point.AFTER_BATCH)
        return checkpoint

    def _write(self, connection: Connection, ready: Ready, number: int) -> None:
        connection.execute(MAY_WAIT)
        if self._is_direct:
            self._write_directly(connection, ready, number)
            return
        self.loading.stage(connection, ready.batch)
        self.turns.wait(number)
        self.loading.keep_staged(connection, ready.batch, ready.carries)

    def _write_directly(self, connection: Connection, ready: Ready, number: int) -> None:
        place = connection.begin_nested()
        copied = self._copied(connection, ready) and self.turns.wait_holding(number)
        if copied and self._is_direct and unfinished.is_undisturbed(connection, self._import_id):
            place.commit()
            self.loading.keep_direct(connection, ready.batch, ready.carries)
            return
        place.rollback()
        self.turns.wait(number)
        if self._is_direct:
            # Who moves the rows holds their mark, and may wait for a row that a thread behind this one has copied.
            self.turns.make_way()
            self.loading.turn_to_staging(connection)
        self.loading.stage(connection, ready.batch)
        self.loading.keep_staged(connection, ready.batch, ready.carries)

    @property
    def _is_direct(self) -> bool:
        return self.loading.checkpoint.direct is not None

    @property
    def _import_id(self) -> UUID:
        return self.loading.context.payload.import_id

    def _copied(self, connection: Connection, ready: Ready) -> bool:
        """Whether the rows are in the dataset: not where a key is there already, or another transaction has one."""
        if ready.rows is None or not self._is_direct:
            return False
        connection.execute(PATIENCE)
        try:
            if ready.rows.num_rows:
                own: dict[str, str | UUID] = {"project_id": self.loading.project_id, "_import_id": self._import_id}
                copy_rows(connection, self.loading.dataset, ready.rows, kinds_of(self.loading.profile), own)
        except (errors.UniqueViolation, errors.LockNotAvailable):
            return False
        connection.execute(PATIENT_AGAIN)
        return True


def with_numbers(
    batch: Batch, profile: Profile, brought: frozenset[str], carries: Mapping[str, Carry | None]
) -> tuple[Batch, Mapping[str, Carry | None]]:
    """The batch with the numbers within its groups that the file does not have, and what the next one has to know."""
    after = dict(carries)
    places: dict[str, NDArray[np.int64]] = {}
    for column in profile.columns:
        if column.number_within and column.name not in brought:
            found = numbered(batch.rows, batch.places, column.number_within, carries.get(column.name))
            at = batch.rows.schema.get_field_index(column.name)
            batch = replace(batch, rows=batch.rows.set_column(at, column.name, pa.array(found.rows)))
            after[column.name], places[column.name] = found.carry, found.places
    if places and batch.places.num_rows and together(after):
        batch = replace(batch, rejects=with_cells(batch.rejects, batch.places, places))
    return batch, after


def direct_rows(batch: Batch, profile: Profile) -> pa.Table | None:
    """The rows as the dataset has them, with their products; None where PostgreSQL has to compute something."""
    rows: pa.Table | None = batch.rows
    if any(batch.rows[column.name].null_count for column in profile.columns if column.number_within):
        return None  # the file has some of the numbers: the others are given when all are known
    for column in profile.columns:
        rows = with_products(rows, column) if rows is not None else None
    return _without_empty(rows) if rows is not None else None


def _without_empty(rows: pa.Table) -> pa.Table:
    """Columns without a value need not be sent."""
    return rows.select([name for name in rows.column_names if rows[name].null_count < rows.num_rows])


def _result(waiting: deque[Future[Checkpoint]]) -> Checkpoint:
    """Of the first; the error that stopped the others is the one to tell."""
    try:
        return waiting.popleft().result()
    except Stopped:
        for future in waiting:
            if (error := future.exception()) is not None and not isinstance(error, Stopped):
                raise error from None
        raise
