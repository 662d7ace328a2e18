"""Canaries."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from wharf.common.ledger.models.table import NOW, Table


class Canary(Table):
    """A tiny job that the installation sent through a queue; `id` is also that of its upload and import.

    `outcome` is null while it is under way, then `ok`, `failed`, `late` (it did not end in time) or `paused`.
    """

    __tablename__ = "canaries"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    queue: Mapped[str]
    job_id: Mapped[UUID]
    sent_at: Mapped[datetime] = mapped_column(server_default=NOW)
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    seconds: Mapped[float | None]
    code: Mapped[str | None]
