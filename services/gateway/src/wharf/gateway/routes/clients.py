"""The routes that the five systems' clients already call: thin adapters over the same jobs.

They take a key as all others do; with `WHARF_LEGACY_KEY_FILE` set a client that brings none stands under that key.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, WebSocket
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Json
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from wharf.common.errors import Invalid, Problem
from wharf.common.jobs import control
from wharf.common.jobs.kinds import ECHO, IMPORT, EchoPayload
from wharf.common.jobs.submission import Order, write_job
from wharf.common.jobs.view import JobView
from wharf.common.profiles import builtin_profile
from wharf.gateway import audit, clients
from wharf.gateway.authentication import ClientOperator, ClientViewer, Member, hidden
from wharf.gateway.clients import Answer
from wharf.gateway.form import MOST_MAPPED, Header, ImportRequest, Optional, Slug, UploadFields, checked, plain
from wharf.gateway.intake import DEFAULT_PROJECT, Read, take_in
from wharf.gateway.jobs import count_end, current_job, find_job, job_of_upload, shown
from wharf.gateway.requests import REQUEST_ID
from wharf.gateway.resources import Resources, Wired
from wharf.gateway.sockets import Show, attend
from wharf.gateway.uploads import find_upload, import_stored, store, submit

router = APIRouter(tags=["clients"])
STORY_UPLOAD = "/api/upload"
SYNAPSE_UPLOAD = "/api/v1/ingestion/upload-csv"
AYNI_UPLOAD = "/api/processing/upload"
PRICING_UPLOAD = "/data-ingestion/uploads"
UPLOADS = frozenset(
    {STORY_UPLOAD, SYNAPSE_UPLOAD, AYNI_UPLOAD, f"{AYNI_UPLOAD}/", PRICING_UPLOAD, f"{PRICING_UPLOAD}/"}
)
"""Where the handler itself bounds the body, while it streams."""
ASSETS, TRANSACTIONS, PROCUREMENT = "assets", "transactions", "procurement"
DJANGO = "csrfmiddlewaretoken"
"""A field that Django's forms send by themselves."""


def _form(**fields: str) -> dict[str, Any]:
    texts: dict[str, Any] = {name: {"type": "string", "description": about} for name, about in fields.items()}
    form = {
        "type": "object",
        "required": ["file"],
        "properties": {"file": {"type": "string", "format": "binary"}, **texts},
    }
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}}}}


class NoFields(BaseModel):
    """A form that has its file only."""

    model_config = ConfigDict(extra="forbid")


def _lower_uuid(value: object) -> object:
    """SYNAPSE's projects are UUIDs, in any spelling that its own API took."""
    try:
        return str(UUID(value)) if isinstance(value, str) else value
    except ValueError:
        return value


class AssetFields(BaseModel):
    """What SYNAPSE's form has beside its file."""

    model_config = ConfigDict(extra="forbid")
    project_id: Annotated[Slug, BeforeValidator(_lower_uuid)]


class ProcessingFields(BaseModel):
    """What AYNI's form has beside its file."""

    model_config = ConfigDict(extra="forbid")
    mappings: Optional[Json[Annotated[dict[Header, Header | None], Field(max_length=MOST_MAPPED)]]] = None


def _read_nothing(fields: Mapping[str, str]) -> UploadFields:
    checked(NoFields, {name: value for name, value in fields.items() if name != DJANGO})
    return UploadFields()


def _read_assets(project_id: str | None, fields: Mapping[str, str]) -> UploadFields:
    if project_id is not None and fields.get("project_id", project_id) != project_id:
        message = "The project is said twice, and not the same: in the query and in the form."
        raise Invalid(message, code="invalid_request", problems=(Problem("query.project_id", "said_twice", message),))
    said = fields if project_id is None else {**fields, "project_id": project_id}
    return UploadFields(profile=ASSETS, on_error="abort", project_id=checked(AssetFields, said).project_id)


