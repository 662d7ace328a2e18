"""`/dead-letters`: what failed for good and waits for somebody, grouped by error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from wharf.common.clock import now
from wharf.common.jobs.bulk import Action
from wharf.common.jobs.states import Status
from wharf.common.queues import Queue
from wharf.gateway.authentication import Viewer
from wharf.gateway.console.deadletters.places import place_of
from wharf.gateway.console.jobs.board import choices
from wharf.gateway.console.pages import PageRoute, page
from wharf.gateway.deadletters import MOST, DeadGroup, groups_of
from wharf.gateway.form import Optional
from wharf.gateway.resources import Wired

router = APIRouter(prefix="/dead-letters", tags=["console"], route_class=PageRoute)


class DeadQuery(BaseModel):
    """What the page's address says."""

    kind: Optional[str] = Field(None, max_length=50)
    queue: Optional[Queue] = None
    project_id: Optional[str] = Field(None, max_length=63)


@dataclass(frozen=True, slots=True)
class Shown:
    """A group, with what can be done to all of it at once."""

    group: DeadGroup
    place: str
    """Where its jobs are listed."""
    filter: dict[str, Any]
    """What the API finds them by; empty where their error has no code: that finds too much."""

    def body(self, action: str, **more: object) -> dict[str, object]:
        """The request that does it, or with `dry_run` counts."""
        return {"action": Action(action), "filter": self.filter, **more}


@router.get("")
def list_groups(request: Request, resources: Wired, member: Viewer, query: Annotated[DeadQuery, Query()]) -> Response:
    """The groups, the largest first."""
    project_id, shown_at = member.project(query.project_id), now()
    with resources.database.tenant(member.tenant_id) as connection:
        groups = groups_of(connection, project_id, query.queue, query.kind)
        offered = choices(connection, member, query.project_id)
    said = query.model_dump(mode="json", exclude_none=True)
    shown = {"groups": [_shown(group, said) for group in groups], "query": query, "said": said, "choices": offered}
    sums = {"total": sum(group.jobs for group in groups), "most": MOST, "shown_at": shown_at}
    return page(request, "deadletters/list.html", member, shown | sums)


def _shown(group: DeadGroup, said: dict[str, Any]) -> Shown:
    narrowed = said | {"kind": group.kind}
    place = place_of(group, **narrowed)
    if group.code is None:
        return Shown(group, place, {})
    return Shown(group, place, narrowed | {"status": [Status.FAILED], "error": group.code, "discarded": False})
