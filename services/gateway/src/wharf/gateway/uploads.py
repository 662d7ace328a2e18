"""Taking a file in: its bytes into the object storage as they arrive, then its rows and its job in one transaction."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from obstore.exceptions import BaseError
from sqlalchemy import Connection, Row, select, text
from starlette.requests import Request

from wharf.common.clock import new_id
from wharf.common.errors import Invalid, Problem, TooLarge, Transient, WharfError
from wharf.common.imports import ImportOptions
from wharf.common.jobs.kinds import IMPORT, ImportPayload
from wharf.common.jobs.submission import Order, announce, write_job
from wharf.common.jobs.view import JobView
from wharf.common.ledger.models import Upload
from wharf.common.logs import get_logger
from wharf.common.queues import Priority
from wharf.common.storage import Storage
from wharf.gateway.authentication import Member, hidden
from wharf.gateway.form import CONTROLS, ImportRequest, UploadFields, read_fields
from wharf.gateway.multipart import Form
from wharf.gateway.resources import Resources

if TYPE_CHECKING:
    from obstore import AsyncWritableFile

LONGEST_NAME = 255
DEFAULT_PROJECT = "default"
ANY_MEDIA = "application/octet-stream"
MEDIA = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,60}")
FORM_BYTES = 512 * 1024
"""What a form has beside its file: a body this much larger than the limit holds a file that is too large."""

# One statement: each costs a round trip, and all of them stand or fall together anyway.
WRITE = text("""
    WITH project AS (
        INSERT INTO wharf.projects (tenant_id, slug) VALUES (:tenant_id, :project_id) ON CONFLICT DO NOTHING
    ), stored AS (
        INSERT INTO wharf.uploads (id, tenant_id, project_id, file_name, media_type, size, sha256, storage_key)
        VALUES (:upload_id, :tenant_id, :project_id, :file_name, :media_type, :size, :sha256, :storage_key)
    )
    INSERT INTO wharf.imports (id, tenant_id, project_id, upload_id, profile, mode)
    VALUES (:import_id, :tenant_id, :project_id, :upload_id, :profile, :mode)
""")
WRITE_UPLOAD = text("""
    WITH project AS (
        INSERT INTO wharf.projects (tenant_id, slug) VALUES (:tenant_id, :project_id) ON CONFLICT DO NOTHING
    )
    INSERT INTO wharf.uploads (id, tenant_id, project_id, file_name, media_type, size, sha256, storage_key)
    VALUES (:upload_id, :tenant_id, :project_id, :file_name, :media_type, :size, :sha256, :storage_key)
""")
WRITE_IMPORT = text("""
    INSERT INTO wharf.imports (id, tenant_id, project_id, upload_id, profile, mode)
    VALUES (:import_id, :tenant_id, :project_id, :upload_id, :profile, :mode)
""")
Read = Callable[[Mapping[str, str]], UploadFields]


class Intake:
    """One file on its way into the storage: hashed, counted, bounded. Not kept, it leaves nothing behind."""

    def __init__(self, storage: Storage, key: str, limit: int) -> None:
        self.key = key
        self.file_name = ""
        self.media_type = ANY_MEDIA
        self.size = 0
        self._storage = storage
        self._limit = limit
        self._digest = hashlib.sha256()
        self._writer: AsyncWritableFile | None = None

    @property
    def sha256(self) -> str:
        """Of the bytes taken so far, as hex."""
        return self._digest.hexdigest()

    async def open(self, file_name: str, media_type: str) -> None:
        """The file begins."""
        self.file_name = shown_name(file_name)
        self.media_type = shown_media_type(media_type)
        with _in_our_words():
            self._writer = self._storage.writer(self.key)

    async def write(self, data: bytes) -> None:
        """The next bytes; raises `TooLarge` with the first one that is too many."""
        self.size += len(data)
        if self.size > self._limit:
            raise too_large(self._limit)
        self._digest.update(data)
        if self._writer is not None:
            with _in_our_words():
                await self._writer.write(data)

    async def keep(self) -> None:
        """Make the object be there, whole."""
        if self._writer is not None:
            with _in_our_words():
                await self._writer.close()

    def let_go(self) -> None:
        """Drop the writer now, not when memory is next tidied up: what it wrote and did not keep goes with it."""
        self._writer = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """A stored file and what its sender said about it."""

    upload_id: UUID
    import_id: UUID
    project_id: str
    intake: Intake
    fields: UploadFields


@dataclass(frozen=True, slots=True)
class Plan:
    """An import that is about to be: of which upload, where to, for which request."""

    import_id: UUID
    upload_id: UUID
    project_id: str
    file_name: str
    request_id: str


async def take_in(resources: Resources, member: Member, request: Request, read: Read = read_fields) -> Arrival:
    """Read a form; its file is in the storage afterwards, or nothing is and an error of ours is raised."""
    limit = resources.settings.upload_max_bytes
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit + FORM_BYTES:
        raise too_large(limit)
    upload_id = new_id()
    intake = Intake(resources.storage, f"uploads/{member.tenant_id}/{upload_id}", limit)
    try:
        form = Form(request.headers.get("content-type", ""), intake)
        await form.read(request.stream())
        fields = read(form.fields)
        project_id = member.project(fields.project_id) or DEFAULT_PROJECT
        _check_name(intake.file_name)
        await intake.keep()
    finally:
        intake.let_go()
    return Arrival(upload_id, new_id(), project_id, intake, fields)


def _check_name(file_name: str) -> None:
    if not file_name:
        message = "The file has no name. Send the part `file` with a filename."
        raise Invalid(message, code="file_name_missing", problems=(Problem("body.file", "file_name_missing", message),))


def submit(resources: Resources, member: Member, arrival: Arrival, request_id: str) -> JobView:
    """Write upload, import and job in one transaction. If that fails the stored file is deleted."""
    plan = Plan(arrival.import_id, arrival.upload_id, arrival.project_id, arrival.intake.file_name, request_id)
    with _or_delete(resources.storage, arrival), resources.database.tenant(member.tenant_id) as connection:
        connection.execute(WRITE, _upload_row(member, arrival) | _import_row(member, plan, arrival.fields))
        return write_job(connection, _order(member, plan, arrival.fields))


def store(resources: Resources, member: Member, arrival: Arrival) -> None:
    """Write the upload alone: its import is asked for later. If that fails the stored file is deleted."""
    with _or_delete(resources.storage, arrival), resources.database.tenant(member.tenant_id) as connection:
        connection.execute(WRITE_UPLOAD, _upload_row(member, arrival))


def import_stored(
    resources: Resources, member: Member, upload_id: UUID, wish: ImportRequest, request_id: str
) -> JobView:
    """Start an import of a stored upload, again if need be; raises `NotFound`, for another tenant's upload too."""
    with resources.database.tenant(member.tenant_id) as connection:
        upload = find_upload(connection, member, upload_id)
        plan = Plan(new_id(), upload_id, upload.project_id, upload.file_name, request_id)
        connection.execute(WRITE_IMPORT, _import_row(member, plan, wish))
        return write_job(connection, _order(member, plan, wish))


