"""`/api/v1/datasets`: the loaded rows, and how they came there."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from pydantic import AfterValidator, BaseModel, Field

from wharf.gateway import datasets
from wharf.gateway.authentication import Viewer
from wharf.gateway.cursors import LONGEST, MOST
from wharf.gateway.form import storable
from wharf.gateway.resources import Wired

router = APIRouter(prefix="/api/v1/datasets", tags=["datasets"])

ProfileName = Annotated[str, Path(max_length=63), AfterValidator(storable)]


class PageQuery(BaseModel):
    """Which part of a dataset's list is wanted."""

    project_id: str | None = Field(None, max_length=63)
    cursor: str | None = Field(None, max_length=LONGEST)
    limit: int = Field(50, ge=1, le=MOST)


Paging = Annotated[PageQuery, Query()]


class ColumnView(BaseModel):
    """A column of a dataset."""

    name: str
    type: str


class DatasetView(BaseModel):
    """A dataset: its profile, its columns, its key."""

    profile: str
    title: str
    key: list[str]
    columns: list[ColumnView]
    created_at: datetime


class DatasetPage(BaseModel):
    """The datasets of a tenant."""

    items: list[DatasetView]
    next_cursor: str | None = None


class RowPage(BaseModel):
    """Rows, in the order of their key."""

    items: list[dict[str, Any]]
    next_cursor: str | None


class Period(BaseModel):
    """The time that the rows of an update are about."""

    begin: datetime = Field(alias="from")
    end: datetime = Field(alias="to")


class UpdateView(BaseModel):
    """The account of one merge."""

    import_id: UUID
    job_id: UUID
    mode: str
    rows_before: int
    inserted: int
    updated: int
    unchanged: int
    superseded: int
    rejected: int
    rows_after: int
    period: Period | None
    at: datetime


class UpdatePage(BaseModel):
    """Updates, newest first."""

    items: list[UpdateView]
    next_cursor: str | None


@router.get("")
def list_datasets(resources: Wired, member: Viewer) -> DatasetPage:
    """The datasets that there are."""
    with resources.database.tenant(member.tenant_id) as connection:
        rows = datasets.list_datasets(connection)
    return DatasetPage(items=[_view(datasets.read_definition(row), row.created_at) for row in rows])


def _view(definition: datasets.Definition, created_at: datetime) -> DatasetView:
    columns = [ColumnView(name=c.name, type=c.type) for c in definition.columns]
    key = [c.name for c in definition.key]
    return DatasetView(
        profile=definition.profile, title=definition.title, key=key, columns=columns, created_at=created_at
    )


@router.get("/{profile}/rows")
def rows(request: Request, resources: Wired, member: Viewer, profile: ProfileName, paging: Paging) -> RowPage:
    """The dataset's rows; `<column>=<value>` narrows them down."""
    filters = {name: text for name, text in request.query_params.items() if name not in PageQuery.model_fields}
    wanted = datasets.RowQuery(member.project(paging.project_id), filters, paging.cursor, paging.limit)
    with resources.database.tenant(member.tenant_id) as connection:
        definition = datasets.definition_of(connection, profile)
        items, next_cursor = datasets.list_rows(connection, definition, wanted)
    return RowPage(items=items, next_cursor=next_cursor)


@router.get("/{profile}/updates")
def updates(resources: Wired, member: Viewer, profile: ProfileName, paging: Paging) -> UpdatePage:
    """What was merged into the dataset, newest first."""
    project = member.project(paging.project_id)
    with resources.database.tenant(member.tenant_id) as connection:
        name = datasets.definition_of(connection, profile).profile
        items, next_cursor = datasets.list_updates(connection, name, project, paging.cursor, paging.limit)
    return UpdatePage.model_validate({"items": items, "next_cursor": next_cursor})
