"""`/api/v1/tenants`: for the platform."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from wharf.gateway import tenancy
from wharf.gateway.authentication import Platform
from wharf.gateway.cursors import Cursor, Limit
from wharf.gateway.form import Slug
from wharf.gateway.resources import Wired

router = APIRouter(prefix="/api/v1/tenants", tags=["tenants"])


class TenantRequest(BaseModel):
    """A tenant that is wanted."""

    model_config = ConfigDict(extra="forbid")

    name: Slug


Most = Annotated[int, Field(strict=True, ge=1, le=100_000)]


class LimitsChange(BaseModel):
    """How many of its jobs may be published at once in each queue; null takes the default back."""

    model_config = ConfigDict(extra="forbid")

    published: Most | None = None
    urgent: Most | None = None
    """Urgent jobs have places of their own."""


class TenantChange(BaseModel):
    """What is to change of a tenant."""

    model_config = ConfigDict(extra="forbid")

    limits: LimitsChange


class TenantLimits(BaseModel):
    """The limits that hold."""

    published: int
    urgent: int


class TenantView(BaseModel):
    """A tenant, without anything of its data."""

    id: UUID
    name: str
    limits: TenantLimits
    created_at: datetime


class TenantPage(BaseModel):
    """Tenants, by name."""

    items: list[TenantView]
    next_cursor: str | None


@router.get("")
def list_tenants(resources: Wired, _caller: Platform, cursor: Cursor = None, limit: Limit = 50) -> TenantPage:
    """The tenants of the installation."""
    items, next_cursor = tenancy.list_tenants(resources.database, cursor, limit)
    return TenantPage.model_validate({"items": items, "next_cursor": next_cursor})


@router.post("", status_code=HTTPStatus.CREATED)
def create_tenant(body: TenantRequest, resources: Wired, caller: Platform) -> TenantView:
    """Make a tenant."""
    return TenantView.model_validate(tenancy.create_tenant(resources.database, caller, body.name))


@router.patch("/{name}")
def change_tenant(name: str, body: TenantChange, resources: Wired, caller: Platform) -> TenantView:
    """Change a tenant's limits; they hold at once."""
    wanted = body.limits.model_dump(exclude_unset=True)
    return TenantView.model_validate(tenancy.set_limits(resources.database, caller, name, wanted))
