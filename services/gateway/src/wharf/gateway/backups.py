"""Backups, for the platform: those that there are, and the jobs that make and verify them."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, text

from wharf.common.backups import Backup, Backups
from wharf.common.errors import Conflict
from wharf.common.jobs.kinds import BACKUP, BackupPayload
from wharf.common.jobs.submission import Order, Written, write_job
from wharf.common.jobs.view import JobView
from wharf.common.schedules.policies import INSTALLATION
from wharf.gateway.cursors import decode, moment_of, page
from wharf.gateway.intake import DEFAULT_PROJECT
from wharf.gateway.jobs import JobFilter, list_jobs
from wharf.gateway.resources import Resources

LABELS = {"make": "backup", "verify": "backup-verify"}
"""As the built-in schedules call their jobs."""
# One after the other: two of them would only be slower.
LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('wharf.backup', 0))")
LIVE = text("""
    SELECT id FROM wharf.jobs WHERE kind = 'backup' AND status IN ('queued', 'running', 'retrying', 'cancelling')
    AND payload ->> 'action' = :action LIMIT 1""")


def list_backups(backups: Backups, cursor: str | None, limit: int) -> tuple[list[Backup], str | None]:
    """Newest first. How many there are is bounded by what is kept."""
    after = tuple(decode(cursor, (moment_of, UUID))) if cursor else None
    rows = [one for one in backups.all() if after is None or (one.manifest.created_at, one.id) < after]
    return page(rows[: limit + 1], limit, lambda one: (one.manifest.created_at.isoformat(), one.id))


def submit(resources: Resources, wanted: BackupPayload, request_id: str) -> Written:
    """Write the job. Raises `Conflict` (`backup_at_work`) while another one does the same."""
    with resources.database.tenant(INSTALLATION) as connection:
        connection.execute(LOCK)
        if live := connection.execute(LIVE, {"action": wanted.action}).scalar():
            message = f"The job {live} is at work on that already. Wait for its end."
            raise Conflict(message, code="backup_at_work")
        order = Order(
            tenant_id=INSTALLATION,
            project_id=DEFAULT_PROJECT,
            kind=BACKUP,
            payload=wanted,
            label=LABELS[wanted.action],
            request_id=request_id,
        )
        return write_job(connection, order)


def list_backup_jobs(connection: Connection, cursor: str | None, limit: int) -> tuple[list[JobView], str | None]:
    """The jobs, newest first, in a transaction of the installation."""
    return list_jobs(connection, JobFilter(kind=BACKUP.name), cursor, limit)
