"""`/api/v1/dead-letters`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from wharf.common.jobs.view import JobView
from wharf.common.queues import Queue
from wharf.gateway import deadletters
from wharf.gateway.authentication import Viewer
from wharf.gateway.resources import Wired

router = APIRouter(prefix="/api/v1/dead-letters", tags=["jobs"])


class DeadQuery(BaseModel):
    """What to narrow them down to."""

    project_id: str | None = Field(None, max_length=63)
    queue: Queue | None = None
    kind: str | None = Field(None, max_length=50)


class DeadGroupView(BaseModel):
    """Jobs of one kind with the same error, which nobody has retried or discarded; `example` is the newest."""

    model_config = ConfigDict(from_attributes=True)

    code: str | None
    kind: str
    jobs: int
    first_at: datetime | None
    last_at: datetime | None
    example: JobView


class DeadGroupList(BaseModel):
    """The groups, the largest first: at most 200."""

    items: list[DeadGroupView]
    next_cursor: None = None


@router.get("")
def list_groups(resources: Wired, member: Viewer, query: Annotated[DeadQuery, Query()]) -> DeadGroupList:
    """What failed for good, by error."""
    project_id = member.project(query.project_id)
    with resources.database.tenant(member.tenant_id) as connection:
        found = deadletters.groups_of(connection, project_id, query.queue, query.kind)
    return DeadGroupList(items=[DeadGroupView.model_validate(group) for group in found])
