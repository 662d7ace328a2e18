"""Who may ask for what: tenants, their projects and keys, and what was answered to requests that may come again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from wharf.common.ledger.models.table import EMPTY, NOW, Json, Table


class Tenant(Table):
    """The company whose data it is. The one of zeros is the installation: it has jobs and no keys."""

    __tablename__ = "tenants"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    schema_name: Mapped[str] = mapped_column(unique=True)
    limits: Mapped[Json] = mapped_column(server_default=EMPTY)
    shares_benchmarks: Mapped[bool] = mapped_column(server_default="false")
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)


class Project(Table):
    """A tenant's folder of datasets, created at first use."""

    __tablename__ = "projects"
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)


class ApiKey(Table):
    """A key: a prefix to look it up and the SHA-256 of the whole. Without a tenant it is the platform's."""

    __tablename__ = "api_keys"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID | None]
    prefix: Mapped[str] = mapped_column(unique=True)
    digest: Mapped[bytes]
    name: Mapped[str]
    role: Mapped[str]
    project_id: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Answer(Table):
    """What was answered to a request that may come again, by the key that its client gave it."""

    __tablename__ = "idempotency"
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    answer: Mapped[Json]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
