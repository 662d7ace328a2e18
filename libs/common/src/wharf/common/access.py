"""Keys: who is calling, in which tenant, with which role.

A key is `wk_<prefix>_<secret>`: the prefix finds its row, the SHA-256 of the whole proves it.
The secret has 192 random bits, so a plain hash is enough; it is shown once and kept nowhere.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sys
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from wharf.common.clock import new_id
from wharf.common.errors import Invalid
from wharf.common.ledger.database import Database, driver_url

FIND_KEY = text("SELECT * FROM wharf.find_key(:prefix)")
MAKE_DEFAULT = text("""
    SELECT wharf.create_tenant(:id, 'default') WHERE NOT EXISTS (SELECT FROM wharf.tenants WHERE name = 'default')""")
MAKE_KEY = text("SELECT wharf.create_key(:id, :tenant, :prefix, :digest, 'first', :role, NULL, NULL)")
PARTS = 3
SHORTEST, LONGEST = 40, 200
"""Characters of a key that somebody brings: a short one could be guessed."""


class Role(StrEnum):
    """What a key may do; `platform` is the installation's owner and sees no tenant's data."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"
    PLATFORM = "platform"

    def covers(self, needed: Role) -> bool:
        """Whether this role may do what `needed` may. The platform's role and the tenants' do not cover each other."""
        if Role.PLATFORM in {self, needed}:
            return self is needed
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose request it is. `tenant_id` is null for the platform."""

    key_id: UUID
    role: Role
    tenant_id: UUID | None
    tenant_name: str | None
    project_id: str | None


def new_key() -> str:
    """A new key, the only time that it is seen whole."""
    return f"wk_{secrets.token_hex(6)}_{secrets.token_urlsafe(24)}"


def prefix_of(key: str) -> str | None:
    """The part that finds the key's row, or None where this cannot be a key."""
    parts = key.split("_", 2)
    return parts[1] if len(key) <= LONGEST and len(parts) == PARTS and parts[0] == "wk" and parts[1] else None


def digest_of(key: str) -> bytes:
    """What is kept of a key."""
    return hashlib.sha256(key.encode()).digest()


def identify(database: Database, key: str) -> Caller | None:
    """Who that key is, or None where it is unknown, revoked or expired."""
    prefix = prefix_of(key)
    if prefix is None:
        return None
    with database.anyone() as connection:
        row = connection.execute(FIND_KEY, {"prefix": prefix}).mappings().first()
    if row is None or not hmac.compare_digest(row["digest"], digest_of(key)):
        return None
    return Caller(row["id"], Role(row["role"]), row["tenant_id"], row["tenant_name"], row["project_id"])


def bootstrap(owner_url: str, *, api_key: str | None = None, platform_key: str | None = None) -> None:
    """Make sure that the tenant `default`, an admin key of it and a platform key are there. Idempotent.

    Raises `Invalid` (`bad_settings`) for a text that is no key.
    """
    keys = [(key, *whose) for key, whose in ((api_key, ("default", Role.ADMIN)), (platform_key, (None, Role.PLATFORM)))]
    engine = create_engine(driver_url(owner_url), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(MAKE_DEFAULT, {"id": new_id()})
        for key, tenant, role in keys:
            if key is not None:
                connection.execute(MAKE_KEY, _first_key(key) | {"tenant": tenant, "role": role})
    engine.dispose()


def _first_key(key: str) -> dict[str, object]:
    prefix = prefix_of(key)
    if prefix is None or len(key) < SHORTEST:
        message = "A first key must be one of Wharf's: `python -m wharf.common.access` prints a new one."
        raise Invalid(message, code="bad_settings")
    return {"id": new_id(), "prefix": prefix, "digest": digest_of(key)}


if __name__ == "__main__":
    sys.stdout.write(f"{new_key()}\n")
