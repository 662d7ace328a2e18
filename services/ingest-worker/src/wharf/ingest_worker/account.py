"""The account of an import: what became of its rows, written with the merge."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, insert, null, select, update

from wharf.common.clock import new_id
from wharf.common.ledger.models import DataUpdate, Import, Upload
from wharf.ingest_worker.merge import Counts


@dataclass(frozen=True)
class Account:
    """Everything that a DataUpdate record says."""

    tenant_id: UUID
    project_id: str
    profile: str
    import_id: UUID
    job_id: UUID
    mode: str
    counts: Counts
    rejected: int
    period: tuple[datetime, datetime] | None
    turn: int
    datasets: tuple[str, ...]

    def write(self, connection: Connection) -> None:
        """Add the record, and mark the import as merged."""
        start, end = self.period or (None, None)
        values: dict[str, Any] = {
            "id": new_id(),
            "tenant_id": self.tenant_id,
            "project_id": self.project_id,
            "profile": self.profile,
            "import_id": self.import_id,
            "job_id": self.job_id,
            "mode": self.mode,
            "rejected": self.rejected,
            "period_from": start,
            "period_to": end,
        }
        counted = {name: n for name, n in asdict(self.counts).items() if name != "conflicts"}
        connection.execute(insert(DataUpdate).values(values | counted))
        merged = {"merged_at": func.now(), "turn": self.turn, "datasets": list(self.datasets), "waiting": null()}
        connection.execute(update(Import).where(Import.id == self.import_id).values(merged))


def earlier_import(connection: Connection, upload: Upload, import_id: UUID) -> UUID | None:
    """The import that loaded the same content into the same project before, newest first."""
    query = (
        select(Import.id)
        .join(Upload, Upload.id == Import.upload_id)
        .where(Upload.sha256 == upload.sha256, Import.project_id == upload.project_id)
        .where(Import.id != import_id, Import.merged_at.is_not(None))
        .order_by(Import.merged_at.desc())
        .limit(1)
    )
    return connection.execute(query).scalar_one_or_none()


def known_import(connection: Connection, import_id: UUID | None) -> UUID | None:
    """That import, if it is one of the tenant's: a file may say anything."""
    if import_id is None:
        return None
    return connection.execute(select(Import.id).where(Import.id == import_id)).scalar_one_or_none()
