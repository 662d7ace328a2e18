"""How a job comes into being: its row first, the message after the commit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from wharf.common.clock import new_id
from wharf.common.doorbell import Doorbell
from wharf.common.feed import Feed
from wharf.common.jobs.kinds import Kind, Payload
from wharf.common.jobs.states import Status
from wharf.common.jobs.view import JobView, job_view
from wharf.common.ledger.database import Database
from wharf.common.ledger.models import Job
from wharf.common.logs import get_logger
from wharf.common.metrics import JOBS_SUBMITTED
from wharf.common.queues import Priority, Queue

# Losing this mark in a crash only rings twice: it need not wait for the disk.
RELAX = text("SET LOCAL synchronous_commit = off")
INSERT = insert(Job).returning(*Job.__table__.c)
MARK_PUBLISHED = text("UPDATE wharf.jobs SET published_at = now() WHERE id = :id AND attempt = :attempt")


@dataclass(frozen=True)
class Order:
    """A job that somebody wants."""

    tenant_id: UUID
    project_id: str
    kind: Kind[Any]
    payload: Payload
    priority: Priority = Priority.NORMAL
    label: str = ""
    parent_id: UUID | None = None
    request_id: str | None = None
    queue: Queue | None = None
    available_at: datetime | None = None


def write_job(connection: Connection, order: Order) -> JobView:
    """Add the job's row, unpublished, to a transaction of its tenant."""
    values = {
        "id": new_id(),
        "tenant_id": order.tenant_id,
        "project_id": order.project_id,
        "kind": order.kind.name,
        "queue": order.queue or order.kind.queue,
        "priority": order.priority.rank,
        "status": Status.QUEUED,
        "label": order.label,
        "parent_id": order.parent_id,
        "payload": order.payload.model_dump(mode="json"),
        "max_attempts": order.kind.max_attempts,
        "progress": {"unit": order.kind.unit},
        "request_id": order.request_id,
    }
    if order.available_at:
        values["available_at"] = order.available_at
    return job_view(connection.execute(INSERT, values).mappings().one())


def announce(database: Database, doorbell: Doorbell, feed: Feed, view: JobView, tenant_id: UUID) -> None:
    """After the commit of a new job: count it, ring, tell who watches. Whatever fails here the dispatcher mends."""
    JOBS_SUBMITTED.labels(view.kind, view.queue, view.priority).inc()
    ring(database, doorbell, view, tenant_id)
    feed.tell(view, tenant_id)


def ring(database: Database, doorbell: Doorbell, view: JobView, tenant_id: UUID) -> None:
    """After the commit: tell the broker and mark the job as published. Never raises: an unmarked job is rung again."""
    if not doorbell.ring(view.job_id, view.attempt, view.kind, view.queue, view.priority):
        return
    try:
        with database.tenant(tenant_id) as connection:
            connection.execute(RELAX)
            connection.execute(MARK_PUBLISHED, {"id": view.job_id, "attempt": view.attempt})
    except (DBAPIError, PoolTimeout) as error:
        get_logger().warning("job.not_marked", job_id=str(view.job_id), error=type(error).__name__)
