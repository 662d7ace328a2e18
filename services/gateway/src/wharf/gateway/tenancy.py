"""Keys, tenants and projects: what an admin manages in its tenant, and the platform in the whole installation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, TextClause, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from wharf.common.access import Caller, Role, digest_of, new_key, prefix_of
from wharf.common.clock import new_id
from wharf.common.errors import Conflict, Forbidden, Invalid, Problem
from wharf.common.ledger.database import Database, dumps
from wharf.common.ledger.models import ApiKey, Project
from wharf.gateway import audit
from wharf.gateway.authentication import Member, hidden
from wharf.gateway.cursors import decode, name_of, page

CREATE_KEY = text("SELECT wharf.create_key(:id, :tenant, :prefix, :digest, :name, :role, :project_id, :expires_at)")
CREATE_TENANT = text("SELECT wharf.create_tenant(:id, :name)")
REVOKE_KEY = text("SELECT wharf.revoke_key(:id)")
ALL_KEYS = text("SELECT * FROM wharf.newest_keys(:before, :most)")
KEYS_BY_ID = text("SELECT * FROM wharf.list_keys() WHERE id = :id")
ALL_TENANTS = text("SELECT * FROM wharf.tenants_after(:after, :most)")
SET_LIMITS = text("SELECT wharf.set_limits(:name, CAST(:wanted AS jsonb))")
LIMITS = {"published": 200, "urgent": 20}
"""What holds where nothing was set: the same numbers as in the ledger's function `wharf.room`."""
LIMITS_OF = text("SELECT limits FROM wharf.list_tenants() WHERE id = :tenant_id")
TENANT_BY_NAME = text("SELECT * FROM wharf.list_tenants() WHERE name = :name")
Rows = tuple[list[dict[str, Any]], str | None]


@dataclass(frozen=True, slots=True)
class KeyOrder:
    """A key that somebody wants."""

    name: str
    role: Role
    tenant: str | None
    project_id: str | None
    expires_at: datetime | None


def create_key(database: Database, caller: Caller, wanted: KeyOrder) -> tuple[str, dict[str, Any]]:
    """A new key, whole for the only time, and what is kept of it."""
    key, key_id = new_key(), new_id()
    values = {
        "id": key_id,
        "prefix": prefix_of(key),
        "digest": digest_of(key),
        "name": wanted.name,
        "role": wanted.role.value,
        "expires_at": wanted.expires_at,
    }
    if caller.role is Role.PLATFORM:
        return key, _create_anywhere(database, caller, wanted, values)
    return key, _create_in_tenant(database, caller, wanted, values)


def _create_anywhere(database: Database, caller: Caller, wanted: KeyOrder, values: dict[str, Any]) -> dict[str, Any]:
    if (wanted.role is Role.PLATFORM) == (wanted.tenant is not None):
        message = "A key with the role platform has no tenant; every other key needs one."
        raise Invalid(message, code="wrong_tenant", problems=(Problem("body.tenant", "wrong_tenant", message),))
    if wanted.role is Role.PLATFORM and wanted.project_id is not None:
        message = "A key with the role platform has no project."
        raise Invalid(message, code="wrong_project", problems=(Problem("body.project_id", "wrong_project", message),))
    with database.anyone() as connection:
        own = {"tenant": wanted.tenant, "project_id": wanted.project_id}
        if not connection.execute(CREATE_KEY, values | own).scalar_one():
            message = f"There is no tenant {wanted.tenant}."
            raise Invalid(message, code="unknown_tenant", problems=(Problem("body.tenant", "unknown_tenant", message),))
        made = dict(connection.execute(KEYS_BY_ID, {"id": values["id"]}).mappings().one())
        audit.note(connection, caller, "key.create", made["id"], after=_noted(made))
        return made


def _create_in_tenant(database: Database, caller: Caller, wanted: KeyOrder, values: dict[str, Any]) -> dict[str, Any]:
    if wanted.role is Role.PLATFORM or wanted.tenant is not None:
        message = "Keys of the platform, and of a tenant by its name, are for the platform's key only."
        raise Forbidden(message)
    if caller.project_id is not None and wanted.project_id != caller.project_id:
        message = f"This key is for the project {caller.project_id} only; so must be the keys that it makes."
        raise Forbidden(message, code="wrong_project")
    own = {"tenant_id": caller.tenant_id, "project_id": wanted.project_id}
    with database.tenant(_tenant_of(caller)) as connection:
        row = connection.execute(insert(ApiKey).values(values | own).returning(*ApiKey.__table__.c)).mappings().one()
        audit.note(connection, caller, "key.create", row["id"], after=_noted(row))
    return _with_tenant(row, caller)


def _noted(row: Mapping[Any, Any]) -> dict[str, Any]:
    """What the audit tells of a key: no part of it."""
    return {name: row[name] for name in ("name", "role", "project_id", "expires_at")} | {"tenant": row.get("tenant")}


def list_keys(database: Database, caller: Caller, cursor: str | None, limit: int) -> Rows:
    """Newest first; the platform sees those of all tenants."""
    before = decode(cursor, (UUID,))[0] if cursor else None
    if caller.role is Role.PLATFORM:
        found = _all(database, ALL_KEYS, {"before": before, "most": limit + 1})
    else:
        found = _of_tenant(database, caller, before, limit + 1)
    return page(found, limit, lambda row: (row["id"],))


