"""Stored files and their imports in the ledger: upload, import and job are written in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from wharf.common.clock import new_id
from wharf.common.errors import Gone, WharfError
from wharf.common.imports import ImportOptions
from wharf.common.jobs.kinds import IMPORT, INSPECT, ImportPayload, InspectPayload
from wharf.common.jobs.results import whole
from wharf.common.jobs.submission import Order, Written, write_job
from wharf.common.ledger.models import Upload
from wharf.common.logs import get_logger
from wharf.common.queues import Priority, Queue
from wharf.common.runtime.points import Point, reach
from wharf.common.storage import Storage
from wharf.gateway.authentication import Member, hidden
from wharf.gateway.form import ImportRequest, InspectRequest
from wharf.gateway.intake import Arrival
from wharf.gateway.profiles import check_profile
from wharf.gateway.resources import Resources

# One statement: each costs a round trip, and all of them stand or fall together anyway.
WRITE = """
    WITH project AS (
        INSERT INTO wharf.projects (tenant_id, slug) VALUES (%(tenant_id)s, %(project_id)s) ON CONFLICT DO NOTHING
    ), stored AS (
        INSERT INTO wharf.uploads (id, tenant_id, project_id, file_name, media_type, size, sha256, storage_key)
        VALUES (%(upload_id)s, %(tenant_id)s, %(project_id)s, %(file_name)s, %(media_type)s, %(size)s, %(sha256)s,
                %(storage_key)s)
    )
    INSERT INTO wharf.imports (id, tenant_id, project_id, upload_id, profile, mode)
    VALUES (%(import_id)s, %(tenant_id)s, %(project_id)s, %(upload_id)s, %(profile)s, %(mode)s)
"""
WRITE_UPLOAD = """
    WITH project AS (
        INSERT INTO wharf.projects (tenant_id, slug) VALUES (%(tenant_id)s, %(project_id)s) ON CONFLICT DO NOTHING
    )
    INSERT INTO wharf.uploads (id, tenant_id, project_id, file_name, media_type, size, sha256, storage_key)
    VALUES (%(upload_id)s, %(tenant_id)s, %(project_id)s, %(file_name)s, %(media_type)s, %(size)s, %(sha256)s,
            %(storage_key)s)
"""
WRITE_IMPORT = """
    INSERT INTO wharf.imports (id, tenant_id, project_id, upload_id, profile, mode)
    VALUES (%(import_id)s, %(tenant_id)s, %(project_id)s, %(upload_id)s, %(profile)s, %(mode)s)
"""
# An upload and its inspection are written in one transaction: they share its time, by which the list's index finds it.
INSPECTION = text("""
    SELECT id, result FROM wharf.jobs
    WHERE created_at = :created_at AND kind = 'inspect' AND payload ->> 'upload_id' = :upload""")
PATIENCE = text("SET LOCAL lock_timeout = '3s'")
Seal = Callable[[Connection, Written], None]
"""The last step of a transaction that writes a job."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An import that is about to be: of which upload, where to, in which class of work, for which request."""

    import_id: UUID
    upload_id: UUID
    project_id: str
    file_name: str
    queue: Queue
    request_id: str


def queue_for(size: int, bulk_bytes: int) -> Queue:
    """Large files have workers of their own, so that a small one never waits behind them."""
    return Queue.INGEST_BULK if size > bulk_bytes else IMPORT.queue


def no_seal(_connection: Connection, _written: Written) -> None:
    """For requests that nobody can tell apart."""


def submit(resources: Resources, member: Member, arrival: Arrival, request_id: str, seal: Seal = no_seal) -> Written:
    """Write upload, import and job in one transaction. If that fails the stored file is deleted."""
    file = arrival.intake
    queue = queue_for(file.size, resources.settings.bulk_bytes)
    plan = Plan(arrival.import_id, arrival.upload_id, arrival.project_id, file.file_name, queue, request_id)
    with _or_delete(resources, member, arrival), resources.database.tenant(member.tenant_id) as connection:
        check_profile(connection, arrival.fields.profile)
        connection.exec_driver_sql(WRITE, _upload_row(member, arrival) | _import_row(member, plan, arrival.fields))
        written = write_job(connection, _order(member, plan, arrival.fields))
        seal(connection, written)
    reach(Point.AFTER_SUBMIT)
    return written


def store(resources: Resources, member: Member, arrival: Arrival) -> None:
    """Write the upload alone: its import is asked for later. If that fails the stored file is deleted."""
    with _or_delete(resources, member, arrival), resources.database.tenant(member.tenant_id) as connection:
        connection.exec_driver_sql(WRITE_UPLOAD, _upload_row(member, arrival))


