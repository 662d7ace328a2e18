"""Reading jobs: the list, one job from its snapshot or the ledger, and what belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, Text, cast, or_, select, text, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from wharf.common.errors import Conflict, Gone, NotFound, Permanent, Transient
from wharf.common.feed import Feed
from wharf.common.jobs.control import find
from wharf.common.jobs.kinds import IMPORT
from wharf.common.jobs.results import is_short, whole
from wharf.common.jobs.states import ENDED, Status
from wharf.common.jobs.tally import Tally
from wharf.common.jobs.view import JobView, job_view
from wharf.common.ledger.database import Database
from wharf.common.ledger.models import Attempt, Import, Job, JobLog, Reject
from wharf.common.queues import Queue
from wharf.common.storage import Storage
from wharf.gateway.authentication import Member, hidden
from wharf.gateway.cursors import decode, moment_of, page
from wharf.gateway.rejects import rejects_of

# An import and its job are written in one transaction: they share its time, which the index of the list leads to.
JOB_OF_UPLOAD = text("""
    SELECT jobs.id FROM wharf.jobs JOIN (
        SELECT id, created_at FROM wharf.imports WHERE upload_id = :upload_id ORDER BY created_at DESC, id DESC LIMIT 1
    ) newest ON jobs.created_at = newest.created_at AND jobs.payload ->> 'import_id' = newest.id::text
""")
LIVE = tuple(status for status in Status if status not in ENDED)


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs a list shows; what is None does not matter."""

    status: tuple[Status, ...] = ()
    kind: str | None = None
    queue: Queue | None = None
    project_id: str | None = None
    since: datetime | None = None
    q: str | None = None
    """Part of the label, or the beginning of the id."""
    parent_id: UUID | None = None
    """The job that they follow, or of which they are parts: parts are shown only where it is asked for them."""
    error: str | None = None
    """The code of the error that they ended with."""
    discarded: bool | None = None
    """Whether somebody has said that they need nobody any more."""
    job_ids: tuple[UUID, ...] = ()
    """None but these, where any are named."""

    def conditions(self) -> list[ColumnElement[bool]]:
        """For a query on jobs."""
        found: list[ColumnElement[bool]] = [] if self.parent_id else [Job.part.is_(None)]
        if self.status:
            found.append(Job.status.in_(self.status))
        if self.job_ids:
            found.append(Job.id.in_(self.job_ids))
        if self.discarded is not None:
            found.append(Job.discarded_at.is_not(None) if self.discarded else Job.discarded_at.is_(None))
        if self.error is not None:
            found.append(Job.error["code"].astext == self.error)
        if self.since is not None:
            # A time without a zone is UTC, as everywhere in the API.
            found.append(Job.created_at >= (self.since if self.since.tzinfo else self.since.replace(tzinfo=UTC)))
        if self.q:
            found.append(
                or_(
                    Job.label.icontains(self.q, autoescape=True), cast(Job.id, Text).startswith(self.q, autoescape=True)
                )
            )
        equal: dict[Any, Any] = {
            Job.kind: self.kind, Job.queue: self.queue, Job.project_id: self.project_id, Job.parent_id: self.parent_id
        }  # fmt: skip
        return found + [column == value for column, value in equal.items() if value is not None]


def list_jobs(
    connection: Connection, wanted: JobFilter, cursor: str | None, limit: int
) -> tuple[list[JobView], str | None]:
    """Newest first."""
    query = select(*Job.__table__.c).where(*wanted.conditions())
    if cursor:
        created_at, job_id = decode(cursor, (moment_of, UUID))
        query = query.where(tuple_(Job.created_at, Job.id) < (created_at, job_id))
    query = query.order_by(Job.created_at.desc(), Job.id.desc()).limit(limit + 1)
    views = [job_view(row) for row in connection.execute(query).mappings()]
    return page(views, limit, lambda job: (job.created_at.isoformat(), job.job_id))


def live_jobs(connection: Connection, member: Member, ended_since: datetime | None, most: int) -> list[JobView]:
    """The jobs that somebody who watches has to know of: those not ended, and those that ended since then."""
    watched: ColumnElement[bool] = Job.status.in_(LIVE)
    if ended_since is not None:
        watched = or_(watched, Job.finished_at >= ended_since)
    query = select(*Job.__table__.c).where(watched, *JobFilter(project_id=member.project_id).conditions())
    query = query.order_by(Job.created_at.desc(), Job.id.desc()).limit(most)
    return [job_view(row) for row in reversed(connection.execute(query).mappings().all())]


def find_job(connection: Connection, member: Member, job_id: UUID, *, lock: bool = False) -> JobView:
    """One job that the key may see; raises `NotFound`."""
    view = find(connection, job_id, lock=lock)
    if not member.sees(view.project_id):
        raise _no_job(job_id)
    return view


def job_of_upload(connection: Connection, upload_id: UUID) -> UUID | None:
    """The job of the newest import of an upload; None where it was only stored."""
    found: UUID | None = connection.execute(JOB_OF_UPLOAD, {"upload_id": upload_id}).scalar()
    return found


