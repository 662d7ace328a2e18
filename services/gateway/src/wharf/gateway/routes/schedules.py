"""`/api/v1/schedules`: work that begins by itself."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from wharf.common.errors import Invalid
from wharf.common.jobs.states import Status
from wharf.common.jobs.view import JobView
from wharf.common.queues import Priority, Queue
from wharf.common.schedules import Misfire, Outcome, Overlap, in_words, next_runs, timing_of
from wharf.common.schedules.timing import LONGEST_SECONDS, SHORTEST_SECONDS
from wharf.gateway import audit, schedules
from wharf.gateway.authentication import Engineer, Operator, Watcher
from wharf.gateway.cursors import Cursor, Limit
from wharf.gateway.form import Label, Slug, plain
from wharf.gateway.requests import REQUEST_ID
from wharf.gateway.resources import Wired
from wharf.gateway.schedules import Owner

router = APIRouter(prefix="/api/v1/schedules", tags=["schedules"])
LIFTED = ("project_id", "priority")
"""What `POST /api/v1/packages` takes beside a package's options, and a schedule has itself."""
Text = Annotated[str, Field(max_length=200), AfterValidator(plain)]
Seconds = Annotated[int, Field(strict=True, ge=SHORTEST_SECONDS, le=LONGEST_SECONDS)]
Grace = Annotated[int, Field(strict=True, ge=10, le=7 * 86_400)]


class ScheduleChange(BaseModel):
    """What is to be otherwise; what is not said stays."""

    model_config = ConfigDict(extra="forbid")

    name: Label = ""
    cron: Text | None = None
    """Five fields: minute, hour, day of month, month, day of week."""
    interval_seconds: Seconds | None = None
    """Instead of `cron`: elapsed time."""
    time_zone: Text = "UTC"
    """An IANA name, such as `Europe/Berlin`."""
    kind: Text = ""
    payload: dict[str, Any] = {}
    """For a package as `POST /api/v1/packages` takes it."""
    project_id: Slug | None = None
    priority: Priority = Priority.NORMAL
    enabled: bool = True
    overlap: Overlap = Overlap.SKIP
    misfire: Misfire = Misfire.RUN_ONCE
    grace_seconds: Grace = 300
    """How late an occurrence may begin and still be on time."""

    @model_validator(mode="after")
    def _says_when_once(self) -> Self:
        if self.cron is not None and self.interval_seconds is not None:
            raise PydanticCustomError("bad_timing", "Say when once: either cron or interval_seconds.")
        return self

    @model_validator(mode="before")
    @classmethod
    def _lift(cls, said: Any) -> Any:  # noqa: ANN401 - whatever came
        """Take what the payload of a package says about the job out of it."""
        if not isinstance(said, dict) or not isinstance(said.get("payload"), dict):
            return said
        payload = dict(said["payload"])
        lifted = {name: payload.pop(name) for name in LIFTED if name in payload and said.get(name) is None}
        return said | lifted | {"payload": payload}


class ScheduleRequest(ScheduleChange):
    """A schedule that is wanted."""

    name: Label
    kind: Text


class ScheduleView(BaseModel):
    """A schedule, in words too, with the moments at which it runs next in its zone."""

    id: UUID
    name: str
    cron: str | None
    interval_seconds: int | None
    time_zone: str
    words: str
    kind: str
    payload: dict[str, Any]
    project_id: str
    queue: Queue
    priority: Priority
    enabled: bool
    overlap: Overlap
    misfire: Misfire
    grace_seconds: int
    builtin: bool
    next_at: datetime | None
    next_runs: list[datetime]
    created_at: datetime
    updated_at: datetime


class SchedulePage(BaseModel):
    """Schedules, oldest first."""

    items: list[ScheduleView]
    next_cursor: str | None


class RunRequest(BaseModel):
    """How a schedule is started by hand; a dry run changes nothing and says what it would."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = False


class RunView(BaseModel):
    """What became of an occurrence; `status` is that of its job as it is now."""

    scheduled_for: datetime
    outcome: Outcome
    manual: bool
    job_id: UUID | None
    status: Status | None
    noted_at: datetime


class RunPage(BaseModel):
    """Occurrences, newest first."""

    items: list[RunView]
    next_cursor: str | None


@router.get("")
def list_schedules(resources: Wired, caller: Watcher, cursor: Cursor = None, limit: Limit = 50) -> SchedulePage:
    """The tenant's schedules; for the platform those of the installation."""
    owner = Owner.of(caller)
    with resources.database.tenant(owner.tenant_id) as connection:
        rows, next_cursor = schedules.list_schedules(connection, owner, cursor, limit)
    return SchedulePage(items=[view_of(row) for row in rows], next_cursor=next_cursor)


