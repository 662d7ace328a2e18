"""Work that begins by itself."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from wharf.common.ledger.models.table import EMPTY, NOW, Json, Table


class Schedule(Table):
    """Work that begins by itself, by a cron expression or every so many seconds.

    `next_at` is its next occurrence, null while it is not enabled. `adjusted`: somebody has changed a built-in one.
    """

    __tablename__ = "schedules"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    project_id: Mapped[str]
    name: Mapped[str]
    cron: Mapped[str | None]
    interval_seconds: Mapped[int | None]
    time_zone: Mapped[str]
    kind: Mapped[str]
    payload: Mapped[Json] = mapped_column(server_default=EMPTY)
    queue: Mapped[str]
    priority: Mapped[int] = mapped_column(SmallInteger)
    enabled: Mapped[bool]
    overlap: Mapped[str]
    misfire: Mapped[str]
    grace_seconds: Mapped[int]
    next_at: Mapped[datetime | None]
    builtin: Mapped[bool] = mapped_column(server_default="false")
    adjusted: Mapped[bool] = mapped_column(server_default="false")
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    updated_at: Mapped[datetime] = mapped_column(server_default=NOW)


class ScheduleRun(Table):
    """What became of one occurrence of a schedule; `manual`: somebody started it by hand."""

    __tablename__ = "schedule_runs"
    schedule_id: Mapped[UUID] = mapped_column(primary_key=True)
    scheduled_for: Mapped[datetime] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    outcome: Mapped[str]
    manual: Mapped[bool] = mapped_column(server_default="false")
    job_id: Mapped[UUID | None]
    noted_at: Mapped[datetime] = mapped_column(server_default=NOW)
