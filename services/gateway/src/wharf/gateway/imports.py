"""What may follow an import: its undo, and the commit of a dry run. Each is a job of its own."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, select, text

from wharf.common.errors import Conflict
from wharf.common.jobs.kinds import IMPORT, UNDO, ImportPayload, UndoPayload
from wharf.common.jobs.states import ENDED, Status
from wharf.common.jobs.submission import Order, Written, write_job
from wharf.common.jobs.view import JobView
from wharf.common.ledger.models import DataUpdate, Import, Job
from wharf.common.queues import Queue
from wharf.gateway.authentication import Member
from wharf.gateway.jobs import find_job
from wharf.gateway.uploads import find_upload, refuse_removed

LIVE = tuple(status for status in Status if status not in ENDED)
GO_ON = text("""
    UPDATE wharf.jobs SET checkpoint = (SELECT waiting FROM wharf.imports WHERE id = :import_id) WHERE id = :job""")


def undo(connection: Connection, member: Member, job_id: UUID, request_id: str) -> Written:
    """Ask for the undo of an import. Raises `NotFound`; `Conflict` where there is nothing to undo, and says why."""
    job, found = _import(connection, member, job_id, "can be undone")
    if found.merged_at is None:
        raise _refused("not_merged", f"Nothing of this import is in the dataset; its job is {job.status}.", job)
    if found.undone_at is not None:
        raise _refused("already_undone", "This import is undone already.", job)
    if found.turn is None:
        message = "What this import's rows were before is not kept, or not any more: it cannot be undone."
        raise _refused("no_prior_values", message, job)
    merged_by = connection.execute(_merged_by(found)).scalar_one()
    _refuse_another(connection, merged_by, UNDO.name, "undo_under_way", "An undo of this import is under way.")
    return write_job(connection, _order(member, job, merged_by, request_id, UndoPayload(import_id=found.id)))


def commit(connection: Connection, member: Member, job_id: UUID, request_id: str) -> Written:
    """Ask for the merge of a dry run. The job goes on from its rows, or reads the file again if they are gone."""
    job, found = _import(connection, member, job_id, "can be committed")
    row = connection.execute(select(Job.payload).where(Job.id == job_id)).scalar_one()
    payload = ImportPayload.model_validate(row)
    if not payload.dry_run:
        raise _refused("not_a_dry_run", "This import was no dry run: its rows are merged when it completes.", job)
    if job.status is not Status.COMPLETED:
        raise _refused("wrong_state", f"Only a completed dry run can be committed; this one is {job.status}.", job)
    if found.merged_at is not None:
        raise _refused("already_committed", "This dry run is committed already.", job)
    refuse_removed(find_upload(connection, member, found.upload_id, lock=True))
    _refuse_another(connection, job_id, IMPORT.name, "commit_under_way", "A commit of this dry run is under way.")
    wanted = payload.model_copy(update={"dry_run": False})
    written = write_job(connection, _order(member, job, job_id, request_id, wanted))
    connection.execute(GO_ON, {"import_id": found.id, "job": written.view.job_id})
    return written


def _import(connection: Connection, member: Member, job_id: UUID, what: str) -> tuple[JobView, Row[Any]]:
    """The job and its import, locked: of two requests at once the second one finds the first one's job."""
    job = find_job(connection, member, job_id)
    row = connection.execute(select(Job.kind, Job.payload).where(Job.id == job_id)).one()
    if row.kind != IMPORT.name:
        message = f"Only an import {what}; this job is of the kind {row.kind}."
        raise Conflict(message, code="wrong_kind")
    query = select(*Import.__table__.c).where(Import.id == UUID(row.payload["import_id"]))
    return job, connection.execute(query.with_for_update()).one()


def _merged_by(found: Row[Any]) -> Select[UUID]:
    """The job that merged it: the account of the merge has the same time."""
    return select(DataUpdate.job_id).where(
        DataUpdate.profile == found.profile,
        DataUpdate.project_id == found.project_id,
        DataUpdate.at == found.merged_at,
        DataUpdate.import_id == found.id,
        DataUpdate.mode != "undo",
    )


def _refuse_another(connection: Connection, parent: UUID, kind: str, code: str, message: str) -> None:
    query = select(Job.id).where(Job.parent_id == parent, Job.kind == kind, Job.status.in_(LIVE))
    other = connection.execute(query).scalars().first()
    if other is not None:
        raise Conflict(f"{message} Its job is {other}.", code=code, detail={"job_id": str(other)})


def _refused(code: str, message: str, job: JobView) -> Conflict:
    return Conflict(message, code=code, detail={"status": job.status})


def _order(member: Member, job: JobView, parent: UUID, request_id: str, payload: UndoPayload | ImportPayload) -> Order:
    """In the class of work of the import itself: it is as large."""
    return Order(
        tenant_id=member.tenant_id,
        project_id=job.project_id,
        kind=UNDO if isinstance(payload, UndoPayload) else IMPORT,
        payload=payload,
        priority=job.priority,
        label=job.label,
        parent_id=parent,
        request_id=request_id,
        queue=Queue(job.queue),
    )