def _read_processing(fields: Mapping[str, str]) -> UploadFields:
    said = checked(ProcessingFields, {name: value for name, value in fields.items() if name != DJANGO})
    columns = frozenset(column.name for column in builtin_profile(TRANSACTIONS).columns)
    mapping = clients.source_mapping(said.mappings, columns) if said.mappings else None
    return UploadFields(profile=TRANSACTIONS).model_copy(update={"mapping": mapping})


async def _start(request: Request, resources: Resources, member: Member, read: Read) -> tuple[UUID, JobView]:
    arrival = await take_in(resources, member, request, read)
    written = await run_in_threadpool(submit, resources, member, arrival, request.scope[REQUEST_ID])
    resources.announcer.announce(written, member.tenant_id)
    return arrival.upload_id, written.view


def _current(resources: Resources, member: Member, job_id: UUID, kind: str | None = IMPORT.name) -> JobView:
    found = current_job(resources.database, resources.feed, member, job_id)
    job = found if isinstance(found, JobView) else JobView.model_validate(found)
    if kind not in {None, job.kind}:
        raise hidden("job", job_id, "job_not_found")
    return job


@router.post(STORY_UPLOAD, openapi_extra=_form())
async def story_upload(request: Request, resources: Wired, member: ClientOperator) -> Answer:
    """STORY-002: take a Jira export (or any file: its profile is found by its headers) and start its import."""
    _, job = await _start(request, resources, member, _read_nothing)
    return {"job_id": job.job_id, "status_url": f"/api/job/{job.job_id}"}


@router.get("/api/job/{job_id}")
def story_job(job_id: UUID, resources: Wired, member: ClientViewer) -> Answer:
    """STORY-002: the job as its tracker shows it."""
    return clients.ingest_job(_current(resources, member, job_id))


@router.post(SYNAPSE_UPLOAD, openapi_extra=_form(project_id="the project; may come in the query instead"))
async def synapse_upload(
    request: Request,
    resources: Wired,
    member: ClientOperator,
    project_id: Annotated[str | None, Query(max_length=63)] = None,
) -> Answer:
    """SYNAPSE: import assets; nothing is loaded where a required value is missing."""
    _, job = await _start(request, resources, member, partial(_read_assets, project_id))
    return {"job_id": job.job_id, "status": "QUEUED", "message": "Import queued, check status via WebSocket"}


@router.get("/api/v1/ingestion/job-status/{job_id}")
def synapse_job(job_id: UUID, resources: Wired, member: ClientViewer) -> Answer:
    """SYNAPSE: how far the import is."""
    return clients.ingestion_status(_current(resources, member, job_id))


@router.get("/api/v1/tasks/{task_id}")
def task(task_id: UUID, resources: Wired, member: ClientViewer) -> Answer:
    """Milestone 6: how far a task is, of whatever kind."""
    return clients.task(_current(resources, member, task_id, kind=None))


@router.get("/api/v1/tasks/{task_id}/result")
def task_result(task_id: UUID, resources: Wired, member: ClientViewer) -> Answer:
    """Milestone 6: what a task resulted in."""
    job = _current(resources, member, task_id, kind=None)
    return clients.task_result(shown(resources.storage, member, job))


@router.post("/api/v1/tasks/test")
def echo_task(
    request: Request,
    resources: Wired,
    member: ClientOperator,
    message: Annotated[str, Query(max_length=1000), AfterValidator(plain)] = "Hello",
) -> Answer:
    """Milestone 6: a task that says the message back: shows that queue, worker and ledger work."""
    project_id = member.project_id or DEFAULT_PROJECT
    order = Order(
        member.tenant_id, project_id, ECHO, EchoPayload(message=message), request_id=request.scope[REQUEST_ID]
    )
    with resources.database.tenant(member.tenant_id) as connection:
        written = write_job(connection, order)
    resources.announcer.announce(written, member.tenant_id)
    return {"task_id": written.view.job_id, "status": "PENDING", "message": "Test task submitted."}


