"""Datasets, and what tenants declare of their own."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from wharf.common.ledger.models.table import NOW, Json, Table


class Dataset(Table):
    """Where the rows of one profile of one tenant are: a table in the tenant's own schema."""

    __tablename__ = "datasets"
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    profile: Mapped[str] = mapped_column(primary_key=True)
    schema_name: Mapped[str]
    table_name: Mapped[str]
    definition: Mapped[Json]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)


class OwnDeclaration(Table):
    """What a tenant has declared, or changed from the built-in one of that name."""

    __abstract__ = True
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    declaration: Mapped[Json]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    updated_at: Mapped[datetime] = mapped_column(server_default=NOW)


class OwnProfile(OwnDeclaration):
    """A tenant's own profile."""

    __tablename__ = "profiles"


class OwnPackageType(OwnDeclaration):
    """A tenant's own package type."""

    __tablename__ = "own_package_types"
