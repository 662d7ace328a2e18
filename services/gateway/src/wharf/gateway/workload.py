"""What there is to do and who does it, as the ledger tells it: of one tenant, or of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, RowMapping, select, text

from wharf.common.jobs.states import Status
from wharf.common.jobs.view import job_view
from wharf.common.ledger.models import Job, Lease
from wharf.common.queues import Priority, Queue

EVERYBODY = UUID(int=0)
"""Stands in the ledger's pauses for the whole installation."""
DEPTHS = text("""
    SELECT queue, priority, waiting, running,
           CAST(greatest(extract(epoch FROM clock_timestamp() - oldest), 0) AS double precision) AS wait_seconds
    FROM wharf.queue_depths(:of_tenant)
""")
PAUSES = text("SELECT queue, tenant_id, paused_at, reason FROM wharf.pauses_and_reasons(:of_tenant)")
SLOTS = text("SELECT queue, slots FROM wharf.slots_now()")
LATELY = timedelta(minutes=10)
"""Over which the pace of a queue is measured."""
ENDED = text("SELECT queue, ended FROM wharf.ended_lately(:of_tenant, :within)")
LOADS = text("""
    SELECT tenant, limits, queue, waiting, held, running,
           CAST(greatest(extract(epoch FROM clock_timestamp() - oldest), 0) AS double precision) AS oldest_wait_seconds
    FROM wharf.tenant_loads(:of_tenant) ORDER BY waiting DESC, running DESC, tenant, queue LIMIT :most
""")
WORKERS = text("""
    SELECT name, service, queues, slots, version, started_at, seen_at, alive, processes, memory_bytes, draining_since,
           running
    FROM wharf.workers_now() WHERE CAST(:after AS text) IS NULL OR name > :after ORDER BY name LIMIT :most
""")
AT_WORK = (Status.RUNNING, Status.CANCELLING)
Item = dict[str, Any]


def queues_of(connection: Connection, tenant_id: UUID | None) -> list[Item]:
    """Every queue, with that tenant's figures; None: with those of all."""
    depths = [dict(row) for row in connection.execute(DEPTHS, {"of_tenant": tenant_id}).mappings()]
    pauses = connection.execute(PAUSES, {"of_tenant": tenant_id or EVERYBODY}).mappings().all()
    slots = {row.queue: row.slots for row in connection.execute(SLOTS)}
    ended = {row.queue: row.ended for row in connection.execute(ENDED, {"of_tenant": tenant_id, "within": LATELY})}
    items = [_item(queue, [row for row in depths if row["queue"] == queue], slots.get(queue, 0)) for queue in Queue]
    return [
        item
        | _pace(item["waiting"], ended.get(item["name"], 0))
        | _pause({row["tenant_id"]: row for row in pauses if row["queue"] == item["name"]})
        for item in items
    ]


def pause_of(connection: Connection, tenant_id: UUID, queue: str) -> Item:
    """Whether that queue is paused for the tenant: `paused`, `paused_by`, `paused_at`, `pause_reason`."""
    rows = connection.execute(PAUSES, {"of_tenant": tenant_id}).mappings()
    return _pause({row["tenant_id"]: row for row in rows if row["queue"] == queue})


def slots_of(connection: Connection, queue: str) -> int:
    """How many jobs of that queue its workers can do at a time."""
    return sum(row.slots for row in connection.execute(SLOTS) if row.queue == queue)


def loads_of(connection: Connection, tenant_id: UUID | None, most: int) -> list[Item]:
    """What each tenant, or that one, has in each queue, the longest first; with the limits that were set for it."""
    return [dict(row) for row in connection.execute(LOADS, {"of_tenant": tenant_id, "most": most}).mappings()]


def list_workers(connection: Connection, after: str | None, most: int) -> list[Item]:
    """The workers' main processes as they told of themselves, by name."""
    return [dict(row) for row in connection.execute(WORKERS, {"after": after, "most": most}).mappings()]


def with_jobs(connection: Connection, workers: Sequence[Item], project_id: str | None) -> list[Item]:
    """The workers with the jobs that they hold of the transaction's tenant, or of its project, and since when."""
    processes = {process: worker["name"] for worker in workers for process in worker["processes"]}
    query = (
        select(*Job.__table__.c, Lease.worker, Lease.acquired_at)
        .join(Lease, (Lease.job_id == Job.id) & (Lease.attempt == Job.attempt))
        .where(Lease.worker.in_(processes), Job.status.in_(AT_WORK), *of_project(project_id))
        .order_by(Lease.acquired_at)
    )
    held: dict[str, list[Item]] = {worker["name"]: [] for worker in workers}
    for row in connection.execute(query).mappings():
        held[processes[row["worker"]]].append({"job": job_view(row), "since": row["acquired_at"]})
    return [worker | {"jobs": held[worker["name"]]} for worker in workers]


def of_project(project_id: str | None) -> list[ColumnElement[bool]]:
    """For a query on jobs; None stands for all of them."""
    return [] if project_id is None else [Job.project_id == project_id]


def _item(queue: Queue, depths: list[Item], slots: int) -> Item:
    waiting = {row["priority"]: row["waiting"] for row in depths}
    return {
        "name": queue,
        "depth": {priority.value: waiting.get(priority.rank, 0) for priority in Priority},
        "waiting": sum(waiting.values()),
        "oldest_wait_seconds": max((row["wait_seconds"] for row in depths if row["waiting"]), default=None),
        "running": sum(row["running"] for row in depths),
        "slots": slots,
    }


def _pace(waiting: int, ended: int) -> Item:
    """How long what waits takes, if it goes on as lately; None where nothing ended lately."""
    drain = waiting * LATELY.total_seconds() / ended if ended else None
    return {"ended_lately": ended, "drain_seconds": drain if waiting else 0.0}


def _pause(pauses: Mapping[UUID, RowMapping]) -> Item:
    """The installation's pause is told before the tenant's: nobody but its owner can end it."""
    by = "platform" if EVERYBODY in pauses else "tenant"
    found = pauses.get(EVERYBODY) or next(iter(pauses.values()), None)
    if found is None:
        return {"paused": False, "paused_by": None, "paused_at": None, "pause_reason": None}
    return {"paused": True, "paused_by": by, "paused_at": found["paused_at"], "pause_reason": found["reason"]}
