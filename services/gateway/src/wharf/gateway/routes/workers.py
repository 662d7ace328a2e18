"""`/api/v1/workers`."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel

from wharf.gateway import workload
from wharf.gateway.authentication import Engineer
from wharf.gateway.cursors import Cursor, Limit, decode, name_of, page
from wharf.gateway.resources import Wired

router = APIRouter(prefix="/api/v1/workers", tags=["queues"])


class WorkerView(BaseModel):
    """The main process of a worker. Not `alive` it has said nothing for 20 s."""

    name: str
    service: str
    queues: list[str]
    slots: int
    version: str
    started_at: datetime
    seen_at: datetime
    alive: bool


class WorkerPage(BaseModel):
    """Workers, by name."""

    items: list[WorkerView]
    next_cursor: str | None


@router.get("")
def list_workers(resources: Wired, _caller: Engineer, cursor: Cursor = None, limit: Limit = 50) -> WorkerPage:
    """The workers of the installation."""
    after = decode(cursor, (name_of,))[0] if cursor else None
    with resources.database.anyone() as connection:
        found = workload.list_workers(connection, after, limit + 1)
    items, next_cursor = page(found, limit, lambda worker: (worker["name"],))
    return WorkerPage.model_validate({"items": items, "next_cursor": next_cursor})
