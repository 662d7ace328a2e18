"""Who has a tenant's reports by mail."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, delete, insert, select

from wharf.common.ledger.models import ReportRecipient


def list_recipients(connection: Connection) -> list[str]:
    """The addresses, sorted."""
    return list(connection.execute(select(ReportRecipient.address).order_by(ReportRecipient.address)).scalars())


def replace_recipients(connection: Connection, tenant_id: UUID, addresses: Sequence[str]) -> list[str]:
    """These and no others from now on."""
    connection.execute(delete(ReportRecipient))
    if wanted := sorted(set(addresses)):
        connection.execute(insert(ReportRecipient), [{"tenant_id": tenant_id, "address": one} for one in wanted])
    return list_recipients(connection)
