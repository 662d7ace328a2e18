"""Mappings that are used again for files with the same headers: which there are, and to forget one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, delete, select

from wharf.common.ledger.models import SavedMapping
from wharf.gateway.authentication import hidden
from wharf.gateway.cursors import decode, page


def list_mappings(
    connection: Connection, profile: str, cursor: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Those of one profile, newest first."""
    query = select(*SavedMapping.__table__.c).where(SavedMapping.profile == profile).order_by(SavedMapping.id.desc())
    if cursor:
        query = query.where(SavedMapping.id < decode(cursor, (UUID,))[0])
    rows = [dict(row) for row in connection.execute(query.limit(limit + 1)).mappings()]
    return page(rows, limit, lambda row: (row["id"],))


def forget(connection: Connection, profile: str, mapping_id: UUID) -> None:
    """Do not use it again; raises `NotFound`."""
    own = (SavedMapping.id == mapping_id, SavedMapping.profile == profile)
    if not connection.execute(delete(SavedMapping).where(*own)).rowcount:
        raise hidden("mapping", mapping_id, "mapping_not_found")
