"""`/api/v1/audit`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field

from wharf.common.access import Role
from wharf.common.schedules.policies import INSTALLATION
from wharf.gateway import audit
from wharf.gateway.authentication import Manager
from wharf.gateway.cursors import LONGEST, MOST
from wharf.gateway.resources import Wired

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])


class ChangeView(BaseModel):
    """One change: by which key, what was done to what, and how that was before and after."""

    id: UUID
    at: datetime
    who: UUID
    who_name: str
    role: Role
    project_id: str | None
    what: str
    target: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    request_id: str | None


class ChangePage(BaseModel):
    """Changes, newest first."""

    items: list[ChangeView]
    next_cursor: str | None


class ChangeQuery(BaseModel):
    """The filters of the list."""

    what: str | None = Field(None, max_length=100)
    """A noun (`key`) or all of it (`key.create`)."""
    target: str | None = Field(None, max_length=200)
    who: UUID | None = None
    since: AwareDatetime | None = None
    cursor: str | None = Field(None, max_length=LONGEST)
    limit: int = Field(50, ge=1, le=MOST)

    def wanted(self, project_id: str | None) -> audit.ChangeFilter:
        """As the ledger is asked; a key of one project sees what was done with such keys."""
        return audit.ChangeFilter(self.what, self.target, self.who, self.since, project_id)


@router.get("")
def list_changes(resources: Wired, caller: Manager, query: Annotated[ChangeQuery, Query()]) -> ChangePage:
    """Who changed what in the tenant; for the platform, in the installation."""
    with resources.database.tenant(caller.tenant_id or INSTALLATION) as connection:
        items, next_cursor = audit.list_changes(connection, query.wanted(caller.project_id), query.cursor, query.limit)
    return ChangePage.model_validate({"items": items, "next_cursor": next_cursor})
