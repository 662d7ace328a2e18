"""`/jobs`: the pages of jobs."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from wharf.common.clock import now
from wharf.gateway import jobs
from wharf.gateway.authentication import JobViewer, Viewer
from wharf.gateway.console.holdups import holdup_of
from wharf.gateway.console.jobs import board, bulk, outcome
from wharf.gateway.console.jobs.detail import Detail, detail_of
from wharf.gateway.console.jobs.stages import stages_of
from wharf.gateway.console.pages import PageRoute, page
from wharf.gateway.resources import Wired

router = APIRouter(prefix="/jobs", tags=["console"], route_class=PageRoute)


@router.get("")
def list_jobs(
    request: Request, resources: Wired, member: Viewer, query: Annotated[board.BoardQuery, Query()]
) -> Response:
    """The list, a page of one tab."""
    wanted, shown_at = query.wanted(member), now()
    with resources.database.tenant(member.tenant_id) as connection:
        items, next_cursor = jobs.list_jobs(connection, board.of_tab(wanted, query.tab), query.cursor, board.PAGE)
        counts = board.counts(connection, wanted)
        choices = board.choices(connection, member, query.project_id)
    shown = {"jobs": items, "next_cursor": next_cursor, "query": query, "choices": choices, "shown_at": shown_at}
    tabs = [(tab, board.counted(counts[tab.name])) for tab in board.TABS]
    acts = {"bulk": bulk.acts_on(query), "chosen": bulk.ACTS}
    return page(request, "jobs/list.html", member, shown | acts | {"tabs_shown": tabs})


@router.get("/{job_id}")
def show(job_id: UUID, request: Request, resources: Wired, member: JobViewer) -> Response:
    """One job, with all that belongs to it."""
    with resources.database.tenant(member.tenant_id) as connection:
        detail = detail_of(connection, member, jobs.find_job(connection, member, job_id))
        holdup = holdup_of(connection, member.tenant_id, detail.job)
    whole = jobs.shown(resources.storage, member, detail.job)
    return page(request, "jobs/job.html", member, _shown(replace(detail, job=whole)) | {"holdup": holdup})


def _shown(detail: Detail) -> dict[str, object]:
    own = {
        name: getattr(detail, name)
        for name in ("job", "lines", "parent", "followers", "parts", "alike", "course", "upload_id", "rejects", "cells")
    }
    made = {
        "stages": stages_of(detail.job),
        "facts": outcome.facts_of(detail.job),
        "rows_at": outcome.rows_of(detail.job),
    }
    steps = {
        "can_undo": outcome.can_undo(detail),
        "can_commit": outcome.can_commit(detail),
        "can_look": outcome.can_look(detail),
    }
    return own | made | steps | {"downloads": outcome.downloads_of(detail.job)}
