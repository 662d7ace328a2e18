"""Who is told of what: webhooks, and recipients of reports."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from wharf.common.ledger.models.table import NOW, Json, JsonList, Table


class Webhook(Table):
    """Whom a tenant wants told of which events.

    The secrets are written here and read by `wharf.take_deliveries` alone. `failing_since`: no delivery has succeeded
    since then. `disabled_reason` is `asked`, `failing` or `gone`. With `removed_at` no tenant sees it: housekeeping
    takes its deliveries, then the row.
    """

    __tablename__ = "webhooks"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    name: Mapped[str]
    url: Mapped[str]
    events: Mapped[list[str]] = mapped_column(ARRAY(Text))
    project_id: Mapped[str | None]
    kinds: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    secret: Mapped[str]
    previous_secret: Mapped[str | None]
    previous_until: Mapped[datetime | None]
    enabled: Mapped[bool] = mapped_column(server_default="true")
    disabled_reason: Mapped[str | None]
    failing_since: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    updated_at: Mapped[datetime] = mapped_column(server_default=NOW)


class WebhookDelivery(Table):
    """One event for one webhook; its id is the message's. `attempt` is the sender's fence.

    `next_at`: when it is due, or while it is being sent when its sender counts as dead. `tries`: the newest twenty.
    """

    __tablename__ = "webhook_deliveries"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    webhook_id: Mapped[UUID]
    tenant_id: Mapped[UUID]
    type: Mapped[str]
    job_id: Mapped[UUID | None]
    body: Mapped[Json]
    status: Mapped[str] = mapped_column(server_default="waiting")
    attempt: Mapped[int] = mapped_column(server_default="0")
    failures: Mapped[int] = mapped_column(server_default="0")
    next_at: Mapped[datetime | None]
    tries: Mapped[JsonList] = mapped_column(server_default=text("'[]'::jsonb"))
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    ended_at: Mapped[datetime | None]


class ReportRecipient(Table):
    """Somebody whom a tenant wants to have its reports by mail."""

    __tablename__ = "report_recipients"
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    address: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
