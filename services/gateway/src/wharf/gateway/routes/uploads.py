"""`/api/v1/uploads`."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

from fastapi import APIRouter, BackgroundTasks, Request, Response
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool

from wharf.common.jobs.states import Status
from wharf.common.jobs.view import JobView
from wharf.gateway.authentication import Operator, Viewer
from wharf.gateway.form import ImportRequest, UploadFields, check_profile
from wharf.gateway.requests import REQUEST_ID
from wharf.gateway.resources import Wired
from wharf.gateway.uploads import find_upload, import_stored, make_known, submit, take_in

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
async def upload(
    request: Request, response: Response, later: BackgroundTasks, resources: Wired, member: Operator
) -> Accepted:
    """Take a file and start its import. Nothing of the file is parsed before this answers."""
    arrival = await take_in(resources, member, request)
    job = await run_in_threadpool(submit, resources, member, arrival, request.scope[REQUEST_ID])
    # The job is safe in the ledger: a broker that is slow must not hold up the answer.
    later.add_task(make_known, resources, member, job)
    return _accepted(response, job, arrival.upload_id)


@router.post("/{upload_id}/import", status_code=HTTPStatus.ACCEPTED)
def start_import(
    *,
    upload_id: UUID,
    request: Request,
    response: Response,
    later: BackgroundTasks,
    resources: Wired,
    member: Operator,
    body: ImportRequest | None = None,
) -> Accepted:
    """Import a stored file: one that was only stored, or one that was imported before and is to be so again."""
    wish = body or ImportRequest()
    check_profile(wish.profile)
    job = import_stored(resources, member, upload_id, wish, request.scope[REQUEST_ID])
    later.add_task(make_known, resources, member, job)
    return _accepted(response, job, upload_id)


def _accepted(response: Response, job: JobView, upload_id: UUID) -> Accepted:
    response.headers["Location"] = job.links["self"]
    return Accepted(
        job_id=job.job_id,
        upload_id=upload_id,
        status=job.status,
        status_url=job.links["self"],
        events_url=job.links["events"],
    )


@router.get("/{upload_id}")
def show(upload_id: UUID, resources: Wired, member: Viewer) -> UploadView:
    """What is known of a stored file."""
    with resources.database.tenant(member.tenant_id) as connection:
        return UploadView.model_validate(find_upload(connection, member, upload_id))
