"""`/schedules`: the pages of schedules. What they change, the API's own routes do."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from wharf.common.clock import now
from wharf.common.errors import Invalid
from wharf.gateway import schedules
from wharf.gateway.authentication import Engineer, Operator, Watcher
from wharf.gateway.checks.work import OVERDUE
from wharf.gateway.console.pages import PageRoute, page
from wharf.gateway.console.schedules.form import FRESH, choices_of, filled_with
from wharf.gateway.console.schedules.preview import preview_of
from wharf.gateway.cursors import LONGEST
from wharf.gateway.form import Optional
from wharf.gateway.resources import Wired
from wharf.gateway.routes.schedules import view_of
from wharf.gateway.schedules import Owner

router = APIRouter(prefix="/schedules", tags=["console"], route_class=PageRoute)
PAGE: Final = 50
RUNS: Final = 20


class ListQuery(BaseModel):
    """Where a list begins."""

    cursor: Optional[str] = Field(None, max_length=LONGEST)


class PreviewQuery(BaseModel):
    """A time that is being written."""

    cron: Optional[str] = Field(None, max_length=200)
    interval_seconds: Optional[str] = Field(None, max_length=20)
    time_zone: Optional[str] = Field(None, max_length=200)


@router.get("")
def list_schedules(
    request: Request, resources: Wired, caller: Watcher, query: Annotated[ListQuery, Query()]
) -> Response:
    """All of them, each with its last occurrence."""
    owner, shown_at = Owner.of(caller), now()
    with resources.database.tenant(owner.tenant_id) as connection:
        rows, next_cursor = schedules.list_schedules(connection, owner, query.cursor, PAGE)
        last = schedules.last_runs(connection, [row["id"] for row in rows])
    shown: dict[str, Any] = {"schedules": [view_of(row) for row in rows], "last": last, "next_cursor": next_cursor}
    moments = {"cursor": query.cursor, "shown_at": shown_at, "overdue": shown_at - OVERDUE}
    return page(request, "schedules/list.html", caller, shown | moments)


@router.get("/new")
def write_new(request: Request, resources: Wired, member: Operator) -> Response:
    """A form for a new one."""
    with resources.database.tenant(member.tenant_id) as connection:
        choices = choices_of(connection, member)
    return page(request, "schedules/form.html", member, {"schedule": None, "said": FRESH, "choices": choices})


@router.get("/preview")
def preview(request: Request, caller: Watcher, query: Annotated[PreviewQuery, Query()]) -> Response:
    """A time in words, with its next moments, while it is being written; or what is wrong with it."""
    try:
        found, wrong = preview_of(query.cron, query.interval_seconds, query.time_zone or "UTC"), ""
    except Invalid as error:
        found, wrong = None, error.message
    return page(request, "schedules/preview.html", caller, {"preview": found, "wrong": wrong})


@router.get("/{schedule_id}")
def show(
    schedule_id: UUID, request: Request, resources: Wired, caller: Watcher, query: Annotated[ListQuery, Query()]
) -> Response:
    """One of them, with what became of its times."""
    owner, shown_at = Owner.of(caller), now()
    with resources.database.tenant(owner.tenant_id) as connection:
        row = schedules.find(connection, owner, schedule_id)
        runs, next_cursor = schedules.list_runs(connection, owner, schedule_id, query.cursor, RUNS)
    shown: dict[str, Any] = {"schedule": view_of(row), "runs": runs, "next_cursor": next_cursor}
    moments = {"cursor": query.cursor, "shown_at": shown_at, "overdue": shown_at - OVERDUE}
    return page(request, "schedules/schedule.html", caller, shown | moments)


@router.get("/{schedule_id}/edit")
def edit(schedule_id: UUID, request: Request, resources: Wired, caller: Engineer) -> Response:
    """The form with what it says now."""
    owner = Owner.of(caller)
    with resources.database.tenant(owner.tenant_id) as connection:
        schedule = view_of(schedules.find(connection, owner, schedule_id))
        choices = choices_of(connection, caller)
    shown = {"schedule": schedule, "said": filled_with(schedule), "choices": choices}
    return page(request, "schedules/form.html", caller, shown)
