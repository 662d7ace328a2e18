"""The job `backup`: makes one and lets the old ones go, or restores one on trial."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg

from wharf.common.backups import Backup, Backups, Verification
from wharf.common.clock import now
from wharf.common.errors import Permanent, Transient
from wharf.common.jobs.kinds import BackupPayload
from wharf.common.runtime.context import JobContext
from wharf.scheduler.backups.dump import Dump
from wharf.scheduler.backups.pace import Pace
from wharf.scheduler.backups.restore import Restore
from wharf.scheduler.backups.retention import Retention
from wharf.scheduler.settings import SchedulerSettings

Context = JobContext[BackupPayload]


@dataclass(frozen=True)
class BackupJob:
    """What runs it, with what the settings allow."""

    url: str | None = field(repr=False)
    backups: Backups
    programs: str
    retention: Retention

    @classmethod
    def of(cls, settings: SchedulerSettings) -> BackupJob:
        """From the maintenance worker's settings."""
        url = settings.backup_database_url
        retention = Retention(settings.backup_keep_daily, settings.backup_keep_weekly, settings.backup_keep_monthly)
        return cls(
            url.get_secret_value() if url else None, Backups.open(settings), settings.postgres_programs, retention
        )

    def run(self, context: Context) -> dict[str, Any]:
        """Do what the payload says; its result."""
        if self.url is None:
            message = (
                "Backups are not set up: WHARF_BACKUP_DATABASE_URL is missing. Give wharf migrate a "
                "WHARF_BACKUP_PASSWORD, and the maintenance worker the address with the role wharf_backup."
            )
            raise Permanent(message, code="backups_not_set_up")
        try:
            work = self._make if context.payload.action == "make" else self._verify
            return work(context, self.url)
        except psycopg.OperationalError as error:
            if error.sqlstate is not None:
                raise
            # libpq's own text may quote the address.
            message = "The database did not let wharf_backup in, or went away: see WHARF_BACKUP_DATABASE_URL."
            raise Transient(message, code="database_unavailable") from None

    def _make(self, context: Context, url: str) -> dict[str, Any]:
        # A ledger that was restored has the job of its own backup, still running: that one stays as it is.
        made = self.backups.get(context.job_id) or self._new(context, url)
        removed = self._let_go(context)
        total = made.manifest.bytes
        context.report(total, total, stage="backup", message=f"A backup of {made.manifest.rows:,} rows is stored.")
        return _result(context, made) | {"removed": removed, "seconds": made.manifest.seconds}

    def _new(self, context: Context, url: str) -> Backup:
        def fence() -> None:
            with context.transaction():
                pass

        told, guard = _telling(context, "dump", None), context.pulse.guarding
        dump = Dump(url, self.backups, self.programs, Pace(context.check), told, guard)
        return dump.make(context.job_id, context.attempt, fence)

    def _let_go(self, context: Context) -> int:
        """What retention does not keep, and what never became a backup; only when a new one is there."""
        known = self.backups.all()
        superfluous = self.retention.superfluous(known)
        for one in superfluous:
            context.check()
            self.backups.remove(one)
            context.log("info", "backup.removed", backup=str(one.id), created_at=one.manifest.created_at.isoformat())
        self.backups.sweep(known)
        return len(superfluous)

    def _verify(self, context: Context, url: str) -> dict[str, Any]:
        backup, started = self.backups.find(context.payload.backup_id), time.monotonic()
        told = _telling(context, "verify", backup.manifest.bytes)
        pace, guard = Pace(context.check, rests=0), context.pulse.guarding
        restore = Restore(self.backups, self.programs, pace, told, guard)
        try:
            restore.on_trial(backup, url, f"{context.job_id.hex}_{context.attempt}")
        except Permanent as error:
            if error.error_code in {"backup_damaged", "backup_differs"}:
                self._note(backup, started, error.message)
            raise
        seconds = self._note(backup, started, None)
        total = backup.manifest.bytes
        context.report(total, total, stage="verify", message="Restored on trial, it has the same rows.")
        return _result(context, backup) | {"seconds": seconds}

    def _note(self, backup: Backup, started: float, problem: str | None) -> float:
        seconds = round(time.monotonic() - started, 3)
        self.backups.note(backup, Verification(at=now(), passed=problem is None, seconds=seconds, problem=problem))
        return seconds


def _telling(context: Context, stage: str, total: int | None) -> Callable[[int], None]:
    # Full only when it is over: what follows the last byte takes its time.
    return lambda current: context.report(current, total + 1 if total else None, stage=stage)


def _result(context: Context, backup: Backup) -> dict[str, Any]:
    manifest = backup.manifest
    about = {"bytes": manifest.bytes, "sha256": manifest.sha256, "tables": len(manifest.tables), "rows": manifest.rows}
    return {"action": context.payload.action, "backup_id": str(backup.id), **about}