def current_job(database: Database, feed: Feed, member: Member, job_id: UUID) -> JobView | dict[str, Any]:
    """What a job is like now: its snapshot, as the contract's JSON, without asking the ledger; else the ledger's.

    Of a job that has ended the ledger tells: what is done with it later, an undo, is not in its snapshot at once.
    """
    snapshot = feed.read(job_id)
    if snapshot is not None and snapshot.tenant_id != member.tenant_id:
        raise _no_job(job_id)
    if snapshot is not None and snapshot.job is not None:
        if not member.sees(snapshot.job["project_id"]):
            raise _no_job(job_id)
        if snapshot.job["status"] not in ENDED:
            return snapshot.job
    with database.tenant(member.tenant_id) as connection:
        return find_job(connection, member, job_id)


def with_whole_result(storage: Storage, member: Member, job: JobView) -> JobView:
    """The job with all of its result, wherever that is; raises `Gone` where its file is lost."""
    if not is_short(job.result):
        return job
    try:
        result = whole(storage, member.tenant_id, job.job_id, job.result or {})
    except Permanent as error:
        message = "The result of this job is not in the storage any more; the job's row says what is left of it."
        raise Gone(message, code="result_missing") from error
    return job.model_copy(update={"result": result})


def shown(storage: Storage, member: Member, job: JobView) -> JobView:
    """The job with all of its result where that can be had: what else is known of it is told in any case."""
    try:
        return with_whole_result(storage, member, job)
    except (Gone, Transient):
        return job


def count_end(job: JobView, member: Member) -> None:
    """Of a job that a cancel ended at once: no worker has seen it."""
    if job.status is Status.CANCELLED:
        Tally.of_view(job, member.tenant_id).ended(job.status)


def _no_job(job_id: UUID) -> NotFound:
    return hidden("job", job_id, "job_not_found")


Rows = tuple[list[dict[str, Any]], str | None]


def list_logs(connection: Connection, member: Member, job_id: UUID, cursor: str | None, limit: int) -> Rows:
    """The lines that a job wrote about itself, oldest first."""
    find_job(connection, member, job_id)
    columns = (JobLog.id, JobLog.at, JobLog.attempt, JobLog.level, JobLog.event, JobLog.fields)
    return _by_number(connection, select(*columns).where(JobLog.job_id == job_id), JobLog.id, cursor, limit)


def list_attempts(connection: Connection, member: Member, job_id: UUID, cursor: str | None, limit: int) -> Rows:
    """The tries at a job, first to last."""
    find_job(connection, member, job_id)
    columns = (Attempt.attempt, Attempt.worker, Attempt.started_at, Attempt.ended_at, Attempt.outcome, Attempt.error)
    return _by_number(connection, select(*columns).where(Attempt.job_id == job_id), Attempt.attempt, cursor, limit)


def list_rejects(connection: Connection, member: Member, job_id: UUID, cursor: str | None, limit: int) -> Rows:
    """The rows that an import set aside, in the file's order."""
    find_job(connection, member, job_id)
    return _by_number(
        connection, rejects_of(import_with_rejects(connection, job_id)), Reject.byte_offset, cursor, limit
    )


def import_with_rejects(connection: Connection, job_id: UUID) -> UUID:
    """The import that a job works on; raises `Gone` where its rejects were removed when their time was over."""
    import_id = import_of(connection, job_id)
    removed_at = connection.execute(select(Import.rejects_removed_at).where(Import.id == import_id)).scalar()
    if removed_at is not None:
        message = f"The rejected rows of this import were removed on {removed_at:%Y-%m-%d}, as old ones are."
        raise Gone(message, code="rejects_removed")
    return import_id


def import_of(connection: Connection, job_id: UUID) -> UUID:
    """The import that a job works on; raises `Conflict` (`wrong_kind`) where it is none."""
    row = connection.execute(select(Job.kind, Job.payload).where(Job.id == job_id)).one()
    if row.kind != IMPORT.name:
        message = f"Only imports have rejects and conflicts; this job is of the kind {row.kind}."
        raise Conflict(message, code="wrong_kind")
    return UUID(row.payload["import_id"])


def _by_number(
    connection: Connection,
    query: Select[*tuple[Any, ...]],
    number: InstrumentedAttribute[int],
    cursor: str | None,
    limit: int,
) -> Rows:
    if cursor:
        query = query.where(number > decode(cursor, (int,))[0])
    rows = connection.execute(query.order_by(number).limit(limit + 1)).mappings()
    return page([dict(row) for row in rows], limit, lambda row: (row[number.key],))


def result_of(job: JobView) -> dict[str, Any]:
    """What a completed job resulted in; raises `Conflict` where there is no result, and says why."""
    if not job.ended:
        message = f"The job has not finished: it is {job.status}."
        raise Conflict(message, code="not_finished")
    if job.status is not Status.COMPLETED:
        why = f" {job.error.message}" if job.error else ""
        message = f"The job has no result: it is {job.status}.{why}"
        raise Conflict(message, code="wrong_state", detail={"status": job.status})
    return job.result or {}
