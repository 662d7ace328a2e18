"""`/audit`: the page of what was changed."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from wharf.common.clock import now
from wharf.common.schedules.policies import INSTALLATION
from wharf.gateway import audit
from wharf.gateway.authentication import Manager
from wharf.gateway.console.audit.choices import choices_of
from wharf.gateway.console.audit.sides import LONG, Line
from wharf.gateway.console.jobs.board import Since
from wharf.gateway.console.pages import PageRoute, address, page
from wharf.gateway.cursors import LONGEST
from wharf.gateway.form import Optional
from wharf.gateway.resources import Wired
from wharf.gateway.routes.audit import ChangeView

router = APIRouter(prefix="/audit", tags=["console"], route_class=PageRoute)
PAGE: Final = 50


class AuditQuery(BaseModel):
    """What the page's address says."""

    who: Optional[UUID] = None
    what: Optional[str] = Field(None, max_length=100)
    target: Optional[str] = Field(None, max_length=200)
    since: Optional[Since] = None
    cursor: Optional[str] = Field(None, max_length=LONGEST)

    @property
    def said(self) -> dict[str, Any]:
        """What the filter bar says."""
        return self.model_dump(mode="json", exclude={"cursor"}, exclude_none=True)

    def wanted(self, project_id: str | None) -> audit.ChangeFilter:
        """As the ledger is asked."""
        since = now() - self.since.length if self.since else None
        return audit.ChangeFilter(self.what, self.target, self.who, since, project_id)

    def of(self, **more: object) -> str:
        """An address with the same filter, and with what is otherwise, from its beginning."""
        return address("/audit", **self.said | more)


@router.get("")
def list_changes(
    request: Request, resources: Wired, caller: Manager, query: Annotated[AuditQuery, Query()]
) -> Response:
    """Who changed what; for the platform, in the installation."""
    with resources.database.tenant(caller.tenant_id or INSTALLATION) as connection:
        rows, next_cursor = audit.list_changes(connection, query.wanted(caller.project_id), query.cursor, PAGE)
        choices = choices_of(connection, caller.project_id, query.who, query.what)
    lines = [Line(ChangeView.model_validate(row)) for row in rows]
    shown = {"lines": lines, "next_cursor": next_cursor, "query": query, "choices": choices}
    return page(request, "audit/list.html", caller, shown | {"times": list(Since), "long": LONG})
