"""What a job function is given: its payload, its transactions, its checkpoint, its voice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Connection, bindparam, insert, text
from sqlalchemy.dialects.postgresql import JSONB

from wharf.common.feed import Feed
from wharf.common.jobs.kinds import Payload
from wharf.common.jobs.submission import Written
from wharf.common.jobs.view import JobView
from wharf.common.ledger.database import Database
from wharf.common.ledger.models import JobLog
from wharf.common.logs import get_logger
from wharf.common.runtime.heartbeat import Pulse
from wharf.common.runtime.points import Point, reach
from wharf.common.runtime.progress import Progress
from wharf.common.storage import Storage

P = TypeVar("P", bound=Payload)
FENCE = text("""
    SELECT (SELECT cancel_requested_at IS NOT NULL FROM wharf.jobs WHERE id = :job) AS cancelled
    FROM wharf.leases WHERE job_id = :job AND attempt = :attempt AND worker = :worker AND why IS NULL FOR UPDATE""")
SAVE = text("SELECT wharf.save_checkpoint(:job, :attempt, :point, :progress, :reached)").bindparams(
    bindparam("point", type_=JSONB), bindparam("progress", type_=JSONB)
)


@dataclass
class JobContext(Generic[P]):
    """One attempt at one job, seen from its function."""

    view: JobView
    tenant_id: UUID
    payload: P
    checkpoint: dict[str, Any] | None
    database: Database
    storage: Storage
    feed: Feed
    pulse: Pulse
    progress: Progress
    announce: Callable[[Written, UUID], None]
    """To be called for each job that this one has written, after the commit, with the tenant whose job it is."""
    lines: list[dict[str, Any]] = field(default_factory=list)
    """Log lines not yet in the ledger."""

    @property
    def job_id(self) -> UUID:
        """The job's id."""
        return self.view.job_id

    @property
    def attempt(self) -> int:
        """The number of this attempt, which is also its fence."""
        return self.view.attempt

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction of the job's tenant, fenced: it commits only while this attempt holds its lease.

        Raises `Cancelled` or `Fenced` instead of committing; a query that runs is interrupted by a cancel.
        """
        with self.database.tenant(self.tenant_id) as connection, self.pulse.guarding(connection):
            yield connection
            self.flush_lines(connection)
            self.pulse.check()
            reach(Point.BEFORE_FENCE)
            # Last, not first: a lock held for the whole transaction would stall heartbeat, cancel and reaper.
            self._fence(connection)
        reach(Point.AFTER_COMMIT)

    def save(self, connection: Connection, checkpoint: dict[str, Any]) -> None:
        """Keep a checkpoint with the rows of the same transaction: a later attempt goes on from it.

        One that is further than any before it makes the deaths before it forgotten.
        """
        self.checkpoint = checkpoint
        shown = self.progress.view
        values = {"point": checkpoint, "progress": shown.model_dump(mode="json"), "reached": shown.current}
        connection.execute(SAVE, {"job": self.job_id, "attempt": self.attempt} | values)

    def check(self) -> None:
        """Stop here if the job was cancelled or has lost its lease. Cheap: call it between steps."""
        self.pulse.check()

    def report(
        self, current: int, total: int | None, *, stage: str, message: str = "", percent: float | None = None
    ) -> None:
        """Say how far the job is; passed on at most four times a second."""
        shown = self.progress.advance(current, total, stage=stage, message=message, percent=percent)
        if shown is not None:
            self.feed.tell(self.view.model_copy(update={"progress": shown}), self.tenant_id, "job.progress")

    def log(self, level: str, event: str, **fields: object) -> None:
        """A line about the job, for its owner: into the service's log, the ledger and the event stream."""
        getattr(get_logger(), level)(event, **fields)
        line = {"at": datetime.now(UTC), "level": level, "event": event, "fields": fields}
        self.lines.append(line)
        self.feed.tell_log(self.job_id, self.tenant_id, line | {"attempt": self.attempt})

    def flush_lines(self, connection: Connection) -> None:
        """Put the lines written so far into a transaction that is about to commit."""
        if self.lines:
            own = {"tenant_id": self.tenant_id, "job_id": self.job_id, "attempt": self.attempt}
            connection.execute(insert(JobLog), [line | own for line in self.lines])
            self.lines.clear()

    def _fence(self, connection: Connection) -> None:
        held = {"job": self.job_id, "attempt": self.attempt, "worker": self.pulse.worker}
        row = connection.execute(FENCE, held).first()
        if row is None:
            self.pulse.lost.set()
        elif row.cancelled:
            # Who cancelled was told that the job stops: it does not wait for the heartbeat's next look.
            self.pulse.cancelled.set()
        self.pulse.check()
