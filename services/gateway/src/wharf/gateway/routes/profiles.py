"""`/api/v1/profiles`: the kinds of table that can be loaded."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel

from wharf.common.errors import Invalid, NotFound
from wharf.common.profiles import Profile, builtin_profile, builtin_profiles
from wharf.gateway.authentication import Viewer

router = APIRouter(prefix="/api/v1/profiles", tags=["profiles"])


class ProfilePage(BaseModel):
    """The profiles, by name."""

    items: list[Profile]
    next_cursor: str | None = None


@router.get("")
async def list_profiles(_member: Viewer) -> ProfilePage:
    """The profiles that there are."""
    return ProfilePage(items=list(builtin_profiles().values()))


@router.get("/{name}")
async def show(_member: Viewer, name: Annotated[str, Path(max_length=63)]) -> Profile:
    """One profile."""
    try:
        return builtin_profile(name)
    except Invalid as error:
        raise NotFound(error.message, code=error.error_code) from None
