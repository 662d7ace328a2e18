"""What a person may do to a job: cancel, retry, discard. Compare-and-set on what the state table allows."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, func, select, update

from wharf.common.errors import Conflict, NotFound
from wharf.common.jobs.states import ENDED, Event, Status, after
from wharf.common.jobs.view import JobView, job_view
from wharf.common.ledger.models import Job


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
    job = find(connection, job_id, lock=True)
    target = after(job.status, Event.CANCEL)
    changes: dict[str, object] = {
        "status": target,
        "cancel_requested_at": func.coalesce(Job.cancel_requested_at, func.now()),
    }
    if target in ENDED:
        changes |= {"finished_at": func.now(), "error": _cancelled()}
    return _change(connection, job_id, changes)


def retry(connection: Connection, job_id: UUID) -> JobView:
    """Try a failed, cancelled or waiting job again: a new attempt, with all its tries before it."""
    job = find(connection, job_id, lock=True)
    changes: dict[str, object] = {
        "status": after(job.status, Event.RETRY),
        "attempt": Job.attempt + 1,
        "failures": 0,
        "deaths": 0,
        "available_at": func.now(),
        "published_at": None,
        "finished_at": None,
        "cancel_requested_at": None,
        "discarded_at": None,
        "error": None,
        "result": None,
    }
    return _change(connection, job_id, changes)


def discard(connection: Connection, job_id: UUID) -> JobView:
    """Take a dead letter out of the dead count; it stays `failed`."""
    job = find(connection, job_id, lock=True)
    if job.status is not Status.FAILED:
        message = f"Only a failed job can be discarded; this one is {job.status}."
        raise Conflict(message, code="wrong_state", detail={"status": job.status})
    return _change(connection, job_id, {"discarded_at": func.coalesce(Job.discarded_at, func.now())})


def _cancelled() -> dict[str, object]:
    return {"code": "cancelled", "message": "The job was cancelled.", "detail": None, "retryable": False}


def _change(connection: Connection, job_id: UUID, changes: dict[str, object]) -> JobView:
    statement = update(Job).where(Job.id == job_id).values(changes).returning(*Job.__table__.c)
    return job_view(connection.execute(statement).mappings().one())
