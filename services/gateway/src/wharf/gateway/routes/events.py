"""`/api/v1/jobs/{job_id}/events` and `/api/v1/events`: Server-Sent Events."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from wharf.gateway.authentication import Member, Viewer
from wharf.gateway.jobs import find_job
from wharf.gateway.resources import Resources, Wired
from wharf.gateway.streams import EventStream, Stream

router = APIRouter(prefix="/api/v1", tags=["events"])
STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}


@router.get("/jobs/{job_id}/events", response_class=Response, responses=STREAM)
async def job_events(job_id: UUID, request: Request, resources: Wired, member: Viewer) -> EventStream:
    """What happens to one job, from what it is like now to its end."""
    await run_in_threadpool(_check_seen, resources, member, job_id)
    resources.events.check_room()
    return EventStream(Stream(resources, request, member, job_id))


@router.get("/events", response_class=Response, responses=STREAM)
async def tenant_events(request: Request, resources: Wired, member: Viewer) -> EventStream:
    """What happens to all jobs that the key may see."""
    resources.events.check_room()
    return EventStream(Stream(resources, request, member, None))


def _check_seen(resources: Resources, member: Member, job_id: UUID) -> None:
    with resources.database.tenant(member.tenant_id) as connection:
        find_job(connection, member, job_id)
