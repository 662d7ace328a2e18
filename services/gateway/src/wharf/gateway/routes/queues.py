"""`/api/v1/queues`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from wharf.common.queues import Priority, Queue
from wharf.gateway import audit, queues
from wharf.gateway.authentication import Manager, Watcher
from wharf.gateway.resources import Wired

router = APIRouter(prefix="/api/v1/queues", tags=["queues"])


class QueueView(BaseModel):
    """A class of work: what waits (by priority) and runs, and the places of the workers that live and serve it."""

    name: Queue
    paused: bool
    paused_by: Literal["tenant", "platform"] | None
    paused_at: datetime | None
    depth: dict[Priority, int]
    waiting: int
    oldest_wait_seconds: float | None
    running: int
    slots: int


class QueueList(BaseModel):
    """All queues."""

    items: list[QueueView]
    next_cursor: None = None


@router.get("")
def list_queues(resources: Wired, caller: Watcher) -> QueueList:
    """The queues with the tenant's figures; for the platform with everybody's."""
    with resources.database.anyone() as connection:
        return QueueList.model_validate({"items": queues.list_queues(connection, caller)})


@router.post("/{name}/pause")
def pause(name: str, resources: Wired, caller: Manager) -> QueueView:
    """Let nothing more of it start: for the tenant, by the platform's key for everybody."""
    queue = queues.queue_named(name)
    with resources.database.anyone() as connection:
        queues.pause(connection, caller, queue)
        audit.note(connection, caller, "queue.pause", queue)
        return QueueView.model_validate(queues.one_queue(connection, caller, queue))


@router.post("/{name}/resume")
def resume(name: str, resources: Wired, caller: Manager) -> QueueView:
    """Let it go on; what the platform has paused a tenant cannot."""
    queue = queues.queue_named(name)
    with resources.database.anyone() as connection:
        queues.resume(connection, caller, queue)
        audit.note(connection, caller, "queue.resume", queue)
        return QueueView.model_validate(queues.one_queue(connection, caller, queue))
