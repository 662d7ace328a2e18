"""`/workers`: those of the installation, with the jobs of the tenant that they work on."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from wharf.common.clock import now
from wharf.common.schedules.policies import INSTALLATION
from wharf.gateway import workload
from wharf.gateway.authentication import Engineer
from wharf.gateway.console.pages import PageRoute, page
from wharf.gateway.cursors import LONGEST, decode, name_of
from wharf.gateway.cursors import page as page_of
from wharf.gateway.form import Optional
from wharf.gateway.resources import Wired

router = APIRouter(prefix="/workers", tags=["console"], route_class=PageRoute)
PAGE: Final = 100


class WorkersQuery(BaseModel):
    """Where the page begins."""

    cursor: Optional[str] = Field(None, max_length=LONGEST)


@router.get("")
def list_workers(
    request: Request, resources: Wired, caller: Engineer, query: Annotated[WorkersQuery, Query()]
) -> Response:
    """The workers by name."""
    after, shown_at = decode(query.cursor, (name_of,))[0] if query.cursor else None, now()
    with resources.database.tenant(caller.tenant_id or INSTALLATION) as connection:
        found = workload.list_workers(connection, after, PAGE + 1)
        items, next_cursor = page_of(found, PAGE, lambda worker: (worker["name"],))
        workers = workload.with_jobs(connection, items, caller.project_id)
    shown = {"workers": workers, "next_cursor": next_cursor, "cursor": query.cursor, "shown_at": shown_at}
    return page(request, "workers/list.html", caller, shown)
