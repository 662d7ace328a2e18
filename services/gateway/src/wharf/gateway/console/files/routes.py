"""`/files`: a file is handed in, looked at where somebody wants to, mapped and imported. The API's own routes do it."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from wharf.common.profiles import KnownProfiles, Profile
from wharf.gateway.authentication import Operator, Viewer
from wharf.gateway.console.files.choices import choices_of
from wharf.gateway.console.files.found import Look, look_of, names_of, needed_of
from wharf.gateway.console.holdups import holdup_of
from wharf.gateway.console.pages import PageRoute, page
from wharf.gateway.form import Optional
from wharf.gateway.resources import Wired
from wharf.gateway.uploads import find_upload

MISSING = "missing_column"
router = APIRouter(prefix="/files", tags=["console"], route_class=PageRoute)


class FileQuery(BaseModel):
    """Which inspection of the file is shown; none: the one that was asked for as it was handed in."""

    job: Optional[UUID] = None


@router.get("")
def choose(request: Request, resources: Wired, member: Operator) -> Response:
    """The form for one or several files."""
    with resources.database.tenant(member.tenant_id) as connection:
        choices = choices_of(connection, member)
    shown = {"choices": choices, "project_id": member.project_id, "most": resources.settings.upload_max_bytes}
    return page(request, "files/choose.html", member, shown)


@router.get("/{upload_id}")
def show(
    upload_id: UUID, request: Request, resources: Wired, member: Viewer, query: Annotated[FileQuery, Query()]
) -> Response:
    """One file: what was found in it, and what shall become of it."""
    with resources.database.tenant(member.tenant_id) as connection:
        upload = find_upload(connection, member, upload_id)
        look = look_of(connection, resources.storage, upload, query.job)
        known = KnownProfiles.of_tenant(connection).by_name
        choices = choices_of(connection, member)
        holdup = holdup_of(connection, member.tenant_id, look.job) if look else None
    profile = known.get(look.profile) if look and look.profile else None
    about = {"upload": upload, "choices": choices, "holdup": holdup}
    return page(request, "files/file.html", member, about | _shown(look, profile))


def _shown(look: Look | None, profile: Profile | None) -> dict[str, Any]:
    needed = needed_of(profile) if profile else []
    targets = [(each.name, f"{each.name}, needed" if each.name in needed else each.name) for each in _columns(profile)]
    missing = look.missing(profile) if look and profile else []
    about = {"seen": look, "profile": profile, "known": names_of(profile) if profile else frozenset()}
    return about | _problems(look, profile) | {"targets": targets, "missing": missing, "needed": needed}


def _problems(look: Look | None, profile: Profile | None) -> dict[str, Any]:
    """What is wrong with the file, and with its rows; what no header brings is told beside the mapping."""
    everything = (look.found or {}).get("problems", ()) if look else ()
    found = [each for each in everything if not (profile and each["code"] == MISSING)]
    rows = [each for each in found if str(each["loc"]).startswith("line ")]
    return {"problems": [each for each in found if each not in rows], "bad_rows": rows}


def _columns(profile: Profile | None) -> tuple[Any, ...]:
    return profile.columns if profile else ()
