"""All that the page of one job shows: its course, its tries, its lines, and the jobs that have to do with it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, func, select

from wharf.common.errors import Gone
from wharf.common.jobs.kinds import IMPORT
from wharf.common.jobs.states import Status
from wharf.common.jobs.view import JobView, job_view
from wharf.common.ledger.models import Job, JobLog
from wharf.gateway import conflicts, jobs
from wharf.gateway.authentication import Member
from wharf.gateway.jobs import JobFilter

MOST_TRIES: Final = 100
MOST_LINES: Final = 500
"""The newest; the API has all."""
MOST_REJECTS: Final = 50
"""The first; the file to take away has all."""
MOST_CELLS: Final = 50
MOST_FOLLOWERS: Final = 100
MOST_PARTS: Final = 500
OUTCOMES: Final = {"complete": "completed", "fail": "failed", "cancel": "cancelled", "retry": "retrying"}
"""What ended a try, as the state that it led to."""
Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to the job."""

    at: datetime
    tone: str
    words: str
    more: str = ""


@dataclass(frozen=True, slots=True)
class Detail:
    """One job with what belongs to it."""

    job: JobView
    tries: list[Item]
    lines: list[Item]
    parent: JobView | None
    followers: list[JobView]
    parts: list[JobView]
    upload_id: str | None
    """The file that it is about."""
    rejects: list[Item]
    """The first rows that it set aside."""
    cells: list[Item]
    """The first cells that somebody is asked about."""
    alike: int
    """Other failed jobs with the same error, which wait for somebody as this one does."""

    @property
    def course(self) -> list[Moment]:
        """What happened to it, oldest first."""
        job = self.job
        found = [Moment(job.created_at, "queued", "Queued", f"priority {job.priority}, queue {job.queue}")]
        for tried in self.tries:
            found += _moments(tried, last=tried is self.tries[-1] and job.finished_at is not None)
        if job.cancel_requested_at:
            found.append(Moment(job.cancel_requested_at, "cancelling", "Asked to end"))
        if job.status is Status.RETRYING:
            found.append(Moment(job.available_at, "retrying", "Next try"))
        if job.finished_at:
            found.append(Moment(job.finished_at, job.status, job.status.capitalize()))
        if job.discarded_at:
            found.append(Moment(job.discarded_at, "cancelled", "Discarded"))
        return sorted(found, key=lambda moment: moment.at)


def _moments(tried: Item, *, last: bool) -> list[Moment]:
    begun = Moment(tried["started_at"], "running", f"Attempt {tried['attempt']} began", tried["worker"])
    # The end of the last one is that of the job.
    if tried["ended_at"] is None or last:
        return [begun]
    outcome = str(tried["outcome"] or "ended")
    why = (tried["error"] or {}).get("message", "")
    tone = OUTCOMES.get(outcome, outcome)
    return [begun, Moment(tried["ended_at"], tone, f"Attempt {tried['attempt']}: {outcome.replace('_', ' ')}", why)]


def detail_of(connection: Connection, member: Member, job: JobView) -> Detail:
    """All of it, in one transaction."""
    tries, _ = jobs.list_attempts(connection, member, job.job_id, None, MOST_TRIES)
    below = _below(connection, job.job_id)
    return Detail(
        job=job,
        tries=tries,
        lines=_lines(connection, job.job_id),
        parent=_parent(connection, job),
        followers=[other for other in below if other.part is None][:MOST_FOLLOWERS],
        parts=[other for other in below if other.part is not None],
        upload_id=_upload(connection, job),
        rejects=_rejects(connection, member, job),
        cells=_cells(connection, job),
        alike=alike(connection, member, job),
    )


def alike(connection: Connection, member: Member, job: JobView) -> int:
    """Other failed jobs, not discarded, with this job's error."""
    if job.status is not Status.FAILED or job.error is None:
        return 0
    wanted = JobFilter(status=(Status.FAILED,), error=job.error.code, discarded=False, project_id=member.project_id)
    query = select(func.count()).select_from(Job).where(*wanted.conditions(), Job.id != job.job_id)
    return connection.execute(query).scalar_one()


def _upload(connection: Connection, job: JobView) -> str | None:
    return connection.execute(select(Job.payload["upload_id"].astext).where(Job.id == job.job_id)).scalar_one_or_none()


def _rejects(connection: Connection, member: Member, job: JobView) -> list[Item]:
    if job.kind == IMPORT.name and job.ended:
        # They go when their time is over; the counts stay.
        with suppress(Gone):
            return jobs.list_rejects(connection, member, job.job_id, None, MOST_REJECTS)[0]
    return []


def _cells(connection: Connection, job: JobView) -> list[Item]:
    asks = job.kind == IMPORT.name and job.status is Status.COMPLETED and (job.result or {}).get("conflicts")
    return conflicts.waiting(connection, job.job_id, MOST_CELLS) if asks else []


def _lines(connection: Connection, job_id: UUID) -> list[Item]:
    columns = (JobLog.id, JobLog.at, JobLog.attempt, JobLog.level, JobLog.event, JobLog.fields)
    newest = select(*columns).where(JobLog.job_id == job_id).order_by(JobLog.id.desc()).limit(MOST_LINES)
    return [dict(row) for row in reversed(connection.execute(newest).mappings().all())]


def _parent(connection: Connection, job: JobView) -> JobView | None:
    if job.parent_id is None:
        return None
    row = connection.execute(select(*Job.__table__.c).where(Job.id == job.parent_id)).mappings().first()
    return None if row is None else job_view(row)


def _below(connection: Connection, job_id: UUID) -> list[JobView]:
    query = select(*Job.__table__.c).where(Job.parent_id == job_id).order_by(Job.part, Job.id)
    return [job_view(row) for row in connection.execute(query.limit(MOST_FOLLOWERS + MOST_PARTS)).mappings()]
