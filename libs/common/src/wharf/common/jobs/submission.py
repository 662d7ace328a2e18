"""How a job comes into being: its row first, the message after the commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import dict_row
from sqlalchemy import Connection

from wharf.common.clock import new_id
from wharf.common.jobs.kinds import Kind, Payload
from wharf.common.jobs.states import Status
from wharf.common.jobs.view import JobView, job_view
from wharf.common.ledger.database import driver_of, dumps
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
    values = _values(order)
    return _written(order, values, dict(connection.exec_driver_sql(INSERT, values).mappings().one()))


def write_jobs(connection: Connection, orders: Sequence[Order]) -> list[Written]:
    """The same for many: each sees those before it, and nobody waits for an answer between them."""
    if not orders:
        return []
    values = [_values(order) for order in orders]
    with driver_of(connection).cursor(row_factory=dict_row) as cursor:
        cursor.executemany(INSERT, values, returning=True)
        rows = [row for one in cursor.results() for row in one]
    return [_written(*one) for one in zip(orders, values, rows, strict=True)]


def _values(order: Order) -> dict[str, Any]:
    return {
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
        "payload": order.payload.model_dump_json(),
        "progress": dumps({"unit": order.kind.unit}),
        "available_at": order.available_at,
    }


def _written(order: Order, values: Mapping[str, Any], row: dict[str, Any]) -> Written:
    """By what was written, and what the database decided of it."""
    progress = {"progress": {"unit": order.kind.unit}}
    return Written(job_view(UNTOUCHED | dict(values) | progress | row), row["admitted"])
