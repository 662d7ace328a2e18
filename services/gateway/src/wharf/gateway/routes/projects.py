"""`/api/v1/projects`."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from wharf.gateway import tenancy
from wharf.gateway.authentication import Admin, Viewer
from wharf.gateway.cursors import Cursor, Limit
from wharf.gateway.form import Slug
from wharf.gateway.resources import Wired

router = APIRouter(prefix="/api/v1/projects", tags=["projects"])


class ProjectRequest(BaseModel):
    """A project that is wanted."""

    model_config = ConfigDict(extra="forbid")

    project_id: Slug


class ProjectView(BaseModel):
    """A tenant's folder of datasets."""

    project_id: str
    created_at: datetime


class ProjectPage(BaseModel):
    """Projects, by name."""

    items: list[ProjectView]
    next_cursor: str | None


@router.get("")
def list_projects(resources: Wired, member: Viewer, cursor: Cursor = None, limit: Limit = 50) -> ProjectPage:
    """The tenant's projects."""
    with resources.database.tenant(member.tenant_id) as connection:
        items, next_cursor = tenancy.list_projects(connection, member, cursor, limit)
    return ProjectPage.model_validate({"items": items, "next_cursor": next_cursor})


@router.post("", status_code=HTTPStatus.CREATED)
def create_project(body: ProjectRequest, resources: Wired, member: Admin) -> ProjectView:
    """Make a project."""
    with resources.database.tenant(member.tenant_id) as connection:
        return ProjectView.model_validate(tenancy.create_project(connection, member, body.project_id))
