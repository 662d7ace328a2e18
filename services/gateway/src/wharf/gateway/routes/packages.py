"""`/api/v1/packages`: files for people, made of the loaded rows."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Header, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from wharf.common.jobs.states import Status
from wharf.common.jobs.submission import Written
from wharf.common.packages import PackageOptions
from wharf.common.queues import Priority
from wharf.gateway import packages
from wharf.gateway.authentication import Operator, Viewer
from wharf.gateway.form import Slug
from wharf.gateway.idempotency import Key, Reply, sealing, stamp
from wharf.gateway.requests import REQUEST_ID
from wharf.gateway.resources import Wired

router = APIRouter(prefix="/api/v1", tags=["packages"])
FILES: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {}}}}


class PackageRequest(BaseModel):
    """Which package, of which project's data."""

    model_config = ConfigDict(extra="forbid")

    package_type: str = Field(max_length=63)
    project_id: Slug | None = None
    options: PackageOptions = PackageOptions()
    priority: Priority = Priority.NORMAL


class PackageAccepted(BaseModel):
    """The job waits; its files are below `files_url` when it is completed."""

    job_id: UUID
    status: Status
    status_url: str
    events_url: str
    files_url: str


class FileView(BaseModel):
    """A file of a package."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    media_type: str
    size: int
    sha256: str
    url: str


class FilePage(BaseModel):
    """The files of a package."""

    items: list[FileView]
    next_cursor: str | None = None


@router.post("/packages", status_code=HTTPStatus.ACCEPTED, response_model=PackageAccepted)
def make_package(
    *, body: PackageRequest, request: Request, resources: Wired, member: Operator, idempotency_key: Key = None
) -> Response:
    """Have a package made by a worker; 422 for a type, a section or a locale that there is not."""
    wish = packages.PackageWish(
        package_type=body.package_type,
        project_id=body.project_id,
        options=body.options,
        priority=body.priority,
        request_id=request.scope[REQUEST_ID],
    )
    seal = sealing(stamp(member.tenant_id, idempotency_key, "package", body.model_dump(mode="json")), _accepted)
    written = packages.submit_package(resources, member, wish, seal)
    resources.announcer.announce(written, member.tenant_id)
    return _accepted(written).response()


def _accepted(written: Written) -> Reply:
    job = written.view
    own, events = job.links["self"], job.links["events"]
    files = f"/api/v1/packages/{job.job_id}/files"
    accepted = PackageAccepted(job_id=job.job_id, status=job.status, status_url=own, events_url=events, files_url=files)
    return Reply.of(HTTPStatus.ACCEPTED, accepted, own)


@router.get("/packages/{job_id}/files")
def list_files(job_id: UUID, resources: Wired, member: Viewer) -> FilePage:
    """The files of a completed package; 409 as long as it is not."""
    with resources.database.tenant(member.tenant_id) as connection:
        _, files = packages.package_of(connection, member, job_id)
    start = f"/api/v1/packages/{job_id}/files"
    items = [FileView(**_said(file), url=f"{start}/{quote(file.name)}") for file in files]
    return FilePage(items=items)


@router.get("/packages/{job_id}/files/{name}", response_class=StreamingResponse, responses=FILES)
def download(
    job_id: UUID,
    name: Annotated[str, Path(max_length=255)],
    resources: Wired,
    member: Viewer,
    range_: Annotated[str | None, Header(alias="range")] = None,
) -> Response:
    """One file, or the part that a `Range` asks for."""
    with resources.database.tenant(member.tenant_id) as connection:
        _, files = packages.package_of(connection, member, job_id)
    file = packages.file_named(files, name)
    stored = resources.storage.open_file(file.key)
    asked = packages.part_asked(range_, file.size)
    start, stop = asked or (0, file.size)
    headers = _headers(file.name) | {
        "Accept-Ranges": "bytes",
        "Content-Length": str(stop - start),
        "ETag": f'"{file.sha256}"',
    }
    if asked:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.size}"
    status = HTTPStatus.PARTIAL_CONTENT if asked else HTTPStatus.OK
    return StreamingResponse(packages.pieces(stored, start, stop), status, headers, file.media_type)


@router.get("/packages/{job_id}/bundle.zip", response_class=StreamingResponse, responses=FILES)
def download_bundle(job_id: UUID, resources: Wired, member: Viewer) -> StreamingResponse:
    """All files of a package and a manifest, as one archive."""
    with resources.database.tenant(member.tenant_id) as connection:
        job, files = packages.package_of(connection, member, job_id)
    opened = [(file, resources.storage.open_file(file.key)) for file in files]
    headers = _headers(f"{(job.result or {})['package_type']}-{job.project_id}.zip")
    return StreamingResponse(packages.bundle(job, opened), headers=headers, media_type="application/zip")


def _headers(name: str) -> dict[str, str]:
    """Saved under its name, and never taken for something else by a browser that guesses."""
    return {
        "Content-Disposition": f"attachment; filename=\"{name}\"; filename*=UTF-8''{quote(name)}",
        "X-Content-Type-Options": "nosniff",
    }


def _said(file: packages.PackageFile) -> dict[str, object]:
    return {"name": file.name, "media_type": file.media_type, "size": file.size, "sha256": file.sha256}
