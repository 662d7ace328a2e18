"""`/api/v1/backups`: for the platform."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Self
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel

from wharf.common.backups import Backup, Verification
from wharf.common.jobs.kinds import BackupPayload
from wharf.common.jobs.view import JobView
from wharf.common.schedules.policies import INSTALLATION
from wharf.gateway import backups
from wharf.gateway.authentication import Platform
from wharf.gateway.cursors import Cursor, Limit
from wharf.gateway.requests import REQUEST_ID
from wharf.gateway.resources import Resources, Wired
from wharf.gateway.routes.jobs import JobPage

router = APIRouter(prefix="/api/v1/backups", tags=["backups"])


class BackupView(BaseModel):
    """A backup that is stored, whole and read back; `verification` is its last restore on trial."""

    id: UUID
    created_at: datetime
    seconds: float
    bytes: int
    sha256: str
    tables: int
    rows: int
    server_version: str
    revision: str
    verification: Verification | None

    @classmethod
    def of(cls, backup: Backup) -> Self:
        """As it is shown."""
        kept = backup.manifest
        return cls(
            **kept.model_dump(include={"id", "created_at", "seconds", "bytes", "sha256", "server_version", "revision"}),
            tables=len(kept.tables),
            rows=kept.rows,
            verification=backup.verification,
        )


class BackupPage(BaseModel):
    """Backups, newest first."""

    items: list[BackupView]
    next_cursor: str | None


@router.get("")
def list_backups(resources: Wired, _caller: Platform, cursor: Cursor = None, limit: Limit = 50) -> BackupPage:
    """The backups that can be restored."""
    found, next_cursor = backups.list_backups(resources.backups, cursor, limit)
    return BackupPage(items=[BackupView.of(one) for one in found], next_cursor=next_cursor)


@router.post("", status_code=HTTPStatus.ACCEPTED)
def make(request: Request, resources: Wired, _caller: Platform) -> JobView:
    """Make one now; its id is the job's."""
    return _submit(resources, BackupPayload(), request)


@router.get("/jobs")
def list_jobs(resources: Wired, _caller: Platform, cursor: Cursor = None, limit: Limit = 50) -> JobPage:
    """The jobs that made and verified backups, or could not, and why."""
    with resources.database.tenant(INSTALLATION) as connection:
        items, next_cursor = backups.list_backup_jobs(connection, cursor, limit)
    return JobPage(items=items, next_cursor=next_cursor)


@router.post("/{backup_id}/verify", status_code=HTTPStatus.ACCEPTED)
def verify(backup_id: UUID, request: Request, resources: Wired, _caller: Platform) -> JobView:
    """Restore it on trial and compare."""
    found = resources.backups.find(backup_id)
    return _submit(resources, BackupPayload(action="verify", backup_id=found.id), request)


def _submit(resources: Resources, wanted: BackupPayload, request: Request) -> JobView:
    written = backups.submit(resources, wanted, request.scope[REQUEST_ID])
    resources.announcer.announce(written, INSTALLATION)
    return written.view
