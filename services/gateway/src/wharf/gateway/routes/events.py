"""`/api/v1/jobs/{job_id}/events` and `/api/v1/events`: Server-Sent Events. `/api/v1/ws`: the same through a socket."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response, WebSocket
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from wharf.common.errors import Invalid
from wharf.gateway.authentication import JobViewer, Member, Viewer, key_of
from wharf.gateway.clients import log_frame
from wharf.gateway.events import Item
from wharf.gateway.jobs import find_job
from wharf.gateway.resources import Resources, Wired
from wharf.gateway.sockets import Show, attend
from wharf.gateway.streams import EventStream, Stream

router = APIRouter(prefix="/api/v1", tags=["events"])
STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}


@router.get("/jobs/{job_id}/events", response_class=Response, responses=STREAM)
async def job_events(job_id: UUID, request: Request, resources: Wired, member: JobViewer) -> EventStream:
    """What happens to one job, from what it is like now to its end."""
    await run_in_threadpool(_check_seen, resources, member, job_id)
    resources.events.check_room()
    return _stream(resources, request, member, job_id)


@router.get("/events", response_class=Response, responses=STREAM)
async def tenant_events(request: Request, resources: Wired, member: Viewer) -> EventStream:
    """What happens to all jobs that the key may see."""
    resources.events.check_room()
    return _stream(resources, request, member, None)


@router.websocket("/ws")
async def socket(websocket: WebSocket, resources: Wired) -> None:
    """What happens to all jobs that the key may see, or with `?job_id=` to one of them."""
    await attend(websocket, resources, lambda: _show(websocket))


def _show(websocket: WebSocket) -> Show:
    """As the query asks for it; `format=log` is what SYNAPSE's client reads, which brings no key."""
    job_id = _job_id(websocket.query_params.get("job_id"))
    style = websocket.query_params.get("format")
    if style not in {None, "log"}:
        message = "The only other format is log."
        raise Invalid(message, code="unknown_format")

    def find(connection: Connection, member: Member) -> UUID | None:
        return job_id and find_job(connection, member, job_id).job_id

    return Show(find, log_frame if style else _message, clients=style is not None)


def _job_id(given: str | None) -> UUID | None:
    try:
        return UUID(given) if given is not None else None
    except ValueError:
        message = "job_id is no UUID."
        raise Invalid(message, code="bad_job_id") from None


def _message(item: Item) -> bytes:
    """The item's own JSON, with its type in front."""
    return b'{"type":"' + item.type.encode() + b'",' + item.data[1:]


def _stream(resources: Resources, request: Request, member: Member, job_id: UUID | None) -> EventStream:
    resume_at = request.headers.get("last-event-id")
    return EventStream(Stream(resources, member, job_id, key=key_of(request) or "", resume_at=resume_at))


def _check_seen(resources: Resources, member: Member, job_id: UUID) -> None:
    with resources.database.tenant(member.tenant_id) as connection:
        find_job(connection, member, job_id)
