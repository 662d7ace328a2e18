"""The queues as one tenant, or the installation, has them: what waits and runs, who works, what rests."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, text

from wharf.common.access import Caller, Role
from wharf.common.errors import Forbidden
from wharf.common.queues import Queue
from wharf.gateway.authentication import hidden
from wharf.gateway.tenancy import LIMITS
from wharf.gateway.workload import EVERYBODY, Item, loads_of, queues_of

PAUSE = text("SELECT wharf.pause(:queue, :of_tenant, :reason)")
RESUME = text("SELECT wharf.resume(:queue, :of_tenant)")

MOST_LOADS = 500
"""Tenants and queues that are told of, those first where most waits."""


def queue_named(name: str) -> Queue:
    """That queue; raises `NotFound` where there is none."""
    try:
        return Queue(name)
    except ValueError:
        raise hidden("queue", name[:50], "queue_not_found") from None


def list_queues(connection: Connection, caller: Caller) -> list[Item]:
    """Every queue, with the caller's figures: a tenant's own, the platform's of all."""
    return queues_of(connection, caller.tenant_id)


def one_queue(connection: Connection, caller: Caller, queue: Queue) -> Item:
    """That queue, as the list has it."""
    return next(item for item in list_queues(connection, caller) if item["name"] == queue)


def list_loads(connection: Connection, caller: Caller) -> list[Item]:
    """What waits and runs by tenant and queue, with the limits that hold: a tenant's own, the platform's of all."""
    found = loads_of(connection, caller.tenant_id, MOST_LOADS)
    return [item | {"limits": LIMITS | item["limits"]} for item in found]


def pause(connection: Connection, caller: Caller, queue: Queue, reason: str | None = None) -> None:
    """Start nothing more of it: for the caller's tenant, or for everybody. What runs goes on."""
    connection.execute(PAUSE, {"queue": queue, "of_tenant": _place_of(caller), "reason": reason})


def resume(connection: Connection, caller: Caller, queue: Queue) -> None:
    """Take the caller's own pause back; somebody else's stays."""
    connection.execute(RESUME, {"queue": queue, "of_tenant": _place_of(caller)})


def _place_of(caller: Caller) -> UUID:
    if caller.role is Role.PLATFORM:
        return EVERYBODY
    if caller.tenant_id is None or caller.project_id is not None:
        message = f"A queue is the whole tenant's; this key is for the project {caller.project_id} only."
        raise Forbidden(message, code="wrong_project")
    return caller.tenant_id
