"""`/api/v1/keys`."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

from wharf.common.access import Role
from wharf.common.clock import now
from wharf.gateway import tenancy
from wharf.gateway.authentication import Manager
from wharf.gateway.cursors import Cursor, Limit
from wharf.gateway.form import Label, Slug
from wharf.gateway.resources import Wired

router = APIRouter(prefix="/api/v1/keys", tags=["keys"])


def _ahead(value: datetime) -> datetime:
    if value <= now():
        raise PydanticCustomError("in_the_past", "A key has to expire in the future.")
    return value


class KeyRequest(BaseModel):
    """A key that is wanted. `tenant` (a name) is for the platform only."""

    model_config = ConfigDict(extra="forbid")

    name: Label
    role: Role
    tenant: Slug | None = None
    project_id: Slug | None = None
    expires_at: Annotated[AwareDatetime, AfterValidator(_ahead)] | None = None


class KeyView(BaseModel):
    """What is known of a key. Its secret is not. `used_at`: to the minute, by itself or a session of the console."""

    id: UUID
    name: str
    role: Role
    prefix: str
    tenant: str | None
    project_id: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None = None


class NewKey(KeyView):
    """A key just made: the only time that it is seen whole."""

    key: str


class KeyPage(BaseModel):
    """Keys, newest first."""

    items: list[KeyView]
    next_cursor: str | None


@router.get("")
def list_keys(resources: Wired, caller: Manager, cursor: Cursor = None, limit: Limit = 50) -> KeyPage:
    """The tenant's keys; for the platform those of all tenants."""
    items, next_cursor = tenancy.list_keys(resources.database, caller, cursor, limit)
    return KeyPage.model_validate({"items": items, "next_cursor": next_cursor})


@router.post("", status_code=HTTPStatus.CREATED)
def create_key(body: KeyRequest, resources: Wired, caller: Manager) -> NewKey:
    """Make a key. It is shown in this answer and never again."""
    wanted = tenancy.KeyOrder(body.name, body.role, body.tenant, body.project_id, body.expires_at)
    key, kept = tenancy.create_key(resources.database, caller, wanted)
    return NewKey.model_validate(kept | {"key": key})


@router.delete("/{key_id}", status_code=HTTPStatus.NO_CONTENT)
def revoke_key(key_id: UUID, resources: Wired, caller: Manager) -> Response:
    """End a key, within a second everywhere."""
    tenancy.revoke_key(resources.database, caller, key_id)
    resources.keys.forget(key_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)
