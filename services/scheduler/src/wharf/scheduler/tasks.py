"""The kinds of job that the maintenance worker runs."""

from __future__ import annotations

from functools import partial
from typing import Any

from wharf.common.jobs.kinds import (
    BACKUP,
    BENCHMARK,
    CLEANUP,
    CLEANUP_SECONDS,
    ECHO,
    HEALTH,
    MAIL,
    REPORTS,
    EchoPayload,
)
from wharf.common.runtime.context import JobContext
from wharf.common.runtime.implementation import Implementation
from wharf.scheduler.backups.job import BackupJob
from wharf.scheduler.benchmarks import run_benchmarks
from wharf.scheduler.health import run_health
from wharf.scheduler.housekeeping import run_cleanup
from wharf.scheduler.housekeeping.retention import Retention
from wharf.scheduler.mail import mail_report
from wharf.scheduler.reports import order_reports
from wharf.scheduler.settings import SchedulerSettings

SHARE = 0.9
"""Of the time that a job may take: housekeeping stops by itself, and leaves the rest to the next run."""


def echo(context: JobContext[EchoPayload]) -> dict[str, Any]:
    """Give the message back."""
    context.report(1, 1, stage="echo", message=context.payload.message)
    return {"message": context.payload.message}


def implementations(settings: SchedulerSettings) -> tuple[Implementation[Any], ...]:
    """All of them, with what the settings allow."""
    cleanup = partial(run_cleanup, keep=Retention.of(settings), seconds=SHARE * CLEANUP_SECONDS)
    return (
        Implementation(ECHO, echo),
        Implementation(CLEANUP, cleanup),
        Implementation(REPORTS, order_reports),
        Implementation(MAIL, partial(mail_report, post=settings.post)),
        Implementation(BACKUP, BackupJob.of(settings).run),
        Implementation(BENCHMARK, run_benchmarks),
        Implementation(HEALTH, run_health),
    )