@router.post(f"{AYNI_UPLOAD}/", openapi_extra=_form(mappings="a JSON object: source header to column"))
@router.post(AYNI_UPLOAD, include_in_schema=False)
async def ayni_upload(request: Request, resources: Wired, member: ClientOperator) -> Answer:
    """AYNI: import transactions, through a mapping where one is given."""
    upload_id, job = await _start(request, resources, member, _read_processing)
    return {"upload_id": upload_id, "job_id": job.job_id, "status": "pending"}


@router.get("/api/processing/upload/{upload_id}/")
@router.get("/api/processing/upload/{upload_id}", include_in_schema=False)
def ayni_job(upload_id: UUID, resources: Wired, member: ClientViewer) -> Answer:
    """AYNI: how far the upload's newest import is."""
    with resources.database.tenant(member.tenant_id) as connection:
        find_upload(connection, member, upload_id)
        job_id = job_of_upload(connection, upload_id)
    return clients.processing_upload(upload_id, _current(resources, member, job_id) if job_id else None)


@router.websocket("/ws/upload/{upload_id}")
@router.websocket("/ws/upload/{upload_id}/")
async def ayni_socket(websocket: WebSocket, upload_id: str, resources: Wired) -> None:
    """AYNI: what happens to the upload's newest import, to its end."""
    await attend(websocket, resources, lambda: _upload_show(upload_id))


def _upload_show(given: str) -> Show:
    try:
        upload_id = UUID(given)
    except ValueError:
        raise hidden("upload", given[:50], "upload_not_found") from None

    def find(connection: Connection, member: Member) -> UUID:
        find_upload(connection, member, upload_id)
        found = job_of_upload(connection, upload_id)
        if found is None:
            raise hidden("import of the upload", upload_id, "upload_not_found")
        return found

    return Show(find, partial(clients.upload_event, upload_id), clients=True)


@router.post(f"{PRICING_UPLOAD}/", openapi_extra=_form())
@router.post(PRICING_UPLOAD, include_in_schema=False)
async def pricing_upload(request: Request, resources: Wired, member: ClientOperator) -> Answer:
    """Phase 2: store a file of purchase orders; `process` imports it."""
    arrival = await take_in(resources, member, request, _read_nothing)
    await run_in_threadpool(store, resources, member, arrival)
    return {"upload_id": arrival.upload_id}


@router.post("/data-ingestion/process/{upload_id}/", response_model=None)
@router.post("/data-ingestion/process/{upload_id}", include_in_schema=False, response_model=None)
def pricing_process(
    upload_id: UUID, request: Request, resources: Wired, member: ClientOperator
) -> Answer | RedirectResponse:
    """Phase 2: import a stored file. A browser's form is sent on to the job's page, where its progress is."""
    wish = ImportRequest(profile=PROCUREMENT)
    written = import_stored(resources, member, upload_id, wish, request.scope[REQUEST_ID])
    resources.announcer.announce(written, member.tenant_id)
    if "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(f"/jobs/{written.view.job_id}", HTTPStatus.SEE_OTHER)
    return {"task_id": written.view.job_id}


@router.get("/data-ingestion/progress/{task_id}/")
@router.get("/data-ingestion/progress/{task_id}", include_in_schema=False)
def pricing_progress(task_id: UUID, resources: Wired, member: ClientViewer) -> Answer:
    """Phase 2: how far the import is."""
    return clients.task_progress(_current(resources, member, task_id))


@router.post("/data-ingestion/cancel/{task_id}/")
@router.post("/data-ingestion/cancel/{task_id}", include_in_schema=False)
def pricing_cancel(task_id: UUID, resources: Wired, member: ClientOperator) -> Answer:
    """Phase 2: ask for the import's end. One that has ended meanwhile is told as it is: the button may come late."""
    _current(resources, member, task_id)
    with resources.database.tenant(member.tenant_id) as connection:
        job = find_job(connection, member, task_id, lock=True)
        changed = None if job.ended else control.cancel(connection, task_id)
        if changed is not None:
            audit.note_job(connection, member, "job.cancel", job, changed)
    if changed is not None:
        count_end(changed, member)
        resources.feed.tell(changed, member.tenant_id)
    return {"state": clients.STATES[(changed or job).status].celery}
