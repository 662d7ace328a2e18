"""`/tenants`: the page of tenants, for the platform's key."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from wharf.gateway import tenancy
from wharf.gateway.authentication import Platform
from wharf.gateway.console.pages import PageRoute, page
from wharf.gateway.cursors import LONGEST
from wharf.gateway.form import Optional
from wharf.gateway.resources import Wired

router = APIRouter(prefix="/tenants", tags=["console"], route_class=PageRoute)
PAGE: Final = 50


class TenantQuery(BaseModel):
    """Where the list begins."""

    cursor: Optional[str] = Field(None, max_length=LONGEST)


@router.get("")
def list_tenants(
    request: Request, resources: Wired, caller: Platform, query: Annotated[TenantQuery, Query()]
) -> Response:
    """By name, with the limits that hold; without anything of their data."""
    rows, next_cursor = tenancy.list_tenants(resources.database, query.cursor, PAGE)
    shown = {"tenants": rows, "next_cursor": next_cursor, "cursor": query.cursor, "usual": tenancy.LIMITS}
    return page(request, "tenants/list.html", caller, shown)