def _all(database: Database, query: TextClause, values: dict[str, Any]) -> list[dict[str, Any]]:
    with database.anyone() as connection:
        return [dict(row) for row in connection.execute(query, values).mappings()]


def _of_tenant(database: Database, caller: Caller, before: UUID | None, most: int) -> list[dict[str, Any]]:
    query = select(*ApiKey.__table__.c).order_by(ApiKey.id.desc()).limit(most)
    if before is not None:
        query = query.where(ApiKey.id < before)
    if caller.project_id is not None:
        query = query.where(ApiKey.project_id == caller.project_id)
    with database.tenant(_tenant_of(caller)) as connection:
        return [_with_tenant(row, caller) for row in connection.execute(query).mappings()]


def revoke_key(database: Database, caller: Caller, key_id: UUID) -> None:
    """End a key; doing it again changes nothing. Raises `NotFound`, for another tenant's key too."""
    if caller.role is Role.PLATFORM:
        with database.anyone() as connection:
            revoked = connection.execute(REVOKE_KEY, {"id": key_id}).scalar()
            if revoked:
                audit.note(connection, caller, "key.revoke", key_id)
    else:
        revoked = _revoke_in_tenant(database, caller, key_id)
    if not revoked:
        raise hidden("key", key_id, "key_not_found")


def _revoke_in_tenant(database: Database, caller: Caller, key_id: UUID) -> bool:
    ended = update(ApiKey).where(ApiKey.id == key_id).values(revoked_at=func.coalesce(ApiKey.revoked_at, func.now()))
    if caller.project_id is not None:
        ended = ended.where(ApiKey.project_id == caller.project_id)
    with database.tenant(_tenant_of(caller)) as connection:
        revoked = connection.execute(ended).rowcount == 1
        if revoked:
            audit.note(connection, caller, "key.revoke", key_id)
    return revoked


def _tenant_of(caller: Caller) -> UUID:
    if caller.tenant_id is None:
        message = "The platform's key belongs to no tenant."
        raise Forbidden(message)
    return caller.tenant_id


def _with_tenant(row: Mapping[Any, Any], caller: Caller) -> dict[str, Any]:
    return dict(row) | {"tenant": caller.tenant_name}


def create_tenant(database: Database, caller: Caller, name: str) -> dict[str, Any]:
    """A tenant with its schema and its project `default`; raises `Conflict` where the name is taken."""
    try:
        with database.anyone() as connection:
            connection.execute(CREATE_TENANT, {"id": new_id(), "name": name})
            audit.note(connection, caller, "tenant.create", name)
            return _tenant(connection.execute(TENANT_BY_NAME, {"name": name}).mappings().one())
    except IntegrityError as error:
        message = f"There is a tenant {name} already."
        raise Conflict(message, code="tenant_exists") from error


def list_tenants(database: Database, cursor: str | None, limit: int) -> Rows:
    """By name."""
    after = decode(cursor, (name_of,))[0] if cursor else None
    found = [_tenant(row) for row in _all(database, ALL_TENANTS, {"after": after, "most": limit + 1})]
    return page(found, limit, lambda row: (row["name"],))


def limits_of(connection: Connection, tenant_id: UUID) -> dict[str, int]:
    """Those that hold for a tenant."""
    own: dict[str, int] = connection.execute(LIMITS_OF, {"tenant_id": tenant_id}).scalar_one()
    return LIMITS | own


def set_limits(database: Database, caller: Caller, name: str, wanted: dict[str, int | None]) -> dict[str, Any]:
    """Change some of a tenant's limits, from its next job on; None takes the default back. Raises `NotFound`."""
    if "\0" in name:
        raise hidden("tenant", "of that name", "tenant_not_found")
    with database.anyone() as connection:
        if not connection.execute(SET_LIMITS, {"name": name, "wanted": dumps(wanted)}).scalar():
            raise hidden("tenant", name, "tenant_not_found")
        audit.note(connection, caller, "tenant.limits", name, after=wanted)
        return _tenant(connection.execute(TENANT_BY_NAME, {"name": name}).mappings().one())


def _tenant(row: Mapping[Any, Any]) -> dict[str, Any]:
    """With the limits that hold."""
    return dict(row) | {"limits": LIMITS | row["limits"]}


def create_project(connection: Connection, member: Member, slug: str) -> dict[str, Any]:
    """A project of the tenant; raises `Conflict` where it is there. An upload makes its project by itself."""
    member.project(slug)
    try:
        query = insert(Project).values(tenant_id=member.tenant_id, slug=slug).returning(*Project.__table__.c)
        return _project(connection.execute(query).mappings().one())
    except IntegrityError as error:
        message = f"There is a project {slug} already."
        raise Conflict(message, code="project_exists") from error


def list_projects(connection: Connection, member: Member, cursor: str | None, limit: int) -> Rows:
    """By name."""
    query = select(*Project.__table__.c).order_by(Project.slug).limit(limit + 1)
    if cursor:
        query = query.where(Project.slug > decode(cursor, (name_of,))[0])
    if member.project_id is not None:
        query = query.where(Project.slug == member.project_id)
    rows = [_project(row) for row in connection.execute(query).mappings()]
    return page(rows, limit, lambda row: (row["project_id"],))


def _project(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {"project_id": row["slug"], "created_at": row["created_at"]}
