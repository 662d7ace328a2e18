"""Packages made before: the same rows and declaration have the same fingerprint, and need no second rendering."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from wharf.common.errors import Permanent
from wharf.common.packages.files import file_key
from wharf.common.storage import Storage

LATEST = 200
"""Packages of a tenant that are looked through."""
EARLIER = text("""
    SELECT result FROM (
        SELECT result, created_at FROM wharf.jobs WHERE kind = 'package' AND status = 'completed'
        ORDER BY created_at DESC LIMIT :latest
    ) AS packages
    WHERE result ->> 'fingerprint' = :fingerprint AND result ->> 'cached' = 'false' AND NOT result ? 'removed_at'
    ORDER BY created_at DESC LIMIT 1""")


def earlier_package(
    connection: Connection, storage: Storage, tenant_id: UUID, fingerprint: str
) -> dict[str, Any] | None:
    """The result of the latest package with that fingerprint whose files are all there; None where there is none."""
    values = {"latest": LATEST, "fingerprint": fingerprint}
    result: dict[str, Any] | None = connection.execute(EARLIER, values).scalar()
    return result if result and _is_there(storage, tenant_id, result) else None


def _is_there(storage: Storage, tenant_id: UUID, result: dict[str, Any]) -> bool:
    try:
        for file in result["files"]:
            key = file_key(tenant_id, UUID(result["made_by"]), file["name"])
            if storage.open_file(key).size != file["size"]:
                return False
    except Permanent:
        return False
    return True