@router.post("", status_code=HTTPStatus.CREATED)
def create(body: ScheduleRequest, resources: Wired, caller: Operator) -> ScheduleView:
    """Let a job begin by itself from now on."""
    owner = Owner(caller.tenant_id, caller.project_id, is_platform=False)
    with resources.database.tenant(owner.tenant_id) as connection:
        made = schedules.create(connection, owner, body.model_dump())
        audit.note(connection, caller, "schedule.create", made["id"], after=_said(made))
        return view_of(made)


@router.get("/{schedule_id}")
def show(schedule_id: UUID, resources: Wired, caller: Watcher) -> ScheduleView:
    """One schedule."""
    owner = Owner.of(caller)
    with resources.database.tenant(owner.tenant_id) as connection:
        return view_of(schedules.find(connection, owner, schedule_id))


@router.patch("/{schedule_id}")
def change(schedule_id: UUID, body: ScheduleChange, resources: Wired, caller: Engineer) -> ScheduleView:
    """Change what is said; it holds within a second."""
    owner = Owner.of(caller)
    changes = body.model_dump(include=body.model_fields_set)
    with resources.database.tenant(owner.tenant_id) as connection:
        before = schedules.find(connection, owner, schedule_id, lock=True)
        after = schedules.change(connection, owner, before, changes)
        sides = audit.changed(_said(before), _said(after))
        audit.note(connection, caller, "schedule.change", schedule_id, before=sides[0], after=sides[1])
        return view_of(after)


@router.delete("/{schedule_id}", status_code=HTTPStatus.NO_CONTENT)
def remove(schedule_id: UUID, resources: Wired, caller: Engineer) -> None:
    """Take a schedule away with its history; its jobs stay."""
    owner = Owner.of(caller)
    with resources.database.tenant(owner.tenant_id) as connection:
        before = schedules.find(connection, owner, schedule_id, lock=True)
        schedules.remove(connection, before)
        audit.note(connection, caller, "schedule.remove", schedule_id, before=_said(before))


@router.post("/{schedule_id}/run", status_code=HTTPStatus.ACCEPTED)
def run(
    schedule_id: UUID, request: Request, resources: Wired, caller: Engineer, body: RunRequest | None = None
) -> JobView:
    """Start its job now, beside its times; a clean-up as a dry run too."""
    owner, dry_run = Owner.of(caller), bool(body and body.dry_run)
    with resources.database.tenant(owner.tenant_id) as connection:
        written = schedules.run(connection, owner, schedule_id, request.scope[REQUEST_ID], dry_run=dry_run)
        audit.note(connection, caller, "schedule.run", schedule_id, after={"job_id": written.view.job_id})
    resources.announcer.announce(written, owner.tenant_id)
    return written.view


@router.get("/{schedule_id}/runs")
def list_runs(
    schedule_id: UUID, resources: Wired, caller: Watcher, cursor: Cursor = None, limit: Limit = 50
) -> RunPage:
    """What became of its occurrences."""
    owner = Owner.of(caller)
    with resources.database.tenant(owner.tenant_id) as connection:
        rows, next_cursor = schedules.list_runs(connection, owner, schedule_id, cursor, limit)
    return RunPage.model_validate({"items": rows, "next_cursor": next_cursor})


def _said(row: schedules.Item) -> schedules.Item:
    """What a person says of a schedule, as the audit tells it."""
    return {name: row[name] for name in (*schedules.TAKEN, "payload", "priority")}


def view_of(row: schedules.Item) -> ScheduleView:
    """A row as the API shows it."""
    own = {"words": in_words(row["cron"], row["interval_seconds"]), "next_runs": _next_runs(row)}
    return ScheduleView.model_validate(row | own | {"priority": Priority.of_rank(row["priority"])})


def _next_runs(row: schedules.Item) -> list[datetime]:
    if row["next_at"] is None:
        return []
    try:
        timing = timing_of(row["cron"], row["interval_seconds"], row["time_zone"])
        return next_runs(timing, row["next_at"], row["time_zone"])
    except Invalid:
        # Written where another version of the zones is installed.
        return []
