"""`/packages`: a workbook or a PDF is ordered; its job's page tells how far it is, and has the files."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from wharf.common.packages import KnownPackages
from wharf.gateway.authentication import Operator
from wharf.gateway.console.pages import PageRoute, page
from wharf.gateway.console.projects import projects_of
from wharf.gateway.form import Optional
from wharf.gateway.resources import Wired

router = APIRouter(prefix="/packages", tags=["console"], route_class=PageRoute)
FORMATS: Final = (("xlsx", "Excel workbook"), ("pdf", "PDF"))


class Wish(BaseModel):
    """What the form says before anybody has changed it."""

    package_type: Optional[str] = Field(None, max_length=63)


@router.get("")
def order(request: Request, resources: Wired, member: Operator, query: Annotated[Wish, Query()]) -> Response:
    """The form of a new one."""
    with resources.database.tenant(member.tenant_id) as connection:
        types = [(name, kind.title or name) for name, kind in KnownPackages.of_tenant(connection).by_name.items()]
        projects = projects_of(connection, member.project_id)
    shown = {"types": types, "projects": projects, "project_id": member.project_id, "formats": FORMATS, "query": query}
    return page(request, "packages/form.html", member, shown)
