"""`/keys`: the pages of keys. A key that is made is in the API's answer alone, never in a page."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import select

from wharf.common.access import Caller, Role
from wharf.common.clock import now
from wharf.common.ledger.models import Project
from wharf.gateway import tenancy
from wharf.gateway.authentication import Manager
from wharf.gateway.console.pages import PageRoute, page
from wharf.gateway.cursors import LONGEST
from wharf.gateway.form import Optional
from wharf.gateway.resources import Resources, Wired

router = APIRouter(prefix="/keys", tags=["console"], route_class=PageRoute)
PAGE: Final = 50
MOST_OFFERED: Final = 1000


class KeyQuery(BaseModel):
    """Where the list begins."""

    cursor: Optional[str] = Field(None, max_length=LONGEST)


@router.get("")
def list_keys(request: Request, resources: Wired, caller: Manager, query: Annotated[KeyQuery, Query()]) -> Response:
    """The tenant's; for the platform those of all, with their tenants."""
    rows, next_cursor = tenancy.list_keys(resources.database, caller, query.cursor, PAGE)
    shown = {"keys": rows, "next_cursor": next_cursor, "cursor": query.cursor, "own": caller.key_id, "now_at": now()}
    return page(request, "keys/list.html", caller, shown)


@router.get("/new")
def write(request: Request, resources: Wired, caller: Manager) -> Response:
    """The form of a new one."""
    is_platform = caller.role is Role.PLATFORM
    shown = {
        "roles": [role for role in Role if is_platform or role is not Role.PLATFORM],
        "projects": [] if is_platform else _projects(resources, caller),
        "tenants": tenancy.list_tenants(resources.database, None, MOST_OFFERED)[0] if is_platform else [],
    }
    return page(request, "keys/form.html", caller, shown)


def _projects(resources: Resources, caller: Caller) -> list[str]:
    """Those that a key may be bound to: for a bound caller its own."""
    if caller.tenant_id is None or caller.project_id is not None:
        return [caller.project_id] if caller.project_id else []
    with resources.database.tenant(caller.tenant_id) as connection:
        return list(connection.scalars(select(Project.slug).order_by(Project.slug).limit(MOST_OFFERED)))
