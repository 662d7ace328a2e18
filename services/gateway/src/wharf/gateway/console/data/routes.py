"""`/data`: datasets, their rows, and what was merged into them. Pages only show; rows come in by files."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from wharf.common.errors import Invalid
from wharf.common.profiles import KnownProfiles
from wharf.gateway import datasets
from wharf.gateway.authentication import Viewer
from wharf.gateway.console.pages import MOST_CELLS, PageRoute, address, page
from wharf.gateway.console.projects import projects_of
from wharf.gateway.cursors import LONGEST
from wharf.gateway.datasets import Definition
from wharf.gateway.form import Optional
from wharf.gateway.resources import Wired
from wharf.gateway.routes.datasets import ProfileName

router = APIRouter(prefix="/data", tags=["console"], route_class=PageRoute)
PAGE: Final = 50
LEAST: Final = 5
WRONG_FILTERS: Final = frozenset({"bad_filter", "unknown_column"})
Rows = list[dict[str, Any]]


class RowsQuery(BaseModel):
    """Which rows are shown: of one project, with one value in one column."""

    project_id: Optional[str] = Field(None, max_length=63)
    column: Optional[str] = Field(None, max_length=63)
    value: Optional[str] = Field(None, max_length=200)
    cursor: Optional[str] = Field(None, max_length=LONGEST)

    def rows(self, project_id: str | None, columns: int) -> datasets.RowQuery:
        """As a dataset of so many columns is asked; a column without a value narrows nothing down."""
        filters = {self.column: self.value} if self.column and self.value else {}
        most = max(LEAST, min(PAGE, MOST_CELLS // columns))
        return datasets.RowQuery(project_id, filters, self.cursor, most)


@router.get("")
def list_datasets(request: Request, resources: Wired, member: Viewer) -> Response:
    """All of them, each with its last merge."""
    with resources.database.tenant(member.tenant_id) as connection:
        rows = datasets.list_datasets(connection)
        last = {row.profile: datasets.list_updates(connection, row.profile, member.project_id, None, 1) for row in rows}
        titles = _titles(connection)
    read = [_titled(datasets.read_definition(row), titles) for row in rows]
    shown = [(definition, next(iter(last[definition.profile][0]), None)) for definition in read]
    return page(request, "data/list.html", member, {"datasets": shown})


@router.get("/{profile}")
def rows(
    request: Request, resources: Wired, member: Viewer, profile: ProfileName, query: Annotated[RowsQuery, Query()]
) -> Response:
    """Its rows, in the order of their key."""
    project = member.project(query.project_id)
    with resources.database.tenant(member.tenant_id) as connection:
        definition = _titled(datasets.definition_of(connection, profile), _titles(connection))
        items, next_cursor, wrong = _rows(connection, definition, query.rows(project, len(definition.columns)))
        if query.value and not query.column:
            items, next_cursor, wrong = [], None, "Choose the column that is to have this value."
        projects = projects_of(connection, member.project_id, project)
    beside = any(item["properties"] for item in items)
    shown: dict[str, Any] = {
        "rows": items,
        "next_cursor": next_cursor,
        "query": query,
        "beside": beside,
        "wrong": wrong,
    }
    about = {"dataset": definition, "projects": projects, "tabs_shown": _tabs(definition, query, "rows")}
    return page(request, "data/rows.html", member, shown | about)


@router.get("/{profile}/history")
def history(
    request: Request, resources: Wired, member: Viewer, profile: ProfileName, query: Annotated[RowsQuery, Query()]
) -> Response:
    """What was merged into it, newest first."""
    project = member.project(query.project_id)
    with resources.database.tenant(member.tenant_id) as connection:
        definition = _titled(datasets.definition_of(connection, profile), _titles(connection))
        items, next_cursor = datasets.list_updates(connection, definition.profile, project, query.cursor, PAGE)
    shown: dict[str, Any] = {"updates": items, "next_cursor": next_cursor, "query": query, "dataset": definition}
    return page(request, "data/history.html", member, shown | {"tabs_shown": _tabs(definition, query, "history")})


def _rows(connection: Connection, definition: Definition, wanted: datasets.RowQuery) -> tuple[Rows, str | None, str]:
    """The rows; none, and a sentence, where the column cannot have such a value."""
    try:
        return (*datasets.list_rows(connection, definition, wanted), "")
    except Invalid as error:
        if error.error_code not in WRONG_FILTERS:
            raise
        return [], None, error.message


def _titles(connection: Connection) -> dict[str, str]:
    return {one.name: one.title for one in KnownProfiles.of_tenant(connection).by_name.values()}


def _titled(definition: Definition, titles: dict[str, str]) -> Definition:
    """As its profile is called now; a dataset outlives its profile, and is called by its name then."""
    return replace(definition, title=titles.get(definition.profile, definition.title))


def _tabs(definition: Definition, query: RowsQuery, here: str) -> list[tuple[str, str, None, bool]]:
    start = f"/data/{definition.profile}"
    places = (("rows", "Rows", start), ("history", "What was merged", f"{start}/history"))
    return [(address(place, project_id=query.project_id), words, None, name == here) for name, words, place in places]
