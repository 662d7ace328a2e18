"""Who may ask for what, and did: tenants, projects, keys, sessions, changes, answers that may be asked for again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Computed, text
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
    """A key: a prefix to look it up and the SHA-256 of the whole. Without a tenant it is the platform's.

    `used_at`: when it, or a session that was given for it, was last brought; to the minute.
    """

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
    used_at: Mapped[datetime | None]


class Answer(Table):
    """What was answered to a request that may come again, by the key that its client gave it."""

    __tablename__ = "idempotency"
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    answer: Mapped[Json]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)


class Session(Table):
    """A person's time in the console: the SHA-256 of its token, and the key that it was given for."""

    __tablename__ = "sessions"
    digest: Mapped[bytes] = mapped_column(primary_key=True)
    key_id: Mapped[UUID]
    tenant_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    seen_at: Mapped[datetime] = mapped_column(server_default=NOW)
    expires_at: Mapped[datetime]


class Change(Table):
    """Who changed what, written in the transaction of the change and never again."""

    __tablename__ = "audit"
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("wharf.new_id()"))
    tenant_id: Mapped[UUID]
    who: Mapped[UUID]
    who_name: Mapped[str]
    role: Mapped[str]
    project_id: Mapped[str | None]
    what: Mapped[str]
    noun: Mapped[str] = mapped_column(Computed("split_part(what, '.', 1)"))
    """Of `what`, so that an index leads to it: behind row security none is asked for a function of a column."""
    target: Mapped[str]
    before: Mapped[Json | None]
    after: Mapped[Json | None]
    request_id: Mapped[str | None]
    at: Mapped[datetime] = mapped_column(server_default=NOW)
