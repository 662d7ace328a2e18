"""Jobs, who works on them, and what they said."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from wharf.common.ledger.models.table import EMPTY, NOW, Json, Table


class Job(Table):
    """One unit of asynchronous work.

    `published_at` is the outbox mark: null means that the broker has to be told.
    `attempt` is the fence: the number of the attempt that may claim, or has claimed, the job.
    `admitted`: it has a place among its tenant's published ones. `raised`: levels that waiting added to its priority.
    `furthest`: the greatest progress that any attempt has saved.
    `part`: which of its parent's parts it is. `waits`: it runs, but only waits for its parts.
    """

    __tablename__ = "jobs"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    project_id: Mapped[str]
    kind: Mapped[str]
    queue: Mapped[str]
    priority: Mapped[int] = mapped_column(SmallInteger)
    status: Mapped[str]
    label: Mapped[str] = mapped_column(server_default="")
    parent_id: Mapped[UUID | None]
    part: Mapped[int | None]
    waits: Mapped[bool] = mapped_column(server_default="false")
    payload: Mapped[Json] = mapped_column(server_default=EMPTY)
    attempt: Mapped[int] = mapped_column(server_default="1")
    max_attempts: Mapped[int] = mapped_column(server_default="4")
    failures: Mapped[int] = mapped_column(server_default="0")
    deaths: Mapped[int] = mapped_column(server_default="0")
    give_backs: Mapped[int] = mapped_column(server_default="0")
    admitted: Mapped[bool] = mapped_column(server_default="false")
    raised: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    furthest: Mapped[int] = mapped_column(server_default="0")
    checkpoint: Mapped[Json | None]
    progress: Mapped[Json | None]
    result: Mapped[Json | None]
    error: Mapped[Json | None]
    request_id: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    available_at: Mapped[datetime] = mapped_column(server_default=NOW)
    published_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    discarded_at: Mapped[datetime | None]


class Lease(Table):
    """The right to work on a job, for seconds, on the database's clock. Its row is the fence."""

    __tablename__ = "leases"
    job_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    attempt: Mapped[int]
    worker: Mapped[str]
    acquired_at: Mapped[datetime] = mapped_column(server_default=NOW)
    expires_at: Mapped[datetime]
    renewed_at: Mapped[datetime] = mapped_column(server_default=NOW)
    why: Mapped[str | None]


class Attempt(Table):
    """One try at a job by one worker. In partitions by the month of the job, which its number tells."""

    __tablename__ = "attempts"
    job_id: Mapped[UUID] = mapped_column(primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    worker: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(server_default=NOW)
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    error: Mapped[Json | None]


class JobLog(Table):
    """A line that a job wrote about itself. In partitions by the month of the job, which its number tells."""

    __tablename__ = "job_logs"
    id: Mapped[int] = mapped_column(server_default=text("nextval('wharf.job_log_ids')"), primary_key=True)
    tenant_id: Mapped[UUID]
    job_id: Mapped[UUID]
    attempt: Mapped[int]
    at: Mapped[datetime] = mapped_column(server_default=NOW)
    level: Mapped[str]
    event: Mapped[str]
    fields: Mapped[Json] = mapped_column(server_default=EMPTY)


class Pause(Table):
    """A queue that rests, for one tenant or (its number all zeros) for the whole installation."""

    __tablename__ = "pauses"
    queue: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    paused_at: Mapped[datetime] = mapped_column(server_default=NOW)
    reason: Mapped[str | None]


class WorkerProcess(Table):
    """The main process of a worker, as it told of itself, with the pids of the processes below it."""

    __tablename__ = "workers"
    name: Mapped[str] = mapped_column(primary_key=True)
    service: Mapped[str]
    host: Mapped[str]
    pid: Mapped[int]
    queues: Mapped[list[str]] = mapped_column(ARRAY(Text))
    slots: Mapped[int]
    version: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(server_default=NOW)
    seen_at: Mapped[datetime] = mapped_column(server_default=NOW)
    children: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default="{}")
    memory_bytes: Mapped[int | None]
    draining_since: Mapped[datetime | None]
