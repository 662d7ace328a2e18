"""`/profiles`: the kinds of table that can be loaded. A new one begins with what was found in a file."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from wharf.common.profiles import ColumnType, KnownProfiles
from wharf.gateway import mappings, profiles
from wharf.gateway.authentication import Admin, Viewer
from wharf.gateway.console.files.found import look_of
from wharf.gateway.console.pages import PageRoute, page
from wharf.gateway.console.profiles.change import change_of
from wharf.gateway.console.profiles.draft import draft_of
from wharf.gateway.cursors import LONGEST
from wharf.gateway.form import Optional
from wharf.gateway.resources import Wired
from wharf.gateway.routes.profiles import ProfileName
from wharf.gateway.uploads import find_upload

router = APIRouter(prefix="/profiles", tags=["console"], route_class=PageRoute)
PAGE: Final = 20


class DraftQuery(BaseModel):
    """The file that the new profile is for, and what was found in it."""

    upload: UUID
    job: Optional[UUID] = None


class MappingsQuery(BaseModel):
    """Where the list of saved mappings begins."""

    cursor: Optional[str] = Field(None, max_length=LONGEST)


@router.get("")
def list_profiles(request: Request, resources: Wired, member: Viewer) -> Response:
    """The tenant's own and the built-in ones, by what they are called."""
    with resources.database.tenant(member.tenant_id) as connection:
        known = KnownProfiles.of_tenant(connection).by_name.values()
        own = profiles.own_names(connection)
    shown = {"profiles": sorted(known, key=lambda one: one.title.lower()), "own": own}
    return page(request, "profiles/list.html", member, shown)


@router.get("/new")
def write(request: Request, resources: Wired, member: Admin, query: Annotated[DraftQuery, Query()]) -> Response:
    """The form of one for the files that are like this one."""
    with resources.database.tenant(member.tenant_id) as connection:
        upload = find_upload(connection, member, query.upload)
        look = look_of(connection, resources.storage, upload, query.job)
    shown = {
        "upload": upload,
        "look_job": query.job,
        "draft": draft_of(look) if look else None,
        "types": list(ColumnType),
    }
    return page(request, "profiles/form.html", member, shown)


@router.get("/{name}/edit")
def change(name: ProfileName, request: Request, resources: Wired, member: Admin) -> Response:
    """The form that changes it; a built-in one becomes one of the tenant's own."""
    with resources.database.tenant(member.tenant_id) as connection:
        profile = profiles.find_profile(connection, name)
        is_own = name in profiles.own_names(connection)
        has_rows = profiles.has_dataset(connection, name)
    return page(request, "profiles/edit.html", member, change_of(profile, has_rows=has_rows) | {"is_own": is_own})


@router.get("/{name}")
def show(
    name: ProfileName, request: Request, resources: Wired, member: Viewer, query: Annotated[MappingsQuery, Query()]
) -> Response:
    """One of them: its columns, what its rows must be like, and the mappings that are used again."""
    with resources.database.tenant(member.tenant_id) as connection:
        profile = profiles.find_profile(connection, name)
        is_own = name in profiles.own_names(connection)
        saved, next_cursor = mappings.list_mappings(connection, name, query.cursor, PAGE)
        has_rows = profiles.has_dataset(connection, name)
    about = {"profile": profile, "is_own": is_own, "has_rows": has_rows, "query": query}
    return page(request, "profiles/profile.html", member, about | {"saved": saved, "next_cursor": next_cursor})
