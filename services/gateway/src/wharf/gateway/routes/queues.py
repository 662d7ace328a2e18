"""`/api/v1/queues`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from wharf.common.queues import Priority, Queue
from wharf.gateway import audit, queues
from wharf.gateway.authentication import Manager, Watcher
from wharf.gateway.form import Label, Optional
from wharf.gateway.resources import Wired
from wharf.gateway.routes.tenants import TenantLimits

router = APIRouter(prefix="/api/v1/queues", tags=["queues"])


class QueueView(BaseModel):
    """A class of work: what waits (by priority) and runs, and the places of the workers that live and serve it."""

    name: Queue
    paused: bool
    paused_by: Literal["tenant", "platform"] | None
    paused_at: datetime | None
    pause_reason: str | None
    depth: dict[Priority, int]
    waiting: int
    oldest_wait_seconds: float | None
    running: int
    slots: int
    ended_lately: int
    """Jobs that ended within the last ten minutes."""
    drain_seconds: float | None
    """How long what waits takes at that pace; null where nothing ended lately."""


class QueueList(BaseModel):
    """All queues."""

    items: list[QueueView]
    next_cursor: None = None


class PauseRequest(BaseModel):
    """Why it rests: told to whoever finds their jobs waiting."""

    model_config = ConfigDict(extra="forbid")

    reason: Optional[Label] = None


class LoadView(BaseModel):
    """What a tenant has in a queue. `held` of what waits has no place among its published jobs yet."""

    tenant: str
    queue: Queue
    waiting: int
    held: int
    running: int
    oldest_wait_seconds: float | None
    limits: TenantLimits


class LoadList(BaseModel):
    """By tenant and queue, those first where most waits."""

    items: list[LoadView]
    next_cursor: None = None


@router.get("")
def list_queues(resources: Wired, caller: Watcher) -> QueueList:
    """The queues with the tenant's figures; for the platform with everybody's."""
    with resources.database.anyone() as connection:
        return QueueList.model_validate({"items": queues.list_queues(connection, caller)})


@router.get("/loads")
def list_loads(resources: Wired, caller: Watcher) -> LoadList:
    """Who has how much in which queue: for a tenant its own, for the platform everybody's."""
    with resources.database.anyone() as connection:
        return LoadList.model_validate({"items": queues.list_loads(connection, caller)})


@router.post("/{name}/pause")
def pause(name: str, resources: Wired, caller: Manager, body: PauseRequest | None = None) -> QueueView:
    """Let nothing more of it start: for the tenant, by the platform's key for everybody."""
    queue, reason = queues.queue_named(name), body.reason if body else None
    with resources.database.anyone() as connection:
        queues.pause(connection, caller, queue, reason)
        audit.note(connection, caller, "queue.pause", queue, after={"reason": reason} if reason else None)
        return QueueView.model_validate(queues.one_queue(connection, caller, queue))


@router.post("/{name}/resume")
def resume(name: str, resources: Wired, caller: Manager) -> QueueView:
    """Let it go on; what the platform has paused a tenant cannot."""
    queue = queues.queue_named(name)
    with resources.database.anyone() as connection:
        queues.resume(connection, caller, queue)
        audit.note(connection, caller, "queue.resume", queue)
        return QueueView.model_validate(queues.one_queue(connection, caller, queue))
