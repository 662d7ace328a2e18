"""`/api/v1/jobs`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Self
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import Connection
from starlette.responses import StreamingResponse

from wharf.common.jobs import control
from wharf.common.jobs.bulk import Action
from wharf.common.jobs.results import is_short
from wharf.common.jobs.states import Status
from wharf.common.jobs.submission import Written
from wharf.common.jobs.view import ErrorView, JobView
from wharf.common.queues import Queue
from wharf.gateway import audit, conflicts, imports, jobs
from wharf.gateway.authentication import JobOperator, JobViewer, Member, Operator, Viewer
from wharf.gateway.bulk import act_on_matching, count_matching
from wharf.gateway.cursors import LONGEST, MOST, Cursor, Limit
from wharf.gateway.form import storable
from wharf.gateway.rejectsfile import page_of, rejects_file
from wharf.gateway.requests import REQUEST_ID
from wharf.gateway.resources import Resources, Wired

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])
Change = Callable[[Connection, UUID], JobView]
Follow = Callable[[Connection], Written]
Word = Annotated[str, AfterValidator(storable)]


class JobPage(BaseModel):
    """Jobs, newest first."""

    items: list[JobView]
    next_cursor: str | None


class LogLine(BaseModel):
    """What a job said about itself."""

    id: int
    at: datetime
    attempt: int
    level: str
    event: str
    fields: dict[str, Any]


class LogPage(BaseModel):
    """Lines, oldest first."""

    items: list[LogLine]
    next_cursor: str | None


class AttemptView(BaseModel):
    """One try at a job by one worker."""

    attempt: int
    worker: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    error: ErrorView | None


class AttemptPage(BaseModel):
    """Attempts, first to last."""

    items: list[AttemptView]
    next_cursor: str | None


class RejectView(BaseModel):
    """A row that was set aside: where it is, what it says, what is wrong with it."""

    line: int
    byte_offset: int
    raw: str
    errors: list[dict[str, Any]]
    assigned: dict[str, Any] | None
    """What Wharf would have given it, such as its number within its invoice."""


class RejectPage(BaseModel):
    """Rejects, in the file's order."""

    items: list[RejectView]
    next_cursor: str | None


class ConflictView(BaseModel):
    """A cell that is there and differs: what it is, what the file says, and what was decided."""

    id: int
    line: int
    key: dict[str, Any]
    column: str
    existing: Any
    incoming: Any
    decided: str | None
    decided_at: datetime | None


class ConflictPage(BaseModel):
    """Such cells, in the file's order."""

    items: list[ConflictView]
    next_cursor: str | None


class OneDecision(BaseModel):
    """What one cell is to be."""

    model_config = ConfigDict(extra="forbid")

    id: int = Field(ge=1, lt=2**63)
    take: conflicts.Take


class Decisions(BaseModel):
    """Either decisions about single cells, or one about all that wait; a dry run only counts them."""

    model_config = ConfigDict(extra="forbid")

    decisions: list[OneDecision] = Field(default=[], max_length=MOST)
    take: conflicts.Take | None = None
    column: Word | None = Field(None, min_length=1, max_length=63)
    all: bool = False
    dry_run: bool = False

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if bool(self.decisions) == self.all or self.all != (self.take is not None) or (self.column and not self.all):
            message = "Say decisions: [{id, take}], or take with all: true (and a column, if only one is meant)."
            raise PydanticCustomError("unclear_decision", message)
        return self

    def choices(self) -> list[conflicts.Choice]:
        """As the ledger is asked."""
        if self.take is not None:
            return [conflicts.Choice(self.take, column=self.column)]
        takes = {one.take: tuple(d.id for d in self.decisions if d.take == one.take) for one in self.decisions}
        return [conflicts.Choice(take, ids) for take, ids in takes.items()]


class DecidedView(BaseModel):
    """How many cells match and were decided; `changed` are those whose cell is another one by now: they still wait."""

    matched: int
    done: int
    changed: list[int]


class JobQuery(BaseModel):
    """The filters of the list."""

    status: list[Status] = []
    kind: str | None = Field(None, max_length=50)
    queue: Queue | None = None
    project_id: str | None = Field(None, max_length=63)
    since: datetime | None = None
    q: str | None = Field(None, max_length=200)
    parent_id: UUID | None = None
    """Jobs that follow that one, and its parts, which no other list shows."""
    cursor: str | None = Field(None, max_length=LONGEST)
    limit: int = Field(50, ge=1, le=MOST)


