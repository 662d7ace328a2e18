"""`/api/v1/uploads`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool

from wharf.common.jobs.states import Status
from wharf.common.jobs.submission import Written
from wharf.gateway.authentication import Member, Operator, Viewer
from wharf.gateway.form import ImportRequest, InspectRequest, UploadFields
from wharf.gateway.idempotency import Key, Reply, sealing, stamp
from wharf.gateway.intake import Arrival, take_in
from wharf.gateway.requests import REQUEST_ID
from wharf.gateway.resources import Resources, Wired
from wharf.gateway.uploads import find_upload, import_stored, inspect, inspect_stored, inspection_of, submit

router = APIRouter(prefix="/api/v1/uploads", tags=["uploads"])


class Accepted(BaseModel):
    """The file is stored and its job waits."""

    job_id: UUID
    upload_id: UUID
    status: Status
    status_url: str
    events_url: str


class UploadView(BaseModel):
    """One stored file."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    file_name: str
    media_type: str
    size: int
    sha256: str
    project_id: str
    created_at: datetime
    removed_at: datetime | None = None
    """When its file was removed; it can be imported no more."""
    inspection: dict[str, Any] | None = None
    """What the inspection found, where one was asked for (`start=false`) and has ended."""


def _form_description() -> dict[str, Any]:
    texts: dict[str, Any] = {name: {"type": "string"} for name in UploadFields.model_fields}
    enums = {
        "mode": ["append", "upsert", "replace"],
        "on_error": ["reject", "abort"],
        "priority": ["low", "normal", "high", "urgent"],
    }
    for name, values in enums.items():
        texts[name]["enum"] = values
    for name in ("dry_run", "start"):
        texts[name] = {"type": "boolean"}
    texts["mapping"]["description"] = "a JSON object: source header to column"
    texts["options"]["description"] = "JSON: how to read the file"
    texts["file"] = {"type": "string", "format": "binary"}
    form = {"type": "object", "required": ["file"], "properties": texts}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}}}}


@router.post("", status_code=HTTPStatus.ACCEPTED, response_model=Accepted, openapi_extra=_form_description())
async def upload(request: Request, resources: Wired, member: Operator, idempotency_key: Key = None) -> Response:
    """Take a file and start its import, or only an inspection. Nothing of the file is parsed before this answers."""
    arrival = await take_in(resources, member, request)
    request_id = request.scope[REQUEST_ID]
    reply_of = partial(_accepted, arrival.upload_id)
    seal = sealing(stamp(member.tenant_id, idempotency_key, *_asked(arrival)), reply_of)
    job = inspect if arrival.fields.start is False else submit
    written = await run_in_threadpool(job, resources, member, arrival, request_id, seal=seal)
    return _announced(resources, member, written, reply_of)


@router.post("/{upload_id}/import", status_code=HTTPStatus.ACCEPTED, response_model=Accepted)
def start_import(
    *,
    upload_id: UUID,
    request: Request,
    resources: Wired,
    member: Operator,
    body: ImportRequest | None = None,
    idempotency_key: Key = None,
) -> Response:
    """Import a stored file: one that was only stored, or one that was imported before and is to be so again."""
    wish = body or ImportRequest()
    reply_of = partial(_accepted, upload_id)
    asked = ("import", upload_id, wish.model_dump(mode="json"))
    seal = sealing(stamp(member.tenant_id, idempotency_key, *asked), reply_of)
    written = import_stored(resources, member, upload_id, wish, request.scope[REQUEST_ID], seal=seal)
    return _announced(resources, member, written, reply_of)


@router.post("/{upload_id}/inspect", status_code=HTTPStatus.ACCEPTED, response_model=Accepted)
def look_again(
    *,
    upload_id: UUID,
    request: Request,
    resources: Wired,
    member: Operator,
    body: InspectRequest | None = None,
    idempotency_key: Key = None,
) -> Response:
    """Inspect a stored file, as another profile or with other options than before; the result is what was found."""
    wish = body or InspectRequest()
    reply_of = partial(_accepted, upload_id)
    asked = ("inspect", upload_id, wish.model_dump(mode="json"))
    seal = sealing(stamp(member.tenant_id, idempotency_key, *asked), reply_of)
    written = inspect_stored(resources, member, upload_id, wish, request.scope[REQUEST_ID], seal=seal)
    return _announced(resources, member, written, reply_of)


def _asked(arrival: Arrival) -> tuple[object, ...]:
    file, said = arrival.intake, arrival.fields.model_dump(mode="json")
    return ("upload", said | {"project_id": arrival.project_id}, file.file_name, file.sha256)


def _announced(
    resources: Resources, member: Member, written: Written, reply_of: Callable[[Written], Reply]
) -> Response:
    resources.announcer.announce(written, member.tenant_id)
    return reply_of(written).response()


def _accepted(upload_id: UUID, written: Written) -> Reply:
    job = written.view
    own, events = job.links["self"], job.links["events"]
    accepted = Accepted(job_id=job.job_id, upload_id=upload_id, status=job.status, status_url=own, events_url=events)
    return Reply.of(HTTPStatus.ACCEPTED, accepted, own)


@router.get("/{upload_id}")
def show(upload_id: UUID, resources: Wired, member: Viewer) -> UploadView:
    """What is known of a stored file, and what its inspection found."""
    with resources.database.tenant(member.tenant_id) as connection:
        upload = find_upload(connection, member, upload_id)
        view = UploadView.model_validate(upload)
        return view.model_copy(update={"inspection": inspection_of(connection, resources.storage, upload)})
