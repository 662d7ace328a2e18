"""How a job comes into being: its row first, the message after the commit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, SmallInteger, Uuid, bindparam, func, insert

from wharf.common.clock import new_id
from wharf.common.jobs.kinds import Kind, Payload
from wharf.common.jobs.states import Status
from wharf.common.jobs.view import JobView, job_view
from wharf.common.ledger.models import Job
from wharf.common.queues import Priority, Queue

ROOM = func.wharf.room(
    bindparam("of_tenant", type_=Uuid()), bindparam("in_queue"), bindparam("of_priority", type_=SmallInteger())
)
INSERT = insert(Job).values(admitted=ROOM > 0).returning(*Job.__table__.c)
INSERT_LATER = insert(Job).returning(*Job.__table__.c)


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


@dataclass(frozen=True, slots=True)
class Written:
    """A job's new row. Not `admitted` it waits in the ledger until its tenant has room, and nobody rings for it."""

    view: JobView
    admitted: bool


def write_job(connection: Connection, order: Order) -> Written:
    """Add the job's row, unpublished, to a transaction of its tenant; announce it after the commit."""
    queue = order.queue or order.kind.queue
    values = {
        "id": new_id(),
        "tenant_id": order.tenant_id,
        "project_id": order.project_id,
        "kind": order.kind.name,
        "queue": queue,
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
        row = connection.execute(INSERT_LATER, values | {"available_at": order.available_at}).mappings().one()
    else:
        place = {"of_tenant": order.tenant_id, "in_queue": queue, "of_priority": order.priority.rank}
        row = connection.execute(INSERT, values | place).mappings().one()
    return Written(job_view(row), row["admitted"])