class BulkFilter(BaseModel):
    """Which jobs; at least one field has to say something."""

    model_config = ConfigDict(extra="forbid")

    status: Status | list[Status] = []
    kind: Word | None = Field(None, min_length=1, max_length=50)
    queue: Queue | None = None
    project_id: Word | None = Field(None, min_length=1, max_length=63)
    q: Word | None = Field(None, min_length=1, max_length=200)
    since: datetime | None = None
    job_ids: list[UUID] = Field(default=[], max_length=MOST)
    error: Word | None = Field(None, min_length=1, max_length=200)
    """The code of the error that they ended with."""
    discarded: bool | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not any(getattr(self, name) for name in type(self).model_fields if name != "discarded"):
            message = f"The filter is empty. Say which jobs are meant: {', '.join(type(self).model_fields)}."
            raise PydanticCustomError("empty_filter", message)
        return self

    def wanted(self, member: Member) -> jobs.JobFilter:
        """The filter, narrowed down to what the key may see."""
        status = (self.status,) if isinstance(self.status, Status) else tuple(self.status)
        return jobs.JobFilter(
            status=status,
            kind=self.kind,
            queue=self.queue,
            project_id=member.project(self.project_id),
            q=self.q,
            since=self.since,
            error=self.error,
            discarded=self.discarded,
            job_ids=tuple(self.job_ids),
        )


class BulkRequest(BaseModel):
    """One action on many jobs; a dry run only counts them."""

    model_config = ConfigDict(extra="forbid")

    action: Action
    filter: BulkFilter
    dry_run: bool = False


class BulkView(BaseModel):
    """How many jobs match, and to how many it was done."""

    matched: int
    done: int


@router.get("")
def list_jobs(resources: Wired, member: Viewer, query: Annotated[JobQuery, Query()]) -> JobPage:
    """The tenant's jobs."""
    wanted = jobs.JobFilter(
        status=tuple(query.status),
        kind=query.kind,
        queue=query.queue,
        project_id=member.project(query.project_id),
        since=query.since,
        q=query.q,
        parent_id=query.parent_id,
    )
    with resources.database.tenant(member.tenant_id) as connection:
        items, next_cursor = jobs.list_jobs(connection, wanted, query.cursor, query.limit)
    return JobPage(items=items, next_cursor=next_cursor)


@router.get("/{job_id}", response_model=JobView)
def show(job_id: UUID, resources: Wired, member: JobViewer) -> Response:
    """One job as it is now."""
    job = jobs.current_job(resources.database, resources.feed, member, job_id)
    if is_short(job.result if isinstance(job, JobView) else job["result"]):
        view = job if isinstance(job, JobView) else JobView.model_validate(job)
        job = jobs.shown(resources.storage, member, view)
    # The snapshot is the contract's JSON already: checking it again would cost more than reading it.
    body = job.model_dump_json().encode() if isinstance(job, JobView) else orjson.dumps(job)
    return Response(body, media_type="application/json")


@router.post("/bulk")
def bulk(body: BulkRequest, resources: Wired, member: Operator) -> BulkView:
    """Cancel, retry or discard all jobs that match the filter and whose state allows it."""
    wanted = body.filter.wanted(member)
    if body.dry_run:
        return BulkView(matched=count_matching(resources, member, body.action, wanted), done=0)
    matched, done = act_on_matching(resources, member, body.action, wanted)
    return BulkView(matched=matched, done=done)


@router.post("/{job_id}/cancel", status_code=HTTPStatus.ACCEPTED)
def cancel(job_id: UUID, resources: Wired, member: JobOperator) -> JobView:
    """Ask for a job's end."""
    return _change(resources, member, job_id, "job.cancel", control.cancel)


@router.post("/{job_id}/retry", status_code=HTTPStatus.ACCEPTED)
def retry(job_id: UUID, resources: Wired, member: Operator) -> JobView:
    """Try an ended or waiting job again."""
    with resources.database.tenant(member.tenant_id) as connection:
        before = jobs.find_job(connection, member, job_id, lock=True)
        written = control.retry(connection, job_id)
        audit.note_job(connection, member, "job.retry", before, written.view)
    resources.feed.tell(written.view, member.tenant_id)
    resources.announcer.ring(written, member.tenant_id)
    return written.view


@router.post("/{job_id}/discard", status_code=HTTPStatus.ACCEPTED)
def discard(job_id: UUID, resources: Wired, member: Operator) -> JobView:
    """Take a failed job out of the dead count."""
    return _change(resources, member, job_id, "job.discard", control.discard)


@router.post("/{job_id}/undo", status_code=HTTPStatus.ACCEPTED)
def undo(job_id: UUID, request: Request, resources: Wired, member: Operator) -> JobView:
    """Reverse an import: a new job. Rows that something else has changed since are kept."""
    request_id = request.scope[REQUEST_ID]
    return _follow(resources, member, job_id, "job.undo", lambda one: imports.undo(one, member, job_id, request_id))


