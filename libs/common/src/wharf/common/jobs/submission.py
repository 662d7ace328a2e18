"""How a job comes into being: its row first, the message after the commit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from wharf.common.clock import new_id
from wharf.common.jobs.kinds import Kind, Payload
from wharf.common.jobs.states import Status
from wharf.common.jobs.view import JobView, job_view
from wharf.common.ledger.database import dumps
from wharf.common.queues import Priority, Queue

# Constant text, and only what the database decides comes back: this is part of every submit.
INSERT = """
    INSERT INTO wharf.jobs (id, tenant_id, project_id, kind, queue, priority, status, label, parent_id, part, payload,
                            max_attempts, progress, request_id, available_at, admitted)
    VALUES (%(id)s, %(tenant_id)s, %(project_id)s, %(kind)s, %(queue)s, %(priority)s, %(status)s, %(label)s,
            %(parent_id)s, %(part)s, %(payload)s::jsonb, %(max_attempts)s, %(progress)s::jsonb, %(request_id)s,
            coalesce(%(available_at)s, now()),
            %(available_at)s::timestamptz IS NULL AND wharf.room(%(tenant_id)s, %(queue)s, %(priority)s::smallint) > 0)
    RETURNING attempt, created_at, available_at, admitted"""
UNTOUCHED: dict[str, None] = dict.fromkeys(
    ("started_at", "finished_at", "cancel_requested_at", "discarded_at", "error", "result")
)


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
    part: int | None = None
    """Which of its parent's parts it is, from 1."""
    request_id: str | None = None
    queue: Queue | None = None
    available_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A job's new row. Not `admitted` it waits in the ledger until its tenant has room, and nobody rings for it."""

    view: JobView
    admitted: bool


def write_job(connection: Connection, order: Order) -> Written:
    """Add the job's row, unpublished, to a transaction of its tenant; announce it after the commit."""
    progress = {"unit": order.kind.unit}
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
        "part": order.part,
        "max_attempts": order.kind.max_attempts,
        "request_id": order.request_id,
    }
    documents = {"payload": order.payload.model_dump_json(), "progress": dumps(progress)}
    row = connection.exec_driver_sql(INSERT, values | documents | {"available_at": order.available_at}).mappings().one()
    return Written(job_view(UNTOUCHED | values | {"progress": progress} | dict(row)), row["admitted"])