def find_upload(connection: Connection, member: Member, upload_id: UUID) -> Row[Any]:
    """The upload's row; raises `NotFound` where the key may see none of that id."""
    row = connection.execute(select(*Upload.__table__.c).where(Upload.id == upload_id)).first()
    if row is None or not member.sees(row.project_id):
        raise hidden("upload", upload_id, "upload_not_found")
    return row


def make_known(resources: Resources, member: Member, job: JobView) -> None:
    """Ring for a committed job. Nobody need wait for this: if it does not happen, the dispatcher rings."""
    announce(resources.database, resources.doorbell, resources.feed, job, member.tenant_id)


@contextmanager
def _or_delete(storage: Storage, arrival: Arrival) -> Iterator[None]:
    try:
        yield
    except Exception:
        _delete(storage, arrival.intake.key)
        raise


def _upload_row(member: Member, arrival: Arrival) -> dict[str, object]:
    return {
        "tenant_id": member.tenant_id,
        "project_id": arrival.project_id,
        "upload_id": arrival.upload_id,
        "file_name": arrival.intake.file_name,
        "media_type": arrival.intake.media_type,
        "size": arrival.intake.size,
        "sha256": arrival.intake.sha256,
        "storage_key": arrival.intake.key,
    }


def _import_row(member: Member, plan: Plan, wish: ImportRequest) -> dict[str, object]:
    return {
        "import_id": plan.import_id,
        "tenant_id": member.tenant_id,
        "project_id": plan.project_id,
        "upload_id": plan.upload_id,
        "profile": wish.profile,
        "mode": wish.mode,
    }


def _order(member: Member, plan: Plan, wish: ImportRequest) -> Order:
    payload = ImportPayload(
        import_id=plan.import_id,
        upload_id=plan.upload_id,
        profile=wish.profile,
        mode=wish.mode,
        mapping=wish.mapping,
        options=wish.options or ImportOptions(),
        on_error=wish.on_error or "reject",
        dry_run=bool(wish.dry_run),
    )
    return Order(
        tenant_id=member.tenant_id,
        project_id=plan.project_id,
        kind=IMPORT,
        payload=payload,
        priority=wish.priority or Priority.NORMAL,
        label=plan.file_name,
        request_id=plan.request_id,
    )


def _delete(storage: Storage, key: str) -> None:
    try:
        storage.delete(key)
    except WharfError as error:
        get_logger().warning("upload.orphaned", storage_key=key, code=error.error_code)


def too_large(limit: int) -> TooLarge:
    """A file above the installation's limit."""
    message = f"The file is larger than this installation takes ({limit} bytes). Split it."
    return TooLarge(message, code="file_too_large")


def shown_name(name: str) -> str:
    """A user's file name as it is shown: the last part of its path, no control characters. Never a path of ours."""
    last = re.split(r"[/\\]", name)[-1]
    clean = "".join(c for c in last if c.isprintable() and c not in CONTROLS).strip()
    return clean[-LONGEST_NAME:]


def shown_media_type(media_type: str) -> str:
    """What the client says that the file is; nothing decides by it."""
    kind = media_type.partition(";")[0].strip().lower()
    return kind if MEDIA.fullmatch(kind) else ANY_MEDIA


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        message = "The object storage did not take the file. Send it again in a moment."
        raise Transient(message, code="storage_unavailable") from error