def inspect(resources: Resources, member: Member, arrival: Arrival, request_id: str, seal: Seal = no_seal) -> Written:
    """Write the upload and a job that looks at it. If that fails the stored file is deleted."""
    fields = arrival.fields
    place = (arrival.upload_id, arrival.project_id, arrival.intake.file_name)
    order = _inspection(member, place, fields, request_id)
    with _or_delete(resources, member, arrival), resources.database.tenant(member.tenant_id) as connection:
        check_profile(connection, fields.profile)
        connection.exec_driver_sql(WRITE_UPLOAD, _upload_row(member, arrival))
        written = write_job(connection, order)
        seal(connection, written)
    return written


def inspect_stored(
    resources: Resources,
    member: Member,
    upload_id: UUID,
    wish: InspectRequest,
    request_id: str,
    *,
    seal: Seal = no_seal,
) -> Written:
    """Look at a stored upload once more; raises `NotFound`, for another tenant's upload too."""
    with resources.database.tenant(member.tenant_id) as connection:
        upload = find_upload(connection, member, upload_id, lock=True)
        refuse_removed(upload)
        check_profile(connection, wish.profile)
        place = (upload_id, upload.project_id, upload.file_name)
        written = write_job(connection, _inspection(member, place, wish, request_id))
        seal(connection, written)
    return written


def _inspection(member: Member, place: tuple[UUID, str, str], wish: InspectRequest, request_id: str) -> Order:
    """A look at the upload of that id, project and file name."""
    upload_id, project_id, file_name = place
    options = wish.options or ImportOptions()
    return Order(
        tenant_id=member.tenant_id,
        project_id=project_id,
        kind=INSPECT,
        payload=InspectPayload(upload_id=upload_id, profile=wish.profile, mapping=wish.mapping, options=options),
        priority=wish.priority or Priority.NORMAL,
        label=file_name,
        request_id=request_id,
    )


def inspection_of(connection: Connection, storage: Storage, upload: Row[Any]) -> dict[str, Any] | None:
    """What the inspection of an upload found; None where there was none, or it has not ended well."""
    values = {"created_at": upload.created_at, "upload": str(upload.id)}
    found = connection.execute(INSPECTION, values).one_or_none()
    return whole(storage, upload.tenant_id, found.id, found.result) if found and found.result else None


def import_stored(
    resources: Resources,
    member: Member,
    upload_id: UUID,
    wish: ImportRequest,
    request_id: str,
    *,
    seal: Seal = no_seal,
) -> Written:
    """Start an import of a stored upload, again if need be; raises `NotFound`, for another tenant's upload too."""
    with resources.database.tenant(member.tenant_id) as connection:
        upload = find_upload(connection, member, upload_id, lock=True)
        refuse_removed(upload)
        check_profile(connection, wish.profile)
        queue = queue_for(upload.size, resources.settings.bulk_bytes)
        plan = Plan(new_id(), upload_id, upload.project_id, upload.file_name, queue, request_id)
        connection.exec_driver_sql(WRITE_IMPORT, _import_row(member, plan, wish))
        written = write_job(connection, _order(member, plan, wish))
        seal(connection, written)
    return written


def refuse_removed(upload: Row[Any]) -> None:
    """Raise `Gone` where its file was removed when its time was over."""
    if upload.removed_at is not None:
        message = (
            f"The file of this upload was removed on {upload.removed_at:%Y-%m-%d}, as old files are. Upload it again."
        )
        raise Gone(message, code="upload_removed")


def find_upload(connection: Connection, member: Member, upload_id: UUID, *, lock: bool = False) -> Row[Any]:
    """The upload's row; raises `NotFound` where the key may see none of that id. Locked, its file stays meanwhile."""
    query = select(*Upload.__table__.c).where(Upload.id == upload_id)
    row = connection.execute(query.with_for_update(read=True, key_share=True) if lock else query).first()
    if row is None or not member.sees(row.project_id):
        raise hidden("upload", upload_id, "upload_not_found")
    return row


@contextmanager
def _or_delete(resources: Resources, member: Member, arrival: Arrival) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        lost = isinstance(error, DBAPIError) and error.connection_invalidated
        if not (lost and _may_be_written(resources, member, arrival)):
            _delete(resources.storage, arrival.intake.key)
        raise


def _may_be_written(resources: Resources, member: Member, arrival: Arrival) -> bool:
    """Whether the ledger has the upload's row, or cannot say so.

    The connection broke while committing, and the server may be at it still: only writing the same row waits for that.
    """
    try:
        with resources.database.tenant(member.tenant_id) as connection:
            connection.execute(PATIENCE)
            connection.exec_driver_sql(WRITE_UPLOAD, _upload_row(member, arrival))
            connection.rollback()
    except IntegrityError:
        return True
    except (DBAPIError, PoolTimeout) as error:
        get_logger().warning("upload.orphaned", storage_key=arrival.intake.key, error=type(error).__name__)
        return True
    return False


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
        queue=plan.queue,
        request_id=plan.request_id,
    )


def _delete(storage: Storage, key: str) -> None:
    try:
        storage.delete(key)
    except WharfError as error:
        get_logger().warning("upload.orphaned", storage_key=key, code=error.error_code)
