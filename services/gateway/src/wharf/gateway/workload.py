"""What there is to do and who does it, as the ledger tells it: of one tenant, or of all."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from wharf.common.queues import Priority, Queue

EVERYBODY = UUID(int=0)
"""Stands in the ledger's pauses for the whole installation."""
DEPTHS = text("""
    SELECT queue, priority, waiting, running,
           CAST(greatest(extract(epoch FROM clock_timestamp() - oldest), 0) AS double precision) AS wait_seconds
    FROM wharf.queue_depths(:of_tenant)
""")
PAUSES = text("SELECT queue, tenant_id, paused_at FROM wharf.list_pauses(:of_tenant)")
SLOTS = text("""
    SELECT queue, CAST(sum(slots) AS bigint) AS slots
    FROM wharf.list_workers() CROSS JOIN unnest(queues) AS queue WHERE alive GROUP BY queue
""")
WORKERS = text("""
    SELECT name, service, queues, slots, version, started_at, seen_at, alive FROM wharf.list_workers()
    WHERE CAST(:after AS text) IS NULL OR name > :after ORDER BY name LIMIT :most
""")
Item = dict[str, Any]


def queues_of(connection: Connection, tenant_id: UUID | None) -> list[Item]:
    """Every queue, with that tenant's figures; None: with those of all."""
    depths = [dict(row) for row in connection.execute(DEPTHS, {"of_tenant": tenant_id}).mappings()]
    pauses = connection.execute(PAUSES, {"of_tenant": tenant_id or EVERYBODY}).mappings().all()
    slots = {row.queue: row.slots for row in connection.execute(SLOTS)}
    return [
        _item(queue, [row for row in depths if row["queue"] == queue], slots.get(queue, 0))
        | _pause({row["tenant_id"]: row["paused_at"] for row in pauses if row["queue"] == queue})
        for queue in Queue
    ]


def list_workers(connection: Connection, after: str | None, most: int) -> list[Item]:
    """The workers' main processes as they told of themselves, by name."""
    return [dict(row) for row in connection.execute(WORKERS, {"after": after, "most": most}).mappings()]


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


def _pause(since: dict[UUID, datetime]) -> Item:
    """The installation's pause is told before the tenant's: nobody but its owner can end it."""
    if EVERYBODY in since:
        return {"paused": True, "paused_by": "platform", "paused_at": since[EVERYBODY]}
    for at in since.values():
        return {"paused": True, "paused_by": "tenant", "paused_at": at}
    return {"paused": False, "paused_by": None, "paused_at": None}
