"""`/api/v1/profiles`: the kinds of table that can be loaded, and the mappings that are used again."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel

from wharf.common.errors import Invalid, Problem
from wharf.common.profiles import KnownProfiles, Profile
from wharf.gateway import mappings, profiles
from wharf.gateway.authentication import Admin, Viewer
from wharf.gateway.cursors import Cursor, Limit
from wharf.gateway.resources import Wired

router = APIRouter(prefix="/api/v1/profiles", tags=["profiles"])
ProfileName = Annotated[str, Path(max_length=63)]
DryRun = Annotated[bool, Query(description="Only check the declaration, and write nothing.")]


class ProfilePage(BaseModel):
    """The profiles, by name."""

    items: list[Profile]
    next_cursor: str | None = None


class MappingView(BaseModel):
    """A mapping that somebody gave, with the headers of the file that it was given for."""

    id: UUID
    profile: str
    headers: list[str]
    mapping: dict[str, str | None]
    import_id: UUID
    created_at: datetime
    used_at: datetime


class MappingPage(BaseModel):
    """Mappings, newest first."""

    items: list[MappingView]
    next_cursor: str | None


@router.get("")
def list_profiles(resources: Wired, member: Viewer) -> ProfilePage:
    """The profiles that there are: built in, and the tenant's own."""
    with resources.database.tenant(member.tenant_id) as connection:
        return ProfilePage(items=list(KnownProfiles.of_tenant(connection).by_name.values()))


@router.post("", status_code=HTTPStatus.CREATED)
def create(body: Profile, resources: Wired, member: Admin, response: Response, *, dry_run: DryRun = False) -> Profile:
    """Declare a new kind of table; with `dry_run` only check what is declared (200)."""
    with resources.database.tenant(member.tenant_id) as connection:
        if dry_run:
            profiles.write(connection, member, body)
            connection.rollback()
            response.status_code = HTTPStatus.OK
        else:
            profiles.create(connection, member, body)
    return body


@router.get("/{name}")
def show(resources: Wired, member: Viewer, name: ProfileName) -> Profile:
    """One profile."""
    with resources.database.tenant(member.tenant_id) as connection:
        return profiles.find_profile(connection, name)


@router.put("/{name}")
def replace(body: Profile, resources: Wired, member: Admin, name: ProfileName, response: Response) -> Profile:
    """Declare a kind of table, or change it; jobs that have begun go on with the one they began with."""
    if body.name != name:
        message = f"The declaration is called {body.name} and the address {name}; they must be the same."
        raise Invalid(message, code="wrong_name", problems=(Problem("body.name", "wrong_name", message),))
    with resources.database.tenant(member.tenant_id) as connection:
        if profiles.write(connection, member, body):
            response.status_code = HTTPStatus.CREATED
    return body


@router.delete("/{name}", status_code=HTTPStatus.NO_CONTENT)
def remove(resources: Wired, member: Admin, name: ProfileName) -> None:
    """Take a profile of the tenant's own away; what was loaded by it stays."""
    with resources.database.tenant(member.tenant_id) as connection:
        profiles.remove(connection, name)


@router.get("/{name}/mappings")
def list_mappings(
    resources: Wired, member: Viewer, name: ProfileName, cursor: Cursor = None, limit: Limit = 50
) -> MappingPage:
    """The mappings that are used again for files with the same headers."""
    with resources.database.tenant(member.tenant_id) as connection:
        profiles.find_profile(connection, name)
        items, next_cursor = mappings.list_mappings(connection, name, cursor, limit)
    return MappingPage.model_validate({"items": items, "next_cursor": next_cursor})


@router.delete("/{name}/mappings/{mapping_id}", status_code=HTTPStatus.NO_CONTENT)
def forget_mapping(resources: Wired, member: Admin, name: ProfileName, mapping_id: UUID) -> None:
    """Do not use a mapping again."""
    with resources.database.tenant(member.tenant_id) as connection:
        mappings.forget(connection, name, mapping_id)
