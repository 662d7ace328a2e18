"""The kinds of job that the maintenance worker runs."""

from __future__ import annotations

from functools import partial
from typing import Any

from sqlalchemy import text

from wharf.common.jobs.kinds import BACKUP, CLEANUP, ECHO, MAIL, REPORTS, CleanupPayload, EchoPayload
from wharf.common.runtime.context import JobContext
from wharf.common.runtime.implementation import Implementation
from wharf.scheduler.backups.job import BackupJob
from wharf.scheduler.mail import mail_report
from wharf.scheduler.reports import order_reports
from wharf.scheduler.settings import SchedulerSettings

CLEAN_UP = text("SELECT wharf.clean_up(make_interval(days => :days))")


def echo(context: JobContext[EchoPayload]) -> dict[str, Any]:
    """Give the message back."""
    context.report(1, 1, stage="echo", message=context.payload.message)
    return {"message": context.payload.message}


def cleanup(context: JobContext[CleanupPayload]) -> dict[str, Any]:
    """Delete what is kept for a time only; how many rows of what went."""
    with context.transaction() as connection:
        gone: dict[str, Any] = connection.execute(CLEAN_UP, {"days": context.payload.keep_runs_days}).scalar_one()
    total = sum(gone.values())
    context.report(total, total, stage="cleanup", message=f"{total:,} rows that were kept for a time only are gone.")
    return gone


def implementations(settings: SchedulerSettings) -> tuple[Implementation[Any], ...]:
    """All of them, with what the settings allow."""
    return (
        Implementation(ECHO, echo),
        Implementation(CLEANUP, cleanup),
        Implementation(REPORTS, order_reports),
        Implementation(MAIL, partial(mail_report, post=settings.post)),
        Implementation(BACKUP, BackupJob.of(settings).run),
    )
