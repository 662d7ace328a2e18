"""Files, their imports, and all that an import keeps."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Identity, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from wharf.common.ledger.models.table import NOW, Json, JsonList, Table


class Upload(Table):
    """One stored file, by its sha256; it never changes. `removed_at`: the file is gone, what is known of it stays."""

    __tablename__ = "uploads"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    project_id: Mapped[str]
    file_name: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[str]
    storage_key: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    removed_at: Mapped[datetime | None]


class Import(Table):
    """What the user wants loaded; the jobs of an import work on it.

    `turn` is the number of its merge, by which the journals keep what rows were before; null where nothing is kept.
    `datasets` are those that it wrote into, its profile's own first. `waiting` is the checkpoint of a dry run that
    completed: its commit goes on from there. `rejects_removed_at`: they are not shown any more; `swept`: none is left.
    """

    __tablename__ = "imports"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    project_id: Mapped[str]
    upload_id: Mapped[UUID]
    profile: Mapped[str | None]
    mode: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    merged_at: Mapped[datetime | None]
    turn: Mapped[int | None]
    datasets: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    undone_at: Mapped[datetime | None]
    waiting: Mapped[Json | None]
    rejects_removed_at: Mapped[datetime | None]
    swept: Mapped[bool] = mapped_column(server_default="false")


class Reject(Table):
    """A row of an import that was set aside.

    `assigned` is what Wharf would have given the row, where that was known when it was written; see `Assigned`.
    """

    __tablename__ = "rejects"
    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    byte_offset: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    line: Mapped[int]
    raw: Mapped[str]
    errors: Mapped[JsonList]
    assigned: Mapped[Json | None]


class Assigned(Table):
    """The values that Wharf would have given a row that was set aside, where all rows had to be read to know them.

    Such as its number within its invoice; what is here counts, whatever the row itself says.
    The corrected row comes back with them, so it cannot take another row's place.
    """

    __tablename__ = "assigned"
    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    byte_offset: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    cells: Mapped[Json]


class CellConflict(Table):
    """A cell that an import would change, where the policy is to ask: it waits until somebody decides.

    `decided` is `existing` or `incoming`. `existing_import` is the import whose the row was at the merge.
    """

    __tablename__ = "conflicts"
    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    tenant_id: Mapped[UUID]
    import_id: Mapped[UUID]
    job_id: Mapped[UUID]
    profile: Mapped[str]
    project_id: Mapped[str]
    key: Mapped[Json]
    column_name: Mapped[str]
    existing: Mapped[Json | None]
    incoming: Mapped[Json | None]
    line: Mapped[int]
    existing_import: Mapped[UUID]
    decided: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[UUID | None]


class DataUpdate(Table):
    """The account of one merge."""

    __tablename__ = "data_updates"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    project_id: Mapped[str]
    profile: Mapped[str]
    import_id: Mapped[UUID]
    job_id: Mapped[UUID]
    mode: Mapped[str]
    rows_before: Mapped[int]
    inserted: Mapped[int]
    updated: Mapped[int]
    unchanged: Mapped[int]
    superseded: Mapped[int]
    rejected: Mapped[int]
    rows_after: Mapped[int]
    period_from: Mapped[datetime | None]
    period_to: Mapped[datetime | None]
    at: Mapped[datetime] = mapped_column(server_default=NOW)
    nth: Mapped[int | None] = mapped_column(server_default=text("nextval('wharf.data_updates_nth_seq')"))
    """In the order of the merges, as their turns are; None in accounts of before there were numbers."""


class SavedMapping(Table):
    """A mapping that somebody gave for files with these headers: it is used again for the next one."""

    __tablename__ = "mappings"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    profile: Mapped[str]
    fingerprint: Mapped[str]
    headers: Mapped[list[str]] = mapped_column(ARRAY(Text))
    mapping: Mapped[Json]
    import_id: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
    used_at: Mapped[datetime] = mapped_column(server_default=NOW)


class Unfinished(Table):
    """An import whose rows are in their dataset already, hidden until its row here is deleted."""

    __tablename__ = "unfinished"
    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    job_id: Mapped[UUID]
    profile: Mapped[str]
    project_id: Mapped[str]
    numbered: Mapped[list[str]] = mapped_column(ARRAY(Text))
    moved: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(server_default=NOW)
