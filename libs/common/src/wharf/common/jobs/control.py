"""What a person may do to a job: cancel, retry, discard. Compare-and-set on what the state table allows."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, RowMapping, func, select, update

from wharf.common.errors import Cancelled, Conflict, NotFound
from wharf.common.jobs.states import ENDED, Event, Status, after
from wharf.common.jobs.submission import Written
from wharf.common.jobs.view import JobView, job_view
from wharf.common.ledger.models import Job

Changes = dict[str, object]
DISCARDABLE = Status.FAILED
"""The state that waits for somebody; the table of transitions has no step for it, since it stays as it is."""


def find(connection: Connection, job_id: UUID, *, lock: bool = False) -> JobView:
    """The tenant's job; raises `NotFound`, for another tenant's too."""
    query = select(*Job.__table__.c).where(Job.id == job_id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        message = f"There is no job {job_id}."
        raise NotFound(message, code="job_not_found")
    return job_view(row)


def cancel(connection: Connection, job_id: UUID) -> JobView:
    """Ask for a job's end. One that waits ends at once; one that runs when its worker sees the flag."""
    job = _own(find(connection, job_id, lock=True))
    return job_view(_change(connection, job_id, cancel_changes(after(job.status, Event.CANCEL))))


def cancel_changes(target: Status) -> Changes:
    """What a cancel writes into the row of a job that it leads to `target`."""
    changes: Changes = {
        "status": target,
        "cancel_requested_at": func.coalesce(Job.cancel_requested_at, func.now()),
    }
    if target in ENDED:
        changes |= {"finished_at": func.now(), "error": Cancelled().as_dict()}
    return changes


def retry(connection: Connection, job_id: UUID) -> Written:
    """Try a failed, cancelled or waiting job again: a new attempt, with all its tries before it.

    Where its tenant has no room the job is not admitted: then the dispatcher rings for it when its turn has come.
    """
    job = _own(find(connection, job_id, lock=True))
    room = func.wharf.room(Job.tenant_id, Job.queue, Job.priority)
    row = _change(connection, job_id, retry_changes(after(job.status, Event.RETRY)) | {"admitted": room > 0})
    return Written(job_view(row), row["admitted"])


def retry_changes(target: Status) -> Changes:
    """What a retry writes into a job's row; without a place among its tenant's published ones."""
    return {
        "status": target,
        "attempt": Job.attempt + 1,
        "failures": 0,
        "deaths": 0,
        "admitted": False,
        "raised": 0,
        # What follows is measured anew: a checkpoint of this run is progress, however far an earlier one came.
        "furthest": 0,
        "available_at": func.now(),
        "published_at": None,
        "finished_at": None,
        "cancel_requested_at": None,
        "discarded_at": None,
        "error": None,
        "result": None,
    }


def discard(connection: Connection, job_id: UUID) -> JobView:
    """Take a dead letter out of the dead count; it stays `failed`."""
    job = _own(find(connection, job_id, lock=True))
    if job.status is not DISCARDABLE:
        message = f"Only a failed job can be discarded; this one is {job.status}."
        raise Conflict(message, code="wrong_state", detail={"status": job.status})
    return job_view(_change(connection, job_id, discard_changes()))


def discard_changes() -> Changes:
    """What a discard writes into a job's row."""
    return {"discarded_at": func.coalesce(Job.discarded_at, func.now())}


def _own(job: JobView) -> JobView:
    """A job that may be steered by itself; raises `Conflict` (`part_of_job`) for a part."""
    if job.part is not None:
        message = f"This job is a part of the job {job.parent_id}: cancel or retry that one."
        raise Conflict(message, code="part_of_job", detail={"parent_id": str(job.parent_id)})
    return job


def _change(connection: Connection, job_id: UUID, changes: Changes) -> RowMapping:
    statement = update(Job).where(Job.id == job_id).values(changes).returning(*Job.__table__.c)
    return connection.execute(statement).mappings().one()
