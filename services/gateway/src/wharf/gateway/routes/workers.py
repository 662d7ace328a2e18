"""`/api/v1/workers`."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel

from wharf.common.jobs.view import JobView
from wharf.common.schedules.policies import INSTALLATION
from wharf.gateway import workload
from wharf.gateway.authentication import Engineer
from wharf.gateway.cursors import Cursor, Limit, decode, name_of, page
from wharf.gateway.resources import Wired

router = APIRouter(prefix="/api/v1/workers", tags=["queues"])


class HeldJob(BaseModel):
    """A job that a worker works on, and since when."""

    job: JobView
    since: datetime


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
    memory_bytes: int | None
    """Of all its processes, what they share counted once; null where its system does not say."""
    draining_since: datetime | None
    """It takes no more jobs, and stops when those that it holds have ended."""
    running: int
    """Jobs that it holds, of whichever tenant."""
    jobs: list[HeldJob]
    """Those of them that are the caller's."""


class WorkerPage(BaseModel):
    """Workers, by name."""

    items: list[WorkerView]
    next_cursor: str | None


@router.get("")
def list_workers(resources: Wired, caller: Engineer, cursor: Cursor = None, limit: Limit = 50) -> WorkerPage:
    """The workers of the installation."""
    after = decode(cursor, (name_of,))[0] if cursor else None
    with resources.database.tenant(caller.tenant_id or INSTALLATION) as connection:
        found = workload.list_workers(connection, after, limit + 1)
        items, next_cursor = page(found, limit, lambda worker: (worker["name"],))
        items = workload.with_jobs(connection, items, caller.project_id)
    return WorkerPage.model_validate({"items": items, "next_cursor": next_cursor})