@router.post("/{job_id}/commit", status_code=HTTPStatus.ACCEPTED)
def commit(job_id: UUID, request: Request, resources: Wired, member: Operator) -> JobView:
    """Merge what a dry run has checked: a new job of the same import."""
    request_id = request.scope[REQUEST_ID]
    return _follow(resources, member, job_id, "job.commit", lambda one: imports.commit(one, member, job_id, request_id))


def _follow(resources: Resources, member: Member, job_id: UUID, what: str, follow: Follow) -> JobView:
    with resources.database.tenant(member.tenant_id) as connection:
        written = follow(connection)
        audit.note(connection, member, what, job_id, after={"job_id": written.view.job_id})
    resources.announcer.announce(written, member.tenant_id)
    return written.view


def _change(resources: Resources, member: Member, job_id: UUID, what: str, change: Change) -> JobView:
    with resources.database.tenant(member.tenant_id) as connection:
        before = jobs.find_job(connection, member, job_id, lock=True)
        view = change(connection, job_id)
        audit.note_job(connection, member, what, before, view)
    jobs.count_end(view, member)
    resources.feed.tell(view, member.tenant_id)
    return view


@router.get("/{job_id}/logs")
def logs(job_id: UUID, resources: Wired, member: JobViewer, cursor: Cursor = None, limit: Limit = 50) -> LogPage:
    """The lines that the job wrote about itself."""
    with resources.database.tenant(member.tenant_id) as connection:
        items, next_cursor = jobs.list_logs(connection, member, job_id, cursor, limit)
    return LogPage.model_validate({"items": items, "next_cursor": next_cursor})


@router.get("/{job_id}/attempts")
def attempts(
    job_id: UUID, resources: Wired, member: JobViewer, cursor: Cursor = None, limit: Limit = 50
) -> AttemptPage:
    """The tries at the job."""
    with resources.database.tenant(member.tenant_id) as connection:
        items, next_cursor = jobs.list_attempts(connection, member, job_id, cursor, limit)
    return AttemptPage.model_validate({"items": items, "next_cursor": next_cursor})


@router.get("/{job_id}/rejects")
def rejects(job_id: UUID, resources: Wired, member: Viewer, cursor: Cursor = None, limit: Limit = 50) -> RejectPage:
    """The rows that the import set aside."""
    with resources.database.tenant(member.tenant_id) as connection:
        items, next_cursor = jobs.list_rejects(connection, member, job_id, cursor, limit)
    return RejectPage.model_validate({"items": items, "next_cursor": next_cursor})


@router.get("/{job_id}/rejects.csv", response_class=StreamingResponse)
def rejects_as_file(job_id: UUID, resources: Wired, member: Viewer) -> StreamingResponse:
    """The same rows as a file that can be corrected and uploaded as it is; what looks like a formula is guarded."""
    with resources.database.tenant(member.tenant_id) as connection:
        job = jobs.find_job(connection, member, job_id)
        import_id = jobs.import_with_rejects(connection, job_id)
    job = jobs.with_whole_result(resources.storage, member, job)

    def page(after: int) -> Sequence[Any]:
        with resources.database.tenant(member.tenant_id) as connection:
            return page_of(connection, import_id, after)

    head = {"Content-Disposition": f'attachment; filename="rejects-{import_id}.csv"'}
    return StreamingResponse(rejects_file(job, import_id, page), media_type="text/csv; charset=utf-8", headers=head)


@router.get("/{job_id}/conflicts")
def list_conflicts(
    job_id: UUID, resources: Wired, member: Viewer, cursor: Cursor = None, limit: Limit = 50
) -> ConflictPage:
    """The cells that somebody was asked about."""
    with resources.database.tenant(member.tenant_id) as connection:
        items, next_cursor = conflicts.list_conflicts(connection, member, job_id, cursor, limit)
    return ConflictPage.model_validate({"items": items, "next_cursor": next_cursor})


@router.post("/{job_id}/conflicts")
def decide(job_id: UUID, body: Decisions, resources: Wired, member: Operator) -> DecidedView:
    """Decide about cells that wait; what is taken is in the dataset when this answers."""
    with resources.database.tenant(member.tenant_id) as connection:
        if body.dry_run:
            matched = conflicts.count(connection, member, job_id, body.choices())
            return DecidedView(matched=matched, done=0, changed=[])
        done = conflicts.decide(connection, member, job_id, body.choices())
        if done.done:
            counts = {"matched": done.matched, "done": done.done, "changed": len(done.changed)}
            audit.note(connection, member, "job.decide", job_id, after=counts)
    return DecidedView.model_validate(asdict(done))


@router.get("/{job_id}/result")
def result(job_id: UUID, resources: Wired, member: JobViewer) -> dict[str, Any]:
    """What the completed job resulted in."""
    with resources.database.tenant(member.tenant_id) as connection:
        job = jobs.find_job(connection, member, job_id)
    return jobs.result_of(jobs.with_whole_result(resources.storage, member, job))
